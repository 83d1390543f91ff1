"""Adverse events of Tables 3 and 4: rates by study, pooled and compared.

`safety_facts` and `safety_shown` bring them into notebook 06. Every rate and limit that these
functions return is in percent. A cell that a study did not report stays missing; a printed bound
("> 30" of 38) stands for all the counts it allows.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit, stdtr
from statsmodels.stats.multitest import multipletests

from metaprop import likelihood
from metaprop.effectsize import choose, interval
from metaprop.method import Method
from metaprop.pooling import DEFAULT, Pooled, pool_proportions

from .tables import store

# The paper's designs in the three groups that the comparison uses.
GROUPS = {
    "clinical trial": "clinical study",
    "registry": "registry or survey",
    "post-marketing survey": "registry or survey",
    "retrospective": "retrospective",
}
# What tells two kinds of study apart (a column of `cells`), and the two kinds compared.
QUESTIONS = {
    "group": ("clinical study", "registry or survey"),
    "regimen": ("monotherapy", "monotherapy or combination"),
}


def cells() -> pd.DataFrame:
    """Every cell of Tables 3 and 4, one row each, studies in the order of the tables.

    Returns
    -------
    DataFrame
        table (3, 4), event, study, n (patients), x (count; missing where it is none), x_min and
        x_max (counts the cell allows; missing where not reported), kind ("count", "bound",
        "missing"), and design, group, regimen of the study.
    """
    studies = store.load("table1_studies").set_index("study")
    parts = []
    for k in (3, 4):
        part = store.load(f"table{k}_events").rename(columns={"n": "x"})
        part.insert(0, "table", k)
        sizes = store.load(f"table{k}_studies").set_index("study")["n"]
        part["n"] = part["study"].map(sizes)
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    bound = frame["relation"].eq(">").fillna(False)
    frame["kind"] = np.select([frame["x"].isna(), bound], ["missing", "bound"], "count")
    frame["x_min"] = frame["x"].mask(bound, frame["x"] + 1)  # "> 30" starts at 31
    frame["x_max"] = frame["x"].mask(bound, frame["n"])
    frame["x"] = frame["x"].mask(bound)
    for column in ("design", "regimen"):
        frame[column] = frame["study"].map(studies[column])
    frame["group"] = frame["design"].map(GROUPS)
    order = ["table", "event", "study", "n", "x", "x_min", "x_max", "kind"]
    return frame[[*order, "design", "group", "regimen"]]


def intervals(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Exact and Wilson limits of every reported cell.

    Parameters
    ----------
    table : DataFrame
        As `cells` gives it.

    Returns
    -------
    DataFrame
        table, event, study, n, x, x_min, x_max, kind, rate (percent; missing for a bound),
        exact_lower, exact_upper (Clopper & Pearson 1934), wilson_lower, wilson_upper (Wilson
        1927), percent. For a bound: lower limit of its smallest count, upper limit of its largest.
    """
    found = table[table["kind"] != "missing"].reset_index(drop=True)
    found = found[["table", "event", "study", "n", "x", "x_min", "x_max", "kind"]].copy()
    found["rate"] = 100 * found["x"].astype("Float64") / found["n"]
    n = found["n"].to_numpy(float)
    for method in ("exact", "wilson"):
        found[f"{method}_lower"] = 100 * interval(found["x_min"], n, method, level)[0]
        found[f"{method}_upper"] = 100 * interval(found["x_max"], n, method, level)[1]
    return found


def allowed(part: pd.DataFrame) -> np.ndarray:
    """Every vector of counts that reported cells allow, shape (vectors, k)."""
    ranges = [range(int(a), int(b) + 1) for a, b in zip(part["x_min"], part["x_max"], strict=True)]
    return np.array(list(product(*ranges)))


def _reporting(table: pd.DataFrame, min_studies: int) -> list[tuple[int, str, pd.DataFrame]]:
    """Events that enough studies report, with the cells that hold something."""
    events = [
        (k, event, part[part["kind"] != "missing"])
        for (k, event), part in table.groupby(["table", "event"], sort=False)
    ]
    most = max(len(part) for _, _, part in events)
    if min_studies not in range(1, most + 1):
        expected = f"expected a whole number from 1 to {most}, the most that report one event"
        raise ValueError(f"min_studies: found {min_studies!r}, {expected}")
    return [e for e in events if len(e[2]) >= min_studies]


def _percent(x: np.ndarray, n: np.ndarray, method: Method) -> dict[str, np.ndarray]:
    """Pooled rate and limits of each vector of counts, (vectors, k) in, (vectors,) out, percent.

    estimate, lower, upper, prediction_lower, prediction_upper (missing where there is none), i2.
    """
    found = pool_proportions(x, n, method)
    codes = ("estimate", "lower", "upper", "pi_lower", "pi_upper")
    out = {c.replace("pi_", "prediction_"): 100 * getattr(found, c) for c in codes}
    return out | {"i2": 100 * found.fit.i2}


def _percent_glmm(x: np.ndarray, n: np.ndarray) -> dict[str, np.ndarray]:
    """As `_percent` without a transformation: the estimate is the rate of the median study.

    i2 is missing, for which the binomial-normal model has no counterpart. All are missing where
    every study has no event or only events, for which the likelihood has no finite maximum.
    """
    codes = ("estimate", "lower", "upper", "prediction_lower", "prediction_upper")
    missing = np.full(x.shape[:-1], np.nan)
    if ((x == 0) | (x == n)).all(-1).any():
        return dict.fromkeys((*codes, "i2"), missing)
    fit = likelihood.glmm(x, n)
    found = (fit.estimate, fit.lower, fit.upper, *fit.prediction())
    return {c: 100 * expit(a) for c, a in zip(codes, found, strict=True)} | {"i2": missing}


def pooled(
    table: pd.DataFrame,
    min_studies: int = 3,
    method: Method = DEFAULT,
) -> pd.DataFrame:
    """Pooled rate of every event that enough studies report, by two models.

    The first is the transformation asked for, the second the binomial-normal GLMM. An event with a
    bound among its cells has two rows: over every count the bound allows, where the estimate is a
    range and the limits are the outermost ones, and without that study.

    Parameters
    ----------
    table : DataFrame
        As `cells` gives it.
    min_studies : int
        Events that fewer studies report are left out.
    method : Method
        Its scale is a transformation.

    Returns
    -------
    DataFrame
        table, event, model, bound ("none", "all its counts", "left out"), k, n, estimate_min,
        estimate_max, lower, upper, prediction_lower, prediction_upper (percent), i2_min, i2_max
        (percent; missing for the GLMM). Prediction limits are those of t with k - 2 degrees of
        freedom, missing under CE and with fewer than three studies. All events by the first model
        come before the second.

    Raises
    ------
    ValueError
        If min_studies is no whole number or leaves no event, or a method is unknown.
    """
    rows = []
    for k, event, part in _reporting(table, min_studies):
        counts = part[part["kind"] == "count"]
        bounded = len(counts) < len(part)
        variants = [("all its counts" if bounded else "none", part)]
        if bounded and len(counts) >= min_studies:
            variants.append(("left out", counts))
        for bound, used in variants:
            n = used["n"].to_numpy(float)
            x = allowed(used)
            fits = {
                f"{method.scale} {method.tau2_method}": _percent(x, n, method),
                "GLMM": _percent_glmm(x, n),
            }
            about = {"k": len(used), "n": int(n.sum())}
            for model, fit in fits.items():
                key = {"table": k, "event": event, "model": model, "bound": bound}
                rows.append(key | about | _hull(fit))
    frame = pd.DataFrame(rows)
    return frame.sort_values("model", key=lambda m: m == "GLMM", kind="stable", ignore_index=True)


def _hull(fit: dict[str, np.ndarray]) -> dict[str, float]:
    """Range of the estimate and outermost limits over vectors of counts."""
    return {
        "estimate_min": fit["estimate"].min(),
        "estimate_max": fit["estimate"].max(),
        "lower": fit["lower"].min(),
        "upper": fit["upper"].max(),
        "prediction_lower": fit["prediction_lower"].min(),
        "prediction_upper": fit["prediction_upper"].max(),
        "i2_min": fit["i2"].min(),
        "i2_max": fit["i2"].max(),
    }


def difference(first: Pooled, second: Pooled) -> tuple[float, float, float]:
    """t, degrees of freedom and two-sided p of the second pooled effect against the first.

    t is the difference over the root of the sum of both squared standard errors; the degrees of
    freedom are those of Welch (1947) and Satterthwaite (1946) from k - 1 of each. The standard
    errors should be of Hartung & Knapp, which have k - 1.
    """
    parts = [(float(f.se) ** 2, f.k - 1) for f in (first, second)]
    variance = sum(v for v, _ in parts)
    df = variance**2 / sum(v**2 / free for v, free in parts)
    t = float(second.estimate - first.estimate) / variance**0.5
    return t, df, 2 * float(stdtr(df, -abs(t)))


def compare(
    table: pd.DataFrame,
    by: str,
    first: str,
    second: str,
    method: Method = DEFAULT,
) -> pd.DataFrame:
    """Pooled rates of two kinds of study, event by event, each with its own tau².

    Only counts enter; a bound does not. An event is compared where at least two studies of each
    kind give a count: with one, the spread between studies of its kind is unknown. Whatever the
    interval of the method, the standard errors are those of Hartung & Knapp, never narrower than
    Wald's: a normal test on a handful of studies raises far too many false alarms.

    Parameters
    ----------
    table : DataFrame
        As `cells` gives it.
    by : str
        Column that tells the kinds apart: "group", "design" or "regimen".
    first, second : str
        The two kinds.
    method : Method
        Its scale is a transformation; its confidence interval is not used.

    Returns
    -------
    DataFrame
        by, first_kind, second_kind, table, event, k_first, n_first, k_second, n_second, then first,
        second (percent), t, df and p of `difference` on the transformed scale; these are missing
        where not compared.

    Raises
    ------
    ValueError
        If a kind is not among those of the column.
    """
    choose("by", by, ("group", "design", "regimen"))
    kinds = tuple(sorted(table[by].unique()))
    for name, kind in (("first", first), ("second", second)):
        choose(name, kind, kinds)
    method = replace(method, ci_method="hartung-knapp-adhoc")
    rows = []
    for (k, event), part in table.groupby(["table", "event"], sort=False):
        row = {"by": by, "first_kind": first, "second_kind": second, "table": k, "event": event}
        fits = []
        for name, kind in (("first", first), ("second", second)):
            used = part[(part["kind"] == "count") & (part[by] == kind)]
            row |= {f"k_{name}": len(used), f"n_{name}": int(used["n"].sum())}
            if len(used) > 1:
                x, n = (used[c].to_numpy(float) for c in ("x", "n"))
                fits.append(pool_proportions(x, n, method))
        row |= dict.fromkeys(("first", "second", "t", "df", "p"), np.nan)
        if len(fits) == 2:
            a, b = fits
            row |= {"first": 100 * float(a.estimate), "second": 100 * float(b.estimate)}
            row |= zip(("t", "df", "p"), difference(a.fit, b.fit), strict=True)
        rows.append(row)
    return pd.DataFrame(rows)


def comparisons(table: pd.DataFrame, method: Method = DEFAULT) -> pd.DataFrame:
    """Every comparison of `QUESTIONS`, with p_holm: adjusted for all of them (Holm 1979).

    Returns
    -------
    DataFrame
        Rows of `compare`, one question after the other, and p_holm; missing where not compared.
    """
    parts = [compare(table, by, *kinds, method) for by, kinds in QUESTIONS.items()]
    out = pd.concat(parts, ignore_index=True).assign(p_holm=np.nan)
    done = out["p"].notna()
    if done.any():
        out.loc[done, "p_holm"] = multipletests(out.loc[done, "p"], method="holm")[1]
    return out


def reporting(table: pd.DataFrame) -> pd.DataFrame:
    """How much of each table a study reports: table, study, group, regimen, reported, events."""
    known = table.assign(reported=table["kind"] != "missing")
    out = known.groupby(["table", "study", "group", "regimen"], sort=False)["reported"]
    return out.agg(reported="sum", events="size").reset_index()
