"""Whether effects print as printed, exactly; and how far they are from it, 0 where they do.

The first is the arithmetic of `pooling` and decides. The second has intervals wider by a hair, for
a walk and for the last look of a search.
"""

from math import exp, inf, isnan, sqrt

import numpy as np
from numba import njit

from ..kernels import inverse_pas, inverse_pft, tau2_row, weighted

PAS, PFT, PLO, PLN, PR = range(5)
ESTIMATE, LOWER, UPPER, TAU2, Q, I2, H2, PI_LOWER, PI_UPPER = range(9)
TIE = 1e-10  # relative; a value nearer than this to an end of its interval is in it
PARTS = 4  # of a piece of tau² in which the likelihood equation is looked at


@njit(cache=True, nogil=True)
def back(scale, e, nbar):
    """The proportion that belongs to an effect."""
    if scale == PAS:
        return inverse_pas(e)
    if scale == PFT:
        return inverse_pft(e, nbar) if nbar < inf else inverse_pas(e)
    if scale == PLO:
        return 1.0 / (1.0 + exp(-e))
    return exp(e) if scale == PLN else e


@njit(cache=True, nogil=True)
def spread(y, v, tau2, knapp):
    """Estimate, sum of weights and standard error; knapp as in `miss`."""
    mu, sw, q = weighted(y, v, tau2)
    se = 1.0 / sqrt(sw)
    if knapp > 0 and y.size > 1:
        factor = sqrt(q / (y.size - 1.0))
        se *= max(factor, 1.0) if knapp == 2 else factor
    return mu, sw, se


@njit(cache=True, nogil=True)
def meets(x, y, v, scale, nbars, code, knapp, quantile, printed, out):
    """Fill out[j, r] with whether row r of x (m, k) prints so when taken back at nbars[j].

    y, v : effect and variance of each count (k, max n + 1). nbars : inf is plain sin², 0 the n of a
    single study as precise as the pooled value. printed (3, 2): intervals of estimate and limits,
    lower end in, upper end out. Returns the row in which an estimator did not converge, or -1.
    """
    k = x.shape[1]
    ys, vs = np.empty(k), np.empty(k)
    for r in range(x.shape[0]):
        for i in range(k):
            ys[i] = y[i, x[r, i]]
            vs[i] = v[i, x[r, i]]
        tau2 = tau2_row(code, ys, vs)
        if isnan(tau2):
            return r
        mu, _sw, se = spread(ys, vs, tau2, knapp)
        for j in range(nbars.size):
            n = nbars[j]
            if scale == PFT and n == 0.0:
                n = inf if se == 0.0 else 1.0 / (4.0 * se * se)
            fits = printed[0, 0] <= back(scale, mu, n) < printed[0, 1]
            fits = fits and printed[1, 0] <= back(scale, mu - quantile * se, n) < printed[1, 1]
            fits = fits and printed[2, 0] <= back(scale, mu + quantile * se, n) < printed[2, 1]
            out[j, r] = fits
    return -1


@njit(cache=True, nogil=True)
def outside(value, limit):
    """How far a value is outside an interval, in widths of it; 0 inside and a hair beyond."""
    low = limit[0] - TIE * (1.0 + abs(limit[0]))
    high = limit[1] + TIE * (1.0 + abs(limit[1]))
    if low <= value <= high:
        return 0.0
    wide = min(high - low, 1.0)
    return (low - value if value < low else value - high) / wide


@njit(cache=True, nogil=True)
def miss(y, v, scale, nbar, code, knapp, quantiles, limits, weights, more, cap):
    """How far what effects y with variances v give is from what is printed, 0 where it prints so.

    knapp : 0 Wald or t, 1 Hartung-Knapp, 2 its ad hoc rule. quantiles : of the interval, then
    those of the prediction interval in each of its meanings. limits (9, 2), weights (k, 2).
    more : whether anything is printed beside estimate and limits. cap : what is farther is not
    looked at closely.
    """
    k = y.size
    tau2 = tau2_row(code, y, v)
    if isnan(tau2):
        return 0.0  # not converged: the caller computes it again and says so
    total = outside(tau2, limits[TAU2])
    mu, sw, se = spread(y, v, tau2, knapp)
    n = nbar
    if scale == PFT and nbar == 0.0:
        n = 1.0 / (4.0 * max(se, 1e-150) ** 2)
    total += outside(back(scale, mu, n), limits[ESTIMATE])
    if total > cap:
        return total
    total += outside(back(scale, mu - quantiles[0] * se, n), limits[LOWER])
    total += outside(back(scale, mu + quantiles[0] * se, n), limits[UPPER])
    if total > cap or not more:
        return total
    s1 = 0.0
    s2 = 0.0
    for i in range(k):
        s1 += 1.0 / v[i]
        s2 += 1.0 / v[i] ** 2
        total += outside(1.0 / (v[i] + tau2) / sw, weights[i])
    _mu, _sw, q = weighted(y, v, 0.0)
    total += outside(q, limits[Q])
    typical = (k - 1.0) / (s1 - s2 / s1) if k > 1 else 1.0
    df = max(k - 1.0, 1.0)
    from_q = 1.0 - df / max(q, df)
    total += min(outside(tau2 / (tau2 + typical), limits[I2]), outside(from_q, limits[I2]))
    total += min(outside(1.0 + tau2 / typical, limits[H2]), outside(q / df, limits[H2]))
    if limits[PI_LOWER, 0] == -inf and limits[PI_UPPER, 1] == inf and (
        limits[PI_LOWER, 1] == inf and limits[PI_UPPER, 0] == -inf
    ):  # fmt: skip
        return total
    half = sqrt(tau2 + se * se)
    least = 1e9  # a prediction interval is printed and this method has none
    for j in range(1, quantiles.size):
        if not isnan(quantiles[j]):
            a = outside(back(scale, mu - quantiles[j] * half, n), limits[PI_LOWER])
            b = outside(back(scale, mu + quantiles[j] * half, n), limits[PI_UPPER])
            least = min(least, a + b)
    return total + least


@njit(cache=True, nogil=True)
def _steep(y, v, tau2):
    """-dQ/dtau², Σw and Σw² at a tau²."""
    mu, sw, _q = weighted(y, v, tau2)
    total = 0.0
    squares = 0.0
    for i in range(y.size):
        w = 1.0 / (v[i] + tau2)
        squares += w * w
        total += (w * (y[i] - mu)) ** 2
    return total, sw, squares


@njit(cache=True, nogil=True)
def may_maximise(y, v, low, high, restricted):
    """Whether a likelihood can have its maximum at a tau² from low to high.

    There -dQ/dtau² equals Σw, less Σw² / Σw where it is restricted. It falls with tau², because Q
    is convex; so its values at the ends of a part of the range enclose it, and Σw there the other
    side. An estimate of 0 needs no more than that the likelihood falls from there.
    """
    if high == inf:
        return True
    before, sw, squares = _steep(y, v, low)
    for part in range(1, PARTS + 1):
        after, sw_next, squares_next = _steep(y, v, low + (high - low) * part / PARTS)
        least, most = sw_next, sw
        if restricted:
            least -= squares / sw_next
            most -= squares_next / sw
        enough = before >= least - 1e-9 * abs(least) or (low == 0.0 and part == 1)
        if enough and after <= most * (1.0 + 1e-9):
            return True
        before, sw, squares = after, sw_next, squares_next
    return False
