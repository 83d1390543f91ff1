"""The results of the meta-analysis: pooled rates, medians, and what is said of them."""

from collections.abc import Iterator
from math import pi

import numpy as np
import pandas as pd

from . import rule_table
from .checks import Check, compare, interval, registered
from .ledger import Paper

_WEEKS_A_MONTH = 365.25 / 12 / 7


def _identified(paper: Paper) -> pd.DataFrame:
    """Ranges over every vector of the identified set, of all methods that leave any."""
    b = paper.tables["bounds"]
    return b[(b["method"] == "any") & (b["vectors"] > 0) & b["min"].notna()]


@registered("Pooled rates and limits", "results")
def pooled(paper: Paper) -> Iterator[Check]:
    """Each pooled number against the identified set: counts that give all of them at once.

    The set was searched for with these numbers as constraints, so that agreement is by
    construction; an empty set says nothing here and is evidence against the method.
    """
    found = _identified(paper)
    for id in paper.claims.index[paper.claims.index.str.startswith("pooled/")]:
        _, endpoint, population, _, _ = id.split("/")
        same = found[(found["endpoint"] == endpoint) & (found["population"] == population)]
        if len(same):
            n = int(same["vectors"].max())
            c = paper.claims.loc[id]
            rule = f"{n} sets of counts per study give every published {endpoint} number"
            yield Check(id, rule, c["printed"], c["printed"], True, "constraint")


def _without(paper: Paper, endpoint: str, study: str) -> Iterator[tuple[str, float, float]]:
    """What "the other studies" may mean: the reading, and its range in percent.

    Pooled without the study, or the share of all patients of the others; of either population.
    """
    b = _identified(paper)
    b = b[b["endpoint"] == endpoint].set_index(["population", "quantity"])[["min", "max"]]
    evidence = paper.tables["evidence"].set_index("row").loc[study]
    x, own = (int(evidence[c]) for c in (f"{endpoint.lower()}_min", "n"))
    exact = x == int(evidence[f"{endpoint.lower()}_max"])
    n = {"paediatric": "target_paediatric", "overall": "target"}
    for population, column in n.items():
        if (key := (population, f"estimate_without:{study}")) in b.index:
            yield f"pooled, {population}", *map(float, b.loc[key])
        if exact and (key := (population, "events")) in b.index:
            rest = int(paper.tables["table1_studies"][column].sum()) - own
            ends = (100 * (float(e) - x) / rest for e in b.loc[key])
            yield f"share of their patients, {population}", *ends


def _unused(paper: Paper, claim: pd.Series) -> tuple[str, list[tuple[str, float, float]]]:
    """A result that the search for counts did not use: what it is, and its readings."""
    if claim["quantity"].startswith("Egger's test p value"):
        b = _identified(paper)
        b = b[(b["endpoint"] == "CR") & (b["quantity"] == "egger_p")]
        readings = [(r.population, float(r.min), float(r.max)) for r in b.itertuples()]
        return "Egger's test", readings
    p = paper.prose
    beside = p[(p["quantity"] == claim["quantity"]) & (p["locator"] == claim["locator"])]
    one = beside[beside["population"] != claim["population"]]["population"].iloc[0]
    return f"without {one}", list(_without(paper, claim["quantity"].split()[0], one))


def readings(paper: Paper) -> pd.DataFrame:
    """Each result that the search for counts did not use, under every reading of its words.

    Notebooks that show one of these results read this table: whether a reading holds is judged
    here and nowhere else.

    Returns
    -------
    DataFrame
        claim, what ("Egger's test", "without CLO-212"), reading, printed, low, high (the values
        that print so), min, max (over the identified set), recomputed (as shown), holds.
    """
    p = paper.prose
    egger = p["quantity"].str.startswith("Egger's test p value")
    rows = []
    for id, c in p[egger | p["population"].str.contains("other studies")].iterrows():
        what, found = _unused(paper, c)
        for reading, low, high in found:
            check = compare(paper, id, what, low, high, kind="bound")
            rows.append((id, what, reading, c["printed"], *interval(c), low, high,
                         check.recomputed, check.agrees))  # fmt: skip
    names = ["claim", "what", "reading", "printed", "low", "high", "min", "max", "recomputed",
             "holds"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


@registered("Results that the search did not use", "results")
def unused_results(paper: Paper) -> Iterator[Check]:
    """Results that the search for counts did not use, against their range over what it found."""
    for id, one in readings(paper).groupby("claim", sort=False):
        fits = one.loc[one["holds"], "reading"]
        rule = f"{one['what'].iloc[0]}, over every set of counts that gives the pooled results"
        text = "; ".join(one["reading"] + " " + one["recomputed"])
        note = f"only as: {', '.join(fits)}" if 0 < len(fits) < len(one) else ""
        printed = str(one["printed"].iloc[0])
        yield Check(str(id), rule, printed, text, bool(one["holds"].any()), "bound", note)


@registered("Rows that are pooled", "results")
def rows_pooled(paper: Paper) -> Iterator[Check]:
    """Said to pool so many studies: how many rows the methods pool that give the results."""
    found = paper.tables["method_evidence"]
    ways = set(found.loc[found["n_coupled"] > 0, "rows"])
    evidence, p = paper.tables["evidence"], paper.prose
    overall = p[(p["quantity"] == "studies included") & (p["population"] == "overall")]
    if ways and "merged" not in ways and len(evidence) > evidence["study"].nunique():
        for id in overall.index:
            note = "every method that gives the results pools children and adults of a mixed study "
            note += f"apart: more rows than studies, up to {len(evidence)}"
            rule = "studies with a row in the evidence"
            yield compare(paper, id, rule, evidence["study"].nunique(), kind="bound", caveat=note)


@registered("Level of the data", "results")
def level_of_data(paper: Paper) -> Iterator[Check]:
    """Said to pool patients or studies: what was pooled is a transformed rate of each study."""
    yield from rule_table.checks(paper, "level_of_data")


@registered("Limits on the arcsine scale", "results")
def limits(paper: Paper) -> Iterator[Check]:
    """An arcsine estimate lies in the middle of its limits on the arcsine scale (Wald, z)."""
    for (endpoint, population), _ in paper.tables["pooled_results"].groupby(
        ["endpoint", "population"], sort=False
    ):
        key = f"pooled/{endpoint}/{population}/PAS"
        ends = {
            c: np.arcsin(np.sqrt(np.clip(np.array(interval(paper.claims.loc[f"{key}/{c}"])), 0, 100)
                                 / 100))
            for c in ("estimate", "lower", "upper")
        }  # fmt: skip
        e, lo, hi = ends["estimate"], ends["lower"], ends["upper"]
        for column, y, rule in (
            ("estimate", (lo + hi) / 2, "the middle of its limits on the arcsine scale"),
            ("lower", 2 * e - hi[::-1], "as far below the estimate as the upper limit is above"),
            ("upper", 2 * e - lo[::-1], "as far above the estimate as the lower limit is below"),
        ):
            low, high = 100 * np.sin(np.clip(y, 0, pi / 2)) ** 2
            yield compare(paper, f"{key}/{column}", rule, float(low), float(high), kind="bound")


@registered("Comparisons with one study", "reports")
def comparisons(paper: Paper) -> Iterator[Check]:
    """Said to be longer than in one study: than what, and is it."""
    named = paper.tables["prose"].dropna(subset="named").set_index("quantity")["named"]
    p = paper.prose
    for id, c in p[p["printed"] == "longer"].iterrows():
        what, _, study = c["quantity"].partition(" against ")
        if what == "duration of CR":
            only = named["studies with CR duration"]
            agrees = only != study
            text = f"reported by {only}"
            yield Check(id, "studies that report the duration of CR", c["printed"], text, agrees)
        else:
            months = paper.reported(study, what) / _WEEKS_A_MONTH
            mine = p[(p["quantity"] == what) & (p["population"] == c["population"])]["value"]
            rule = f"{mine.iloc[0]:g} months against {months:.1f} in the report"
            longer = bool(mine.iloc[0] > months)
            yield Check(id, rule, c["printed"], "longer" if longer else "shorter", longer)


@registered("Limits of medians", "needs")
def medians(paper: Paper) -> Iterator[Check]:
    """Limits of a median as order statistics: how many patients lie beyond them.

    A 95% interval of a median of n values runs from the j-th smallest to the j-th largest, j from
    the binomial distribution with one half (Conover 1999); then j patients lie at or beyond each.
    """
    yield from rule_table.checks(paper, "medians")
