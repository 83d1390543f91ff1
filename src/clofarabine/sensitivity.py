"""What one study, one year or one trait does to the pooled rate, as tables in percent.

Counts and ranges as in `multiverse`: one vector (k,) or a whole identified set (m, k) in, ranges
over the vectors out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from metaprop import influence, moderators
from metaprop.effectsize import Array, transform
from metaprop.method import MODELS, Method
from metaprop.specifications import (
    BATCHED,
    RANGES,
    merged,
    over_rows,
    ranges,
    rates,
    specifications,
)

from . import studies


def without_each(x: ArrayLike, n: ArrayLike, labels: Sequence[str], how: Method) -> pd.DataFrame:
    """Leave-one-out: label (of the row left out), k and the ranges."""
    n = np.asarray(n)
    fit = influence.leave_one_out(*transform(x, n, how.scale), how.tau2_method, how.ci_method)
    rest = n[[np.delete(np.arange(len(n)), i) for i in range(len(n))]]
    found = ranges(_vectors_first(rates(fit, rest, how)))
    return pd.DataFrame({"label": list(labels), "k": fit.k} | found)


def by_year(
    x: ArrayLike, n: ArrayLike, labels: Sequence[str], years: Sequence[object], how: Method
) -> pd.DataFrame:
    """Cumulative: label and year of the row added, k and the ranges.

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
    """Subgroups of several moderators.

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
        common = _one_tau2(*transform(x, n, how.scale), column, how.ci_method)
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


def _one_tau2(y: Array, v: Array, groups: pd.Series, ci_method: str) -> Array:
    """Between-group p value with one tau²; NaN if there are as many groups as rows."""
    names = sorted(groups.unique())
    if len(names) >= len(groups):
        return np.array(np.nan)
    design = np.column_stack([np.ones(len(groups)), *(groups == name for name in names[1:])])
    return np.asarray(moderators.meta_regression(y, v, design, ci_method).qm_p)


def by_regression(
    x: ArrayLike,
    n: ArrayLike,
    covariates: Mapping[str, Sequence[object]],
    model: str = "PAS",
    ci_method: str = "wald",
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
                y, v, np.column_stack([np.ones(len(z)), z - z.mean()]), ci_method
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
    for name, title in (("p", "p"), ("common", "p, one tau²")):
        if f"{name}_min" not in out:
            continue
        ends = [
            frame[f"{name}_{end}"].map("{:.3f}".format, na_action="ignore").astype("string")
            for end in ("min", "max")
        ]
        out[title] = ends[0].where(ends[0] == ends[1], ends[0] + "–" + ends[1])
        out = out.drop(columns=[f"{name}_min", f"{name}_max"])
    return out.drop(columns="problem") if out.get("problem", pd.Series([1])).isna().all() else out


def choices_of_rows(frame: pd.DataFrame) -> dict[str, Array]:
    """Which rows to pool, as `over_rows` takes it: all, the larger, one regimen, studies merged.

    Parameters
    ----------
    frame : DataFrame
        n, regimen and study of each row, as `studies.load` gives them.
    """
    n = frame["n"].to_numpy(int)
    return {
        "all rows": n > 0,
        "n >= 5": n >= 5,
        "monotherapy only": frame["regimen"].eq("monotherapy").fillna(False).to_numpy(bool),
        "studies merged": merged(frame["study"]),
    }


def everywhere() -> pd.DataFrame:
    """Every specification of the paper's pooled rates, for both endpoints and populations.

    Returns
    -------
    DataFrame
        endpoint, population, counts ("documented": the rows with a documented count;
        "reconstructed": ranges over the identified set, without the Bayesian models), vectors, and
        the columns of `over_rows`. No adult row has a documented count, so that the documented
        rows are paediatric.
    """
    parts = []
    for endpoint in studies.ENDPOINTS:
        for population in studies.POPULATIONS:
            frame = studies.load(endpoint, population)
            _, x, n = studies.identified(endpoint, population)
            sets = {"reconstructed": (frame, np.unique(x, axis=0), n, BATCHED)}
            if population == "paediatric":
                known = frame.dropna(subset="x")
                single = (known["x"].to_numpy(int), known["n"].to_numpy(int))
                sets = {"documented": (known, *single, MODELS)} | sets
            for counts, (table, x, n, models) in sets.items():
                found = over_rows(x, n, choices_of_rows(table), specifications(models))
                front = (endpoint, population, counts, len(np.atleast_2d(x)))
                names = ("endpoint", "population", "counts", "vectors")
                parts.append(found.assign(**dict(zip(names, front, strict=True))))
    frame = pd.concat(parts, ignore_index=True)
    return frame[[*frame.columns[-4:], *frame.columns[:-4]]]
