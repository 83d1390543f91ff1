"""The pictures of notebook 04 with their captions; `rows` is what the notebook analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from metaprop import labels
from metaprop.bayes import Posterior
from metaprop.bayes_binomial import BinomialPosterior
from metaprop.effectsize import INVERSES
from metaprop.method import CI_METHODS, MODELS
from metaprop.plots import influence as plots
from metaprop.plots import moderators, specification_curve
from metaprop.plots.style import Picture
from metaprop.specifications import ESTIMATORS, PRIOR_SCALE

from .save import show

if TYPE_CHECKING:
    from ..sensitivity.rows import Rows

_RANGE = "Orange bar: range of the estimate (a hollow square where it is narrow); black: outermost "
_RANGE += "confidence limits."
BUBBLES = (
    "Meta-regression on each covariate. Bubble: a row's transformed rate taken back, its area by "
    "weight; line: fitted rate; grey: pointwise 95% confidence band."
)
TAU = (
    "Posterior density of tau on the arcsine scale under each prior, with the prior itself dashed. "
    "Where the counts are binomial, tau of the log odds is taken to radians at a rate of one fifth."
)
_WORDS = {
    "scale": labels.SCALE,
    "inverse": labels.INVERSE,
    "tau2_method": labels.TAU2_METHOD,
    "ci_method": labels.CI_METHOD,
}
_ORDER = {
    "scale": list(MODELS),
    "inverse": list(INVERSES),
    "tau2_method": list(ESTIMATORS),
    "ci_method": [*CI_METHODS, "credible"],
}


def _published(rows: Rows, text: str) -> str:
    """A sentence of a caption that only a figure with the paper's results has."""
    return f" {text}" if rows.printed else ""


def _marks(frame: pd.DataFrame) -> str:
    """What the marks say of counts that were reconstructed, where there are any."""
    some = frame["kind"].eq("reconstructed").any()
    return " Solid: documented count; hollow: reconstructed." * bool(some)


def _in_words(
    frame: pd.DataFrame, headings: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Columns of the choices under their headings, with values in words, and the order of these."""
    order = {"rows": list(dict.fromkeys(frame["rows"])), **_ORDER}
    out, choices = {}, {}
    for column, heading in headings.items():
        words = _WORDS.get(column, {})
        out[heading] = frame[column].map(lambda v, w=words: w.get(v, v))
        choices[heading] = [words.get(v, v) for v in order[column]]
    return pd.concat([frame.drop(columns=list(headings)), pd.DataFrame(out)], axis=1), choices


def curve(rows: Rows, found: pd.DataFrame, headings: Mapping[str, str]) -> Picture:
    """Specification curve."""
    printed = dict(zip(("published", "its limits", ""), rows.printed.values(), strict=False))
    figure = specification_curve.multiverse(
        *_in_words(found, headings), f"Every specification, {rows.title}", rows.unit, printed
    )
    if rows.one:
        caption = (
            "Specification curve. Dots: pooled rate of each specification, sorted; grey: its 95% "
            "interval; below: the choices that make it. Only rows with a count enter."
        )
    else:
        caption = (
            "Specification curve over every vector of counts that fits the published results. "
            "Orange: range of the pooled rate of each specification, sorted; grey: outermost "
            "limits of its 95% intervals; below: the choices that make it."
        )
    caption += _published(rows, "Dashed: the published primary estimate; dotted: its limits.")
    name = "sensitivity_multiverse" + "_documented" * rows.one
    return show(figure, name, caption)


def strips(rows: Rows, found: pd.DataFrame, headings: Mapping[str, str]) -> Figure:
    """Estimates by each choice."""
    return specification_curve.choice_strips(
        *_in_words(found, headings), f"By choice, {rows.title}", rows.unit,
        rows.printed.get("estimate"),
    )  # fmt: skip


def strips_caption(rows: Rows) -> str:
    """What the strips show."""
    middle = "" if rows.one else " (the middle of its range over the vectors)"
    caption = f"Pooled rate of every specification{middle}, by the value of each choice. Diamond: "
    return caption + "median of a strip." + _published(rows, "Dashed: the published estimate.")


def choices(rows: Rows, listed: pd.DataFrame) -> Picture:
    """One choice changed at a time."""
    lines = {"published": rows.printed["estimate"]} if rows.printed else {}
    title = f"Other choices, {rows.title}"
    caption = (
        "Pooled rate under other choices, over every vector of counts that fits the published "
        f"results. {_RANGE} k: rows pooled."
    )
    caption += _published(rows, "Dashed: the published primary estimate.")
    return show(plots.pooled_list(listed, title, rows.unit, lines), "sensitivity_choices", caption)


def leave_one_out(rows: Rows, listed: pd.DataFrame, base: float) -> Picture:
    """Pooled rates with one row less, and as rows are added."""
    lines = {"all rows": base} if rows.one else {}
    lines |= {"published": rows.printed["estimate"]} if rows.printed else {}
    title = f"One row less, one row more, {rows.title}"
    figure = plots.pooled_list(listed, title, rows.unit, lines, "Row")
    caption = (
        "Pooled rate without each row in turn (upper part) and as rows are added by the year of "
        "their report (lower part; rows without a year last), "
    )
    if rows.one:
        caption += "with 95% confidence intervals. Solid line: all rows. k: rows pooled."
    else:
        caption += f"over every vector of counts that fits the published results. {_RANGE} k: rows "
        caption += "pooled."
    caption += _published(rows, "Dashed: the published primary estimate over all its rows.")
    return show(figure, "sensitivity_leave_one_out" + "_identified" * (not rows.one), caption)


def shrinkage(rows: Rows, lines: pd.DataFrame, whole: pd.DataFrame) -> Picture:
    """What the others make of each study."""
    return show(
        specification_curve.shrinkage(
            lines, whole, f"What the others make of each study, {rows.title}", rows.unit
        ),
        "sensitivity_shrinkage",
        f"Bayesian shrinkage. Marker: each study's own rate.{_marks(lines)} Bar: posterior median, "
        "with its 95% credible interval; the coloured line between them is the shrinkage. Last "
        "column: share of the pooled value in the posterior mean. Diamond: pooled rate; grey bar: "
        "rate of a new study. Half-normal prior of tau on the arcsine scale; n: patients.",
    )


def influence_panel(
    rows: Rows, frame: pd.DataFrame, panels: dict[str, tuple[str, float, Sequence[float]]]
) -> Picture:
    """Influence diagnostics of each row."""
    limits = ", ".join(
        f"{head} {'±' if len(cuts) > 1 else ''}{cuts[-1]:.3g}"
        for head, _, cuts in panels.values()
        if cuts
    )
    return show(
        plots.influence_panel(frame, panels, f"Influence of each row, {rows.title}"),
        "sensitivity_influence",
        "Influence diagnostics of each row: externally standardised residual, DFFITS, Cook's "
        "distance, covariance ratio, tau² without the row, hat value, DFBETAS. Solid line: a row "
        "without influence (τ² of all rows; hat of equal weights). Dashed: the cut-offs of "
        f"Viechtbauer and Cheung (2010) for these rows ({limits}); the others have none. "
        f"Diamond: beyond the cut-off of its panel.{_marks(frame)}",
    )


def baujat(rows: Rows, frame: pd.DataFrame) -> Picture:
    """Misfit against influence."""
    return show(
        plots.baujat(frame, f"Baujat plot, {rows.title}"),
        "sensitivity_baujat",
        "Baujat plot: each row's squared Pearson residual against the squared change of the pooled "
        f"effect when it is left out, over its variance.{_marks(frame)}",
    )


def radial(rows: Rows, frame: pd.DataFrame, slope: float, scale: pd.Series) -> Picture:
    """Standardised effect against precision."""
    return show(
        plots.radial(frame, slope, scale, f"Radial plot, {rows.title}"),
        "sensitivity_radial",
        "Radial (Galbraith) plot with tau² in the standard errors: a row's effect in standard "
        "errors against its precision. Line: pooled effect; grey: two standard errors around it. "
        "A line from the origin through a row meets the right-hand axis at the row's rate in "
        "percent.",
    )


def bubbles(rows: Rows, parts: Mapping[str, tuple]) -> Figure:
    """Meta-regressions on single covariates."""
    return moderators.bubbles(parts, rows.method.scale, f"Covariates, {rows.title}", rows.unit)


def tau(rows: Rows, posteriors: Mapping[str, Posterior | BinomialPosterior]) -> Figure:
    """Posterior of tau."""
    return moderators.tau_density(posteriors, PRIOR_SCALE, f"τ, {rows.title}")


def overview(listed: pd.DataFrame) -> Picture:
    """Both endpoints and populations by family of analyses."""
    title = "Both endpoints, both populations"
    return show(
        plots.pooled_list(
            listed, title, "rate (percent)", {}, "Family of analyses", "specifications"
        ),
        "sensitivity_overview",
        "Pooled rates by family of analyses (every estimator and interval), all rows, over every "
        "vector of counts that fits the published results. Diamond: the published primary estimate "
        f"and interval. {_RANGE}",
    )
