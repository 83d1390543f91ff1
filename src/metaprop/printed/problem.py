"""What is printed of which rows, as intervals of unrounded numbers; and the methods to try."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..effectsize import INVERSES
from ..method import CI_METHODS, NONE, TAU2_METHODS, Method
from .read import AT_MOST, FITTED, GLMM, SUPPORTED, BadInput, split
from .rounding import Interval, Rule, interval, within

Counts = NDArray[np.int32]
PERCENT = {"estimate", "lower", "upper", "I2", "pi_lower", "pi_upper", "weight"}
# Scales on which a limit may leave 0 to 1, and software may print the end of that range instead.
UNBOUNDED = ("PLN", "PR")


@dataclass(frozen=True)
class Result:
    """One pooled result: which rows, on which scale, and the intervals of its numbers.

    rows : name of the choice of rows. scale : "" where the paper does not say. members : matrix
    (pooled rows, rows) that adds up counts. n : patients of each pooled row. limits : quantity to
    interval; percentages are fractions of one. weights : pooled row to interval.
    """

    rows: str
    scale: str
    members: Counts
    n: tuple[int, ...]
    limits: dict[str, Interval] = field(default_factory=dict)
    weights: dict[int, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Rows with what is known of their counts, and everything that is printed of them.

    allowed : the possible counts of each row. sums : (factor of each row, low, high) of sums of
    counts: printed events, and that one row has no more than another.
    """

    labels: tuple[str, ...]
    n: Counts
    low: Counts
    high: Counts
    allowed: tuple[NDArray[np.bool_], ...]
    results: tuple[Result, ...]
    sums: tuple[tuple[Counts, int, int], ...]


@dataclass(frozen=True)
class Candidate:
    """A method to try; its scale is that of every number whose scale is not printed.

    meta_zero : whether a count of 0 or n is treated as R meta does, on the log and raw scales.
    """

    method: Method
    meta_zero: bool = False

    def scale(self, result: Result) -> str:
        """The scale of a pooled result, as `effectsize` knows it."""
        name = result.scale or self.method.scale
        return f"{name}-meta" if self.meta_zero and name in UNBOUNDED else name


def chosen(selector: str, rows: pd.DataFrame) -> Counts:
    """Matrix (pooled rows, rows) of a choice of rows such as "all", "arm=a" or "all by study"."""
    which, merged = split(selector)
    column, _, value = which.partition("=")
    inside = (
        np.ones(len(rows), bool)
        if which == "all"
        else (rows[column].astype(str) == value).to_numpy()
    )
    names = rows[merged].to_numpy() if merged else rows["label"].to_numpy()
    kinds = list(dict.fromkeys(names[inside]))
    return np.array([(names == kind) & inside for kind in kinds], np.int32)


def _clipped(quantity: str, scale: str, ends: Interval) -> Interval:
    """An interval of a limit, with everything beyond 0 or 1 where the end itself is printed."""
    if scale in UNBOUNDED or not scale:
        low, high = ends
        if quantity in ("lower", "pi_lower") and low <= 0 < high:
            return -np.inf, high
        if quantity in ("upper", "pi_upper") and low <= 1 < high:
            return low, np.inf
    return ends


def build(rows: pd.DataFrame, printed: pd.DataFrame, rule: Rule) -> Problem:
    """A problem from checked tables."""
    n, low, high = (rows[c].to_numpy(np.int32) for c in ("n", "x_min", "x_max"))
    allowed = [(np.arange(m + 1) >= a) & (np.arange(m + 1) <= b)
               for m, a, b in zip(n, low, high, strict=True)]  # fmt: skip
    results: dict[tuple[str, str], Result] = {}
    sums = _ordered(rows)
    weights = []
    for r in printed.itertuples():
        if r.quantity in ("rate", "rate_lower", "rate_upper"):
            i = int(np.flatnonzero(rows["label"] == split(r.rows)[0].partition("=")[2])[0])
            allowed[i] &= _single(r.quantity, int(n[i]), r.printed, rule)
        elif r.quantity == "events":
            a, b = interval(r.printed, rule)
            who = chosen(r.rows, rows).any(0).astype(np.int32)
            sums.append((who, int(max(np.ceil(a), 0)), int(min(np.ceil(b) - 1, n.sum()))))
        elif r.quantity == "weight":
            weights.append(r)
        else:
            key = (" by ".join(filter(None, split(r.rows))), r.scale)
            if key not in results:
                members = chosen(r.rows, rows)
                results[key] = Result(*key, members, tuple((members @ n).tolist()))
            ends = interval(r.printed, rule, r.quantity in PERCENT)
            results[key].limits[r.quantity] = _clipped(r.quantity, r.scale, ends)
    for r in weights:
        _add_weight(r, rows, results, rule)
    return Problem(tuple(rows["label"]), n, low, high, tuple(allowed),
                   tuple(results.values()), tuple(sums))  # fmt: skip


def _ordered(rows: pd.DataFrame) -> list[tuple[Counts, int, int]]:
    """For each row that is at most another, their difference as a sum that is never negative."""
    out = []
    at = {label: i for i, label in enumerate(rows["label"])}
    for i, other in enumerate(rows.get(AT_MOST, ())):
        if other:
            factor = np.zeros(len(rows), np.int32)
            factor[i], factor[at[other]] = -1, 1
            out.append((factor, 0, int(rows["n"][at[other]])))
    return out


def _add_weight(r: tuple, rows: pd.DataFrame, results: dict, rule: Rule) -> None:
    """Give a printed weight to the result over all rows on its scale.

    Where rows hold more than one outcome it is the only result in which the row stands alone.
    """
    key = ("all", r.scale)
    row = int(np.flatnonzero(rows["label"] == split(r.rows)[0].partition("=")[2])[0])
    if AT_MOST in rows:
        alone = np.eye(len(rows), dtype=np.int32)[row]
        same = [k for k in results if k[1] == r.scale]
        own = [k for k in same if (results[k].members == alone).all(1).any()]
        if len(own) != 1:
            raise BadInput(
                f"printed, row {r.Index + 2}, column rows: found {r.rows!r} alone in {len(own)} "
                "results printed on this scale, expected one that its weight belongs to"
            )
        key = own[0]
    elif key not in results:
        members = chosen("all", rows)
        results[key] = Result(*key, members, tuple(rows["n"].tolist()))
    at = int(np.flatnonzero(results[key].members[:, row])[0])
    results[key].weights[at] = interval(r.printed, rule, percent=True)


def _single(quantity: str, n: int, printed: str, rule: Rule) -> NDArray[np.bool_]:
    """Which counts of a row print a rate, or a limit of it (exact or Wilson: either will do)."""
    if quantity == "rate":
        return np.array([within(x, n, printed, rule) for x in range(n + 1)])
    from ..effectsize import interval as single

    low, high = interval(printed, rule, percent=True)
    side = 0 if quantity == "rate_lower" else 1
    out = np.zeros(n + 1, bool)
    for method in ("exact", "wilson"):
        at = np.nan_to_num(single(np.arange(n + 1), n, method)[side], nan=float(side))
        out |= (low - 1e-12 <= at) & (at < high + 1e-12)
    return out


def candidates(problem: Problem, methods: Sequence[Method] | None) -> Iterator[Candidate]:
    """The methods to try: those given, or all that the scales of the printed numbers allow."""
    blank = any(not r.scale for r in problem.results)
    stated = {r.scale for r in problem.results if r.scale}
    if methods is None:
        scales = SUPPORTED if blank or not stated else sorted(stated - {GLMM})[:1]
        methods = [
            Method(s, t, c, i)
            for s, t, c in product(scales, TAU2_METHODS, CI_METHODS)
            for i in (INVERSES if "PFT" in stated | ({s} if blank else set()) else (NONE,))
        ]
        fits = all(set(r.limits) <= set(FITTED) and not r.weights for r in problem.results)
        if stated <= {GLMM} and fits and problem.results:
            methods.append(Method(GLMM, "ML", "wald", NONE))
    zero = bool(((problem.low == 0) | (problem.high == problem.n)).any())
    smallest = min((len(r.n) for r in problem.results), default=2)
    for method in methods:
        if method.scale not in (*SUPPORTED, GLMM):
            raise BadInput(
                f"methods, scale: found {method.scale!r}, "
                f"expected one of {', '.join((*SUPPORTED, GLMM))}"
            )
        if method.tau2_method == NONE or method.ci_method not in CI_METHODS:
            raise BadInput(f"methods: found {method}, expected an estimator of tau² and interval")
        if smallest == 1 and method.ci_method != "wald":
            continue  # one row has no residual and no degree of freedom
        yield Candidate(method)
        used = stated | ({method.scale} if blank else set())
        if zero and used & set(UNBOUNDED):
            yield Candidate(method, meta_zero=True)
