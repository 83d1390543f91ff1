"""DerSimonian-Laird fits of many sets at once, side by side in the processor's vector units."""

from math import inf, nan

import numpy as np
from numba import njit

from . import kernels  # noqa: F401  # where compiled code is kept

# Sets at a time: some registers' worth, and few enough to stay in the nearest cache.
LANES = 64


@njit(cache=True, nogil=True, error_model="numpy")
def _side_by_side(ys, vs, tau2, mu, sw, q, residual):
    """Weighted means and sums of weights of LANES sets; their Q, 0 unless residual."""
    for i in range(LANES):
        mu[i] = sw[i] = q[i] = 0.0
    for j in range(ys.shape[0]):
        for i in range(LANES):
            w = 1.0 / (vs[j, i] + tau2[i])
            sw[i] += w
            mu[i] += w * ys[j, i]
    for i in range(LANES):
        mu[i] = mu[i] / sw[i]
    if residual:
        for j in range(ys.shape[0]):
            for i in range(LANES):
                q[i] += (ys[j, i] - mu[i]) ** 2 / (vs[j, i] + tau2[i])


@njit(cache=True, nogil=True, error_model="numpy")
def dl_rows(residual, y, v, out):
    """Fill out as `kernels.pool_rows` does with DL, to the last bit; k >= 2.

    Sets go side by side through the vector units, each one's sums in the order of its rows. Q at
    tau² is left out (0) unless residual says that it is needed. Where an effect is not finite or a
    variance not positive and finite, Q at 0 is nan.
    """
    rows, k = y.shape
    ys, vs, columns = np.empty((k, LANES)), np.empty((k, LANES)), np.empty((5, LANES))
    mu, sw, sw2, q, tau2 = columns[0], columns[1], columns[2], columns[3], columns[4]
    for start in range(0, rows, LANES):
        m = min(LANES, rows - start)
        for i in range(LANES):
            r = start + min(i, m - 1)  # the last set again where there are no more
            tau2[i] = sw2[i] = 0.0
            for j in range(k):
                ys[j, i] = y[r, j]
                vs[j, i] = v[r, j]
        _side_by_side(ys, vs, tau2, mu, sw, q, k > 0)  # no constant: compiled once for both calls
        for j in range(k):
            for i in range(LANES):
                sw2[i] += 1.0 / vs[j, i] ** 2
                good = (vs[j, i] > 0.0) & (vs[j, i] < inf) & (abs(ys[j, i]) < inf)
                q[i] += 0.0 if good else nan
        for i in range(LANES):
            spread = sw[i] - sw2[i] / sw[i]
            tau2[i] = max(0.0, (q[i] - (k - 1.0)) / spread)
            sw2[i] = (k - 1.0) / spread
        for i in range(m):
            out[0, start + i] = tau2[i]
            out[4, start + i] = q[i]
            out[5, start + i] = sw2[i]
        _side_by_side(ys, vs, tau2, mu, sw, q, residual)
        for i in range(m):
            out[1, start + i] = mu[i]
            out[2, start + i] = sw[i]
            out[3, start + i] = q[i]
