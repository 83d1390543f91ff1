"""Other reasonable analyses of the same counts, as tables in percent.

Every function takes the counts of one meta-analysis, shape (k,), or of a whole identified set,
shape (m, k), and answers with ranges: ``estimate_min`` to ``estimate_max`` over the m vectors, with
``lower_min``, ``lower_max``, ``upper_min`` and ``upper_max`` for the limits. For one vector min and
max are one number.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from . import bayes, exact, influence, moderators, pooling
from .proportions import INVERSES, Array, back_transform, choose, overall_n, transform

NONE = "none"
# The common-effect model is not among them: it denies a heterogeneity that is there to be seen.
TAU2 = tuple(m for m in pooling.TAU2 if m != "FE")
LIKELIHOODS = {"GLMM": exact.glmm, "beta-binomial": exact.beta_binomial}
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


def _ranges(rate: Array) -> dict[str, Array]:
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
            found = _ranges(pooled_rate(x, n, s)) | {"problem": pd.NA}
        except ValueError as error:
            found = dict.fromkeys(RANGES, np.nan) | {"problem": str(error)}
        rows.append(s._asdict() | {"k": np.shape(x)[-1]} | found)
    return pd.DataFrame(rows)


def multiverse(
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


def without_each(
    x: ArrayLike, n: ArrayLike, labels: Sequence[str], how: Specification
) -> pd.DataFrame:
    """Leave-one-out: label (of the row left out), k and the ranges."""
    n = np.asarray(n)
    fit = influence.leave_one_out(*transform(x, n, how.model), how.tau2, how.interval)
    rest = n[[np.delete(np.arange(len(n)), i) for i in range(len(n))]]
    found = _ranges(_vectors_first(rates(fit, rest, how)))
    return pd.DataFrame({"label": list(labels), "k": fit.k} | found)


def by_year(
    x: ArrayLike, n: ArrayLike, labels: Sequence[str], years: Sequence[object], how: Specification
) -> pd.DataFrame:
    """Cumulative: label and year of the row added, k and the ranges.

    Rows of one year keep their order; rows without a year come last.
    """
    x, n = np.asarray(x), np.asarray(n)
    years = pd.Series(years, dtype="Int64").reset_index(drop=True)
    order = years.sort_values(kind="stable", na_position="last").index
    y, v = transform(x[..., order], n[order], how.model)
    steps = influence.cumulative(y, v, how.tau2, how.interval)
    parts = []
    for j in range(len(n)):
        fit = _Limits(*(getattr(steps, f)[..., j] for f in _Limits._fields))
        parts.append(_ranges(rates(fit, n[order][: j + 1], how)))
    frame = pd.DataFrame(parts)
    frame.insert(0, "label", np.asarray(labels, object)[order])
    frame.insert(1, "year", years[order].array)
    frame.insert(2, "k", np.arange(1, len(n) + 1))
    return frame


class _Limits(NamedTuple):
    estimate: Array
    se: Array
    lower: Array
    upper: Array


def _vectors_first(rate: Array) -> Array:
    """(3, k) of one vector as (3, 1, k); (3, m, k) as it is."""
    return rate[:, None] if rate.ndim == 2 else rate


def by_group(
    x: ArrayLike, n: ArrayLike, groups: Mapping[str, Sequence[object]], how: Specification
) -> pd.DataFrame:
    """Subgroups of several moderators.

    Parameters
    ----------
    groups : mapping
        Moderator: group of each row. One with a single group, or with missing groups, has no test.

    Returns
    -------
    DataFrame
        moderator, group, k, patients, the ranges, and p_min, p_max of the between-group test
        (missing, with a reason in `problem`, where there is none).
    """
    x, n, out = np.asarray(x), np.asarray(n), []
    for moderator, column in groups.items():
        column = pd.Series(list(column), dtype="string")
        try:
            found = moderators.subgroups(
                *transform(x, n, how.model), column.tolist(), how.tau2, how.interval
            )
        except ValueError as error:
            out.append({"moderator": moderator, "problem": str(error)})
            continue
        for name, part in zip(found.names, found.parts, strict=True):
            rows = (column == name).to_numpy(bool)
            out.append(
                {"moderator": moderator, "group": name, "k": part.k, "patients": n[rows].sum()}
                | _ranges(rates(part, n[rows], how))
                | {"p_min": np.min(found.p), "p_max": np.max(found.p), "problem": pd.NA}
            )
    columns = ["moderator", "group", "k", "patients", *RANGES, "p_min", "p_max", "problem"]
    return pd.DataFrame(out, columns=columns).astype({"k": "Int64", "patients": "Int64"})


def by_regression(
    x: ArrayLike,
    n: ArrayLike,
    covariates: Mapping[str, Sequence[object]],
    model: str = "PAS",
    interval: str = "wald",
) -> pd.DataFrame:
    """Meta-regression on one covariate at a time, over the rows that have it.

    Parameters
    ----------
    covariates : mapping
        Name: number of each row (missing where unknown).

    Returns
    -------
    DataFrame
        covariate, k, slope_min, slope_max (transformed scale, per unit of the covariate), p_min,
        p_max, tau2_min, tau2_max (residual), r2_min, r2_max; `problem` where there is no fit.
    """
    x, n, out = np.asarray(x), np.asarray(n), []
    for name, column in covariates.items():
        z = pd.array(list(column), "Float64")
        have = ~pd.isna(z)
        z = z[have].to_numpy(float)
        try:
            if len(z) == 0 or np.ptp(z) == 0:
                raise ValueError(f"{name}: found one value in all rows, expected several")
            y, v = transform(x[..., have], n[have], model)
            fit = moderators.meta_regression(
                y, v, np.column_stack([np.ones(len(z)), z - z.mean()]), interval
            )
        except ValueError as error:
            out.append({"covariate": name, "k": int(have.sum()), "problem": str(error)})
            continue
        numbers = {"slope": fit.coefficients[..., 1], "p": fit.p[..., 1], "tau2": fit.tau2}
        row = {"covariate": name, "k": int(have.sum())}
        for key, value in (numbers | {"r2": fit.r2}).items():
            row |= {f"{key}_min": np.min(value), f"{key}_max": np.max(value)}
        out.append(row | {"problem": pd.NA})
    ends = [f"{a}_{b}" for a in ("slope", "p", "tau2", "r2") for b in ("min", "max")]
    return pd.DataFrame(out, columns=["covariate", "k", *ends, "problem"])


def shown(frame: pd.DataFrame, decimals: int = 1) -> pd.DataFrame:
    """The table for readers: ranges as text, "16.2 [7.1, 25.6]" or "15.6–16.4 [7.0, 26.1]".

    The limits are the outermost over the vectors. Columns that say nothing are left out.
    """

    def text(r: pd.Series) -> str:
        if pd.isna(r["estimate_min"]):
            return "–"
        low, high, left, right = (
            f"{r[c]:.{decimals}f}"
            for c in ("estimate_min", "estimate_max", "lower_min", "upper_max")
        )
        return f"{low if low == high else f'{low}–{high}'} [{left}, {right}]"

    out = frame.drop(columns=[c for c in RANGES if c in frame])
    out["percent"] = frame.apply(text, axis=1)
    if {"p_min", "p_max"} <= set(out):
        ends = [
            frame[c].map("{:.3f}".format, na_action="ignore").astype("string")
            for c in ("p_min", "p_max")
        ]
        out["p"] = ends[0].where(ends[0] == ends[1], ends[0] + "–" + ends[1])
        out = out.drop(columns=["p_min", "p_max"])
    return out.drop(columns="problem") if out.get("problem", pd.Series([1])).isna().all() else out
