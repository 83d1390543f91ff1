"""Tables and figures of notebook 06, with their captions."""

import pandas as pd

from metaprop.labels import words
from metaprop.method import Method
from metaprop.plots.style import Picture

from . import figures, safety
from .audit.rules_safety import agreement
from .safety_facts import first_model, second_model
from .show import DASH, Table, table

PREDICTION = "95% prediction interval: estimate ± t (k − 2 degrees of freedom) × √(tau² + SE²)"

_KEYS = ["table", "event", "study"]
_NOT_REPORTED = f"{DASH}: not reported, which is not zero"
_PARTS = ("estimate_min", "estimate_max", "lower", "upper", "prediction_lower", "prediction_upper")


def _with_interval(low: float, high: float, lower: float, upper: float) -> str:
    """Rate and interval of a cell, such as "46 [28, 64]", or a dash."""
    if pd.isna(low):
        return DASH
    rate = f"{low:.0f}" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f}–{high:.0f}"
    return f"{rate} [{lower:.0f}, {upper:.0f}]"


def heatmap(cells: pd.DataFrame) -> Picture:
    """Table 4 as a heat map, saved."""
    fourth = cells[cells["table"] == 4]
    empty = (fourth["kind"] == "missing").sum()
    return figures.show(
        figures.event_heatmap(fourth, "Grade 3–4 events by study (Table 4)"),
        "safety_heatmap",
        f"Grade 3-4 adverse events in {fourth['study'].nunique()} studies. Number in a cell: "
        "patients with the event; the darker, the larger the share of the N patients of the study "
        "(percent). Hatched: not reported by the study, which is not zero "
        f"({empty} of {len(fourth)} cells).",
    )


def reporting(cells: pd.DataFrame) -> Table:
    """Cells of Table 4 that are filled, by design."""
    found = safety.reporting(cells[cells["table"] == 4]).rename(columns={"group": "design"})
    by = found.groupby("design", sort=False)
    share = by.agg(studies=("study", "size"), cells=("events", "sum"), filled=("reported", "sum"))
    share["filled, %"] = 100 * share["filled"] / share["cells"]
    return table(share, caption="Cells of Table 4 that a study fills, by design", decimals=0)


def cell_limits(cells: pd.DataFrame, limits: pd.DataFrame, k: int) -> Table:
    """Table k of the paper as percentages with their exact intervals."""
    shown = limits[limits["table"] == k]
    ends = shown[["exact_lower", "exact_upper"]].itertuples(index=False)
    bounds = (100 * (shown["x_min"] - 1) / shown["n"]).map("> {:.0f}".format)
    rate = shown["rate"].map("{:.0f}".format, na_action="ignore").fillna(bounds)
    text = [f"{r} [{low:.0f}, {high:.0f}]" for r, (low, high) in zip(rate, ends, strict=True)]
    grid = shown.assign(text=text).pivot(index="study", columns="event", values="text")
    order = cells[cells["table"] == k]
    grid = grid.reindex(index=order["study"].unique(), columns=order["event"].unique())
    caption = f"Table {k}: percent of patients [95% exact interval]; {_NOT_REPORTED}"
    return table(grid, {"Mucositis/Mucosal inflammation": "Mucositis"}, caption)


def pooled_table(pooled: pd.DataFrame, method: Method) -> Table:
    """Pooled rate of each event by both models, with confidence and prediction intervals."""
    transformed = pooled[pooled["model"] != "GLMM"].reset_index(drop=True)
    glmm = pooled[pooled["model"] == "GLMM"].reset_index(drop=True)
    frame = transformed[["event", "k", "n"]].copy()
    frame["event"] += transformed["bound"].map({"left out": ", bound left out"}).fillna("")
    for name, part in (("", transformed), ("GLMM ", glmm)):
        intervals = part[list(_PARTS[:4])].itertuples(index=False)
        frame[f"{name}rate, % [95% CI]"] = [_with_interval(*r) for r in intervals]
        ends = part[list(_PARTS[4:])].itertuples(index=False)
        frame[f"{name}prediction, %"] = [
            DASH if pd.isna(low) else f"{low:.0f} to {high:.0f}" for low, high in ends
        ]
    frame.insert(5, "I², %", transformed["i2_max"])
    caption = f"Pooled rates by {words(method)}, and by the GLMM. {PREDICTION}; {DASH}: none"
    return table(frame, {"k": "studies", "n": "patients"}, caption, decimals=0)


def rates(cells: pd.DataFrame, limits: pd.DataFrame, pooled: pd.DataFrame) -> Picture:
    """Pooled rate of each event by both models over the rates of the single studies, saved."""
    lines = first_model(pooled).set_index("event")
    glmm = second_model(pooled).set_index("event")[list(_PARTS)].add_prefix("glmm_")
    lines = lines.join(glmm).reset_index()
    single = limits[limits["kind"] == "count"].merge(cells[[*_KEYS, "group"]], on=_KEYS)
    return figures.show(
        figures.event_rates(lines, single, "Pooled rates of the events of Tables 3 and 4"),
        "safety_pooled",
        _rates_caption(lines),
    )


def _rates_caption(lines: pd.DataFrame) -> str:
    ranged = lines.loc[lines["bound"] != "none", "event"].tolist()
    none = lines["prediction_lower"].isna().sum()
    return (
        f"Pooled rates in percent of patients. Events pooled: {len(lines)}, each reported by "
        f"{lines['k'].min()} or more studies. Diamond and thick bar: estimate and 95% confidence "
        "interval, above by the transformation, below by the binomial-normal GLMM (rate of the "
        f"median study). Thin bars: {PREDICTION}"
        + f"; by the transformation none for {none} of {len(lines)} events" * bool(none)
        + ". Small hollow marks: single studies, by design. k studies, n patients."
        + f" A range, because a study prints a bound: {', '.join(ranged)}." * bool(ranged)
    )


def comparisons(compared: pd.DataFrame, by: str) -> Table:
    """The comparisons under one question that could be made, by event."""
    done = compared[compared["by"] == by].dropna(subset="p")
    first, second = safety.QUESTIONS[by]
    frame = done[["event", "k_first", "first", "k_second", "second", "t"]].copy()
    frame["df"] = done["df"].map("{:.1f}".format)
    frame[["p", "p_holm"]] = done[["p", "p_holm"]].map("{:.3f}".format)
    headings = {"k_first": f"studies, {first}", "first": "rate, %", "p_holm": "p, Holm"}
    headings |= {"k_second": f"studies, {second}", "second": "rate, %"}
    caption = f"{second.capitalize()} against {first}: pooled rates, t by Hartung-Knapp"
    return table(frame, headings, caption)


def disagreements(text: pd.DataFrame) -> Table:
    """The numbers of the Safety paragraph that a reading of the tables does not give."""
    wrong = text.loc[text["agrees"] != "True", ["rule", "printed", "recomputed"]]
    caption = "Readings under which the text does not agree with the tables"
    return table(wrong, {"rule": "reading"}, caption)


def orders(ranks: pd.DataFrame) -> Table:
    """Rank of each event in the text, in the abstract and by each criterion."""
    caption = "Rank of each event: as printed, and by each criterion (1: most frequent)"
    return table(ranks, caption=caption)


def order_fit(ranks: pd.DataFrame) -> Table:
    """How well each criterion gives the printed orders."""
    fit = agreement(ranks).sort_values("kendall_text", ascending=False)
    headings = {"kendall_text": "Kendall's tau, text", "top_abstract": "of the abstract's, first"}
    return table(fit, headings, "Each criterion against the printed orders", decimals=2)
