"""Where software offers a method: by default, as an option, or not as far as was read.

The paper names two transformations, random effects and no software. A method counts as a default
where a program gives it once these are chosen and nothing else is; software_defaults.csv says which
program, where that is documented and whether it was read. Rows of the overall population are the
analyst's choice under every program, so that they have no part in a tier.
"""

from collections.abc import Iterable
from functools import cache
from itertools import product

import pandas as pd

from metaprop.labels import CI_METHOD, INVERSE, SCALE, TAU2_METHOD
from metaprop.method import Method

from .readings import rows_in_words
from .reconstruction import VARIED, varied
from .show import Table
from .show import table as show_table
from .tables import store

TIERS = {1: "software default", 2: "documented option", 3: "other"}
# Transformations that the paper names.
SCALES = ("PAS", "PFT")


def _several(cell: object) -> list[str]:
    """What a cell names: one, or several separated by semicolons; "none" where it is missing."""
    return ["none"] if pd.isna(cell) else str(cell).split("; ")


@cache
def _documented() -> dict[tuple[str, ...], int]:
    """The first tier in which some program gives an estimator, interval and inverse."""
    table = store.load("software_defaults")
    out: dict[tuple[str, ...], int] = {}
    for r in table[table["scale"].isin(SCALES)].sort_values("tier").itertuples():
        cells = (r.tau2_method, r.ci_method, r.inverse)
        for key in product(*map(_several, cells)):
            out.setdefault(key, int(r.tier))
    return out


def defaults() -> Table:
    """Every default that gives one of the two transformations, and whether its source was read."""
    known = store.load("software_defaults")
    own = known[known["tier"].ne(2).fillna(True) & known["scale"].isin([*SCALES, pd.NA])]
    words = (("scale", SCALE), ("tau2_method", TAU2_METHOD), ("ci_method", CI_METHOD),
             ("inverse", INVERSE))  # fmt: skip
    own = own.assign(**{c: own[c].map(names) for c, names in words})
    names = {"function": "command", "tau2_method": "tau² estimator", "ci_method": "interval",
             "verified": "source read"}  # fmt: skip
    columns = ["software", "version", "function", *(c for c, _ in words), "verified", "source"]
    caption = "Software defaults for the two transformations, random effects chosen"
    return show_table(own[columns], names, caption)


def verified() -> dict[str, object]:
    """How many defaults there are, how many sources say all of it, and who could not be read."""
    known = store.load("software_defaults")
    first = known[known["tier"].eq(1).fillna(False) & known["scale"].isin(SCALES)]
    n = first["verified"].value_counts()
    blind = known.loc[known["verified"] == "no", "software"]
    return {"defaults": len(first), "yes": int(n.get("yes", 0)),
            "part": int(n.get("in part", 0)), "blind": ", ".join(blind)}  # fmt: skip


def tier_of(method: Method) -> int:
    """The tier of a method, a key of `TIERS`: the first that some program gives it."""
    return int(_documented().get((method.tau2_method, method.ci_method, method.inverse), 3))


def in_words(tau2: str, interval: str, inverse: str, rows: str) -> str:
    """The fields of a method that the grid varies, in words."""
    parts = (TAU2_METHOD[tau2], CI_METHOD[interval], INVERSE[inverse], rows_in_words(rows))
    return ", ".join(parts)


def _together(methods: Iterable[Method]) -> str:
    """Methods in words, the estimators of tau² that share all else in one clause."""
    kinds: dict[str, list[str]] = {}
    for tau2, *rest in map(varied, methods):
        words = in_words(tau2, *rest)
        kinds.setdefault(words.removeprefix(f"{TAU2_METHOD[tau2]}, "), []).append(TAU2_METHOD[tau2])
    return "; ".join(f"{', '.join(names)} ({kind})" for kind, names in kinds.items())


def by_tier(survivors: pd.DataFrame, methods: tuple[Method, ...]) -> pd.DataFrame:
    """How many methods of each tier are possible: tier, methods, possible, which.

    survivors : one row a method that leaves a vector, with the method's columns.
    """
    alive = {Method("PAS", *row) for row in survivors[list(VARIED)].itertuples(index=False)}
    records = []
    for tier, name in TIERS.items():
        own = [m for m in methods if tier_of(m) == tier]
        left = [m for m in own if m in alive]
        records.append((tier, name, len(own), len(left), _together(left) or pd.NA))
    return pd.DataFrame(records, columns=["tier", "name", "methods", "possible", "which"])
