"""Tests of small-study effects. Shapes as in `pooling`: (..., k) in, (...) out.

Each test asks one question: do the small rows show another rate than the large ones? None of them
can tell publication bias from any other reason for that.

The regressions are written out on arrays, and not left to statsmodels, because each is made of
every vector of an identified set and of thousands of simulated sets of studies in one call; the
tests hold them against statsmodels, one set at a time.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr

from .effectsize import Array, Scale, choose, counts, transform
from .line import line, residual_tau2, rows, weights, without_noise
from .method import Tau2Method
from .moderators import meta_regression

Test = Literal["Egger", "Thompson-Sharp", "Begg-Mazumdar", "Peters", "Macaskill"]
TESTS: tuple[Test, ...] = get_args(Test)


@dataclass(frozen=True)
class Asymmetry:
    """A test of asymmetry. Every array has shape (...).

    estimate, se : coefficient (Kendall's tau for the rank test) and its standard error (of the
        rank test: under no association). statistic, p : estimate / se, two-sided p value.
    df : degrees of freedom of t; None where the statistic is compared with a normal or an exact
        distribution.
    """

    estimate: Array
    se: Array
    statistic: Array
    p: Array
    df: int | None


def _ratio(estimate: Array, se: Array) -> Array:
    """Estimate over se, where a line through all points makes both 0 or the ratio infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, estimate / se, np.sign(estimate) * np.inf)
    return np.where((se == 0) & (estimate == 0), 0.0, t)


def _least_squares(name: str, what: str, y: Array, x: Array, w: Array) -> Asymmetry:
    """Slope of y on x with weights w, t with k - 2 degrees of freedom."""
    df = y.shape[-1] - 2
    slope, sxx, residual = line(name, what, y, x, w)
    se = np.sqrt(residual / df / sxx)
    t = _ratio(slope, se)
    return Asymmetry(slope, se, t, 2 * stdtr(df, -np.abs(t)), df)


def egger(y: ArrayLike, v: ArrayLike) -> Asymmetry:
    """Egger's test (Egger et al. 1997, BMJ 315:629): least squares of y/se on 1/se, intercept.

    The same number is the slope of y on se with weights 1/v, which is how it is computed.

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
    y, v = rows("Egger's test", y, v)
    return _least_squares("Egger's test", "standard error", y, np.sqrt(v), 1 / v)


def thompson_sharp(y: ArrayLike, v: ArrayLike) -> Asymmetry:
    """Egger's test with a between-study variance (Thompson & Sharp 1999, Stat Med 18:2693).

    Slope of y on se with weights 1 / (v + tau²), where tau² is the moment estimator of the residual
    heterogeneity (DerSimonian-Laird with a covariate), truncated at 0.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3

    Returns
    -------
    Asymmetry
        Slope; z.

    Raises
    ------
    ValueError
        As `egger`.
    """
    y, v = rows("Thompson-Sharp test", y, v)
    tau2 = residual_tau2(y, v, "DL")
    slope, sxx, _ = line("Thompson-Sharp test", "standard error", y, np.sqrt(v), weights(v, tau2))
    se = 1 / np.sqrt(sxx)
    z = slope / se
    return Asymmetry(slope, se, z, 2 * ndtr(-np.abs(z)), None)


def beside_moderators(
    y: ArrayLike, v: ArrayLike, columns: ArrayLike, tau2_method: Tau2Method = "DL"
) -> Asymmetry:
    """Thompson and Sharp's test with moderators held: slope of y on se beside these columns.

    What metafor's ``regtest`` does of a model with moderators (Viechtbauer 2010). An asymmetry that
    the columns explain is gone here; one that they hid appears.

    Parameters
    ----------
    y, v : array_like, shape (k,)
        Effects and sampling variances.
    columns : array_like, shape (k, p) with p + 2 < k
        Numbers, or indicators of all groups but one.
    tau2_method : {"DL", "REML"}
        Estimator of the residual tau².

    Returns
    -------
    Asymmetry
        Slope; z.

    Raises
    ------
    ValueError
        If the columns leave no degree of freedom, or one depends on others or on the size.
    """
    y, v = rows("small-study test beside moderators", y, v)
    design = np.column_stack([np.ones(len(v)), np.sqrt(v), columns])
    if len(y) <= design.shape[1]:
        raise ValueError(
            f"found {len(y)} rows for {design.shape[1]} coefficients, expected more rows"
        )
    fit = meta_regression(y, v, design, tau2_method=tau2_method)
    slope, se = fit.coefficients[1], fit.se[1]
    return Asymmetry(slope, se, slope / se, fit.p[1], None)


def peters(y: ArrayLike, x: ArrayLike, n: ArrayLike) -> Asymmetry:
    """Peters' test (Peters et al. 2006, JAMA 295:676), carried over to proportions.

    Least squares of the effect on 1/n. Peters' weights for two groups are the inverse variance of
    the log odds of all patients together; with one group that is the inverse sampling variance of
    the logit, and it is used on every scale. One half is added to events and non-events of rows
    with none or all, or such rows would have no weight at all.

    Parameters
    ----------
    y : array_like, shape (..., k) with k >= 3
        Effects on any scale.
    x, n : array_like, shape (..., k)
        Events and patients.

    Returns
    -------
    Asymmetry
        Slope on 1/n; t with k - 2 degrees of freedom.

    Raises
    ------
    ValueError
        With fewer than three rows, one size n in all rows, or what is no count.
    """
    x, n = counts(x, n)
    y, v = rows("Peters' test", y, transform(x, n, "PLO")[1])
    return _least_squares("Peters' test", "sample size", y, 1 / n, 1 / v)


def macaskill(y: ArrayLike, v: ArrayLike, n: ArrayLike) -> Asymmetry:
    """Macaskill's test (Macaskill et al. 2001, Stat Med 20:641): y on n, weights 1/v.

    Their "funnel inverse variance" regression. On the arcsine scale v is 1/(4n), so that for
    proportions the weights are sample sizes.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3
        Effects and sampling variances.
    n : array_like, shape (..., k)
        Patients.

    Returns
    -------
    Asymmetry
        Slope on n; t with k - 2 degrees of freedom.

    Raises
    ------
    ValueError
        With fewer than three rows, or one size n in all rows.
    """
    y, v = rows("Macaskill's test", y, v)
    n = np.asarray(n, float)
    return _least_squares("Macaskill's test", "sample size", y, np.broadcast_to(n, y.shape), 1 / v)


@cache
def _inversions(k: int) -> Array:
    """Distribution of the number of discordant pairs of k rows without ties, if none is related.

    Row j can stand before 0 to j - 1 of the earlier ones, each equally likely.
    """
    p = np.ones(1)
    for j in range(2, k + 1):
        p = np.convolve(p, np.full(j, 1 / j))
    return p


def _tie_sums(a: Array) -> tuple[Array, Array, Array]:
    """Σt(t-1), Σt(t-1)(t-2) and Σt(t-1)(2t+5) over groups of t equal values, last axis."""
    t = (a[..., :, None] == a[..., None, :]).sum(-1).astype(float)
    # Each of the t members of a group contributes 1/t of the group's term.
    return (t - 1).sum(-1), ((t - 1) * (t - 2)).sum(-1), ((t - 1) * (2 * t + 5)).sum(-1)


def begg_mazumdar(y: ArrayLike, v: ArrayLike) -> Asymmetry:
    """Rank correlation test (Begg & Mazumdar 1994, Biometrics 50:1088).

    Kendall's tau-b between v and the standardised effects (y - common mean) / sqrt(v - var(common
    mean)). Without ties the p value is exact at any k; with ties it comes from the normal
    approximation with the variance corrected for ties and no continuity correction, as in R.

    Parameters
    ----------
    y, v : array_like, shape (..., k) with k >= 3

    Returns
    -------
    Asymmetry
        Kendall's tau-b, 0 with p = 1 where all standardised effects are equal.

    Raises
    ------
    ValueError
        With fewer than three rows, or where all rows have one standard error.
    """
    y, v = rows("Begg-Mazumdar test", y, v)
    k = y.shape[-1]
    if (v == v[..., :1]).all(-1).any():
        raise ValueError("Begg-Mazumdar test: found one standard error in all rows, expected sev"
                         "eral")  # fmt: skip
    w = 1 / v
    total = w.sum(-1, keepdims=True)
    d = y - (w * y).sum(-1, keepdims=True) / total
    d = without_noise(d, y)
    star = d / np.sqrt(v - 1 / total)
    i, j = np.triu_indices(k, 1)
    s = (np.sign(star[..., j] - star[..., i]) * np.sign(v[..., j] - v[..., i])).sum(-1)
    (a1, a2, a3), (b1, b2, b3) = _tie_sums(star), _tie_sums(v)
    pairs = k * (k - 1)
    variance = (pairs * (2 * k + 5) - a3 - b3) / 18 + a1 * b1 / (2 * pairs)
    variance = variance + a2 * b2 / (9 * pairs * (k - 2))
    comparable = np.sqrt((pairs - a1) * (pairs - b1)) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = np.where(comparable > 0, s / comparable, 0.0)
        se = np.sqrt(variance) / comparable
        z = np.where(variance > 0, s / np.sqrt(variance), 0.0)
    below = np.cumsum(_inversions(k))
    fewer = np.round((pairs / 2 - np.abs(s)) / 2).astype(int)
    exact = np.minimum(2 * below[fewer], 1.0)
    p = np.where((a1 == 0) & (b1 == 0), exact, 2 * ndtr(-np.abs(z)))
    return Asymmetry(tau, se, z, p, None)


def run(test: Test, x: ArrayLike, n: ArrayLike, scale: Scale) -> Asymmetry:
    """One of `TESTS` on counts.

    Parameters
    ----------
    test : str
        A member of `TESTS`.
    x, n : array_like, shape (..., k)
        Events and patients.
    scale : {"PAS", "PFT", "PLO"}
        Scale of the effects.

    Raises
    ------
    ValueError
        If the test is unknown or cannot be made of these rows.
    """
    choose("test", test, TESTS)
    y, v = transform(x, n, scale)
    if test == "Peters":
        return peters(y, x, n)
    if test == "Macaskill":
        return macaskill(y, v, n)
    two = {"Egger": egger, "Thompson-Sharp": thompson_sharp, "Begg-Mazumdar": begg_mazumdar}
    return two[test](y, v)
