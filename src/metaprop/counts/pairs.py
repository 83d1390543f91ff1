"""Pieces of two results that cannot hold together: weighted sums of their tables say so.

If every sum of a table over the rows must not be negative, then no sum of them with weights may be
(Lagrangian relaxation). Weights are sought that make the most which the rows can add negative; any
weights do for a proof, so that the way in which they are found does not matter.
"""

from math import exp, inf

import numpy as np
from numba import njit

from .tighten import SLACK

_ROUNDS, _RATE = 60, 4.0


@njit(cache=True, nogil=True)
def apart(first, second, open_first, open_second, alive_first, alive_second):
    """Close the pieces of each result that no piece of the other can hold together with.

    first, second : tables (p, c, k, x) of two results about the same rows; open_ (p, k, x), alive_
    (p,) as in `tighten.tighten`. Returns whether any was closed.
    """
    a, b = first.shape[0], second.shape[0]
    keeps_first = np.zeros(a, np.bool_)
    keeps_second = np.zeros(b, np.bool_)
    for p in range(a):
        for q in range(b):
            if not (alive_first[p] and alive_second[q]):
                continue
            if keeps_first[p] and keeps_second[q]:
                continue
            if not _excluded(first[p], second[q], open_first[p], open_second[q]):
                keeps_first[p] = True
                keeps_second[q] = True
    changed = False
    for p in range(a):
        if alive_first[p] and not keeps_first[p]:
            alive_first[p] = False
            changed = True
    for q in range(b):
        if alive_second[q] and not keeps_second[q]:
            alive_second[q] = False
            changed = True
    return changed


@njit(cache=True, nogil=True)
def _excluded(first, second, open_first, open_second):
    """Whether weights were found with which the two pieces' tables cannot all hold."""
    c1, k, wide = first.shape
    c = c1 + second.shape[0]
    size = np.zeros(c)
    for j in range(c):
        t = first[j] if j < c1 else second[j - c1]
        for i in range(k):
            for x in range(wide):
                if open_first[i, x] and open_second[i, x]:
                    size[j] = max(size[j], abs(t[i, x]))
    weight = np.zeros(c)
    used = 0
    for j in range(c):
        if 0.0 < size[j] < inf:
            weight[j] = 1.0
            used += 1
    if used == 0:
        return False
    weight /= used
    pull = np.zeros(c)
    for step in range(_ROUNDS):
        total = 0.0
        slack = 0.0
        slope = np.zeros(c)
        for i in range(k):
            top = -inf
            at = -1
            for x in range(wide):
                if open_first[i, x] and open_second[i, x]:
                    value = 0.0
                    for j in range(c):
                        if weight[j] > 0.0:
                            t = first[j, i, x] if j < c1 else second[j - c1, i, x]
                            value += weight[j] * t / size[j]
                    if value > top:
                        top, at = value, x
            if at < 0:
                return True  # a row has no count that both leave open
            total += top
            for j in range(c):
                if weight[j] > 0.0:
                    slope[j] += (first[j, i, at] if j < c1 else second[j - c1, i, at]) / size[j]
        for j in range(c):
            if weight[j] > 0.0:
                slack += weight[j] * SLACK * max(1.0, 1.0 / size[j])
        if total < -slack:
            return True
        largest = -inf
        rate = _RATE / (1.0 + step) ** 0.5
        for j in range(c):
            pull[j] -= rate * slope[j]
            if weight[j] > 0.0:
                largest = max(largest, pull[j])
        norm = 0.0
        for j in range(c):
            if weight[j] > 0.0:
                weight[j] = max(exp(max(pull[j] - largest, -60.0)), 1e-30)
                norm += weight[j]
        weight /= norm
    return False
