"""The paper as a picture: a mark for every number, by verdict."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from metaprop.plots.style import BLACK, BLUE, GREY, ORANGE, PAGE, SKY, STYLE, new_figure

# Verdict -> marker, fill, edge: told apart by shape and darkness as well as by colour.
_MARKS = {
    "reproduced": ("s", BLUE, BLUE),
    "consistent": ("s", SKY, BLUE),
    "discrepant": ("X", ORANGE, BLACK),
    "transcribed": ("o", "white", GREY),
    "not reproducible": ("d", "white", BLACK),
}

CAPTION = (
    "Every number and label of the paper in its order, one mark each, by verdict (number of claims "
    "in brackets; beside each section the number of its claims). Filled dark square: recomputed "
    "from other numbers. Filled light square: within what other numbers allow, or used as a "
    "constraint. "
    "Cross: cannot hold together with the other numbers named beside it. Circle: an input that "
    "nothing printed can check. Diamond: needs unpublished data. Rows of a table are lines, named "
    "at their ends."
)


def claims_map(table: pd.DataFrame, width: int = 44) -> Figure:
    """One mark per number, in the order of the paper, one band per section or table.

    Parameters
    ----------
    table : DataFrame
        id, section, verdict; in the order of the paper. A band starts a new line for each row of
        a table, which is named at its end, and where a line is full.
    width : int
        Marks a line.
    """
    row = table["id"].str.split("/").str[1].where(table["id"].str.startswith("table"), "")
    table = table.assign(group=row)
    places, bands, rows, y = [], [], [], 0
    for section, part in table.groupby("section", sort=False):
        top, x, last = y, 0, None
        for group, verdict in zip(part["group"], part["verdict"], strict=True):
            if x >= width or (last is not None and group != last):
                rows.append((x, y, last))
                x, y = 0, y + 1
            places.append((x, y, verdict))
            x, last = x + 1, group
        rows.append((x, y, last))
        bands.append((section, len(part), top))
        y += 2
    with mpl.rc_context(STYLE):
        fig = new_figure(PAGE, 0.118 * y + 0.55)
        ax = fig.add_axes((0.28, 0.005, 0.715, 1 - 0.45 / fig.get_figheight()))
        ax.set(xlim=(-0.8, width), ylim=(y - 1, -1))
        ax.axis("off")
        for verdict, (marker, face, edge) in _MARKS.items():
            xs = [p[0] for p in places if p[2] == verdict]
            ys = [p[1] for p in places if p[2] == verdict]
            size = 44 if verdict == "discrepant" else 22
            ax.scatter(xs, ys, size, marker=marker, facecolor=face, edgecolor=edge, lw=0.7,
                       zorder=3 if verdict == "discrepant" else 2)  # fmt: skip
        for section, n, top in bands:
            ax.text(-4.2, top, section, ha="right", va="center", weight="bold")
            ax.text(-1.2, top, f"{n}", ha="right", va="center", color=GREY)
        ax.text(-1.2, -1.2, "claims", ha="right", va="center", color=GREY, fontsize=7)
        for x, row, name in rows:
            ax.text(x, row, name, va="center", color=GREY, fontsize=6)
        counts = table["verdict"].value_counts()
        handles = [
            Line2D([], [], ls="", marker=m, mfc=f, mec=e, ms=6, label=f"{v} ({counts.get(v, 0)})")
            for v, (m, f, e) in _MARKS.items()
        ]
        fig.legend(handles=handles, loc="upper center", ncols=len(handles), columnspacing=1.2,
                   handletextpad=0.2)  # fmt: skip
    return fig
