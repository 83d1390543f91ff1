"""The house style, and a figure as a notebook shows it: the same bytes every time."""

import base64
import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

BLUE, ORANGE, GREEN, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#CC79A7"
BLACK, GREY, LIGHT = "#222222", "#767676", "#DDDDDD"
# Edge and face of a count's mark by what is known of it: solid if documented, hollow if not.
KINDS = {"documented": (BLUE, BLUE), "reconstructed": (ORANGE, "white")}

# Journal widths in inches (one and two columns of 84 and 174 mm).
COLUMN, PAGE = 3.31, 6.85

# Of the PNG beside the SVG: enough to read, and small, for notebooks are kept with it.
PREVIEW_DPI, PREVIEW_COLOURS = 100, 64

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


_MISSING = re.compile(r"Glyph (\d+) .*missing from font")
_SAID: set[str] = set()


@contextlib.contextmanager
def glyphs_said_once() -> Iterator[None]:
    """Draw in it: letters that the font lacks are named in one line, not in a warning each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    found = {m[1]: w for w in caught if (m := _MISSING.match(str(w.message)))}
    for other in caught:
        if not _MISSING.match(str(other.message)):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    if new := sorted({chr(int(code)) for code in found} - _SAID):
        _SAID.update(new)
        line = f"not in the font {STYLE['font.family']}, drawn as boxes: {' '.join(new)}"
        print(line, file=sys.stderr)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in the house style; draw inside ``mpl.rc_context(STYLE)``."""
    figure = Figure(figsize=(width, height))
    figure.set_facecolor("white")
    return figure


@dataclass(frozen=True)
class Picture:
    """A figure as a notebook shows it: the drawing, and its caption as the text beside it.

    The PNG is for hosts that show no SVG in a notebook.
    """

    name: str
    caption: str
    svg: str = field(repr=False)
    png: bytes = field(repr=False, default=b"")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        still = {"image/png": base64.b64encode(self.png).decode()} if self.png else {}
        text = f"{self.name}: {self.caption}"
        return {"image/svg+xml": self.svg, **still, "text/plain": text}


def draw(figure: Figure, name: str, caption: str, preview: bool = True) -> Picture:
    """What a notebook displays of a figure, drawn as SVG.

    Parameters
    ----------
    figure : Figure
    name, caption : str
        Title and description of the SVG, and the text beside it.
    preview : bool
        Whether to draw the PNG too.
    """
    svg = io.BytesIO()
    facts = {"Date": None, "Creator": None, "Title": name, "Description": caption}
    with mpl.rc_context(STYLE), glyphs_said_once():
        FigureCanvasSVG(figure).print_svg(svg, metadata=facts)
        png = _preview(figure) if preview else b""
    return Picture(name, caption, svg.getvalue().decode(), png)


def _preview(figure: Figure) -> bytes:
    """The figure as a small PNG of few colours, without what differs between two machines."""
    figure.set_dpi(PREVIEW_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    out = io.BytesIO()
    few = drawn.quantize(PREVIEW_COLOURS, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()
