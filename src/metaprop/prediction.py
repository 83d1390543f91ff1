"""What a random-effects model says of the rate of a new study: its interval, and a chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from . import likelihood
from .effectsize import Array, overall_n, transform
from .equivalent import predicts
from .method import LIKELIHOODS, Method
from .pooling import pool, to_proportion

_FITS = {"GLMM": likelihood.glmm, "beta-binomial": likelihood.beta_binomial}


@dataclass(frozen=True)
class NewStudy:
    """The rate of a new study, as proportions; every array has shape (...).

    lower, upper : prediction limits. below : chance that the rate lies below the threshold.
    rule : how the limits are computed, in words.
    """

    lower: Array
    upper: Array
    below: Array
    rule: str


def rule(method: Method) -> str:
    """How a method predicts, in words."""
    if method.scale == "beta-binomial":
        return "beta quantiles, t with k - 2 df"
    knapp = ", Hartung-Knapp standard error" * method.ci_method.startswith("hartung-knapp")
    return f"t with k - 2 df{knapp}"


def threshold_effect(rate: float, n: ArrayLike, se: ArrayLike, method: Method) -> Array:
    """Effect that `pooling.to_proportion` takes back to this rate, shape (...).

    Parameters
    ----------
    rate : float
        A proportion between 0 and 1.
    n : array_like, shape (..., k)
        Patients of the rows pooled; of use under PFT alone, as is se, the pooled effect's standard
        error.
    method : Method
        Its scale is a transformation.
    """
    _check(rate)
    if method.scale == "PLO":
        return np.asarray(logit(rate))
    if method.scale == "PAS" or method.inverse == "sin2":
        return np.asarray(np.arcsin(np.sqrt(rate)))
    one = np.asarray(overall_n(n, method.inverse, se))  # Freeman & Tukey at a share of one n
    ends = rate * one / (one + 1), (rate * one + 1) / (one + 1)
    return sum(np.arcsin(np.sqrt(e)) for e in ends) / 2


def new_study(
    x: ArrayLike, n: ArrayLike, method: Method, threshold: float, level: float = 0.95
) -> NewStudy | None:
    """Prediction limits of a new study's rate, and the chance that it lies below a threshold.

    The rate is the one that lies behind a study, not the share that it happens to observe: a small
    study's own share scatters more.

    Parameters
    ----------
    x, n : array_like, shape (..., k)
        Counts; n may have shape (k,).
    method : Method
        A transformation (t with k - 2 df: Higgins et al. 2009), GLMM (the same on the log odds) or
        beta-binomial (the rule carried over to the fitted beta distribution, as
        `LikelihoodFit.prediction` says).
    threshold : float
        A proportion between 0 and 1.
    level : float
        Of the limits.

    Returns
    -------
    NewStudy or None
        None where the method predicts nothing: under a common effect, and with k < 3.

    Raises
    ------
    ValueError
        On an unusable threshold, and as the model does.

    Examples
    --------
    >>> from metaprop.method import Method
    >>> found = new_study([7, 6, 0, 2, 11], [61, 65, 4, 43, 26], Method(), 0.1)
    >>> print(f"{found.lower:.2f} to {found.upper:.2f}, below 10%: {found.below:.1f}")
    0.00 to 0.64, below 10%: 0.4
    """
    _check(threshold)
    if not predicts(np.shape(n)[-1], method):
        return None
    if method.scale in LIKELIHOODS:
        fit = _FITS[method.scale](x, n, level)
        low, high = (expit(e) for e in fit.prediction())
        return NewStudy(low, high, fit.below(logit(threshold)), rule(method))
    fit = pool(*transform(x, n, method.scale), method.tau2_method, method.ci_method, level)
    low, high = (to_proportion(e, fit.se, n, method) for e in fit.prediction())
    below = fit.below(threshold_effect(threshold, n, fit.se, method))
    return NewStudy(low, high, below, rule(method))


def _check(rate: float) -> None:
    if not 0 < rate < 1:
        raise ValueError(f"threshold: found {rate}, expected a proportion between 0 and 1")
