"""Cases of a tree of linear programmes: pieces of tau², ranges of means, and counts left."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .statement import HAIR, Interval
from .tables import Mask, Tables


@dataclass(frozen=True)
class Piece:
    """A piece of a result's tau² and the range of the mean of each sum of squares there."""

    own: Tables
    p: int
    means: tuple[tuple[float, float], ...]

    @property
    def squares(self) -> list[int]:
        """Which sums of squares are bounded."""
        return np.flatnonzero(np.isfinite(self.own.bound[self.p])).tolist()


@dataclass(frozen=True)
class State:
    """Pieces chosen so far, one a result, and counts left (variables,)."""

    pieces: tuple[Piece, ...]
    open: Mask

    def put(self, t: int, piece: Piece) -> "State":
        """The same with another piece of result t."""
        return replace(self, pieces=(*self.pieces[:t], piece, *self.pieces[t + 1 :]))


def weight_known(piece: Piece) -> float:
    """The most by the least that a weight can be within a piece, relative to the others; or 1.

    1 where no smaller piece is built: the first of two tau² would be open again, and wide.
    """
    own, (t0, t1) = piece.own, piece.own.tau2[piece.p]
    if not np.isfinite(t1) or own.target.printed.method.tau2_method == "DL2":
        return 1.0
    small, large = np.nanmin(own.v), np.nanmax(own.v)
    return float((t1 + small) * (t0 + large) / ((t0 + small) * (t1 + large)))


def pieces(own: Tables) -> Iterator[Piece]:
    """The pieces that a result has open, with all that their means can be."""
    for p in np.flatnonzero(own.alive):
        if not np.isnan(own.y[own.open[p]]).all():
            used = np.flatnonzero(np.isfinite(own.bound[p]))
            yield Piece(own, int(p), tuple(_mean(own, int(p), int(s)) for s in used))


def _mean(own: Tables, p: int, s: int) -> Interval:
    """Range of the mean, weighted by w, of a sum of squares about it that is at most b.

    The estimate has weights r instead: it is off by Σ (r - f w) (y - mean) / Σ r with any f, at
    most the root of b Σ (r - f w)² / w by Σ r (Cauchy-Schwarz).
    """
    some = own.open[p] & ~np.isnan(own.y)
    if not some.any(1).all():  # nothing is left
        return float(own.y[some].min()), float(own.y[some].max())
    v, w, allow = (np.where(some, a, 1.0) for a in (own.v, own.weight[p, s], own.allow[p, s]))
    y, (t0, t1), many = own.y[some], own.tau2[p], some.sum(1)
    small = np.where(some, v, np.inf).min()
    r0 = (t0 + small) / (t0 + v)
    r1 = (t1 + small) / (t1 + v) if np.isfinite(t1) else np.ones_like(v)
    # Means, largest and smallest of each row; numpy's own that pass over NaN take twice as long.
    mean = lambda a: np.where(some, a, 0.0).sum(1) / many  # noqa: E731
    largest = lambda a: np.where(some, a, -np.inf).max(1)  # noqa: E731
    most = max(float(own.bound[p, s] + largest(allow).sum()), 0.0)
    factor = (mean(r0) + mean(r1)).sum() / (2 * mean(w).sum())
    off = np.maximum(np.abs(r0 - factor * w), np.abs(r1 - factor * w)) ** 2 / w
    far = np.sqrt(most * largest(off).sum()) / -largest(-r0).sum() * (1 + HAIR) + HAIR
    m0, m1 = own.estimate[p]
    low, high = max(float(y.min()), m0 - far), min(float(y.max()), m1 + far)
    return (low, high) if low <= high else (float(y.min()), float(y.max()))
