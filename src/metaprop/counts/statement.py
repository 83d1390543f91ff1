"""A pooled result as it is printed: rows, method, and intervals of the unrounded numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri, ndtri, stdtrit

from .. import kernels
from ..effectsize import Array, overall_n, transform
from ..method import Method

Interval = tuple[float, float]
EVERYTHING: Interval = (-np.inf, np.inf)
# Quantity to the interval of the unrounded number, lower end in, upper end out.
Limits = dict[str, Interval]
# Relative; a bound is computed in another order than what it bounds.
HAIR = 1e-9
# Scales that the search knows; what follows a "-" says how counts are corrected.
SEARCHED = ("PAS", "PFT", "PLO", "PLN", "PR")


@lru_cache(maxsize=64)
def _effects(n: tuple[int, ...], scale: str) -> Array:
    """Effect and variance of each count of rows of these sizes, (2, k, max n + 1)."""
    out = np.full((2, len(n), max(n) + 1), np.nan)
    for i, size in enumerate(n):
        out[:, i, : size + 1] = transform(np.arange(size + 1), size, scale)
    out.flags.writeable = False
    return out


@dataclass(frozen=True)
class Printed:
    """One pooled result: sizes n (k,) of its rows, the method with its scale, what is printed.

    limits : quantity (estimate, lower, upper as proportions; tau2, Q, p_Q, I2, H2, pi_lower,
    pi_upper) to the interval of the unrounded number; an absent one is not printed. weights : row
    to interval.

    Raises
    ------
    ValueError
        On a scale that is not searched.
    """

    n: tuple[int, ...]
    method: Method
    limits: Limits = field(default_factory=dict)
    weights: dict[int, Interval] = field(default_factory=dict)
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.method.scale.split("-")[0] not in SEARCHED:
            expected = f"one of {', '.join(SEARCHED)}, the scales that the search supports"
            raise ValueError(f"scale: found {self.method.scale!r}, expected {expected}")

    def by(self, limits: Limits | None = None, **changes: str) -> "Printed":
        """The same rows by a method with other fields, such as scale="PFT", or other numbers."""
        method = replace(self.method, **changes)
        return replace(self, method=method, limits=self.limits if limits is None else limits)

    @property
    def k(self) -> int:
        """Number of rows."""
        return len(self.n)

    @property
    def code(self) -> int:
        """The estimator of tau² as the kernels know it."""
        return getattr(kernels, self.method.tau2_method.upper())

    @property
    def scale_code(self) -> int:
        """The scale as `distance` knows it."""
        return SEARCHED.index(self.method.scale.split("-")[0])

    @property
    def hartung_knapp(self) -> bool:
        """Whether the interval's width depends on the residuals."""
        return self.method.ci_method.startswith("hartung-knapp")

    @property
    def adhoc(self) -> bool:
        """Whether the interval is never narrower than the Wald standard error allows."""
        return self.method.ci_method.endswith("adhoc")

    @property
    def no_factor(self) -> tuple[bool, bool]:
        """Whether the interval is never narrower, and never wider, than the Wald standard error.

        Paule and Mandel's tau² makes Q equal k - 1, and with it the factor of Hartung and Knapp 1,
        unless it is 0 and Q smaller.
        """
        known = not self.hartung_knapp
        return known or self.adhoc, known or self.method.tau2_method == "PM"

    @property
    def quantile(self) -> float:
        """Normal quantile for Wald, t with k - 1 degrees of freedom for the other intervals."""
        p = (1 + self.level) / 2
        return float(ndtri(p) if self.method.ci_method == "wald" else stdtrit(self.k - 1, p))

    @property
    def quantiles(self) -> list[float]:
        """That one, and those of the meanings of a prediction interval (or NaN)."""
        p = (1 + self.level) / 2
        if self.method.tau2_method == "CE" or self.k < 3:
            return [self.quantile, np.nan, np.nan, np.nan]
        return [self.quantile, stdtrit(self.k - 2, p), stdtrit(self.k - 1, p), ndtri(p)]

    @property
    def nbar(self) -> float:
        """Sample size of the way back as the kernels take it: inf for sin², 0 where se gives it."""
        if self.method.scale != "PFT" or self.method.inverse == "sin2":
            return np.inf
        at_se = self.method.inverse == "inverse-variance"
        return 0.0 if at_se else float(overall_n(self.n, self.method.inverse))

    def sizes(self, residual: Callable[[Array], Array]) -> Interval:
        """Range of the overall n of the way back, which the standard error gives where nbar is 0.

        residual : least and largest standard error that limits as effects (3, 2) allow. In a piece
        of n they must allow one that gives such an n.
        """
        if self.nbar > 0:
            return self.nbar, self.nbar
        edges = np.array([0.0, *np.geomspace(1e-3, 1e12, 60), np.inf])
        for _ in range(2):
            a, b = edges[:-1], edges[1:]
            fits = self._sized(residual, a, b)
            if not fits.any():
                return 0.0, np.inf
            low, high = a[fits][0], b[fits][-1]
            if low == 0 or np.isinf(high):
                break
            edges = np.geomspace(low, high, 60)
        return float(low), float(high)

    def _sized(self, residual: Callable[[Array], Array], a: Array, b: Array) -> NDArray[np.bool_]:
        """Whether an n from a to b (m,) gives limits whose standard error is that of such an n."""
        effects = np.empty((len(a), 3, 2))
        for i, (p, q) in enumerate(self.rates):
            effects[:, i, 0] = self.effect_at(p, (a, b), False)
            effects[:, i, 1] = self.effect_at(q, (a, b), True)
        low, high = residual(effects)
        with np.errstate(divide="ignore"):
            least, most = 0.5 / np.sqrt(b), 0.5 / np.sqrt(a)
        return (low <= np.minimum(most, high) * (1 + HAIR)) & (high * (1 + HAIR) >= least)

    @property
    def rates(self) -> Array:
        """Intervals of estimate, lower and upper limit, proportions, (3, 2)."""
        return np.array([self.limits.get(q, EVERYTHING) for q in ("estimate", "lower", "upper")])

    @property
    def q(self) -> Interval:
        """Interval of Cochran's Q that Q and its p value leave."""
        low, high = self.limits.get("Q", EVERYTHING)
        p0, p1 = self.limits.get("p_Q", EVERYTHING)
        if self.k > 1:
            if p1 < 1:
                low = max(low, float(chdtri(self.k - 1, max(p1, 0))) * (1 - HAIR))
            if p0 > 0:
                high = min(high, float(chdtri(self.k - 1, min(p0, 1))) * (1 + HAIR))
        return low, high

    def effects(self, low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
        """Effect and variance of each count from low to high, (k, widest); NaN beyond."""
        low, high = np.asarray(low), np.asarray(high)
        at = low[:, None] + np.arange(int((high - low).max()) + 1)
        every = _effects(self.n, self.method.scale)
        inside = at <= high[:, None]
        return np.where(
            inside, every[:, np.arange(self.k)[:, None], np.where(inside, at, 0)], np.nan
        )

    def effect_at(self, p: float, n: Interval | tuple[Array, Array], upper: bool) -> float | Array:
        """The least (upper: the largest) effect that goes back to p, for an overall n in a range.

        Or in many ranges n, least and largest (m,): an effect each, or one for all.
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
        with np.errstate(divide="ignore"):
            a = np.arcsin(np.sqrt(p / (1 + np.divide(1, most))))
        return (a + np.arcsin(np.sqrt(p + (1 - p) / (least + 1)))) / 2
