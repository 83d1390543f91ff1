"""Trim and fill (Duval & Tweedie 2000, Biometrics 56:455): if asymmetry were missing rows."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from .effectsize import Array, choose
from .line import RESIDUAL_METHODS, residual_tau2, slope_on_se
from .method import TAU2_METHODS, Tau2Method
from .pooling import effects, pool

Estimator = Literal["L0", "R0", "Q0"]
Side = Literal["left", "right"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)
_ITERATIONS = 100
_NOISE = 1e-13  # of the largest effect: what rounding alone makes
_NONE = -1  # in place of a number of rows: the estimator has no value


@dataclass(frozen=True)
class Filled:
    """What trim and fill gives. Every array has shape (...).

    k0, se : estimated number of missing rows and its standard error (missing where Duval and
        Tweedie's variance formula is negative). Where Q0 has no real value, k0 and all that
        follows from it are missing.
    side : -1 where they are missing on the left (small effects), 1 on the right.
    centre : pooled effect without the rows trimmed, about which they are mirrored.
    estimate, lower, upper, tau2 : random-effects pooling of all rows and their mirror images.
    p : of no missing rows against some; for R0 only, missing otherwise.
    """

    k0: Array
    se: Array
    side: Array
    centre: Array
    estimate: Array
    lower: Array
    upper: Array
    tau2: Array
    p: Array


def _count(estimator: Estimator, d: Array) -> tuple[Array, Array]:
    """Unrounded number of missing rows and its standard error; d = y - centre, sorted by y."""
    k = d.shape[-1]
    order = np.argsort(np.abs(d), -1, kind="stable")
    rank = np.empty(d.shape)
    np.put_along_axis(rank, order, np.arange(1.0, k + 1), -1)
    if estimator == "R0":
        # Length of the run of rows on the right beyond the farthest on the left, less one.
        farthest = np.where(d > 0, 0, rank).max(-1)
        k0 = k - farthest - 1
        return k0, np.sqrt(2 * np.maximum(k0, 0) + 2)
    s = np.where(d > 0, rank, 0).sum(-1)
    if estimator == "L0":
        k0 = (4 * s - k * (k + 1)) / (2 * k - 1)
        slope = (2 * k - 1) / 4
    else:
        root = 2 * k**2 - 4 * s + 0.25
        k0 = np.where(root < 0, np.nan, k - 0.5 - np.sqrt(np.maximum(root, 0)))
        slope = np.sqrt((k - 0.5) ** 2 - k0 * (2 * k - k0 - 1)) / 2
    cubic = 10 * k0**3 + 27 * k0**2 + 17 * k0 - 18 * k * k0**2 - 18 * k * k0 + 6 * k**2 * k0
    variance = (k * (k + 1) * (2 * k + 1) + cubic) / 24
    variance = np.where(variance < 0, np.nan, variance)  # the formula gives one for some large k0
    return k0, np.sqrt(variance) / slope


def _side(y: Array, v: Array, tau2_method: Tau2Method) -> Array:
    """Rows are missing on the left unless effects fall with their standard error."""
    around = tau2_method if tau2_method in RESIDUAL_METHODS else "DL"
    slope = slope_on_se(y, v, residual_tau2(y, v, around))
    rise = slope * np.ptp(np.sqrt(v), axis=-1)
    noise = _NOISE * np.abs(y).max(-1)  # equal rates of several sizes differ in the last digit
    return np.where(rise < -noise, 1.0, -1.0)


def trim_and_fill(
    y: ArrayLike,
    v: ArrayLike,
    estimator: Estimator = "L0",
    tau2_method: Tau2Method = "DL",
    side: Side | None = None,
) -> Filled:
    """Number of rows that asymmetry suggests are missing, and the pooled effect with them filled.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3
        Effects and sampling variances.
    estimator : {"L0", "R0", "Q0"}
        Duval and Tweedie's estimators of the number. Q0 is the root of an equation that has none
        where nearly all large effects are on one side.
    tau2_method : str
        Estimator of the between-study variance, at every step.
    side : {"left", "right"}, optional
        Where rows are missing; without it, opposite to where the small rows lie by the slope of
        the effects on their standard errors, with the residual tau² of the same tau2_method, or of
        DL where that is none of `line.RESIDUAL_METHODS`. Rows without a slope, as where all effects
        are equal, have none missing on either side; "left".

    Returns
    -------
    Filled

    Raises
    ------
    ValueError
        With fewer than three rows, unknown names, or where the side is to be found and all rows
        have one standard error.
    """
    choose("estimator", estimator, ESTIMATORS)
    choose("tau2_method", tau2_method, tuple(TAU2_METHODS))
    y, v = effects(y, v)
    shape, k = y.shape[:-1], y.shape[-1]
    if k < 3:
        raise ValueError(f"trim and fill: found k = {k} rows, expected at least 3")
    y, v = y.reshape(-1, k), v.reshape(-1, k)
    if side is None:
        sign = _side(y, v, tau2_method)
    else:
        sign = np.full(len(y), -1.0 if choose("side", side, get_args(Side)) == "left" else 1.0)
    # Mirrored where needed, the rows too many are always those with the largest effects.
    turned = -sign[:, None] * y
    order = np.argsort(turned, -1, kind="stable")
    turned = np.take_along_axis(turned, order, -1)
    sizes = np.take_along_axis(v, order, -1)
    k0, se, centre = _settle(turned, sizes, estimator, tau2_method)
    fit = _fill(turned, sizes, np.maximum(k0, 0), centre, tau2_method)
    none = np.where(k0 == _NONE, np.nan, 0.0)
    low, high = (np.where(sign < 0, a, -b) for a, b in ((fit[1], fit[2]), (fit[2], fit[1])))
    p = 0.5 ** (k0 + 1.0) if estimator == "R0" else np.full(len(y), np.nan)
    found = (-sign * centre, -sign * fit[0], low, high, fit[3], p)
    columns = (k0 + none, se, sign, *(c + none for c in found))
    return Filled(*(c.reshape(shape) for c in columns))


def _settle(
    y: Array, v: Array, estimator: Estimator, tau2_method: Tau2Method
) -> tuple[Array, Array, Array]:
    """Number of missing rows, its standard error and the centre, each of shape (rows,).

    Rows are trimmed, pooled and counted until the count stays, or there is none.
    """
    k = y.shape[-1]
    k0 = np.zeros(len(y), int)
    se, centre = np.zeros(len(y)), np.zeros(len(y))
    open_ = np.ones(len(y), bool)
    for _ in range(_ITERATIONS):
        before = k0.copy()
        for number in np.unique(before[open_]):
            at = open_ & (before == number)
            centre[at] = pool(y[at, : k - number], v[at, : k - number], tau2_method).estimate
            d = y[at] - centre[at, None]
            # Identical rows leave rounding errors of either sign: they are neither left nor right.
            d[np.abs(d) <= _NOISE * np.abs(y[at]).max(-1, keepdims=True)] = 0.0
            count, se[at] = _count(estimator, d)
            whole = np.clip(np.round(count), 0, k - 1)
            k0[at] = np.where(np.isnan(count), _NONE, whole)
        open_ &= (k0 != before) & (k0 != _NONE)
        if not open_.any():
            return k0, se, centre
    raise ArithmeticError("trim and fill: the number of missing rows did not settle")


def _fill(
    y: Array, v: Array, k0: Array, centre: Array, tau2_method: Tau2Method
) -> tuple[Array, ...]:
    """Pooled estimate, limits and tau² with the largest effects mirrored about the centre."""
    k = y.shape[-1]
    out = np.empty((4, len(y)))
    for number in np.unique(k0):
        at = k0 == number
        mirror = 2 * centre[at, None] - y[at, k - number :]
        fit = pool(
            np.concatenate([y[at], mirror], -1),
            np.concatenate([v[at], v[at, k - number :]], -1),
            tau2_method,
        )
        out[:, at] = fit.estimate, fit.lower, fit.upper, fit.tau2
    return tuple(out)


def filled_rows(y: ArrayLike, v: ArrayLike, filled: Filled) -> tuple[Array, Array]:
    """The rows that trim and fill adds to one set of rows: effects and variances, shape (k0,).

    Parameters
    ----------
    y, v : array_like, shape (k,)
        The rows that were filled.
    filled : Filled
        Of these rows, with arrays of shape ().
    """
    y, v = effects(y, v)
    number = int(np.nan_to_num(filled.k0))
    order = np.argsort(-filled.side * y, kind="stable")[len(y) - number :]
    return 2 * filled.centre - y[order], v[order]
