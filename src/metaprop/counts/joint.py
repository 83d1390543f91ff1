"""The compiled search under several printed results at once, on any scale: it loses no vector.

A depth-first search over the counts of rows. Each result keeps the pieces of tau² that the rows
set so far leave open; where one result has none left, the branch is left. What reaches the end is
computed as `pooling` does, with intervals wider by a hair (`distance`): the caller decides exactly,
so that bounds only save work.

Arrays go into the inner functions one by one: taken out of a tuple in a loop they cost more than
the arithmetic.
"""

from math import inf

import numpy as np
from numba import njit

from ..kernels import ML, REML
from .distance import may_maximise, miss
from .tighten import SLACK


@njit(cache=True, nogil=True)
def _enough(table, shape, need, first, last):
    """First and last entry of a table, from first to last, beyond which none is enough."""
    if shape == 1:
        end = last + 1
        while first < end:
            middle = (first + end) // 2
            if table[middle] >= need:
                end = middle
            else:
                first = middle + 1
    elif shape == 2:
        end = first - 1
        while end < last:
            middle = (end + last + 1) // 2
            if table[middle] >= need:
                end = middle
            else:
                last = middle - 1
    else:
        while first <= last and not table[first] >= need:
            first += 1
        while first <= last and not table[last] >= need:
            last -= 1
    return first, last


@njit(cache=True, nogil=True)
def _reach(depth, low, high, group, closing, offset, used, edge, shape, tables, best, x, base,
           alive, count, level, first, last, sums):  # fmt: skip
    """Counts of a row, from low to high, beyond which no table leaves one open.

    Fills base (d, r): what is added to a count for the entry of its pooled row; first, last (d, p):
    entries that each piece leaves open.
    """
    for r in range(group.shape[0]):
        i = closing[r, depth]
        if i < 0:
            continue
        more = -offset[r, i]
        for d in range(depth):
            if group[r, d] == i:
                more += x[d]
        base[depth, r] = more
        before = level[depth, r]
        least, most = high + 1, low - 1
        for at in range(count[before, r]):
            p = alive[before, r, at]
            a, b = max(low + more, edge[p, i, 0]), min(high + more, edge[p, i, 1])
            for j in range(used[r]):
                need = -SLACK - sums[before, p, j] - best[p, j, depth + 1]
                a, b = _enough(tables[p, j, i], shape[p, j, i], need, a, b)
                if a > b:
                    break
            first[depth, p], last[depth, p] = a, b
            if a <= b:
                least = min(least, a - more)
                most = max(most, b - more)
        low, high = max(low, least), min(high, most)
        if low > high:
            break
    return low, high


@njit(cache=True, nogil=True)
def _open_pieces(depth, i, entry, before, r, used, tables, best, weight, allow, best_allow, bound,
                 y, alive, count, first, last, sums, moments, allowed):  # fmt: skip
    """Pieces of result r left open when its pooled row i gets a table entry; their number."""
    left = 0
    after = depth + 1
    for at in range(count[before, r]):
        p = alive[before, r, at]
        if entry < first[depth, p] or entry > last[depth, p]:
            continue
        fits = True
        for s in range(weight.shape[1]):
            if bound[p, s] == inf:
                continue
            w = weight[p, s, i, entry]
            e = y[r, i, entry]
            m0 = moments[before, p, s, 0] + w
            m1 = moments[before, p, s, 1] + w * e
            m2 = moments[before, p, s, 2] + w * e * e
            moments[after, p, s, 0] = m0
            moments[after, p, s, 1] = m1
            moments[after, p, s, 2] = m2
            more = allowed[before, p, s] + allow[p, s, i, entry]
            allowed[after, p, s] = more
            most = bound[p, s] + more + best_allow[p, s, after]
            if m0 > 0.0 and m2 - m1 * m1 / m0 > most + SLACK * (1.0 + abs(most) + m2):
                fits = False
                break
        if not fits:
            continue
        for j in range(used[r]):
            total = sums[before, p, j] + tables[p, j, i, entry]
            sums[after, p, j] = total
            if not total + best[p, j, after] >= -SLACK:
                fits = False
                break
        if fits:
            alive[after, r, left] = p
            left += 1
    count[after, r] = left
    return left


@njit(cache=True, nogil=True)
def _summed(depth, x, who, low, high, rest_low, rest_high, totals):
    """Whether the printed sums of counts still can be, when a row gets a count."""
    for s in range(who.shape[0]):
        total = totals[depth, s] + who[s, depth] * x
        totals[depth + 1, s] = total
        if total + rest_high[s, depth + 1] < low[s] or total + rest_low[s, depth + 1] > high[s]:
            return False
    return True


@njit(cache=True, nogil=True)
def _prints(alive, count, level, ys, vs, tau2, ks, scale, nbar, code, knapp, quantiles, limits,
            weights, more):  # fmt: skip
    """Whether the counts, all of them set, print everything as printed; level (r,) the last."""
    for r in range(ks.size):
        y, v = ys[r, : ks[r]], vs[r, : ks[r]]
        if y.size > 1 and code in (ML, REML):
            possible = False
            for a in range(count[level[r], r]):
                p = alive[level[r], r, a]
                if may_maximise(y, v, tau2[p, 0], tau2[p, 1], code == REML):
                    possible = True
                    break
            if not possible:
                return False
        if miss(y, v, scale[r], nbar[r], code, knapp, quantiles[r], limits[r], weights[r], more[r],
                0.0) > 0.0:  # fmt: skip
            return False
    return True


@njit(cache=True, nogil=True)
def _share(at, sizes):
    """The share of all vectors, in the order of the search, that lie behind; less than 1."""
    share = 0.0
    for d in range(sizes.size - 1, -1, -1):
        share = (share + max(at[d], 0)) / sizes[d]
    return min(share, 1.0 - 1e-12)


@njit(cache=True, nogil=True)
def descend(rows, res, events, most, budget):
    """Vectors of counts that print everything as printed, in the order of the values.

    rows, res, events : as in `arrays`. most, budget : vectors and nodes at which it stops. Returns
    the vectors (m, d), the share of the search that was done, which is 1 where they are all, and
    the nodes visited.
    """
    given, values, sizes = rows.given, rows.values.copy(), rows.sizes.copy()
    group, closing, offset, used = res.group, res.closing, res.offset, res.used
    edge, shape, tables, best = res.edge, res.shape, res.tables, res.best
    weight, allow, best_allow, bound = res.weight, res.allow, res.best_allow, res.bound
    y, v, tau2, ks, scale, nbar = res.y, res.v, res.tau2, res.ks, res.scale, res.nbar
    code, knapp, quantiles = res.code, res.knapp, res.quantiles
    limits, weights, more = res.limits, res.weights, res.more
    who, sum_low, sum_high = events.who, events.low, events.high
    rest_low, rest_high = events.rest_low, events.rest_high
    results, depths = group.shape
    pieces, c, s = tables.shape[0], tables.shape[1], weight.shape[1]
    alive = np.zeros((depths + 1, results, pieces), np.int64)
    count, level = alive[:, :, 0].copy(), alive[:, :, 0].copy()
    base = np.zeros((depths, results), np.int64)
    first, last = np.zeros((depths, pieces), np.int64), np.zeros((depths, pieces), np.int64)
    sums, moments = np.zeros((depths + 1, pieces, c)), np.zeros((depths + 1, pieces, s, 3))
    allowed = np.zeros((depths + 1, pieces, s))
    totals = np.zeros((depths + 1, events.who.shape[0]), np.int64)
    ys, vs = np.empty(y.shape[:2]), np.empty(y.shape[:2])
    for r in range(results):
        for p in range(res.first[r], res.first[r + 1]):
            alive[0, r, count[0, r]] = p
            count[0, r] += 1
    x, at = np.zeros(depths, np.int64), np.full(depths, -1, np.int64)
    low, high = np.zeros(depths, np.int64), np.zeros(depths, np.int64)
    found = np.empty((64, depths), np.int32)
    hits = nodes = 0
    many, known = given.shape
    broken = known
    for g in range(many):
        start = 0
        if g > 0:  # what this shares with the given counts before it stays set
            while start < known and given[g, start] == given[g - 1, start]:
                start += 1
            if start > broken:
                continue
        values[:known, 0], sizes[:known] = given[g], 1
        depth = deepest = start
        enter = True
        while depth >= start:
            if enter:  # this row is reached from the one before
                enter = False
                deepest = max(deepest, depth)
                own = values[depth, : sizes[depth]]
                low[depth], high[depth] = _reach(
                    depth, own.min(), own.max(), group, closing, offset, used, edge, shape, tables,
                    best, x, base, alive, count, level, first, last, sums,
                )  # fmt: skip
                at[depth] = np.searchsorted(own, low[depth]) - 1 if rows.ascending else -1
            at[depth] += 1
            over = at[depth] >= sizes[depth]
            if over or (rows.ascending and values[depth, at[depth]] > high[depth]):
                at[depth] = -1
                depth -= 1
                continue
            value = values[depth, at[depth]]
            if value < low[depth] or value > high[depth]:
                continue
            nodes += 1
            if nodes > budget:
                return found[:hits], (g + _share(at, sizes)) / many, nodes
            x[depth] = value
            fits = _summed(depth, value, who, sum_low, sum_high, rest_low, rest_high, totals)
            for r in range(results):
                i, before = closing[r, depth], level[depth, r]
                level[depth + 1, r] = before
                if fits and i >= 0:
                    entry = base[depth, r] + value
                    level[depth + 1, r] = depth + 1
                    ys[r, i], vs[r, i] = y[r, i, entry], v[r, i, entry]
                    left = _open_pieces(
                        depth, i, entry, before, r, used, tables, best, weight, allow, best_allow,
                        bound, y, alive, count, first, last, sums, moments, allowed,
                    )  # fmt: skip
                    fits = left > 0
            if not fits:
                continue
            if depth < depths - 1:
                depth += 1
                enter = True
            elif _prints(alive, count, level[depths], ys, vs, tau2, ks, scale, nbar, code, knapp,
                         quantiles, limits, weights, more):  # fmt: skip
                if hits == found.shape[0]:
                    bigger = np.empty((2 * hits, depths), np.int32)
                    for h in range(hits):
                        for d in range(depths):
                            bigger[h, d] = found[h, d]
                    found = bigger
                for d in range(depths):
                    found[hits, d] = x[d]
                hits += 1
                if hits >= most:
                    return found[:hits], (g + _share(at, sizes)) / many, nodes
        broken = min(deepest, known)
    return found[:hits], 1.0, nodes
