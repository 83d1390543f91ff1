"""What the pooled rates from documented counts rest on: designs, single rows, readings of a count.

Five and four of twelve studies are pooled, so that one of them, or one reading of a report, may
decide whether a published rate lies inside the interval.
"""

from functools import cache

import numpy as np
import pandas as pd

from metaprop.method import Method
from metaprop.pooling import pool_proportions
from metaprop.robustness import without_each

from . import studies
from .identified import in_words, listed
from .parameters import WORDS
from .tables import load_evidence, store

# Designs of Table 1 as a list names them.
_DESIGNS = {
    "clinical trial": "clinical trials",
    "registry": "registries",
    "post-marketing survey": "post-marketing surveys",
    "retrospective": "retrospective series",
}
_WIDE = Method(ci_method="hartung-knapp")


@cache
def facts() -> dict[str, str]:
    """Phrases by name; one that has nothing to say is empty.

    wide : intervals by Hartung and Knapp (2003), percent, by endpoint (``CR_wide`` ...), which on
    few rows keep their level better than Wald's. designs : of the studies with such a count.
    without : rows without which a published rate leaves the interval. readings : what another
    reading of a documented count does.
    """
    known = {e: rows(e) for e in studies.ENDPOINTS}
    out = {f"{e}_wide": _interval(part) for e, part in known.items()}
    without = [text for e, part in known.items() for text in _without(e, part)]
    without = without or ["No study left out alone puts a printed rate outside its interval"]
    enough = all(len(part) > 2 for part in known.values())
    out["without"] = ". ".join(without) + "." if enough else ""
    return out | {"designs": _designs(known), "readings": " ".join(_readings(known))}


def rows(endpoint: studies.Endpoint) -> pd.DataFrame:
    """Paediatric rows with a documented count: label, study, design, x, n."""
    frame = studies.load(endpoint)
    return frame.loc[frame["x"].notna(), ["label", "study", "design", "x", "n"]]


def _pooled(x: np.ndarray, n: np.ndarray, method: Method) -> np.ndarray:
    """Estimate, lower and upper limit, percent: (3, ...)."""
    fit = pool_proportions(x, n, method)
    return 100 * np.array([fit.estimate, fit.lower, fit.upper])


def _interval(part: pd.DataFrame) -> str:
    if len(part) < 2:
        return "none: fewer than two rows"
    _, low, high = _pooled(part["x"].to_numpy(int), part["n"].to_numpy(int), _WIDE)
    return f"{low:.0f} to {high:.0f}%"


def _printed(endpoint: str) -> float:
    own = "endpoint == @endpoint and population == 'paediatric' and transformation == 'PAS'"
    return float(store.load("pooled_results").query(own)["estimate"].iloc[0])


def _without(endpoint: studies.Endpoint, part: pd.DataFrame) -> list[str]:
    """A clause for each row without which the printed rate lies outside the interval."""
    if len(part) < 3:
        return []
    x, n = part["x"].to_numpy(int), part["n"].to_numpy(int)
    printed, out = _printed(endpoint), []
    _, low, high = _pooled(x, n, Method())
    if not low <= printed <= high:
        return []
    rest = without_each(x, n, part["label"], Method())
    for (_, r), own in zip(rest.iterrows(), n, strict=True):
        if not r["lower_min"] <= printed <= r["upper_min"]:
            out.append(
                f"Without {r['label']} ({own} of the {n.sum()} patients) the pooled rate of "
                f"{WORDS['endpoint'][endpoint]} is {r['estimate_min']:.0f}% [{r['lower_min']:.0f}, "
                f"{r['upper_min']:.0f}], and the printed {printed:.0f}% lies outside"
            )
    return out


def _designs(known: dict[str, pd.DataFrame]) -> str:
    """Which designs the studies with a count have, beside those without."""
    own = pd.concat(known.values()).drop_duplicates("study")
    others = studies.load()
    rest = others.loc[~others["study"].isin(own["study"]), "design"].value_counts(sort=False)
    if rest.empty or own.empty:
        return ""
    have, lack = (
        listed(f"{_DESIGNS.get(word, word)} ({many})" for word, many in part.items())
        for part in (own["design"].value_counts(sort=False), rest)
    )
    return f"By design the studies with a count are {have}; those without one are {lack}."


def _readings(known: dict[str, pd.DataFrame]) -> list[str]:
    """A sentence for each documented count that a scenario reads in another way."""
    out, told = [], set()
    for name in store.load("scenarios")["scenario"].drop_duplicates():
        frame = load_evidence(name).set_index("row")
        for e, part in known.items():
            low, high = (frame[f"{e.lower()}_{end}"] for end in ("min", "max"))
            for r in part.itertuples():
                a, b = int(low[r.label]), int(high[r.label])
                if (a, b) == (r.x, r.x) or frame.loc[r.label, "n"] != r.n or (e, r.label) in told:
                    continue
                told.add((e, r.label))
                x = np.repeat(part["x"].to_numpy(int)[None], b - a + 1, axis=0)
                x[:, part["label"].tolist().index(r.label)] = np.arange(a, b + 1)
                estimate, lower, upper = _pooled(x, part["n"].to_numpy(int), Method())
                out.append(
                    f"{r.label} enters with {r.x} ({WORDS['endpoint'][e]}); read another way "
                    f"({in_words(name)}) its report allows {a} to {b}, and the pooled rate is "
                    f"then {estimate.min():.0f} to {estimate.max():.0f}%, with limits from "
                    f"{lower.min():.0f} to {upper.max():.0f}%."
                )
    return out
