"""Pictures of what single studies do: pooled estimates in a row, Baujat, radial, influence."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .forest import ROW, _text
from .style import BLACK, BLUE, COLUMN, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure

# Marker of a count by what is known of it: solid if documented, hollow if reconstructed.
_KINDS = {"documented": (BLUE, BLUE), "reconstructed": (ORANGE, "white")}


def pooled_list(
    rows: pd.DataFrame, title: str, unit: str, lines: dict[str, float], heading: str = "Analysis"
) -> Figure:
    """Pooled estimates below each other: leave-one-out, cumulative, subgroups, choices of method.

    Parameters
    ----------
    rows : DataFrame
        label, note (right of the label, e.g. k), estimate_min, estimate_max, lower_min, upper_max
        (percent): a mark where the estimates are (nearly) one number, else a bar over the
        identified set, between the outermost limits. A row without an estimate is a heading.
        Optional printed: True for a number taken from the paper (open diamond).
    title, unit : str
        Title, and label of the axis.
    lines : dict
        Vertical lines by name, in percent; dashed if the name is "published".
    heading : str
        Head of the first column.
    """
    ranged = bool((rows["estimate_max"] > rows["estimate_min"]).any())
    with mpl.rc_context(STYLE):
        height = ROW * (len(rows) + 1.6) + 0.95
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.42, 0.5 / height, 0.34, ROW * (len(rows) + 1.3) / height))
        top = 10 * np.ceil(rows["upper_max"].max() / 10)
        ax.set(xlim=(0, top), ylim=(len(rows) - 0.3, -1.6), yticks=[], xlabel=unit)
        ax.spines["left"].set_visible(False)
        _text(ax, -1.21, -0.95, heading, weight="bold")
        _text(ax, 1.03, -0.95, "% range [limits]" if ranged else "% [95% CI]", weight="bold")
        for name, at in lines.items():
            dashed = name == "published"
            colour = GREY if dashed else BLACK
            ax.axvline(at, color=colour, lw=0.9, ls="--" if dashed else "-", label=name, zorder=0)
        for y, (_, r) in enumerate(rows.iterrows()):
            low, high = r["estimate_min"], r["estimate_max"]
            _text(ax, -1.21, y, str(r["label"]), weight="bold" if pd.isna(low) else "normal")
            if pd.isna(low):
                continue
            _text(ax, -0.03, y, str(r["note"]), ha="right", color=GREY)
            ax.plot([r["lower_min"], r["upper_max"]], [y, y], color=BLACK, lw=0.9)
            if r.get("printed") is True:
                ax.plot((low + high) / 2, y, "D", ms=4.5, mec=BLACK, mfc="white", zorder=3)
            elif high - low > 0.02 * top:
                ax.plot([low, high], [y, y], color=ORANGE, lw=5, solid_capstyle="butt", zorder=3)
            else:
                edge, fill = _KINDS["reconstructed" if ranged else "documented"]
                ax.plot((low + high) / 2, y, "s", ms=4.5, mec=edge, mfc=fill, mew=1.2, zorder=3)
            middle = f"{low:.0f}" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f}–{high:.0f}"
            _text(ax, 1.03, y, f"{middle} [{r['lower_min']:.0f}, {r['upper_max']:.0f}]")
        fig.legend(
            *ax.get_legend_handles_labels(), loc="upper right", ncols=len(lines),
            bbox_to_anchor=(0.995, 1 - 0.24 / height), borderaxespad=0, handlelength=1.6,
        )  # fmt: skip
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _points(ax: Axes, x: Sequence[float], y: Sequence[float], kinds: Sequence[str]) -> None:
    for kind, (edge, fill) in _KINDS.items():
        at = np.array([k == kind for k in kinds])
        if at.any():
            ax.plot(
                np.asarray(x, float)[at], np.asarray(y, float)[at], "o", mec=edge, mfc=fill, ms=4.5,
                mew=1.1, label=kind, zorder=3,
            )  # fmt: skip


def _name(ax: Axes, x: Sequence[float], y: Sequence[float], labels: Sequence[str]) -> None:
    """Write the labels beside the points, the lower of two that would overlap further down."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y, labels = (list(a) for a in (x, y, labels))
    last = np.inf
    step = 0.058 * (y1 - y0)
    for i in np.argsort(-np.asarray(y, float)):
        place = max(min(y[i], last - step), y0 + 0.4 * step)
        right = x[i] > x0 + 0.62 * (x1 - x0)
        shift = (-0.02 if right else 0.02) * (x1 - x0)
        ax.annotate(
            labels[i], (x[i], y[i]), (x[i] + shift, place), va="center", size=6.5, color=GREY,
            ha="right" if right else "left",
        )  # fmt: skip
        last = place


def baujat(rows: pd.DataFrame, title: str) -> Figure:
    """Baujat plot (Baujat et al. 2002): misfit across, influence up.

    Parameters
    ----------
    rows : DataFrame
        label, x, y (as `influence.influence`), kind ("documented", "reconstructed").
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(COLUMN, 3.0)
        ax = fig.add_axes((0.155, 0.145, 0.82, 0.755))
        ax.set(
            xlabel="misfit (squared Pearson residual)", ylabel="influence on the pooled rate",
            xlim=(0, 1.12 * rows["x"].max() or 1), ylim=(0, 1.12 * rows["y"].max() or 1),
        )  # fmt: skip
        _points(ax, rows["x"], rows["y"], rows["kind"])
        some = rows[(rows["y"] > 0.12 * rows["y"].max()) | (rows["x"] > 0.25 * rows["x"].max())]
        _name(ax, some["x"], some["y"], some["label"])
        if rows["kind"].nunique() > 1:
            ax.legend(loc="upper center", handletextpad=0.1)
        fig.text(0.02, 0.985, title, va="top", weight="bold", size=9)
    return fig


def radial(rows: pd.DataFrame, slope: float, scale: pd.Series, title: str) -> Figure:
    """Radial plot (Galbraith 1988): a row's standardised effect against its precision.

    Parameters
    ----------
    rows : DataFrame
        label, x, z (as `influence.radial`), kind.
    slope : float
        Pooled effect on the transformed scale: the line from the origin.
    scale : Series
        Marks of the right-hand axis: effects on the transformed scale, indexed by the text to show.
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(COLUMN, 3.0)
        ax = fig.add_axes((0.14, 0.145, 0.69, 0.755))
        end = 1.08 * rows["x"].max()
        low, high = min(0, (rows["z"].min()) * 1.1), max(rows["z"].max(), slope * end) + 2
        ax.set(
            xlim=(0, end), ylim=(min(low, -2.3), high), xlabel="precision (1 / standard error)",
            ylabel="standardised effect",
        )  # fmt: skip
        line = np.array([0, end])
        ax.fill_between(line, slope * line - 2, slope * line + 2, color=LIGHT, lw=0, zorder=0)
        ax.plot(line, slope * line, color=BLACK, lw=0.9)
        _points(ax, rows["x"], rows["z"], rows["kind"])
        far = np.abs(rows["z"] - slope * rows["x"])
        some = rows[far > min(0.9, far.max() - 1e-9)] if len(rows) > 6 else rows
        _name(ax, some["x"], some["z"], some["label"])
        right = ax.secondary_yaxis("right")
        inside = scale[(scale * end > ax.get_ylim()[0]) & (scale * end < high)]
        right.set_yticks(inside * end, inside.index)
        right.set_ylabel("rate (percent): line from the origin")
        if rows["kind"].nunique() > 1:
            ax.legend(loc="upper left", handletextpad=0.1)
        fig.text(0.02, 0.985, title, va="top", weight="bold", size=9)
    return fig


def influence_panel(rows: pd.DataFrame, panels: dict[str, tuple[str, list[float]]]) -> Figure:
    """Influence diagnostics side by side, one line a row of the meta-analysis.

    Parameters
    ----------
    rows : DataFrame
        label, kind, flagged (drawn as a diamond), and a column per panel.
    panels : dict
        Column: (title, values of the dashed lines: where the row has no influence, and cut-offs).
    """
    with mpl.rc_context(STYLE):
        height = ROW * len(rows) + 0.95
        fig = new_figure(PAGE, height)
        axes = fig.subplots(1, len(panels), sharey=True)
        left = max(0.16, min(0.4, 0.03 + 0.009 * rows["label"].str.len().max()))
        fig.subplots_adjust(
            left=left, right=0.985, wspace=0.16, top=1 - 0.38 / height, bottom=0.42 / height
        )
        at = np.arange(len(rows))
        for ax, (column, (title, lines)) in zip(axes, panels.items(), strict=True):
            values = rows[column].to_numpy(float)
            span = np.array([*values, *[v for v in lines if abs(v) < 4 * np.abs(values).max() + 1]])
            room = 0.12 * (np.ptp(span) or 1)
            ax.set(xlim=(span.min() - room, span.max() + room), ylim=(len(rows) - 0.5, -0.5))
            for line in lines:
                ax.axvline(line, color=GREY, lw=0.7, ls="--", zorder=0)
            ax.hlines(at, ax.get_xlim()[0], values, color=LIGHT, lw=0.8, zorder=0)
            for (kind, flagged), part in rows.assign(at=at).groupby(["kind", "flagged"]):
                edge, fill = _KINDS[kind]
                ax.plot(
                    part[column], part["at"], "D" if flagged else "o", ms=5.5 if flagged else 4,
                    mec=edge, mfc=fill, mew=1.2,
                )  # fmt: skip
            ax.set_title(title)
            ax.set_yticks(at, rows["label"])
            ax.tick_params(axis="y", left=False)
            ax.locator_params(axis="x", nbins=3)
            ax.spines["left"].set_visible(False)
    return fig
