"""What one study, one year or one trait does to the pooled rate, as tables in percent.

Counts and ranges as in `specifications`: one vector (k,) or a whole identified set (m, k) in,
ranges over the vectors out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from . import influence, moderators
from .effectsize import Array, transform
from .method import Method
from .specifications import RANGES, ranges, rates


def without_each(x: ArrayLike, n: ArrayLike, labels: Sequence[str], how: Method) -> pd.DataFrame:
    """Leave-one-out, a row for each one left out: its label, k and the ranges."""
    n = np.asarray(n)
    fit = influence.leave_one_out(*transform(x, n, how.scale), how.tau2_method, how.ci_method)
    rest = n[[np.delete(np.arange(len(n)), i) for i in range(len(n))]]
    found = ranges(_vectors_first(rates(fit, rest, how)))
    return pd.DataFrame({"label": list(labels), "k": fit.k} | found)


def by_year(
    x: ArrayLike, n: ArrayLike, labels: Sequence[str], years: Sequence[object], how: Method
) -> pd.DataFrame:
    """Cumulative pooling, a row for each one added: its label and year, k and the ranges.

    Rows of one year keep their order; rows without a year come last.
    """
    x, n = np.asarray(x), np.asarray(n)
    years = pd.Series(years, dtype="Int64").reset_index(drop=True)
    order = years.sort_values(kind="stable", na_position="last").index
    y, v = transform(x[..., order], n[order], how.scale)
    steps = influence.cumulative(y, v, how.tau2_method, how.ci_method)
    parts = []
    for j in range(len(n)):
        fit = _Limits(*(getattr(steps, f)[..., j] for f in _Limits._fields))
        parts.append(ranges(rates(fit, n[order][: j + 1], how)))
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
    x: ArrayLike, n: ArrayLike, groups: Mapping[str, Sequence[object]], how: Method
) -> pd.DataFrame:
    """Pooled rates of the groups of each moderator, a row each, and the tests between them.

    Parameters
    ----------
    groups : mapping
        Moderator: group of each row. One with a single group, or with missing groups, has no test.

    Returns
    -------
    DataFrame
        moderator, group, k, patients, the ranges, and two between-group tests: p_min, p_max with a
        tau² of its own in each group, common_min, common_max with one tau² for all (regression on
        indicators of the groups; missing where there are as many groups as rows). All missing,
        with a reason in `problem`, where there is no test.
    """
    x, n, out = np.asarray(x), np.asarray(n), []
    for moderator, column in groups.items():
        column = pd.Series(list(column), dtype="string")
        try:
            found = moderators.subgroups(
                *transform(x, n, how.scale), column.tolist(), how.tau2_method, how.ci_method
            )
        except ValueError as error:
            out.append({"moderator": moderator, "problem": str(error)})
            continue
        common = _one_tau2(*transform(x, n, how.scale), column, how)
        for name, part in zip(found.names, found.parts, strict=True):
            rows = (column == name).to_numpy(bool)
            out.append(
                {"moderator": moderator, "group": name, "k": part.k, "patients": n[rows].sum()}
                | ranges(rates(part, n[rows], how))
                | {"p_min": np.min(found.p), "p_max": np.max(found.p)}
                | {"common_min": common.min(), "common_max": common.max(), "problem": pd.NA}
            )
    tests = ["p_min", "p_max", "common_min", "common_max"]
    columns = ["moderator", "group", "k", "patients", *RANGES, *tests, "problem"]
    return pd.DataFrame(out, columns=columns).astype({"k": "Int64", "patients": "Int64"})


def residual_method(how: Method) -> str:
    """Estimator of the residual tau² beside a method: its own where regression has it, or DL."""
    return how.tau2_method if how.tau2_method in moderators.TAU2_METHODS else "DL"


def _one_tau2(y: Array, v: Array, groups: pd.Series, how: Method) -> Array:
    """Between-group p value with one tau²; NaN if there are as many groups as rows."""
    names = sorted(groups.unique())
    if len(names) >= len(groups):
        return np.array(np.nan)
    design = np.column_stack([np.ones(len(groups)), *(groups == name for name in names[1:])])
    fit = moderators.meta_regression(y, v, design, how.ci_method, residual_method(how))
    return np.asarray(fit.qm_p)


def by_regression(
    x: ArrayLike, n: ArrayLike, covariates: Mapping[str, Sequence[object]], how: Method
) -> pd.DataFrame:
    """Meta-regression on one covariate at a time, over the rows that have it.

    Parameters
    ----------
    covariates : mapping
        Name: number of each row (missing where unknown).
    how : Method
        Its scale and ci_method; the residual tau² by its tau2_method where that is REML, else DL.

    Returns
    -------
    DataFrame
        covariate, k, slope_min, slope_max (transformed scale, per unit of the covariate), p_min,
        p_max, tau2_min, tau2_max (residual), r2_min, r2_max, permutation_p (exact; of one vector
        with at most `moderators.MOST_PERMUTED` rows, else missing); `problem` where there is no
        fit.
    """
    x, n = np.asarray(x), np.asarray(n)
    out = [_one_covariate(name, x, n, column, how) for name, column in covariates.items()]
    ends = [f"{a}_{b}" for a in ("slope", "p", "tau2", "r2") for b in ("min", "max")]
    return pd.DataFrame(out, columns=["covariate", "k", *ends, "permutation_p", "problem"])


def _one_covariate(
    name: str, x: Array, n: Array, column: Sequence[object], how: Method
) -> dict[str, object]:
    z = pd.array(list(column), "Float64")
    have = ~pd.isna(z)
    z = z[have].to_numpy(float)
    row = {"covariate": name, "k": int(have.sum()), "problem": pd.NA}
    if len(z) == 0 or np.ptp(z) == 0:
        return row | {"problem": f"{name}: found one value in all rows, expected several"}
    y, v = transform(x[..., have], n[have], how.scale)
    arguments = (
        np.column_stack([np.ones(len(z)), z - z.mean()]),
        how.ci_method,
        residual_method(how),
    )
    try:
        fit = moderators.meta_regression(y, v, *arguments)
    except ValueError as error:
        return row | {"problem": str(error)}
    numbers = {"slope": fit.coefficients[..., 1], "p": fit.p[..., 1], "tau2": fit.tau2}
    for key, value in (numbers | {"r2": fit.r2}).items():
        row |= {f"{key}_min": np.min(value), f"{key}_max": np.max(value)}
    if y.ndim == 1 and len(z) <= moderators.MOST_PERMUTED:
        row["permutation_p"] = moderators.permutation_p(y, v, *arguments)
    return row
