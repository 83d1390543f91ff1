"""Forest plots of proportions: rows above, pooled results and heterogeneity below."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import BLACK, BLUE, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure

ROW = 0.19  # inches per line
# Columns of text beside the axes, as fractions of its width.
LABEL, EVENTS, TOTAL, RESULT, WEIGHT = -1.12, -0.28, -0.08, 1.05, 1.77
LETTERS = 24  # of a label that fit between the first two
MARK, MARKS_APART = 1.87, 0.07


def span(low: float, high: float) -> str:
    """Two numbers as a range, or as one where they print alike: "33–43", "12"."""
    ends = [f"{v:.0f}" for v in (low, high)]
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def beside(ax: Axes, x: float, y: float, text: str, **kw: object) -> None:
    """Text at an axes fraction across and a data position down."""
    ax.text(x, y, text, transform=ax.get_yaxis_transform(), va="center", clip_on=False, **kw)


def _study(ax: Axes, y: float, r: pd.Series, biggest: float) -> None:
    """One row: interval, marker sized by weight, and the numbers on both sides."""
    label = str(r["label"])
    beside(ax, LABEL, y, label if len(label) <= LETTERS else f"{label[: LETTERS - 1]}…")
    beside(ax, TOTAL, y, f"{int(r['n'])}", ha="right")
    if pd.isna(r["estimate"]):
        beside(ax, EVENTS, y, "?", ha="right", color=GREY)
        ax.plot([0, 100], [y, y], color=LIGHT, lw=5, solid_capstyle="butt", zorder=0)
        beside(ax, RESULT, y, "count not published", color=GREY, style="italic")
        return
    hollow = r["kind"] == "reconstructed"
    colour = ORANGE if hollow else BLUE
    low, high = 100 * r["x_min"] / r["n"], 100 * r["x_max"] / r["n"]
    if low < high:
        ax.plot([low, high], [y, y], color=ORANGE, alpha=0.25, lw=7, solid_capstyle="butt")
    beside(ax, EVENTS, y, span(r["x_min"], r["x_max"]), ha="right")
    ax.plot([r["lower"], r["upper"]], [y, y], color=BLACK, lw=0.9, zorder=2)
    size = 3 + 5 * np.sqrt(r["weight"] / biggest)
    ax.plot(
        r["estimate"], y, "s", ms=size, mec=colour, mew=1.2, mfc="white" if hollow else colour,
        zorder=3, clip_on=False,
    )  # fmt: skip
    beside(ax, RESULT, y, f"{span(low, high)} [{r['lower']:.0f}, {r['upper']:.0f}]")
    beside(ax, WEIGHT, y, f"{r['weight']:.1f}", ha="right")


def _summary(ax: Axes, y: float, s: dict) -> None:
    """A line below the rows: a diamond, a range of pooled rates, or a prediction interval."""
    kind, low, high = s["kind"], s["lower"], s["upper"]
    weight = "normal" if kind == "prediction" else "bold"
    beside(ax, LABEL, y, s["label"], weight=weight)
    numbers = f"[{low:.0f}, {high:.0f}]"
    if kind == "prediction":
        ax.plot([low, high], [y, y], color=BLACK, lw=1.2, marker="|", ms=6, zorder=1)
    elif kind == "range":
        ends = s["smallest"], s["largest"]
        numbers = f"{span(*ends)} {numbers}"
        ax.plot([low, high], [y, y], color=ORANGE, lw=0.9)
        ax.plot(ends, [y, y], color=ORANGE, lw=6, solid_capstyle="butt")
    else:
        numbers = f"{s['estimate']:.0f} {numbers}"
        middle, printed = s["estimate"], kind == "printed"
        ax.fill(
            [low, middle, high, middle], [y, y - 0.28, y, y + 0.28], zorder=2, lw=1,
            fc="white" if printed else BLACK, ec=BLACK, ls="--" if printed else "-",
        )  # fmt: skip
    beside(ax, RESULT, y, numbers, weight=weight)


def _above(rows: pd.DataFrame, subtotals: Mapping[str, dict]) -> list[str | pd.Series | dict]:
    """Line by line what stands above the summaries: heading of a group, its rows, its subtotal."""
    if not subtotals:
        return [r for _, r in rows.iterrows()]
    out: list[str | pd.Series | dict] = []
    for name, part in rows.groupby("group", sort=False):
        out += [str(name), *(r for _, r in part.iterrows())]
        out += [subtotals[name]] if name in subtotals else []
    return out


def forest(
    rows: pd.DataFrame,
    summaries: Sequence[dict],
    title: str,
    unit: str,
    *,
    subtitle: str = "",
    notes: Sequence[str] = (),
    marks: Mapping[str, Sequence[str]] = {},
    marked: str = "",
    subtotals: Mapping[str, dict] = {},
) -> Figure:
    """Forest plot of proportions with pooled results and heterogeneity below.

    Parameters
    ----------
    rows : DataFrame
        One row per line: label, n, x_min, x_max, estimate, lower, upper (percent), weight
        (percent), kind ("documented", "reconstructed", "unknown"). A row without an estimate is
        drawn as unknown. A count with a range shows that of its rate.
    summaries : sequence of dict
        kind, label, lower, upper (percent), in the order drawn. Kinds: "pooled" and "printed" (a
        number of the paper: dashed outline) with estimate; "range" with smallest and largest
        estimate; "prediction".
    title, unit : str
        Title, and label of the axis.
    subtitle : str
        Second line of the title: the method in words.
    notes : sequence of str
        Lines under the last summary: heterogeneity.
    marks : mapping
        Letter: a sign for each row, in columns at the right (risk of bias).
    marked : str
        What the letters and signs mean, below the plot.
    subtotals : mapping
        Group: its pooled result, as a summary. With any the rows need a column group; they stand
        under their groups, in the order these have in the rows. Not together with marks.
    """
    above = _above(rows, subtotals)
    lines = len(above) + len(summaries) + len(notes)
    with mpl.rc_context(STYLE):
        room = ROW * bool(marked)
        height = ROW * (lines + 2.5) + 0.75 + room
        fig = new_figure(PAGE, height)
        left, width = (0.365, 0.3) if marks else (0.39, 0.335)
        ax = fig.add_axes((left, (0.5 + room) / height, width, ROW * (lines + 1.3) / height))
        ax.set(xlim=(0, 100), ylim=(lines - 0.3, -1.6), yticks=[], xlabel=unit)
        ax.spines["left"].set_visible(False)
        biggest = rows["weight"].max()
        heads = ((LABEL, "Study", "left"), (EVENTS, "Events", "right"), (TOTAL, "n", "right"))
        for x, text, align in (
            *heads, (RESULT, "% [95% CI]", "left"), (WEIGHT, "Weight %", "right"),
        ):  # fmt: skip
            beside(ax, x, -0.95, text, ha=align, weight="bold")
        for y, line in enumerate(above):
            if isinstance(line, str):
                beside(ax, LABEL, y, line, weight="bold")
            elif isinstance(line, dict):
                _summary(ax, y, line)
            else:
                _study(ax, y, line, biggest)
        for i, (letter, signs) in enumerate(marks.items()):
            for y, sign in zip((-0.95, *range(len(rows))), (letter, *signs), strict=True):
                weight = "bold" if y < 0 else "normal"
                beside(ax, MARK + i * MARKS_APART, y, sign, ha="center", weight=weight)
        ax.axhline(len(above) - 0.45, color=GREY, lw=0.6, xmin=LABEL, xmax=WEIGHT, clip_on=False)
        for y, s in enumerate(summaries, start=len(above)):
            _summary(ax, y, s)
        pooled = [s["estimate"] for s in summaries if s["kind"] == "pooled"]
        ax.vlines(pooled, -0.5, len(above) - 0.2, color=GREY, lw=0.8, ls=":", zorder=0)
        for y, note in enumerate(notes, start=len(above) + len(summaries)):
            beside(ax, LABEL, y, note)
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
        fig.text(0.01, 1 - 0.24 / height, subtitle, va="top")
        fig.text(0.99, 0.06 / height, marked, va="bottom", ha="right", size=7, color=GREY)
    return fig
