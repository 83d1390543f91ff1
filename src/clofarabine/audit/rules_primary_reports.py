"""The paper against the primary reports of its studies, and its labels against each other."""

from collections.abc import Iterator

import pandas as pd

from ..tables.printed import read
from .ledger import Paper
from .rules_tables import Check, hold, interval, registered
from .rules_text import combined

_ROMAN = {"1": "I", "2": "II", "3": "III"}


def _source(paper: Paper, row: pd.Series) -> str:
    """Author and year of a row of cross_checks or external_check."""
    c = paper.tables["citations"].set_index("key").loc[row["source"]]
    return f"{c['author']} {c['year']}"


def reported(paper: Paper, study: str, quantity: str) -> float | None:
    """What the study's own report prints, if it was read."""
    t = paper.tables["cross_checks"]
    found = t[(t["study"] == study) & (t["quantity"] == quantity)]
    return None if found.empty else read(found["printed"].iloc[0]).value


@registered
def primary_reports(paper: Paper) -> Iterator[Check]:
    """A number of a study against the same number in its own report.

    A report that counts a part of what the paper counts (fewer patients, or drug reactions among
    the events) bounds it.
    """
    for _, r in paper.tables["cross_checks"].iterrows():
        for id in paper.stating(r["quantity"], r["study"]):
            c = paper.rows[id]
            if r["relation"] == "same" and c["unit"] == r["unit"]:
                p = read(r["printed"])
                exact = interval(c)[0] == interval(c)[1]
                # Two roundings of one number share more than an end of what each can stand for.
                ends = (p.value, p.value) if exact else (p.lower + 1e-6, p.upper - 1e-6)
                yield hold(paper, id, f"{_source(paper, r)}, {r['locator']}", *ends)
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
    return hold(paper, id, source, low, high, kind="bound", caveat=note)


@registered
def responses(paper: Paper) -> Iterator[Check]:
    """Response rates of single studies: from the counts beside them, and from the reports."""
    evidence = paper.tables["evidence"].query("population == 'paediatric'").set_index("study")
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
            yield hold(paper, id, f"{n} of {int(whole)}, the counts beside it", 100 * n / whole)
        if study in evidence.index and c["quantity"] in ("CR rate", "OR rate"):
            r, e = evidence.loc[study], c["quantity"].split()[0].lower()
            if r[f"{e}_min"] == r[f"{e}_max"]:
                rule = f"{r[f'{e}_min']} of {r['n']} in its report ({r[f'{e}_source']})"
                yield hold(paper, id, rule, 100 * r[f"{e}_min"] / r["n"])


@registered
def eligible(paper: Paper) -> Iterator[Check]:
    """The population of the meta-analysis within each study, against its report."""
    external = paper.tables["external_check"].set_index(["study", "population", "quantity"])
    for _, r in paper.tables["table1_studies"].iterrows():
        s, key = r["study"], f"table1/{r['study']}"
        for quantity, caveat in (
            ("patients evaluable", "the report calls these patients evaluable for response"),
            ("eligible", ""),
        ):
            n = reported(paper, s, quantity)
            if n is None and (s, "all ages", quantity) in external.index:
                n = float(external.loc[(s, "all ages", quantity), "printed"])
            if n is None:
                continue
            fewest = reported(paper, s, "prior regimens, minimum")
            if fewest is not None and fewest < _required(paper):
                caveat += f"; their earlier regimens start at {fewest:g}"
            kind = "bound" if caveat else "computed"
            rule = f"{quantity} in the report".replace("patients ", "")
            yield hold(paper, f"{key}/target", rule, n, kind=kind, caveat=caveat)
        n = reported(paper, s, "patients on combination")
        if n is not None:
            rule = f"enrolled less {n:g} on a combination in the report"
            yield hold(paper, f"{key}/target", rule, int(r["enrolled"]) - n)
        for population, column in (("all ages", "target"), ("paediatric", "target_paediatric")):
            if (s, population, "effectiveness set") in external.index:
                n = float(external.loc[(s, population, "effectiveness set"), "printed"])
                rule = "at most the effectiveness set of the later report"
                yield hold(paper, f"{key}/{column}", rule, 0, n, kind="bound")
        all_, other = (reported(paper, s, f"patients {x}") for x in ("enrolled", "with ALL"))
        if all_ is not None and other is not None:
            named = [d for d in ("AML", "high MRD") if reported(paper, s, f"patients with {d}")]
            note = f"the report: {', '.join(named)}, not another type of ALL" if named else ""
            rule = f"{all_:g} less {other:g} in the report"
            yield hold(paper, f"{key}/other_all", rule, all_ - other, caveat=note)
        if fewest_all_in(paper, r):
            rule = "all with R/R ALL: the report says that each meets the criteria"
            yield hold(paper, f"{key}/target", rule, int(r["rr_all"]))
            yield hold(paper, f"{key}/target_paediatric", rule, int(r["rr_all"]))
        yield from _dose_finding(paper, r)


def _required(paper: Paper) -> int:
    p = paper.prose
    return int(p.loc[p["quantity"] == "prior regimens minimum", "value"].max())


def _age_limit(paper: Paper) -> float:
    limits = paper.prose.query("quantity == 'age limit' and population == 'paediatric'")
    return float(limits["value"].mode()[0])


def fewest_all_in(paper: Paper, r: pd.Series) -> bool:
    """Whether the report says that every patient of the study meets the criteria."""
    regimens = paper.tables["table1_regimens"]
    one = len(regimens[regimens["study"] == r["study"]]) == 1 and r["study"] not in combined(paper)
    prior = reported(paper, r["study"], "prior regimens, minimum")
    oldest = reported(paper, r["study"], "age, maximum")
    if prior is None or oldest is None:
        return False
    return bool(one and prior >= _required(paper) and oldest < _age_limit(paper))


def _dose_finding(paper: Paper, r: pd.Series) -> Iterator[Check]:
    """A study of several doses whose every ALL patient is counted at one of them."""
    t = paper.tables["table1_regimens"]
    arms = t[(t["study"] == r["study"]) & (t["dose_min"] < t["dose_max"])]
    arms = arms[arms["regimen"] == "monotherapy"]
    if len(arms):
        low, high = arms["dose_min"].iloc[0], arms["dose_max"].iloc[0]
        most = int(r["enrolled"]) - 2  # at least one patient at either end of the doses
        note = ""
        if r["target"] == r["rr_all"]:
            note = f"doses {low:g} to {high:g}: true only if everyone at another dose had AML"
        rule = f"enrolled less one each at {low:g} and {high:g}"
        yield hold(paper, f"table1/{r['study']}/target", rule, 0, most, kind="bound", caveat=note)


@registered
def ages(paper: Paper) -> Iterator[Check]:
    """Studies said to be paediatric, against the ages in their reports."""
    limit = _age_limit(paper)
    studies = paper.tables["table1_studies"]
    oldest = {s: reported(paper, s, "age, maximum") for s in studies["study"]}
    adults = set(studies.loc[studies["target_adult"] > 0, "study"])
    old = [s for s, a in oldest.items() if a is not None and a >= limit]
    for s in old:
        if s not in adults:
            note = f"the oldest patient in its report is {oldest[s]:g} years"
            claim = f"table1/{s}/target_adult"
            yield hold(paper, claim, "ages in its report", 0, kind="bound", caveat=note)
    mixed = len(adults | set(old))
    told = ", ".join(f"{s} to {oldest[s]:g}" for s in old)
    p = paper.prose
    for quantity, low, high in (
        ("studies with paediatric patients only", 0, len(studies) - mixed),
        ("studies with paediatric and adult patients", mixed, len(studies)),
    ):
        for id in p.index[p["quantity"] == quantity]:
            yield hold(paper, id, f"ages in the reports ({told} years)", low, high, kind="bound")
    youngest = {s: reported(paper, s, "age, minimum") for s in studies["study"]}
    for id, c in p[p["quantity"] == "approved age minimum"].iterrows():
        young = [f"{s} from {a:g}" for s, a in youngest.items()
                 if a is not None and a < c["value"]]  # fmt: skip
        if c["population"] == "paediatric" and young:
            note = f"{', '.join(young)} years in its report"
            yield hold(paper, id, "ages in the reports", float(c["value"]), kind="input",
                       caveat=note)  # fmt: skip


@registered
def severity(paper: Paper) -> Iterator[Check]:
    """Patients whose worst event is of grade 3 and of grade 4 are those with grade 3 or more."""
    for s in paper.tables["table3_studies"]["study"]:
        n = reported(paper, s, "patients with an adverse event of grade 3 or more")
        grades = [f"table3/{s}/Grade {g} TEAE/n" for g in (3, 4)]
        if n is None or not set(grades) <= set(paper.rows):
            continue
        for claim, other in (grades, grades[::-1]):
            less = float(paper.rows[other]["value"])
            rule = f"{n:g} with grade 3 or more in the report less the {less:g} of the other grade"
            yield hold(paper, claim, rule, n - less)


@registered
def labels(paper: Paper) -> Iterator[Check]:
    """Phase and disease of a study against the title of its report, and citations."""
    references = paper.tables["references"]
    own = references.dropna(subset="study").set_index("study")
    first = paper.tables["table1_studies"].set_index("study")
    for id, c in paper.rows.items():
        s, printed = c["population"], c["printed"]
        if c["quantity"] == "citation":
            n = int(c["value"])
            r = references.set_index("number").loc[n]
            says = "no study of Table 1" if pd.isna(r["study"]) else str(r["study"])
            rule = f"reference {n}: {r['author']}"
            agrees = says == s
            yield Check(id, rule, printed, f"report of {says}", agrees)
        elif c["quantity"] in ("phase", "disease") and s in first.index:
            column = f"title_{c['quantity']}"
            title, place = (own.loc[s, column], "reference") if s in own.index else (pd.NA, "")
            if pd.isna(title) and not id.endswith(column):
                title, place = first.loc[s, column], "Table 1"
            if pd.isna(title):
                continue
            same = _ROMAN.get(title, title) == _ROMAN.get(printed, printed)
            yield Check(id, f"title in {place}", printed, str(title), bool(same))


@registered
def regimens(paper: Paper) -> Iterator[Check]:
    """A table of patients on monotherapy, against studies that also gave a combination."""
    p, mixed = paper.prose, combined(paper)
    for id, c in p[p["quantity"] == "regimen of the patients"].iterrows():
        k = c["population"].removeprefix("Table ")
        n = paper.tables[f"table{k}_studies"].set_index("study")["n"]
        enrolled = paper.tables["table1_studies"].set_index("study")["enrolled"]
        whole = [s for s in n.index if s in mixed and n[s] == enrolled[s]]
        told = {s: reported(paper, s, "patients on combination") for s in whole}
        known = [f"{s}: {x:g} of {n[s]} on a combination" for s, x in told.items() if x]
        rule = f"N is everyone enrolled in {len(whole)} studies that also gave a combination"
        text = "; ".join(known) or "mixed"
        yield Check(id, rule, c["printed"], text if whole else c["printed"], not whole)
