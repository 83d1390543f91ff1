"""What notebook 02 computes, and the numbers and phrases of its sentences."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import pandas as pd
from IPython.display import Markdown

from metaprop.effectsize import choose
from metaprop.method import Method

from . import (
    breakdown,
    consequences,
    inverse_n,
    readings,
    reconstruction,
    rounding,
    studies,
    text,
    tiers,
)
from . import evidence_pieces as ep
from .audit.ledger import Paper
from .audit.rules_pooled_results import other_studies
from .reconstruction import COMMON, METHODS, Evidence, Found
from .tables import store
from .tables.printed import read

LATER = "survey-2024"
LARGEST = "CLOFAL06952"
NONE = (
    "**The evidence contradicts the printed pooled results**: no vector of counts meets them under "
    "any method. The table of smallest changes says by how much."
)


@dataclass(frozen=True)
class Part:
    """Numbers by name for the sentences of a section; without any, one sentence in their place."""

    facts: dict
    none: str = NONE

    def say(self, template: str) -> Markdown:
        """The sentence with its numbers, or what there is to say without them."""
        return text.say(template, self.facts) if self.facts else text.say(self.none)


@dataclass(frozen=True)
class Body:
    """A body of evidence, and what all printed numbers leave of it.

    scenario : its name. frame : the evidence file. found : identified sets by endpoint. sets : the
    coupled ones. limits : ranges over them, as bounds.csv.
    """

    scenario: str
    frame: pd.DataFrame
    evidence: dict[str, Evidence]
    pooled: pd.DataFrame
    found: dict[str, list[Found]]

    @cached_property
    def sets(self) -> dict:
        """Coupled vectors by endpoint and method."""
        return consequences.coupled(self.found["CR"], self.found["OR"])

    @property
    def alive(self) -> list[Method]:
        """Methods that leave a vector."""
        return [m for m, _ in self.sets["CR"]]

    @cached_property
    def limits(self) -> pd.DataFrame:
        """Ranges of every unpublished quantity."""
        return consequences.bounds(self.evidence, self.sets)

    @cached_property
    def methods(self) -> pd.DataFrame:
        """How many vectors each method leaves, as method_evidence.csv."""
        return consequences.method_evidence(self.found)

    @cached_property
    def triples(self) -> list[ep.Coupled]:
        """(method, CR vectors, OR vectors) under all printed numbers."""
        pairs = zip(self.sets["CR"], self.sets["OR"], strict=True)
        return [(m, x, y) for (m, x), (_, y) in pairs]

    @cached_property
    def primary(self) -> list[ep.Coupled]:
        """(method, CR vectors, OR vectors) under the primary numbers, one method an estimator."""
        return readings.sets_of(self.evidence, self.pooled, ep.ESTIMATORS_ALONE, "PAS")

    @cached_property
    def sample_sizes(self) -> pd.DataFrame:
        """Sample sizes of the way back that fit the double arcsine numbers in children."""
        return inverse_n.fitting(self.evidence, self.pooled, ep.QUICK)

    def save(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, written as a derived table where the evidence is the base case."""
        if self.scenario == "base":
            store.save_derived(name, frame)
        return frame


def _evidence(scenario: str) -> tuple[pd.DataFrame, dict[str, Evidence]]:
    frame = store.load_evidence(scenario)
    return frame, {e: Evidence.read(frame, e) for e in studies.ENDPOINTS}


def body(scenario: str = "base") -> Body:
    """The evidence of a scenario with its identified sets, saved if it is the base case.

    The base case is searched under every method of the grid, a scenario under the common ones.
    """
    frame, evidence = _evidence(scenario)
    pooled = store.load("pooled_results")
    grid = METHODS if scenario == "base" else COMMON
    found = {e: reconstruction.reconstruct(evidence[e], pooled, e, grid) for e in evidence}
    out = Body(scenario, frame, evidence, pooled, found)
    out.save("method_evidence", out.methods)
    for e in studies.ENDPOINTS:
        vectors = consequences.vectors(found[e], evidence[e])
        out.save(f"identified_set_{e.lower()}", vectors)
    out.save("bounds", out.limits)
    return out


def scenarios() -> list[str]:
    """Names of the scenarios beside the base case."""
    return store.load("scenarios")["scenario"].drop_duplicates().tolist()


def pieces(base: Body) -> pd.DataFrame:
    """The evidence of the body and of every scenario, piece by piece; saved."""
    bodies = {base.scenario: base.evidence}
    bodies |= {name: _evidence(name)[1] for name in scenarios() if name not in bodies}
    return base.save("evidence_decomposition", ep.decomposition(bodies, base.pooled))


def fragile(base: Body) -> pd.DataFrame:
    """The smallest disturbance that overturns each headline; saved."""
    return base.save("breakdown", breakdown.breakdown(base.evidence, base.pooled))


def span(low: float, high: float, form: str = ".0f") -> str:
    """A range in words, or the one value."""
    a, b = f"{low:{form}}", f"{high:{form}}"
    return a if a == b else f"{a} to {b}"


def listed(names: Iterable[str], none: str = "none") -> str:
    """Names in a sentence."""
    names = list(dict.fromkeys(names))
    head, last = ", ".join(names[:-1]), "".join(names[-1:])
    return f"{head} and {last}" if head else last or none


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the usual kind: Wald, harmonic mean or no inverse, a row per age group."""
    usual = table["inverse"].isin(["any", "harmonic"]) & (table["ci_method"] == "wald")
    return table[usual & (table["rows"] == "age-groups")]


def left(table: pd.DataFrame, evidence: str, numbers: str) -> pd.DataFrame:
    """Rows of the decomposition that leave a vector."""
    own = table[(table["evidence"] == evidence) & (table["numbers"] == numbers)]
    return own[own["n_cr"].fillna(0) > 0]


def _ranges(rows: pd.DataFrame, endpoint: str) -> list[str]:
    at = [f"{endpoint.lower()}_06952_{end}" for end in ("min", "max")]
    return [f"{m} {span(a, b)}" for m, a, b in rows[["tau2_method", *at]].itertuples(index=False)]


def primary(base: Body, table: pd.DataFrame) -> Part:
    """What the primary numbers leave: CR and OR of the largest row by estimator, and in all."""
    rows = plain(left(table, base.scenario, "primary"))
    other = left(table, base.scenario, "primary").drop(rows.index)
    if rows.empty:
        return Part({})
    out: dict = {"row": LARGEST, "methods": listed(rows["tau2_method"])}
    out["n"] = int(base.frame.set_index("row").loc[LARGEST, "n"])
    out["numbers"] = 3 * int((base.pooled["transformation"] == "PAS").sum())
    out["all_numbers"] = 3 * len(base.pooled)
    for e in studies.ENDPOINTS:
        out[f"{e}_by_method"] = ", ".join(_ranges(rows, e))
        at = rows[[f"{e.lower()}_06952_min", f"{e.lower()}_06952_max"]]
        out[f"{e}_all"] = span(at.min().iloc[0], at.max().iloc[1])
    missing = [m.tau2_method for m in ep.ESTIMATORS_ALONE]
    out["without"] = listed(m for m in missing if m not in set(rows["tau2_method"]))
    out["other"] = listed(
        f"{r.tau2_method} with {r.ci_method} and {r.rows} rows" for r in other.itertuples()
    )
    return Part(out)


def survey(base: Body, table: pd.DataFrame) -> Part:
    """The later report of the survey: its counts, where they lie, and what fits them."""
    report = store.load("scenarios").query("scenario == @LATER and row == @LARGEST").iloc[0]
    out: dict = {"row": LARGEST}
    rows = plain(left(table, base.scenario, "primary"))
    if rows.empty:
        return Part({})
    for e in studies.ENDPOINTS:
        x = out[e] = int(report[f"{e.lower()}_min"])
        low, high = (rows[f"{e.lower()}_06952_{end}"] for end in ("min", "max"))
        out[f"{e}_inside"] = listed(rows.loc[(low <= x) & (x <= high), "tau2_method"], "no one")
    for numbers in ("primary", "all"):
        fits = plain(left(table, LATER, numbers))
        out[f"fits_{numbers}"] = listed(fits["tau2_method"], "no estimator")
    return Part(out | _failing(failures(base)))


def failures(base: Body) -> pd.DataFrame:
    """The printed numbers that fail once the survey's counts and the primary numbers hold."""
    _, evidence = _evidence(LATER)
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
        return Part({})
    over = base.limits.query("method == 'any'").set_index(["endpoint", "population", "quantity"])
    alive, kids = base.alive, "paediatric"
    out: dict = {"row": LARGEST, "methods": listed(str(m) for m in alive)}
    out["estimators"] = listed(m.tau2_method for m in alive)
    out["split"] = listed(m.tau2_method for m in alive if m.rows.startswith("split"))
    out["n"] = int(base.frame.set_index("row").loc[LARGEST, "n"])
    for e in studies.ENDPOINTS:
        if (key := (e, kids, f"count:{LARGEST}")) in over.index:
            out[e] = span(*over.loc[key, ["min", "max"]])
        out[f"{e}_vectors"] = int(over.loc[(e, kids, "I2"), "vectors"])
    counts = over[over.index.get_level_values("quantity").str.startswith("count:")]
    single = counts[counts["min"] == counts["max"]]
    out["unknown"], out["single"] = len(counts), len(single)
    return Part(out)


def grid_sizes(base: Body) -> Part:
    """How many vectors of counts the evidence alone allows."""
    sizes = {
        e: prod(int(b) - int(a) + 1 for a, b in zip(x.low, x.high, strict=True))
        for e, x in base.evidence.items()
    }
    return Part({e: f"{n:.1e}" for e, n in sizes.items()})


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
    at = tried.query("what == 'more than'").groupby("unit")["smallest"].max().astype(float)
    size = {f"limit_{unit}": value for unit, value in at.items()}
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


def tier_facts(base: Body) -> Part:
    """The surviving methods of each tier in words."""
    which = by_tier(base).set_index("tier")["which"].fillna("none")
    return Part({f"tier{tier}": text for tier, text in which.items()} if base.alive else {})


def without(table: pd.DataFrame, base: Body, documented: bool = False) -> pd.DataFrame:
    """What is left when a printed number, or a documented count, is left out.

    Returns
    -------
    DataFrame
        out, what is left out; methods, the estimators that are possible; CR and OR, the range of
        the largest row over them.
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
        records.append((name, listed(fits["tau2_method"]), *ends))
    return pd.DataFrame(records, columns=["out", "methods", "CR", "OR"])


def conflicts(table: pd.DataFrame, base: Body) -> Part:
    """The printed numbers without which an estimator that all of them rule out is possible."""
    alone = without(table, base)
    usual = set(plain(left(table, base.scenario, "all"))["tau2_method"])
    gains = {}
    for r in alone.itertuples():
        for m in set(r.methods.replace(" and ", ", ").split(", ")) - usual - {"none"}:
            gains.setdefault(m, []).append(r.out)
    words = [f"{m} without {' or '.join(names)}" for m, names in sorted(gains.items())]
    return Part({"gains": "; ".join(words) or "none", "usual": listed(sorted(usual))})


def sample_sizes(base: Body) -> Part:
    """Which sample sizes of the way back are possible, and which means are not."""
    known = base.sample_sizes.dropna()
    both = known["endpoint"].nunique() == len(base.evidence)
    return Part(inverse_n.facts(base.sample_sizes, base.evidence["CR"]) if both else {})


def heterogeneity(base: Body) -> pd.DataFrame:
    """tau², I² both ways and their intervals over the union of what the primary numbers leave."""
    if not base.primary:
        return pd.DataFrame()
    table = readings.heterogeneity(base.evidence, base.primary)
    table = table[table["population"] == "paediatric"]
    kind = np.where(table["counts"] == "documented", "documented", "primary numbers")
    return (
        table.assign(counts=kind)
        .groupby(["endpoint", "counts", "quantity"], sort=False)
        .agg(min=("min", "min"), max=("max", "max"))
    )


def prediction(base: Body) -> pd.DataFrame:
    """Limits of prediction over the same union, by endpoint and quantity."""
    sets = {e: [(m, pair[i]) for m, *pair in base.primary] for i, e in enumerate(studies.ENDPOINTS)}
    table = consequences.bounds(base.evidence, sets)
    table = table[(table["method"] == "any") & (table["population"] == "paediatric")]
    return table.set_index(["endpoint", "quantity"])[["min", "max"]]


def spread(base: Body) -> Part:
    """Heterogeneity and prediction in words, over the union that a sceptic accepts."""
    if not base.primary:
        return Part({})
    found, new = heterogeneity(base), prediction(base)
    out = {}
    for e in studies.ENDPOINTS:
        at = found.loc[e, "primary numbers"]
        for key, name in (("tau2", "I2 from tau2"), ("Q", "I2 from Q")):
            out[f"{e}_{key}"] = span(*at.loc[name])
        out[f"{e}_low"] = at.loc["I2 Q-profile, lower", "min"]
        out[f"{e}_high"] = at.loc["I2 Q-profile, upper", "max"]
        out[f"{e}_new_low"] = span(*new.loc[(e, "pi_lower")])
        out[f"{e}_new_high"] = span(*new.loc[(e, "pi_upper")])
    return Part(out)


def checks(base: Body) -> pd.DataFrame:
    """Rates of the other studies, each by itself, over the sets; the sentence is judged as one."""
    return other_studies(Paper(store.Tables(bounds=base.limits)))


def others(base: Body, primary: bool = False) -> pd.DataFrame:
    """Formulas under which the rates of the studies other than CLO-212 are judged."""
    prose = store.load("prose").set_index("id")
    at = {"CR": "dis-2-2-2", "OR": "dis-2-2-5"}
    numbers = {e: read(prose.loc[key, "printed"]).value for e, key in at.items()}
    sets = base.primary if primary else base.triples
    return readings.others(base.evidence, sets, numbers)


def sentence(base: Body) -> Part:
    """Which readings give both numbers of the sentence, under all numbers and the primary ones."""
    if not base.alive:
        return Part({})
    prose, out = store.load("prose").set_index("id"), {}
    for e, key in (("CR", "dis-2-2-2"), ("OR", "dis-2-2-5")):
        out[e] = prose.loc[key, "printed"]
    for name, use in (("all", False), ("primary", True)):
        table = others(base, use)
        out[name] = listed(readings.in_words(table[table["gives_both"]]))
    return Part(out)


def egger(base: Body) -> Part:
    """Under which reading Egger's printed p is reached."""
    if not base.alive:
        return Part({})
    printed = store.load("prose").set_index("id").loc["bias-1-1-1", "printed"]
    x = np.unique(np.concatenate([cr for _, cr, _ in base.triples]), axis=0)
    scales = base.pooled["transformation"].unique()
    own = readings.eggers(base.evidence["CR"], x, read(printed).value, scales)
    reached = listed(readings.in_words(own[own["reaches"]]), "no reading")
    return Part({"printed": printed, "ranges": "; ".join(readings.spans(own)), "reached": reached})


def position(base: Body) -> Part:
    """Where the arcsine estimate of CR in children sits in what prints as it does."""
    table = ep.misses(base.evidence, base.pooled, base.alive, None) if base.alive else None
    if table is None:
        return Part({})
    own = table[table["number"] == "CR paediatric PAS estimate"]
    low, high = own["min"].min(), own["max"].max()
    printed = own["printed"].iloc[0]
    return Part({"low": low, "high": high, "from": printed - 0.5, "to": printed + 0.5})


def hidden(base: Body, methods: str = "surviving") -> pd.DataFrame:
    """Each documented count hidden and looked for from the rest; saved for the surviving methods.

    methods : "surviving", or "all" (slow).
    """
    choose("hidden_methods", methods, ("surviving", "all"))
    tried = _usual(base) if methods == "surviving" else METHODS
    table = consequences.hidden_rows(base.evidence, base.pooled, tried)
    return base.save("hidden_rows", table) if methods == "surviving" else table


def _usual(base: Body) -> list[Method]:
    """Surviving methods, those of the published evidence where none is left."""
    if base.alive:
        return base.alive
    return consequences.surviving(store.load("evidence"), base.pooled)


def widths(table: pd.DataFrame) -> pd.DataFrame:
    """One row a hidden count: what was found of it."""
    label = table["endpoint"] + " of " + table["row"]
    return table.assign(label=label).groupby("label", sort=False).agg(
        n=("n", "first"), documented=("documented", "first"), lowest=("value", "min"),
        highest=("value", "max"), values=("value", "nunique"), among=("documented_among", "first"),
    )  # fmt: skip


def hidden_facts(table: pd.DataFrame) -> Part:
    """The hidden rows in words."""
    width = widths(table)
    share = 100 * (width["values"] / (width["n"] + 1)).median()
    return Part({"among": int(width["among"].sum()), "rows": len(width), "share": share})


def scenario_methods(base: Body) -> pd.DataFrame:
    """What each scenario leaves under the common methods, as method_evidence_scenarios.csv."""
    frames = []
    for name in scenarios():
        _, evidence = _evidence(name)
        found = {e: reconstruction.reconstruct(evidence[e], base.pooled, e, COMMON)
                 for e in evidence}  # fmt: skip
        part = consequences.method_evidence(found)
        frames.append(part.assign(scenario=name)[["scenario", *part.columns]])
    return base.save("method_evidence_scenarios", pd.concat(frames, ignore_index=True))


def repairs(base: Body) -> pd.DataFrame:
    """How far each scenario is from the printed results, saved as repairs.csv."""
    usual = _usual(base)
    parts = [
        consequences.repairs(name, _evidence(name)[1], base.pooled, usual)
        for name in ("base", *scenarios())
    ]
    return base.save("repairs", pd.concat(parts, ignore_index=True))


def scenario_facts(table: pd.DataFrame) -> Part:
    """Which scenarios leave no vector."""
    total = table.groupby("scenario", sort=False)["n_coupled"].sum()
    some = table[table["n_coupled"] > 0].groupby("scenario", sort=False)["tau2_method"].unique()
    words = [f"{name} ({listed(m)})" for name, m in some.items()]
    return Part({"empty": listed(total.index[total == 0]), "some": listed(words)})
