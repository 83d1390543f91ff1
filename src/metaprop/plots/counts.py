"""Pictures of the identified set."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLACK, BLUE, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure


def strips(table: pd.DataFrame, xlabel: str, title: str, right: str) -> Figure:
    """One strip a row: each possible value a square, darker the more vectors have it.

    Parameters
    ----------
    table : DataFrame
        label, value (missing where there is none), vectors; optional mark (a documented or
        published value, a diamond).
    xlabel, title, right : str
        Axis, title, and head of the column of vector counts on the right.
    """
    labels = list(dict.fromkeys(table["label"]))
    height = 0.24 * len(labels) + 0.85
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.33, 0.5 / height, 0.53, (0.24 * len(labels)) / height))
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
        for y, label in enumerate(labels):
            _strip(ax, y, table[table["label"] == label])
        ax.set(yticks=range(len(labels)), ylim=(len(labels) - 0.4, -0.6), xlabel=xlabel)
        ax.set_yticklabels(labels)
        ax.tick_params(left=False)
        ax.text(1.02, -0.75, right, transform=ax.get_yaxis_transform(), weight="bold", va="center")
    return fig


def _strip(ax: Axes, y: int, part: pd.DataFrame) -> None:
    total = part["vectors"].sum()
    mark = part["mark"].dropna() if "mark" in part else []
    part = part.dropna(subset="value")
    share = part["vectors"] / part["vectors"].max()
    for value, s in zip(part["value"], share, strict=True):
        shade = mpl.colors.to_hex(
            np.array([0.86, 0.91, 0.95]) * (1 - s) + np.array([0, 0.27, 0.55]) * s
        )
        ax.plot([value - 0.5, value + 0.5], [y, y], color=shade, lw=9, solid_capstyle="butt")
    if len(mark):
        ax.plot(mark.iloc[0], y, "D", ms=5, mec=BLACK, mfc="white", mew=1.1, zorder=4)
    ax.text(1.02, y, f"{total:,}", transform=ax.get_yaxis_transform(), va="center")


def intervals(table: pd.DataFrame, xlabel: str, title: str) -> Figure:
    """Ranges over the set against printed values, one line a quantity.

    Parameters
    ----------
    table : DataFrame
        label, min, max, low, high: what the printed value stands for, missing where none is.
    """
    height = 0.26 * len(table) + 0.85
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.42, 0.5 / height, 0.55, 0.26 * len(table) / height))
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
        for y, r in enumerate(table.itertuples()):
            if pd.notna(r.low):
                ax.plot([r.low, r.high], [y, y], color=LIGHT, lw=11, solid_capstyle="butt")
                ax.plot([(r.low + r.high) / 2] * 2, [y - 0.3, y + 0.3], color=BLACK, lw=1)
            ax.plot([r.min, r.max], [y, y], color=ORANGE, lw=3.5, solid_capstyle="butt")
            ax.plot([r.min, r.max], [y, y], "|", color=ORANGE, ms=7)
        ax.set(ylim=(len(table) - 0.4, -0.6), xlabel=xlabel, yticks=range(len(table)))
        ax.set_yticklabels(table["label"])
        ax.tick_params(left=False)
    return fig


def count_spans(table: pd.DataFrame, title: str) -> Figure:
    """Range of each count as a rate: given counts solid, exact ranges closed, bounds open.

    Parameters
    ----------
    table : DataFrame
        label, n, x_min, x_max, certified ("exact" or "outer bound").
    title : str
    """
    height = 0.24 * len(table) + 1.0
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.3, 0.5 / height, 0.5, 0.24 * len(table) / height))
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
        for y, r in enumerate(table.itertuples()):
            low, high = 100 * r.x_min / r.n, 100 * r.x_max / r.n
            colour = ORANGE if r.certified == "exact" else GREY
            if r.x_min == r.x_max:
                ax.plot(low, y, "o", color=BLUE, ms=4)
            else:
                ax.plot([low, high], [y, y], color=colour, lw=3, solid_capstyle="butt")
            text = f"{r.x_min}" if r.x_min == r.x_max else f"{r.x_min} to {r.x_max}"
            ax.text(1.02, y, f"{text} of {r.n}", transform=ax.get_yaxis_transform(), va="center")
        ax.set(xlim=(-2, 102), ylim=(len(table) - 0.4, -0.6), xlabel="rate (percent)")
        ax.set_yticks(range(len(table)), list(table["label"]))
        ax.tick_params(left=False)
        marks = [
            mpl.lines.Line2D([], [], marker="o", color=BLUE, ls="", label="one count"),
            mpl.lines.Line2D([], [], color=ORANGE, lw=3, label="exact range"),
            mpl.lines.Line2D([], [], color=GREY, lw=3, label="outer bound"),
        ]
        fig.legend(handles=marks, loc="upper right", ncol=3)
    return fig


def together(
    labels: Sequence[str], values: Sequence[Sequence[int]], mark: object = pd.NA
) -> pd.DataFrame:
    """Values of each label counted, in the form `strips` takes; mark on the last label."""
    frames = []
    for label, x in zip(labels, values, strict=True):
        value, vectors = np.unique(np.asarray(x), return_counts=True)
        frames.append(
            pd.DataFrame({"label": label, "value": value, "vectors": vectors, "mark": mark})
        )
    return pd.concat(frames, ignore_index=True)
