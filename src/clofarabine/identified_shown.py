"""Tables and figures of notebook 02, with their captions; one sentence where there is nothing."""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from metaprop.counts import solve
from metaprop.counts.statement import Printed
from metaprop.labels import CI_METHOD, INVERSE, TAU2_METHOD
from metaprop.plots import counts as draw
from metaprop.plots.style import Picture

from . import evidence_pieces as ep
from . import identified_facts as facts
from . import reconstruction, studies, text
from .figures import reconstruction as pictures
from .figures import show
from .identified import LARGEST, LATER, NONE, REPLACED, Body, listed, plain, span, survey_replaced
from .identified import left as rows_left
from .show import Table, table
from .tables import store
from .tiers import in_words

Shown = Table | Picture | Markdown

_IF = "hold if all documented counts are exact and one method of the grid gave all printed numbers"
_MORE = f"{_IF},\nno row has more CR than OR, and all are rounded half up"
TAU2 = {"tau2_method": "tau² estimator"}


def shown(
    frame: pd.DataFrame, headings: dict[str, str], caption: str, decimals: int = 1, none: str = NONE
) -> Shown:
    """The table, or one sentence where it is empty."""
    return table(frame, headings, caption, decimals) if len(frame) else text.say(none)


def ends(low: pd.Series, high: pd.Series, form: str = ".0f") -> list[str]:
    """Ranges in words, one a row."""
    return [span(a, b, form) for a, b in zip(low, high, strict=True)]


def _coded(code: str) -> str:
    """An estimator in words with the code that later tables use."""
    words = TAU2_METHOD[code]
    return words if words == code else f"{words} ({code})"


def documented(base: Body) -> Shown:
    """What the primary reports say of each row."""
    frame = base.frame[["row", "population", "n"]].copy()
    for e in studies.ENDPOINTS:
        low, high, source = (base.frame[f"{e.lower()}_{c}"] for c in ("min", "max", "source"))
        frame[e] = ends(low.astype(float), high.astype(float))
        frame[f"{e}, source"] = source.replace(store.cited())
    return table(frame, {"n": "patients"}, "Counts that the primary reports allow in each row")


def printed(base: Body) -> Shown:
    """The printed pooled results that are used."""
    columns = ["endpoint", "population", "transformation", "estimate", "lower", "upper"]
    caption = "Printed pooled rates and 95% limits, percent (PAS arcsine, PFT double arcsine)"
    return table(base.pooled[columns], {}, caption, decimals=0)


def left(base: Body, pieces: pd.DataFrame, scenario: str | None = None) -> Shown:
    """Counts of the largest row by estimator: under the primary numbers and under all."""
    if scenario == LATER and survey_replaced():
        return text.say(REPLACED)
    body, parts = scenario or base.scenario, {}
    for numbers in ("primary", "alone", "all"):
        for e in studies.ENDPOINTS:
            own = e.lower() if numbers == "alone" else numbers
            rows = plain(rows_left(pieces, body, own, e.lower())).set_index("tau2_method")
            both = (rows[f"{e.lower()}_06952_{end}"] for end in ("min", "max"))
            parts[f"{e}, {numbers}"] = pd.Series(ends(*both), rows.index, dtype=object)
    frame = pd.DataFrame(parts).rename_axis("tau² estimator")
    order = [m.tau2_method for m in ep.ESTIMATORS_ALONE if m.tau2_method in frame.index]
    caption = (
        f"Possible counts of {LARGEST} under the primary (arcsine) numbers of both endpoints, all "
        "numbers of one endpoint alone (CR <= OR is not asked there, so that more may be left), "
        "and all of both"
    )
    frame = frame.loc[order].rename(index=_coded)
    return shown(frame.reset_index(), {}, caption)


def failures(base: Body) -> Shown:
    """Printed numbers that fail where the survey's counts and the primary numbers hold."""
    if survey_replaced():
        return text.say(REPLACED)
    frame = facts.failures(base)
    frame = frame.assign(
        value=ends(frame["min"], frame["max"], ".2f"),
        tau2_method=facts.named(frame["tau2_method"]),
    )
    columns = ["tau2_method", "number", "printed", "value", "missed_by"]
    headings = TAU2 | {"value": "value, %", "missed_by": "missed by, points"}
    caption = "Numbers that fail with the survey's counts, though the primary numbers hold"
    return shown(frame[columns], headings, caption, decimals=2, none="No printed number fails.")


def _some(methods: pd.DataFrame, by: list[str]) -> pd.Series:
    """True where any method with the same value in these columns leaves a vector."""
    left = methods[["n_paediatric", "n_joint", "n_coupled"]].gt(0).any(axis=1)
    return left.groupby([methods[c] for c in by]).transform("any")


def method_grid(base: Body) -> Shown:
    """How far the vectors of each method meet the printed numbers, without those that leave none.

    A pair of estimator and interval, or an inverse, that leaves nothing under any of its methods is
    named in the caption and not drawn.
    """
    methods, pair = base.methods, ["ci_method", "tau2_method"]
    drawn = _some(methods, pair) & _some(methods, ["inverse"])
    if not drawn.any():
        return text.say(NONE)
    empty = methods[~_some(methods, pair)].groupby("ci_method", sort=False)["tau2_method"].unique()
    none = [f"{CI_METHOD[c]}: {', '.join(codes)}" for c, codes in empty.items()]
    none += list(methods.loc[~_some(methods, ["inverse"]), "inverse"].replace(INVERSE).unique())
    return show(
        pictures.method_grid(methods[drawn]),
        "identified_methods",
        "Each cell is a method: estimator of tau² and interval down, inverse of the double arcsine "
        "and rows of the overall population across. Colour: how far its vectors of counts meet the "
        "printed numbers; the number counts the vectors of the last stage met. H-K: Hartung-Knapp "
        "interval; t: limits of a t distribution with Wald's standard error. Not drawn, for none "
        f"of their methods leaves a vector: {'; '.join(none)}.",
    )


def narrowing(base: Body) -> Shown:
    """How the largest unknown count is narrowed step by step, under the first method left."""
    if not base.alive:
        return text.say(NONE)
    e, method = base.evidence["CR"], base.alive[0]
    i, child = e.labels.index(LARGEST), ~e.adult
    targets = reconstruction.targets_of(base.pooled, "CR")
    printed = Printed(tuple(e.n[child].tolist()), method, targets["paediatric", "PAS"])
    pas = solve.identified_set(printed, e.low[child], e.high[child])
    double = printed.by(targets["paediatric", "PFT"], scale="PFT")
    one = next(f for f in base.found["CR"] if f.method == method)
    different = len(np.unique(one.joint[:, child], axis=0))
    stages = {
        "paediatric, arcsine": pas,
        "and double arcsine": pas[solve.meets(double, pas)],
        "and overall, with adults": one.joint,
        "and CR <= OR": dict(base.sets["CR"])[method],
    }
    return show(
        draw.strips(
            draw.together(list(stages), [x[:, i] for x in stages.values()]),
            f"CR count of {LARGEST} (children, of n = {e.n[i]})",
            "Printed numbers narrow an unpublished count",
            "vectors",
        ),
        "identified_narrowing",
        f"Possible numbers of complete remissions among the children of {LARGEST} after each group "
        "of printed numbers is used; darker squares are counts with more vectors of all rows "
        "behind them. Numbers at the right count the vectors; they may rise where the overall "
        "numbers come in, for from there on a vector holds the counts in adults, too: of the "
        f"children's counts alone {different} differ there. Method: "
        f"{in_words(*reconstruction.varied(method))}.",
    )


def count_ranges(base: Body) -> Shown:
    """Rate of each row: documented, or reconstructed with its range."""
    if not base.alive or base.scenario != "base":
        return text.say("Shown for the base case, where a vector of counts is left.")
    rows = {e: studies.load(e, "overall", "reconstructed") for e in studies.ENDPOINTS}
    later = store.load("scenarios").query("scenario == @LATER").set_index("row")
    told = {}
    for e in studies.ENDPOINTS:
        low, high = (later[f"{e.lower()}_{end}"] for end in ("min", "max"))
        told[e] = low[low == high]
    return show(
        pictures.count_ranges(rows, f"Ranges {_MORE}.", told, "later report"),
        "identified_counts",
        "Rate of complete (CR) and overall remission (OR) in each row. Solid: documented in the "
        "study's report. Hollow, with its range: reconstructed from all printed pooled results; "
        "numbers are counts. Diamond: the count nearest to what the survey's later report says, of "
        f"which the ranges know nothing. The ranges {_MORE}.",
    )


def counts(base: Body) -> Shown:
    """Range of each unpublished count over every method left."""
    over = base.limits[base.limits["method"] == "any"]
    own = over[over["quantity"].str.startswith("count:")]
    frame = own[["endpoint"]].assign(
        row=own["quantity"].str.removeprefix("count:"),
        count=ends(own["min"], own["max"]),
    )
    frame = frame.pivot(index="row", columns="endpoint", values="count").reset_index()
    order = [r for r in base.frame["row"] if r in set(frame["row"])]
    frame = frame.set_index("row").reindex(order).reset_index()
    none = "Every count is documented: there is none to look for." if base.alive else NONE
    return shown(frame, {}, "Unpublished counts under all numbers, over every method left", 1, none)


def without(base: Body, pieces: pd.DataFrame, documented: bool = False) -> Shown:
    """What is left without each printed number, or without each documented count."""
    frame = facts.without(pieces, base, documented)
    frame["methods"] = frame["methods"].map(listed)
    what = "documented count" if documented else "printed number"
    head = {"out": f"without the {what}", "methods": "estimators possible"}
    head |= {e: f"{e} of {LARGEST}" for e in studies.ENDPOINTS}
    return shown(frame, head, f"All numbers, each {what} left out in turn")


def tiers(base: Body) -> Shown:
    """Which methods of each tier are possible."""
    frame = facts.by_tier(base)[["name", "which"]]
    return table(frame, {"name": "tier", "which": "possible"}, "Methods that leave a vector")


def sample_sizes(base: Body) -> Shown:
    """Which sample size of the way back from the double arcsine is possible, left free."""
    frame = base.sample_sizes.dropna().copy()
    frame["ñ"] = ends(frame["smallest"], frame["largest"], ".2f")
    frame["tau2_method"] = facts.named(frame["tau2_method"])
    caption = "Sample size ñ of the way back under which the double arcsine numbers in children fit"
    names = TAU2 | {"vectors": "vectors of the arcsine numbers"}
    none = "No sample size lets these numbers fit."
    return shown(frame[["endpoint", "tau2_method", "vectors", "ñ"]], names, caption, none=none)


def ties() -> Shown:
    """Printed percentages that lie half way, and the rules of rounding they fit."""
    frame = facts.ties().drop(columns="decimals")
    frame["table"] = frame["table"].str.replace("table", "Table ")
    return table(frame, {"percent": "printed, %"}, "Ties that the paper printed: which rule fits")


_KINDS = [("patients moved", "patients moved"), ("numbers off by one unit", "numbers off by one"),
          ("rounding margin", "rounding margin, points")]  # fmt: skip


def breakdown(fragile: pd.DataFrame) -> Shown:
    """The smallest disturbance that overturns each headline, as a figure."""
    if fragile.empty:
        return text.say(NONE)
    return show(
        pictures.breakdowns(fragile, _KINDS),
        "breakdown",
        "Each line is a conclusion of this notebook, each panel a disturbance: patients moved in "
        "documented counts (the counts of CLO-212, which the paper prints as percentages, stay), "
        "printed numbers off by one unit (two of each endpoint are tried), and percentage points "
        "by which every rounding interval is widened. Cross: the smallest size at which the "
        "conclusion falls. Hollow arrow: it holds up to there, where the search ends.",
    )


def breakdown_table(fragile: pd.DataFrame) -> Shown:
    """The same with the rules of rounding."""
    if fragile.empty:
        return text.say(NONE)
    sized = fragile["unit"] != "rule"
    frame = fragile.assign(
        shown=[facts.fall(r) if s else r["what"] for s, (_, r) in
               zip(sized, fragile.iterrows(), strict=True)]
    )  # fmt: skip
    order = [list(dict.fromkeys(fragile[c])) for c in ("headline", "disturbance")]
    frame = frame.pivot(index="headline", columns="disturbance", values="shown")
    frame = frame.loc[order[0], order[1]].reset_index().rename_axis(columns=None)
    caption = "What overturns each conclusion; under another rounding rule it falls or holds"
    return table(frame, {"headline": "conclusion"}, caption)
