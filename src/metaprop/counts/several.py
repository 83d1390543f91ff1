"""One method's search over rows: what follows at once, a listing, and a walk to one vector."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from .. import kernels
from ..effectsize import Array
from . import distance, joint, sums
from .pairs import apart
from .sums import Printed
from .walk import walk

Counts = NDArray[np.int32]
Mask = NDArray[np.bool_]
_SCALES = {
    "PAS": distance.PAS,
    "PFT": distance.PFT,
    "PLO": distance.PLO,
    "PLN": distance.PLN,
    "PR": distance.PR,
}
_LIMITS = ("estimate", "lower", "upper", "tau2", "Q", "I2", "H2", "pi_lower", "pi_upper")
MEMORY = 3 * 10**7  # table entries of one result at the most


@dataclass(frozen=True)
class Target:
    """A pooled result and the matrix (its rows, rows of the problem) that adds up counts."""

    printed: Printed
    members: Counts


@dataclass(frozen=True)
class Totals:
    """Printed sums of counts: which rows (s, rows), smallest and largest sum."""

    who: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


@dataclass
class _Tables:
    """Tables of one result, its pooled rows' counts from low, and what is still open."""

    target: Target
    low: NDArray[np.int64]
    y: Array
    v: Array
    tables: Array
    weight: Array
    allow: Array
    bound: Array
    open: Mask
    alive: Mask


def _tables(target: Target, domain: list[Mask]) -> _Tables | None:
    """Tables of a result over the counts that the rows have left; None where no piece is open."""
    low, high = ends(domain)
    low, high = target.members @ low, target.members @ high
    y, v = target.printed.effects(low, high)
    found = list(sums.pieces(target.printed, y, v))
    every = max(1, int(len(found) * y.size * sums.TABLES / MEMORY))
    if every > 1:
        raise MemoryError("rows are too large for the tables of a search")
    if not found:
        return None
    stack = [np.array([getattr(f, a) for f in found]) for a in ("tables", "weight", "allow")]
    open_ = np.broadcast_to(~np.isnan(y), (len(found), *y.shape)).copy()
    bound = np.array([f.bound for f in found])
    alive = np.ones(len(found), bool)
    return _Tables(target, low, y, v, *stack, bound, open_, alive)


def ends(domain: list[Mask]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest and largest possible count of each row."""
    low = np.array([int(d.argmax()) for d in domain])
    return low, np.array([len(d) - 1 - int(d[::-1].argmax()) for d in domain])


def _narrow(own: _Tables, domain: list[Mask]) -> bool:
    """Take from each row's domain the counts that the result has left out; whether any went."""
    changed = False
    possible = np.zeros(own.y.shape, bool)
    low, high = ends(domain)
    members = own.target.members
    for i, m in enumerate(members):
        rows = np.flatnonzero(m)
        if len(rows) == 1:
            part = domain[rows[0]][own.low[i] : own.low[i] + possible.shape[1]]
            possible[i, : len(part)] = part
        else:
            a, b = (int(e[rows].sum()) - int(own.low[i]) for e in (low, high))
            possible[i, max(a, 0) : b + 1] = True
        possible[i] &= ~np.isnan(own.y[i])
    before = possible.copy()
    joint.tighten(own.tables, own.allow, own.bound, own.open, own.alive, possible)
    if (before & ~possible).any():
        for i, m in enumerate(members):
            rows = np.flatnonzero(m)
            left = np.flatnonzero(possible[i]) + own.low[i]
            if not len(left):
                domain[rows[0]][:] = False
                return True
            for r in rows:
                old = domain[r].copy()
                if len(rows) == 1:
                    keep = np.zeros_like(old)
                    keep[left] = True
                    domain[r] &= keep
                else:
                    others = [o for o in rows if o != r]
                    a = left[0] - int(high[others].sum())
                    b = left[-1] - int(low[others].sum())
                    domain[r] &= (np.arange(len(old)) >= a) & (np.arange(len(old)) <= b)
                changed |= bool((old != domain[r]).any())
    return changed


Root = tuple[list[Mask], list[_Tables]]


class Search:
    """One method's search over rows, their allowed counts `domain` and the printed results."""

    def __init__(
        self, targets: list[Target], domain: list[Mask], totals: Totals,
        accept: Callable[[Counts], Mask],
    ) -> None:  # fmt: skip
        self.targets, self.totals, self.accept = targets, totals, accept
        self.domain = [d.copy() for d in domain]

    def root(self, domain: list[Mask], tables: list[_Tables] | None = None, deep: bool = True
    ) -> Root | None:  # fmt: skip
        """The domain and tables after everything that follows at once; None where nothing fits."""
        domain = [d.copy() for d in domain]
        if not all(d.any() for d in domain):
            return None
        if tables is None:
            tables = []
            for t in self.targets:
                own = _tables(t, domain)
                if own is None:
                    return None
                tables.append(own)
                _narrow(own, domain)
                if not all(d.any() for d in domain):
                    return None
        else:
            tables = [replace(t, open=t.open.copy(), alive=t.alive.copy()) for t in tables]
        if not self._settled(domain, tables):
            return None
        if deep and _pairs(tables) and not self._settled(domain, tables):
            return None
        return domain, tables

    def _settled(self, domain: list[Mask], tables: list[_Tables]) -> bool:
        """Narrow the domain until nothing more follows; whether anything is left."""
        changed = True
        while changed:
            changed = False
            for own in tables:
                changed |= _narrow(own, domain)
                if not own.alive.any() or not all(d.any() for d in domain):
                    return False
        return True

    def _first(self, rows: int) -> NDArray[np.int64]:
        """For each row the smallest result that it is in: the search closes that one first."""
        out = np.full(rows, len(self.targets))
        by_size = sorted(self.targets, key=lambda t: int(t.members.sum()), reverse=True)
        for rank, t in enumerate(by_size):
            out[t.members.any(0)] = len(by_size) - rank
        return out

    def _ordered(self, domain: list[Mask], near: Counts | None) -> tuple:
        """Rows in the order of the search, and the counts of each to try, nearest first."""
        size = np.array([d.sum() for d in domain])
        order = np.lexsort((size, self._first(len(size))))
        values = np.zeros((len(order), int(size.max())), np.int64)
        for d, row in enumerate(order):
            own = np.flatnonzero(domain[row])
            if near is not None:
                own = own[np.argsort(np.abs(own - near[row]), kind="stable")]
            values[d, : len(own)] = own
        return order, values, size[order]

    def run(self, root: Root, most: int, budget: int, near: Counts | None = None
    ) -> tuple[Counts, float]:  # fmt: skip
        """Vectors (m, rows), and the share of the search that was done: 1 where they are all.

        near : counts that are tried first, row by row.
        """
        domain, tables = root
        order, values, size = self._ordered(domain, near)
        arrays = _arrays(tables, order)
        who = self.totals.who[:, order]
        low, high = (e[order] for e in ends(domain))
        rest = [np.zeros((len(who), len(order) + 1), np.int64) for _ in range(2)]
        for out, e in zip(rest, (low, high), strict=True):
            out[:, :-1] = (who * e)[:, ::-1].cumsum(1)[:, ::-1]
        found, share = joint.descend(
            values, size, *arrays[:10], who, self.totals.low, self.totals.high, *rest,
            *arrays[10:], most, budget,
        )  # fmt: skip
        x = np.empty_like(found)
        x[:, order] = found
        return x[self.accept(x)] if len(x) else x, share

    def walk(self, root: Root, near: Counts, row: int, steps: int) -> Counts:
        """A vector (1, rows) that a walk from near finds without moving a row (or -1); or none."""
        domain, tables = root
        order, values, size = self._ordered(domain, None)
        a = _arrays(tables, order)
        own = np.asarray(near)[order].astype(np.int64)
        fixed = int(np.flatnonzero(order == row)[0]) if row >= 0 else -1
        hit = walk(own, fixed, steps, values, size, a[0], a[2], self.totals.who[:, order],
                   self.totals.low, self.totals.high, *a[10:])  # fmt: skip
        x = np.empty((int(hit), len(order)), np.int32)
        x[:, order] = own
        return x[self.accept(x)] if hit else x


def _pairs(tables: list[_Tables]) -> bool:
    """Close pieces that cannot hold, alone or with any of another result about the same rows."""
    changed = False
    for i, a in enumerate(tables):
        alone, none = np.ones(1, bool), a.tables[:1, :0]
        for p in range(len(a.alive)):
            own = slice(p, p + 1)
            changed |= apart(a.tables[own], none, a.open[own], a.open[own], a.alive[own], alone)
            alone[:] = True
        for b in tables[i + 1 :]:
            same = a.y.shape == b.y.shape and bool((a.low == b.low).all())
            if same and (a.target.members == b.target.members).all():
                changed |= apart(a.tables, b.tables, a.open, b.open, a.alive, b.alive)
    return changed


def _arrays(tables: list[_Tables], order: NDArray[np.int64]) -> tuple:
    """What `joint.descend` takes of the results, with rows in the order of the search."""
    results, depths = len(tables), len(order)
    kmax = max((t.y.shape[0] for t in tables), default=1)
    wide = max((t.y.shape[1] for t in tables), default=1)
    group, closing = np.full((2, results, depths), -1, np.int64)
    offset = np.zeros((results, kmax), np.int64)
    first = np.zeros(results + 1, np.int64)
    y, v = np.ones((2, results, kmax, wide))
    total = sum(int(t.alive.sum()) for t in tables)
    stack = np.zeros((total, sums.TABLES, kmax, wide))
    weight, allow = np.zeros((2, total, sums.SPREADS, kmax, wide))
    bound = np.full((total, sums.SPREADS), np.inf)
    best = np.zeros((total, sums.TABLES, depths + 1))
    best_allow = np.zeros((total, sums.SPREADS, depths + 1))
    limits = np.empty((results, len(_LIMITS), 2))
    quantiles = np.zeros((results, 4))
    weights = np.empty((results, kmax, 2))
    weights[:] = sums.EVERYTHING
    ks, scale = np.empty((2, results), np.int64)
    nbar = np.empty(results)
    code, knapp = 0, 0
    for r, t in enumerate(tables):
        p, members = t.target.printed, t.target.members[:, order]
        k, w = t.y.shape
        for i, m in enumerate(members):
            at = np.flatnonzero(m)
            group[r, at] = i
            closing[r, at[-1]] = i
        a, b = first[r], first[r] + int(t.alive.sum())
        first[r + 1] = b
        offset[r, :k] = t.low
        y[r, :k, :w], v[r, :k, :w] = t.y, t.v
        own = t.tables[t.alive]
        joint.suffixes(own, t.allow[t.alive], t.open[t.alive], closing[r], best[a:b],
                       best_allow[a:b])  # fmt: skip
        stack[a:b, :, :k, :w] = own
        weight[a:b, :, :k, :w], allow[a:b, :, :k, :w] = t.weight[t.alive], t.allow[t.alive]
        bound[a:b] = t.bound[t.alive]
        limits[r] = [p.limits.get(q, sums.EVERYTHING) for q in _LIMITS]
        limits[r, distance.Q] = p.q
        for i, ends in p.weights.items():
            weights[r, i] = ends
        quantiles[r] = _quantiles(p)
        ks[r], nbar[r] = k, p.nbar
        scale[r] = _SCALES[p.method.scale.removesuffix("-meta")]
        code = getattr(kernels, p.method.tau2_method.upper())
        knapp = p.hartung_knapp + p.adhoc
    return (group, closing, offset, first, stack, best, weight, allow, best_allow, bound, y, v,
            ks, scale, nbar, code, knapp, quantiles, limits, weights)  # fmt: skip


def _quantiles(p: Printed) -> list[float]:
    """Quantile of the interval, and those of the meanings of a prediction interval (or NaN)."""
    at = (1 + p.level) / 2
    if p.method.tau2_method == "CE" or p.k < 3:
        return [p.quantile, np.nan, np.nan, np.nan]
    return [p.quantile, stdtrit(p.k - 2, at), stdtrit(p.k - 1, at), ndtri(at)]
