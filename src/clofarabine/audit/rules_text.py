"""The text against the tables: what each sentence counts, recomputed from the tables' rows.

A claim is found by what it states (quantity and population), never by its place, so that a
repetition in another section meets the same check.
"""

from collections.abc import Iterator
from math import inf

import pandas as pd

from .ledger import SUMMARIES, TOTALS, Paper
from .rules_tables import Check, hold, interval, registered

# quantity, population -> what was recomputed, its two ends, what agreement is worth, the caveat.
Fact = tuple[str, float, float, str, str]
Facts = dict[tuple[str, str], list[Fact]]

# One unit in another: days in a month are 365.25 / 12.
_MONTHS = {"months": 1.0, "years": 12.0, "weeks": 7 * 12 / 365.25}


def _add(facts: Facts, quantity: str, population: str, rule: str, low: float,
         high: float | None = None, kind: str = "computed", caveat: str = "") -> None:  # fmt: skip
    ends = (float(low), float(low if high is None else high))
    facts.setdefault((quantity, population), []).append((rule, *ends, kind, caveat))


def combined(paper: Paper) -> set[str]:
    """Studies of which Table 1 lists a regimen in combination."""
    regimens = paper.tables["table1_regimens"]
    return set(regimens.loc[regimens["regimen"] == "combination", "study"])


def _counts(paper: Paper) -> Facts:
    """Patients and studies, from Table 1."""
    out: Facts = {}
    studies = paper.tables["table1_studies"]
    for column, population in TOTALS.items():
        rule = f"{column} of Table 1, summed over {len(studies)} studies"
        _add(out, "patients", population, rule, studies[column].sum())
    rule = "target of Table 1, summed: relapsed or refractory ALL on monotherapy at the dose"
    quantity = "patients on monotherapy at the approved dose"
    _add(out, quantity, "R/R ALL", rule, studies["target"].sum())
    rule = "paediatric target patients of those enrolled in Table 1"
    share = 100 * studies["target_paediatric"].sum() / studies["enrolled"].sum()
    _add(out, "target paediatric share", "exposed", rule, share)
    for population, column in (
        ("all", "enrolled"), ("paediatric", "target_paediatric"), ("overall", "target"),
    ):  # fmt: skip
        rule = f"studies of Table 1 with a patient in {column}"
        _add(out, "studies included", population, rule, (studies[column] > 0).sum())
    _add(out, "other studies", "all", "studies of Table 1 but for one", len(studies) - 1)
    mixed = combined(paper)
    rule = f"studies of Table 1 with a regimen in combination: {', '.join(sorted(mixed))}"
    _add(out, "studies with monotherapy or combination", "all", rule, len(mixed))
    rule = "studies of Table 1 without a regimen in combination"
    _add(out, "studies with monotherapy only", "all", rule, len(studies) - len(mixed))
    adults = (studies["target_adult"] > 0).sum()
    rule = "studies of Table 1 with adult target patients"
    _add(out, "studies with paediatric and adult patients", "all", rule, adults)
    rule = "studies of Table 1 without adult target patients"
    quantity = "studies with paediatric patients only"
    _add(out, quantity, "all", rule, len(studies) - adults)
    for _, r in studies.iterrows():
        rule = f"Table 1, row {r['study']}"
        for quantity, column in (
            ("patients enrolled", "enrolled"), ("patients with ALL", "rr_all"),
            ("patients with AML", "other_all"),
        ):  # fmt: skip
            _add(out, quantity, r["study"], rule, r[column], kind="bound")
    return out


def _shares(paper: Paper) -> Facts:
    """Shares of patients, from the counts of Table 2."""
    out: Facts = {}
    table = paper.tables["table2_characteristics"]
    blocks = {b: part.set_index("level")["n"] for b, part in table.groupby("characteristic")}
    kinds = blocks["Tumor immunophenotype"]
    rule = "sum of the block's rows in Table 2"
    note = f"{kinds['Unknown/other']} of them are unknown or other"
    _add(out, "patients with immunophenotype", "exposed", rule, kinds.sum(), caveat=note)
    for quantity, level in (
        ("B-cell share", "B precursor or B cell ALL"), ("T-cell share", "T cell ALL"),
        ("biphenotypic share", "Biphenotypic"),
    ):  # fmt: skip
        rule = f"{kinds[level]} of {kinds.sum()} in Table 2"
        _add(out, quantity, "exposed", rule, 100 * kinds[level] / kinds.sum())
    prior = blocks["Number of prior chemotherapies"]
    quantity, note = "patients with prior chemotherapy recorded", f"{prior['Unknown']} are unknown"
    _add(out, quantity, "exposed", rule, prior.sum(), caveat=note)
    more = prior.sum() - prior["1"] - prior["Unknown"]
    rule = f"{more} of {prior.sum()} in Table 2"
    quantity = "share with two or more prior chemotherapies"
    _add(out, quantity, "exposed", rule, 100 * more / prior.sum())
    grafts = blocks["Number of prior HSCTs"]
    whole = int(table.loc[table["characteristic"] == "Number of prior HSCTs", "total"].mode()[0])
    some = grafts.sum() - grafts["0"]
    _add(out, "share with prior HSCT", "exposed", f"{some} of {whole}", 100 * some / whole)
    rule = f"{grafts['0']} of {whole}"
    _add(out, "share without prior HSCT", "exposed", rule, 100 * grafts["0"] / whole)
    rule = f"total of {whole} in Table 2 less its rows"
    _add(out, "patients without HSCT information", "exposed", rule, whole - grafts.sum())
    for quantity, block in (
        ("studies with prior chemotherapy", "Number of prior chemotherapies"),
        ("studies with prior HSCT", "Number of prior HSCTs"),
    ):
        value = paper.claims.loc[f"table2/{block}/studies", "value"]
        _add(out, quantity, "all", "heading of the block in Table 2", value, kind="bound")
    for quantity, share, series in (
        ("prior chemotherapies minimum", "share with two or more prior chemotherapies", prior),
        ("prior HSCT minimum", "share with prior HSCT", grafts),
    ):
        _add(out, quantity, "exposed", *_threshold(paper, share, series, whole))
    return out


def _threshold(paper: Paper, quantity: str, n: pd.Series, whole: int) -> tuple[str, float]:
    """The number from which on the counts add up to the share that the text prints."""
    claims = paper.prose[paper.prose["quantity"] == quantity]
    low, high = interval(claims.iloc[0])
    printed = claims["printed"].iloc[0]
    known = n.drop("Unknown", errors="ignore")
    whole = int(n.sum()) if "Unknown" in n.index else whole
    for i, level in enumerate(known.index):
        if low <= 100 * known.iloc[i:].sum() / whole <= high:
            return f"level of Table 2 from which on the share is {printed}%", int(level)
    return f"level of Table 2 from which on the share is {printed}%: none", -1


def _safety(paper: Paper) -> Facts:
    """Studies and ranges, from Tables 3 and 4."""
    out: Facts = {}
    known = paper.tables["table3_events"].dropna(subset="n")
    rule = "studies with a number in Table 3"
    _add(out, "studies with safety outcomes", "all", rule, known["study"].nunique())
    serious = known[known["event"] == "Serious TEAE"]
    some = (serious["n"] > 0).sum()
    rule = "studies with a Serious TEAE in Table 3, above zero or not"
    note = f"{some} studies report one, {len(serious)} report a number, zero included"
    _add(out, "studies with serious adverse events", "all", rule, some, len(serious), "bound",
         note if some < len(serious) else "")  # fmt: skip
    rule = "studies with a number for any TEAE in Table 3"
    reporting = known.groupby("event", sort=False)["study"].nunique()
    others = [f"{n} for {e}" for e, n in reporting.drop("Any TEAE").items()]
    left = known["study"].nunique() - some
    note = f"in Table 3: {', '.join(others)}; {left} have no serious one above zero"
    _add(out, "studies with TEAEs", "all", rule, reporting["Any TEAE"], caveat=note)
    table = paper.tables["table4_events"].dropna(subset="n")
    rule = "fewest studies with a number for an event of Table 4"
    fewest = table.groupby("event")["study"].nunique().min()
    _add(out, "studies reporting an event, minimum", "all", rule, fewest)
    n = paper.tables["table4_studies"].set_index("study")["n"]
    rates = 100 * table["n"].astype(float) / table["study"].map(n).astype(float)
    for event, part in rates.groupby(table["event"]):
        for end, at in (("minimum", part.idxmin()), ("maximum", part.idxmax())):
            cell = table.loc[at]
            rule = f"Table 4, {cell['study']}: {cell['n']} of {n[cell['study']]}"
            _add(out, f"grade 3-4 range, {end}", event, rule, part[at])
    for s, r in paper.tables["table1_studies"].set_index("study").iterrows():
        rule = "enrolled in Table 1 less N of Table 4"
        _add(out, "patients with AML left out", s, rule, r["enrolled"] - n[s])
    return out


def _definitions(paper: Paper) -> Facts:
    """The dose, the days and the ages, from the regimens and from the other definitions."""
    out: Facts = {}
    regimens = paper.tables["table1_regimens"].query("regimen == 'monotherapy'")
    arms = regimens.groupby("study").agg(
        dose_min=("dose_min", "min"), dose_max=("dose_max", "max"), days=("days", "max")
    )
    low, high = float(arms["dose_min"].max()), float(arms["dose_max"].min())
    rule = "the dose that the monotherapy of every study of Table 1 includes"
    for population in ("analysis", "label"):
        _add(out, "dose", population, rule, low, max(low, high))
        rule_days = "the days of monotherapy of every study of Table 1"
        days = arms["days"].dropna()
        _add(out, "treatment days", population, rule_days, days.min(), days.max())
    for study, r in arms.iterrows():
        rule = f"Table 1, row {study}"
        _add(out, "dose", study, rule, r["dose_min"], r["dose_max"], "bound")
        _add(out, "treatment days", study, rule, r["days"], kind="bound")
    limit = paper.prose.query("quantity == 'age limit' and population == 'paediatric'")
    oldest = float(limit["value"].mode()[0]) - 1
    for population in ("label", "paediatric"):
        rule = "the last whole year below the age limit"
        _add(out, "approved age maximum", population, rule, oldest, kind="bound")
    return out


@registered
def counted_in_tables(paper: Paper) -> Iterator[Check]:
    """Counts, shares, ranges and definitions of the text against the rows of the tables."""
    facts: Facts = {}
    for part in (_counts, _shares, _safety, _definitions):
        for key, values in part(paper).items():
            facts.setdefault(key, []).extend(values)
    for id, c in paper.prose.iterrows():
        for how, low, high, kind, caveat in facts.get((c["quantity"], c["population"]), []):
            yield hold(paper, id, how, low, high, kind=kind, caveat=caveat)


@registered
def named_studies(paper: Paper) -> Iterator[Check]:
    """A count of studies equals the studies that its sentence names."""
    named = paper.tables["prose"].set_index("id")["named"].dropna()
    for id, names in named.items():
        yield hold(paper, id, f"studies named: {names}", len(names.split("; ")))


@registered
def age_groups(paper: Paper) -> Iterator[Check]:
    """The two age groups meet at one limit and leave nobody out."""
    limits = paper.prose[paper.prose["quantity"] == "age limit"]
    relation = limits["printed"].str.extract(r"([<>≤≥])")[0]
    young = limits[limits["population"] == "paediatric"]
    home = float(young["value"].mode()[0])
    for id, c in limits.iterrows():
        if c["population"] == "paediatric":
            rule, want = "the limit used throughout", "<"
        else:
            rule, want = f"all that are not < {home:g}; others leave out those aged {home:g}", "≥"
        agrees = bool(relation[id] == want and float(c["value"]) == home)
        yield Check(id, rule, c["printed"], f"{want} {home:g}", agrees, "bound")


def _in_months(claim: pd.Series) -> tuple[float, float]:
    low, high = interval(claim)
    factor = _MONTHS.get(claim["unit"], 1.0)
    return low * factor, high * factor


def home_of(paper: Paper, claim: pd.Series) -> str | None:
    """Id of the first claim outside the summaries that states the same."""
    same = (i for i in paper.stating(claim["quantity"], claim["population"]))
    away = (*SUMMARIES, "Introduction")
    return next((i for i in same if paper.rows[i]["section"] not in away), None)


@registered
def repetitions(paper: Paper) -> Iterator[Check]:
    """A number of a summary is the number of the results: it is worth what that one is worth."""
    for id, c in paper.prose.iterrows():
        if c["section"] not in SUMMARIES or pd.isna(c["value"]):
            continue
        home = home_of(paper, c)
        if home is None or c["quantity"] == "age limit":
            continue
        other = paper.claims.loc[home]
        (a, b), (low, high) = _in_months(c), _in_months(other)
        place = f"{other['section']}, {other['locator']}"
        shown = f"{other['printed']} {other['unit']}"
        # Two roundings of one number share more than an end of what each can stand for.
        agrees = bool(min(b, high) - max(a, low) > 1e-9 or (a, b) == (low, high))
        yield Check(id, f"repeats {place}", c["printed"], shown, agrees, f"repeats:{home}")


@registered
def order(paper: Paper) -> Iterator[Check]:
    """A limit that lies on the wrong side of its estimate, or a CR rate above the OR rate.

    Being in order is no evidence for a number, so only a breach is a finding.
    """
    for id, c in paper.rows.items():
        if c["quantity"].endswith(" limit") and not pd.isna(c["value"]):
            stem, _, end = c["quantity"].rpartition(", ")
            for other in paper.stating(stem, c["population"]):
                value = float(paper.rows[other]["value"])
                ends = (-inf, value) if end.startswith("lower") else (value, inf)
                check = hold(paper, id, f"limit of {value:g}", *ends)
                if paper.rows[other]["section"] == c["section"] and not check.agrees:
                    yield check
        elif c["quantity"].startswith("CR rate"):
            for other in paper.stating(c["quantity"].replace("CR", "OR", 1), c["population"]):
                value = float(paper.rows[other]["value"])
                check = hold(paper, id, "at most the OR rate", 0, value)
                if not check.agrees:
                    yield check
