"""Pictures of small-study effects."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import ndtri

from .picture import BLACK, BLUE, GREY, LIGHT, ORANGE, PAGE, STYLE, new_figure


def funnel(rows: pd.DataFrame, centre: float, tau2: float, title: str) -> Figure:
    """Two funnels of the same rows: effect against its standard error, and rate against √n.

    Parameters
    ----------
    rows : DataFrame
        label, y, se (transformed scale), rate (percent), n, kind ("documented"/"reconstructed").
    centre : float
        Pooled effect on the transformed scale.
    tau2 : float
        Between-study variance; widens the outer contour.
    """
    z = ndtri(0.975)
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 3.0)
        left, right = fig.subplots(1, 2)
        fig.subplots_adjust(left=0.08, right=0.985, bottom=0.16, top=0.86, wspace=0.24)
        top = 1.08 * rows["se"].max()
        grid = np.linspace(0, top, 200)
        for half, colour in ((z * np.sqrt(grid**2 + tau2), LIGHT), (z * grid, "white")):
            left.fill_betweenx(grid, centre - half, centre + half, color=colour, lw=0)
            left.plot(centre - half, grid, color=GREY, lw=0.7, ls="--")
            left.plot(centre + half, grid, color=GREY, lw=0.7, ls="--")
        left.axvline(centre, color=BLACK, lw=0.8)
        left.set(ylim=(top, 0), xlabel="effect (transformed, radians)", ylabel="standard error")
        rate = 100 * np.sin(np.clip(centre, 0, np.pi / 2)) ** 2
        right.axvline(rate, color=BLACK, lw=0.8)
        right.set(xlabel="rate (percent)", ylabel="square root of n", ylim=(0, None))
        for ax, x, y in ((left, "y", "se"), (right, "rate", None)):
            for kind, colour, fill in (
                ("documented", BLUE, BLUE), ("reconstructed", ORANGE, "white"),
            ):  # fmt: skip
                part = rows[rows["kind"] == kind]
                down = part[y] if y else np.sqrt(part["n"])
                ax.plot(part[x], down, "o", mec=colour, mfc=fill, ms=5, label=kind, zorder=3)
        right.set_ylim(0, 1.1 * np.sqrt(rows["n"].max()))
        right.legend(loc="upper right", handletextpad=0.2)
        fig.text(0.01, 0.98, title, va="top", weight="bold", size=9)
    return fig
