"""Ranges of tau², I², prediction limits and the estimate over all methods, without a listing.

As for a count (`counts.ranges`): beyond the last value that a vector was seen to have, a walk finds
one, or tables, a search or linear programmes prove that there is none. The quantity's own interval
is then one more printed number.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from ..counts import ranges, witness
from ..counts.equations import moment
from ..counts.relax import Mixtures
from ..counts.several import Search, Walks
from ..counts.statement import EVERYTHING, HAIR, Interval, Limits
from ..counts.tables import Counts, Tables
from ..counts.witness import Outcome
from ..effectsize import Array
from . import answer, outer
from .answer import EXACT, OUTER
from .problem import Candidate, Problem
from .solve import search
from .values import consistent

# Quantities whose ranges are told: what a paper may have left out.
TOLD = ("estimate", "tau2", "I2", "pi_lower", "pi_upper")
Found = list[tuple[Candidate, Outcome]]
# A gap between what was seen and what is certified is closed at this: a tenth of a percentage
# point, and for tau² one unit of the third significant digit, for more is hardly ever printed.
_POINT, _DIGITS = 1e-3, 3
_INSIDE = 1 - 1e-6  # of a gap, so that it is not larger by a rounding error
# For one end, over all methods: walks, and questions that searches and programmes may answer.
WALKS, QUESTIONS, PROGRAMMES = 16, 8, 20


@dataclass(frozen=True)
class _Part:
    """One method's share of a range: what is certified, and what was seen (or NaN)."""

    candidate: Candidate
    outcome: Outcome
    bound: Interval
    seen: Array

    @property
    def open(self) -> bool:
        """Whether more can be asked: there is a vector to start from, and there may be others."""
        o = self.outcome
        return o.search is not None and o.root is not None and len(o.seen) > 0


def table(problem: Problem, found: Found) -> pd.DataFrame:
    """Quantities of an answer: a row for each pooled result, scale and quantity."""
    groups: dict[tuple[int, str, str], list[_Part]] = {}
    for candidate, outcome in found:
        bounds = [] if outcome.vectors is not None else outer.bounds(outcome)
        for i, result in enumerate(problem.results):
            own, scale = bounds[i] if bounds else {}, candidate.scale(result)
            told = consistent(result, candidate, outcome.seen)
            for quantity in (q for q in TOLD if q in told):
                seen = told[quantity]
                bound = own.get(quantity, outer.anything(quantity, scale))
                if outcome.vectors is not None:
                    bound = (float(np.nanmin(seen)), float(np.nanmax(seen)))
                part = _Part(candidate, outcome, bound, seen)
                groups.setdefault((i, scale, quantity), []).append(part)
    tolerance = {key: _tolerance(key[2], parts) for key, parts in groups.items()}
    asked = list(product(groups, (-1, 1)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ends = pool.map(
            lambda a: _End(problem, a[0], a[1], tolerance[a[0]], WALKS, QUESTIONS)(groups[a[0]]),
            asked,
        )
        ends = dict(zip(asked, ends, strict=True))
    rows = []
    for key in groups:
        (low, least), (high, most) = ends[key, -1], ends[key, 1]
        gap, near = max(least - low, high - most), tolerance[key]
        how = EXACT if gap == 0 else f"{EXACT} to {near:g}" if gap <= near else OUTER
        rows.append((problem.results[key[0]].rows, *key[1:], low, high, how, least, most))
    return pd.DataFrame(rows, columns=list(answer.QUANTITY_COLUMNS))


def _tolerance(quantity: str, parts: list[_Part]) -> float:
    """The gap at which an end is as good as exact; 0 where nothing but 0 was seen."""
    if quantity != "tau2":
        return _POINT
    top = max((float(np.nanmax(p.seen)) for p in parts if p.seen.size), default=0.0)
    return float(10 ** (np.floor(np.log10(top)) - _DIGITS + 1)) if top > 0 else 0.0


@dataclass
class _End:
    """One end of the range of a quantity (result, scale, name): sign is -1 for the lower end."""

    problem: Problem
    key: tuple[int, str, str]
    sign: int
    near: float
    walks: int
    questions: int
    seen: float = -np.inf

    def __call__(self, parts: list[_Part]) -> tuple[float, float]:
        """What nothing passes, and the last value that was seen (or NaN)."""
        sign = self.sign
        edge = lambda p: sign * p.bound[sign > 0]  # noqa: E731
        last = lambda p: float(np.nanmax(sign * p.seen)) if p.seen.size else -np.inf  # noqa: E731
        self.seen = max(map(last, parts))
        bound = max([self.seen, *(edge(p) for p in parts if not p.open)])
        for part in sorted((p for p in parts if p.open), key=lambda p: (-edge(p), -last(p))):
            if edge(part) > max(bound, self.seen + self.near):
                bound = max(bound, self._settle(part, edge(part), bound))
            elif edge(part) > bound:
                bound = edge(part)
            else:  # nothing to prove
                self._walked(part, edge(part))
        bound = max(bound, self.seen)
        return sign * bound + 0.0, sign * self.seen + 0.0 if np.isfinite(self.seen) else np.nan

    def _walked(self, part: _Part, edge: float) -> None:
        """Raise the last value seen by walks, the first half way to the edge, then nearer."""
        low, high = self.seen, edge
        while self.walks > 0 and high - max(low, self.seen) > self.near:
            low = max(low, self.seen)
            middle = (low + high) / 2 if np.isfinite(high) else low + max(abs(low), self.near)
            self.walks -= 1
            if not self._walk(part, middle, edge):
                high = middle

    def _settle(self, part: _Part, edge: float, bound: float) -> float:
        """What no vector of a method passes, beyond a bound of others."""
        self._walked(part, edge)
        far = False  # beyond a vector just found there are often more: halfway to the edge then
        while self.questions > 0 and edge > max(bound, self.seen + self.near):
            start = max(bound, self.seen + _INSIDE * self.near)
            start, there = (start + edge) / 2 if far and np.isfinite(edge) else start, None
            while self.questions > 0 and (there := self._ask(part, start, edge)) is None:
                start = (start + edge) / 2 if np.isfinite(edge) else 4 * max(abs(start), self.near)
            if there is False:
                edge = start
            far = there is True
        return max(edge, self.seen)

    def _limited(self, part: _Part, start: float, edge: float) -> list[tuple[Search, list[Tables]]]:
        """Searches for vectors with a value from start to edge, one for each meaning.

        Each has the tables of the method with these limits in them, for walks.
        """
        i, _scale, quantity = self.key
        a, b = sorted((self.sign * start, self.sign * edge))
        wide = HAIR * (1 + abs(b if self.sign > 0 else a))
        a, b = (a, b + wide) if self.sign > 0 else (a - wide, np.nextafter(b, np.inf))
        out, result, tables = [], self.problem.results[i], part.outcome.root[1]
        for limits in _meanings(tables[i], quantity, (a, b)):
            own = replace(result, limits=_both(result.limits, limits))
            results = (*self.problem.results[:i], own, *self.problem.results[i + 1 :])
            new = search(replace(self.problem, results=results), part.candidate)
            out.append(
                (new, [replace(t, target=n) for t, n in zip(tables, new.targets, strict=True)])
            )
        return out

    def _saw(self, part: _Part, x: Counts) -> bool:
        if len(x):
            told = consistent(self.problem.results[self.key[0]], part.candidate, x)[self.key[2]]
            self.seen = max(self.seen, float(np.nanmax(self.sign * told)))
        return len(x) > 0

    def _near(self, part: _Part) -> Counts:
        return part.outcome.seen[int(np.nanargmax(np.nanmax(self.sign * part.seen, axis=0)))]

    def _walk(self, part: _Part, start: float, edge: float) -> bool:
        """Whether a walk finds a vector with a value from start to edge."""
        domain = part.outcome.root[0]
        for new, tables in self._limited(part, start, edge):
            x, _ = Walks(new, (domain, tables)).go(self._near(part), -1, witness.STEPS)
            if self._saw(part, x):
                return True
        return False

    def _ask(self, part: _Part, start: float, edge: float) -> bool | None:
        """Whether a vector has a value from start to edge; None where the search did not end."""
        self.questions -= 1
        sure = True
        for new, _ in self._limited(part, start, edge):
            root = new.root(part.outcome.root[0])
            if root is None:
                continue
            x, share = new.run(root, 1, ranges.QUESTION, self._near(part))
            if not len(x) and share < 1:
                fits, x = Mixtures(new, root).ask(PROGRAMMES, witness.STEPS // 4)
                sure = sure and fits is not None
            if self._saw(part, x):
                return True
        return False if sure else None


def _both(old: Limits, new: Limits) -> Limits:
    """Limits that hold together."""
    out = dict(old)
    for q, (a, b) in new.items():
        low, high = out.get(q, EVERYTHING)
        out[q] = max(a, low), min(b, high)
    return out


def _meanings(own: Tables, quantity: str, ends: Interval) -> list[Limits]:
    """Limits that say that a quantity is between ends; for I² from tau² and from Q, or from both.

    A prediction limit keeps its meanings together: they differ by a quantile alone.
    """
    if quantity != "I2":
        return [{quantity: ends}]
    p, (a, b) = own.target.printed, ends
    if p.k < 2:
        return [{quantity: ends}]
    df, v = p.k - 1, np.where(own.open[own.alive].any(0), own.v, np.nan)
    least, most = (df / c if c > 0 else np.inf for c in moment(v)[::-1])
    ratio = lambda e: e / (1 - e) if e < 1 else np.inf  # noqa: E731
    tau2 = ratio(a) * least * (1 - HAIR) if a > 0 else -np.inf, np.inf
    if np.isfinite(most * ratio(b)):
        tau2 = tau2[0], most * max(ratio(b), 0.0) * (1 + HAIR) + 1e-15
    q = df / (1 - a) * (1 - HAIR) if 0 < a < 1 else np.inf if a >= 1 else -np.inf
    q = q, df / (1 - max(b, 0)) * (1 + HAIR) if b < 1 else np.inf
    if p.method.tau2_method == "DL":
        return [{quantity: ends, "tau2": tau2, "Q": q}]
    return [{quantity: ends, "tau2": tau2}, {quantity: ends, "Q": q}]
