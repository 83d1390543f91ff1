"""What a printed number says of the number before it was rounded."""

import re
from decimal import Decimal
from math import inf, nextafter
from typing import Literal

Rule = Literal["half-up", "half-even", "truncation", "unknown"]
RULES: tuple[Rule, ...] = ("half-up", "half-even", "truncation", "unknown")
Interval = tuple[float, float]

_NUMBER = re.compile(r"[<>]?\s*[-−]?\d+(\.\d+)?")


def is_number(printed: str) -> bool:
    """Whether a string is a number as a paper prints it: "7", "7.0", "<0.001", "−2"."""
    return bool(_NUMBER.fullmatch(printed.strip()))


def ends(printed: str, rule: Rule = "half-up") -> tuple[Decimal, Decimal, bool, bool]:
    """Ends of the interval of the unrounded number, and whether each end is part of it.

    Parameters
    ----------
    printed : str
        Its digits are the precision: "7" and "7.0" say different things. "<0.001" is everything
        below 0.001, ">99" everything above 99.
    rule : {"half-up", "half-even", "truncation", "unknown"}
        Halves away from zero, halves to the even digit, digits cut off, or any of the three, which
        is the union of their intervals, number by number.
    """
    text = printed.strip().replace("−", "-")
    if text[0] in "<>":
        at = Decimal(text[1:].strip())
        return (Decimal("-Infinity"), at, False, False) if text[0] == "<" else (
            at, Decimal("Infinity"), False, False
        )  # fmt: skip
    value = Decimal(text)
    unit = Decimal(1).scaleb(int(value.as_tuple().exponent))
    if text.startswith("-") and value == 0:
        value = Decimal(0).scaleb(int(value.as_tuple().exponent))
    size, half = abs(value), unit / 2
    low, high, low_in, high_in = size - half, size + half, True, False
    if rule == "half-even":
        low_in = high_in = int(size / unit) % 2 == 0
    elif rule == "truncation":
        low, high = size, size + unit
    elif rule == "unknown":
        # half-even also lets the tie above an even digit through; truncation goes a whole unit up
        high = size + unit
    if value < 0:
        return -high, -low, high_in, low_in
    if value == 0:  # small numbers of both signs print as 0
        return (-unit, unit, False, False) if rule in ("truncation", "unknown") else (
            -half, half, high_in, high_in
        )  # fmt: skip
    return low, high, low_in, high_in


def interval(printed: str, rule: Rule = "half-up", percent: bool = False) -> Interval:
    """Half-open interval (low in, high out) of the unrounded number as floats.

    percent : whether the number is printed in percent and wanted as a fraction of one.
    """
    low, high, low_in, high_in = ends(printed, rule)
    scale = 100 if percent else 1
    a, b = (float(e / scale) if e.is_finite() else float(e) for e in (low, high))
    return (a if low_in else nextafter(a, inf)), (nextafter(b, inf) if high_in else b)


def within(numerator: int, denominator: int, printed: str, rule: Rule = "half-up") -> bool:
    """Whether numerator / denominator in percent prints as it does; exact, ties included."""
    low, high, low_in, high_in = ends(printed, rule)
    value = Decimal(100 * numerator)  # compared with end · denominator: no division
    a, b = low * denominator, high * denominator
    return (a < value or (low_in and a == value)) and (value < b or (high_in and value == b))
