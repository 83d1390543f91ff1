"""The house style, and saving a figure the same way every time."""

import io
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#CC79A7"
BLACK, GREY, LIGHT = "#222222", "#767676", "#DDDDDD"

# Journal widths in inches (one and two columns of 84 and 174 mm).
COLUMN, PAGE = 3.31, 6.85

STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so the same on every machine
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": BLACK,
    "axes.labelcolor": BLACK,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.hashsalt": "clofarabine",  # ids in the SVG depend on the drawing alone
    "svg.fonttype": "path",
    "text.parse_math": False,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in the house style; draw inside ``mpl.rc_context(STYLE)``."""
    figure = Figure(figsize=(width, height))
    figure.set_facecolor("white")
    return figure


@dataclass(frozen=True)
class Picture:
    """A saved figure as a notebook shows it: the drawing, and its caption as the text beside it."""

    name: str
    caption: str
    svg: str = field(repr=False)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": f"{self.name}: {self.caption}"}


def draw(figure: Figure, name: str, caption: str) -> Picture:
    """What a notebook displays of a figure that is not kept as a file; arguments as in `show`."""
    svg = io.BytesIO()
    facts = {"Date": None, "Creator": None, "Title": name, "Description": caption}
    with mpl.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(svg, metadata=facts)
    return Picture(name, caption, svg.getvalue().decode())
