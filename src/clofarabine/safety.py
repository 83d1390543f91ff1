"""Adverse events of Tables 3 and 4: rates by study, pooled and compared.

Every rate, limit and difference that these functions return is in percent. A cell that a study did
not report stays missing; a printed bound ("> 30" of 38) stands for all the counts it allows.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr
from statsmodels.stats.multitest import multipletests

from metaprop import likelihood
from metaprop.effectsize import choose, interval
from metaprop.method import Method
from metaprop.pooling import DEFAULT, pool_proportions

from .tables import store

# The paper's designs in the three groups that the comparison uses.
GROUPS = {
    "clinical trial": "clinical study",
    "registry": "registry or survey",
    "post-marketing survey": "registry or survey",
    "retrospective": "retrospective",
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

    i2 is missing, for which the binomial-normal model has no counterpart.
    """
    fit = likelihood.glmm(x, n)
    low, high = fit.prediction()
    ends = {"prediction_lower": low, "prediction_upper": high}
    out = {"estimate": fit.estimate, "lower": fit.lower, "upper": fit.upper, **ends}
    return {c: 100 * expit(a) for c, a in out.items()} | {"i2": np.full_like(fit.se, np.nan)}


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
        (percent; missing for the GLMM). All events by the first model come before the second.

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


def compare(
    table: pd.DataFrame,
    by: str,
    first: str,
    second: str,
    method: Method = DEFAULT,
) -> pd.DataFrame:
    """Pooled rates of two kinds of study, event by event, each with its own tau².

    Only counts enter; a bound does not. An event is compared where at least two studies of each
    kind give a count: with one, the spread between studies of its kind is unknown.

    Parameters
    ----------
    table : DataFrame
        As `cells` gives it.
    by : str
        Column that tells the kinds apart: "group", "design" or "regimen".
    first, second : str
        The two kinds.
    method : Method
        Its scale is a transformation.

    Returns
    -------
    DataFrame
        by, first_kind, second_kind, table, event, k_first, n_first, k_second, n_second, first,
        second (percent), z and p of second against first on the transformed scale, p_holm (Holm
        1979, over the events compared); missing where not compared.

    Raises
    ------
    ValueError
        If a kind is not among those of the column.
    """
    choose("by", by, ("group", "design", "regimen"))
    kinds = tuple(sorted(table[by].unique()))
    for name, kind in (("first", first), ("second", second)):
        choose(name, kind, kinds)
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
        row |= dict.fromkeys(("first", "second", "z", "p"), np.nan)
        if len(fits) == 2:
            a, b = fits
            shift = b.fit.estimate - a.fit.estimate
            z = float(shift / np.hypot(a.fit.se, b.fit.se))
            row |= {"first": 100 * float(a.estimate), "second": 100 * float(b.estimate)}
            row |= {"z": z, "p": 2 * float(ndtr(-abs(z)))}
        rows.append(row)
    out = pd.DataFrame(rows)
    out["p_holm"] = np.nan
    done = out["p"].notna()
    if done.any():
        out.loc[done, "p_holm"] = multipletests(out.loc[done, "p"], method="holm")[1]
    return out


def reporting(table: pd.DataFrame) -> pd.DataFrame:
    """How much of each table a study reports: table, study, group, regimen, reported, events."""
    known = table.assign(reported=table["kind"] != "missing")
    out = known.groupby(["table", "study", "group", "regimen"], sort=False)["reported"]
    return out.agg(reported="sum", events="size").reset_index()
