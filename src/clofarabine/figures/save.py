"""Saving a figure the same way every time."""

import io

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from metaprop.plots.style import STYLE, Picture, draw, glyphs_said_once

from ..tables import paths


def show(figure: Figure, name: str, caption: str) -> Picture:
    """Save a figure as SVG and PNG and return what a notebook displays.

    Parameters
    ----------
    figure : matplotlib Figure
    name : str
        File name without ending, after what the figure shows.
    caption : str
        Stands alone: what, units, n, and how to read the marks. It becomes the description inside
        the SVG and the text that a screen reader finds.
    """
    folder = paths.output_dir("figures")
    picture = draw(figure, name, caption)
    png = io.BytesIO()
    with mpl.rc_context(STYLE), glyphs_said_once():
        figure.set_dpi(STYLE["savefig.dpi"])
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None, "Description": caption})
    paths.write_bytes(folder / f"{name}.svg", picture.svg.encode())
    paths.write_bytes(folder / f"{name}.png", png.getvalue())
    return picture
