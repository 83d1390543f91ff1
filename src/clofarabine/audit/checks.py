"""A check of one claim, how a claim is compared, and the registry of the rules.

Each check compares one printed number (the claim) with others that do not contain it. What comes
out is a finding about the paper; nothing is corrected.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from .ledger import Paper

_ROMAN = {"1": "I", "2": "II", "3": "III"}


@dataclass(frozen=True)
class Check:
    """One claim against what other numbers give.

    claim : id of the claim. rule : what is recomputed, and from which numbers. printed,
    recomputed : both as shown. agrees : whether they can be one number. kind : what agreement is
    worth: "computed" from numbers that do not contain the claim, a "bound" or repetition that it
    respects, a "constraint" that the computation was made to meet, an "input" that nothing printed
    can check, or "unpublished" data that it rests on. caveat : what a reader should know although
    the numbers agree.
    """

    claim: str
    rule: str
    printed: str
    recomputed: str
    agrees: bool
    kind: str = "computed"
    caveat: str = ""


Function = Callable[[Paper], Iterator[Check]]


@dataclass(frozen=True)
class Rule:
    """A rule as the registry knows it.

    title : its name for readers. subject : what it compares: "tables", "text", "reports",
    "results", or "needs" for what nothing printed can check. checks : the function. tests : its
    tests by their names in the literature; those of its lines in audit_rules.csv stand there.
    waits : whether a claim that it cannot check waits for data, which needs.csv names.
    """

    title: str
    subject: str
    checks: Function
    tests: tuple[str, ...] = ()
    waits: bool = False


RULES: dict[str, Rule] = {}


def registered(
    title: str, subject: str, *tests: str, waits: bool = False
) -> Callable[[Function], Function]:
    """Enter a rule into the registry, under the name of its function."""

    def enter(function: Function) -> Function:
        RULES[function.__name__] = Rule(title, subject, function, tests, waits)
        return function

    return enter


def interval(claim: Mapping[str, Any]) -> tuple[float, float]:
    """The values that print as the claim does, unbounded ends as infinities."""
    low, high = claim["lower"], claim["upper"]
    return (-inf if pd.isna(low) else float(low), inf if pd.isna(high) else float(high))


def shown(low: float, high: float, claim: Mapping[str, Any]) -> str:
    """Recomputed value as shown: a count as it is, a rounded number with two digits more."""
    a, b = interval(claim)
    exact = a == b
    whole = exact or int(claim["decimals"]) == 0
    ends = []
    for x in (low, high):
        text = "" if not np.isfinite(x) else f"{x:.{int(claim['decimals']) + 2}f}"
        ends.append(f"{x:g}" if text and (exact or (whole and x == int(x))) else text)
    if low == high:
        return ends[0]
    if not ends[1]:
        return f"at least {ends[0]}"
    return f"{ends[0]} to {ends[1]}" if ends[0] else f"at most {ends[1]}"


def compare(
    paper: Paper,
    claim: str,
    rule: str,
    low: float,
    high: float | None = None,
    *,
    kind: str = "computed",
    caveat: str = "",
) -> Check:
    """A claim against a value, or against the range from low to high.

    Both agree if a value that prints as the claim does lies in the range. A value halfway between
    two printed ones agrees with either, because programs round it differently.
    """
    c = paper.rows[claim]
    high = low if high is None else high
    a, b = interval(c)
    slack = 1e-9 * max(1.0, abs(float(c["value"])))
    agrees = bool(a - slack <= high and low <= b + slack)
    return Check(claim, rule, c["printed"], shown(low, high, c), agrees, kind, caveat)


def compare_label(
    paper: Paper, claim: str, rule: str, value: str, *, kind: str = "computed", caveat: str = ""
) -> Check:
    """A printed label against another; a number agrees with its Roman numeral."""
    printed = str(paper.rows[claim]["printed"])
    agrees = _ROMAN.get(value, value) == _ROMAN.get(printed, printed)
    return Check(claim, rule, printed, value, agrees, kind, caveat)


def frame(checks: Iterable[Check]) -> pd.DataFrame:
    """Checks as a table, one row each: claim, rule, printed, recomputed, agrees."""
    rows = [(c.claim, c.rule, c.printed, c.recomputed, c.agrees) for c in checks]
    return pd.DataFrame(rows, columns=["claim", "rule", "printed", "recomputed", "agrees"])
