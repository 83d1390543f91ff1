"""Arithmetic the published tables allow: every sum, percentage and difference, recomputed.

The tests have names in the literature on trustworthy trials (INSPECT-SR; Wilkinson et al. 2025):
N-consistency, ranges that a count must respect, sums, percentages from their counts, and the GRIM
test, here of percentages: whether any count of the patients prints as the percentage (Brown &
Heathers 2017).
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..rounding import counts_printing
from .checks import Check, compare, frame, interval, registered, shown
from .ledger import TOTALS, Paper


@registered("Selection of studies", "tables", "sum", "N-consistency")
def selection(paper: Paper) -> Iterator[Check]:
    """What remains after each step of the selection is what was there less what left."""
    before = excluded = None
    steps = paper.tables["selection"].query("unit != 'patients'")
    for r in steps.itertuples():
        claim, n = f"selection/{r.step}", int(r.printed)
        if r.kind == "excluded":
            excluded = n
            after = int(steps["printed"].iloc[r.Index + 1])
            rule = f"{before} less the {after} that remain"
            yield compare(paper, claim, rule, before - after, kind="bound")
        else:
            if excluded is not None:
                yield compare(paper, claim, f"{before} less {excluded} excluded", before - excluded)
            before, excluded = n, None
    studies = paper.tables["table1_studies"]
    references = paper.tables["references"].dropna(subset=["study", "year"])
    cited = references["study"].nunique()
    note = f"the flow counts publications; {cited} of the {len(studies)} studies cite one"
    claim, rule = "selection/included in the meta-analysis", "studies of Table 1"
    note = note if cited < len(studies) else ""
    yield compare(paper, claim, rule, len(studies), caveat=note)
    claim, rule = "selection/patients of the included studies", "enrolled in Table 1, summed"
    yield compare(paper, claim, rule, int(studies["enrolled"].sum()))


@registered("Totals and parts in Table 1", "tables", "sum", "range")
def table1(paper: Paper) -> Iterator[Check]:
    """Total row against the studies, and within each study the parts against the whole."""
    studies = paper.tables["table1_studies"]
    for column in TOTALS:
        rule = f"sum over the {len(studies)} studies"
        yield compare(paper, f"table1/total/{column}", rule, int(studies[column].sum()))
    for _, r in studies.iterrows():
        key = f"table1/{r['study']}"
        parts = r["rr_all"] + r["other_all"]
        young, old = r["target_paediatric"], r["target_adult"]
        for column, rule, value in (
            ("exposed", "patients enrolled", r["enrolled"]),
            ("enrolled", "patients with relapsed or refractory ALL and others", parts),
            ("rr_all", "enrolled less the others", r["enrolled"] - r["other_all"]),
            ("other_all", "enrolled less patients with R/R ALL", r["enrolled"] - r["rr_all"]),
            ("target", "paediatric and adult target patients", young + old),
            ("target_paediatric", "target less its adults", r["target"] - old),
            ("target_adult", "target less its paediatric patients", r["target"] - young),
        ):  # fmt: skip
            yield compare(paper, f"{key}/{column}", rule, int(value), kind="bound")
        rule = f"at most the {r['rr_all']} patients with R/R ALL"
        yield compare(paper, f"{key}/target", rule, 0, int(r["rr_all"]), kind="bound")


# Blocks of Table 2 whose levels cover every patient counted in the block's total, and where the
# total of the others comes from.
_COMPLETE = (
    "Gender",
    "Baseline disease status per FAB classification",
    "Tumor immunophenotype",
    "Number of prior chemotherapies",
)
_WHOLE = ("Gender", "Other characteristics")
_SAME = {
    "R/R ALL": "rr_all",
    "Paediatric target population": "target_paediatric",
    "Overall target population": "target",
}


def _grim_counts(paper: Paper, claim: str, whole: int) -> range:
    """Counts of the whole that print as the percentage of the claim: none, and it fails GRIM."""
    first, last = counts_printing(*interval(paper.rows[claim]), whole)
    return range(int(first), int(last) + 1)


def _cell(paper: Paper, key: str, n: int, whole: int, note: str = "") -> Iterator[Check]:
    """A count and its percentage of a whole, each against the other.

    A percentage that no count of the whole prints as (GRIM test) is wrong whatever the count; then
    it says nothing about the count.
    """
    possible = _grim_counts(paper, f"{key}/percent", whole)
    rule = f"{n} of {whole}{note}"
    if not possible:
        rule += f"; no count of {whole} prints so"
    yield compare(paper, f"{key}/percent", rule, 100 * n / whole)
    if possible:
        rule = f"the counts of {whole}{note} that print as its percentage"
        yield compare(paper, f"{key}/n", rule, possible[0], possible[-1], kind="bound")


@registered("Table 2: percentages, totals, sums", "tables", "GRIM", "percentage", "sum", "range")
def table2(paper: Paper) -> Iterator[Check]:
    """Percentages from n and total, totals within a block, sums of blocks, and Table 1."""
    table, studies = paper.tables["table2_characteristics"], paper.tables["table1_studies"]
    enrolled = studies["enrolled"].sort_values(ascending=False)
    for block, part in table.groupby("characteristic", sort=False):
        common = int(part["total"].mode()[0])
        sum_of_rows = int(part["n"].sum())
        for r in part.itertuples():
            key = f"table2/{block}/{r.level}"
            note = "" if r.total == common else f", the total of the other rows (not {r.total})"
            yield from _cell(paper, key, int(r.n), common, note)
            rule = f"at most the total of {common}"
            yield compare(paper, f"{key}/n", rule, 0, common, kind="bound")
            rule = "total of the other rows of the block"
            yield compare(paper, f"{key}/total", rule, common, kind="bound")
            if block in _WHOLE:
                rule = "enrolled in Table 1, summed"
                yield compare(paper, f"{key}/total", rule, int(enrolled.sum()))
            if block in _COMPLETE:
                rule = f"sum of the {len(part)} rows of the block"
                yield compare(paper, f"{key}/total", rule, sum_of_rows)
            if r.total != common:
                low, high = interval(paper.claims.loc[f"{key}/percent"])
                rule = f"the totals of which {r.n} prints as {r.percent:.1f}%"
                ends = int(np.ceil(100 * r.n / high)), int(np.floor(100 * r.n / low))
                yield compare(paper, f"{key}/total", rule, *ends, kind="bound")
        yield from _studies_of_block(paper, block, common, enrolled)
    for level, column in _SAME.items():
        claim = f"table2/Other characteristics/{level}/n"
        yield compare(paper, claim, f"Table 1, {column}, summed", int(studies[column].sum()))


def _studies_of_block(paper: Paper, block: str, total: int, enrolled: pd.Series) -> Iterator[Check]:
    """So many studies can hold the block's patients only if the largest of them enrolled enough."""
    claim = f"table2/{block}/studies"
    if claim in paper.claims.index:
        fewest = int((enrolled.cumsum() < total).sum()) + 1
        rule = f"studies of Table 1 that it takes to hold {total} patients"
        yield compare(paper, claim, rule, fewest, len(enrolled), kind="bound")


def _events(paper: Paper, k: int) -> Iterator[Check]:
    studies = paper.tables[f"table{k}_studies"].set_index("study")
    first = paper.tables["table1_studies"].set_index("study")
    left_out = _left_out(paper)
    for s in studies.index:
        whole, less = int(first.loc[s, "enrolled"]), left_out.get(s, 0)
        rule = "enrolled in Table 1" + (f" less {less} with AML, a footnote says" if less else "")
        kind = "computed" if less else "bound"
        yield compare(paper, f"table{k}/{s}/N", rule, whole - less, kind=kind)
    table = paper.tables[f"table{k}_events"].dropna(subset="n")
    for r in table.itertuples():
        key, n, whole = f"table{k}/{r.study}/{r.event}", int(r.n), int(studies.loc[r.study, "n"])
        if r.relation == ">":
            yield _bound_of(paper, f"{key}/percent", n, whole)
        else:
            yield from _cell(paper, key, n, whole)
        yield compare(paper, f"{key}/n", f"at most the {whole} patients", 0, whole, kind="bound")


def _left_out(paper: Paper) -> dict[str, int]:
    """Patients of a study whom a footnote leaves out of its safety report."""
    notes = paper.prose[paper.prose["quantity"] == "patients with AML left out"]
    return {s: int(v) for s, v in zip(notes["population"], notes["value"], strict=True)}


def _bound_of(paper: Paper, claim: str, n: int, whole: int) -> Check:
    """A percentage printed as a bound: the bound itself against its n and N."""
    c, value = paper.rows[claim], 100 * n / whole
    half = 0.5 * 10.0 ** -int(c["decimals"])
    agrees = abs(float(c["value"]) - value) <= half
    return Check(claim, f"bound of {n} of {whole}", c["printed"], shown(value, value, c), agrees)


@registered("Table 3: percentages, ranges", "tables", "GRIM", "N-consistency", "range")
def table3(paper: Paper) -> Iterator[Check]:
    """Percentages of Table 3 from n and N, its columns against each other and Table 4."""
    yield from _events(paper, 3)
    table = paper.tables["table3_events"].dropna(subset="n")
    counts = table.pivot(index="study", columns="event", values="n")
    severe = paper.tables["table4_events"].groupby("study")["n"].max()
    for s, r in counts.iterrows():
        known = {e: int(n) for e, n in r.items() if not pd.isna(n)}
        whole = int(paper.claims.loc[f"table3/{s}/N", "value"])
        top = 0 if pd.isna(severe.get(s, pd.NA)) else int(severe[s])
        for event, n in known.items():
            if event == "Any TEAE":
                least = max([top, *(m for e, m in known.items() if e != event)])
                rule = "at least the patients of any other cell of Tables 3 and 4"
                caveat = ""
                if paper.claims.loc[f"table3/{s}/{event}/n", "printed"].startswith(">"):
                    caveat = f"the largest count printed elsewhere, {top}, supports at least {top}"
                    caveat = caveat if top <= n else ""
                yield compare(paper, f"table3/{s}/{event}/n", rule, least, whole, kind="bound",
                           caveat=caveat)  # fmt: skip
            elif "Any TEAE" in known:
                rule, most = "at most the patients with any TEAE", known["Any TEAE"]
                yield compare(paper, f"table3/{s}/{event}/n", rule, 0, most, kind="bound")


@registered("Table 4: percentages, ranges", "tables", "GRIM", "N-consistency", "range")
def table4(paper: Paper) -> Iterator[Check]:
    """Percentages of Table 4 from n and N, and each event against the row of Table 3."""
    yield from _events(paper, 4)
    table = paper.tables["table3_events"].query("relation == '='")
    counts = table.pivot(index="study", columns="event", values="n")
    for r in paper.tables["table4_events"].dropna(subset="n").itertuples():
        if r.study not in counts.index:
            continue
        row = counts.loc[r.study]
        most, rule = row["Any TEAE"], "patients with any TEAE in Table 3"
        severe = row["Grade 3 TEAE"] + row["Grade 4 TEAE"]
        if not pd.isna(severe) and severe < most:
            most, rule = severe, "patients with a grade 3 or a grade 4 TEAE in Table 3"
        claim = f"table4/{r.study}/{r.event}/n"
        yield compare(paper, claim, f"at most the {rule}", 0, int(most), kind="bound")


def all_tables(paper: Paper) -> pd.DataFrame:
    """Every check of the selection and of Tables 1-4."""
    rules = (selection, table1, table2, table3, table4)
    return frame(c for r in rules for c in r(paper))
