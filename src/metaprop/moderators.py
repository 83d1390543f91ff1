"""Differences between groups of studies, and regression on what is known of them.

Mixed-effects models, the residual tau² by the moment estimator (DerSimonian & Laird 1986 with
moderators: Thompson & Sharp 1999, Stat Med 18:2693) or by restricted maximum likelihood (Raudenbush
2009): R metafor's ``rma(mods =, method = "DL")`` and ``"REML"``. Shapes: (..., k) effects, (k, p)
design.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

from .effectsize import Array, choose
from .method import CiMethod, Tau2Method
from .pooling import Pooled, effects, pool

CI_METHODS: tuple[CiMethod, ...] = ("wald", "hartung-knapp", "hartung-knapp-adhoc")

# Estimators of the residual tau², and the most rows whose every permutation is tried (40,320).
TAU2_METHODS = ("DL", "REML")
MOST_PERMUTED = 8


@dataclass(frozen=True)
class Regression:
    """A meta-regression. Arrays of shape (..., p) for coefficients, (...) for the rest.

    coefficients, se, lower, upper, p : in the order of the columns of the design. tau2 : residual
    between-study variance. qe, qe_p : residual Q and its p (k - p df). qm, qm_p : test of all
    columns but the first (chi-squared with p - 1 df, or F with p - 1 and k - p under
    Hartung-Knapp). r2 : share of the tau² without moderators that they take away, at least 0.
    fitted : fitted effects (..., k). cov : covariances of the coefficients (..., p, p).
    """

    coefficients: Array
    se: Array
    lower: Array
    upper: Array
    p: Array
    tau2: Array
    qe: Array
    qe_p: Array
    qm: Array
    qm_p: Array
    r2: Array
    fitted: Array
    cov: Array
    df: tuple[int, int]


def meta_regression(
    y: ArrayLike,
    v: ArrayLike,
    design: ArrayLike,
    ci_method: CiMethod = "wald",
    tau2_method: Tau2Method = "DL",
    level: float = 0.95,
) -> Regression:
    """Weighted least squares of effects on moderators.

    Parameters
    ----------
    y, v : array_like, shape (..., k)
        Effects and sampling variances.
    design : array_like, shape (k, p) with p < k
        Moderators, the intercept first; categories as indicator columns.
    ci_method : {"wald", "hartung-knapp", "hartung-knapp-adhoc"}
        z tests, or t with k - p df and the weighted residual variance (Knapp & Hartung 2003), or
        that variance at least 1.
    tau2_method : {"DL", "REML"}
        Estimator of the residual tau².
    level : float
        Confidence level.

    Raises
    ------
    ValueError
        If the design has missing values, too many columns, or columns that depend on each other.
    """
    choose("ci_method", ci_method, CI_METHODS)
    choose("tau2_method", tau2_method, TAU2_METHODS)
    y, v = effects(y, v)
    x = _design(design, y.shape[-1])
    k, p = x.shape
    b, _cov, qe, trace = _wls(y, 1 / v, x)
    tau2 = np.maximum(0, (qe - (k - p)) / trace) if tau2_method == "DL" else _reml(y, v, x)
    b, cov, q, _trace = _wls(y, 1 / (v + tau2[..., None]), x)
    df, quantile = k - p, ndtri((1 + level) / 2)
    if ci_method != "wald":
        scale = q / df
        scale = np.maximum(scale, 1) if ci_method.endswith("adhoc") else scale
        cov = cov * scale[..., None, None]
        quantile = stdtrit(df, (1 + level) / 2)
    se = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(b == 0, 0.0, b / se)
    tail = 2 * (ndtr(-np.abs(z)) if ci_method == "wald" else stdtr(df, -np.abs(z)))
    qm, qm_p = _omnibus(b, cov, p, df, ci_method)
    without = pool(y, v, tau2_method).tau2
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(without > 0, np.maximum(0, 1 - tau2 / without), 0.0)
    return Regression(
        coefficients=b,
        se=se,
        lower=b - quantile * se,
        upper=b + quantile * se,
        p=tail,
        tau2=tau2,
        qe=qe,
        qe_p=chdtrc(df, qe),
        qm=qm,
        qm_p=qm_p,
        r2=r2,
        fitted=b @ x.T,
        cov=cov,
        df=(p - 1, df),
    )


def _design(design: ArrayLike, k: int) -> Array:
    """The design after its checks, shape (k, p)."""
    x = np.asarray(design, float)
    if x.ndim != 2 or len(x) != k:
        raise ValueError(f"design: found shape {x.shape}, expected ({k}, p)")
    p = x.shape[1]
    if not np.isfinite(x).all():
        raise ValueError("design: found a missing value; leave such rows out first")
    if k <= p:
        raise ValueError(f"design: found {p} columns for k = {k} rows, expected fewer than rows")
    if np.linalg.matrix_rank(x / np.abs(x).max(0).clip(min=1e-300)) < p:
        raise ValueError("design: found columns that depend on each other")
    return x


def _reml(y: Array, v: Array, x: Array) -> Array:
    """Residual tau² of the highest restricted likelihood, shape (...).

    The likelihood may have several peaks: the highest point of a grid is bracketed by its
    neighbours, and the zero of the slope between them is found by bisection.
    """
    x = x / np.abs(x).max(0)
    k, p = x.shape
    misfit = _wls(y, np.ones_like(y), x)[2]
    top = np.maximum(v.max(-1), 2 * misfit / (k - p))  # beyond it the slope is negative
    steps = np.concatenate([[0.0], np.geomspace(1e-6, 1, 200)])
    grid = np.moveaxis(steps * top[..., None], -1, 0)
    best = np.argmax([_restricted(y, v, x, tau2)[0] for tau2 in grid], axis=0)
    low, high = (steps[np.clip(best + s, 0, len(steps) - 1)] * top for s in (-1, 1))
    for _ in range(100):
        middle = (low + high) / 2
        rising = _restricted(y, v, x, middle)[1] > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    falling = _restricted(y, v, x, 0 * low)[1] <= 0
    return np.where((best == 0) & falling, 0.0, high)


def _restricted(y: Array, v: Array, x: Array, tau2: Array) -> tuple[Array, Array]:
    """Restricted log likelihood but for a constant, and twice its slope in tau², shapes (...)."""
    w = 1 / (v + tau2[..., None])
    b, _cov, q, trace = _wls(y, w, x)
    information = np.linalg.slogdet((x.T * w[..., None, :]) @ x)[1]
    slope = ((w * (y - b @ x.T)) ** 2).sum(-1) - trace
    return 0.5 * (np.log(w).sum(-1) - information - q), slope


def permutation_p(
    y: ArrayLike,
    v: ArrayLike,
    design: ArrayLike,
    ci_method: CiMethod = "wald",
    tau2_method: Tau2Method = "DL",
) -> float:
    """Exact permutation p of all columns but the first (Higgins & Thompson 2004).

    The share of the k! assignments of the rows' moderators to their effects whose test statistic
    is at least the one found; it needs no distribution of the statistic. Arguments as in
    `meta_regression`, one set of effects (k,).

    Raises
    ------
    ValueError
        With more than `MOST_PERMUTED` rows.
    """
    y, v = effects(y, v)
    k = y.shape[-1]
    if y.ndim != 1 or k > MOST_PERMUTED:
        raise ValueError(f"permutation: found shape {y.shape}, expected at most {MOST_PERMUTED}")
    order = np.array(list(permutations(range(k))))
    qm = meta_regression(y[order], v[order], design, ci_method, tau2_method).qm
    return float((qm >= qm[0] * (1 - 1e-9)).mean())


def _wls(y: Array, w: Array, x: Array) -> tuple[Array, Array, Array, Array]:
    """Coefficients, (X'WX)^-1, weighted residual sum of squares, and tr(P) of the moment estimator.

    Columns are brought to one size first, so that a year beside an intercept loses no digits.
    """
    size = np.abs(x).max(0)
    x = x / size
    xw = x.T * w[..., None, :]
    inverse = np.linalg.inv(xw @ x)
    b = (inverse @ (xw @ y[..., None]))[..., 0]
    residual = y - b @ x.T
    q = (w * residual**2).sum(-1)
    trace = w.sum(-1) - np.trace(inverse @ ((xw * w[..., None, :]) @ x), axis1=-2, axis2=-1)
    return b / size, inverse / np.outer(size, size), q, trace


def _omnibus(b: Array, cov: Array, p: int, df: int, ci_method: str) -> tuple[Array, Array]:
    """Wald-type test that all coefficients but the first are zero."""
    if p == 1:
        return np.zeros(b.shape[:-1]), np.ones(b.shape[:-1])
    rest = b[..., 1:, None]
    qm = (np.swapaxes(rest, -1, -2) @ np.linalg.solve(cov[..., 1:, 1:], rest))[..., 0, 0]
    if ci_method == "wald":
        return qm, chdtrc(p - 1, qm)
    return qm / (p - 1), fdtrc(p - 1, df, qm / (p - 1))


@dataclass(frozen=True)
class Subgroups:
    """Pooled results of groups of rows and the test between them.

    names : the groups, sorted. parts : the pooled result of each. sizes : rows in each. q, p : the
    between-group statistic (chi-squared, df = groups - 1) and its p value, shape (...).
    """

    names: tuple[str, ...]
    parts: tuple[Pooled, ...]
    sizes: tuple[int, ...]
    q: Array
    p: Array
    df: int


def subgroups(
    y: ArrayLike,
    v: ArrayLike,
    groups: Sequence[object],
    tau2_method: Tau2Method = "DL",
    ci_method: CiMethod = "wald",
    level: float = 0.95,
) -> Subgroups:
    """Pool each group by itself, and test whether the groups differ (Borenstein et al. 2009).

    Each group has a tau² of its own, and the between-group Q weighs the pooled effects by their
    Wald standard errors. With one common tau² the test is that of `meta_regression` on indicators
    of the groups; the two differ, and both are in use.

    Parameters
    ----------
    y, v : array_like, shape (..., k)
        Effects and sampling variances. Other arguments as in `pooling.pool`; a group of one row has
        the Wald interval of that row.
    groups : sequence of length k
        Group of each row; at least two different ones.

    Raises
    ------
    ValueError
        If a group is missing, their number is not k, or all rows are in one group.
    """
    y, v = effects(y, v)
    labels = np.array([str(g) for g in groups])
    if len(labels) != y.shape[-1]:
        raise ValueError(f"groups: found {len(labels)}, expected k = {y.shape[-1]}")
    if pd.isna(list(groups)).any():
        raise ValueError("groups: found a missing group; leave such rows out first")
    names = tuple(sorted(set(labels.tolist())))
    if len(names) < 2:
        raise ValueError(f"groups: found {names[0]!r} in all rows, expected at least two groups")
    rows = [labels == name for name in names]
    parts = tuple(
        pool(y[..., r], v[..., r], tau2_method, ci_method if r.sum() > 1 else "wald", level)
        for r in rows
    )
    wald = [pool(y[..., r], v[..., r], tau2_method) for r in rows]
    between = pool(*(np.stack([getattr(f, a) for f in wald], -1) ** e for a, e in
                     (("estimate", 1), ("se", 2))), "CE")  # fmt: skip
    sizes = tuple(int(r.sum()) for r in rows)
    return Subgroups(names, parts, sizes, between.q, between.q_p, len(names) - 1)
