"""What printed numbers say of sums over the rows, tau² in a piece of its range, on any scale.

For tau² inside a piece all weights are known within narrow limits, so that the pooled estimate, the
width of an interval and the equation of the estimator become sums over the rows, each row adding
what its count can add at most. The sampling variance is a table too, for it may depend on the
count. A bound may be loose, never wrong: what reaches the end is computed as `pooling` does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..effectsize import Array
from .equations import (
    TWO_STEPS,
    Spreads,
    Tables,
    estimator,
    knapp_hartung,
    largest,
    largest_tau2,
    moment,
)
from .least import too_far
from .statement import EVERYTHING, HAIR, Interval, Printed

Mask = NDArray[np.bool_]
# Pieces of tau²: relative to the smallest sampling variance, the first at 0, the last without end.
_GRID = np.array([0, *np.geomspace(0.1, 1e5, 40), np.inf])
_INNER = 6
_FIRST = 3  # of these pieces make one of the first step's tau², where an estimator has two
MEMORY = 6 * 10**6  # entries of one table over all pieces, at the most


@dataclass(frozen=True)
class Sums:
    """Tables of p ranges of tau²: sums that must not be negative, and sums of squares.

    tau2, estimate, se (p, 2): ends of these in each piece, on the scale of the effects. tables
    (p, c, k, x). weight, allow (p, s, k, x), bound (p, s): weighted sums of squares about their own
    mean may be at most bound and the sum of allow.
    """

    tau2: Array
    estimate: Array
    se: Array
    tables: Array
    weight: Array
    allow: Array
    bound: Array


def pieces(p: Printed, y: Array, v: Array) -> Sums | None:
    """Tables of every range of tau² that the printed numbers leave open; None without any."""
    whole = p.sizes(lambda limits: _standard_errors(limits, p.quantile))
    limits = _limits(p, whole)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        edges = _edges(p, y, v, _standard_errors(limits, p.quantile))
        t = np.array([edges[:-1], edges[1:]])
        if t.shape[1] * y.size > MEMORY:
            raise MemoryError("rows are too large for the tables of a search")
        wald = np.array([_wald(np.nanmin(v, 1), t[0]), _wald(np.nanmax(v, 1), t[1])])
        own = np.broadcast_to(limits, (t.shape[1], *limits.shape))
        if p.nbar == 0.0 and all(p.no_factor) and t.size:
            sizes = 1 / (4 * wald.T**2)
            own = np.array([_limits(p, (low, high)) for high, low in sizes])
        se = _standard_errors(own, p.quantile)
        m = _estimates(p, own, t, _widths(p, t, se, wald))
        keep = (m[0] <= m[1]) & (se[0] <= se[1] * (1 + HAIR))
        if not keep.any():
            return None
        t, m, se, s = _steps(p, y, v, t[:, keep], m[:, keep], se[:, keep])
        return _sums(p, y, v, t, m, se, s) if t.size else None


def _steps(p: Printed, y: Array, v: Array, *parts: Array) -> tuple[Array, ...]:
    """Parts (2, pieces), each piece with every piece of the first step's tau² if there is one."""
    s = np.append(_GRID[:-1:_FIRST], np.inf) * np.nanmin(v)
    s = np.array([s[:-1], s[1:]])
    pieces, many = parts[0].shape[1], s.shape[1]
    if p.method.tau2_method not in TWO_STEPS or pieces * many * y.size > MEMORY:
        return *parts, np.broadcast_to([[0.0], [np.inf]], parts[0].shape)
    pairs = [*(np.repeat(a, many, axis=1) for a in parts), np.tile(s, pieces)]
    if p.method.tau2_method == "SJ" and p.k > 1:
        fits = _of_seed(pairs[0], pairs[-1], p.k, np.nanmax(v))
        pairs = [a[:, fits] for a in pairs]
    return tuple(pairs)


def _of_seed(t: Array, s: Array, k: int, most: float) -> Mask:
    """Pieces of SJ's tau² and of its seed (2, pieces) that can go together.

    The seed is Σ (y - mean)² / k, and the weights s / (s + v) lie between s / (s + most) and 1.
    """
    share = k / (k - 1)
    low = share * s[0] ** 2 / (s[0] + most)
    return (t[1] >= low * (1 - HAIR)) & (t[0] <= share * s[1] * (1 + HAIR))


def _limits(p: Printed, n: Interval) -> Array:
    """Intervals of estimate, limits and prediction limits as effects, (5, 2)."""
    if n == (0.0, np.inf) and p.method.scale == "PFT":
        return np.array([EVERYTHING] * 5)  # the way back depends on the standard error
    names = ("estimate", "lower", "upper", "pi_lower", "pi_upper")
    ends = [p.limits.get(q, EVERYTHING) for q in names]
    return np.array([(p.effect_at(a, n, False), p.effect_at(b, n, True)) for a, b in ends])


def _standard_errors(limits: Array, z: float) -> Array:
    """Least and largest standard error (2, ...) that limits (..., 3 or more, 2) allow."""
    (e0, e1), (l0, l1), (u0, u1) = (np.moveaxis(limits[..., i, :], -1, 0) for i in range(3))
    low = np.maximum(np.maximum(e0 - l1, u0 - e1), np.maximum((u0 - l1) / 2, 0.0))
    return np.array([low, np.minimum(np.minimum(e1 - l0, u1 - e0), (u1 - l0) / 2)]) / z


def _wald(v: Array, t: float | Array) -> Array:
    """Standard error of a pooled effect with variances v (k,) at each tau²."""
    return 1 / np.sqrt((1 / (v + np.asarray(t, float)[..., None])).sum(-1))


def _edges(p: Printed, y: Array, v: Array, se: Array) -> Array:
    """Edges of the pieces of tau², as far as a Wald width and a printed tau² let it range."""
    if p.method.tau2_method == "CE" or p.k == 1:  # tau² is 0, and nothing else
        low, high = p.limits.get("tau2", EVERYTHING)
        return np.array([0, 1e-12 * np.nanmin(v)]) if low <= 0 < high else np.array([])
    low, high = p.limits.get("tau2", EVERYTHING)
    least, most = np.nanmin(v, 1), np.nanmax(v, 1)
    low = max(low * (1 - HAIR), 0.0)
    high = min(high, largest_tau2(p.method.tau2_method, y, v)) * (1 + HAIR) + 1e-15
    never_narrower, never_wider = p.no_factor
    if np.isfinite(se[1]) and (never_narrower or never_wider):  # either way it is Wald's, or tau² 0
        if never_narrower and _wald(least, 0) > se[1] * (1 + HAIR):
            return np.array([])
        high = min(high, _tau2_of(least, se[1]) * (1 + HAIR) + 1e-15)
    if never_wider:
        low = max(low, _tau2_of(most, se[0]) * (1 - HAIR))
    factor = [] if never_wider else [_tau2_of(most, se[0]) * (1 - HAIR)]  # below it there is one
    if "I2" in p.limits and p.method.tau2_method == "DL":
        a, b = p.limits["I2"]
        s0, s1 = ((p.k - 1) / c if c > 0 else np.inf for c in moment(v)[::-1])
        low = max(low, s0 * a / (1 - a) * (1 - HAIR)) if 0 < a < 1 else low
        high = min(high, s1 * b / (1 - b) * (1 + HAIR)) if b < 1 else high
    if low > high:
        return np.array([])
    grid = _GRID * np.nanmin(v)
    inner = np.linspace(low, high, 1 + _INNER)[1:-1] if np.isfinite(high) else []
    inner = [*grid, *inner, *factor]
    return np.unique([low, *(e for e in inner if low < e < high), max(high, low + 1e-15)])


def _tau2_of(v: Array, se: float) -> float:
    """The tau² at which a Wald standard error is reached with variances v; 0 if it is smaller."""
    if se <= _wald(v, 0):
        return 0.0
    if not np.isfinite(se):
        return np.inf
    return float(brentq(lambda t: _wald(v, t) - se, 0, len(v) * se**2 + v.max(), xtol=1e-15))


def _widths(p: Printed, t: Array, se: Array, wald: Array) -> Array:
    """Standard errors (2, p) of the pieces, as far as the Wald standard errors there are theirs."""
    never_narrower, never_wider = p.no_factor
    low = never_narrower | (never_wider & (t[0] > 0))
    high = np.minimum(se[1], wald[1]) if never_wider else se[1]
    return np.array([np.where(low, np.maximum(se[0], wald[0]), se[0]), high])


def _estimates(p: Printed, limits: Array, t: Array, se: Array) -> Array:
    """Range of the estimate (2, p): as printed, and as limits at this distance let it be."""
    s0, s1 = se[0] * (1 - 1e-12), se[1] * (1 + 1e-12)
    (e0, e1), ci, pi = limits[:, 0].T, limits[:, 1:3], limits[:, 3:]
    within = lambda low, high, a, b: (  # noqa: E731
        np.maximum(low, np.maximum(a[:, 0, 0] + b[0], a[:, 1, 0] - b[1])),
        np.minimum(high, np.minimum(a[:, 0, 1] + b[1], a[:, 1, 1] - b[0])),
    )
    m0, m1 = within(e0, e1, ci, (p.quantile * s0, p.quantile * s1))
    meanings = [z for z in p.quantiles[1:] if not np.isnan(z)]
    if not meanings or not np.isfinite(pi).any():
        return np.array([m0, m1])
    half = np.sqrt(t[0] + s0**2) * (1 - 1e-12), np.sqrt(t[1] + s1**2) * (1 + 1e-12)
    each = np.array([within(m0, m1, pi, (z * half[0], z * half[1])) for z in meanings])
    each = np.where(each[:, :1] <= each[:, 1:], each, [[[np.inf], [-np.inf]]])
    return np.array([each[:, 0].min(0), each[:, 1].max(0)])


def _sums(p: Printed, y: Array, v: Array, t: Array, m: Array, se: Array, s: Array) -> Sums:
    (t0, t1), (m0, m1), (se0, se1), s = (a[:, :, None, None] for a in (t, m, se, s))
    k, small, ends = p.k, np.nanmin(v), np.isfinite(t1)
    r0 = (t0 + small) / (t0 + v)
    r1 = np.where(ends, (t1 + small) / (t1 + v), 1.0)
    near = np.maximum(np.maximum(m0 - y, y - m1), 0) ** 2
    far = np.maximum(np.abs(y - m0), np.abs(y - m1)) ** 2
    known = np.isfinite(m0 + m1)
    d, half = y - np.where(known, (m0 + m1) / 2, np.nanmean(y)), np.where(known, (m1 - m0) / 2, 0.0)
    tables, spreads = (
        [
            (np.isfinite(m0), largest(y - m0, r0, r1)),
            (np.isfinite(m1), largest(m1 - y, r0, r1)),
        ],
        [],
    )
    wald = np.array([_wald(e, t[i]) for i, e in enumerate((np.nanmin(v, 1), np.nanmax(v, 1)))])
    never_narrower, never_wider = p.no_factor
    if never_narrower or never_wider:
        above = never_narrower | (t0 > 0)
        tables.append((np.isfinite(se1) & above, se1**2 / (v + t0) - 1 / k))
    if never_wider:
        tables.append(((se0 > 0) & ends, 1 / k - se0**2 / (v + t1)))
    if p.hartung_knapp and not (never_narrower and never_wider):
        squares = (k - 1) * se0**2, (k - 1) * se1**2
        factor = (not p.adhoc) | (wald[1] < se[0] * (1 - HAIR))[:, None, None]
        more, spreads = knapp_hartung(squares, d, half, near, (r0, r1), factor)
        tables += more
    beyond = np.zeros(near.shape, bool)
    if k > 1:
        name = p.method.tau2_method
        more, squares = estimator(name, d, v, (t0, t1), (near, far), (r0, r1), s)
        tables, spreads = tables + more, spreads + squares
        q0, q1 = p.q
        if np.isfinite(q1):
            spreads.append((1 / v, np.zeros_like(v), np.full_like(t0, q1)))
        if q0 > 0:
            tables.append((t0 >= 0, (d**2 / v - q0 / k) * small))
        beyond = too_far(near, (r0, r1), spreads)
    tables[0] = (True, np.where(beyond, -np.inf, np.where(*tables[0], 0.0)))
    se = _widths(p, t, se, wald)
    return Sums(t.T, m.T, se.T, *_stacked(tables, spreads, (t.shape[1], *y.shape)))


def _stacked(tables: Tables, spreads: Spreads, shape: tuple) -> tuple[Array, ...]:
    """Tables (p, c, k, x), weight and allow (p, s, k, x) and bound (p, s)."""
    stack = np.empty((shape[0], len(tables), *shape[1:]))
    for j, (holds, table) in enumerate(tables):
        stack[:, j] = np.where(holds, table, 0.0)
    stack[np.isnan(stack)] = -np.inf
    weight, allow = np.zeros((2, shape[0], len(spreads), *shape[1:]))
    bound = np.empty((shape[0], len(spreads)))
    for j, (w, a, b) in enumerate(spreads):
        w = np.broadcast_to(w, shape)
        scale = 1 / np.nanmax(w, (1, 2), keepdims=True)
        weight[:, j], allow[:, j] = np.nan_to_num(w * scale), np.nan_to_num(a * scale)
        bound[:, j] = (b * scale)[:, 0, 0]
    return stack, weight, allow, bound
