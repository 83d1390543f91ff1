"""What an estimator's equation for tau² says of sums over rows, tau² in a piece of its range.

Tables (k, x) hold what each count of each row adds; NaN where there is no such count.
"""

import numpy as np

from ..effectsize import Array

Interval = tuple[float, float]


def largest(e: Array, r0: Array, r1: Array) -> Array:
    """The most that r · e can be for r between r0 and r1."""
    return np.where(e > 0, r1 * e, r0 * e)


def moment(v: Array) -> Interval:
    """Range of Σw - Σw² / Σw with w = 1 / v, which rises with each w."""
    ends = (1 / np.nanmax(v, 1), 1 / np.nanmin(v, 1))
    low, high = (w.sum() - (w**2).sum() / w.sum() for w in ends)
    return float(low), float(high)


def estimator(name: str, d: Array, v: Array, t: Interval, about: tuple, r: tuple
) -> tuple[list, list]:  # fmt: skip
    """Tables and sums of squares of an estimator's equation; d is y less any fixed centre."""
    (t0, t1), (near, far), (r0, r1), k = t, about, r, len(v)
    w = 1 / v
    scale = np.nanmin(v)
    if name in ("CE", "DL2"):
        return [], []
    if name == "PM":
        tables, spreads = [], []
        small = scale
        if np.isfinite(t1):
            spreads.append((1 / (v + t1), np.zeros_like(v), k - 1))
            tables.append(largest(-near, r0, r1) + (k - 1) * (t1 + small) / k)
        if t0 > 0:
            tables.append((d**2 / (v + t0) - (k - 1) / k) * (t0 + small))
            if np.isfinite(np.nanmax(far)):
                tables.append(largest(far, r0, r1) - (k - 1) * (t0 + small) / k)
        return tables, spreads
    if name in ("ML", "REML"):
        return _likelihood(name, v, t, about, r), []
    if name == "HE":
        bound = (np.ones_like(v), (k - 1) / k * v, (k - 1) * t1)
        low = d**2 - (k - 1) / k * v - (k - 1) * t0 / k
    elif name == "SJ":  # seed · Q(seed) lies between seed² k / (seed + largest v) and seed · k
        b = t1 * (k - 1) / k
        most = k * (b + np.sqrt(b**2 + 4 * b * np.nanmax(v))) / 2 if np.isfinite(t1) else np.inf
        bound = (np.ones_like(v), np.zeros_like(v), most)
        low = d**2 - t0 * (k - 1) / k
    elif name == "HM":  # tau² = Q² / ((2 (k - 1) + Q) moment)
        half = [t * c / 2 for t, c in zip((t0, t1), moment(v), strict=True)]
        q0, q1 = (c + np.sqrt(c**2 + 4 * c * (k - 1)) if np.isfinite(c) else c for c in half)
        bound = (w, np.zeros_like(v), q1)
        low = (w * d**2 - q0 / k) * scale
    else:
        return _moments(name, k, d, w, t)
    return ([low] if t0 > 0 else []), ([bound] if np.isfinite(t1) else [])


def _moments(name: str, k: int, d: Array, w: Array, t: Interval) -> tuple[list, list]:
    """DL: k - 1 + tau² (Σw - Σw² / Σw) = Q; HS: k + tau² Σw = Q; HSk: that times (k - 1) / k."""
    t0, t1 = t
    scale = 1 / np.nanmax(w)
    least, most = np.nanmin(w, 1), np.nanmax(w, 1)
    part = (k - 1) / k if name == "HSk" else 1.0
    low = high = 0.0
    free = k
    if name == "DL":
        free = k - 1
        low = max((least**2).sum() / most.sum(), least.sum() / k)
        high = min((most**2).sum() / least.sum(), most.max())
    tables, spreads = [], []
    if np.isfinite(t1):
        spreads.append((w, part * t1 * w, part * (free - t1 * low)))
    if t0 > 0:
        tables.append((w * d**2 - part * t0 * w - part * (free - t0 * high) / k) * scale)
    return tables, spreads


def _likelihood(name: str, v: Array, t: Interval, about: tuple, r: tuple) -> list[Array]:
    """ML: Σ w² ((y - estimate)² - v - tau²) = 0; REML: plus Σw² / Σw; below 0 where tau² is 0."""
    (t0, t1), (near, far), (r0, r1), k = t, about, r, len(v)
    small = np.nanmin(v)
    loss0 = loss1 = 0.0
    if name == "REML":
        r_low, r_high = np.nanmin(r0, 1), np.nanmax(r1, 1)
        loss0 = (t0 + small) * (r_low**2).sum() / r_high.sum() / k
        loss1 = (t1 + small) * min(1.0, (r_high**2).sum() / r_low.sum()) / k
    tables = []
    if np.isfinite(t1):
        tables.append(largest(t1 + v - near, r0**2, r1**2) - loss0)
    if t0 > 0 and np.isfinite(np.nanmax(far)) and np.isfinite(loss1):
        tables.append(largest(far - t0 - v, r0**2, r1**2) + loss1)
    return tables
