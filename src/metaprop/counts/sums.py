"""Tables for any scale: sums over rows whose sampling variance may depend on the count.

As in `bounds`, tau² lies in a piece of its range, and each printed number is a sum over the rows
of what a count adds at most. Here the sampling variance is a table too, so that the weights, the
width of a Wald interval and the moments of an estimator are bounded by count. A bound may be loose,
never wrong: what reaches the end is computed by `pooling`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from ..effectsize import Array, transform
from ..method import Method
from .bounds import overall_size, quantile
from .equations import estimator, largest, moment

Interval = tuple[float, float]
EVERYTHING: Interval = (-np.inf, np.inf)
_GRID = np.array([0, *np.geomspace(0.1, 1e5, 40), np.inf])
_INNER = 6
TABLES, SPREADS = 9, 2


@dataclass(frozen=True)
class Printed:
    """One pooled result: sizes n (k,) of its rows, the method with its scale, what is printed.

    limits : quantity (estimate, lower, upper as proportions; tau2, Q, p_Q, I2, H2, pi_lower,
    pi_upper) to the interval of the unrounded number. weights : row to interval.
    """

    n: tuple[int, ...]
    method: Method
    limits: dict[str, Interval]
    weights: dict[int, Interval] = field(default_factory=dict)
    level: float = 0.95

    @property
    def k(self) -> int:
        """Number of rows."""
        return len(self.n)

    @property
    def hartung_knapp(self) -> bool:
        """Whether the interval's width depends on the residuals."""
        return self.method.ci_method.startswith("hartung-knapp")

    @property
    def adhoc(self) -> bool:
        """Whether the interval is never narrower than the Wald standard error allows."""
        return self.method.ci_method.endswith("adhoc")

    @property
    def quantile(self) -> float:
        """As `bounds.quantile`, for these rows."""
        return quantile(self.method, self.k, self.level)

    @property
    def nbar(self) -> float:
        """As `bounds.overall_size`, for these rows."""
        return overall_size(self.method, self.n)

    @property
    def q(self) -> Interval:
        """Interval of Cochran's Q that Q and its p value leave."""
        low, high = self.limits.get("Q", EVERYTHING)
        p0, p1 = self.limits.get("p_Q", EVERYTHING)
        if self.k > 1:
            if p1 < 1:
                low = max(low, float(chdtri(self.k - 1, max(p1, 0))) * (1 - 1e-9))
            if p0 > 0:
                high = min(high, float(chdtri(self.k - 1, min(p0, 1))) * (1 + 1e-9))
        return low, high

    def effects(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Effect and variance of each count from low to high, (k, widest); NaN beyond."""
        wide = int((high - low).max()) + 1
        y, v = np.full((2, self.k, wide), np.nan)
        for i, n in enumerate(self.n):
            x = np.arange(low[i], high[i] + 1)
            y[i, : len(x)], v[i, : len(x)] = transform(x, n, self.method.scale)
        return y, v

    def effect_at(self, p: float, n: Interval, upper: bool) -> float:
        """The least (upper: the largest) effect that goes back to p, for an overall n in a range.

        Infinite where everything below 0 or above 1 prints as that end.
        """
        scale = self.method.scale
        if scale.startswith("PR") or not np.isfinite(p):
            return p
        if scale.startswith("PLN"):
            return float(np.log(p)) if p > 0 else (-700.0 if upper else -np.inf)
        if p <= 0 and not upper:
            return -np.inf
        if p >= 1 and upper:
            return np.inf
        p = min(max(p, 0.0), 1.0)
        if scale == "PLO":
            p = min(max(p, 1e-16), 1 - 1e-16)
            return float(np.log(p / (1 - p)))
        most, least = (n[1], n[0]) if upper else (n[0], n[1])
        a = np.arcsin(np.sqrt(p / (1 + 1 / most))) if most > 0 else 0.0
        return float(a + np.arcsin(np.sqrt(p + (1 - p) / (least + 1)))) / 2


@dataclass(frozen=True)
class Sums:
    """Tables of one range of tau²: sums that must not be negative, and sums of squares.

    tables : (TABLES, k, x). weight, allow, bound : SPREADS weighted sums of squares about their
    own mean, with weights (k, x), may be at most bound + the sum of allow.
    """

    tau2: Interval
    tables: Array
    weight: Array
    allow: Array
    bound: Array


def pieces(p: Printed, y: Array, v: Array) -> Iterator[Sums]:
    """Tables of every range of tau² that the printed numbers leave open."""
    whole = (0.0, np.inf) if p.nbar == 0.0 else (p.nbar, p.nbar)
    limits = _limits(p, whole)
    for t in pairwise(_edges(p, v, _standard_errors(limits, p.quantile))):
        s0, s1 = _wald(np.nanmin(v, 1), t[0]), _wald(np.nanmax(v, 1), t[1])
        own = limits
        if p.nbar == 0.0 and not p.hartung_knapp:
            own = _limits(p, (1 / (4 * s1 * s1) if np.isfinite(s1) else 0.0, 1 / (4 * s0 * s0)))
        se = _standard_errors(own, p.quantile)
        m = _estimates(p, own, se, (s0, s1))
        if m[0] <= m[1] and se[0] <= se[1] * (1 + 1e-9):
            yield _sums(p, y, v, t, m, se)


def _limits(p: Printed, n: Interval) -> Array:
    """Intervals of estimate, lower and upper as effects, (3, 2)."""
    if n == (0.0, np.inf) and p.method.scale == "PFT":
        return np.array([EVERYTHING] * 3)  # the way back depends on the standard error
    ends = [p.limits.get(q, EVERYTHING) for q in ("estimate", "lower", "upper")]
    return np.array([(p.effect_at(a, n, False), p.effect_at(b, n, True)) for a, b in ends])


def _standard_errors(limits: Array, z: float) -> Interval:
    (e0, e1), (l0, l1), (u0, u1) = limits
    low = max(e0 - l1, u0 - e1, (u0 - l1) / 2, 0.0)
    return low / z, min(e1 - l0, u1 - e0, (u1 - l0) / 2) / z


def _wald(v: Array, t: float) -> float:
    return float(1 / np.sqrt((1 / (v + t)).sum())) if np.isfinite(t) else np.inf


def _edges(p: Printed, v: Array, se: Interval) -> Array:
    """Edges of the pieces of tau², as far as a Wald width and a printed tau² let it range."""
    if p.method.tau2_method == "CE" or p.k == 1:  # tau² is 0, and nothing else
        low, high = p.limits.get("tau2", EVERYTHING)
        return np.array([0, 1e-12 * np.nanmin(v)]) if low <= 0 < high else np.array([])
    low, high = p.limits.get("tau2", EVERYTHING)
    least, most = np.nanmin(v, 1), np.nanmax(v, 1)
    low = max(low * (1 - 1e-9), 0.0)
    high = high * (1 + 1e-9)
    if np.isfinite(se[1]) and (not p.hartung_knapp or p.adhoc):
        if _wald(least, 0) > se[1] * (1 + 1e-9):
            return np.array([])
        high = min(high, _tau2_of(least, se[1]) * (1 + 1e-9) + 1e-15)
    if not p.hartung_knapp:
        low = max(low, _tau2_of(most, se[0]) * (1 - 1e-9))
    if "I2" in p.limits and p.method.tau2_method == "DL":
        a, b = p.limits["I2"]
        s0, s1 = ((p.k - 1) / c if c > 0 else np.inf for c in moment(v)[::-1])
        low = max(low, s0 * a / (1 - a) * (1 - 1e-9)) if 0 < a < 1 else low
        high = min(high, s1 * b / (1 - b) * (1 + 1e-9)) if b < 1 else high
    if low > high:
        return np.array([])
    grid = _GRID * np.nanmin(v)
    inner = np.linspace(low, high, 1 + _INNER)[1:-1] if np.isfinite(high) else []
    return np.unique([low, *grid[(grid > low) & (grid < high)], *inner, max(high, low + 1e-15)])


def _tau2_of(v: Array, se: float) -> float:
    """The tau² at which a Wald standard error is reached with variances v; 0 if it is smaller."""
    if se <= _wald(v, 0):
        return 0.0
    if not np.isfinite(se):
        return np.inf
    return float(brentq(lambda t: _wald(v, t) - se, 0, len(v) * se**2 + v.max(), xtol=1e-15))


def _estimates(p: Printed, limits: Array, se: Interval, wald: Interval) -> Interval:
    """Range of the estimate: as printed, and as limits at this distance let it be."""
    z = p.quantile
    s0, s1 = se
    if not p.hartung_knapp:
        s0, s1 = max(s0, wald[0]), min(s1, wald[1])
    s0, s1 = s0 * (1 - 1e-12), s1 * (1 + 1e-12)
    m0 = max(limits[0][0], limits[1][0] + z * s0, limits[2][0] - z * s1)
    return m0, min(limits[0][1], limits[1][1] + z * s1, limits[2][1] - z * s0)


def _sums(p: Printed, y: Array, v: Array, t: Interval, m: Interval, se: Interval) -> Sums:
    (t0, t1), (m0, m1), k = t, m, p.k
    small = np.nanmin(v)
    r0 = (t0 + small) / (t0 + v)
    r1 = (t1 + small) / (t1 + v) if np.isfinite(t1) else np.ones_like(v)
    near = np.maximum(np.maximum(m0 - y, y - m1), 0) ** 2
    far = np.maximum(np.abs(y - m0), np.abs(y - m1)) ** 2
    tables = []
    if np.isfinite(m0):
        tables.append(largest(y - m0, r0, r1))
    if np.isfinite(m1):
        tables.append(largest(m1 - y, r0, r1))
    if (not p.hartung_knapp or p.adhoc) and np.isfinite(se[1]):
        tables.append(se[1] ** 2 / (v + t0) - 1 / k)
    if not p.hartung_knapp and se[0] > 0 and np.isfinite(t1):
        tables.append(1 / k - se[0] ** 2 / (v + t1))
    if p.hartung_knapp:
        low, high = ((k - 1) * s**2 for s in se)
        if np.isfinite(high):
            tables.append(largest(high - near, r0, r1))
        if np.isfinite(m1 - m0) and not p.adhoc:
            tables.append(largest(far - low, r0, r1))
    centre = (m0 + m1) / 2 if np.isfinite([m0, m1]).all() else float(np.nanmean(y))
    spreads = []
    if k > 1:
        more, spreads = estimator(p.method.tau2_method, y - centre, v, t, (near, far), (r0, r1))
        tables += more
        q0, q1 = p.q
        if np.isfinite(q1):
            spreads.append((1 / v, np.zeros_like(v), q1))
        if q0 > 0:
            tables.append(((y - centre) ** 2 / v - q0 / k) * small)
    return _stacked(t, tables, spreads, y.shape)


def _stacked(t: Interval, tables: list, spreads: list, shape: tuple) -> Sums:
    stack = np.zeros((TABLES, *shape))
    stack[: len(tables)] = np.array(tables).reshape(-1, *shape)
    stack = np.nan_to_num(stack, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    weight, allow = np.zeros((2, SPREADS, *shape))
    bound = np.full(SPREADS, np.inf)
    for j, (w, a, b) in enumerate(spreads[:SPREADS]):
        scale = 1 / np.nanmax(w)
        weight[j], allow[j] = np.nan_to_num(w * scale), np.nan_to_num(a * scale)
        bound[j] = b * scale
    return Sums(t, stack, weight, allow, bound)
