"""What one study does to the pooled result. Shapes as in `pooling`: (..., k) in.

Definitions of Viechtbauer & Cheung (2010, Res Synth Methods 1:112), as R metafor's `influence`,
`leave1out`, `cumul` and `baujat` compute them.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from .effectsize import Array
from .method import CiMethod, Tau2Method
from .pooling import Pooled, effects, pool


@dataclass(frozen=True)
class Influence:
    """Diagnostics of each row, every array of shape (..., k).

    hat : leverage, the share of the row's weight. rstudent : standardised residual from the pooled
    effect of the others. dffits : shift of its own fitted value, in standard errors. cook : squared
    shift of the pooled effect over its variance. cov_ratio : variance of the pooled effect without
    the row over that with it (below 1: without the row the result is more precise). dfbetas : shift
    of the pooled effect in standard errors. tau2_deleted, q_deleted : tau² and Q without the row.
    baujat_x, baujat_y : squared Pearson residual, and squared shift over the variance without the
    row (Baujat et al. 2002, Stat Med 21:2641). flagged : whether one of metafor's cut-offs is
    passed (`cutoffs`).
    """

    hat: Array
    rstudent: Array
    dffits: Array
    cook: Array
    cov_ratio: Array
    dfbetas: Array
    tau2_deleted: Array
    q_deleted: Array
    baujat_x: Array
    baujat_y: Array
    flagged: Array


@dataclass(frozen=True)
class Cumulative:
    """Pooled results as rows are added, every array of shape (..., k): after 1, 2, ..., k rows."""

    estimate: Array
    se: Array
    lower: Array
    upper: Array
    tau2: Array
    i2: Array


def cutoffs(k: int) -> dict[str, tuple[float, ...]]:
    """Cut-offs of a row's influence among k rows, by diagnostic: one above, or one to either side.

    Those of R metafor's `influence` (Viechtbauer & Cheung 2010): dffits beyond 3 sqrt(1 / (k - 1)),
    cook above the median of chi-squared (1), hat above 3 / k, dfbetas beyond 1.
    """
    shift = float(3 * np.sqrt(1 / (k - 1)))
    cook = float(chdtri(1, 0.5))
    return {"dffits": (-shift, shift), "cook": (cook,), "hat": (3 / k,), "dfbetas": (-1.0, 1.0)}


def passes(values: ArrayLike, limits: tuple[float, ...]) -> Array:
    """Whether each value lies beyond the cut-offs of `cutoffs`, booleans of the same shape."""
    values = np.asarray(values, float)
    below = values < limits[0] if len(limits) > 1 else False
    return (values > limits[-1]) | below


def _others(k: int) -> Array:
    """Indices of the other rows for each row, shape (k, k - 1)."""
    index = np.arange(k - 1) + np.zeros((k, 1), int)
    return index + (index >= np.arange(k)[:, None])


def leave_one_out(
    y: ArrayLike,
    v: ArrayLike,
    tau2_method: Tau2Method = "DL",
    ci_method: CiMethod = "wald",
    level: float = 0.95,
) -> Pooled:
    """Pool k times, without each row in turn.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 2
        Effects and sampling variances. Other arguments as in `pooling.pool`.

    Returns
    -------
    Pooled
        Arrays of shape (..., k): entry i is the result without row i. Its k is k - 1.

    Raises
    ------
    ValueError
        With one row, or with two and an interval other than Wald's.
    """
    y, v = effects(y, v)
    k = y.shape[-1]
    if k < 2:
        raise ValueError(f"leave-one-out: found k = {k} row, expected at least 2")
    others = _others(k)
    return pool(y[..., others], v[..., others], tau2_method, ci_method, level)


def cumulative(
    y: ArrayLike,
    v: ArrayLike,
    tau2_method: Tau2Method = "DL",
    ci_method: CiMethod = "wald",
    level: float = 0.95,
) -> Cumulative:
    """Pool the first 1, 2, ..., k rows in the order given.

    Parameters
    ----------
    y, v : array_like, shape (..., k)
        Effects and sampling variances. Other arguments as in `pooling.pool`. One row has no
        Hartung-Knapp interval: the first entry is then its Wald interval.
    """
    y, v = effects(y, v)
    steps = [
        pool(y[..., :j], v[..., :j], tau2_method, ci_method if j > 1 else "wald", level)
        for j in range(1, y.shape[-1] + 1)
    ]
    names = [f.name for f in fields(Cumulative)]
    return Cumulative(*(np.stack([getattr(s, n) for s in steps], -1) for n in names))


def influence(
    y: ArrayLike, v: ArrayLike, tau2_method: Tau2Method = "DL", ci_method: CiMethod = "wald"
) -> Influence:
    """Influence of each row on the pooled effect.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 2
        Effects and sampling variances. Under a Hartung-Knapp interval the variances carry its
        scale factor (and k >= 3). Where all rows have one effect, no row has influence.

    Raises
    ------
    ValueError
        As `leave_one_out`.
    """
    y, v = effects(y, v)
    k = y.shape[-1]
    deleted, full = leave_one_out(y, v, tau2_method, ci_method), pool(y, v, tau2_method, ci_method)
    w = 1 / (v + full.tau2[..., None])
    hat = w / w.sum(-1, keepdims=True)
    others = _others(k)
    total = 1 / (v[..., others] + deleted.tau2[..., None])
    scale = deleted.se**2 * total.sum(-1)  # 1 under Wald
    own = v + deleted.tau2
    shift = full.estimate[..., None] - deleted.estimate
    residual = y - deleted.estimate
    variance = full.se[..., None] ** 2
    # the variance of the pooled effect of all rows, were tau² that of the others
    at_deleted = 1 / (total.sum(-1) + 1 / own)
    with np.errstate(divide="ignore", invalid="ignore"):  # identical rows: 0 / 0 is no influence
        numbers = {
            "rstudent": residual / np.sqrt(scale * own + deleted.se**2),
            "dffits": shift / np.sqrt(scale * hat * own),
            "cook": shift**2 / variance,
            "cov_ratio": deleted.se**2 / variance,
            "dfbetas": shift / np.sqrt(scale * at_deleted),
            "baujat_y": shift**2 / deleted.se**2,
        }
    same = np.ptp(y, -1)[..., None] == 0
    for name, a in numbers.items():
        numbers[name] = np.where(same & np.isnan(a), 1.0 if name == "cov_ratio" else 0.0, a)
    passed = [passes((numbers | {"hat": hat})[name], at) for name, at in cutoffs(k).items()]
    return Influence(
        hat=hat,
        tau2_deleted=deleted.tau2,
        q_deleted=deleted.q,
        baujat_x=(y - full.estimate[..., None]) ** 2 * w,
        flagged=np.logical_or.reduce(passed),
        **numbers,
    )


def radial(y: ArrayLike, v: ArrayLike, tau2: ArrayLike = 0.0) -> tuple[Array, Array]:
    """Coordinates of the radial plot (Galbraith 1988, Stat Med 7:889), shapes (..., k).

    Parameters
    ----------
    y, v : array_like, shape (..., k)
    tau2 : array_like, shape (...)
        0 for Galbraith's own plot; the between-study variance for the random-effects version.

    Returns
    -------
    x, z : ndarray
        1 / sqrt(v + tau²) and y / sqrt(v + tau²): the slope of the line from the origin is the
        effect, and rows within 2 of the pooled line are compatible with it.
    """
    y, v = effects(y, v)
    x = 1 / np.sqrt(v + np.asarray(tau2, float)[..., None])
    return x, y * x
