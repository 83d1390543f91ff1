"""Pictures of adverse events."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from metaprop.plots.style import BLACK, BLUE, GREY, ORANGE, PAGE, STYLE, new_figure

# One marker a group of studies; the shape tells them apart without colour.
MARKERS = {"clinical study": "o", "registry or survey": "s", "retrospective": "^"}
_HATCH = {"fc": "white", "ec": "#BBBBBB", "hatch": "/////"}


def event_heatmap(cells: pd.DataFrame, title: str) -> Figure:
    """Studies down, events across; lightness is the rate, and what is not reported is hatched.

    Parameters
    ----------
    cells : DataFrame
        One row a cell, in order: event, study, n, x (missing where not reported), group.
    title : str
    """
    events = list(dict.fromkeys(cells["event"]))
    studies = cells.drop_duplicates("study")
    studies = studies.sort_values("group", key=lambda g: g.map(list(MARKERS).index), kind="stable")
    place = {s: i for i, s in enumerate(studies["study"])}
    colours, norm = mpl.colormaps["cividis_r"], Normalize(0, 100)
    with mpl.rc_context(STYLE):
        height = 0.31 * len(place) + 1.2
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.275, 0.06 / height, 0.615, 1 - 1.16 / height))
        ax.set(xlim=(0, len(events)), ylim=(len(place), 0))
        for r in cells.itertuples():
            at = (events.index(r.event), place[r.study])
            if pd.isna(r.x):
                ax.add_patch(Rectangle(at, 1, 1, lw=0, **_HATCH))
                continue
            rate = 100 * float(r.x) / float(r.n)
            ax.add_patch(Rectangle(at, 1, 1, fc=colours(norm(rate)), ec="white", lw=0.8))
            ink = "white" if rate > 45 else BLACK
            centre = (at[0] + 0.5, at[1] + 0.5)
            ax.annotate(f"{r.x}", centre, ha="center", va="center", color=ink, size=7.5)
        top = 0
        for group, part in studies.groupby("group", sort=False):
            words = group.replace(" ", "\n", 1) if len(part) < 5 else group
            middle = (-0.405, top + len(part) / 2)
            style = {"rotation": 90, "ha": "center", "va": "center", "size": 6.5}
            ax.text(*middle, words, transform=ax.get_yaxis_transform(), **style)
            if top:
                ax.axhline(top, color=BLACK, lw=1.2, xmin=-0.44, clip_on=False)
            top += len(part)
        names = [f"{r.study}  (N = {r.n})" for r in studies.itertuples()]
        ax.set_yticks(np.arange(len(place)) + 0.5, names)
        words = [e.replace("/Mucosal inflammation", "") for e in events]
        ax.set_xticks(np.arange(len(events)) + 0.5, words, rotation=38, ha="left")
        ax.xaxis.tick_top()
        ax.tick_params(length=0, pad=2)
        ax.spines[:].set_visible(False)
        bar = fig.add_axes((0.91, 0.06 / height, 0.018, 1 - 1.16 / height))
        scale = fig.colorbar(ScalarMappable(norm, colours), cax=bar)
        scale.set_label("patients with the event (percent of N)")
        scale.outline.set_visible(False)
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
        key = Rectangle((0.012, 1 - 0.41 / height), 0.03, 0.13 / height, lw=0, **_HATCH)
        key.set_transform(fig.transFigure)
        fig.add_artist(key)
        fig.text(0.05, 1 - 0.4 / height, "not reported", va="bottom", size=7.5)
    return fig


def event_rates(rates: pd.DataFrame, cells: pd.DataFrame, title: str) -> Figure:
    """Pooled rate of each event with both intervals, over the rates of the single studies.

    Parameters
    ----------
    rates : DataFrame
        One row a line: event, k, n, estimate_min, estimate_max, lower, upper, prediction_lower,
        prediction_upper (percent, missing where there is none), and exact_min, exact_max,
        exact_lower, exact_upper of the GLMM.
    cells : DataFrame
        event, group, rate (percent), of the studies that give a count.
    title : str
    """
    with mpl.rc_context(STYLE):
        height = 0.30 * len(rates) + 1.35
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.19, 0.45 / height, 0.55, 1 - 1.3 / height))
        ax.set(xlim=(-1, 101), ylim=(len(rates) - 0.4, -0.6))
        ax.set_xlabel("patients with the event (percent)")
        side = ax.get_yaxis_transform()
        for y, r in enumerate(rates.itertuples()):
            if pd.notna(r.prediction_lower):
                limits = (r.prediction_lower, r.prediction_upper)
                ax.plot(limits, [y, y], color=GREY, lw=0.8, marker="|", ms=7, zorder=1)
            ax.plot([r.lower, r.upper], [y, y], color=BLACK, lw=3, solid_capstyle="butt", zorder=2)
            middle = (r.estimate_min + r.estimate_max) / 2
            ax.plot(middle, y, "D", mec=BLACK, mfc="white", ms=5.5, zorder=4)
            limits = (r.exact_lower, r.exact_upper)
            ax.plot(limits, [y + 0.3] * 2, color=ORANGE, lw=1.2, zorder=2)
            ax.plot((r.exact_min + r.exact_max) / 2, y + 0.3, "D", color=ORANGE, ms=3, zorder=4)
            part = cells[cells["event"] == r.event]
            for group, mark in MARKERS.items():
                rate = part.loc[part["group"] == group, "rate"].astype(float)
                height_ = np.full(len(rate), y - 0.3)
                ax.plot(rate, height_, mark, mec=BLUE, mfc="none", ms=3.6, mew=0.9, zorder=3)
            ax.text(1.045, y, f"{r.k}", transform=side, va="center", ha="right")
            ax.text(1.12, y, f"{r.n}", transform=side, va="center", ha="right")
            shown = _range(r.estimate_min, r.estimate_max)
            text = f"{shown} [{r.lower:.0f}, {r.upper:.0f}]"
            ax.text(1.15, y, text, transform=side, va="center", ha="left")
        for x, text, align in (
            (1.045, "k", "right"), (1.12, "n", "right"), (1.15, "% [95% CI]", "left"),
        ):  # fmt: skip
            ax.text(x, -0.85, text, transform=side, ha=align, weight="bold")
        words = [e.replace("/Mucosal inflammation", "") for e in rates["event"]]
        ax.set_yticks(range(len(rates)), words)
        ax.tick_params(axis="y", length=0)
        fig.legend(
            handles=_keys(bool(rates["prediction_lower"].notna().any())),
            loc="upper left",
            bbox_to_anchor=(0.0, 1 - 0.22 / height),
            ncol=3,
        )
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _range(low: float, high: float) -> str:
    text = f"{low:.0f}"
    return text if text == f"{high:.0f}" else f"{text}–{high:.0f}"


def _keys(predicts: bool) -> list[Line2D]:
    """Legend of `event_rates`; predicts: whether a prediction interval is drawn."""
    hollow = {"ls": "", "mec": BLUE, "mfc": "none", "ms": 4}
    keys = [Line2D([], [], marker=m, label=g, **hollow) for g, m in MARKERS.items()]
    pooled = {"color": BLACK, "lw": 3, "marker": "D", "mec": BLACK, "mfc": "white", "ms": 5}
    keys.append(Line2D([], [], label="pooled rate, confidence interval", **pooled))
    if predicts:
        keys.append(Line2D([], [], color=GREY, lw=0.8, marker="|", label="prediction interval"))
    keys.append(Line2D([], [], color=ORANGE, lw=1.2, marker="D", ms=3, label="GLMM"))
    return keys
