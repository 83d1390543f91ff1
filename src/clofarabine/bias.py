"""Tests of small-study effects. Shapes as in `pooling`: (..., k) in, (...) out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from .pooling import effects
from .proportions import Array


@dataclass(frozen=True)
class Asymmetry:
    """A regression test: coefficient, its standard error, t or z, and two-sided p value."""

    estimate: Array
    se: Array
    statistic: Array
    p: Array
    df: int


def egger(y: ArrayLike, v: ArrayLike) -> Asymmetry:
    """Egger's test (Egger et al. 1997, BMJ 315:629): least squares of y/se on 1/se, intercept.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3
        Effects and sampling variances, not all of one size.

    Returns
    -------
    Asymmetry
        Intercept; t with k - 2 degrees of freedom.

    Raises
    ------
    ValueError
        With fewer than three rows, or where all rows have one standard error.
    """
    y, v = effects(y, v)
    k = y.shape[-1]
    if k < 3:
        raise ValueError(f"Egger's test: found k = {k} rows, expected at least 3")
    x = 1 / np.sqrt(v)
    z = y * x
    dx = x - x.mean(-1, keepdims=True)
    sxx = (dx**2).sum(-1)
    if (sxx <= 1e-12 * (x**2).sum(-1)).any():
        raise ValueError("Egger's test: found one standard error in all rows, expected several")
    slope = (dx * z).sum(-1) / sxx
    intercept = z.mean(-1) - slope * x.mean(-1)
    residual = z - intercept[..., None] - slope[..., None] * x
    s2 = (residual**2).sum(-1) / (k - 2)
    se = np.sqrt(s2 * (1 / k + x.mean(-1) ** 2 / sxx))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, intercept / se, np.sign(intercept) * np.inf)
    t = np.where((se == 0) & (intercept == 0), 0.0, t)
    return Asymmetry(intercept, se, t, 2 * stdtr(k - 2, -np.abs(t)), k - 2)
