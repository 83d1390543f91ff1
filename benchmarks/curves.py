"""Drawings beside RESULTS.md: small SVG files that depend on the measured numbers alone."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG

from metaprop.plots import style

HERE = Path(__file__).parent
_COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.GREY)
_MARKS = "os^Dv"


def _save(name: str, title: str, draw) -> None:
    with mpl.rc_context(style.STYLE | {"svg.fonttype": "none"}):  # a tenth of the size
        figure = style.new_figure(style.PAGE * 0.7, 2.4)
        draw(figure.add_subplot())
        figure.set_layout_engine("constrained")
        facts = {"Date": None, "Creator": None, "Title": title}
        FigureCanvasSVG(figure).print_svg(HERE / f"{name}.svg", metadata=facts)


def _logarithmic(ax) -> None:
    """A logarithmic y axis that says 1,000 and not a formula."""
    ax.set_yscale("log")
    for axis in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
        axis(lambda v, _: f"{v:,.10g}" if f"{v:.3e}"[0] in "12357" and v >= 0.1 else "")
    low, high = ax.get_ylim()
    if high > 50 * low:
        ax.yaxis.set_minor_formatter(lambda *_: "")


def lines(
    name: str, x_label: str, y_label: str, x: Sequence[float],
    ways: Mapping[str, Sequence[float | None]],
) -> None:  # fmt: skip
    """Draw what each way takes or gives as x grows, both on logarithmic scales."""

    def draw(ax) -> None:
        for (way, y), colour, mark in zip(ways.items(), _COLOURS, _MARKS, strict=False):
            at = [(a, b) for a, b in zip(x, y, strict=True) if b is not None]
            ax.plot(*zip(*at, strict=True), color=colour, marker=mark, ms=3.5, lw=1, label=way)
        ax.set(xscale="log", xlabel=x_label, ylabel=y_label)
        _logarithmic(ax)
        ax.set_xticks(list(x), [f"{v:,.0f}" for v in x])
        ax.set_xticks([], minor=True)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

    _save(name, f"{y_label} by {x_label}", draw)


def bars(name: str, took: Mapping[str, tuple[float, float]], chain: set[str], floor: float) -> None:
    """Draw when each notebook ran, those of the critical path in another colour."""

    def draw(ax) -> None:
        for i, (who, (a, b)) in enumerate(took.items()):
            ax.barh(i, b - a, left=a, color=style.ORANGE if who in chain else style.SKY, height=0.6)
        ax.axvline(floor, color=style.GREY, lw=0.8, ls="--")
        ax.text(floor, -0.8, " floor", color=style.GREY, fontsize=7)
        ax.set_yticks(range(len(took)), list(took))
        ax.set(xlabel="seconds; orange: the critical path")
        ax.set_xlim(left=0)
        ax.invert_yaxis()

    _save(name, "When each notebook ran", draw)


def search(text: str) -> str:
    """Draw the growth of the search from its written table, and return the link to the drawing."""
    rows = re.findall(
        r"^\| (none|[A-Z][^|]*?) \| ([\d.e+]+) \| ([\d.e+]+) \| ([\d,]+) \|$", text, re.M
    )
    if not rows:
        return ""
    free = [0 if r[0] == "none" else 1 + r[0].count(",") for r in rows]
    ways = {
        what: [float(r[i].replace(",", "")) / float(rows[0][i].replace(",", "")) for r in rows]
        for i, what in ((1, "grid"), (2, "time"), (3, "vectors found"))
    }

    def draw(ax) -> None:
        for (way, y), colour, mark in zip(ways.items(), _COLOURS, _MARKS, strict=False):
            ax.plot(free, y, color=colour, marker=mark, ms=3.5, lw=1, label=way)
        ax.set(xlabel="documented rows set free", ylabel="times as with none")
        _logarithmic(ax)
        ax.set_xticks(free)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

    _save("search", "Growth of the search with the rows set free", draw)
    return "![Growth of the search with the rows set free](search.svg)\n\n"
