"""What was found: methods that remain, ranges of the counts, and the verdict in words."""

from dataclasses import dataclass

import pandas as pd

UNIQUE, SET, INFEASIBLE, LITTLE = "unique", "set", "infeasible", "too little said"
UNDECIDED = "undecided"
EXACT, OUTER = "exact", "outer bound"
METHOD_COLUMNS = (
    "scale", "tau2_method", "ci_method", "inverse", "vectors", "tier", "software", "found",
)  # fmt: skip
RANGE_COLUMNS = ("label", "x_min", "x_max", "certified", "seen_min", "seen_max")
QUANTITY_COLUMNS = (
    "rows", "scale", "quantity", "min", "max", "certified", "seen_min", "seen_max",
)  # fmt: skip


_SKIPPED = "A GLMM was not tried: too many vectors are left to fit it to."


@dataclass(frozen=True)
class Answer:
    """Which counts and methods can have printed the numbers.

    verdict : "unique" (one vector of counts), "set", "infeasible" (none, under any method tried),
        "too little said" (every method remains and no count is narrowed) or "undecided" (no vector
        was found, and no proof that there is none).
    methods : the methods that remain: scale, tau2_method, ci_method, inverse, vectors (missing
        where they are too many to list), tier, software, and found: "all vectors", "a witness" or
        "undecided" (neither a vector nor a proof that there is none).
    ranges : label, x_min, x_max over the remaining methods; certified "exact" where both ends are
        counts of a vector that was found, else "outer bound"; seen_min, seen_max: ends that were.
    quantities : rows, scale, quantity, min, max (fractions for percentages): nothing lies outside;
        seen_min, seen_max over the vectors that were found. certified "exact" where these are the
        same (all vectors were listed), "exact to 0.001" where both gaps are at most that (a tenth
        of a percentage point; for tau² one unit of the third significant digit of seen_max), else
        "outer bound". Where I² or a prediction limit is printed, the meanings that print so count.
    vectors : every vector with the method's scale, tau2_method, ci_method and inverse, or None
        where they are too many.
    tried : how many methods were tried. rounding : the rule. skipped : methods with a GLMM, not
        tried because too many vectors were left to fit it to.
    """

    verdict: str
    methods: pd.DataFrame
    ranges: pd.DataFrame
    quantities: pd.DataFrame
    vectors: pd.DataFrame | None
    tried: int
    rounding: str
    skipped: int = 0

    def say(self) -> str:
        """The verdict and its condition in a few sentences."""
        rule = {"unknown": "any of the three rules of rounding"}.get(self.rounding, self.rounding)
        given = f"if the given counts are right, {rule} was used and one method gave all numbers"
        undecided = int((self.methods["found"] == "undecided").sum())
        kept = f"{len(self.methods) - undecided} of {self.tried} methods remain"
        skipped = f" {_SKIPPED}" * (self.skipped > 0)
        if self.verdict == INFEASIBLE:
            return (
                "Infeasible: no vector of counts prints these numbers under any of the "
                f"{self.tried} methods tried. A given count, a printed number, the rule of "
                f"rounding ({self.rounding}) or the list of methods is wrong.{skipped}"
            )
        tail = f" {undecided} more are undecided: the search ended at its limit." * (undecided > 0)
        tail += skipped
        if not self.tried:
            return f"Undecided:{skipped}"
        if self.verdict == UNDECIDED:
            return (
                f"Undecided: no vector of counts was found that prints these numbers, and "
                f"{undecided} of {self.tried} methods could not be excluded. Nothing lies outside "
                f"the ranges.{skipped}"
            )
        if self.verdict == LITTLE:
            return f"Too little said: {kept} and no count is narrowed.{tail}"
        if self.verdict == UNIQUE:
            return f"Unique: one vector of counts prints these numbers, {given}; {kept}.{tail}"
        known = int((self.ranges["x_min"] == self.ranges["x_max"]).sum())
        outer = int((self.ranges["certified"] == OUTER).sum())
        bound = f" The ranges of {outer} rows are outer bounds: nothing lies outside." * (outer > 0)
        return (
            f"Set: several vectors of counts print these numbers, {given}; {kept}, and {known} of "
            f"{len(self.ranges)} counts are known.{bound}{tail}"
        )
