"""The paper against the primary reports of its studies, and its labels against each other."""

from collections.abc import Iterator

import pandas as pd

from ..tables.printed import read
from . import rule_table
from .checks import Check, compare, compare_label, interval, registered
from .ledger import Paper
from .rules_text import combined


def _source(paper: Paper, row: pd.Series) -> str:
    """Author and year of a row of cross_checks or external_check."""
    c = paper.tables["citations"].set_index("key").loc[row["source"]]
    return f"{c['author']} {c['year']}"


@registered("Numbers in the study's own report", "reports", "primary report", "GRIM")
def primary_reports(paper: Paper) -> Iterator[Check]:
    """A number of a study against the same number in its own report.

    A report that counts a part of what the paper counts (fewer patients, or drug reactions among
    the events) bounds it.
    """
    for _, r in paper.tables["cross_checks"].iterrows():
        for id in paper.stating(r["quantity"], r["study"]):
            c = paper.rows[id]
            if c["unit"] == r["unit"] == "label":
                source = f"{_source(paper, r)}, {r['locator']}"
                yield compare_label(paper, id, source, r["printed"])
            elif r["relation"] == "same" and c["unit"] == r["unit"]:
                p = read(r["printed"])
                exact = interval(c)[0] == interval(c)[1]
                # Two roundings of one number share more than an end of what each can stand for.
                ends = (p.value, p.value) if exact else (p.lower + 1e-6, p.upper - 1e-6)
                yield compare(paper, id, f"{_source(paper, r)}, {r['locator']}", *ends)
            elif r["relation"] == "part" and c["unit"] in ("patients", "%"):
                yield _part(paper, id, r)


def _part(paper: Paper, id: str, r: pd.Series) -> Check:
    """A count or percentage of the paper against a report that counts a part of it."""
    p, base = read(r["printed"]), int(r["base"])
    counts = [x for x in range(base + 1) if p.agrees(100 * x / base)]
    if not counts:
        raise ValueError(
            f"cross_checks, {r['id']}: found {r['printed']}% of {base}, expected a percentage that "
            f"a count of {base} prints as"
        )
    whole = int(paper.claims.loc[f"{id.rpartition('/')[0].rpartition('/')[0]}/N", "value"])
    low = counts[0]
    high = counts[-1] + whole - base if base < whole else whole
    if paper.claims.loc[id, "unit"] == "%":
        low, high = 100 * low / whole, 100 * high / whole
    source = f"{_source(paper, r)}, {r['locator']}"
    note = f"{_source(paper, r)} prints {r['printed']}% ({r['locator']}; {counts[0]} of {base})"
    return compare(paper, id, source, low, high, kind="bound", caveat=note)


@registered("Response rates of single studies", "reports")
def responses(paper: Paper) -> Iterator[Check]:
    """Response rates of single studies: from the counts beside them, and from the reports."""
    p = paper.prose
    value = {(c["section"], c["population"], c["quantity"]): c["value"] for _, c in p.iterrows()}
    for id, c in p.iterrows():
        study, parts = c["population"], {"OR rate": ("CR", "CRp"), "response rate": ("CR", "PR")}
        found = [
            value.get((c["section"], study, f"patients with {x}"))
            for x in parts.get(c["quantity"], ())
        ]
        whole = value.get((c["section"], study, "patients enrolled"))
        if found and None not in (*found, whole):
            n = int(sum(found))
            yield compare(paper, id, f"{n} of {int(whole)}, the counts beside it", 100 * n / whole)
    yield from rule_table.checks(paper, "responses")


@registered("Patients who meet the criteria", "reports")
def eligible(paper: Paper) -> Iterator[Check]:
    """The population of the meta-analysis within each study, against its report."""
    yield from rule_table.checks(paper, "eligible")


@registered("Designs and regimens", "reports")
def designs(paper: Paper) -> Iterator[Check]:
    """Designs and doses said to be included, against Table 1 and the reports."""
    yield from rule_table.checks(paper, "designs")


@registered("Durations in the report", "needs")
def durations(paper: Paper) -> Iterator[Check]:
    """Medians of durations beside what the report says of single patients; it decides nothing."""
    yield from rule_table.checks(paper, "durations")


def _age_limit(paper: Paper) -> float:
    limits = paper.prose.query("quantity == 'age limit' and population == 'paediatric'")
    return float(limits["value"].mode()[0])


@registered("Ages of the patients", "reports")
def ages(paper: Paper) -> Iterator[Check]:
    """Studies said to be paediatric, against the ages in their reports."""
    limit = _age_limit(paper)
    studies = paper.tables["table1_studies"]
    oldest = {s: paper.reported(s, "age, maximum") for s in studies["study"]}
    adults = set(studies.loc[studies["target_adult"] > 0, "study"])
    old = [s for s, a in oldest.items() if a is not None and a >= limit]
    yield from rule_table.checks(paper, "ages")
    told = ", ".join(f"{s} to {oldest[s]:g}" for s in old)
    yield from _age_at_diagnosis(paper, len(adults), len(adults | set(old)), told)
    p = paper.prose
    youngest = {s: paper.reported(s, "age, minimum") for s in studies["study"]}
    for id, c in p[p["quantity"] == "approved age minimum"].iterrows():
        young = [f"{s} from {a:g}" for s, a in youngest.items()
                 if a is not None and a < c["value"]]  # fmt: skip
        if c["population"] == "paediatric" and young:
            note = f"{', '.join(young)} years in its report"
            yield compare(paper, id, "ages in the reports", float(c["value"]), kind="input",
                       caveat=note)  # fmt: skip


def _age_at_diagnosis(paper: Paper, adults: int, mixed: int, told: str) -> Iterator[Check]:
    """Studies with adults, by Table 1 or by the ages in the reports: an age may be at diagnosis.

    The reports give ages at treatment. A patient at or above the limit by then can have been below
    it at diagnosis, so that a count that fits Table 1 only is no contradiction, but needs a word.
    """
    k, p = len(paper.tables["table1_studies"]), paper.prose
    for quantity, by_report, by_table in (
        ("studies with paediatric patients only", (0, k - mixed), (0, k - adults)),
        ("studies with paediatric and adult patients", (mixed, k), (adults, k)),
    ):
        for id in p.index[p["quantity"] == quantity]:
            rule = f"ages in the reports ({told} years)"
            check = compare(paper, id, rule, *by_report, kind="bound")
            if not check.agrees:
                note = f"{check.recomputed} by age at treatment in the reports ({told} years): "
                note += "holds only if age is age at diagnosis"
                check = compare(paper, id, "adult target patients of Table 1", *by_table,
                                kind="bound", caveat=note)  # fmt: skip
            yield check


@registered("Grade 3 and grade 4 events", "reports")
def severity(paper: Paper) -> Iterator[Check]:
    """Patients whose worst event is of grade 3 and of grade 4 are those with grade 3 or more."""
    yield from rule_table.checks(paper, "severity")


@registered("Phases, diseases and citations", "reports")
def labels(paper: Paper) -> Iterator[Check]:
    """Phase and disease of a study against the title of its report, and citations."""
    yield from rule_table.checks(paper, "labels")
    references = paper.tables["references"].set_index("number")
    for id, c in paper.rows.items():
        if c["quantity"] != "citation":
            continue
        n = int(c["value"])
        if n not in references.index:
            none = f"no reference {n}"
            yield Check(id, "the list of references", c["printed"], none, False)
            continue
        author, study = references.loc[n, ["author", "study"]]
        says = "no study of Table 1" if pd.isna(study) else str(study)
        agrees = says == c["population"]
        yield Check(id, f"reference {n}: {author}", c["printed"], f"report of {says}", agrees)


@registered("Regimens of the safety tables", "reports", "label")
def regimens(paper: Paper) -> Iterator[Check]:
    """A table of patients on monotherapy, against studies that also gave a combination."""
    p, mixed = paper.prose, combined(paper)
    for id, c in p[p["quantity"] == "regimen of the patients"].iterrows():
        k = c["population"].removeprefix("Table ")
        n = paper.tables[f"table{k}_studies"].set_index("study")["n"]
        enrolled = paper.tables["table1_studies"].set_index("study")["enrolled"]
        whole = [s for s in n.index if s in mixed and n[s] == enrolled[s]]
        told = {s: paper.reported(s, "patients on combination") for s in whole}
        known = [f"{s}: {x:g} of {n[s]} on a combination" for s, x in told.items() if x]
        rule = f"N is everyone enrolled in {len(whole)} studies that also gave a combination"
        text = "; ".join(known) or "mixed"
        yield Check(id, rule, c["printed"], text if whole else c["printed"], not whole)
