"""Pictures of choices: shrinkage under a Bayesian model, and every specification side by side."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from .forest import ROW, beside
from .style import BLACK, BLUE, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure


def shrinkage(rows: pd.DataFrame, summaries: pd.DataFrame, title: str, unit: str) -> Figure:
    """Each study's own estimate and what the others make of it.

    Parameters
    ----------
    rows : DataFrame
        label, n, kind, own (percent), median, lower, upper (posterior, percent), weight (share of
        the pooled value in the posterior, percent).
    summaries : DataFrame
        label, median, lower, upper (percent): the pooled rate (diamond), then a new study (bar).
    """
    lines = len(rows) + len(summaries)
    with mpl.rc_context(STYLE):
        height = ROW * (lines + 1.5) + 0.85
        fig = new_figure(PAGE, height)
        ax = fig.add_axes((0.27, 0.5 / height, 0.40, ROW * (lines + 1.3) / height))
        ax.set(xlim=(0, 100), ylim=(lines - 0.3, -1.6), yticks=[], xlabel=unit)
        ax.spines["left"].set_visible(False)
        for x, text, align in (
            (-0.64, "Study", "left"), (-0.04, "n", "right"),
            (1.03, "% [95% CrI]", "left"), (1.75, "pulled in, %", "right"),
        ):  # fmt: skip
            beside(ax, x, -0.95, text, ha=align, weight="bold")
        ax.axvline(summaries["median"].iloc[0], color=GREY, lw=0.8, ls="--", zorder=0)
        for y, (_, r) in enumerate(rows.iterrows()):
            hollow = r["kind"] == "reconstructed"
            colour = ORANGE if hollow else BLUE
            beside(ax, -0.64, y, str(r["label"]))
            beside(ax, -0.04, y, f"{int(r['n'])}", ha="right")
            ax.plot([r["lower"], r["upper"]], [y, y], color=BLACK, lw=0.9, zorder=1)
            ax.annotate(
                "", xy=(r["median"], y), xytext=(r["own"], y),
                arrowprops={"arrowstyle": "-", "color": colour, "lw": 2.2, "alpha": 0.5},
            )  # fmt: skip
            ax.plot(
                r["own"], y, "o", ms=4.5, mec=colour, mfc="white" if hollow else colour, zorder=3,
                clip_on=False,
            )  # fmt: skip
            ax.plot(r["median"], y, "|", ms=8, mew=2, color=BLACK, zorder=4)
            beside(ax, 1.03, y, f"{r['median']:.0f} [{r['lower']:.0f}, {r['upper']:.0f}]")
            beside(ax, 1.75, y, f"{r['weight']:.0f}", ha="right")
        ax.axhline(len(rows) - 0.45, color=GREY, lw=0.6, xmin=-0.64, xmax=1.75, clip_on=False)
        for y, (_, s) in enumerate(summaries.iterrows(), start=len(rows)):
            beside(ax, -0.64, y, str(s["label"]), weight="bold")
            mid, low, high = s["median"], s["lower"], s["upper"]
            if y == len(rows):
                ax.fill([low, mid, high, mid], [y, y - 0.28, y, y + 0.28], fc=BLACK, ec=BLACK)
            else:
                ax.plot([low, high], [y, y], color=GREY, lw=1, marker="|", ms=6)
            beside(ax, 1.03, y, f"{mid:.0f} [{low:.0f}, {high:.0f}]", weight="bold")
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def multiverse(
    frame: pd.DataFrame, choices: dict[str, list[str]], title: str, unit: str,
    printed: dict[str, float] | None = None,
) -> Figure:  # fmt: skip
    """Specification curve (Simonsohn et al. 2020): every analysis sorted, its choices below it.

    Parameters
    ----------
    frame : DataFrame
        One row per specification: estimate_min, estimate_max, lower_min, upper_max (percent; min
        and max are one number where the counts are known), and a column per choice.
    choices : dict
        Column of frame, which is its heading too: its values, in the order shown below the curve;
        absent ones are left out.
    title, unit : str
        Title, and label of the vertical axis.
    printed : dict, optional
        Horizontal lines by name, in percent; the first is the estimate, others limits (dotted).
    """
    middle = (frame["estimate_min"] + frame["estimate_max"]) / 2
    order = np.lexsort((frame["upper_max"], middle.round(6)))
    frame = frame.iloc[order].reset_index(drop=True)
    choices = {c: [v for v in vs if (frame[c] == v).any()] for c, vs in choices.items()}
    lines = sum(len(v) for v in choices.values()) + len(choices) - 1
    below = 0.135 * lines
    height = 2.6 + below + 0.25
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, height)
        left, width = 0.345, 0.565 if printed else 0.64  # what is printed is named at the right
        ax = fig.add_axes((left, (0.25 + below) / height, width, 2.35 / height))
        _curve(ax, frame, printed or {})
        ax.set_ylabel(unit)
        matrix = fig.add_axes((left, 0.12 / height, width, below / height), sharex=ax)
        _choices(matrix, frame, choices)
        ax.tick_params(bottom=False, labelbottom=False)
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig


def _curve(ax: Axes, frame: pd.DataFrame, printed: dict[str, float]) -> None:
    """The sorted estimates with their limits, and what is printed as lines."""
    at = np.arange(len(frame))
    ax.vlines(at, frame["lower_min"], frame["upper_max"], color=LIGHT, lw=0.8)
    if (frame["estimate_max"] > frame["estimate_min"]).any():
        ax.fill_between(at, frame["estimate_min"], frame["estimate_max"], color=ORANGE, lw=0,
                        alpha=0.55, step="mid", zorder=2)  # fmt: skip
    else:
        ax.plot(at, frame["estimate_min"], "o", ms=1.6, color=BLUE, zorder=3)
    for i, (name, value) in enumerate(printed.items()):
        ax.axhline(value, color=BLACK, lw=0.9 if i == 0 else 0.7, ls="--" if i == 0 else ":")
        ax.text(1.01, value, name, transform=ax.get_yaxis_transform(), va="center", size=6.5)
    ax.set(xlim=(-2, len(frame) + 1), ylim=(0, 1.05 * frame["upper_max"].max()))


def _choices(ax: Axes, frame: pd.DataFrame, choices: dict[str, list[str]]) -> None:
    """A strip a value, under its heading: where along the curve it was chosen."""
    rows, marks, y = [], [], 0
    for column, values in choices.items():
        across = blended_transform_factory(ax.figure.transFigure, ax.transData)
        ax.text(0.012, y, column, transform=across, va="center", weight="bold", size=7)
        for value in values:
            rows.append((y, value))
            marks.append(pd.DataFrame({"at": np.flatnonzero(frame[column] == value), "y": y}))
            y += 1
        y += 1
    sns.stripplot(
        pd.concat(marks), x="at", y="y", orient="h", native_scale=True, jitter=False, ax=ax,
        marker="|", size=4.5, linewidth=0.55, color=BLACK, legend=False,
    )  # fmt: skip
    ax.set(ylim=(y - 1.4, -0.6), xlabel="", ylabel="")
    ax.set_yticks(*zip(*rows, strict=True), size=6.5)
    ax.tick_params(left=False, bottom=False, labelbottom=False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def choice_strips(
    frame: pd.DataFrame, choices: dict[str, list[str]], title: str, unit: str,
    printed: float | None = None,
) -> Figure:  # fmt: skip
    """The estimates of all specifications, one strip a value of each choice.

    Parameters
    ----------
    frame : DataFrame
        One row per specification: middle (percent), and a column per choice.
    choices, title, unit : as in `multiverse`
    printed : float, optional
        The published estimate, a dashed line.
    """
    choices = {c: [v for v in vs if (frame[c] == v).any()] for c, vs in choices.items()}
    choices = {c: vs for c, vs in choices.items() if len(vs) > 1}
    lines = [len(v) for v in choices.values()]
    with mpl.rc_context(STYLE):
        height = 0.19 * (sum(lines) + len(lines)) + 0.75
        fig = new_figure(PAGE, height)
        axes = fig.subplots(
            len(lines), 1, sharex=True, height_ratios=[v + 0.4 for v in lines], squeeze=False
        )[:, 0]
        fig.subplots_adjust(left=0.345, right=0.985, top=1 - 0.3 / height, bottom=0.42 / height)
        for ax, (column, values) in zip(axes, choices.items(), strict=True):
            style = {"y": column, "x": "middle", "order": values, "ax": ax}
            sns.stripplot(frame, jitter=False, marker="|", size=7, linewidth=0.6, color=BLUE,
                          alpha=0.35, **style)  # fmt: skip
            medians = frame.groupby(column)["middle"].median()[values]
            ax.plot(medians, range(len(values)), "D", ms=4, mfc="white", mec=BLACK, zorder=4)
            if printed is not None:
                ax.axvline(printed, color=GREY, lw=0.9, ls="--", zorder=0)
            ax.text(-0.52, 0, column, transform=ax.get_yaxis_transform(), va="center",
                    weight="bold", size=7)  # fmt: skip
            ax.set(ylim=(len(values) - 0.4, -0.6), ylabel="", xlabel=unit if ax is axes[-1] else "")
            ax.tick_params(axis="y", left=False, labelsize=6.5)
            ax.tick_params(axis="x", bottom=ax is axes[-1], labelbottom=ax is axes[-1])
            ax.spines["left"].set_visible(False)
            ax.spines["bottom"].set_visible(ax is axes[-1])
        fig.text(0.01, 1 - 0.06 / height, title, va="top", weight="bold", size=9)
    return fig
