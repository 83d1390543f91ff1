"""A proportion on a transformed scale, its sampling variance, and its way back.

Scales: ``PAS`` arcsine square root (Rücker et al. 2009, Stat Med 28:721), ``PFT`` Freeman-Tukey
double arcsine (Freeman & Tukey 1950) and ``PLO`` logit. Proportions are fractions of one here;
percent appears only where a notebook shows them. What other people print may also be on the log
(``PLN``) or the raw proportion itself (``PR``), or the arcsine of corrected counts; `FURTHER` has
them with two rules for counts of 0 and n, for a reconstruction and not for an analysis.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from . import kernels

Scale = Literal["PAS", "PFT", "PLO"]
Inverse = Literal["harmonic", "geometric", "arithmetic", "inverse-variance", "sin2"]
Array = NDArray[np.float64]

SCALES: tuple[Scale, ...] = get_args(Scale)
INVERSES: tuple[Inverse, ...] = get_args(Inverse)
# Scales for a reconstruction alone: metafor's rule where a count is 0 or n, and that of R meta.
FURTHER: tuple[str, ...] = (
    "PLN", "PR", "PLN-meta", "PR-meta", "PAS-only0", "PAS-all", "PAS-anscombe",
)  # fmt: skip

# Names that other software has for a value.
_RENAMED = {"FE": "CE", "EE": "CE"}


def choose(name: str, value: str, valid: tuple[str, ...]) -> str:
    """Return value if it is one of valid; otherwise say what is.

    Raises
    ------
    ValueError
        With the list of valid values.
    """
    if value not in valid:
        meant = f"; the common effect is {_RENAMED[value]}" if value in _RENAMED else ""
        raise ValueError(f"{name}: found {value!r}, expected one of {', '.join(valid)}{meant}")
    return value


def first(name: str, bad: NDArray[np.bool_]) -> tuple[str, tuple[int, ...]]:
    """Where an array is first bad, as messages show it ("x[2]"), and its index."""
    at = np.argwhere(bad)[0].tolist()
    return f"{name}{at or ''}", tuple(at)


def counts(x: ArrayLike, n: ArrayLike) -> tuple[Array, Array]:
    """Events and patients as float arrays of one shape, after checking that they are counts.

    Parameters
    ----------
    x, n : array_like, any broadcastable shapes

    Raises
    ------
    ValueError
        If a value is missing, fractional or negative, if n < 1 or if x > n.
    """
    x, n = np.broadcast_arrays(np.asarray(x, float), np.asarray(n, float))
    for name, a, low in (("x", x, 0), ("n", n, 1)):
        bad = ~np.isfinite(a) | (a != np.floor(a)) | (a < low)
        if bad.any():
            place, at = first(name, bad)
            raise ValueError(f"{place}: found {a[at]}, expected a whole number of at least {low}")
    if (x > n).any():
        place, at = first("x", x > n)
        raise ValueError(f"{place}: found {x[at]} events, expected at most n = {n[at]}")
    return x, n


def transform(x: ArrayLike, n: ArrayLike, scale: Scale) -> tuple[Array, Array]:
    """Effect and sampling variance of x events among n patients.

    Parameters
    ----------
    x, n : array_like, any broadcastable shapes
        Counts.
    scale : {"PAS", "PFT", "PLO"} or one of `FURTHER`
        PLO adds one half to events and non-events where x is 0 or n, and only there. So do PLN and
        PR, as metafor's escalc does. PLN-meta and PR-meta add it as R meta's metaprop does: to the
        events and to n on the log scale, to the variance alone on the raw one. PAS-only0 and
        PAS-all add it to events and non-events where one of them is 0, or everywhere, as escalc
        does with add=1/2 and such a ``to`` (its default for PAS adds nothing). PAS-anscombe is
        asin √((x + 3/8) / (n + 3/4)) with variance 1 / (4n + 2) (Anscombe 1948, Biometrika 35:246).

    Returns
    -------
    y, v : ndarray
        Effect (radians for PAS and PFT, log odds for PLO) and its sampling variance.

    Raises
    ------
    ValueError
        If x and n are not counts with x <= n, or the scale is unknown.
    """
    choose("scale", scale, SCALES if scale not in FURTHER else FURTHER)
    x, n = counts(x, n)
    if scale in FURTHER:
        return _further(x, n, scale)
    if scale == "PAS":
        return np.arcsin(np.sqrt(x / n)), 1 / (4 * n)
    if scale == "PFT":
        y = np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))
        return y / 2, 1 / (4 * n + 2)
    c = np.where((x == 0) | (x == n), 0.5, 0.0)
    return np.log((x + c) / (n - x + c)), 1 / (x + c) + 1 / (n - x + c)


def _further(x: Array, n: Array, scale: str) -> tuple[Array, Array]:
    """Effect and sampling variance on the log and raw scales, and on the arcsine ones.

    Checked against metafor 3.8-1 (escalc, to="only0") and read from github.com/guido-s/meta,
    R/metaprop.R (commit 025947f).
    """
    c = np.where((x == 0) | (x == n) | (scale == "PAS-all"), 0.5, 0.0)
    if scale == "PAS-anscombe":
        return np.arcsin(np.sqrt((x + 0.375) / (n + 0.75))), 1 / (4 * n + 2)
    if scale.startswith("PAS"):
        return np.arcsin(np.sqrt((x + c) / (n + 2 * c))), 1 / (4 * (n + 2 * c))
    if scale == "PLN":
        return np.log((x + c) / (n + 2 * c)), 1 / (x + c) - 1 / (n + 2 * c)
    if scale == "PLN-meta":
        events = np.where(x == n, x, x + c)
        return np.log((x + c) / (n + c)), 1 / events - 1 / (n + c)
    v = (x + c) * (n - x + c) / (n + 2 * c) ** 3
    return ((x + c) / (n + 2 * c) if scale == "PR" else x / n), v


def overall_n(n: ArrayLike, inverse: Inverse, se: ArrayLike | None = None) -> Array:
    """The one sample size at which a pooled double arcsine is taken back.

    Parameters
    ----------
    n : array_like, shape (..., k)
        Sample sizes of the rows pooled.
    inverse : {"harmonic", "geometric", "arithmetic", "inverse-variance"}
        Miller (1978) proposed the harmonic mean; Schwarzer et al. (2019) compare the choices.
        ``inverse-variance`` is the n of a single study as precise as the pooled value, 1 / (4 se²)
        on the scale with the factor one half used here (Barendregt et al. 2013, whose scale lacks
        the factor, write 1 / variance).
    se : array_like, shape (...), optional
        Standard error of the pooled effect; needed for ``inverse-variance`` only.

    Returns
    -------
    ndarray, shape (...)
    """
    choose("inverse", inverse, INVERSES[:-1])
    n = np.asarray(n, float)
    if inverse == "harmonic":
        return n.shape[-1] / (1 / n).sum(-1)
    if inverse == "geometric":
        return np.exp(np.log(n).mean(-1))
    if inverse == "arithmetic":
        return n.mean(-1)
    if se is None:
        raise ValueError("inverse-variance: needs the standard error of the pooled effect")
    return 1 / (4 * np.asarray(se, float) ** 2)


def back_transform(y: ArrayLike, scale: Scale, n: ArrayLike | None = None) -> Array:
    """Proportion that belongs to an effect.

    Parameters
    ----------
    y : array_like, any shape
        Effect on the scale.
    scale : {"PAS", "PFT", "PLO"} or one of `FURTHER`
        Effects on the log and raw scales are not clipped, as software does not clip them. Arcsines
        of corrected counts go back by the plain sin² too, as metafor's transf.iarcsin does.
    n : array_like, optional
        For PFT, the (overall) sample size of Miller's (1978) inverse; without it the plain sin²,
        which is not an inverse of the double arcsine but is in use. Ignored by the other scales.

    Returns
    -------
    ndarray, of the broadcast shape of y and n
        Proportions in [0, 1]. Effects at or beyond those of x = 0 and x = n give 0 and 1.
    """
    choose("scale", scale, SCALES if scale not in FURTHER else FURTHER)
    y = np.asarray(y, float)
    if scale.startswith(("PLN", "PR")):
        return np.exp(y) if scale.startswith("PLN") else y
    if scale == "PLO":
        return expit(y)
    if scale.startswith("PAS") or n is None:
        return np.sin(np.clip(y, 0, np.pi / 2)) ** 2
    y, n = (np.array(a) for a in np.broadcast_arrays(y, np.asarray(n, float)))
    return kernels.inverse_pft_rows(y.ravel(), n.ravel()).reshape(y.shape)


def interval(
    x: ArrayLike, n: ArrayLike, method: Literal["exact", "wilson"], level: float = 0.95
) -> tuple[Array, Array]:
    """Confidence limits of single proportions, shapes as x and n.

    ``exact`` is Clopper & Pearson (1934), ``wilson`` the score interval (Wilson 1927), both as
    statsmodels computes them.
    """
    from statsmodels.stats.proportion import proportion_confint

    choose("method", method, ("exact", "wilson"))
    x, n = counts(x, n)
    name = {"exact": "beta", "wilson": "wilson"}[method]
    return proportion_confint(x, n, alpha=1 - level, method=name)
