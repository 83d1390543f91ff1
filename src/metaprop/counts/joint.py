"""The compiled search under several printed results at once, on any scale.

A depth-first search over the counts of rows. Each result keeps the pieces of tau² that the rows
set so far leave open; where one result has none left, the branch is left. What reaches the end is
computed as `pooling` does, with intervals wider by a hair (`distance`): the caller decides with
`pooling` itself, so that bounds only save work.
"""

from math import inf

import numpy as np
from numba import njit

from .distance import miss

SLACK = 1e-9


@njit(cache=True, nogil=True)
def tighten(tables, allow, bound, open_, alive, possible):
    """Leave out counts and pieces of one result that no sum allows; returns whether any went.

    tables (p, c, k, x), allow (p, s, k, x) and bound (p, s); open_ (p, k, x): counts that a piece
    leaves open, alive (p,): pieces that are, possible (k, x): counts that any piece leaves open.
    """
    changed = False
    c, k, wide = tables.shape[1:]
    top = np.empty(k)
    for p in range(tables.shape[0]):
        if not alive[p]:
            continue
        again = True
        while again and alive[p]:
            again = False
            for j in range(c):
                total = 0.0
                for i in range(k):
                    top[i] = -inf
                    for x in range(wide):
                        if open_[p, i, x] and possible[i, x]:
                            top[i] = max(top[i], tables[p, j, i, x])
                    total += top[i]
                if not total >= -SLACK:
                    alive[p] = False
                    changed = True
                    break
                for i in range(k):
                    need = top[i] - total - SLACK
                    for x in range(wide):
                        if open_[p, i, x] and (not possible[i, x] or tables[p, j, i, x] < need):
                            open_[p, i, x] = False
                            again = True
    for i in range(k):
        for x in range(wide):
            if possible[i, x]:
                some = False
                for p in range(tables.shape[0]):
                    if alive[p] and open_[p, i, x]:
                        some = True
                        break
                if not some:
                    possible[i, x] = False
                    changed = True
    return changed


@njit(cache=True, nogil=True)
def suffixes(tables, allow, open_, closing, best, best_allow):
    """Fill best (p, c, d + 1) and best_allow (p, s, d + 1): the most that later rows add.

    closing (d,): the pooled row that is complete at a depth, or -1. Counts a piece does not leave
    open get -inf in its tables.
    """
    depths = closing.size
    wide = tables.shape[3]
    for p in range(tables.shape[0]):
        for j in range(tables.shape[1]):
            best[p, j, depths] = 0.0
        for s in range(allow.shape[1]):
            best_allow[p, s, depths] = 0.0
        for d in range(depths - 1, -1, -1):
            i = closing[d]
            for j in range(tables.shape[1]):
                best[p, j, d] = best[p, j, d + 1]
                if i >= 0:
                    top = -inf
                    for x in range(wide):
                        if not open_[p, i, x]:
                            tables[p, j, i, x] = -inf
                        top = max(top, tables[p, j, i, x])
                    best[p, j, d] += top
            for s in range(allow.shape[1]):
                best_allow[p, s, d] = best_allow[p, s, d + 1]
                if i >= 0:
                    top = -inf
                    for x in range(wide):
                        if open_[p, i, x]:
                            top = max(top, allow[p, s, i, x])
                    best_allow[p, s, d] += top


@njit(cache=True, nogil=True)
def _open_pieces(depth, i, x, before, after, r, first, tables, best, weight, allow, best_allow,
                 bound, y, alive, count, sums, moments, allowed):  # fmt: skip
    """Pieces of result r left open when its pooled row i gets table entry x; their number."""
    left = 0
    c = tables.shape[1]
    for a in range(count[before, r]):
        p = alive[before, r, a]
        fits = True
        for j in range(c):
            total = sums[before, p, j] + tables[p, j, i, x]
            sums[after, p, j] = total
            if not total + best[p, j, depth + 1] >= -SLACK:
                fits = False
                break
        if not fits:
            continue
        for s in range(weight.shape[1]):
            if bound[p, s] == inf:
                continue
            w = weight[p, s, i, x]
            e = y[r, i, x]
            m0 = moments[before, p, s, 0] + w
            m1 = moments[before, p, s, 1] + w * e
            m2 = moments[before, p, s, 2] + w * e * e
            moments[after, p, s, 0] = m0
            moments[after, p, s, 1] = m1
            moments[after, p, s, 2] = m2
            more = allowed[before, p, s] + allow[p, s, i, x]
            allowed[after, p, s] = more
            most = bound[p, s] + more + best_allow[p, s, depth + 1]
            if m0 > 0.0 and m2 - m1 * m1 / m0 > most + SLACK * (1.0 + abs(most) + m2):
                fits = False
                break
        if fits:
            alive[after, r, left] = p
            left += 1
    count[after, r] = left
    return left


@njit(cache=True, nogil=True)
def _share(at, sizes):
    """The share of all vectors, in the order of the search, that lie behind; less than 1."""
    share = 0.0
    for d in range(sizes.size - 1, -1, -1):
        share = (share + max(at[d], 0)) / sizes[d]
    return min(share, 1.0 - 1e-12)


@njit(cache=True, nogil=True)
def descend(values, sizes, group, closing, offset, first, tables, best, weight, allow, best_allow,
            bound, inside_sum, sum_low, sum_high, rest_low, rest_high, y, v, ks, scale, nbar, code,
            knapp, quantiles, limits, weights, most, budget):  # fmt: skip
    """Vectors of counts that print everything as printed, in the order of the values.

    values (d, w), sizes (d,): counts of each row to try, in order. group (r, d): the pooled row
    that a row adds to, or -1; closing (r, d): the pooled row complete at a depth, or -1;
    offset (r, k): count of the first table entry. first (r + 1,): pieces of each result.
    inside_sum (s, d), sum_low, sum_high (s,), rest_low, rest_high (s, d + 1): printed sums of
    counts. most, budget : vectors and nodes at which it stops.
    Returns the vectors (m, d) and the share of the search that was done: 1 where they are all.
    """
    depths = sizes.size
    results = group.shape[0]
    pieces = tables.shape[0]
    found = np.empty((64, depths), np.int32)
    hits = 0
    nodes = 0
    alive = np.empty((depths + 1, results, pieces), np.int64)
    count = np.zeros((depths + 1, results), np.int64)
    level = np.zeros((depths + 1, results), np.int64)
    sums = np.zeros((depths + 1, pieces, tables.shape[1]))
    moments = np.zeros((depths + 1, pieces, weight.shape[1], 3))
    allowed = np.zeros((depths + 1, pieces, weight.shape[1]))
    totals = np.zeros((depths + 1, max(1, inside_sum.shape[0])), np.int64)
    for r in range(results):
        for p in range(first[r], first[r + 1]):
            alive[0, r, count[0, r]] = p
            count[0, r] += 1
    x = np.zeros(depths, np.int64)
    at = np.full(depths, -1, np.int64)
    ys = np.empty(y.shape[:2])
    vs = np.empty(y.shape[:2])
    depth = 0
    while depth >= 0:
        at[depth] += 1
        if at[depth] >= sizes[depth]:
            at[depth] = -1
            depth -= 1
            continue
        nodes += 1
        if nodes > budget:
            return found[:hits], _share(at, sizes)
        x[depth] = values[depth, at[depth]]
        ok = True
        for s in range(inside_sum.shape[0]):
            total = totals[depth, s] + inside_sum[s, depth] * x[depth]
            totals[depth + 1, s] = total
            if (
                total + rest_high[s, depth + 1] < sum_low[s]
                or total + rest_low[s, depth + 1] > sum_high[s]
            ):
                ok = False
                break
        if not ok:
            continue
        for r in range(results):
            i = closing[r, depth]
            before = level[depth, r]
            if i < 0:
                level[depth + 1, r] = before
                continue
            c = 0
            for d in range(depth + 1):
                if group[r, d] == i:
                    c += x[d]
            c -= offset[r, i]
            level[depth + 1, r] = depth + 1
            ys[r, i] = y[r, i, c]
            vs[r, i] = v[r, i, c]
            left = _open_pieces(
                depth, i, c, before, depth + 1, r, first, tables, best, weight, allow, best_allow,
                bound, y, alive, count, sums, moments, allowed,
            )  # fmt: skip
            if left == 0:
                ok = False
                break
        if not ok:
            continue
        if depth < depths - 1:
            depth += 1
            continue
        for r in range(results):
            k = ks[r]
            if miss(ys[r, :k], vs[r, :k], scale[r], nbar[r], code, knapp, quantiles[r],
                    limits[r], weights[r], 0.0) > 0.0:  # fmt: skip
                ok = False
                break
        if not ok:
            continue
        if hits == found.shape[0]:
            bigger = np.empty((2 * hits, depths), np.int32)
            bigger[:hits] = found
            found = bigger
        for d in range(depths):
            found[hits, d] = x[d]
        hits += 1
        if hits >= most:
            return found[:hits], _share(at, sizes)
    return found[:hits], 1.0
