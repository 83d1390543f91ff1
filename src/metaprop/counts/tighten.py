"""What sums over rows leave out at once, before any count is set."""

from math import inf

import numpy as np
from numba import njit

# Sums of a dozen terms of order 1 err by less than 1e-14; a bound gives way only beyond this.
SLACK = 1e-9


@njit(cache=True, nogil=True)
def tighten(tables, open_, alive, possible):
    """Leave out counts and pieces of one result that no sum allows; returns whether any went.

    tables (p, c, k, x); open_ (p, k, x): counts that a piece leaves open, alive (p,): pieces that
    are, possible (k, x): counts that any piece leaves open.
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
def suffixes(tables, allow, open_, closing, best, best_allow, edge, shape):
    """Fill best (p, c, d + 1) and best_allow (p, s, d + 1): the most that later rows add.

    closing (d,): the pooled row that is complete at a depth, or -1. Counts a piece does not leave
    open get -inf in its tables. edge (p, k, 2): first and last count that it does; shape (p, c, k):
    1 where a table rises between them, 2 where it falls, else 0.
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
        for i in range(tables.shape[2]):
            first, last = wide, -1
            for x in range(wide):
                if open_[p, i, x]:
                    first, last = min(first, x), x
            edge[p, i, 0], edge[p, i, 1] = first, last
            for j in range(tables.shape[1]):
                rises = falls = True
                for x in range(first + 1, last + 1):
                    rises = rises and tables[p, j, i, x] >= tables[p, j, i, x - 1]
                    falls = falls and tables[p, j, i, x] <= tables[p, j, i, x - 1]
                shape[p, j, i] = 1 if rises else 2 if falls else 0
