"""Tables of one printed result over the counts that rows have left, and what they leave out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..effectsize import Array
from . import sums
from .statement import Printed
from .tighten import SLACK, tighten

Counts = NDArray[np.int32]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """A pooled result and the matrix (its rows, rows of the problem) that adds up counts.

    extra : entry of each count (its rows, counts) in a further sum that must not be negative.
    """

    printed: Printed
    members: Counts
    extra: Array | None = None


@dataclass
class Tables:
    """Tables of one result, its pooled rows' counts from low, and what is still open."""

    target: Target
    low: Ints
    y: Array
    v: Array
    tau2: Array
    estimate: Array
    se: Array
    tables: Array
    weight: Array
    allow: Array
    bound: Array
    open: Mask
    alive: Mask


def build(target: Target, domain: list[Mask]) -> Tables | None:
    """Tables of a result over the counts that the rows have left; None where no piece is open."""
    low, high = ends(domain)
    low, high = target.members @ low, target.members @ high
    y, v = target.printed.effects(low, high)
    found = sums.pieces(target.printed, y, v)
    if found is None:
        return None
    tau2, tables, weight, allow, bound = (
        found.tau2, found.tables, found.weight, found.allow, found.bound
    )  # fmt: skip
    possible = ~np.isnan(y)
    if target.extra is not None:
        more = np.full(y.shape, -np.inf)
        for i, row in enumerate(target.extra):
            part = row[low[i] : high[i] + 1]
            more[i, : len(part)] = part
        more = np.broadcast_to(more, (len(tau2), 1, *y.shape))
        tables = np.concatenate([tables, more], axis=1)
    # A table that is the same for every count is a sum known at once.
    top = np.where(possible, tables, -np.inf).max(-1)
    same = (top == np.where(possible, tables, np.inf).min(-1)).all((0, 2))
    alive = (top[:, same].sum(-1) >= -SLACK).all(1)
    if not alive.any():
        return None
    used = np.isfinite(bound).any(0)
    return Tables(
        target, low, y, v, tau2[alive], found.estimate[alive], found.se[alive],
        tables[alive][:, ~same], weight[alive][:, used], allow[alive][:, used],
        bound[alive][:, used],
        np.broadcast_to(possible, (int(alive.sum()), *y.shape)).copy(),
        np.ones(int(alive.sum()), bool),
    )  # fmt: skip


def ends(domain: list[Mask]) -> tuple[Ints, Ints]:
    """Smallest and largest possible count of each row."""
    low = np.array([int(d.argmax()) for d in domain])
    return low, np.array([len(d) - 1 - int(d[::-1].argmax()) for d in domain])


def summands(who: Ints, domain: list[Mask]) -> tuple[Ints, Ints]:
    """Least and largest that each row adds to sums of counts with factors who (s, rows)."""
    low, high = ends(domain)
    return np.where(who > 0, who * low, who * high), np.where(who > 0, who * high, who * low)


def narrow_sums(who: Ints, least: Ints, most: Ints, domain: list[Mask]) -> bool:
    """Take from each row's domain the counts that leave no sum from least to most; if any went.

    A factor is -1, 0 or 1.
    """
    changed = False
    for factor, a, b in zip(who, least, most, strict=True):
        low, high = summands(factor, domain)
        for r in np.flatnonzero(factor):
            own = factor[r] * np.arange(len(domain[r]))
            keep = domain[r] & (own + high.sum() - high[r] >= a) & (own + low.sum() - low[r] <= b)
            changed |= bool((keep != domain[r]).any())
            domain[r] = keep
    return changed


def narrow(own: Tables, domain: list[Mask]) -> bool:
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
    tighten(own.tables, own.open, own.alive, possible)
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
