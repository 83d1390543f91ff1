"""Arithmetic the published tables allow: every sum, percentage and difference, recomputed.

Each check holds one printed number (the claim) against others that do not contain it. What comes
out is a finding about the paper; nothing is corrected.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import pandas as pd

from . import data
from .printed import read


@dataclass(frozen=True)
class Check:
    """One claim against what other printed numbers give.

    claim : key of the printed number. rule : what is recomputed, and from which numbers.
    printed, recomputed : both as shown. agrees : whether they can be one number.
    """

    claim: str
    rule: str
    printed: str
    recomputed: str
    agrees: bool


def _number(x: float, decimals: int) -> str:
    return f"{x:.{decimals}f}"


def _count(claim: str, rule: str, printed: object, recomputed: int) -> Check:
    text = str(printed)
    return Check(claim, rule, text, str(recomputed), read(text).value == recomputed)


def _percent(claim: str, rule: str, printed: str, part: float, whole: float) -> Check:
    value = 100 * part / whole
    p = read(printed)
    return Check(claim, rule, printed, _number(value, p.decimals + 2), p.agrees(value))


def selection() -> Iterator[Check]:
    """What remains after each step of the selection is what was there less what left."""
    before = excluded = None
    for r in data.load("selection").query("unit != 'patients'").itertuples():
        if r.kind == "excluded":
            excluded = int(r.printed)
        else:
            if excluded is not None:
                rule = f"{before} less {excluded} excluded"
                yield _count(f"selection/{r.step}", rule, r.printed, before - excluded)
            before, excluded = int(r.printed), None


def table1() -> Iterator[Check]:
    """Total row against the studies, and within each study the parts against the whole."""
    studies, total = data.load("table1_studies"), data.load("table1_total").iloc[0]
    for column in total.index.drop("label"):
        yield _count(
            f"table1/total/{column}", "sum over the twelve studies", total[column],
            int(studies[column].sum()),
        )  # fmt: skip
    for r in studies.itertuples():
        key = f"table1/{r.study}"
        yield _count(f"{key}/exposed", "patients enrolled", r.exposed, r.enrolled)
        rule = "enrolled less patients with other leukaemia"
        yield _count(f"{key}/rr_all", rule, r.rr_all, r.enrolled - r.other_all)
        rule = "paediatric and adult target patients"
        yield _count(f"{key}/target", rule, r.target, r.target_paediatric + r.target_adult)


# Blocks of Table 2 whose levels cover every patient counted in the block's total.
_COMPLETE = (
    "Gender",
    "Baseline disease status per FAB classification",
    "Tumor immunophenotype",
    "Number of prior chemotherapies",
)


def table2() -> Iterator[Check]:
    """Percentages from n and total, totals within a block, sums of blocks, and Table 1."""
    table = data.load("table2_characteristics")
    for r in table.itertuples():
        key = f"table2/{r.characteristic}/{r.level}"
        yield _percent(f"{key}/percent", f"{r.n} of {r.total}", f"{r.percent:.1f}", r.n, r.total)
    for block, part in table.groupby("characteristic", sort=False):
        common = part["total"].mode()[0]
        for r in part.itertuples():
            key = f"table2/{block}/{r.level}/total"
            yield _count(key, "total of the other rows of the block", r.total, int(common))
        if block in _COMPLETE:
            key = f"table2/{block}/sum"
            rule = "sum of the rows of the block, against its total"
            yield _count(key, rule, common, int(part["n"].sum()))
    total = data.load("table1_total").iloc[0]
    pairs = {
        "R/R ALL": "rr_all",
        "Paediatric target population": "target_paediatric",
        "Overall target population": "target",
    }
    for level, column in pairs.items():
        n = table.set_index("level").loc[level, "n"]
        rule = f"total row of Table 1, {column}"
        yield _count(f"table2/Other characteristics/{level}/n", rule, n, int(total[column]))


def events(k: int) -> Iterator[Check]:
    """Table 3 or 4: percentages from n and N, and N against Table 1.

    ID99-383 is counted without its patients with AML (footnote), so its N is its ALL patients.
    """
    studies = data.load(f"table{k}_studies").set_index("study")
    first = data.load("table1_studies").set_index("study")
    for s, r in studies.iterrows():
        column = "rr_all" if s == "ID99-383" else "enrolled"
        rule = f"Table 1, {column}"
        yield _count(f"table{k}/{s}/N", rule, r["n"], int(first.loc[s, column]))
    table = data.load(f"table{k}_events").dropna(subset="n")
    for r in table.itertuples():
        n = int(studies.loc[r.study, "n"])
        key = f"table{k}/{r.study}/{r.event}/percent"
        text = r.printed.partition("(")[2].strip("()%> ")
        if r.relation == ">":
            value = 100 * r.n / n
            p = read(text)
            agrees = p.lower <= value <= p.upper
            yield Check(key, f"bound of {r.n} of {n}", f"> {text}", _number(value, 2), agrees)
        else:
            yield _percent(key, f"{r.n} of {n}", text, r.n, n)


def frame(checks: Iterable[Check]) -> pd.DataFrame:
    """Checks as a table, one row each."""
    return pd.DataFrame([asdict(c) for c in checks])


def all_tables() -> pd.DataFrame:
    """Every check of the selection and of Tables 1-4."""
    rules = (selection(), table1(), table2(), events(3), events(4))
    return frame(c for rule in rules for c in rule)
