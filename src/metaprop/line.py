"""The weighted line of effects on one covariate, and the between-study variance around it.

Shapes as in `pooling`: (..., k) in, (...) out.
"""

import numpy as np
from numpy.typing import ArrayLike

from .effectsize import Array, choose
from .method import TAU2_METHODS, Tau2Method
from .pooling import effects

# The two that are left out have not been carried over to a covariate.
RESIDUAL_METHODS = tuple(m for m in TAU2_METHODS if m not in ("DL2", "HM"))


def rows(name: str, y: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """Effects and variances of one shape (..., k); ValueError with fewer than three rows."""
    y, v = effects(y, v)
    if y.shape[-1] < 3:
        raise ValueError(f"{name}: found k = {y.shape[-1]} rows, expected at least 3")
    return y, v


def without_noise(d: Array, y: Array) -> Array:
    """Differences d of y from a mean of theirs, 0 where all are rounding errors of equal y."""
    noise = np.abs(d).max(-1, keepdims=True) <= 1e-13 * np.abs(y).max(-1, keepdims=True)
    return np.where(noise, 0.0, d)


def line(name: str, what: str, y: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Slope of the weighted least squares line of y on x, Σw(x - mean)², and residual Σwr².

    name : of the test or estimator, and what : x in words, for the ValueError where x has one value
    in all rows.
    """
    sw = w.sum(-1, keepdims=True)
    dx = x - (w * x).sum(-1, keepdims=True) / sw
    dy = without_noise(y - (w * y).sum(-1, keepdims=True) / sw, y)
    sxx = (w * dx**2).sum(-1)
    if (sxx <= 1e-12 * (w * x**2).sum(-1)).any():
        raise ValueError(f"{name}: found one {what} in all rows, expected several")
    slope = (w * dx * dy).sum(-1) / sxx
    return slope, sxx, (w * (dy - slope[..., None] * dx) ** 2).sum(-1)


def weights(v: Array, tau2: Array) -> Array:
    """1 / (v + tau²), shape (..., k)."""
    return 1 / (v + tau2[..., None])


def slope_on_se(y: ArrayLike, v: ArrayLike, tau2: ArrayLike) -> Array:
    """Slope of the effects on their standard errors with weights 1 / (v + tau²), shape (...).

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3
    tau2 : array_like, shape (...)
    """
    y, v = rows("slope on the standard error", y, v)
    w = weights(v, np.asarray(tau2, float))
    return line("slope on the standard error", "standard error", y, np.sqrt(v), w)[0]


def residual_tau2(y: ArrayLike, v: ArrayLike, tau2_method: Tau2Method = "DL") -> Array:
    """Between-study variance around the line of the effects on their standard errors, shape (...).

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3
        Effects and sampling variances.
    tau2_method : str
        One of `RESIDUAL_METHODS`, each carried over to one covariate (Viechtbauer 2005, J Educ
        Behav Stat 30:261; R metafor's ``rma(mods = sqrt(vi), method = ...)``).

    Raises
    ------
    ValueError
        With fewer than three rows, one standard error in all rows, or an unknown method.
    """
    choose("tau2_method", tau2_method, RESIDUAL_METHODS)
    y, v = rows("residual tau²", y, v)
    if tau2_method == "CE":
        return np.zeros(y.shape[:-1])
    if tau2_method in ("ML", "REML"):
        return _likeliest(y, v, restricted=tau2_method == "REML")
    if tau2_method == "PM":
        return _paule_mandel(y, v)
    return np.maximum(0, _moments(y, v, tau2_method))


def _residual(y: Array, v: Array, w: Array) -> tuple[Array, Array, Array]:
    """Σwr² about the line on the standard error, and Σw and Σw(x - mean)²."""
    _, sxx, q = line("residual tau²", "standard error", y, np.sqrt(v), w)
    return q, w.sum(-1), sxx


def _moments(y: Array, v: Array, tau2_method: Tau2Method) -> Array:
    """DL, HE, HS, HSk and SJ: closed forms, not truncated."""
    k = y.shape[-1]
    if tau2_method == "SJ":
        start = y.var(-1)
        start = np.where(without_noise(y - y.mean(-1, keepdims=True), y).any(-1), start, 0.0)
        return start * _residual(y, v, weights(v, start))[0] / (k - 2)
    w = np.ones(y.shape) if tau2_method == "HE" else 1 / v
    q, sw, sxx = _residual(y, v, w)
    if tau2_method in ("HS", "HSk"):
        return (q * (k / (k - 2) if tau2_method == "HSk" else 1) - k) / sw
    x = np.sqrt(v)
    dx = x - (w * x).sum(-1, keepdims=True) / sw[..., None]
    # Expected Σwr² is Σ over rows of (v + tau²) w (1 - w (1 / Σw + dx² / sxx)).
    lever = w * (1 - w * (1 / sw[..., None] + dx**2 / sxx[..., None]))
    return (q - (v * lever).sum(-1)) / lever.sum(-1)


def _paule_mandel(y: Array, v: Array) -> Array:
    """The tau² at which Σwr² is k - 2, by halving; 0 where it is smaller even there."""
    df = y.shape[-1] - 2
    low = np.zeros(y.shape[:-1])
    high = _residual(y, v, np.ones(y.shape))[0] / df  # above: there Σwr² <= df
    for _ in range(100):
        middle = (low + high) / 2
        above = _residual(y, v, weights(v, middle))[0] > df
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(_residual(y, v, 1 / v)[0] > df, (low + high) / 2, 0.0)


def _likeliest(y: Array, v: Array, restricted: bool) -> Array:
    """The tau² of the largest (restricted) likelihood, by a grid made finer around its best."""
    top = 4 * ((y - y.mean(-1, keepdims=True)) ** 2).sum(-1)[..., None]
    low, high = np.zeros_like(top), top
    steps = np.linspace(0, 1, 41)
    for _ in range(12):
        grid = low + (high - low) * steps
        w = 1 / (v[..., None, :] + grid[..., None])
        q, sw, sxx = _residual(y[..., None, :], v[..., None, :], w)
        fit = np.log(w).sum(-1) - q - restricted * np.log(sw * sxx)
        best = np.take_along_axis(grid, fit.argmax(-1)[..., None], -1)
        width = (high - low) / 40
        low, high = np.maximum(best - width, 0), np.minimum(best + width, top)
    return best[..., 0]
