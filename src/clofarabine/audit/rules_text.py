"""The text against the tables: what each sentence counts, recomputed from the tables' rows.

A claim is found by what it states (quantity and population), never by its place, so that a
repetition in another section meets the same check.
"""

from collections.abc import Iterator
from math import inf

import pandas as pd

from . import rule_table
from .checks import Check, compare, interval, registered
from .ledger import SUMMARIES, Paper

# One unit in another: days in a month are 365.25 / 12.
_MONTHS = {"months": 1.0, "years": 12.0, "weeks": 7 * 12 / 365.25}


def combined(paper: Paper) -> set[str]:
    """Studies of which Table 1 lists a regimen in combination."""
    regimens = paper.tables["table1_regimens"]
    return set(regimens.loc[regimens["regimen"] == "combination", "study"])


# A level of Table 2 from which on the text counts: its quantity, the share it goes with, the block.
_THRESHOLDS = (
    ("prior chemotherapies minimum", "share with two or more prior chemotherapies",
     "Number of prior chemotherapies"),
    ("prior HSCT minimum", "share with prior HSCT", "Number of prior HSCTs"),
)  # fmt: skip


def _thresholds(paper: Paper) -> Iterator[Check]:
    """The level from which on the counts of a block add up to the share that the text prints."""
    table = paper.tables["table2_characteristics"]
    for quantity, share, block in _THRESHOLDS:
        rows = table[table["characteristic"] == block].set_index("level")
        known = rows["n"].drop("Unknown", errors="ignore")
        whole = rows["n"].sum() if "Unknown" in rows.index else rows["total"].mode()[0]
        c = paper.prose[paper.prose["quantity"] == share].iloc[0]
        low, high = interval(c)
        sums = 100 * known[::-1].cumsum()[::-1].astype(float) / float(whole)
        reached = sums.index[sums.between(low, high)]
        rule = f"level of Table 2 from which on the share is {c['printed']}%"
        rule = rule if len(reached) else f"{rule}: none"
        for id in paper.stating(quantity, "exposed"):
            yield compare(paper, id, rule, int(reached[0]) if len(reached) else -1)


@registered("Counts, shares and ranges of the text", "text")
def counted_in_tables(paper: Paper) -> Iterator[Check]:
    """Counts, shares, ranges and definitions of the text against the rows of the tables."""
    yield from rule_table.checks(paper, "counted_in_tables")
    yield from _thresholds(paper)


@registered("Studies that a sentence names", "text", "N-consistency")
def named_studies(paper: Paper) -> Iterator[Check]:
    """A count of studies equals the studies that its sentence names."""
    named = paper.tables["prose"].set_index("id")["named"].dropna()
    for id, names in named.items():
        yield compare(paper, id, f"studies named: {names}", len(names.split("; ")))


@registered("Age limits", "text", "definition")
def age_groups(paper: Paper) -> Iterator[Check]:
    """The two age groups meet at one limit and leave nobody out."""
    limits = paper.prose[paper.prose["quantity"] == "age limit"]
    relation = limits["printed"].str.extract(r"([<>≤≥])")[0]
    young = limits[limits["population"] == "paediatric"]
    limit = float(young["value"].mode()[0])
    for id, c in limits.iterrows():
        if c["population"] == "paediatric":
            rule, want = "the limit used throughout", "<"
        else:
            rule, want = f"all that are not < {limit:g}; others leave out those aged {limit:g}", "≥"
        agrees = bool(relation[id] == want and float(c["value"]) == limit)
        yield Check(id, rule, c["printed"], f"{want} {limit:g}", agrees, "bound")


def _in_months(claim: pd.Series) -> tuple[float, float]:
    """The values that print as the claim does; times in months."""
    low, high = interval(claim)
    factor = _MONTHS.get(claim["unit"], 1.0)
    return low * factor, high * factor


def _rounds_to(claim: pd.Series, low: float, high: float) -> bool:
    """Whether a number said to be "almost" so much is the range from low to high, rounded."""
    if "almost" not in claim["printed"]:
        return False
    factor = _MONTHS.get(claim["unit"], 1.0)
    half = 0.5 * 10.0 ** -int(claim["decimals"])
    ends = (float(claim["value"]) - half) * factor, (float(claim["value"]) + half) * factor
    return bool(ends[0] <= low and high <= ends[1])


def stated_in_results(paper: Paper, claim: pd.Series) -> str | None:
    """Id of the first claim outside the summaries that states the same."""
    same = (i for i in paper.stating(claim["quantity"], claim["population"]))
    away = (*SUMMARIES, "Introduction")
    return next((i for i in same if paper.rows[i]["section"] not in away), None)


@registered("Repetitions", "text", "repetition")
def repetitions(paper: Paper) -> Iterator[Check]:
    """A number of a summary is the number of the results: it is worth what that one is worth."""
    for id, c in paper.prose.iterrows():
        if c["section"] not in SUMMARIES or pd.isna(c["value"]):
            continue
        original = stated_in_results(paper, c)
        if original is None or c["quantity"] == "age limit":
            continue
        other = paper.claims.loc[original]
        (a, b), (low, high) = _in_months(c), _in_months(other)
        place = f"{other['section']}, {other['locator']}"
        shown = f"{other['printed']} {other['unit']}"
        # Two roundings of one number share more than an end of what each can stand for.
        agrees = bool(min(b, high) - max(a, low) > 1e-9 or (a, b) == (low, high))
        note = ""
        if not agrees and _rounds_to(c, low, high):
            agrees, note = True, f"{c['printed']} is said of {shown}: rounded, a matter of style"
        kind = f"repeats:{original}"
        yield Check(id, f"repeats {place}", c["printed"], shown, agrees, kind, note)


@registered("Order of limits and rates", "text", "range")
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
                check = compare(paper, id, f"limit of {value:g}", *ends)
                if paper.rows[other]["section"] == c["section"] and not check.agrees:
                    yield check
        elif c["quantity"].startswith("CR rate"):
            for other in paper.stating(c["quantity"].replace("CR", "OR", 1), c["population"]):
                value = float(paper.rows[other]["value"])
                check = compare(paper, id, "at most the OR rate", 0, value)
                if not check.agrees:
                    yield check
