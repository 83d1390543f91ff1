"""The bounds that make the search short: what a printed result says of sums over the rows.

For tau² inside a piece of its range all weights are known within narrow limits, so that the
pooled estimate, the width of a Hartung-Knapp interval and the equation of the estimator become
sums over the rows, each row adding what its count can add at most. CiMethod arithmetic throughout:
a bound may be loose, never wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

from .. import effectsize, kernels
from ..effectsize import Array, Scale, overall_n
from ..method import Method

# Pieces of tau²: relative to the smallest sampling variance, the first at 0, the last without end.
_GRID = np.array([0, *np.geomspace(0.1, 1e5, 40), np.inf])
_WALD_PIECES = 4
# Scales on which the sampling variance of a row depends on its size alone, as the search needs.
SEARCHED: tuple[Scale, ...] = ("PAS", "PFT")
# Parts of a piece in which the likelihood equation is looked at once more before it is solved.
_PARTS = 4


@dataclass(frozen=True)
class Constraint:
    """A pooled result as printed: intervals, as proportions, in which the unrounded values lie.

    estimate, lower, upper : (low, high), half-open: 15.5 <= 16 < 16.5 percent.
    """

    scale: Scale
    estimate: tuple[float, float]
    lower: tuple[float, float]
    upper: tuple[float, float]

    @property
    def printed(self) -> Array:
        """The three intervals as an array (3, 2)."""
        return np.array([self.estimate, self.lower, self.upper])


def quantile(method: Method, k: int, level: float) -> float:
    """Normal quantile for Wald, t with k - 1 degrees of freedom for the other intervals."""
    p = (1 + level) / 2
    return float(ndtri(p) if method.ci_method == "wald" else stdtrit(k - 1, p))


def overall_size(method: Method, n: ArrayLike) -> float:
    """Sample size of the inverse as the kernels take it: inf for sin², 0 where se gives it."""
    if method.scale != "PFT" or method.inverse == "sin2":
        return np.inf
    return 0.0 if method.inverse == "inverse-variance" else float(overall_n(n, method.inverse))


@dataclass(frozen=True)
class Model:
    """How a pooled result was computed, for rows of given size n, shape (k,).

    Raises
    ------
    ValueError
        On a scale outside `SEARCHED`: on the logit a sampling variance depends on the count.
    """

    n: tuple[int, ...]
    method: Method
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.method.scale not in SEARCHED:
            expected = f"one of {', '.join(SEARCHED)}, the scales that the search supports"
            raise ValueError(f"scale: found {self.method.scale!r}, expected {expected}")

    def by(self, **changes: str) -> "Model":
        """The same rows by a method with other fields, such as scale="PFT"."""
        return replace(self, method=replace(self.method, **changes))

    @cached_property
    def v(self) -> Array:
        """Sampling variances; on these scales they depend on n alone."""
        return effectsize.transform(np.zeros(len(self.n)), self.n, self.method.scale)[1]

    @cached_property
    def effects(self) -> Array:
        """Effect of each count in each row, shape (k, max n + 1); NaN above the row's n."""
        out = np.full((len(self.n), max(self.n) + 1), np.nan)
        for i, n in enumerate(self.n):
            out[i, : n + 1] = effectsize.transform(np.arange(n + 1), n, self.method.scale)[0]
        return out

    @property
    def code(self) -> int:
        """The estimator of tau² as the kernels know it."""
        return getattr(kernels, self.method.tau2_method.upper())

    @property
    def hartung_knapp(self) -> bool:
        """Whether the interval's width depends on the residuals as well."""
        return self.method.ci_method.startswith("hartung-knapp")

    @property
    def quantile(self) -> float:
        """As `quantile`, for these rows."""
        return quantile(self.method, len(self.n), self.level)

    @property
    def nbar(self) -> float:
        """As `overall_size`, for these rows."""
        return overall_size(self.method, self.n)

    def effect_at(self, p: float, upper: bool = False) -> float:
        """The effect that goes back to p: for an upper end of 1 infinity, for a lower the least."""
        if p <= 0:
            return -np.inf
        if p > 1 or (upper and p == 1):
            return np.inf
        n = self.nbar
        if np.isinf(n):
            return float(np.arcsin(np.sqrt(p)))
        both = np.arcsin(np.sqrt([p * n / (n + 1), (p * n + 1) / (n + 1)]))
        return float(both.mean())


@dataclass(frozen=True)
class Piece:
    """Tables for a half-open range of tau², as `search.search_boxes` takes them.

    ends, steepness : weights (s + 1, k) at the ends of s parts of the range, and for each part what
    a likelihood estimate inside it needs, (s, 2): -dQ/dtau² at least the first at the part's lower
    end, at most the second at its upper. Without parts for the other estimators.
    """

    tau2: tuple[float, float]
    tables: Array
    spread: Array
    bound: float
    ends: Array
    steepness: Array


def _standard_errors(limits: Array, z: float) -> tuple[float, float]:
    """Range of the standard error that estimate and limits allow, as (3, 2) effects."""
    (e0, e1), (l0, l1), (u0, u1) = limits
    low = max(e0 - l1, u0 - e1, (u0 - l1) / 2, 0.0)
    high = min(e1 - l0, u1 - e0, (u1 - l0) / 2)
    return low / z, high / z


def _wald_error(v: Array, t: float) -> float:
    """Standard error of the pooled effect at a tau²."""
    return float(1 / np.sqrt((1 / (v + t)).sum())) if np.isfinite(t) else np.inf


def _edges(v: Array, se: tuple[float, float], wald: bool) -> Array:
    """Edges of the pieces of tau²: the whole range, or what a Wald interval's width allows."""
    grid = _GRID * v.min()
    if not wald:
        return grid

    def tau2_of(se: float) -> float:
        def excess(t: float) -> float:
            return _wald_error(v, t) - se

        if excess(0) >= 0:
            return 0.0
        if not np.isfinite(se):
            return np.inf
        top = len(v) * se**2 + v.max()
        return float(brentq(excess, 0, top, xtol=1e-15))

    low, high = tau2_of(se[0]) * (1 - 1e-9), tau2_of(se[1]) * (1 + 1e-9) + 1e-15
    if se[1] < se[0] or _wald_error(v, 0) > se[1] * (1 + 1e-9):
        return np.array([])
    inner = np.linspace(low, high, 1 + _WALD_PIECES)[1:-1] if np.isfinite(high) else []
    return np.unique([low, *grid[(grid > low) & (grid < high)], *inner, high])


def _largest(e: Array, r0: Array, r1: Array) -> Array:
    """The most that r · e can be for r between r0 and r1, by row and count."""
    return np.where(e > 0, r1[:, None] * e, r0[:, None] * e)


def pieces(model: Model, constraint: Constraint) -> Iterator[Piece]:
    """Tables of every range of tau² that the constraint leaves open."""
    ends = [(model.effect_at(low), model.effect_at(high, True)) for low, high in constraint.printed]
    limits = np.array(ends)
    if model.method.scale == "PFT" and model.method.inverse == "inverse-variance":
        limits[:] = -np.inf, np.inf  # the way back depends on tau² itself: no bound from it
    wald = not model.hartung_knapp
    se = _standard_errors(limits, model.quantile)
    edges = _edges(model.v, se, wald)
    if len(model.n) == 1:
        edges = np.array([0, model.v[0]])  # one row has no variance between rows
    if model.method.tau2_method == "CE":  # tau² is 0, and nothing else
        edges = np.array([0, 1e-12 * model.v.min()]) if len(edges) and edges[0] <= 0 else edges[:0]
    for t0, t1 in pairwise(edges):
        m0, m1 = _estimates(model, limits, t0, t1)
        if m0 <= m1:
            yield _piece(model, (t0, t1), (m0, m1), se)


def _estimates(model: Model, limits: Array, t0: float, t1: float) -> tuple[float, float]:
    """Range of the estimate: as printed, and as a Wald interval of this width lets it be."""
    m0, m1 = limits[0]
    if not model.hartung_knapp:
        s0, s1 = _wald_error(model.v, t0), _wald_error(model.v, t1)
        z = model.quantile
        m0 = max(m0, limits[1][0] + z * s0, limits[2][0] - z * s1)
        m1 = min(m1, limits[1][1] + z * s1, limits[2][1] - z * s0)
    return m0, m1


def _piece(model: Model, t: tuple, m: tuple, se: tuple) -> Piece:
    v, y, k = model.v, model.effects, len(model.n)
    (t0, t1), (m0, m1) = t, m
    small = v.min()
    r0 = (t0 + small) / (t0 + v)
    r1 = (t1 + small) / (t1 + v) if np.isfinite(t1) else np.ones(k)
    near = np.maximum(np.maximum(m0 - y, y - m1), 0) ** 2
    far = np.maximum(np.abs(y - m0), np.abs(y - m1)) ** 2
    # The first table rises and the second falls with the count; the search relies on it.
    none = np.where(np.isnan(y), np.nan, 0.0)
    tables = [
        _largest(y - m0, r0, r1) if np.isfinite(m0) else none,
        _largest(m1 - y, r0, r1) if np.isfinite(m1) else none,
    ]
    if model.hartung_knapp:
        low, high = ((k - 1) * s**2 for s in se)
        if np.isfinite(high):
            tables.append(_largest(high - near, r0, r1))
        if np.isfinite(m1 - m0):
            tables.append(_largest(far - low, r0, r1))
    spread, bound = np.zeros(k), np.inf
    if model.method.tau2_method in ("PM", "ML", "REML"):
        tables += _about_the_estimate(model.method.tau2_method, v, near, far, (t0, t1), (r0, r1))
    else:
        spread, least, bound = _about_its_own_mean(model.method.tau2_method, v, t0, t1)
        centre = np.clip((m0 + m1) / 2, 0, np.pi / 2) if np.isfinite(m1 - m0) else np.pi / 4
        if least > 0:
            tables.append(spread[:, None] * (y - centre) ** 2 - least / k)
    stack = np.array(tables).reshape(-1, *y.shape)
    stack = np.nan_to_num(stack, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    return Piece(t, stack, spread, bound, *_steepness(model.method.tau2_method, v, t0, t1))


def _steepness(tau2_method: str, v: Array, t0: float, t1: float) -> tuple[Array, Array]:
    """What the likelihood equation leaves of -dQ/dtau² = Σ w² (y - estimate)².

    ML: it equals Σw; REML: Σw - Σw² / Σw. It falls with tau², because Q is convex; so its values at
    the ends of a part enclose it, and Σw at the ends encloses the right side.
    """
    if tau2_method not in ("ML", "REML") or not np.isfinite(t1):
        return np.empty((0, len(v))), np.empty((0, 2))
    w = 1 / (v + np.linspace(t0, t1, 1 + _PARTS)[:, None])
    low, high = w[1:].sum(1), w[:-1].sum(1)
    if tau2_method == "REML":
        squares = (w**2).sum(1)
        low, high = low - squares[:-1] / low, high - squares[1:] / high
    if t0 == 0:
        low[0] = -np.inf  # an estimate of 0 needs no more than that the likelihood falls from there
    return w, np.stack([low - 1e-9 * np.abs(low), high * (1 + 1e-9)], axis=1)


def _about_the_estimate(tau2_method: str, v: Array, near: Array, far: Array, t: tuple, r: tuple
) -> list[Array]:  # fmt: skip
    """Sums that an estimator's equation in squared distances from the estimate cannot leave."""
    (t0, t1), (r0, r1) = t, r
    k, small = len(v), v.min()
    tables = []
    if tau2_method == "PM":
        if np.isfinite(t1):
            tables.append(_largest(-near, r0, r1) + (k - 1) * (t1 + small) / k)
        if t0 > 0 and np.isfinite(np.nanmax(far)):
            tables.append(_largest(far, r0, r1) - (k - 1) * (t0 + small) / k)
        return tables
    loss0 = loss1 = 0.0
    if tau2_method == "REML":
        loss0 = (t0 + small) * (r0**2).sum() / r1.sum() / k
        loss1 = (t1 + small) * min(1.0, (r1**2).sum() / r0.sum()) / k
    if np.isfinite(t1):
        tables.append(_largest(t1 + v[:, None] - near, r0**2, r1**2) - loss0)
    if t0 > 0 and np.isfinite(np.nanmax(far)) and np.isfinite(loss1):
        tables.append(_largest(far - t0 - v[:, None], r0**2, r1**2) + loss1)
    return tables


def _about_its_own_mean(
    tau2_method: str, v: Array, t0: float, t1: float
) -> tuple[Array, float, float]:
    """Weights of the estimator's sum of squares about its own mean, and the range it must meet."""
    k = len(v)
    w = 1 / v
    moment = w.sum() - (w**2).sum() / w.sum()
    if tau2_method in ("CE", "DL2"):  # no equation in one sum of squares: the interval alone bounds
        return np.zeros(k), 0.0, np.inf
    if tau2_method in ("DL", "HS", "HSk"):
        free = k - 1 if tau2_method == "DL" else k
        slope = moment if tau2_method == "DL" else w.sum()
        part = (k - 1) / k if tau2_method == "HSk" else 1.0
        low, high, a = part * (free + t0 * slope), part * (free + t1 * slope), w
    elif tau2_method == "HM":  # tau² = Q² / ((2 (k - 1) + Q) moment), which rises with Q
        half = moment / 2
        low, high = (c + np.sqrt(c**2 + 4 * c * (k - 1)) for c in (t0 * half, t1 * half))
        a = w
    elif tau2_method == "HE":
        low, high, a = (k - 1) * (t0 + v.mean()), (k - 1) * (t1 + v.mean()), np.ones(k)
    else:  # SJ: seed · Q(seed) lies between seed² k / (seed + largest v) and seed · k
        low, a = t0 * (k - 1), np.ones(k)
        b = t1 * (k - 1) / k
        high = k * (b + np.sqrt(b**2 + 4 * b * v.max())) / 2 if np.isfinite(t1) else np.inf
    scale = 1 / a.max()
    return a * scale, (low * scale if t0 > 0 else 0.0), high * scale
