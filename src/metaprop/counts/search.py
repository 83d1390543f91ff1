"""The compiled part of the reconstruction: a depth-first search that cannot lose a vector.

Every printed number becomes a sum over the rows of the meta-analysis: entry ``x`` of row ``i`` in
a table. A branch is left when a sum over the rows set so far, plus the best that the rows still
open can add, stays below what the printed number needs. What reaches the end is checked by the
same arithmetic as `pooling`, so that bounds only save work and never decide.
"""

from math import inf, isnan, sqrt

import numpy as np
from numba import njit

from ..kernels import inverse_pas, inverse_pft, tau2_row, weighted

# Sums of a dozen terms of order 1 err by less than 1e-14; a bound gives way only beyond this.
SLACK = 1e-9


@njit(cache=True, nogil=True)
def rate_limits(pft, nbar, y, v, tau2, hartung_knapp, quantile, out):
    """Fill out = (estimate, lower, upper), as proportions.

    pft selects the double arcsine taken back at nbar: inf is plain sin², 0 the n of a single study
    as precise as the pooled value.
    """
    mu, sw, q = weighted(y, v, tau2)
    se = 1.0 / sqrt(sw)
    if hartung_knapp:
        se *= sqrt(q / (y.size - 1.0))
    if pft and nbar == 0.0:
        nbar = inf if se == 0.0 else 1.0 / (4.0 * se * se)
    if pft and nbar < inf:
        out[0] = inverse_pft(mu, nbar)
        out[1] = inverse_pft(mu - quantile * se, nbar)
        out[2] = inverse_pft(mu + quantile * se, nbar)
    else:
        out[0] = inverse_pas(mu)
        out[1] = inverse_pas(mu - quantile * se)
        out[2] = inverse_pas(mu + quantile * se)


@njit(cache=True, nogil=True)
def within(values, printed):
    """Whether estimate and limits lie in their printed intervals, lower end in, upper end out."""
    for j in range(3):  # noqa: SIM110
        if not printed[j, 0] <= values[j] < printed[j, 1]:
            return False
    return True


@njit(cache=True, nogil=True)
def _steep(y, w):
    """-dQ/dtau² = Σ w² (y - estimate)² at given weights."""
    sw = 0.0
    swy = 0.0
    for i in range(y.size):
        sw += w[i]
        swy += w[i] * y[i]
    mu = swy / sw
    total = 0.0
    for i in range(y.size):
        total += (w[i] * (y[i] - mu)) ** 2
    return total


@njit(cache=True, nogil=True)
def _may_maximise(y, ends, steepness):
    """Whether the likelihood equation can hold in any part of the piece."""
    before = _steep(y, ends[0])
    for s in range(steepness.shape[0]):
        after = _steep(y, ends[s + 1])
        if before >= steepness[s, 0] and after <= steepness[s, 1]:
            return True
        before = after
    return False


@njit(cache=True, nogil=True)
def _best(tables, low, high, best):
    """best[c, i] = the most that rows i, i + 1, ... can still add to sum c."""
    for c in range(tables.shape[0]):
        best[c, low.size] = 0.0
        for i in range(low.size - 1, -1, -1):
            top = -inf
            for x in range(low[i], high[i] + 1):
                top = max(top, tables[c, i, x])
            best[c, i] = best[c, i + 1] + top


@njit(cache=True, nogil=True)
def _open_range(tables, sums, best, row, low, high):
    """Counts of a row that the first two sums allow."""
    need = -SLACK - sums[0] - best[0]
    a, b = low, high + 1
    while a < b:
        mid = (a + b) // 2
        if tables[0, row, mid] < need:
            a = mid + 1
        else:
            b = mid
    first = a
    need = -SLACK - sums[1] - best[1]
    a, b = low - 1, high
    while a < b:
        mid = (a + b + 1) // 2
        if tables[1, row, mid] < need:
            b = mid - 1
        else:
            a = mid
    return first, b


@njit(cache=True, nogil=True)
def _grown(found, count):
    bigger = np.empty((2 * found.shape[0], found.shape[1]), found.dtype)
    bigger[:count] = found[:count]
    return bigger


@njit(cache=True, nogil=True)
def search_boxes(low, high, tables, spread, bound, ends, steepness, effects, v, piece, method, pft,
                 nbar, hartung_knapp, quantile, printed):  # fmt: skip
    """All vectors of the boxes low..high (boxes, k) whose pooled result prints as it does.

    tables : (c, k, max n + 1), entries whose sums must not be negative; the first rises and the
    second falls with the count. spread, bound : row weights of a weighted sum of squares about its
    own mean, and what it must not pass. ends, steepness : as in `enclosure.Piece`. effects, v :
    (k, max n + 1) and (k,). piece : half-open range of tau² for which all this holds.
    Returns the vectors (m, k + 1), their box in the last column, and the nodes visited; -1 nodes
    and the vector where an estimator did not converge.
    """
    k = v.size
    c = tables.shape[0]
    likelihood = steepness.shape[0] > 0
    found = np.empty((64, k + 1), np.int32)
    count = 0
    nodes = 0
    best = np.empty((c, k + 1))
    sums = np.zeros((k + 1, c))
    moments = np.zeros((k + 1, 3))
    x = np.empty(k, np.int64)
    last = np.empty(k, np.int64)
    y = np.empty(k)
    values = np.empty(3)
    for b in range(low.shape[0]):
        _best(tables, low[b], high[b], best)
        depth = 0
        first, last[0] = _open_range(tables, sums[0], best[:, 1], 0, low[b, 0], high[b, 0])
        x[0] = first - 1
        while depth >= 0:
            x[depth] += 1
            if x[depth] > last[depth]:
                depth -= 1
                continue
            nodes += 1
            alive = True
            for j in range(c):
                sums[depth + 1, j] = sums[depth, j] + tables[j, depth, x[depth]]
                if sums[depth + 1, j] + best[j, depth + 1] < -SLACK:
                    alive = False
                    break
            if not alive:
                continue
            a = spread[depth]
            e = effects[depth, x[depth]]
            m0 = moments[depth, 0] + a
            m1 = moments[depth, 1] + a * e
            m2 = moments[depth, 2] + a * e * e
            if m0 > 0.0 and m2 - m1 * m1 / m0 > bound * (1.0 + SLACK) + SLACK:
                continue
            if depth < k - 1:
                moments[depth + 1, 0] = m0
                moments[depth + 1, 1] = m1
                moments[depth + 1, 2] = m2
                y[depth] = e
                depth += 1
                first, last[depth] = _open_range(
                    tables, sums[depth], best[:, depth + 1], depth, low[b, depth], high[b, depth]
                )
                x[depth] = first - 1
                continue
            y[depth] = e
            if likelihood and not _may_maximise(y, ends, steepness):
                continue
            tau2 = tau2_row(method, y, v)
            if isnan(tau2):
                for i in range(k):
                    found[0, i] = x[i]
                return found[:1], -1
            if not piece[0] <= tau2 < piece[1]:
                continue
            rate_limits(pft, nbar, y, v, tau2, hartung_knapp, quantile, values)
            if within(values, printed):
                if count == found.shape[0]:
                    found = _grown(found, count)
                for i in range(k):
                    found[count, i] = x[i]
                found[count, k] = b
                count += 1
    return found[:count], nodes


@njit(cache=True, nogil=True)
def meets(x, effects, v, method, pft, nbars, hartung_knapp, quantile, printed, out):
    """Fill out[j, r] with whether row r of x (vectors, k) prints so when taken back at nbars[j]."""
    y = np.empty(v.size)
    values = np.empty(3)
    for r in range(x.shape[0]):
        for i in range(v.size):
            y[i] = effects[i, x[r, i]]
        tau2 = tau2_row(method, y, v)
        for j in range(nbars.size):
            rate_limits(pft, nbars[j], y, v, tau2, hartung_knapp, quantile, values)
            out[j, r] = within(values, printed)


@njit(cache=True, nogil=True)
def dominated(a, b, out):
    """out[r] = whether some row of b is at least row r of a in every column."""
    last = 0
    for r in range(a.shape[0]):
        out[r] = False
        for step in range(b.shape[0]):
            s = (last + step) % b.shape[0]  # what served the row before most likely serves again
            fits = True
            for i in range(a.shape[1]):
                if a[r, i] > b[s, i]:
                    fits = False
                    break
            if fits:
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
            fits = True
            for c in range(a.shape[1]):
                if a[i, c] > b[j, c]:
                    fits = False
                    break
            if fits:
                best = cost
                out[0], out[1] = i, j
                break
    return best


@njit(cache=True, nogil=True)
def probe(low, high, tables, spread, bound, effects, uniform):
    """Nodes of the search tree of one box, estimated from random descents (Knuth 1975).

    uniform : (descents, k), random numbers in [0, 1).
    """
    k = low.size
    c = tables.shape[0]
    best = np.empty((c, k + 1))
    _best(tables, low, high, best)
    total = 0.0
    sums = np.empty(c)
    alive = np.empty(tables.shape[2], np.int64)
    for r in range(uniform.shape[0]):
        sums[:] = 0.0
        m0 = 0.0
        m1 = 0.0
        m2 = 0.0
        weight = 1.0
        for depth in range(k):
            a = spread[depth]
            total += weight * (high[depth] - low[depth] + 1)
            count = 0
            for x in range(low[depth], high[depth] + 1):
                fits = True
                for j in range(c):
                    if sums[j] + tables[j, depth, x] + best[j, depth + 1] < -SLACK:
                        fits = False
                        break
                e = effects[depth, x]
                n0 = m0 + a
                n1 = m1 + a * e
                inside = m2 + a * e * e - n1 * n1 / n0 if n0 > 0.0 else 0.0
                if fits and inside <= bound * (1.0 + SLACK) + SLACK:
                    alive[count] = x
                    count += 1
            if count == 0:
                break
            x = alive[int(count * uniform[r, depth])]
            weight *= count
            e = effects[depth, x]
            m0 += a
            m1 += a * e
            m2 += a * e * e
            for j in range(c):
                sums[j] += tables[j, depth, x]
    return total / uniform.shape[0]
