"""Bayesian random effects with the counts binomial: no normal approximation of a row.

The logit of each row's rate is normal(mu, tau²). tau has a half-normal prior; the rate at mu is
uniform from 0 to 1, so that rows without an event have an answer too. The posterior of (mu, tau) is
computed on a grid from the same likelihood as `likelihood.glmm`, without sampling.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import log_expit, ndtr

from .bayes import Summary
from .effectsize import Array, counts
from .likelihood_kernels import glmm_terms

# Points of tau (Simpson's rule) and of mu (trapezoidal rule, the density ends at both ends).
_TAU, _MU = 129, 201
_COARSE = 41
_DROP = 25.0  # what is e^-25 of the highest density is left out
_COARSEST = 0.02  # share of the posterior that one pair of the grid may hold
_FURTHEST = 40.0  # log odds beyond which the prior of mu holds nothing


class TooCoarse(ValueError):
    """The posterior is finer than the grid: rows of very many patients agree too well."""


@dataclass(frozen=True)
class BinomialPosterior:
    """Posterior on the scale of log odds; summaries, all scalars, when asked for.

    mu_grid, grid : of mu and of tau, shapes (b,) and (a,). weights : probability of each pair,
    shape (a, b). density : of tau at its grid. level : credible level.
    """

    mu_grid: Array
    grid: Array
    weights: Array
    density: Array
    level: float

    @cached_property
    def mu(self) -> Summary:
        """Log odds of the median study's rate."""
        return self._summary(self.mu_grid, self.weights.sum(0))

    @cached_property
    def tau(self) -> Summary:
        """Between-study standard deviation of the log odds."""
        return self._summary(self.grid, self.weights.sum(1), self.density)

    @cached_property
    def predicted(self) -> Summary:
        """Log odds of a new study."""
        low = self.mu_grid[0] - 10 * self.grid[-1]
        high = self.mu_grid[-1] + 10 * self.grid[-1]
        ends = [brentq(lambda q, p=p: self.below(q) - p, low, high) for p in self._tails]
        mean = float(self.weights.sum(0) @ self.mu_grid)
        spread = self.weights * ((self.mu_grid - mean) ** 2 + self.grid[:, None] ** 2)
        return Summary(*ends, mean, np.sqrt(spread.sum()))

    def below(self, log_odds: float) -> float:
        """Chance that a new study's log odds lie below these."""
        away = log_odds - self.mu_grid
        with np.errstate(divide="ignore", invalid="ignore"):  # tau is 0 at the first point
            inside = away / self.grid[:, None]
        return float((self.weights * ndtr(np.nan_to_num(inside))).sum())

    @property
    def _tails(self) -> tuple[float, float, float]:
        return 0.5, (1 - self.level) / 2, (1 + self.level) / 2

    def _summary(self, at: Array, weights: Array, density: Array | None = None) -> Summary:
        below = CubicSpline(at, weights if density is None else density).antiderivative()
        total = below(at[-1])
        ends = [brentq(lambda q, p=p: below(q) - p * total, at[0], at[-1]) for p in self._tails]
        mean = weights @ at
        return Summary(*ends, mean, np.sqrt(weights @ (at - mean) ** 2))


@njit(cache=True, nogil=True)
def _fill(x, n, mu, tau, out) -> None:  # noqa: ANN001
    slopes = np.empty(5)  # of no use here
    for a in range(tau.size):
        for b in range(mu.size):
            out[a, b] = glmm_terms(x, n, mu[b], tau[a], slopes)


def _log_density(x: Array, n: Array, mu: Array, tau: Array, scale: float) -> Array:
    """Likelihood times priors, as a logarithm but for a constant, shape (tau, mu)."""
    out = np.empty((len(tau), len(mu)))
    _fill(x, n, mu, tau, out)
    uniform = log_expit(mu) + log_expit(-mu)
    return out + uniform - 0.5 * (tau[:, None] / scale) ** 2


def _within(at: Array, height: Array, step: int) -> tuple[float, float]:
    """Ends of the part of a grid that is not negligible, one step further out."""
    inside = np.flatnonzero(height > height.max() - _DROP)
    first, last = max(inside[0] - step, 0), min(inside[-1] + step, len(at) - 1)
    return at[first], at[last]


def posterior(x: ArrayLike, n: ArrayLike, scale: float, level: float = 0.95) -> BinomialPosterior:
    """Posterior of a random-effects meta-analysis of counts.

    Parameters
    ----------
    x, n : array_like, shape (k,) with k >= 2
        Counts.
    scale : float
        Standard deviation before folding of the half-normal prior of tau, in log odds.
    level : float
        Credible level.

    Raises
    ------
    ValueError
        If x and n are not counts of one set, with one row, or a scale that is not positive.
    TooCoarse
        Where rows of very many patients agree so well that the grid is too coarse.
    """
    x, n = (np.ascontiguousarray(a) for a in counts(x, n))
    if x.ndim != 1 or len(x) < 2:
        raise ValueError(f"posterior: found counts of shape {x.shape}, expected (k,), k >= 2")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale: found {scale}, expected a positive number")
    mu, tau = np.linspace(-_FURTHEST, _FURTHEST, 4 * _COARSE), np.linspace(0, 7 * scale, _COARSE)
    for _ in range(4):  # each pass looks closer at what the one before left
        seen = _log_density(x, n, mu, tau, scale)
        low, high = _within(mu, seen.max(0), 1)
        top = _within(tau, seen.max(1), 1)[1]
        mu, tau = np.linspace(low, high, _COARSE), np.linspace(0, top, _COARSE)
    mu, tau = np.linspace(low, high, _MU), np.linspace(0, top, _TAU)
    found = _log_density(x, n, mu, tau, scale)
    weights = np.exp(found - found.max())
    density = weights.sum(1) / weights.sum()
    simpson = np.where(np.arange(_TAU) % 2, 4.0, 2.0)
    simpson[[0, -1]] = 1.0
    weights = weights * simpson[:, None]
    if weights.max() > _COARSEST * weights.sum():
        raise TooCoarse(
            "posterior: found counts whose posterior is finer than the grid; with so many patients "
            "the normal approximation of `bayes.posterior` is the one to use"
        )
    area = (density * simpson).sum() * (tau[1] - tau[0]) / 3
    return BinomialPosterior(mu, tau, weights / weights.sum(), density / area, level)
