"""Pictures of what single studies do: pooled estimates in a row, Baujat, radial, influence."""

from collections.abc import Sequence
from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath

from .forest import ROW, beside
from .style import BLACK, COLUMN, GREY, KINDS, LIGHT, ORANGE, PAGE, STYLE, new_figure


def pooled_list(
    rows: pd.DataFrame,
    title: str,
    unit: str,
    lines: dict[str, float],
    heading: str = "Analysis",
    noted: str = "",
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
    noted : str
        Head of the column of notes, where they do not say what they are.
    """
    ranged = bool((rows["estimate_max"] > rows["estimate_min"]).any())
    with mpl.rc_context(STYLE):
        height = ROW * (len(rows) + 1.6) + 0.95
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.42, 0.5 / height, 0.34, ROW * (len(rows) + 1.3) / height))
        top = 10 * np.ceil(rows["upper_max"].max() / 10)
        ax.set(xlim=(0, top), ylim=(len(rows) - 0.3, -1.6), yticks=[], xlabel=unit)
        ax.spines["left"].set_visible(False)
        beside(ax, -1.21, -0.95, heading, weight="bold")
        beside(ax, -0.03, -0.95, noted, weight="bold", ha="right")
        beside(ax, 1.03, -0.95, "% range [limits]" if ranged else "% [95% CI]", weight="bold")
        for name, at in lines.items():
            dashed = name == "published"
            colour = GREY if dashed else BLACK
            ax.axvline(at, color=colour, lw=0.9, ls="--" if dashed else "-", label=name, zorder=0)
        for y, (_, r) in enumerate(rows.iterrows()):
            low, high = r["estimate_min"], r["estimate_max"]
            beside(ax, -1.21, y, str(r["label"]), weight="bold" if pd.isna(low) else "normal")
            if pd.isna(low):
                continue
            beside(ax, -0.03, y, str(r["note"]), ha="right", color=GREY)
            ax.plot([r["lower_min"], r["upper_max"]], [y, y], color=BLACK, lw=0.9)
            if r.get("printed") is True:
                ax.plot((low + high) / 2, y, "D", ms=4.5, mec=BLACK, mfc="white", zorder=3)
            elif high - low > 0.02 * top:
                ax.plot([low, high], [y, y], color=ORANGE, lw=5, solid_capstyle="butt", zorder=3)
            else:
                edge, fill = KINDS["reconstructed" if ranged else "documented"]
                ax.plot((low + high) / 2, y, "s", ms=4.5, mec=edge, mfc=fill, mew=1.2, zorder=3)
            middle = f"{low:.0f}" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f}–{high:.0f}"
            beside(ax, 1.03, y, f"{middle} [{r['lower_min']:.0f}, {r['upper_max']:.0f}]")
        fig.legend(
            *ax.get_legend_handles_labels(), loc="upper right", ncols=len(lines),
            bbox_to_anchor=(0.995, 1 - 0.24 / height), borderaxespad=0, handlelength=1.6,
        )  # fmt: skip
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _points(ax: Axes, x: Sequence[float], y: Sequence[float], kinds: Sequence[str]) -> None:
    for kind, (edge, fill) in KINDS.items():
        at = np.array([k == kind for k in kinds])
        if at.any():
            ax.plot(
                np.asarray(x, float)[at], np.asarray(y, float)[at], "o", mec=edge, mfc=fill, ms=4.5,
                mew=1.1, label=kind, zorder=3,
            )  # fmt: skip


# Where a label is tried around its mark, and how far out (points), the first that is clear wins.
_AROUND = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)]
_AROUND += [(0.5, 1), (-0.5, 1), (0.5, -1), (-0.5, -1)]
_OUT, _SIZE = (5.5, 11, 17, 24), 6.5
FEW = 12  # points that are all named


def _name(
    ax: Axes, points: np.ndarray, labels: Sequence[str], line: np.ndarray | None = None
) -> None:
    """Write the labels beside the points, clear of marks, of each other and of the line.

    points : shape (k, 2), every mark, also those whose label is ""; line : shape (m, 2), data
    units. A label further out is led back to its mark.
    """
    size = 72 / ax.figure.dpi  # points a pixel: the picture is the same at any resolution
    at = ax.transData.transform(points) * size
    inside = ax.get_window_extent().get_points().ravel() * size
    along = np.empty((0, 2)) if line is None else ax.transData.transform(line) * size
    taken = [np.hstack([a - 3.5, a + 3.5]) for a in at] + [np.hstack([a, a]) for a in along]
    for xy, point, label in zip(points, at, labels, strict=True):
        if not label:
            continue
        wide = TextPath((0, 0), label, size=_SIZE).get_extents().width
        boxes = []
        for out, (across, up) in product(_OUT, _AROUND):
            right = across * out - wide * (1 - across) / 2
            above = up * out - _SIZE * (1 - up * (abs(across) < 1)) / 2
            low = point + np.array([right, above])
            boxes.append(np.hstack([low, low + np.array([wide, _SIZE])]))
        rest = at[(at != point).any(1)]
        worst = [_clashes(b, np.array(taken), inside) + _led_over(point, b, rest) for b in boxes]
        best = int(np.argmin(worst))
        taken.append(boxes[best])
        shift = boxes[best][:2] - point + np.array([0, 1.2])
        led = {"arrowstyle": "-", "color": GREY, "lw": 0.4, "shrinkA": 0, "shrinkB": 2}
        ax.annotate(
            label, xy, shift, textcoords="offset points", size=_SIZE, color=GREY, va="baseline",
            ha="left", arrowprops=led if best >= len(_AROUND) else None,
        )  # fmt: skip


def _clashes(box: np.ndarray, taken: np.ndarray, inside: np.ndarray) -> int:
    """How many of the boxes (x0, y0, x1, y1) a box meets; to leave the axes counts as many."""
    meets = (taken[:, :2] <= box[2:]).all(1) & (taken[:, 2:] >= box[:2]).all(1)
    leaves = (box[:2] < inside[:2]).any() or (box[2:] > inside[2:]).any()
    return int(meets.sum()) + 1000 * bool(leaves)


def _led_over(point: np.ndarray, box: np.ndarray, rest: np.ndarray) -> int:
    """How many other marks lie between a mark and the middle of its label."""
    middle = (box[:2] + box[2:]) / 2
    way = point + np.linspace(0, 1, 20)[:, None] * (middle - point)
    return int((np.hypot(*(way[:, None] - rest).T).min(1, initial=np.inf) < 3).sum())


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
            xlim=_from_zero(rows["x"]), ylim=_from_zero(rows["y"]),
        )  # fmt: skip
        _points(ax, rows["x"], rows["y"], rows["kind"])
        some = (rows["y"] > 0.12 * rows["y"].max()) | (rows["x"] > 0.25 * rows["x"].max())
        labels = rows["label"].astype(str).where(some | (len(rows) <= FEW), "")
        _name(ax, rows[["x", "y"]].to_numpy(float), labels)
        if rows["kind"].nunique() > 1:
            ax.legend(loc="upper center", handletextpad=0.1)
        fig.text(0.02, 0.985, title, va="top", weight="bold", size=9)
    return fig


def _from_zero(values: pd.Series) -> tuple[float, float]:
    """Limits of an axis with room on both sides of values that start near 0."""
    top = float(values.max()) or 1.0
    return -0.1 * top, 1.12 * top


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
        some = (far > min(0.9, far.max() - 1e-9)) | (len(rows) <= FEW)
        labels = rows["label"].astype(str).where(some, "")
        along = np.linspace(0, end, 200)
        pooled = np.column_stack([along, slope * along])
        _name(ax, rows[["x", "z"]].to_numpy(float), labels, pooled)
        right = ax.secondary_yaxis("right")
        inside = scale[(scale * end > ax.get_ylim()[0]) & (scale * end < high)]
        right.set_yticks(inside * end, inside.index)
        right.set_ylabel("rate (percent): line from the origin")
        if rows["kind"].nunique() > 1:
            ax.legend(loc="upper left", handletextpad=0.1)
        fig.text(0.02, 0.985, title, va="top", weight="bold", size=9)
    return fig


def influence_panel(
    rows: pd.DataFrame, panels: dict[str, tuple[str, float, Sequence[float]]], title: str
) -> Figure:
    """Influence diagnostics side by side, one line a row of the meta-analysis.

    Parameters
    ----------
    rows : DataFrame
        label, kind, and a column per panel.
    panels : dict
        Column: (head, value of a row without influence, cut-offs). One cut-off lies above, two lie
        to either side; none where the diagnostic has none. A value beyond is a diamond.
    title : str
    """
    with mpl.rc_context(STYLE):
        height = ROW * len(rows) + 1.4
        fig = new_figure(PAGE, height)
        axes = fig.subplots(1, len(panels), sharey=True)
        left = max(0.16, min(0.4, 0.03 + 0.009 * rows["label"].str.len().max()))
        fig.subplots_adjust(
            left=left, right=0.985, wspace=0.16, top=1 - 0.8 / height, bottom=0.42 / height
        )
        for ax, (column, (head, none, cuts)) in zip(axes, panels.items(), strict=True):
            _diagnostic(ax, rows[column].to_numpy(float), rows["kind"], none, cuts)
            ax.set_title(head)
            ax.set_yticks(np.arange(len(rows)), rows["label"])
            ax.tick_params(axis="y", left=False)
            ax.locator_params(axis="x", nbins=3)
            ax.spines["left"].set_visible(False)
        marks = [
            Line2D([], [], color=GREY, lw=0.7, label="no influence"),
            Line2D([], [], color=ORANGE, lw=0.9, ls="--", label="cut-off"),
            Line2D([], [], color=BLACK, ls="", marker="D", ms=5, label="beyond the cut-off"),
        ]
        fig.legend(
            handles=marks, loc="upper left", ncols=3, bbox_to_anchor=(0.0, 1 - 0.24 / height)
        )
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _diagnostic(
    ax: Axes, values: np.ndarray, kinds: pd.Series, none: float, cuts: Sequence[float]
) -> None:
    """One panel: the values, where there is no influence, and the cut-offs."""
    at, span = np.arange(len(values)), np.array([*values, none, *cuts])
    room = 0.12 * (np.ptp(span) or 1)
    ax.set(xlim=(span.min() - room, span.max() + room), ylim=(len(values) - 0.5, -0.5))
    ax.axvline(none, color=GREY, lw=0.7, zorder=0)
    for cut in cuts:
        ax.axvline(cut, color=ORANGE, lw=0.9, ls="--", zorder=0)
    ax.hlines(at, ax.get_xlim()[0], values, color=LIGHT, lw=0.8, zorder=0)
    beyond = np.zeros(len(values), bool)
    if len(cuts):
        beyond = (values > cuts[-1]) | (values < (cuts[0] if len(cuts) > 1 else -np.inf))
    for y, value, kind, far in zip(at, values, kinds, beyond, strict=True):
        edge, fill = KINDS[kind]
        ax.plot(value, y, "D" if far else "o", ms=5.5 if far else 4, mec=edge, mfc=fill, mew=1.2)
