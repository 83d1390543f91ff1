"""What an estimator's equation for tau² says of sums over rows, tau² in pieces of its range.

Arrays (p, k, x) hold what each count of each row adds in each piece; NaN where there is no such
count. A condition (p, 1, 1) says in which pieces a table holds.
"""

import numpy as np
from numpy.typing import NDArray

from ..effectsize import Array
from .statement import Interval

Mask = NDArray[np.bool_]

TWO_STEPS = ("DL2", "SJ")  # estimators of which a first tau², or a seed, weights the second
_TINY = 1e-12  # of a weight that may be 0, against weights of order 1
# (condition, table), and (weight, what is allowed by count, bound) of a sum of squares.
Tables = list[tuple[Array, Array]]
Spreads = list[tuple[Array, Array, Array]]


def largest(e: Array, r0: Array, r1: Array) -> Array:
    """The most that r · e can be for r between r0 and r1."""
    return np.where(e > 0, r1 * e, r0 * e)


def moment(v: Array) -> Interval:
    """Range of Σw - Σw² / Σw with w = 1 / v, which rises with each w."""
    ends = (1 / np.nanmax(v, 1), 1 / np.nanmin(v, 1))
    low, high = (w.sum() - (w**2).sum() / w.sum() for w in ends)
    return float(low), float(high)


def largest_tau2(name: str, y: Array, v: Array) -> float:
    """The most that an estimate of tau² can be, whatever the counts: effects are bounded.

    A variance, of whatever weights, is at most a fourth of the squared range, and half of it once a
    moment estimator divides by Σw - Σw² / Σw. A likelihood falls from where tau² exceeds every
    squared residual; a restricted one may add Σw² / Σw, no more than the mean of v + tau².
    """
    k, square = len(y), float(np.nanmax(y) - np.nanmin(y)) ** 2
    if name in ("DL", "DL2", "HM"):
        return square / 2
    if name in ("ML", "REML"):
        return square if name == "ML" else (k * square + float(np.nanmax(v))) / (k - 1)
    return square / 4 * k / (k - 1)  # HE, HS, HSk, PM, SJ


def knapp_hartung(
    squares: tuple[Array, Array], d: Array, half: Array, near: Array, r: tuple, factor: Mask
) -> tuple[Tables, Spreads]:
    """What a Hartung-Knapp width says: Σ r (y - estimate)² = squares · Σ r.

    squares : least and largest (p, 1, 1). d : y less the middle of the estimate's range, which is
    half as wide as `half`; about it a sum of squares is larger by Σ r (estimate - middle)².
    factor : pieces in which residuals alone make the width; elsewhere it is at least that.
    """
    (low, high), (r0, r1), ends = squares, r, np.isfinite(squares[1])
    tables = [(ends, largest(high - near, r0, r1)), (ends, largest(high + half**2 - d**2, r0, r1)),
              ((low > 0) & factor, largest(d**2 - low, r0, r1))]  # fmt: skip
    allow = np.where(ends, high, 0.0) * r1
    return tables, [(r0, allow, np.where(ends, 0.0, np.inf))]


def estimator(
    name: str, d: Array, v: Array, t: tuple[Array, Array], about: tuple, r: tuple, s: Array
) -> tuple[Tables, Spreads]:
    """Tables and sums of squares of an estimator's equation; d is y less any fixed centre.

    t : ends of the pieces (p, 1, 1). about : least and largest squared distance from the estimate.
    r : least and largest weight, relative to the largest of all rows. s : ends of the tau² that the
    first of two steps gives (2, p, 1, 1).
    """
    t0, (near, far), (r0, r1), k = t[0], about, r, len(v)
    ends = np.isfinite(t[1])
    t1 = np.where(ends, t[1], 0.0)
    w, small, above = 1 / v, np.nanmin(v), t0 > 0
    if name == "CE":
        return [], []
    if name == "SJ":
        return _seeded(d, v, t, s)
    if name == "DL2":
        first = estimator("DL", d, v, tuple(s), about, r, s)
        return tuple(a + b for a, b in zip(first, _second(d, v, t, s), strict=True))
    if name == "PM":
        known = above & np.isfinite(np.nanmax(far, (1, 2), keepdims=True))
        free = (k - 1) / k
        tables = [
            (ends, largest(-near, r0, r1) + free * (t1 + small)),
            (above, (d**2 / (v + t0) - free) * (t0 + small)),
            (known, largest(far, r0, r1) - free * (t0 + small)),
        ]
        return tables, [(1 / (v + t1), np.zeros_like(v), np.where(ends, k - 1, np.inf))]
    if name in ("ML", "REML"):
        return _likelihood(name, v, (t0, t1, ends), about, r)
    allow = np.zeros_like(v)
    if name == "HE":
        weight, allow, most = np.ones_like(v), (k - 1) / k * v, (k - 1) * t1
        low = d**2 - (k - 1) / k * v - (k - 1) * t0 / k
    elif name == "HM":  # tau² = Q² / ((2 (k - 1) + Q) moment)
        half = [t * c / 2 for t, c in zip((t0, t1), moment(v), strict=True)]
        q0, most = (c + np.sqrt(c**2 + 4 * c * (k - 1)) for c in half)
        weight, low = w, (w * d**2 - q0 / k) * small
    else:  # DL: k - 1 + tau² (Σw - Σw² / Σw) = Q; HS: k + tau² Σw = Q; HSk: that (k - 1) / k times
        part = (k - 1) / k if name == "HSk" else 1.0
        free, (lost, gained) = (k - 1, _lost(w)) if name == "DL" else (k, (0.0, 0.0))
        weight, allow, most = w, part * t1 * w, part * (free - t1 * lost)
        low = (w * d**2 - part * t0 * w - part * (free - t0 * gained) / k) * small
    return [(above, low)], [(weight, allow, np.where(ends, most, np.inf))]


def _second(d: Array, v: Array, t: tuple[Array, Array], s: Array) -> tuple[Tables, Spreads]:
    """The second step: tau² (Σw - Σw² / Σw) = Q - Σ w v + Σ w² v / Σw with w = 1 / (v + s).

    Weights are relative to the largest that can be, which hardly depend on s where it is large.
    """
    small, ends = np.nanmin(v), np.isfinite(t[1])
    w0 = (s[0] + small) / (s[0] + v)
    w1 = np.where(np.isfinite(s[1]), (s[1] + small) / (s[1] + v), 1.0)
    w1 = np.where(np.isnan(v), np.nan, w1)
    total = lambda e: e.sum(1, keepdims=True)[..., None]  # noqa: E731
    least, most = total(np.nanmin(w0, 2)), total(np.nanmax(w1, 2))
    c0 = least - total(np.nanmin(w0, 2) ** 2) / least  # it rises with each weight
    c1 = most - total(np.nanmax(w1, 2) ** 2) / most
    low = w1 * d**2 - t[0] * c0 / len(v) - w0 * v * (1 - w1 / least).clip(0)
    allow, bound = w1 * v * (1 - w0 / most), np.where(ends, t[1] * c1, np.inf)
    return [(t[0] > 0, low)], [(w0, allow, bound)]


def _seeded(d: Array, v: Array, t: tuple[Array, Array], s: Array) -> tuple[Tables, Spreads]:
    """SJ: the seed is Σ (y - mean)² / k; (k - 1) tau² = Σ w (y - mean)² with w = s / (s + v)."""
    k, known = len(v), np.isfinite(s[1])
    b = t[1] * (k - 1) / k  # w is at least s / (s + largest v), so that this bounds the seed too
    most = k * np.minimum(s[1], (b + np.sqrt(b**2 + 4 * b * np.nanmax(v))) / 2)
    w0, w1 = s[0] / (s[0] + v), np.where(known, s[1] / (s[1] + v), 1.0)
    none = np.zeros_like(v)
    second = (k - 1) * np.where(np.isfinite(t[1]), t[1], np.inf)
    tables = [(t[0] > 0, d**2 - t[0] * (k - 1) / k), (s[0] > 0, d**2 - s[0]),
              (t[0] > 0, w1 * d**2 - t[0] * (k - 1) / k)]  # fmt: skip
    return tables, [(np.ones_like(v), none, most), (w0 + _TINY, none, second)]


def _lost(w: Array) -> Interval:
    """Range of Σw² / Σw."""
    least, most = np.nanmin(w, 1), np.nanmax(w, 1)
    low = max((least**2).sum() / most.sum(), least.sum() / len(w))
    return float(low), float(min((most**2).sum() / least.sum(), most.max()))


def _likelihood(name: str, v: Array, t: tuple, about: tuple, r: tuple) -> tuple[Tables, Spreads]:
    """ML: Σ w² ((y - estimate)² - v - tau²) = 0; REML: plus Σw² / Σw; below 0 where tau² is 0."""
    (t0, t1, ends), (near, far), (r0, r1), k = t, about, r, len(v)
    small = np.nanmin(v)
    known = (t0 > 0) & np.isfinite(np.nanmax(far, (1, 2), keepdims=True))
    loss0 = loss1 = 0.0
    if name == "REML":
        low, high = (e[:, :, None] for e in (np.nanmin(r0, 2), np.nanmax(r1, 2)))
        total = lambda e: e.sum((1, 2), keepdims=True)  # noqa: E731
        loss0 = (t0 + small) * total(low**2) / total(high) / k
        loss1 = (t1 + small) * np.minimum(1.0, total(high**2) / total(low)) / k
        known = known & ends
    tables = [
        (ends, largest(t1 + v - near, r0**2, r1**2) - loss0),
        (known, largest(far - t0 - v, r0**2, r1**2) + loss1),
    ]
    most = np.where(ends, -k * np.broadcast_to(loss0, ends.shape), np.inf)
    return tables, [(r0**2, (t1 + small) * r1, most)]  # w² (v + tau²) is w
