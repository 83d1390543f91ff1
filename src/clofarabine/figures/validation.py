"""The picture of notebook 08: what a printed result tells, by its decimals and what is hidden."""

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from metaprop.plots.style import BLACK, GREY, PAGE, STYLE, Picture, new_figure

from .save import show

# Told apart without colour: by marker, filling and line.
_MARKS = (("o", BLACK, "-"), ("s", GREY, "--"), ("^", "white", ":"))
CAPTION = (
    "What a printed pooled proportion tells. {trials} trials: {sets} data sets, {printers} methods "
    "that printed. Left: methods left beside the true one, of {others}. Right: width of the "
    "range of a hidden count, percent of 0 to n (median over a trial's hidden rows). Mark: median "
    "over trials; bar: quartiles; a line joins the trials with one share of hidden counts."
)


def told(found: pd.DataFrame, caption: str) -> Picture:
    """Methods left and widths of the ranges of hidden counts, by decimals and share hidden.

    Parameters
    ----------
    found : DataFrame
        As validation_trials.csv.
    caption : str
        With its numbers filled in.
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 2.9)
        left, right = fig.subplots(1, 2)
        fig.subplots_adjust(left=0.08, right=0.99, top=0.9, bottom=0.3, wspace=0.22)
        _panel(left, found, "others", "Other methods left", "methods")
        _panel(right, found, "width", "Range of a hidden count", "width, percent of 0 to n")
        left.set_ylim(bottom=-0.5)
        left.yaxis.set_major_locator(MaxNLocator(integer=True))
        right.set_ylim(bottom=-2)
        handles, names = left.get_legend_handles_labels()
        fig.legend(handles, names, loc="lower center", ncols=3, title="share of counts hidden")
    return show(fig, "validation_told", caption)


def _panel(ax: Axes, found: pd.DataFrame, column: str, title: str, unit: str) -> None:
    decimals = sorted(found["decimals"].unique())
    for i, ((hidden, part), mark) in enumerate(zip(found.groupby("hidden"), _MARKS, strict=False)):
        marker, fill, line = mark
        quartiles = part.groupby("decimals")[column].quantile([0.25, 0.5, 0.75]).unstack()
        low, middle, high = (quartiles[q].to_numpy(float) for q in (0.25, 0.5, 0.75))
        at = [d + 0.12 * (i - 1) for d in quartiles.index]
        ax.errorbar(
            at, middle, yerr=[middle - low, high - middle], fmt=marker, ls=line, color=BLACK,
            mfc=fill, mec=BLACK, ms=5, lw=1, elinewidth=0.8, capsize=2,
            label=f"{100 * hidden:.0f}%",
        )  # fmt: skip
    ax.set(xticks=decimals, xlabel="decimals of the printed percentages", ylabel=unit, title=title)
