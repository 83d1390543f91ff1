"""Many vectors of counts at once: in order, different, in the middle, among and below others."""

from math import inf

import numpy as np
from numba import njit
from numpy.typing import NDArray

Counts = NDArray[np.int32]
# Cells of a grid that cost less than comparing vectors with each other.
_GRID = 2**22


def codes(*tables: Counts) -> list[NDArray[np.int64]]:
    """One whole number for each vector (m, k) of each table, equal and ordered as the vectors."""
    whole = np.concatenate(tables) if len(tables) > 1 else tables[0]  # a copy may be large
    parts = np.cumsum([len(t) for t in tables])[:-1]
    if not whole.size:
        return [np.zeros(len(t), np.int64) for t in tables]
    low = whole.min(0)
    wide = (whole.max(0) - low + 1).astype(object)
    if np.prod(wide) >= 2**62:
        return np.split(np.unique(whole, axis=0, return_inverse=True)[1].reshape(-1), parts)
    out = np.zeros(len(whole), np.int64)
    for column, least, many in zip(whole.T, low, wide, strict=True):  # a third of x @ step's time
        out *= many
        out += column - least
    return np.split(out, parts)


def ordered(x: Counts) -> Counts:
    """The vectors, sorted as counts."""
    return x[np.argsort(codes(x)[0], kind="stable")]


def different(x: Counts) -> Counts:
    """The vectors, each once, sorted as counts."""
    return x[np.unique(codes(x)[0], return_index=True)[1]]


def among(x: Counts, y: Counts) -> NDArray[np.bool_]:
    """Whether each vector of x is one of y."""
    return np.isin(*codes(x, y))


def medoid(x: Counts) -> Counts:
    """The vector of a set with the least sum of absolute differences to the others.

    Ties go to the vector that comes first when sorted as counts; shape (m, k) in, (k,) out.
    """
    x = ordered(x)
    total = np.zeros(len(x))
    for column in x.T:  # sum of |x - x'| by column from a histogram: m log m instead of m²
        values, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        total += (np.abs(values[:, None] - values) @ counts)[inverse]
    return x[int(total.argmin())]


def below(a: Counts, b: Counts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which vectors of a have one of b that is nowhere smaller, and the other way round."""
    if not (len(a) and len(b)):
        return np.zeros(len(a), bool), np.zeros(len(b), bool)
    # Only rows in which a can exceed b matter, and many vectors agree in them.
    rows = a.max(0) > b.min(0)
    out = []
    for x, y, sign in ((a[:, rows], b[:, rows], 1), (b[:, rows], a[:, rows], -1)):
        _, first, of = np.unique(codes(x)[0], return_index=True, return_inverse=True)
        out.append(_dominated(sign * x[first], sign * different(y))[of])
    return out[0], out[1]


def _dominated(a: Counts, b: Counts) -> NDArray[np.bool_]:
    """Whether each vector of a has one of b that is nowhere smaller.

    A grid over the columns but the widest holds the largest entry that b has there, with at least
    these entries in the others: one look-up decides on a vector of a.
    """
    b = b[(b >= a.min(0)).all(1)]  # what is below all of a in a column serves none
    if not (len(b) and a.shape[1]):
        return np.full(len(a), len(b) > 0)
    top = np.minimum(a.max(0), b.max(0))
    floor = np.minimum(b.min(0), top)
    fits = (a <= top).all(1)
    widest = int((top - floor).argmax())
    shape = top - floor + 1
    shape[widest] = 1
    if np.prod(shape.astype(float)) > _GRID:
        dominated(a, b[np.argsort(-b.sum(1), kind="stable")], fits)
        return fits
    most = np.full(shape, np.iinfo(b.dtype).min, b.dtype)
    np.maximum.at(most, _cells(b, floor, top, widest), b[:, widest])
    for axis in range(most.ndim):
        backwards = np.flip(most, axis)
        np.maximum.accumulate(backwards, axis, out=backwards)
    return fits & (most[_cells(a, floor, top, widest)] >= a[:, widest])


def _cells(x: Counts, floor: Counts, top: Counts, widest: int) -> tuple[Counts, ...]:
    """Where vectors lie in a grid from floor to top that has no column `widest`."""
    at = np.clip(x, floor, top) - floor
    at[:, widest] = 0
    return tuple(at.T)


@njit(cache=True, nogil=True)
def _at_most(a, r, b, s):
    """Whether row r of a is nowhere above row s of b; a slice of each would cost more than this."""
    for i in range(a.shape[1]):  # noqa: SIM110  # numba compiles no generator
        if a[r, i] > b[s, i]:
            return False
    return True


@njit(cache=True, nogil=True)
def dominated(a, b, out):
    """out[r] = whether some row of b is at least row r of a in every column.

    Rows of b are sorted by their sums, the largest first: below its own sum nothing is to be found.
    """
    totals = b.sum(1)
    last = 0
    for r in range(a.shape[0]):
        out[r] = False
        total = a[r].sum()
        for step in range(-1, b.shape[0]):
            s = step if step >= 0 else last  # what served the row before may serve again
            if step >= 0 and totals[s] < total:
                break
            if _at_most(a, r, b, s):
                out[r] = True
                last = s
                break


@njit(cache=True, nogil=True)
def cheapest(a, cost_a, b, cost_b, total, out):
    """Fill out with rows (i, j) of a and b, a nowhere above b, that cost least together.

    Rows are sorted by cost. The cost of a pair is the sum of both (total) or the larger one, and is
    returned; inf without a pair.
    """
    best = inf
    for i in range(a.shape[0]):
        least = cost_a[i] + cost_b[0] if total else max(cost_a[i], cost_b[0])
        if least >= best:
            break
        for j in range(b.shape[0]):
            cost = cost_a[i] + cost_b[j] if total else max(cost_a[i], cost_b[j])
            if cost >= best:
                break
            if _at_most(a, i, b, j):
                best = cost
                out[0], out[1] = i, j
                break
    return best
