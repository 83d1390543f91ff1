"""A random walk towards a vector of counts that prints as printed: it finds, and proves nothing."""

from math import exp, log

import numpy as np
from numba import njit

from .distance import miss

_PAIR = 0.5  # share of the steps that move two rows at once
_REACH = 4  # how far a count is moved where the best of all moves is taken
_ROWS, _AWAY = 4, 3  # rows that are moved before a new start, at the most, and how far


@njit(cache=True, nogil=True)
def walk(x, row, steps, hot, seed, rows, res, events):
    """Change x (d,) in place, one or two rows at a time but never `row`, until it prints.

    hot : how readily a step to a worse vector is taken, at the start. Arguments after seed are
    those of `joint.descend`, with values ascending. Returns how far x is from printing as printed,
    0 where it does.
    """
    np.random.seed(seed)
    depths = x.size
    values, sizes = rows.values, rows.sizes
    at = np.empty(depths, np.int64)
    free = np.empty(depths, np.int64)
    n = 0
    for d in range(depths):
        at[d] = np.argmin(np.abs(values[d, : sizes[d]] - x[d]))
        x[d] = values[d, at[d]]
        if sizes[d] > 1 and d != row:
            free[n] = d
            n += 1
    now = _away(x, 1e300, res, events)
    for step in range(steps):
        if now == 0.0 or n == 0:
            return now
        pair = n > 1 and np.random.random() < _PAIR
        i = free[np.random.randint(n)]
        j = free[np.random.randint(n)] if pair else i
        a, b = at[i], at[j]
        _move(i, at, sizes)
        if j != i:
            _move(j, at, sizes)
        x[i], x[j] = values[i, at[i]], values[j, at[j]]
        heat = hot * (1.0 - step / steps)
        cap = now - heat * log(max(np.random.random(), 1e-12))
        new = _away(x, cap, res, events)
        if new <= cap:
            now = new
        else:
            at[i], at[j] = a, b
            x[i], x[j] = values[i, a], values[j, b]
    return now


@njit(cache=True, nogil=True)
def improve(x, row, rows, res, events):
    """Take the best move of one or two rows of x (d,), never `row`, as long as one is better.

    Arguments and what it returns are those of `walk`.
    """
    depths = x.size
    values, sizes = rows.values, rows.sizes
    at = np.empty(depths, np.int64)
    for d in range(depths):
        at[d] = np.argmin(np.abs(values[d, : sizes[d]] - x[d]))
        x[d] = values[d, at[d]]
    now = _away(x, 1e300, res, events)
    while now > 0.0:
        best, i, j, a, b = now, -1, -1, 0, 0
        for d in range(depths):
            for e in range(d, depths):
                if d == row or e == row:
                    continue
                for to in range(max(0, at[d] - _REACH), min(sizes[d], at[d] + _REACH + 1)):
                    x[d] = values[d, to]
                    first, last = max(0, at[e] - _REACH), min(sizes[e], at[e] + _REACH + 1)
                    if e == d:
                        first, last = to, to + 1
                    for other in range(first, last):
                        x[e] = values[e, other]
                        new = _away(x, best, res, events)
                        if new < best:
                            best, i, j, a, b = new, d, e, to, other
                    x[e] = values[e, at[e]]
                x[d] = values[d, at[d]]
        if i < 0:
            break
        at[i], at[j] = a, b
        x[i], x[j] = values[i, a], values[j, b]
        now = best
    return now


@njit(cache=True, nogil=True)
def again(x, row, rounds, steps, hot, seed, rows, res, events):
    """Start again from x (d,) a few rows away, `rounds` times, and keep in x what is no farther.

    The other arguments and what it returns are those of `walk`.
    """
    trial = x.copy()
    now = _away(x, 1e300, res, events)
    for i in range(rounds):
        if now == 0.0:
            break
        np.random.seed(seed + i)
        trial[:] = x
        for _ in range(np.random.randint(2, _ROWS + 1)):
            d = np.random.randint(x.size)
            if d != row:
                trial[d] += np.random.randint(-_AWAY, _AWAY + 1)
        new = walk(trial, row, steps, hot, seed + i, rows, res, events)
        if new > 0.0:
            new = improve(trial, row, rows, res, events)
        if new <= now:
            now = new
            x[:] = trial
    return now


@njit(cache=True, nogil=True)
def _move(i, at, sizes):
    """A step up or down, more often a short one."""
    wide = sizes[i] - 1
    far = int(exp(np.random.random() * log(wide + 1.0)))
    at[i] = max(0, min(wide, at[i] + (far if np.random.random() < 0.5 else -far)))


@njit(cache=True, nogil=True)
def _away(x, cap, res, events):
    """How far x is from printing as printed, over all results and printed sums."""
    total = 0.0
    for s in range(events.who.shape[0]):
        many = 0
        for d in range(x.size):
            many += events.who[s, d] * x[d]
        total += max(0, events.low[s] - many, many - events.high[s])
    kmax = res.y.shape[1]
    ys = np.empty(kmax)
    vs = np.empty(kmax)
    at = np.empty(kmax, np.int64)
    for r in range(res.group.shape[0]):
        k = res.ks[r]
        for i in range(k):
            at[i] = -res.offset[r, i]
        for d in range(x.size):
            if res.group[r, d] >= 0:
                at[res.group[r, d]] += x[d]
        for i in range(k):
            ys[i] = res.y[r, i, at[i]]
            vs[i] = res.v[r, i, at[i]]
        total += miss(ys[:k], vs[:k], res.scale[r], res.nbar[r], res.code, res.knapp,
                      res.quantiles[r], res.limits[r], res.weights[r], res.more[r],
                      cap - total)  # fmt: skip
        if total > cap:
            return total
    return total
