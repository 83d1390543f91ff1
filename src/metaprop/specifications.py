"""Every defensible way to pool the same counts: specifications, and what each of them gives.

Every function takes the counts of one meta-analysis, shape (k,), or of a whole identified set,
shape (m, k), and answers in percent with ranges over the m vectors: `RANGES`, ``estimate_min`` to
``upper_max``. For one vector min and max are one number.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from . import bayes, likelihood, pooling
from .effectsize import INVERSES, Array, back_transform, choose, overall_n, transform

NONE = "none"
# The common-effect model is not among them: it denies a heterogeneity that is there to be seen.
TAU2 = tuple(m for m in pooling.TAU2 if m != "CE")
LIKELIHOODS = {"GLMM": likelihood.glmm, "beta-binomial": likelihood.beta_binomial}
MODELS = ("PAS", "PFT", "PLO", *LIKELIHOODS, *(f"Bayes {p}" for p in bayes.PRIORS))
# Those that take many vectors in one call.
BATCHED = MODELS[:5]
# Scale of the priors of tau, in radians of the arcsine. At the median of the half-normal (0.17) the
# rates of studies around one fifth range from 2 to 51 percent, and twice that is not ruled out.
PRIOR_SCALE = 0.25
RANGES = [f"{a}_{b}" for a in ("estimate", "lower", "upper") for b in ("min", "max")]


class Specification(NamedTuple):
    """One way to pool: model (of `MODELS`), inverse of PFT, tau² estimator and interval."""

    model: str = "PAS"
    inverse: str = NONE
    tau2: str = "DL"
    interval: str = "wald"


def specification(
    transformation: str = "PAS",
    inverse: str = "harmonic",
    tau2: str = "DL",
    interval: str = "wald",
) -> Specification:
    """A specification from a notebook's parameters, each checked against its valid values.

    Raises
    ------
    ValueError
        With the valid values.
    """
    choose("transformation", transformation, MODELS[:3])
    choose("inverse", inverse, INVERSES)
    choose("tau2", tau2, tuple(pooling.TAU2))
    choose("interval", interval, pooling.INTERVALS)
    return Specification(
        transformation, inverse if transformation == "PFT" else NONE, tau2, interval
    )


def specifications(models: Sequence[str] = MODELS) -> list[Specification]:
    """All combinations of model, inverse, tau² estimator and interval ("none" if there is none)."""
    for model in models:
        choose("model", model, MODELS)
    return [Specification(*s) for model in models for s in _of(model)]


def _of(model: str) -> Iterator[tuple[str, str, str, str]]:
    if model in LIKELIHOODS:
        yield model, NONE, "ML", "wald"
    elif model.startswith("Bayes"):
        yield model, NONE, NONE, "credible"
    else:
        for inverse in INVERSES if model == "PFT" else (NONE,):
            for tau2 in TAU2:
                for interval in pooling.INTERVALS:
                    yield model, inverse, tau2, interval


def rates(fit: pooling.Pooled, n: ArrayLike, how: Specification) -> Array:
    """Pooled effects as proportions: estimate, lower and upper limit on the first axis.

    Parameters
    ----------
    fit : Pooled or alike
        Arrays of shape (...).
    n : array_like, shape (..., k)
        Patients of the rows pooled.
    how : Specification
        Its model is a transformation.
    """
    overall = None
    if how.model == "PFT" and how.inverse != "sin2":
        overall = overall_n(n, how.inverse, fit.se)
    limits = (fit.estimate, fit.lower, fit.upper)
    return np.stack([back_transform(q, how.model, overall) for q in limits])


def pooled_rate(x: ArrayLike, n: ArrayLike, how: Specification) -> Array:
    """Pooled rate of one specification: estimate, lower and upper limit, shape (3, ...).

    Parameters
    ----------
    x, n : array_like, shapes (..., k) and (k,)
        Counts.
    how : Specification
        The estimate of a Bayesian model is the posterior median.
    """
    choose("model", how.model, MODELS)
    if how.model in LIKELIHOODS:
        return np.stack(LIKELIHOODS[how.model](x, n).proportion())
    if how.model.startswith("Bayes"):
        x = np.asarray(x)
        found = [_posterior(row, n, how.model) for row in x.reshape(-1, x.shape[-1])]
        return np.reshape(np.transpose(found), (3, *x.shape[:-1]))
    return rates(pooling.pool(*transform(x, n, how.model), how.tau2, how.interval), n, how)


def _posterior(x: Array, n: ArrayLike, model: str) -> Array:
    mu = bayes.posterior(*transform(x, n, "PAS"), model.removeprefix("Bayes "), PRIOR_SCALE).mu
    return back_transform([mu.median, mu.lower, mu.upper], "PAS")


def ranges(rate: Array) -> dict[str, Array]:
    """Columns in percent from rates of shape (3, m, ...) or (3,): min and max over the vectors."""
    flat = 100 * (rate if rate.ndim > 1 else rate[:, None])
    ends = [e for part in flat for e in (part.min(0), part.max(0))]
    return dict(zip(RANGES, ends, strict=True))


def pool_all(x: ArrayLike, n: ArrayLike, how: Sequence[Specification]) -> pd.DataFrame:
    """Pool by each specification.

    Returns
    -------
    DataFrame
        model, inverse, tau2, interval, k and the ranges. A specification without an answer on some
        of these counts (no event at all in a likelihood, one row under Hartung-Knapp) has missing
        ranges and says why in `problem`.
    """
    rows = []
    for s in how:
        try:
            found = ranges(pooled_rate(x, n, s)) | {"problem": pd.NA}
        except ValueError as error:
            found = dict.fromkeys(RANGES, np.nan) | {"problem": str(error)}
        rows.append(s._asdict() | {"k": np.shape(x)[-1]} | found)
    return pd.DataFrame(rows)


def over_rows(
    x: ArrayLike,
    n: ArrayLike,
    subsets: Mapping[str, ArrayLike],
    how: Sequence[Specification],
) -> pd.DataFrame:
    """Pool by each specification over each choice of rows.

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
