"""Pictures of notebook 02: methods that are left, known counts, and what overturns a conclusion."""

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metaprop.plots.style import BLACK, BLUE, GREY, ORANGE, PAGE, SKY, STYLE, new_figure

_STAGE = ("none", "paediatric only", "all numbers", "all numbers, CR <= OR")
_COUNTS = ["n_paediatric", "n_joint", "n_coupled"]  # vectors that meet each stage but the first
_STAGE_COLOUR = ("#F4F4F4", "#CFE3F1", SKY, BLUE)


def method_grid(evidence: pd.DataFrame) -> Figure:
    """Which methods the printed numbers leave: a cell a method, a panel an endpoint.

    Parameters
    ----------
    evidence : DataFrame
        Every method to draw, as method_evidence.csv. The number in a cell counts the vectors of the
        last stage it meets.
    """
    names = {"hartung-knapp": "H-K", "wald": "Wald"}
    evidence = evidence.assign(
        row=evidence["tau2_method"] + ", " + evidence["ci_method"].replace(names),
        met=(evidence[_COUNTS] > 0).sum(axis=1),
    )
    across = evidence[["rows", "inverse"]].drop_duplicates().sort_values("rows", kind="stable")
    columns, rows = list(across.itertuples(index=False, name=None)), evidence["row"].unique()
    with mpl.rc_context(STYLE):
        height = 2 * 0.19 * len(rows) + 2.3
        fig = new_figure(PAGE, height)
        axes = fig.subplots(2, 1, sharex=True)
        fig.subplots_adjust(
            left=0.12, right=0.99, top=1 - 0.5 / height, bottom=1.4 / height, hspace=0.16
        )
        for ax, endpoint in zip(axes, ("CR", "OR"), strict=True):
            _grid(ax, evidence[evidence["endpoint"] == endpoint], list(rows), columns)
            ax.set_title(f"{endpoint}")
        _heads(axes[1], columns)
        for i, (text, colour) in enumerate(zip(_STAGE, _STAGE_COLOUR, strict=True)):
            fig.text(0.16 + 0.21 * i, 0.15 / height, f"  {text}", va="center")
            at = (0.145 + 0.21 * i, 0.1 / height)
            fig.add_artist(mpl.patches.Rectangle(at, 0.015, 0.1 / height, fc=colour, ec=GREY))
        title = "Methods and the vectors of counts that they leave"
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _grid(ax: Axes, part: pd.DataFrame, rows: list[str], columns: list[tuple[str, str]]) -> None:
    for r in part.itertuples():
        x, y = columns.index((r.rows, r.inverse)), rows.index(r.row)
        ax.add_patch(mpl.patches.Rectangle((x, y), 1, 1, fc=_STAGE_COLOUR[r.met], ec="white", lw=1))
        if r.met:
            colour, found = "white" if r.met == 3 else BLACK, getattr(r, _COUNTS[r.met - 1])
            ax.text(x + 0.5, y + 0.52, found, ha="center", va="center", color=colour, size=6.5)
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def _heads(ax: Axes, columns: list[tuple[str, str]]) -> None:
    """Below the columns: the inverse of each, and what the rows of a block of them are."""
    ax.set_xticks(np.arange(len(columns)) + 0.5, [c[1] for c in columns], rotation=90)
    words = {"age-groups": "a row per age group", "merged": "merged rows"}
    for kind in dict.fromkeys(c[0] for c in columns):
        at = [i for i, c in enumerate(columns) if c[0] == kind]
        text = words.get(kind, f"only {kind.removeprefix('split:')} split")
        ax.annotate(
            text, (np.mean(at) + 0.5, 0), (0, -74), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="center", weight="bold", size=7,
        )  # fmt: skip


def count_ranges(
    rows: dict[str, pd.DataFrame], note: str, told: dict[str, pd.Series], who: str
) -> Figure:
    """Response rate of each row, a panel an endpoint: documented solid, reconstructed hollow.

    Parameters
    ----------
    rows : dict
        Endpoint to a table as `studies.load` gives it (label, n, x, x_min, x_max, kind).
    note : str
        Lines below: on what condition the ranges hold.
    told, who : dict, str
        Endpoint to counts by label that something outside gives, and what that is.
    """
    first = next(iter(rows.values()))
    with mpl.rc_context(STYLE):
        height = 0.24 * len(first) + 1.45
        fig = new_figure(PAGE, height)
        axes = fig.subplots(1, len(rows), sharey=True)
        fig.subplots_adjust(
            left=0.24, right=0.985, top=1 - 0.36 / height, bottom=0.87 / height, wspace=0.06
        )
        fig.text(0.01, 0.06 / height, note, size=7, color=GREY)
        for ax, (endpoint, table) in zip(axes, rows.items(), strict=True):
            for y, (_, r) in enumerate(table.iterrows()):
                _range(ax, y, r)
                if r["label"] in told.get(endpoint, ()):
                    ax.plot(100 * told[endpoint][r["label"]] / r["n"], y, "D", color=BLACK, ms=4,
                            zorder=4)  # fmt: skip
            ax.set(
                xlim=(-4, 108), ylim=(len(table) - 0.4, -0.6), xlabel=f"{endpoint} rate (percent)"
            )
            ax.tick_params(left=False)
        axes[0].set_yticks(range(len(first)), [f"{r.label}, n = {r.n}" for r in first.itertuples()])
        marks = [
            mpl.lines.Line2D([], [], marker="o", color=BLUE, ls="", label="documented"),
            mpl.lines.Line2D([], [], marker="o", mfc="white", mec=ORANGE, color=ORANGE, lw=2,
                             label="reconstructed: reference and range"),
        ]  # fmt: skip
        if any(len(known) for known in told.values()):
            marks.append(mpl.lines.Line2D([], [], marker="D", color=BLACK, ls="", ms=4, label=who))
        fig.legend(handles=marks, loc="upper right", ncol=len(marks), columnspacing=1.2)
        fig.text(0.01, 0.985, "What is known of each row", va="top", weight="bold", size=9)
    return fig


def _range(ax: Axes, y: int, r: pd.Series) -> None:
    rate = lambda x: 100 * int(x) / int(r["n"])  # noqa: E731
    if r["kind"] == "documented":
        ax.plot(rate(r["x"]), y, "o", color=BLUE, ms=5)
        text = f"{r['x']}"
    else:
        ax.plot([rate(r["x_min"]), rate(r["x_max"])], [y, y], color=ORANGE, lw=2)
        ax.plot(rate(r["x"]), y, "o", mfc="white", mec=ORANGE, ms=5, mew=1.2)
        text = f"{r['x_min']}–{r['x_max']}" if r["x_min"] < r["x_max"] else f"{r['x']}"
    ax.text(rate(r["x_max"]) + 3, y, text, va="center", color=GREY)


def breakdowns(table: pd.DataFrame, scales: Sequence[tuple[str, str]]) -> Figure:
    """The smallest disturbance that overturns each conclusion: one line each, a panel a kind.

    Parameters
    ----------
    table : DataFrame
        headline, disturbance, smallest, what ("falls at", or anything else where it holds up to
        there), as breakdown.csv.
    scales : sequence of (disturbance, axis label)
        The panels from left to right.
    """
    names = list(dict.fromkeys(table["headline"]))
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 0.3 * len(names) + 1.2)
        axes = fig.subplots(1, len(scales), sharey=True)
        fig.subplots_adjust(left=0.36, right=0.985, top=0.86, bottom=0.17, wspace=0.08)
        for ax, (kind, label) in zip(axes, scales, strict=True):
            own = table[table["disturbance"] == kind].set_index("headline").reindex(names)
            _distances(ax, own)
            ax.set_xlabel(label)
            ax.tick_params(left=False)
        wrapped = [textwrap.fill(name, 42) for name in names]
        axes[0].set(yticks=range(len(names)), ylim=(len(names) - 0.4, -0.6))
        axes[0].set_yticklabels(wrapped)
        marks = [
            mpl.lines.Line2D([], [], marker="X", color=ORANGE, ls="", label="falls here"),
            mpl.lines.Line2D([], [], marker=">", mfc="white", color=BLUE, label="holds this far"),
        ]
        fig.legend(handles=marks, loc="upper right", ncol=2)
        title = "How little overturns each conclusion"
        fig.text(0.01, 0.985, title, va="top", weight="bold", size=9)
    return fig


def _distances(ax: Axes, own: pd.DataFrame) -> None:
    size = own["smallest"].astype(float).to_numpy()
    most = size.max()
    for y, (value, what) in enumerate(zip(size, own["what"], strict=True)):
        falls = what == "falls at"
        ax.plot([0, value], [y, y], color=GREY if falls else BLUE, lw=1.2)
        ax.plot(value, y, "X" if falls else ">", color=ORANGE if falls else BLUE, ms=6,
                mfc=ORANGE if falls else "white", zorder=3)  # fmt: skip
        place = value + 0.08 * most
        ax.text(place, y, f"{value:.2g}" if falls else f"> {value:g}", va="center", color=GREY)
    ax.set_xlim(-0.05 * most, 1.5 * most)
