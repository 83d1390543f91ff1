"""Pictures of adverse events."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from metaprop.plots.style import BLACK, BLUE, GREY, ORANGE, PAGE, STYLE, new_figure

# One marker a group of studies; the shape tells them apart without colour.
MARKERS = {"clinical study": "o", "registry or survey": "s", "retrospective": "^"}
_HATCH = {"fc": "white", "ec": "#BBBBBB", "hatch": "/////", "lw": 0}
_DARK = 45  # percent; above it a cell is so dark that its number is white
_COLUMNS = {"k": (1.05, "right"), "n": (1.12, "right"), "% [95% CI]": (1.15, "left")}


def _short(event: str) -> str:
    return event.replace("/Mucosal inflammation", "")


def event_heatmap(cells: pd.DataFrame, title: str) -> Figure:
    """Studies down, events across; lightness is the rate, and what is not reported is hatched.

    Parameters
    ----------
    cells : DataFrame
        One row a cell, in order: event, study, n, x (missing where not reported), group.
    title : str
    """
    studies = cells.drop_duplicates("study")
    studies = studies.sort_values("group", key=lambda g: g.map(list(MARKERS).index), kind="stable")
    order = {"index": studies["study"], "columns": cells["event"].unique()}
    counts = cells.pivot(index="study", columns="event", values="x").reindex(**order)
    sizes = studies.set_index("study")["n"]
    rates = 100 * counts.astype(float).div(sizes.astype(float), axis=0)
    with mpl.rc_context(STYLE):
        height = 0.31 * len(studies) + 1.3
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.275, 0.06 / height, 0.615, 1 - 1.26 / height))
        sns.heatmap(
            rates,
            annot=counts.astype("string").fillna(""),
            fmt="",
            annot_kws={"size": 7.5},
            cmap="cividis_r",
            vmin=0,
            vmax=100,
            linewidths=0.8,
            linecolor="white",
            ax=ax,
            cbar_ax=fig.add_axes((0.91, 0.06 / height, 0.018, 1 - 1.26 / height)),
            cbar_kws={"label": "patients with the event (percent of N)"},
        )
        for text, rate in zip(ax.texts, rates.stack().dropna(), strict=True):
            text.set_color("white" if rate > _DARK else BLACK)
        for row, column in np.argwhere(rates.isna()):
            ax.add_patch(Rectangle((column, row), 1, 1, **_HATCH))
        ax.hlines(np.arange(len(rates)), 0, len(rates.columns), color="white", lw=0.8)
        ax.vlines(np.arange(len(rates.columns)), 0, len(rates), color="white", lw=0.8)
        ax.set(xlabel="", ylabel="")
        names = [f"{r.study}  (N = {r.n})" for r in studies.itertuples()]
        ax.set_yticks(np.arange(len(names)) + 0.5, names, rotation=0)
        words = [_short(e) for e in rates.columns]
        ax.xaxis.tick_top()
        ax.set_xticks(np.arange(len(words)) + 0.5, words, rotation=38, ha="left")
        ax.tick_params(length=0, pad=2)
        _name_groups(ax, studies["group"])
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
        _key_of_heatmap(fig, height)
    return fig


def _name_groups(ax: Axes, groups: pd.Series) -> None:
    """Name each group beside its rows, with a line between two groups."""
    top = 0
    for group, part in groups.groupby(groups, sort=False):
        words = group.replace(" ", "\n", 1) if len(part) < 5 else group
        style = {"rotation": 90, "ha": "center", "va": "center", "size": 6.5}
        ax.text(-0.405, top + len(part) / 2, words, transform=ax.get_yaxis_transform(), **style)
        if top:
            ax.axhline(top, color=BLACK, lw=1.2, xmin=-0.44, clip_on=False)
        top += len(part)


def _key_of_heatmap(fig: Figure, height: float) -> None:
    """What a number and a hatched cell mean, under the title."""
    words = "number: patients with the event\nN: patients of the study"
    fig.text(0.01, 1 - 0.3 / height, words, va="top", size=7)
    key = Rectangle((0.012, 1 - 0.75 / height), 0.03, 0.13 / height, **_HATCH)
    key.set_transform(fig.transFigure)
    fig.add_artist(key)
    fig.text(0.05, 1 - 0.75 / height, "not reported", va="bottom", size=7)


def event_rates(rates: pd.DataFrame, cells: pd.DataFrame, title: str) -> Figure:
    """Pooled rate of each event by two models with both intervals, over the single studies.

    Parameters
    ----------
    rates : DataFrame
        One row a line: event, k, n, estimate_min, estimate_max, lower, upper, prediction_lower,
        prediction_upper (percent, missing where there is none), and the same six of the GLMM, with
        the prefix glmm_.
    cells : DataFrame
        event, group, rate (percent), of the studies that give a count.
    title : str
    """
    with mpl.rc_context(STYLE):
        height = 0.36 * len(rates) + 1.45
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.19, 0.45 / height, 0.55, 1 - 1.4 / height))
        _strips(ax, cells, {event: y - 0.27 for y, event in enumerate(rates["event"])})
        for y, r in enumerate(rates.itertuples()):
            _line(ax, r, "", y, {"color": BLACK, "lw": 3, "ms": 5.5, "mfc": "white"})
            _line(ax, r, "glmm_", y + 0.27, {"color": ORANGE, "lw": 2, "ms": 3, "mfc": ORANGE})
            _numbers(ax, r, y)
        side = ax.get_yaxis_transform()
        for text, (x, align) in _COLUMNS.items():
            ax.text(x, -0.8, text, transform=side, ha=align, weight="bold")
        ax.set(xlim=(-1, 101), ylim=(len(rates) - 0.4, -0.6))
        ax.set(xlabel="patients with the event (percent)", ylabel="")
        ax.set_yticks(range(len(rates)), [_short(e) for e in rates["event"]])
        ax.tick_params(axis="y", length=0)
        key = {"loc": "upper left", "bbox_to_anchor": (0.0, 1 - 0.22 / height), "ncol": 2}
        fig.legend(handles=_keys(), **key)
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _strips(ax: Axes, cells: pd.DataFrame, place: dict[str, float]) -> None:
    """Rates of the single studies as hollow marks, one shape a group."""
    shown = cells[cells["event"].isin(list(place))]
    shown = shown.assign(y=shown["event"].map(place), rate=shown["rate"].astype(float))
    style = {"jitter": False, "native_scale": True, "orient": "h", "size": 3.6, "linewidth": 0.9}
    for group, marker in MARKERS.items():
        part = shown[shown["group"] == group]
        if part.empty:
            continue
        style |= {"color": BLUE, "edgecolor": BLUE, "marker": marker}
        sns.stripplot(part, x="rate", y="y", legend=False, zorder=3, ax=ax, **style)
    for marks in ax.collections:
        marks.set_facecolor("none")


def _line(ax: Axes, rate: tuple, model: str, y: float, style: dict) -> None:
    """Estimate, confidence interval and prediction interval of one model."""
    names = ("estimate_min", "estimate_max", "lower", "upper", "prediction_lower")
    low, high, lower, upper, _ = values = [getattr(rate, model + n) for n in names]
    color = style["color"]
    if pd.notna(values[-1]):
        ends = (values[-1], getattr(rate, model + "prediction_upper"))
        thin = GREY if color == BLACK else color
        ax.plot(ends, [y, y], color=thin, lw=0.8, marker="|", ms=5, zorder=1)
    ax.plot([lower, upper], [y, y], color=color, lw=style["lw"], solid_capstyle="butt", zorder=2)
    ax.plot((low + high) / 2, y, "D", mec=color, mfc=style["mfc"], ms=style["ms"], zorder=4)


def _numbers(ax: Axes, r: tuple, y: float) -> None:
    """k, n and the pooled rate with its confidence interval beside a line."""
    text = f"{_range(r.estimate_min, r.estimate_max)} [{r.lower:.0f}, {r.upper:.0f}]"
    for shown, (x, align) in zip((f"{r.k}", f"{r.n}", text), _COLUMNS.values(), strict=True):
        ax.text(x, y, shown, transform=ax.get_yaxis_transform(), va="center", ha=align)


def _range(low: float, high: float) -> str:
    text = f"{low:.0f}"
    return text if text == f"{high:.0f}" else f"{text}–{high:.0f}"


def _keys() -> list[Line2D]:
    """Legend of `event_rates`."""
    hollow = {"ls": "", "mec": BLUE, "mfc": "none", "ms": 4}
    keys = [Line2D([], [], marker=m, label=f"study: {g}", **hollow) for g, m in MARKERS.items()]
    pooled = {"color": BLACK, "lw": 3, "marker": "D", "mec": BLACK, "mfc": "white", "ms": 5}
    keys.append(Line2D([], [], label="pooled rate, 95% confidence interval", **pooled))
    glmm = {"color": ORANGE, "lw": 2, "marker": "D", "ms": 3}
    keys.append(Line2D([], [], label="the same by the GLMM", **glmm))
    ends = "thin line with end marks: 95% prediction interval"
    keys.append(Line2D([], [], color=GREY, lw=0.8, marker="|", ms=5, label=ends))
    return keys
