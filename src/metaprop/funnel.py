"""What a funnel shows if there is no bias, and what the tests would see if there were."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from . import small_study
from .effectsize import Array, Scale, back_transform, choose
from .pooling import Pooled

SETS = 4000  # simulated sets for a rate of false alarms: its standard error is 0.3 points at 5%


def contours(
    centre: float, n: ArrayLike, scale: Scale, level: float, tau2: float = 0.0
) -> tuple[Array, Array, Array]:
    """Where studies of size n lie with the given probability if there is no bias.

    Parameters
    ----------
    centre : float
        Pooled effect on the transformed scale.
    n : array_like
        Sizes, not necessarily whole.
    scale : {"PAS", "PFT", "PLO"}
        On the logit scale the sampling variance is that of the pooled rate.
    level : float
        Probability between the limits.
    tau2 : float
        Between-study variance; 0 for the limits of chance alone.

    Returns
    -------
    se, lower, upper : ndarray, shape of n
        Standard error, and limits on the transformed scale.
    """
    n = np.asarray(n, float)
    if scale == "PLO":
        p = back_transform(centre, scale)
        v = 1 / (n * p * (1 - p))
    else:
        v = {"PAS": 1 / (4 * n), "PFT": 1 / (4 * n + 2)}[choose("scale", scale, ("PAS", "PFT"))]
    half = ndtri((1 + level) / 2) * np.sqrt(v + tau2)
    return np.sqrt(v), centre - half, centre + half


def power(
    n: ArrayLike,
    fit: Pooled,
    slopes: ArrayLike,
    scale: Scale = "PAS",
    test: small_study.Test = "Egger",
    sets: int = SETS,
    seed: int = 1997,
    alpha: float = 0.05,
) -> Array:
    """Share of simulated study sets in which a test finds asymmetry.

    Each set has the sizes n. The rate of a study is drawn around the pooled rate with the
    between-study variance of the fit, moved by slope x (its standard error less that of the
    largest study), and its events are binomial.

    Parameters
    ----------
    n : array_like, shape (k,)
        Patients.
    fit : Pooled
        Pooled effect and tau² on the scale, arrays of shape ().
    slopes : array_like, shape (m,)
        Small-study effects on the scale of Egger's coefficient: change of the effect per unit of
        standard error. 0 gives the rate of false alarms.
    scale, test : str
        As in `small_study.run`.
    sets, seed : int
        Simulated study sets per slope; the same rates are drawn for all slopes.
    alpha : float
        A set counts if p < alpha.

    Returns
    -------
    ndarray, shape (m,)
        Proportions; their Monte Carlo standard error is at most 0.5 / sqrt(sets).
    """
    n = np.asarray(n, int)
    slopes = np.asarray(slopes, float)
    se, _, _ = contours(float(fit.estimate), n, scale, 0.5)
    share = np.empty(len(slopes))
    for i, slope in enumerate(slopes):
        rng = np.random.default_rng(seed)
        around = rng.normal(float(fit.estimate), np.sqrt(float(fit.tau2)), (sets, len(n)))
        x = rng.binomial(n, back_transform(around + slope * (se - se.min()), scale))
        share[i] = (small_study.run(test, x, n, scale).p < alpha).mean()
    return share


def false_alarm_rate(
    n: ArrayLike, fit: Pooled, scale: Scale = "PAS", sets: int = SETS, seed: int = 1997
) -> dict[str, float]:
    """Share of sets without any small-study effect in which each test has p < 0.05, by test.

    Arguments as in `power`: n of shape (k,).
    """
    return {
        test: float(power(n, fit, [0.0], scale, test, sets, seed)[0]) for test in small_study.TESTS
    }


def shift(n: ArrayLike, fit: Pooled, slope: float, scale: Scale = "PAS") -> tuple[float, float]:
    """What a small-study effect means in percent: rate at the smallest size, and pooled rate.

    Parameters
    ----------
    n, fit, slope, scale
        As in `power`.

    Returns
    -------
    smallest, pooled : float
        Expected rate of the smallest study and of the random-effects estimate, in percent.
    """
    n = np.asarray(n, float)
    se, _, _ = contours(float(fit.estimate), n, scale, 0.5)
    w = 1 / (se**2 + float(fit.tau2))
    moved = float(fit.estimate) + slope * (se - se.min())
    rates = back_transform([moved[np.argmax(se)], (w * moved).sum() / w.sum()], scale)
    return float(100 * rates[0]), float(100 * rates[1])


def contour_table(
    centre: float, scale: Scale, tau2: float, levels: tuple[float, ...] = (0.9, 0.95, 0.99)
) -> pd.DataFrame:
    """Contours of a funnel as a table, by chance alone and with the between-study variance.

    Parameters
    ----------
    centre, scale, tau2
        As in `contours`.
    levels : tuple of float
        Probabilities between the limits of chance alone; the middle one is repeated with tau².

    Returns
    -------
    DataFrame
        level, heterogeneity (True, False), n, se, lower, upper (transformed scale), rate_lower,
        rate_upper (percent).
    """
    n = np.geomspace(0.8, 1e6, 400)  # from less than a patient to where chance vanishes
    parts = []
    for level, t in [*((level, 0.0) for level in levels), (levels[len(levels) // 2], tau2)]:
        se, low, high = contours(centre, n, scale, level, t)
        columns = {"level": level, "heterogeneity": False, "n": n, "se": se}
        columns |= {"lower": low, "upper": high}
        for name, limit in (("rate_lower", low), ("rate_upper", high)):
            columns[name] = 100 * back_transform(limit, scale, n)
        parts.append(pd.DataFrame(columns))
    parts[-1]["heterogeneity"] = True
    return pd.concat(parts, ignore_index=True)
