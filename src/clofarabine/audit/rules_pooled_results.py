"""The results of the meta-analysis: pooled rates, medians, and what is said of them."""

from collections.abc import Iterator
from dataclasses import replace
from math import pi

import numpy as np
import pandas as pd

from metaprop.labels import words

from .. import evidence_pieces as pieces
from ..readings import in_words, rows_in_words, spans
from . import rule_table
from .checks import Check, compare, interval, registered
from .identified import ENDPOINTS, Behind, behind, egger, others
from .ledger import Paper

_WEEKS_A_MONTH = 365.25 / 12 / 7


def _identified(paper: Paper) -> pd.DataFrame:
    """Ranges over every vector of the identified set, of all methods that leave any."""
    b = paper.tables["bounds"]
    return b[(b["method"] == "any") & (b["vectors"] > 0) & b["min"].notna()]


@registered("Pooled rates and limits", "results", "recalculation")
def pooled(paper: Paper) -> Iterator[Check]:
    """Each pooled number against the counts: those given, or all that give every number at once.

    Where the evidence gives every count of an endpoint, they are pooled. Otherwise its numbers were
    constraints of the search for counts, so that agreement is by construction; that no counts are
    left under any method says that these numbers and the documented counts contradict each other.
    """
    known, results = behind(paper), paper.tables["pooled_results"]
    for endpoint in ENDPOINTS:
        claims = [_claim(name) for name in pieces.ids(results, endpoint)]
        if known.given(endpoint) is not None:
            yield from _from_counts(paper, known, endpoint, claims)
            continue
        n = len(known.vectors(endpoint))
        rule = f"{n} different sets of counts per study give every published {endpoint} number"
        if not n:
            rule = f"the documented counts and every published {endpoint} number, under any method"
        for id in claims:
            printed = paper.rows[id]["printed"]
            yield Check(id, rule, printed, printed if n else "no counts", n > 0, "constraint")


def _from_counts(paper: Paper, known: Behind, endpoint: str, claims: list[str]) -> Iterator[Check]:
    """Printed numbers of an endpoint against the counts that the evidence gives for every row."""
    method, values = known.pooled(endpoint, paper.tables["pooled_results"])
    rule = f"the given counts pooled, {words(method)}, {rows_in_words(method.rows)}"
    checks = [compare(paper, id, rule, v) for id, v in zip(claims, values.values(), strict=True)]
    hits = sum(c.agrees for c in checks)
    # A method chosen because it gives some numbers reproduces none of them.
    note = f"no method of the grid gives more than {hits} of the {len(checks)} {endpoint} numbers"
    whole = hits == len(checks)
    yield from checks if whole else (replace(c, kind="bound", caveat=note) for c in checks)


def _claim(name: str) -> str:
    """Id of the claim of a number as `evidence_pieces.ids` names it."""
    return "/".join(("pooled", *name.split(" ")))


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


def other_studies(paper: Paper) -> pd.DataFrame:
    """Ranges of the rates in the studies other than one, each by itself, for a figure.

    Whether the sentence holds is not judged here but in `unused_results`.

    Returns
    -------
    DataFrame
        claim, endpoint, reading, printed, low, high (the values that print so), min, max (percent,
        over the identified set).
    """
    rows = []
    for endpoint, id, one in _sentence(paper):
        printed = paper.rows[id]["printed"]
        for reading, low, high in _without(paper, endpoint, one):
            rows.append((id, endpoint, reading, printed, *interval(paper.rows[id]), low, high))
    names = ["claim", "endpoint", "reading", "printed", "low", "high", "min", "max"]
    return pd.DataFrame(rows, columns=names)


def _sentence(paper: Paper) -> list[tuple[str, str, str]]:
    """Endpoint, claim and the study left out of each rate "in the other studies"."""
    p = paper.prose
    out = []
    for id, c in p[p["population"].str.contains("other studies")].iterrows():
        beside = p[(p["quantity"] == c["quantity"]) & (p["locator"] == c["locator"])]
        one = beside.loc[beside["population"] != c["population"], "population"].iloc[0]
        out.append((c["quantity"].split()[0], str(id), str(one)))
    return out


@registered("Results that the search did not use", "results", "recalculation")
def unused_results(paper: Paper) -> Iterator[Check]:
    """Results that the search for counts did not use, under every reading that the words allow."""
    yield from _egger(paper)
    known, asked = behind(paper), _sentence(paper)
    if not (asked and known.coupled):
        return
    numbers = {e: float(paper.rows[id]["value"]) for e, id, _ in asked}
    table = others(known, numbers["CR"], numbers["OR"], asked[0][2])
    fits = table[table["gives_both"]]
    rule = (
        f"both rates of the sentence without {asked[0][2]} by one formula, {_over(known, *numbers)}"
    )
    note = _kept(known, fits) if known.given("CR") is None else ""
    for endpoint, id, _ in asked:
        low, high = (f"{endpoint.lower()}_{end}" for end in ("min", "max"))
        told = fits if len(fits) else table
        span = f"{told[low].min():.1f} to {told[high].max():.1f}"
        text = span if len(fits) else f"no formula gives both; this one {span}"
        yield _reading(paper, id, rule, text, fits, len(table), note)


def _kept(known: Behind, fits: pd.DataFrame) -> str:
    """What to say where no reading has the tau² estimator of a method that is left."""
    same = {m.tau2_method for m, *_ in known.coupled} & set(fits["formula"])
    return "" if same else ", none of them with a tau² estimator that gives the pooled results"


def _egger(paper: Paper) -> Iterator[Check]:
    known = behind(paper)
    scales = tuple(paper.tables["pooled_results"]["transformation"].unique())
    p = paper.prose
    for id, c in p[p["quantity"].str.startswith("Egger's test p value")].iterrows():
        endpoint = c["quantity"].rpartition(", ")[2]
        if len(known.vectors(endpoint)):
            table = egger(known, endpoint, float(c["value"]), scales)
            rule = f"Egger's test, {_over(known, endpoint)}"
            fits = table[table["reaches"]]
            yield _reading(paper, str(id), rule, "; ".join(spans(table)), fits, len(table))


def _over(known: Behind, *endpoints: str) -> str:
    if all(known.given(e) is not None for e in endpoints):
        return "of the counts given"
    return "over every set of counts that gives the pooled results"


def _reading(
    paper: Paper, id: str, rule: str, text: str, fits: pd.DataFrame, tried: int, more: str = ""
) -> Check:
    note = f"only as: {'; '.join(in_words(fits))}{more}" if 0 < len(fits) < tried else ""
    return Check(id, rule, paper.rows[id]["printed"], text, len(fits) > 0, "bound", note)


@registered("Rows that are pooled", "results", "N-consistency")
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


@registered("Children and adults of one survey", "results", "range")
def one_survey(paper: Paper) -> Iterator[Check]:
    """Counts behind an overall rate, against what a later report says of both ages together.

    A study with a row for children and one for adults, of which a report gives the responders of
    all ages, leaves the sum of both rows at most these: response there counts partial ones too.
    """
    known, table = behind(paper), paper.tables["evidence"]
    for endpoint in ENDPOINTS:
        if known.given(endpoint) is not None:
            continue  # given counts that exceed the report are no fault of the paper's rate
        x = known.vectors(endpoint)
        claims = [id for id in map(_claim, pieces.ids(paper.tables["pooled_results"], endpoint))
                  if "/overall/" in id and id.endswith("/estimate")]  # fmt: skip
        for study in table.loc[table.duplicated("study"), "study"] if len(x) else ():
            at = np.flatnonzero(table["study"] == study)
            rate = paper.reported(study, "CR+CRp+PR", "all ages")
            if rate is not None:
                most = round(rate * float(table["n"].iloc[at].sum()) / 100)
                fits = int((x[:, at].sum(1) <= most).sum())
                rule = f"{study}: at most {most} of both ages responded in its later report"
                note = f"{fits} of {len(x)} sets of counts keep to it ({rule})"
                note = note if fits < len(x) else ""
                for id in claims:
                    printed = paper.rows[id]["printed"]
                    shown = printed if fits else "no counts"
                    yield Check(id, rule, printed, shown, fits > 0, "bound", note)


@registered("Level of the data", "results")
def level_of_data(paper: Paper) -> Iterator[Check]:
    """Said to pool patients or studies: what was pooled is a transformed rate of each study."""
    yield from rule_table.checks(paper, "level_of_data")


@registered("Limits on the arcsine scale", "results", "range")
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


@registered("Comparisons with one study", "reports", "primary report", waits=True)
def comparisons(paper: Paper) -> Iterator[Check]:
    """Said to be longer than in one study: than what, and is it.

    No surer than the median that is compared, which no published number gives.
    """
    named = paper.tables["prose"].dropna(subset="named").set_index("quantity")["named"]
    p = paper.prose
    for id, c in p[p["printed"] == "longer"].iterrows():
        what, _, study = c["quantity"].partition(" against ")
        if what == "duration of CR":
            own = str(named["studies with CR duration"])
            rule = f"it is reported by {own.replace('; ', ', ')}"
            shared = _overlap(paper, study, own)
            yield Check(id, rule, c["printed"], "", True, "unpublished", shared)
        else:
            months = paper.reported(study, what) / _WEEKS_A_MONTH
            mine = p[(p["quantity"] == what) & (p["population"] == c["population"])]["value"]
            rule = f"{mine.iloc[0]:g} months against {months:.1f} in the report"
            longer = bool(mine.iloc[0] > months)
            said = "longer" if longer else "shorter"
            own = str(named.get(f"studies with {what.removeprefix('median ')}", ""))
            shared = _overlap(paper, study, own)
            yield Check(id, rule, c["printed"], said, longer, "unpublished", shared)


def _overlap(paper: Paper, study: str, behind: str) -> str:
    """How many of the children behind a median are the study's that it is compared with."""
    rows = paper.tables["evidence"].query("population == 'paediatric'")
    rows = rows[rows["study"].isin(behind.split("; "))]
    own = rows.loc[rows["study"] == study, "n"].sum()
    return f"{own} of these {rows['n'].sum()} children are {study}'s own" if own else ""


@registered("Limits of medians", "needs", waits=True)
def medians(paper: Paper) -> Iterator[Check]:
    """Limits of a median as order statistics: how many patients lie beyond them.

    A 95% interval of a median of n values runs from the j-th smallest to the j-th largest, j from
    the binomial distribution with one half (Conover 1999); then j patients lie at or beyond each.
    """
    yield from rule_table.checks(paper, "medians")
