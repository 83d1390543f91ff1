"""Bayesian random effects by quadrature over tau (Röver 2020, J Stat Softw 93(6), bayesmeta).

Given tau everything is normal: the pooled effect, each study's own effect and that of a new study.
Each posterior is therefore a mixture of normals over a grid of tau, with no sampling.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import simpson
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import ndtr

from .effectsize import Array, choose
from .method import PRIORS, Prior
from .pooling import effects

_DENSITY: dict[str, Callable[[Array, float], Array]] = {
    "half-normal": lambda t, s: np.sqrt(2 / np.pi) / s * np.exp(-0.5 * (t / s) ** 2),
    "half-cauchy": lambda t, s: 2 / (np.pi * s) / (1 + (t / s) ** 2),
}
# Simpson's rule on this many points of tau / (tau + unit) leaves less than 1e-9.
POINTS = 2001


@dataclass(frozen=True)
class Summary:
    """A posterior distribution: median, central credible limits, mean and standard deviation.

    Arrays of one shape; sd is infinite where the posterior has none (mu, tau and the new study
    under a half-Cauchy prior with two studies).
    """

    median: Array
    lower: Array
    upper: Array
    mean: Array
    sd: Array


@dataclass(frozen=True)
class Posterior:
    """Posterior of the normal-normal model on the transformed scale; summaries when asked for.

    grid, density : grid of tau and its posterior density there. weights : probability of each point
    of the grid. mean, sd : of mu given tau there. y, v : the studies, shape (k,). level : credible.
    unit : the tau in the middle of the grid, whose points are even in tau / (tau + unit). heavy :
    whether tau has no variance.
    """

    grid: Array
    density: Array
    weights: Array
    mean: Array
    sd: Array
    y: Array
    v: Array
    level: float
    unit: float
    heavy: bool

    @cached_property
    def mu(self) -> Summary:
        """Pooled effect, scalars."""
        return self._endless(_mixture(self.weights, self.mean, self.sd, self.level))

    @cached_property
    def predicted(self) -> Summary:
        """Effect of a new study, scalars."""
        sd = np.hypot(self.sd, self.grid)
        return self._endless(_mixture(self.weights, self.mean, sd, self.level))

    def below(self, effect: float) -> float:
        """Chance that a new study's effect lies below this one."""
        return float(self.weights @ ndtr((effect - self.mean) / np.hypot(self.sd, self.grid)))

    @cached_property
    def theta(self) -> Summary:
        """Effect of each study, shape (k,), shrunk towards mu."""
        drawn, mean = self._drawn, self.mean[:, None]
        sd = np.sqrt((1 - drawn) * self.v + drawn**2 * self.sd[:, None] ** 2)
        return _mixture(self.weights, self.y + drawn * (mean - self.y), sd, self.level)

    @cached_property
    def tau(self) -> Summary:
        """Between-study standard deviation, scalars."""
        t = self.grid / (self.grid + self.unit)
        density = np.append(self.density * (self.grid + self.unit) ** 2 / self.unit, 0.0)
        below = CubicSpline(np.append(t, 1.0), density).antiderivative()
        quantiles = []
        for p in (0.5, (1 - self.level) / 2, (1 + self.level) / 2):
            at = brentq(lambda t, p=p: below(t) - p * below(1.0), 0.0, 1.0, xtol=1e-15, rtol=1e-14)
            quantiles.append(np.float64(self.unit * at / (1 - at)))
        mean = self.weights @ self.grid
        sd = np.sqrt(self.weights @ (self.grid - mean) ** 2)
        return self._endless(Summary(*quantiles, mean, sd))

    @cached_property
    def shrinkage(self) -> Array:
        """Posterior mean of v / (v + tau²), shape (k,): 0 is a study's own estimate, 1 the pool."""
        return self.weights @ self._drawn

    @property
    def _drawn(self) -> Array:
        return self.v / (self.v + self.grid[:, None] ** 2)

    def _endless(self, s: Summary) -> Summary:
        return replace(s, sd=np.float64(np.inf)) if self.heavy else s


def _mixture(weights: Array, mean: Array, sd: Array, level: float) -> Summary:
    """Summary of normal mixtures: weights (m,), component means and sds (m, ...)."""
    keep = weights > 1e-17 * weights.max()
    weights, mean, sd = weights[keep], mean[keep], sd[keep]
    shape = mean.shape[1:]
    columns = [a.reshape(len(weights), -1).T for a in (mean, sd)]
    found = []
    for p in (0.5, (1 - level) / 2, (1 + level) / 2):
        found.append(
            [
                brentq(
                    lambda q, m=m, s=s, p=p: weights @ ndtr((q - m) / s) - p,
                    (m - 40 * s).min(), (m + 40 * s).max(), xtol=1e-12 * s.min(), rtol=1e-14,
                )
                for m, s in zip(*columns, strict=True)
            ]
        )  # fmt: skip
    median, lower, upper = (np.reshape(f, shape) for f in found)
    average = np.tensordot(weights, mean, 1)
    variance = np.tensordot(weights, sd**2 + (mean - average) ** 2, 1)
    return Summary(median, lower, upper, average, np.sqrt(variance))


def prior_density(prior: Prior, tau: ArrayLike, scale: float) -> Array:
    """Density of a prior of tau, of the shape of tau."""
    return _DENSITY[choose("prior", prior, PRIORS)](np.asarray(tau, float), scale)


def posterior(
    y: ArrayLike,
    v: ArrayLike,
    prior: Prior = "half-normal",
    scale: float = 0.5,
    mu_prior: tuple[float, float] | None = None,
    level: float = 0.95,
) -> Posterior:
    """Posterior of a random-effects meta-analysis.

    Parameters
    ----------
    y, v : array_like, shape (k,) with k >= 2
        Effects and sampling variances on one transformed scale.
    prior : {"half-normal", "half-cauchy"}
        Prior of tau.
    scale : float
        Its scale, in units of y: the half-normal's standard deviation before folding, the
        half-Cauchy's median.
    mu_prior : (mean, sd), optional
        Normal prior of mu; without it mu is uniform on the real line.
    level : float
        Credible level.

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        On unusable effects, one row (tau would be its prior alone), an unknown prior, or a scale
        that is not positive and finite.
    """
    choose("prior", prior, PRIORS)
    y, v = effects(y, v)
    if y.ndim != 1:
        raise ValueError(f"posterior: found effects of shape {y.shape}, expected one set (k,)")
    if len(y) == 1:
        raise ValueError("posterior: found k = 1 row, expected at least 2")
    spreads = (scale,) if mu_prior is None else (scale, mu_prior[1])
    if not all(np.isfinite(s) and s > 0 for s in spreads):
        raise ValueError(f"scale: found {spreads}, expected positive numbers")
    precision, centre = (0.0, 0.0) if mu_prior is None else (mu_prior[1] ** -2, mu_prior[0])
    unit = min(scale, float(np.sqrt(v.mean() + y.var())))
    t = np.linspace(0, 1, POINTS)[:-1]
    tau = unit * t / (1 - t)
    w = 1 / (v + tau[:, None] ** 2)
    information = w.sum(-1) + precision
    mean = (w @ y + precision * centre) / information
    sd = information**-0.5
    misfit = (w * (y - mean[:, None]) ** 2).sum(-1) + precision * (mean - centre) ** 2
    log_density = 0.5 * (np.log(w).sum(-1) - np.log(information) - misfit)
    density = np.exp(log_density - log_density.max()) * _DENSITY[prior](tau, scale)
    # in t = tau / (tau + unit); the last point, tau = infinity, has density 0 for k >= 2
    in_t = density * unit / (1 - t) ** 2
    density = density / simpson(np.append(in_t, 0.0), x=np.append(t, 1.0))
    weights = in_t * np.where(np.arange(len(t)) % 2, 4.0, 2.0)  # Simpson's, up to a factor
    weights[0] /= 2
    return Posterior(
        grid=tau,
        density=density,
        weights=weights / weights.sum(),
        mean=mean,
        sd=sd,
        y=y,
        v=v,
        level=level,
        unit=unit,
        heavy=prior == "half-cauchy" and len(y) == 2 and mu_prior is None,
    )
