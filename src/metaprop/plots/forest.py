"""Forest plots in the layout of the paper's Figure 2."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLACK, BLUE, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure

ROW = 0.19  # inches per line
# Columns of text beside the axes, as fractions of its width.
LABEL, EVENTS, TOTAL, RESULT, WEIGHT = -1.12, -0.28, -0.08, 1.05, 1.76


def _text(ax: Axes, x: float, y: float, text: str, **kw: object) -> None:
    """Text at an axes fraction across and a data position down."""
    ax.text(x, y, text, transform=ax.get_yaxis_transform(), va="center", clip_on=False, **kw)


def _study(ax: Axes, y: float, r: pd.Series, biggest: float) -> None:
    """One row: interval, marker sized by weight, and the numbers on both sides."""
    _text(ax, LABEL, y, str(r["label"]))
    _text(ax, TOTAL, y, f"{int(r['n'])}", ha="right")
    if pd.isna(r["estimate"]):
        _text(ax, EVENTS, y, "?", ha="right", color=GREY)
        ax.plot([0, 100], [y, y], color=LIGHT, lw=5, solid_capstyle="butt", zorder=0)
        _text(ax, RESULT, y, "count not published", color=GREY, style="italic")
        return
    hollow = r["kind"] == "reconstructed"
    colour = ORANGE if hollow else BLUE
    count = f"{int(r['x'])}"
    if hollow and r["x_min"] < r["x_max"]:
        count = f"{int(r['x_min'])}–{int(r['x_max'])}"
        low, high = 100 * r["x_min"] / r["n"], 100 * r["x_max"] / r["n"]
        ax.plot([low, high], [y, y], color=ORANGE, alpha=0.25, lw=7, solid_capstyle="butt")
    _text(ax, EVENTS, y, count, ha="right")
    ax.plot([r["lower"], r["upper"]], [y, y], color=BLACK, lw=0.9, zorder=2)
    size = 3 + 5 * np.sqrt(r["weight"] / biggest)
    ax.plot(
        r["estimate"], y, "s", ms=size, mec=colour, mew=1.2, mfc="white" if hollow else colour,
        zorder=3, clip_on=False,
    )  # fmt: skip
    numbers = f"{r['estimate']:.0f} [{r['lower']:.0f}, {r['upper']:.0f}]"
    _text(ax, RESULT, y, numbers)
    _text(ax, WEIGHT, y, f"{r['weight']:.1f}", ha="right")


def _summary(ax: Axes, y: float, s: dict) -> None:
    """A pooled estimate: diamond over its interval, and the prediction interval as a thin bar."""
    _text(ax, LABEL, y, s["label"], weight="bold")
    if "prediction" in s:
        low, high = s["prediction"]
        ax.plot([low, high], [y, y], color=GREY, lw=1, marker="|", ms=6, zorder=1)
    est, low, high = s["estimate"], s["lower"], s["upper"]
    printed = s.get("printed", False)
    ax.fill(
        [low, est, high, est], [y, y - 0.28, y, y + 0.28], zorder=2, lw=1,
        fc="white" if printed else BLACK, ec=BLACK, ls="--" if printed else "-",
    )  # fmt: skip
    _text(ax, RESULT, y, f"{est:.0f} [{low:.0f}, {high:.0f}]", weight="bold")


def forest(rows: pd.DataFrame, summaries: Sequence[dict], title: str, unit: str) -> Figure:
    """Forest plot of proportions with pooled estimates below.

    Parameters
    ----------
    rows : DataFrame
        One row per line: label, n, x, x_min, x_max, estimate, lower, upper (percent), weight
        (percent), kind ("documented", "reconstructed", "unknown"). A row without an estimate is
        drawn as unknown.
    summaries : sequence of dict
        label, estimate, lower, upper (percent); optional prediction (low, high), printed (True for
        a number taken from the paper: dashed outline).
    title, unit : str
        Title, and label of the axis.
    """
    lines = len(rows) + len(summaries)
    with mpl.rc_context(STYLE):
        height = ROW * (lines + 1.5) + 0.75
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.39, 0.5 / height, 0.34, ROW * (lines + 1.3) / height))
        ax.set(xlim=(0, 100), ylim=(lines - 0.3, -1.6), yticks=[], xlabel=unit)
        ax.spines["left"].set_visible(False)
        biggest = rows["weight"].max()
        heads = ((LABEL, "Study", "left"), (EVENTS, "Events", "right"), (TOTAL, "n", "right"))
        for x, text, align in (
            *heads, (RESULT, "% [95% CI]", "left"), (WEIGHT, "Weight %", "right"),
        ):  # fmt: skip
            _text(ax, x, -0.95, text, ha=align, weight="bold")
        for y, (_, r) in enumerate(rows.iterrows()):
            _study(ax, y, r, biggest)
        ax.axhline(len(rows) - 0.45, color=GREY, lw=0.6, xmin=LABEL, xmax=WEIGHT, clip_on=False)
        for y, s in enumerate(summaries, start=len(rows)):
            _summary(ax, y, s)
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig
