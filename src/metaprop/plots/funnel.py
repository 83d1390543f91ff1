"""Pictures of small-study effects."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLACK, BLUE, GREEN, GREY, KINDS, ORANGE, PAGE, STYLE, new_figure

# From the outer contour to the inner one.
_SHADES = ("#EBEBEB", "#D3D3D3", "#BBBBBB")


def _contours(ax: Axes, table: pd.DataFrame, left: str, right: str, down: pd.Series) -> None:
    """Shaded limits of chance, widest first, and dashed limits with heterogeneity."""
    chance = table[~table["heterogeneity"]]
    widest_first = chance.groupby("level", sort=False)
    for shade, level in zip(_SHADES, sorted(widest_first.groups, reverse=True), strict=False):
        part = widest_first.get_group(level)
        label = f"{level:.0%} by chance alone"
        where = down[part.index]
        ax.fill_betweenx(where, part[left], part[right], color=shade, lw=0, label=label, zorder=0)
    part = table[table["heterogeneity"]]
    label = f"{part['level'].max():.0%} with heterogeneity"
    for side, name in ((left, label), (right, None)):
        ax.plot(part[side], down[part.index], color=GREY, lw=0.9, ls="--", label=name)


def _points(ax: Axes, rows: pd.DataFrame, x: str, down: pd.Series) -> None:
    if f"{x}_min" in rows:
        ax.hlines(down, rows[f"{x}_min"], rows[f"{x}_max"], color=ORANGE, lw=1, zorder=2)
    for kind, (edge, face) in KINDS.items():
        at = rows["kind"] == kind
        if at.any():
            ax.plot(
                rows.loc[at, x], down[at], "o", mec=edge, mfc=face, ms=5, mew=1.1, label=kind,
                zorder=3,
            )  # fmt: skip


def funnel(
    rows: pd.DataFrame, contours: pd.DataFrame, centre: float, rate: float, title: str
) -> Figure:
    """Two funnels of the same rows: effect against its standard error, and rate against √n.

    Parameters
    ----------
    rows : DataFrame
        label, y, se (transformed scale), rate (percent), n, kind ("documented", "reconstructed");
        optional y_min, y_max, rate_min, rate_max, drawn as a line through the mark.
    contours : DataFrame
        As `metaprop.funnel.contour_table` gives it.
    centre, rate : float
        Pooled effect on the transformed scale, and in percent.
    title : str
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 3.6)
        left, right = fig.subplots(1, 2)
        fig.subplots_adjust(left=0.08, right=0.985, bottom=0.135, top=0.79, wspace=0.22)
        _contours(left, contours, "lower", "upper", contours["se"])
        _points(left, rows, "y", rows["se"])
        left.axvline(centre, color=BLACK, lw=0.8, zorder=1)
        room = 0.5 * max(float(np.ptp(rows["y"])), 0.2)
        left.set(ylim=(1.06 * rows["se"].max(), 0))
        ends = rows.filter(regex="^y(_min|_max)?$")  # the ranges too, where there are any
        low, high = rows["y"].min() - room, rows["y"].max() + room
        left.set(xlim=(min(low, ends.min().min() - 0.02), max(high, ends.max().max() + 0.02)))
        left.set(xlabel="effect (transformed scale)", ylabel="standard error")
        _contours(right, contours, "rate_lower", "rate_upper", np.sqrt(contours["n"]))
        _points(right, rows, "rate", np.sqrt(rows["n"]))
        right.axvline(rate, color=BLACK, lw=0.8, zorder=1)
        right.set(xlabel="rate (percent)", ylabel="square root of n", xlim=(-2, 102))
        right.set_ylim(0.9, 1.06 * np.sqrt(rows["n"].max()))
        handles, labels = left.get_legend_handles_labels()
        fig.legend(
            handles, labels, loc="upper left", bbox_to_anchor=(0.0, 0.945), ncol=3,
            handletextpad=0.4, columnspacing=1.2,
        )  # fmt: skip
        fig.text(0.01, 0.985, title, va="top", weight="bold", size=9)
    return fig


def trim_and_fill(rows: pd.DataFrame, fills: list[dict], centre: float, title: str) -> Figure:
    """Funnels with the rows that trim and fill adds, one panel an estimator.

    Parameters
    ----------
    rows : DataFrame
        y, se (transformed scale), kind.
    fills : list of dict
        label, y, se (arrays of the added rows), centre (pooled effect with them).
    centre : float
        Pooled effect of the rows themselves.
    title : str
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 3.2)
        axes = fig.subplots(1, len(fills), sharey=True, sharex=True, squeeze=False)[0]
        fig.subplots_adjust(left=0.08, right=0.985, bottom=0.15, top=0.76, wspace=0.08)
        for ax, fill in zip(axes, fills, strict=True):
            ax.plot([centre] * 2, [0, 9], color=BLACK, lw=0.9, label="pooled, rows as they are")
            ax.plot([fill["centre"]] * 2, [0, 9], color=ORANGE, lw=1.2, ls="--",
                    label="pooled, rows filled")  # fmt: skip
            _points(ax, rows, "y", rows["se"])
            ax.plot(fill["y"], fill["se"], "x", color=ORANGE, ms=6, mew=1.4, label="filled")
            ax.set_title(fill["label"])
            ax.set(xlabel="effect (transformed scale)")
        axes[0].set(ylim=(1.06 * rows["se"].max(), 0), ylabel="standard error")
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="upper left", bbox_to_anchor=(0.0, 0.935), ncol=5)
        fig.text(0.01, 0.985, title, va="top", weight="bold", size=9)
    return fig


def power_curve(curves: pd.DataFrame, alpha: float, title: str) -> Figure:
    """Power against the size of the small-study effect.

    Parameters
    ----------
    curves : DataFrame
        label, smallest (rate of the smallest study, percent), power (percent); the first label is
        drawn strongest.
    alpha : float
        Level of the test, drawn as a line.
    title : str
    """
    styles = ((BLUE, "-", 1.8), (GREEN, "--", 1.3), (GREY, ":", 1.5), (ORANGE, "-.", 1.3))
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 3.0)
        ax = fig.add_axes((0.08, 0.15, 0.60, 0.72))
        groups = curves.groupby("label", sort=False)
        for (label, part), (colour, dash, width) in zip(groups, styles, strict=False):
            ax.plot(part["smallest"], part["power"], color=colour, ls=dash, lw=width, label=label)
        ax.axhline(100 * alpha, color=BLACK, lw=0.6, ls=(0, (1, 3)))
        ax.text(101, 100 * alpha, "level of the test", va="center")
        ax.axhline(80, color=BLACK, lw=0.6, ls=(0, (1, 3)))
        ax.text(101, 80, "power usually asked for", va="center")
        start = float(curves["smallest"].min())
        ax.set(xlim=(start, 100), ylim=(0, 101), ylabel="power (percent)")
        ax.set_xlabel("rate that the bias gives the smallest study (percent)")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.45))
        fig.text(0.01, 0.98, title, va="top", weight="bold", size=9)
    return fig


def p_values(
    dots: pd.DataFrame, strips: pd.DataFrame, printed: dict[str, float], title: str
) -> Figure:
    """P values of several tests: a dot for known counts, a strip of strokes where counts are a set.

    Parameters
    ----------
    dots : DataFrame
        label, p: one row a test, from the top.
    strips : DataFrame
        label, p: any number of rows a test; equal values to three decimals are drawn once.
    printed : dict
        Label: its printed p value, a stroke in the line of that test alone.
    title : str
    """
    order = dots["label"].tolist()
    once = strips.assign(p=strips["p"].astype(float).round(3)).drop_duplicates()
    with mpl.rc_context(STYLE):
        height = 0.24 * len(dots) + 1.1
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.30, 0.45 / height, 0.66, 1 - 1.1 / height))
        marks = {"x": "p", "y": "label", "order": order, "orient": "h", "jitter": False, "ax": ax}
        if len(once):
            sns.stripplot(
                once, **marks, marker="|", color=ORANGE, size=9, linewidth=0.7, zorder=2,
                label="over the identified set",
            )  # fmt: skip
        sns.stripplot(
            dots, **marks, color=BLUE, size=5, zorder=3, label="rows with a count", legend=False
        )
        ax.axvline(0.05, color=GREY, lw=0.8, ls="--", label="0.05")
        for test, p in printed.items():
            y = order.index(test)
            ax.plot([p, p], [y - 0.45, y + 0.45], color=BLACK, lw=1.6, label="printed", zorder=4)
        ax.set(xlim=(0, 1.01), ylim=(len(dots) - 0.4, -0.6), xlabel="p value", ylabel="")
        ax.tick_params(axis="y", length=0)
        handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        if ax.get_legend() is not None:
            ax.get_legend().remove()
        fig.legend(
            handles.values(), handles.keys(), loc="upper left", ncol=4,
            bbox_to_anchor=(0.0, 1 - 0.22 / height),
        )  # fmt: skip
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig
