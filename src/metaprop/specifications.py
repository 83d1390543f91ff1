"""Every defensible way to pool the same counts: specifications, and what each of them gives.

Every function takes the counts of one meta-analysis, shape (k,), or of a whole identified set,
shape (m, k), and answers in percent with ranges over the m vectors: `RANGES`, ``estimate_min`` to
``upper_max``. For one vector min and max are one number.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from . import bayes, likelihood
from .effectsize import INVERSES, SCALES, Array, back_transform, choose, transform
from .method import CI_METHODS, LIKELIHOODS, MODELS, NONE, TAU2_METHODS, Method
from .pooling import Pooled, pool_proportions, to_proportion

# What software commonly offers. The common-effect model is not among them: it denies a
# heterogeneity that is there to be seen.
ESTIMATORS = tuple(m for m in TAU2_METHODS if m not in ("CE", "DL2", "HSk", "HM"))
INTERVALS = tuple(c for c in CI_METHODS if c != "t")
_FITS = {"GLMM": likelihood.glmm, "beta-binomial": likelihood.beta_binomial}
# Models that take many vectors in one call, and those that do not.
BATCHED = (*SCALES, *LIKELIHOODS)
BAYESIAN = tuple(m for m in MODELS if m not in BATCHED)
# Scale of the priors of tau, in radians of the arcsine. At the median of the half-normal (0.17) the
# rates of studies around one fifth range from 2 to 51 percent, and twice that is not ruled out.
PRIOR_SCALE = 0.25
# Columns that name the method in a table.
COLUMNS = ("scale", "inverse", "tau2_method", "ci_method")
RANGES = [f"{a}_{b}" for a in ("estimate", "lower", "upper") for b in ("min", "max")]


def specification(
    scale: str = "PAS", tau2_method: str = "DL", ci_method: str = "wald", inverse: str = "harmonic"
) -> Method:
    """The method of a transformation, with inverse "none" where the scale leaves no choice of it.

    Raises
    ------
    ValueError
        With the valid values.
    """
    choose("scale", scale, SCALES)
    choose("inverse", inverse, INVERSES)
    return Method(scale, tau2_method, ci_method, inverse if scale == "PFT" else NONE)


def specifications(models: Sequence[str] = MODELS) -> list[Method]:
    """All combinations of model, inverse, tau² estimator and interval ("none" if there is none)."""
    for model in models:
        choose("model", model, MODELS)
    return [method for model in models for method in _of(model)]


def _of(model: str) -> Iterator[Method]:
    if model in LIKELIHOODS:
        yield Method(model, "ML", "wald", NONE)
    elif model.startswith("Bayes"):
        yield Method(model, NONE, "credible", NONE)
    else:
        for inverse in INVERSES if model == "PFT" else (NONE,):
            for tau2_method, ci_method in product(ESTIMATORS, INTERVALS):
                yield Method(model, tau2_method, ci_method, inverse)


def rates(fit: Pooled, n: ArrayLike, how: Method) -> Array:
    """Pooled effects as proportions: estimate, lower and upper limit on the first axis.

    Parameters
    ----------
    fit : Pooled or alike
        Arrays of shape (...).
    n : array_like, shape (..., k)
        Patients of the rows pooled.
    how : Method
        Its model is a transformation.
    """
    limits = (fit.estimate, fit.lower, fit.upper)
    return np.stack([to_proportion(q, fit.se, n, how) for q in limits])


def pooled_rate(x: ArrayLike, n: ArrayLike, how: Method) -> Array:
    """Pooled rate of one specification: estimate, lower and upper limit, shape (3, ...).

    Parameters
    ----------
    x, n : array_like, shapes (..., k) and (k,)
        Counts.
    how : Method
        The estimate of a Bayesian model is the posterior median.
    """
    if how.scale in LIKELIHOODS:
        return np.stack(_FITS[how.scale](x, n).proportion())
    if how.scale.startswith("Bayes"):
        x = np.asarray(x)
        found = [_posterior(row, n, how.scale) for row in x.reshape(-1, x.shape[-1])]
        return np.reshape(np.transpose(found), (3, *x.shape[:-1]))
    found = pool_proportions(x, n, how)
    return np.stack([found.estimate, found.lower, found.upper])


def _posterior(x: Array, n: ArrayLike, model: str) -> Array:
    mu = bayes.posterior(*transform(x, n, "PAS"), model.removeprefix("Bayes "), PRIOR_SCALE).mu
    return back_transform([mu.median, mu.lower, mu.upper], "PAS")


def ranges(rate: Array) -> dict[str, Array]:
    """Columns in percent from rates of shape (3, m, ...) or (3,): min and max over the vectors."""
    flat = 100 * (rate if rate.ndim > 1 else rate[:, None])
    ends = [e for part in flat for e in (part.min(0), part.max(0))]
    return dict(zip(RANGES, ends, strict=True))


def pool_all(x: ArrayLike, n: ArrayLike, how: Sequence[Method]) -> pd.DataFrame:
    """Pooled rates of counts of shape (..., k) by each specification, a row each.

    Returns
    -------
    DataFrame
        scale, inverse, tau2_method, ci_method, k and the ranges. A method without an answer on
        some of these counts (no event at all in a likelihood, one row under Hartung-Knapp) has
        missing ranges and says why in `problem`.
    """
    rows = []
    for s in how:
        try:
            found = ranges(pooled_rate(x, n, s)) | {"problem": pd.NA}
        except (ValueError, ArithmeticError) as error:
            found = dict.fromkeys(RANGES, np.nan) | {"problem": str(error)}
        rows.append({c: getattr(s, c) for c in COLUMNS} | {"k": np.shape(x)[-1]} | found)
    return pd.DataFrame(rows)


def over_rows(
    x: ArrayLike,
    n: ArrayLike,
    subsets: Mapping[str, ArrayLike],
    how: Sequence[Method],
) -> pd.DataFrame:
    """Pooled rates by each specification over each choice of rows, a row each.

    Parameters
    ----------
    subsets : mapping
        Name: which rows stay, shape (k,), or a matrix (r, k) of zeros and ones that adds rows up
        (`merged`). A choice that leaves fewer than two rows, or the same rows as an earlier one,
        is no choice and is left out.

    Returns
    -------
    DataFrame
        `pool_all` with a column rows in front.

    Raises
    ------
    ValueError
        If no choice has two rows.
    """
    x, n, seen, parts = np.asarray(x), np.asarray(n), set(), []
    for name, keep in subsets.items():
        keep = np.asarray(keep, bool)
        if keep.ndim == 1:
            keep = np.eye(len(n), dtype=bool)[keep]
        if len(keep) < 2 or keep.tobytes() in seen:
            continue
        seen.add(keep.tobytes())
        part = pool_all(x @ keep.T, n @ keep.T, how)
        part.insert(0, "rows", name)
        parts.append(part)
    if not parts:
        raise ValueError("subsets: found none with two rows, expected at least one")
    return pd.concat(parts, ignore_index=True)


def merged(studies: Sequence[object]) -> Array:
    """Matrix (r, k) of zeros and ones that makes one row of the rows of each study, in order."""
    names = np.asarray(studies, object)
    return np.array([names == name for name in dict.fromkeys(names)], int)
