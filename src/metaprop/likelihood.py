"""Pooling without a transformation: the counts are binomial, and their rates vary between rows.

`glmm` is the random-intercept logistic model (binomial-normal; Stijnen et al. 2010, Stat Med
29:3046), `beta_binomial` the beta-binomial model (Griffiths 1973, Biometrics 29:637), both by
maximum likelihood. A row with two patients counts for what two patients say, which no
normal approximation of a transformed rate gives.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, betaln, expit, logit, ndtr, ndtri, stdtr, stdtrit

from . import threads
from .effectsize import Array, counts
from .likelihood_kernels import BETA_BINOMIAL, GLMM, fit_rows
from .method import Likelihood

# The beta-binomial likelihood is a sum over patients; beyond this it would take minutes.
MAX_PATIENTS = 10**7
_FAR = 40.0  # units of t beyond which no chance is told from 0
_SPLIT = 200  # rows per thread below which a thread costs more than it saves


@dataclass(frozen=True)
class LikelihoodFit:
    """A pooled rate from a likelihood of the counts. Every array has shape (...).

    estimate, se, lower, upper : log odds of the pooled rate, its standard error (from the observed
        information) and Wald limits. Under `glmm` the rate of the median study, under
        `beta_binomial` the mean rate over studies.
    spread : between-study variance, tau² of the log odds under `glmm`, the correlation rho of two
        patients of one study (0 to 1) under `beta_binomial`.
    loglik : log-likelihood at the maximum, binomial coefficients included.
    k : number of rows. level : confidence level. model : "GLMM" or "beta-binomial".
    """

    estimate: Array
    se: Array
    lower: Array
    upper: Array
    spread: Array
    loglik: Array
    k: int
    level: float
    model: Likelihood

    def prediction(self) -> tuple[Array, Array]:
        """Prediction limits of a new study's log odds, each of shape (...).

        Under `glmm` t with k - 2 df (Higgins et al. 2009, J R Stat Soc A 172:137). Under
        `beta_binomial` the same rule carried over to the fitted beta distribution: on each side of
        its median the distance to the quantile that lies as many standard normal units out as t
        with k - 2 df says, and as many standard errors of the estimate, add up in squares. Of
        normal log odds that is Higgins' rule; where rho is 0 the standard error alone is left. Both
        take the spread by maximum likelihood, which is low with few rows. NaN with k < 3.
        """
        if self.k < 3:
            return np.full_like(self.se, np.nan), np.full_like(self.se, np.nan)
        out = stdtrit(self.k - 2, (1 + self.level) / 2)
        return self._new(-out), self._new(out)

    def below(self, log_odds: ArrayLike) -> Array:
        """Chance that a new study's log odds lie below these, shape (...); as in `prediction`."""
        if self.k < 3:
            return np.full_like(self.se, np.nan)
        low, high = np.full_like(self.se, -_FAR), np.full_like(self.se, _FAR)
        for _ in range(60):
            middle = (low + high) / 2
            under = self._new(middle) < log_odds
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return stdtr(self.k - 2, (low + high) / 2)

    def _new(self, out: ArrayLike) -> Array:
        """Log odds of a new study so many units of t out, shape (...)."""
        if self.model == "GLMM":
            return self.estimate + out * np.sqrt(self.spread + self.se**2)
        varies = self.spread > 0
        size = 1 / np.where(varies, self.spread, 0.5) - 1
        shape = expit(self.estimate) * size, expit(-self.estimate) * size
        median = np.where(varies, _beta_log_odds(*shape, 0.0), self.estimate)
        far = np.where(varies, _beta_log_odds(*shape, out) - median, 0.0)
        return median + np.sign(out) * np.hypot(far, out * self.se)

    def proportion(self) -> tuple[Array, Array, Array]:
        """Pooled rate and its limits as proportions, each of shape (...)."""
        return expit(self.estimate), expit(self.lower), expit(self.upper)


def _beta_log_odds(a: Array, b: Array, z: ArrayLike) -> Array:
    """Log odds of the quantiles of beta distributions at standard normal z, from the near tail."""
    tail = ndtr(-np.abs(z))
    return np.where(np.asarray(z) < 0, _small_log_odds(a, b, tail), -_small_log_odds(b, a, tail))


def _small_log_odds(a: Array, b: Array, tail: Array) -> Array:
    """Log odds of the beta quantiles at a small probability.

    For some a just above 1 with b below 1 scipy's inverse has no answer far out; there the
    quantile is so small that the first term of the series is all of it.
    """
    quantile = betaincinv(a, b, tail)
    with np.errstate(divide="ignore"):
        first = (np.log(tail) + np.log(a) + betaln(a, b)) / a
    return np.where(np.isnan(quantile), first, logit(quantile))


def _check(x: ArrayLike, n: ArrayLike, name: str) -> tuple[Array, Array]:
    x, n = counts(x, n)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"{name}: found no rows, expected at least one on the last axis")
    for what, at_edge in (("no event", x == 0), ("no non-event", x == n)):
        if at_edge.all(-1).any():
            raise ValueError(
                f"{name}: found {what} in any row; the likelihood has its maximum at infinite log "
                "odds, without a standard error. An exact interval of the total is the answer."
            )
    if ((x == 0) | (x == n)).all(-1).any():
        raise ValueError(
            f"{name}: found every row at x = 0 or x = n; the between-study variance that fits best "
            "is infinite (or, with n = 1 throughout, arbitrary)"
        )
    return x, n


def _fit(
    model: int, x: Array, n: Array, level: float, spread: Callable[[Array], Array]
) -> LikelihoodFit:
    shape, k = x.shape[:-1], x.shape[-1]
    rows = [np.ascontiguousarray(a.reshape(-1, k)) for a in (x, n)]
    result = np.empty((len(rows[0]), 4))
    many = min(os.cpu_count() or 1, 1 + len(result) // _SPLIT)
    edges = np.linspace(0, len(result), 1 + many).astype(int)
    parts = [(model, rows[0][a:b], rows[1][a:b], result[a:b]) for a, b in pairwise(edges)]
    threads.side_by_side(fit_rows, parts)
    if not np.isfinite(result).all():
        raise ArithmeticError("the likelihood was not maximised")
    estimate, se, b, ll = (c.reshape(shape) for c in result.T)
    half = ndtri((1 + level) / 2) * se
    name: Likelihood = "GLMM" if model == GLMM else "beta-binomial"
    return LikelihoodFit(
        estimate, se, estimate - half, estimate + half, spread(b), ll, k, level, name
    )


def glmm(x: ArrayLike, n: ArrayLike, level: float = 0.95) -> LikelihoodFit:
    """Binomial-normal model: logit of each row's rate is normal(mu, tau²); maximum likelihood.

    Parameters
    ----------
    x, n : array_like, shape (..., k)
        Counts.
    level : float
        Confidence level.

    Returns
    -------
    LikelihoodFit
        `spread` is tau². With one row, or rates that vary less than binomial, tau² is 0.

    Raises
    ------
    ValueError
        If x and n are not counts, or if every row lies at x = 0 or x = n: no finite maximum.
    """
    x, n = _check(x, n, "glmm")
    return _fit(GLMM, x, n, level, np.square)


def beta_binomial(x: ArrayLike, n: ArrayLike, level: float = 0.95) -> LikelihoodFit:
    """Beta-binomial model: each row's rate is a draw from a beta distribution; maximum likelihood.

    Parameters
    ----------
    x, n : array_like, shape (..., k)
        Counts.
    level : float
        Confidence level.

    Returns
    -------
    LikelihoodFit
        `spread` is the correlation rho of two patients of one row, 1 / (1 + alpha + beta).

    Raises
    ------
    ValueError
        If x and n are not counts, every row lies at x = 0 or x = n, or a set has more than
        `MAX_PATIENTS` patients (the likelihood is a sum over patients).
    """
    x, n = _check(x, n, "beta_binomial")
    if n.sum(-1).max() > MAX_PATIENTS:
        raise ValueError(
            f"beta_binomial: found {n.sum(-1).max():.0f} patients, expected at most {MAX_PATIENTS}"
        )
    return _fit(BETA_BINOMIAL, x, n, level, lambda theta: theta / (1 + theta))
