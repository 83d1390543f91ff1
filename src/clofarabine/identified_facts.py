"""Numbers and phrases of the sentences of notebook 02 on what the evidence leaves."""

from collections.abc import Iterable
from math import prod

import pandas as pd

from metaprop.labels import CI_METHOD, TAU2_METHOD

from . import (
    breakdown,
    inverse_n,
    rounding,
    studies,
    tiers,
)
from . import evidence_pieces as ep
from .identified import (
    CONTRADICTS,
    LARGEST,
    LATER,
    REPLACED,
    Body,
    Part,
    evidence_of,
    left,
    listed,
    plain,
    span,
    survey_replaced,
)
from .readings import rows_in_words
from .reconstruction import COMMON, METHODS
from .show import cell
from .tables import store


def named(codes: Iterable[str]) -> list[str]:
    """Estimators of tau² in words."""
    return [TAU2_METHOD[code] for code in codes]


def _ranges(rows: pd.DataFrame, endpoint: str) -> list[str]:
    at = [f"{endpoint.lower()}_06952_{end}" for end in ("min", "max")]
    own = rows[["tau2_method", *at]].itertuples(index=False)
    return [f"{TAU2_METHOD[m]} {span(a, b)}" for m, a, b in own]


def primary(base: Body, table: pd.DataFrame) -> Part:
    """What the primary numbers leave: CR and OR of the largest row by estimator, and in all.

    CR_all, OR_all : over the usual methods, Wald and age groups. CR_grid, OR_grid : over every
    interval and rows tried. without, other : estimators that leave nothing so, and only otherwise.
    """
    every = left(table, base.scenario, "primary")
    rows = plain(every)
    if rows.empty:
        return Part({}, "**No vector of counts meets even the primary numbers.**")
    out: dict = {"row": LARGEST, "methods": listed(named(rows["tau2_method"]))}
    out["n"] = int(base.frame.set_index("row").loc[LARGEST, "n"])
    out["numbers"] = 3 * int((base.pooled["transformation"] == "PAS").sum())
    out["all_numbers"] = 3 * len(base.pooled)
    for e in studies.ENDPOINTS:
        out[f"{e}_by_method"] = ", ".join(_ranges(rows, e))
        for name, part in (("all", rows), ("grid", every)):
            at = part[[f"{e.lower()}_06952_min", f"{e.lower()}_06952_max"]]
            out[f"{e}_{name}"] = span(at.min().iloc[0], at.max().iloc[1])
    missing = [m.tau2_method for m in ep.ESTIMATORS_ALONE]
    out["without"] = listed(named(m for m in missing if m not in set(rows["tau2_method"])))
    out["other"] = listed(
        named(m for m in missing if m in set(every["tau2_method"]) - set(rows["tau2_method"]))
    )
    return Part(out)


def survey(base: Body, table: pd.DataFrame) -> Part:
    """The later report of the survey: its counts, where they lie, and what fits them."""
    if survey_replaced():
        return Part({}, REPLACED)
    report = store.load("scenarios").query("scenario == @LATER and row == @LARGEST").iloc[0]
    out: dict = {"row": LARGEST}
    rows = plain(left(table, base.scenario, "primary"))
    if rows.empty:
        return Part({})
    for e in studies.ENDPOINTS:
        x = out[e] = int(report[f"{e.lower()}_min"])
        low, high = (rows[f"{e.lower()}_06952_{end}"] for end in ("min", "max"))
        out[f"{e}_inside"] = listed(
            named(rows.loc[(low <= x) & (x <= high), "tau2_method"]), "no one"
        )
    for numbers in ("primary", "all"):
        fits = plain(left(table, LATER, numbers))
        out[f"fits_{numbers}"] = listed(named(fits["tau2_method"]), "no estimator")
    every = left(table, LATER, "primary")
    out["fits_otherwise"] = listed(
        f"{TAU2_METHOD[r.tau2_method]} with {CI_METHOD[r.ci_method]} ({rows_in_words(r.rows)})"
        for r in every.drop(plain(every).index).itertuples()
    )
    return Part(out | apart(table) | _failing(failures(base)))


def apart(table: pd.DataFrame) -> dict[str, str]:
    """Estimators that fit all numbers of one endpoint with the survey's counts, and of each.

    alone_CR, alone_OR : of this endpoint. each : of either endpoint, but not with CR <= OR.
    """
    own = {
        e: set(plain(left(table, LATER, e.lower(), e.lower()))["tau2_method"])
        for e in studies.ENDPOINTS
    }
    together = set(plain(left(table, LATER, "all"))["tau2_method"])
    order = [m.tau2_method for m in ep.ESTIMATORS_ALONE]
    sets = {f"alone_{e}": own[e] for e in own} | {"each": own["CR"] & own["OR"] - together}
    return {k: listed(named(sorted(v, key=order.index)), "no estimator") for k, v in sets.items()}


def failures(base: Body) -> pd.DataFrame:
    """The printed numbers that fail once the survey's counts and the primary numbers hold."""
    _, evidence = evidence_of(LATER)
    table = ep.misses(evidence, base.pooled, ep.ESTIMATORS_ALONE)
    return table[table["missed_by"] > 0].reset_index(drop=True)


def _failing(table: pd.DataFrame) -> dict:
    """How many numbers fail, by how much, and what they have in common."""
    low = (table["max"] < table["printed"]).all()
    high = (table["min"] > table["printed"]).all()
    kinds = {"PFT": "double arcsine", "PAS": "arcsine"}
    parts = [name.split() for name in table["number"]]
    names = {"upper": "upper limits", "lower": "lower limits", "estimate": "estimates"}
    return {
        "failed": len(table),
        "by": listed(f"{v:.2f}" for v in sorted(table["missed_by"], reverse=True)),
        "what": listed(names[p[3]] for p in parts),
        "scale": listed(kinds[p[2]] for p in parts),
        "side": "too low" if low else "too high" if high else "on either side",
    }


def everything(base: Body) -> Part:
    """What all printed numbers leave, and the methods that do."""
    if not base.alive:
        return Part({}, CONTRADICTS)
    over = base.limits.query("method == 'any'").set_index(["endpoint", "population", "quantity"])
    alive, kids = base.alive, "paediatric"
    out: dict = {"row": LARGEST, "methods": listed(str(m) for m in alive)}
    out["estimators"] = listed(named(m.tau2_method for m in alive))
    split = (m.tau2_method for m in alive if m.rows.startswith("split"))
    out["split"] = listed(named(split))
    row = base.frame.set_index("row").loc[LARGEST]
    out["n"] = int(row["n"])
    for e in studies.ENDPOINTS:
        unknown = (key := (e, kids, f"count:{LARGEST}")) in over.index
        ends = (
            over.loc[key] if unknown else row.rename(lambda c, e=e: c.removeprefix(f"{e.lower()}_"))
        )
        out[e] = span(*ends[["min", "max"]])
        out[f"{e}_vectors"] = int(over.loc[(e, kids, "I2"), "vectors"])
    counts = over[over.index.get_level_values("quantity").str.startswith("count:")]
    single = counts[counts["min"] == counts["max"]]
    some = f"{len(single)} of {len(counts)} unpublished counts have one possible value"
    out["single"] = some if len(counts) else "no count is left unpublished"
    return Part(out)


def grid_sizes(base: Body) -> Part:
    """How many vectors of counts the evidence alone allows."""
    sizes = {
        e: prod(int(b) - int(a) + 1 for a, b in zip(x.low, x.high, strict=True))
        for e, x in base.evidence.items()
    }
    return Part({e: f"{cell(n)} vector{'s' * (n != 1)}" for e, n in sizes.items()})


def fall(record: pd.Series) -> str:
    """The size at which a headline falls, with its unit."""
    form = {"points": ".4f"}.get(record["unit"], ".0f")
    size = f"{float(record['smallest']):{form}}"
    units = {"patients": "patient", "numbers": "number", "points": "point"}
    unit = units[record["unit"]] if size == "1" else record["unit"]
    return f"{'more than ' * (record['what'] == 'more than')}{size} {unit}"


def overturned(table: pd.DataFrame, headline: str) -> Part:
    """What overturns a headline, named by its first words: patients, numbers, margin, rounding."""
    own = table[table["headline"].str.startswith(headline)].set_index("disturbance")
    if own.empty:
        return Part({})
    keys = {"patients moved": "patients", "numbers off by one unit": "numbers",
            "rounding margin": "margin"}  # fmt: skip
    out = {name: fall(own.loc[key]) for key, name in keys.items()}
    return Part(out | {"headline": own["headline"].iloc[0]})


def strong(table: pd.DataFrame) -> Part:
    """Headlines that neither moved patients nor numbers off by one unit overturn, and the rest."""
    if table.empty:
        return Part({})
    tried = table[table["disturbance"].isin(["patients moved", "numbers off by one unit"])]
    holds = tried.groupby("headline", sort=False)["what"].agg(lambda w: (w == "more than").all())
    size = {"limit_patients": breakdown.PATIENTS, "limit_numbers": breakdown.NUMBERS}
    return Part({"holds": listed(holds.index[holds]), "falls": listed(holds.index[~holds]), **size})


def ties() -> pd.DataFrame:
    """Printed percentages that lie half way, and the rules of rounding they fit."""
    return rounding.ties(rounding.printed_shares())


def tie_facts() -> Part:
    """The ties in words."""
    found = ties()
    rules = {"half_up": "half up", "half_even": "half to even", "truncated": "truncation"}
    fit = [words for rule, words in rules.items() if found[rule].all()]
    printed = found[["count", "n", "percent"]].itertuples(index=False)
    which = [f"{count}/{n} as {percent:.1f}" for count, n, percent in printed]
    misfit = [words for rule, words in rules.items() if not found[rule].all()]
    return Part({"ties": listed(which), "fit": listed(fit), "misfit": listed(misfit)})


def by_tier(base: Body) -> pd.DataFrame:
    """Which methods of each tier are possible."""
    rows = base.methods.query("endpoint == 'CR' and n_coupled > 0")
    return tiers.by_tier(rows, METHODS if base.scenario == "base" else COMMON)


def without(table: pd.DataFrame, base: Body, documented: bool = False) -> pd.DataFrame:
    """What is left when a printed number, or a documented count, is left out.

    Returns
    -------
    DataFrame
        out, what is left out; methods, the codes of the estimators that are possible; CR and OR,
        the range of the largest row over them.
    """
    kind = "evidence" if documented else "numbers"
    if documented:
        own = table[table["evidence"].str.startswith("without ") & (table["numbers"] == "all")]
    else:
        own = table[
            (table["evidence"] == base.scenario) & table["numbers"].str.startswith("without ")
        ]
    records = []
    for name, rows in own.groupby(kind, sort=False):
        fits = plain(rows[rows["n_cr"] > 0])
        ends = [
            span(fits[f"{e}_06952_min"].min(), fits[f"{e}_06952_max"].max()) if len(fits) else pd.NA
            for e in ("cr", "or")
        ]
        name = str(name).removeprefix("without ").removeprefix("documented ")
        records.append((name, tuple(fits["tau2_method"]), *ends))
    return pd.DataFrame(records, columns=["out", "methods", "CR", "OR"])


def conflicts(table: pd.DataFrame, base: Body) -> Part:
    """The printed numbers without which an estimator that all of them rule out is possible."""
    alone = without(table, base)
    usual = set(plain(left(table, base.scenario, "all"))["tau2_method"])
    gains = {}
    for r in alone.itertuples():
        for m in set(r.methods) - usual:
            gains.setdefault(m, []).append(r.out)
    if not (usual or gains):
        return Part({})
    words = [f"{TAU2_METHOD[m]} without {' or '.join(n)}" for m, n in sorted(gains.items())]
    return Part({"gains": "; ".join(words) or "none", "usual": listed(named(sorted(usual)))})


def sample_sizes(base: Body) -> Part:
    """Which sample sizes of the way back are possible, and which means are not."""
    known = base.sample_sizes.dropna()
    both = known["endpoint"].nunique() == len(base.evidence)
    return Part(inverse_n.facts(base.sample_sizes, base.evidence["CR"]) if both else {})
