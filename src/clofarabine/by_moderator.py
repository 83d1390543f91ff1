"""Notebook 03: the chosen analysis by the groups and along the covariates that it is asked for."""

from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown

from metaprop import labels, moderators, robustness
from metaprop.effectsize import Array
from metaprop.heterogeneity import heterogeneity
from metaprop.method import Method
from metaprop.plots import moderators as plots
from metaprop.plots.forest import forest

from . import figures, primary, studies
from .sensitivity import Rows, Shown, documented
from .sensitivity.groups import HUGE, fitted

NOT_STATED = "not stated"


def by_moderator(
    endpoint: str,
    population: str,
    method: Method,
    counts: str,
    table: str | Path | None,
    columns: str,
    study_ci: str = "exact",
) -> Shown:
    """A forest plot for each column of words, a regression line for each column of numbers.

    Parameters
    ----------
    columns : str
        Names, separated by commas; without any there is nothing to show. Numbers of which there
        are only two tell groups. Other parameters as in `primary.view`.

    Raises
    ------
    ValueError
        On an unknown value or column, with the valid ones.
    """
    if not columns.strip(" ,"):
        return Shown(())
    rows = documented(endpoint, population, method, counts, table, columns)
    title = primary.heading(endpoint, population, counts, table)
    things, tests = [], []
    for name in rows.moderators:
        column = rows.frame[name]
        number = pd.api.types.is_numeric_dtype(column) and column.nunique() > 2
        thing, p = _slope(rows, name, title) if number else _forest(rows, name, title, study_ci)
        things.append(thing)
        tests += [] if p is None else [p]
    if not tests:
        return Shown(tuple(things), {}, "These columns allow no test.")
    smallest = min(tests)
    facts = {"tests": len(tests), "smallest": smallest, "k": len(rows.n)}
    return Shown(tuple(things), facts | {"adjusted": min(1.0, len(tests) * smallest)})


def _forest(rows: Rows, name: str, title: str, study_ci: str) -> tuple[object, float | None]:
    """Forest plot with a pooled rate for each group; p of the test between the groups."""
    column = rows.frame[name].astype("string")
    have, method = column.notna().to_numpy(bool), rows.method
    if not have.any():
        return Markdown(f"{studies.quoted(name)}: no row has a group."), None
    found = robustness.by_group(rows.x[have], rows.n[have], {name: column[have]}, method)
    if found["problem"].notna().any():
        return Markdown(f"{studies.quoted(name)}: {found['problem'].iloc[0]}."), None
    found, column = found.set_index("group"), column.fillna(NOT_STATED)
    whole = pd.Series(primary.quantities(rows.x, rows.n, method), dtype=float)
    frame = rows.frame.assign(group=column)
    frame = primary.lines(frame, method.scale, whole["tau2"], study_ci)
    order = [*found.index, NOT_STATED]
    frame = frame.sort_values("group", key=lambda c: c.map(order.index), kind="stable")
    ends, (note, p) = whole[["estimate", "lower", "upper"]].to_dict(), _test(found, method)
    figure = forest(
        frame, [{"kind": "pooled", "label": "Pooled, all rows", **ends}], f"{title}, by {name}",
        "patients with the event (percent)", subtitle=labels.words(method), notes=[note],
        subtotals={g: _subtotal(rows, column.eq(g).to_numpy(bool), r) for g, r in found.iterrows()},
    )  # fmt: skip
    sizes = ", ".join(f"{g} {k}" for g, k in column.value_counts().reindex(order).dropna().items())
    caption = (
        f"{title}, by {name}. Rows: {sizes}. {note}. Diamonds: pooled rate of each group by "
        f"itself, and of all rows, with 95% confidence intervals; weights are those of all rows."
    )
    return figures.draw(figure, f"forest_by_{name}", caption), p


def _subtotal(rows: Rows, own: Array, pooled: pd.Series) -> dict[str, object]:
    """A group's line of the forest plot: its pooled rate, and I² where it has several rows."""
    label = f"Pooled, k = {own.sum()}"
    if own.sum() > 1:
        i2 = float(heterogeneity(rows.x[own], rows.n[own], rows.method).i2)
        label += f", I² = {100 * i2:.0f}%"
    ends = {e: pooled[f"{e}_min"] for e in ("estimate", "lower", "upper")}
    return {"kind": "pooled", "label": label, **ends}


def _test(found: pd.DataFrame, method: Method) -> tuple[str, float]:
    """The test between groups in words; its p value with one tau², where that can be had."""
    apart, common = found.iloc[0][["p_max", "common_max"]].astype(float)
    note = f"Test between {len(found)} groups: {primary.probability(apart)}"
    if method.tau2_method == "CE":
        return f"{note} with a common effect in each", apart
    note += " with a tau² in each"
    if np.isnan(common):
        return note, apart
    rule = "" if method.ci_method == "wald" else ", F of Knapp and Hartung"
    return f"{note}; {primary.probability(common)} with one tau²{rule}", common


def _slope(rows: Rows, name: str, title: str) -> tuple[object, float | None]:
    """Bubble plot of a covariate with its regression line; p of its slope."""
    part = fitted(rows, rows.frame[name])
    if part is None:
        need = f"three rows with several values, none beyond {HUGE:g}"
        return Markdown(f"{studies.quoted(name)}: a line takes {need}."), None
    z, y, v, fit = part
    p = float(fit.p[1])
    said = f"Slope {fit.coefficients[1]:.3f} a unit, {primary.probability(p)}"
    if len(z) <= moderators.MOST_PERMUTED:
        design = np.column_stack([np.ones(len(z)), z - z.mean()])
        how = rows.method.ci_method, robustness.residual_method(rows.method)
        exact = moderators.permutation_p(y, v, design, *how)
        said += f", {primary.probability(exact)} by permutation"
    figure = plots.bubbles({name: part}, rows.method.scale, f"{title}, by {name}", rows.unit)
    caption = (
        f"{title}, by {name}: meta-regression on {len(z)} of {len(rows.n)} rows. {said}; slope on "
        "the transformed scale. Bubble: a row's rate, its area by weight; line: fitted rate; grey: "
        "pointwise 95% confidence band."
    )
    return figures.draw(figure, f"regression_on_{name}", caption), p
