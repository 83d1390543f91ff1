"""A random walk towards a vector of counts that prints as printed: it finds, and proves nothing."""

from math import exp, log

import numpy as np
from numba import njit

from .distance import miss

_HEAT = 0.3  # how readily a step to a worse vector is taken, at the start
_PAIR = 0.5  # share of the steps that move two rows at once


@njit(cache=True, nogil=True)
def walk(x, row, steps, values, sizes, group, offset, inside_sum, sum_low, sum_high, y, v, ks,
         scale, nbar, code, knapp, quantiles, limits, weights):  # fmt: skip
    """Change x (d,) in place, one or two rows at a time but never `row`, until it prints.

    Arguments after steps are those of `joint.descend`, with values (d, w) ascending. Returns
    whether x prints as printed.
    """
    np.random.seed(2023)
    depths = x.size
    at = np.empty(depths, np.int64)
    free = np.empty(depths, np.int64)
    n = 0
    for d in range(depths):
        at[d] = np.argmin(np.abs(values[d, : sizes[d]] - x[d]))
        x[d] = values[d, at[d]]
        if sizes[d] > 1 and d != row:
            free[n] = d
            n += 1
    args = (group, offset, inside_sum, sum_low, sum_high, y, v, ks, scale, nbar, code, knapp,
            quantiles, limits, weights)  # fmt: skip
    now = _away(x, 1e300, args)
    for step in range(steps):
        if now == 0.0:
            return True
        if n == 0:
            return False
        pair = n > 1 and np.random.random() < _PAIR
        i = free[np.random.randint(n)]
        j = free[np.random.randint(n)] if pair else i
        a, b = at[i], at[j]
        _move(i, at, sizes)
        if j != i:
            _move(j, at, sizes)
        x[i], x[j] = values[i, at[i]], values[j, at[j]]
        heat = _HEAT * (1.0 - step / steps)
        cap = now - heat * log(max(np.random.random(), 1e-12))
        new = _away(x, cap, args)
        if new <= cap:
            now = new
        else:
            at[i], at[j] = a, b
            x[i], x[j] = values[i, a], values[j, b]
    return now == 0.0


@njit(cache=True, nogil=True)
def _move(i, at, sizes):
    """A step up or down, more often a short one."""
    wide = sizes[i] - 1
    far = int(exp(np.random.random() * log(wide + 1.0)))
    at[i] = max(0, min(wide, at[i] + (far if np.random.random() < 0.5 else -far)))


@njit(cache=True, nogil=True)
def _away(x, cap, args):
    """How far x is from printing as printed, over all results and printed sums."""
    (group, offset, inside_sum, sum_low, sum_high, y, v, ks, scale, nbar, code, knapp, quantiles,
     limits, weights) = args  # fmt: skip
    total = 0.0
    for s in range(inside_sum.shape[0]):
        events = 0
        for d in range(x.size):
            events += inside_sum[s, d] * x[d]
        total += max(0, sum_low[s] - events, events - sum_high[s])
    ys = np.empty(y.shape[1])
    vs = np.empty(y.shape[1])
    at = np.empty(y.shape[1], np.int64)
    for r in range(group.shape[0]):
        k = ks[r]
        for i in range(k):
            at[i] = -offset[r, i]
        for d in range(x.size):
            if group[r, d] >= 0:
                at[group[r, d]] += x[d]
        for i in range(k):
            ys[i] = y[r, i, at[i]]
            vs[i] = v[r, i, at[i]]
        total += miss(ys[:k], vs[:k], scale[r], nbar[r], code, knapp, quantiles[r], limits[r],
                      weights[r], cap - total)  # fmt: skip
        if total > cap:
            return total
    return total
