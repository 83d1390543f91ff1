"""The selection flow (Figure 1) and the patients (Table 2)."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from metaprop.plots.style import BLACK, BLUE, GREY, LIGHT, PAGE, SKY, STYLE, new_figure


def selection_flow(remaining: list[str], excluded: list[str]) -> Figure:
    """Boxes down the page, what remains on the left and what left between them on the right.

    Parameters
    ----------
    remaining, excluded : list of str
        Texts of the boxes, from the top; one exclusion between each pair of remaining boxes.
    """
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 0.85 * len(remaining))
        ax = fig.add_axes((0.01, 0.01, 0.98, 0.98))
        ax.set(xlim=(0, 10), ylim=(len(remaining) - 0.45, -0.55))
        ax.axis("off")
        arrow = {"arrowstyle": "-|>", "color": BLACK, "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
        for y, text in enumerate(remaining):
            _box(ax, 0.2, y, 4.4, text, SKY)
            if y:
                ax.annotate("", xy=(2.4, y - 0.28), xytext=(2.4, y - 0.72), arrowprops=arrow)
        for y, text in enumerate(excluded):
            _box(ax, 5.5, y + 0.5, 4.3, text, "#F0F0F0")
            ax.annotate("", xy=(5.5, y + 0.5), xytext=(2.4, y + 0.5), arrowprops=arrow)
    return fig


def _box(ax: mpl.axes.Axes, x: float, y: float, width: float, text: str, colour: str) -> None:
    style = "round,pad=0,rounding_size=0.06"
    box = FancyBboxPatch((x, y - 0.27), width, 0.54, boxstyle=style, fc=colour, ec=BLACK, lw=0.8)
    box.set_alpha(0.45 if colour == SKY else 1)
    ax.add_patch(box)
    ax.text(x + width / 2, y, text, ha="center", va="center", linespacing=1.3)


def characteristics(table: pd.DataFrame) -> Figure:
    """Shares of patients, one panel a block of Table 2.

    Parameters
    ----------
    table : DataFrame
        characteristic, level, n, total, percent (recomputed from n and total), unknown (True: the
        level is no characteristic, drawn grey and hatched).
    """
    blocks = list(dict.fromkeys(table["characteristic"]))
    heights = [sum(table["characteristic"] == b) + 1.6 for b in blocks]
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 0.185 * sum(heights) + 0.5)
        axes = fig.subplots(len(blocks), 1, sharex=True, height_ratios=heights)
        fig.subplots_adjust(left=0.33, right=0.86, top=0.97, bottom=0.06, hspace=0.35)
        for ax, block in zip(axes, blocks, strict=True):
            part = table[table["characteristic"] == block]
            bars = ax.barh(part["level"], part["percent"], color=BLUE, height=0.62)
            for bar in np.array(bars)[part["unknown"].to_numpy(bool)]:
                bar.set(facecolor=LIGHT, edgecolor=GREY, hatch="////", linewidth=0.5)
            for y, (_, r) in enumerate(part.iterrows()):
                ax.text(r["percent"] + 1, y, f"{r['n']}/{r['total']}", va="center", color=GREY)
            ax.set(ylim=(len(part) - 0.4, -0.6), xlim=(0, 100))
            ax.set_title(block, loc="left")
            ax.tick_params(left=False)
        axes[-1].set_xlabel("patients (percent of the block's total, unknown included)")
    return fig
