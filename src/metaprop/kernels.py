"""Compiled row-by-row arithmetic shared by pooling, reconstruction and simulation.

Each function works on one set of k effects ``y`` with sampling variances ``v`` (transformed scale)
and allocates nothing, so that ten million study sets cost seconds. Nothing here checks its input:
the public functions of `effectsize`, `pooling` and `counts` do.
"""

import hashlib
from math import asin, cos, inf, log, nan, pi, sin, sqrt
from pathlib import Path

import numpy as np
from numba import config, njit

# numba keeps machine code until the file of a function changes, and does not see a change in what
# the function calls. So the cache is named after all compiled sources together.
_HERE = Path(__file__).parent
_SOURCES = [p for p in sorted(_HERE.rglob("*.py")) if b"njit" in p.read_bytes()]
_DIGEST = hashlib.sha256(b"".join(p.read_bytes() for p in _SOURCES)).hexdigest()[:12]
config.CACHE_DIR = str(_HERE / "__pycache__" / f"numba-{_DIGEST}")

DL, PM, REML, ML, HE, SJ, HS, CE, HSK, HM, DL2 = range(11)

MAX_ITERATIONS = 500
# Newton's last step is quadratic: a step below this leaves an error far below double precision.
STEP = 1e-12
# Grid of tau² on which maxima of a likelihood are looked for, in smallest sampling variances:
# from a fiftieth, doubled, beyond the largest variance of any set of proportions.
GRID_START, GRID_POINTS = 0.02, 16


@njit(cache=True, nogil=True)
def inverse_pas(y):
    """sin² of y clipped to the range of the arcsine."""
    return sin(min(max(y, 0.0), 0.5 * pi)) ** 2


@njit(cache=True, nogil=True)
def inverse_pft(y, n):
    """Miller's (1978) inverse at overall sample size n; 0 and 1 at and beyond x = 0 and x = n."""
    if y <= 0.5 * asin(sqrt(1.0 / (n + 1.0))):
        return 0.0
    if y >= 0.5 * (asin(sqrt(n / (n + 1.0))) + 0.5 * pi):
        return 1.0
    s = sin(2.0 * y)
    inner = 1.0 - (s + (s - 1.0 / s) / n) ** 2
    root = sqrt(max(inner, 0.0))
    return 0.5 * (1.0 - root) if cos(2.0 * y) > 0.0 else 0.5 * (1.0 + root)


@njit(cache=True, nogil=True)
def weighted(y, v, tau2):
    """Weighted mean, sum of weights and weighted sum of squares at a given tau²."""
    sw = 0.0
    swy = 0.0
    for i in range(y.size):
        w = 1.0 / (v[i] + tau2)
        sw += w
        swy += w * y[i]
    mu = swy / sw
    q = 0.0
    for i in range(y.size):
        q += (y[i] - mu) ** 2 / (v[i] + tau2)
    return mu, sw, q


@njit(cache=True, nogil=True)
def solve_q(y, v, target):
    """The tau² at which Q(tau²) = target, 0 if Q(0) is already below it.

    Q(tau²) is convex and falls, so that Newton's method from 0 climbs to the root and never
    passes it (DerSimonian & Kacker 2007; Viechtbauer 2007).
    """
    tau2 = 0.0
    for _ in range(MAX_ITERATIONS):
        mu, _sw, q = weighted(y, v, tau2)
        if q <= target:
            return tau2
        slope = 0.0
        for i in range(y.size):
            slope += ((y[i] - mu) / (v[i] + tau2)) ** 2
        step = (q - target) / slope
        tau2 += step
        if step <= STEP * tau2:
            return tau2
    return nan


@njit(cache=True, nogil=True)
def _likelihood(y, v, tau2, restricted):
    """Log-likelihood up to a constant."""
    _mu, sw, q = weighted(y, v, tau2)
    ll = -0.5 * q
    for i in range(y.size):
        ll -= 0.5 * log(v[i] + tau2)
    return ll - 0.5 * log(sw) if restricted else ll


@njit(cache=True, nogil=True)
def _slope(y, v, tau2, restricted):
    """Slope of the log-likelihood and its curvature."""
    mu, sw, _q = weighted(y, v, tau2)
    sw2 = 0.0
    sw3 = 0.0
    a = 0.0
    b = 0.0
    c = 0.0
    for i in range(y.size):
        w = 1.0 / (v[i] + tau2)
        r = w * (y[i] - mu)
        sw2 += w * w
        sw3 += w * w * w
        a += r * r
        b += w * r
        c += w * r * r
    slope = 0.5 * (a - sw)
    curvature = 0.5 * sw2 - c + b * b / sw
    if restricted:
        slope += 0.5 * sw2 / sw
        curvature += 0.5 * (sw2 / sw) ** 2 - sw3 / sw
    return slope, curvature


@njit(cache=True, nogil=True)
def _climb(y, v, low, high, restricted):
    """The tau² in low..high (may be inf) at which the slope, positive at low, becomes negative.

    Newton's steps where the likelihood is concave, else halving or doubling.
    """
    tau2 = 0.5 * (low + high) if high < inf else 2.0 * low
    for _ in range(MAX_ITERATIONS):
        slope, curvature = _slope(y, v, tau2, restricted)
        if slope > 0.0:
            low = tau2
        else:
            high = tau2
        new = tau2 - slope / curvature if curvature < 0.0 else low
        if not low < new < high:
            new = 0.5 * (low + high) if high < inf else 2.0 * tau2
        if abs(new - tau2) <= STEP * new or (high < inf and high - low <= STEP * high):
            return new
        tau2 = new
    return nan


@njit(cache=True, nogil=True)
def _maximise(y, v, restricted):
    """Return the tau² of the highest (restricted) likelihood.

    With small and large studies together it can have several maxima, one of them at 0. So the sign
    of its slope is followed along a grid, and each maximum it shows is climbed.
    """
    best = nan
    top = -inf
    t = 0.0
    before = _slope(y, v, t, restricted)[0]
    if before <= 0.0:
        best = t
        top = _likelihood(y, v, t, restricted)
    step = GRID_START * v.min()
    for _ in range(GRID_POINTS):
        after = _slope(y, v, step, restricted)[0]
        if before > 0.0 and after <= 0.0:
            tau2 = _climb(y, v, t, step, restricted)
            ll = _likelihood(y, v, tau2, restricted)
            if not ll <= top:
                best, top = tau2, ll
        t, before = step, after
        step *= 2.0
    if before > 0.0:
        tau2 = _climb(y, v, t, inf, restricted)
        if not _likelihood(y, v, tau2, restricted) <= top:
            best = tau2
    return best


@njit(cache=True, nogil=True)
def _moment(y, v, seed):
    """Moment estimator with weights 1 / (v + seed) (DerSimonian & Kacker 2007), at least 0."""
    _mu, sw, q = weighted(y, v, seed)
    sw2 = 0.0
    swv = 0.0
    sw2v = 0.0
    for i in range(y.size):
        w = 1.0 / (v[i] + seed)
        sw2 += w * w
        swv += w * v[i]
        sw2v += w * w * v[i]
    return max(0.0, (q - (swv - sw2v / sw)) / (sw - sw2 / sw))


@njit(cache=True, nogil=True)
def tau2_row(method, y, v):
    """Between-study variance by the estimator with the given code; 0 for a single study."""
    k = y.size
    if k == 1 or method == CE:
        return 0.0
    if method == PM:
        return solve_q(y, v, k - 1.0)
    if method in (DL, HS, HSK, HM, DL2):
        sw = 0.0
        sw2 = 0.0
        for i in range(k):
            sw += 1.0 / v[i]
            sw2 += 1.0 / v[i] ** 2
        _mu, _sw, q = weighted(y, v, 0.0)
        if method == HS:
            return max(0.0, (q - k) / sw)
        if method == HSK:
            return max(0.0, (q * k / (k - 1.0) - k) / sw)
        if method == HM:
            return q * q / ((2.0 * (k - 1.0) + q) * (sw - sw2 / sw))
        tau2 = max(0.0, (q - (k - 1.0)) / (sw - sw2 / sw))
        return tau2 if method == DL else _moment(y, v, tau2)
    mean = 0.0
    mean_v = 0.0
    for i in range(k):
        mean += y[i] / k
        mean_v += v[i] / k
    ss = 0.0
    for i in range(k):
        ss += (y[i] - mean) ** 2
    if method == SJ:
        seed = ss / k
        if seed == 0.0:
            return 0.0
        _mu, _sw, q = weighted(y, v, seed)
        return seed * q / (k - 1.0)
    hedges = max(0.0, ss / (k - 1.0) - mean_v)
    if method == HE:
        return hedges
    return _maximise(y, v, method == REML)


@njit(cache=True, nogil=True)
def pool_rows(method, y, v, out):
    """Fill a column of out, shape (6, rows), for each row of y, v.

    out[:, r] = (tau², estimate, sum of weights, Q at tau², Q at 0, typical sampling variance).
    """
    k = y.shape[1]
    for r in range(y.shape[0]):
        tau2 = tau2_row(method, y[r], v[r])
        mu, sw, q = weighted(y[r], v[r], tau2)
        _mu, _sw, q0 = weighted(y[r], v[r], 0.0)
        out[0, r] = tau2
        out[1, r] = mu
        out[2, r] = sw
        out[3, r] = q
        out[4, r] = q0
        s1 = 0.0
        s2 = 0.0
        for i in range(k):
            s1 += 1.0 / v[r, i]
            s2 += 1.0 / v[r, i] ** 2
        out[5, r] = (k - 1.0) / (s1 - s2 / s1) if k > 1 else 1.0


@njit(cache=True, nogil=True)
def solve_q_rows(y, v, target, out):
    """Fill out[r] with the tau² at which Q(tau²) = target, for each row."""
    for r in range(y.shape[0]):
        out[r] = solve_q(y[r], v[r], target)


@njit(cache=True, nogil=True)
def inverse_pft_rows(y, n):
    """Miller's inverse elementwise over two arrays of one length."""
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = inverse_pft(y[i], n[i])
    return out
