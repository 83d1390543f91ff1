"""How far what effects give is from what is printed: 0 where they print so, on any scale."""

from math import exp, inf, isnan, sqrt

from numba import njit

from ..kernels import inverse_pas, inverse_pft, tau2_row, weighted

PAS, PFT, PLO, PLN, PR = range(5)
ESTIMATE, LOWER, UPPER, TAU2, Q, I2, H2, PI_LOWER, PI_UPPER = range(9)
HAIR = 1e-10


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
def outside(value, limit):
    """How far a value is outside an interval, in widths of it; 0 inside and a hair beyond."""
    low = limit[0] - HAIR * (1.0 + abs(limit[0]))
    high = limit[1] + HAIR * (1.0 + abs(limit[1]))
    if low <= value <= high:
        return 0.0
    wide = min(high - low, 1.0)
    return (low - value if value < low else value - high) / wide


@njit(cache=True, nogil=True)
def miss(y, v, scale, nbar, code, knapp, quantiles, limits, weights, cap):
    """How far what effects y with variances v give is from what is printed, 0 where it prints so.

    knapp : 0 Wald or t, 1 Hartung-Knapp, 2 its ad hoc rule. quantiles : of the interval, then
    those of the prediction interval in each of its meanings. limits (9, 2), weights (k, 2).
    cap : what is farther is not looked at closely.
    """
    k = y.size
    tau2 = tau2_row(code, y, v)
    if isnan(tau2):
        return 0.0  # not converged: the caller computes it again and says so
    total = outside(tau2, limits[TAU2])
    mu, sw, q_tau = weighted(y, v, tau2)
    se = 1.0 / sqrt(sw)
    if knapp > 0 and k > 1:
        factor = sqrt(q_tau / (k - 1.0))
        se *= max(factor, 1.0) if knapp == 2 else factor
    n = nbar
    if scale == PFT and nbar == 0.0:
        n = 1.0 / (4.0 * max(se, 1e-150) ** 2)
    total += outside(back(scale, mu, n), limits[ESTIMATE])
    if total > cap:
        return total
    total += outside(back(scale, mu - quantiles[0] * se, n), limits[LOWER])
    total += outside(back(scale, mu + quantiles[0] * se, n), limits[UPPER])
    if total > cap:
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
