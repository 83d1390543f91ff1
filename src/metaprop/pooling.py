"""Random-effects pooling: the normal-normal model with inverse-variance weights.

Effects ``y`` and sampling variances ``v`` have the rows of the meta-analysis on the last axis:
shape (..., k) in, shape (...) out, so that one study set and ten million are one call.
"""

import os
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, chdtri, ndtri, stdtr, stdtrit

from . import batch, kernels, threads
from .effectsize import Array, back_transform, choose, first, overall_n, transform
from .method import CI_METHODS, TAU2_METHODS, CiMethod, Method, Tau2Method

PredictionDf = Literal["k-2", "k-1"]
# The arcsine by DerSimonian & Laird with a Wald interval: the paper's own, and many others'.
DEFAULT = Method()
_CODES = {name: getattr(kernels, name.upper()) for name in TAU2_METHODS}

# Rows per thread below which a second one costs more than it saves (measured, 2 cores).
_SPLIT = 5_000


@dataclass(frozen=True)
class Pooled:
    """A pooled effect on the transformed scale. Every array has shape (...).

    estimate, se, lower, upper : pooled effect, its standard error and confidence limits, which
        are `quantile` standard errors away.
    tau2 : between-study variance. q, q_p : Cochran's Q and its p value (k - 1 df).
    i2, h2 : tau² / (tau² + s²) as a fraction and its odds + 1, s² the typical sampling variance of
        Higgins & Thompson (2002); under DL these are the familiar (Q - df) / Q and Q / df. Under
        CE, whose tau² says nothing of the heterogeneity, they are max(0, (Q - df) / Q) and Q / df.
    typical : s². What follows from the fit is computed when it is first asked for.
    k : number of rows. tau2_method : how tau² was had, a key of `TAU2_METHODS`.
    """

    estimate: Array
    se: Array
    tau2: Array
    q: Array
    typical: Array
    k: int
    level: float
    quantile: float
    tau2_method: str

    @cached_property
    def lower(self) -> Array:
        """Lower confidence limit."""
        return self.estimate - self.quantile * self.se

    @cached_property
    def upper(self) -> Array:
        """Upper confidence limit."""
        return self.estimate + self.quantile * self.se

    @cached_property
    def q_p(self) -> Array:
        """P value of Q."""
        return chdtrc(self.k - 1, self.q) if self.k > 1 else np.ones(self.q.shape)

    @cached_property
    def i2(self) -> Array:
        """I² as a fraction."""
        if self.tau2_method == "CE" and self.k > 1:
            return 1 - (self.k - 1) / np.maximum(self.q, self.k - 1)
        return self.tau2 / (self.tau2 + self.typical)

    @cached_property
    def h2(self) -> Array:
        """H²."""
        if self.tau2_method == "CE" and self.k > 1:
            return self.q / (self.k - 1)
        return 1 + self.tau2 / self.typical

    @property
    def predicts(self) -> bool:
        """Whether there is a prediction interval (k - 2 df): not under CE, nor with k < 3."""
        return self.tau2_method != "CE" and self.k > 2

    def prediction(self, df: PredictionDf = "k-2") -> tuple[Array, Array]:
        """Prediction limits for the effect of a new study: estimate ± t · sqrt(tau² + se²).

        Parameters
        ----------
        df : {"k-2", "k-1"}
            Degrees of freedom of t: Higgins et al. (2009) use k - 2, others k - 1.

        Raises
        ------
        ValueError
            If that leaves no degree of freedom, or under CE.
        """
        half = stdtrit(self._free(df), (1 + self.level) / 2) * np.sqrt(self.tau2 + self.se**2)
        return self.estimate - half, self.estimate + half

    def below(self, effect: ArrayLike, df: PredictionDf = "k-2") -> Array:
        """Chance that a new study's effect lies below this one, shape (...).

        From the distribution of `prediction`: t about the estimate. Errors as there.
        """
        return stdtr(self._free(df), (effect - self.estimate) / np.sqrt(self.tau2 + self.se**2))

    def _free(self, df: PredictionDf) -> int:
        """Degrees of freedom of a new study's effect."""
        choose("df", df, get_args(PredictionDf))
        if self.tau2_method == "CE":
            raise ValueError(
                "prediction interval: found CE, expected a random-effects estimator of tau²; a "
                "common effect has no distribution that a new study could be drawn from"
            )
        if (free := self.k - int(df[-1])) < 1:
            raise ValueError(f"prediction interval with {df}: found k = {self.k} rows, too few")
        return free


def effects(y: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """Broadcast effects and variances to one shape (..., k) after checking them.

    Raises
    ------
    ValueError
        If there is no row, a value is not finite, or a variance is not positive.
    """
    y, v = _rows(y, v)
    _check(y, v)
    return y, v


def _rows(y: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    y, v = np.broadcast_arrays(np.asarray(y, float), np.asarray(v, float))
    if y.ndim == 0 or y.shape[-1] == 0:
        raise ValueError("y: found no rows, expected at least one on the last axis")
    return y, v


def _check(y: Array, v: Array) -> None:
    for name, a, good, expected in (
        ("y", y, np.isfinite(y), "a finite effect; leave such rows out first"),
        ("v", v, np.isfinite(v) & (v > 0), "a sampling variance that is positive and finite"),
    ):
        if not good.all():
            place, at = first(name, ~good)
            raise ValueError(f"{place}: found {a[at]}, expected {expected}")


def _each_row(kernel, y: Array, v: Array, out: Array) -> Array:  # noqa: ANN001
    """Run kernel(y, v, out) over the flattened leading axes (out's last), in threads if many."""
    ys, vs = (np.ascontiguousarray(a.reshape(-1, a.shape[-1])) for a in (y, v))
    many = min(os.cpu_count() or 1, 1 + len(ys) // _SPLIT)
    if many == 1:
        kernel(ys, vs, out)
    else:
        edges = np.linspace(0, len(ys), 1 + many).astype(int)
        parts = [(ys[a:b], vs[a:b], out[..., a:b]) for a, b in pairwise(edges)]
        threads.side_by_side(kernel, parts)
    if np.isnan(out).any():
        _check(y, v)
        raise ArithmeticError("an iterative estimator did not converge")
    return out


def pool(
    y: ArrayLike,
    v: ArrayLike,
    tau2_method: Tau2Method = "DL",
    ci_method: CiMethod = "wald",
    level: float = 0.95,
) -> Pooled:
    """Pool effects by a random-effects model.

    Parameters
    ----------
    y, v : array_like, shape (..., k)
        Effects and sampling variances on one transformed scale.
    tau2_method : str
        Estimator of the between-study variance, a key of `TAU2_METHODS`; truncated at 0.
        With one row (k = 1) tau² is 0 by definition.
    ci_method : {"wald", "t", "hartung-knapp", "hartung-knapp-adhoc"}
        Normal quantile and 1 / sqrt(Σw); the same with t on k - 1 df; that t and the weighted
        residual variance (Hartung & Knapp 2001; Sidik & Jonkman 2002); the same, never narrower
        than the z-based standard error allows (Röver et al. 2015).
    level : float
        Confidence level.

    Returns
    -------
    Pooled

    Raises
    ------
    ValueError
        On unusable input, an unknown method, or any interval but Wald's with one row.
    """
    choose("tau2_method", tau2_method, tuple(TAU2_METHODS))
    choose("ci_method", ci_method, CI_METHODS)
    y, v = _rows(y, v)
    k, shape = y.shape[-1], y.shape[:-1]
    knapp = ci_method.startswith("hartung-knapp")
    if tau2_method == "DL" and k > 1:  # it checks as it goes
        kernel = partial(batch.dl_rows, knapp)
    else:
        _check(y, v)
        kernel = partial(kernels.pool_rows, _CODES[tau2_method])
    columns = _each_row(kernel, y, v, np.empty((6, int(np.prod(shape)))))
    tau2, estimate, sw, residual, q, typical = (c.reshape(shape) for c in columns)
    se = 1 / np.sqrt(sw)
    quantile = ndtri((1 + level) / 2)
    if ci_method != "wald":
        if k == 1:
            raise ValueError(f"ci_method: found k = 1 row, {ci_method} needs at least 2")
        quantile = stdtrit(k - 1, (1 + level) / 2)
    if knapp:
        scale = np.sqrt(residual / (k - 1))
        se = se * (np.maximum(scale, 1) if ci_method.endswith("adhoc") else scale)
    return Pooled(estimate, se, tau2, q, typical, k, level, float(quantile), tau2_method)


@dataclass(frozen=True)
class PooledProportion:
    """A pooled proportion. Every array has shape (...) and is a proportion, from 0 to 1.

    estimate, lower, upper : pooled proportion and its confidence limits. pi_lower, pi_upper :
        prediction limits (t with k - 2 df), NaN where there are none (`Pooled.predicts`).
    fit : the result on the transformed scale, with tau², Q, I² and k.
    """

    estimate: Array
    lower: Array
    upper: Array
    pi_lower: Array
    pi_upper: Array
    fit: Pooled


def to_proportion(effect: ArrayLike, se: ArrayLike, n: ArrayLike, method: Method) -> Array:
    """Proportions that belong to pooled effects, shape (...).

    Parameters
    ----------
    effect, se : array_like, shape (...)
        Pooled effect (or a limit of it) and the standard error of the pooled effect.
    n : array_like, shape (..., k)
        Patients of the rows pooled.
    method : Method
        Its scale is a transformation; PFT is taken back by its inverse.
    """
    overall = None
    if method.scale == "PFT" and method.inverse != "sin2":
        overall = overall_n(n, method.inverse, se)
    return back_transform(effect, method.scale, overall)


def pool_proportions(
    x: ArrayLike, n: ArrayLike, method: Method = DEFAULT, level: float = 0.95
) -> PooledProportion:
    """Pooled proportion of x events among n patients.

    Parameters
    ----------
    x, n : array_like, shapes (..., k)
        Counts; n may have shape (k,).
    method : Method
        Its scale is a transformation: PAS, PFT or PLO.
    level : float
        Confidence level.

    Returns
    -------
    PooledProportion

    Raises
    ------
    ValueError
        As `transform` and `pool` do.

    Examples
    --------
    >>> from metaprop.method import Method
    >>> found = pool_proportions([7, 6, 0], [61, 65, 4], Method(tau2_method="REML"))
    >>> print(f"{found.estimate:.3f} [{found.lower:.3f}, {found.upper:.3f}]")
    0.097 [0.052, 0.153]
    """
    y, v = transform(x, n, method.scale)
    fit = pool(y, v, method.tau2_method, method.ci_method, level)
    ends = fit.prediction() if fit.predicts else 2 * (np.full_like(fit.se, np.nan),)
    effects_ = (fit.estimate, fit.lower, fit.upper, *ends)
    return PooledProportion(*(to_proportion(e, fit.se, n, method) for e in effects_), fit)


def tau2_interval(y: ArrayLike, v: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Q-profile confidence limits of tau² (Viechtbauer 2007, Stat Med 26:37).

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 2

    Returns
    -------
    lower, upper : ndarray, shape (...)
        Both 0 where even tau² = 0 leaves Q below its lower quantile.
    """
    y, v = effects(y, v)
    if (k := y.shape[-1]) < 2:
        raise ValueError("tau² interval: found k = 1 row, expected at least 2")
    limits = []
    for p in ((1 - level) / 2, (1 + level) / 2):
        target = float(chdtri(k - 1, p))
        run = lambda a, b, o, t=target: kernels.solve_q_rows(a, b, t, o)  # noqa: E731
        rows = _each_row(run, y, v, np.empty(y[..., 0].size))
        limits.append(rows.reshape(y.shape[:-1]))
    return limits[0], limits[1]
