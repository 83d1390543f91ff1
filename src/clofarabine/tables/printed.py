"""A number as the paper prints it, and what could stand behind it."""

import re
from dataclasses import dataclass

_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Printed:
    """A printed number: its value, its decimals, and the values that print so.

    lower and upper bound the values before rounding; a bound such as "> 30" is open above. Both
    ends count as agreeing, because a value that lies halfway rounds up in one program and to the
    even digit in another.
    """

    value: float
    decimals: int
    lower: float
    upper: float

    def agrees(self, value: float) -> bool:
        """Whether the value, rounded, can print as this."""
        slack = 1e-9 * max(1.0, abs(self.value))
        return self.lower - slack <= value <= self.upper + slack


def read(text: str) -> Printed:
    """Read a printed number: digits, a word ("nine"), a bound ("> 30", "≥ 22"), "almost 10".

    Words and plain integers are exact only as far as rounding to the unit goes; whether a quantity
    is a count is for the reader of the result to say.

    Raises
    ------
    ValueError
        If the text holds no number or more than one.
    """
    words = [w for w in re.findall(r"[a-z]+", text.lower()) if w in _WORDS]
    digits = _NUMBER.findall(text)
    if len(words) + len(digits) != 1:
        raise ValueError(f"printed: found {text!r}, expected one number")
    if words:
        value, decimals = float(_WORDS.index(words[0])), 0
    else:
        value = float(digits[0])
        decimals = len(digits[0].partition(".")[2])
    half = 0.5 * 10.0**-decimals
    lower, upper = value - half, value + half
    if ">" in text or "≥" in text:
        lower, upper = value, float("inf")
    elif "<" in text or "≤" in text:
        lower, upper = float("-inf"), value
    elif "almost" in text.lower():
        # "almost 1 year" claims less than the number, by an unstated amount: half of it at most.
        lower, upper = 0.5 * value, value
    return Printed(value, decimals, lower, upper)
