"""Controls beside a forest plot: the analysis of notebook 03, one choice at a time."""

import base64
import html
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from metaprop.effectsize import choose
from metaprop.method import FIELDS, Method

from . import figures, parameters
from .primary import view

# Side by side where there is room, below each other where there is not: nothing is cut off.
_ROW = {"flex_flow": "row wrap", "width": "100%"}
_LISTS = {"flex": "0 0 28em"}
_SHOWN = {"flex": "1 1 30em", "min_width": "0"}


def _list(name: str, value: str) -> widgets.Dropdown:
    """A drop-down list of a parameter's values, all of it in words."""
    words = parameters.WORDS[name]
    valid = parameters.CHOICES[name]
    return widgets.Dropdown(
        options=[(words[v], v) for v in valid],
        value=choose(name, value, valid),
        description=parameters.NAMES[name],
        style={"description_width": "11em"},
        layout={"width": "27em"},
    )


class Explorer:
    """Drop-down lists and the view that follows them; a notebook shows it as it is.

    Where no kernel runs (a page, a report) the picture of the first choice stands in its place.
    """

    def __init__(self, table: str | Path | None = None, **initial: str) -> None:
        self.controls = {
            name: _list(name, initial.get(name, valid[0]))
            for name, valid in parameters.CHOICES.items()
        }
        self.table = table
        self.output = widgets.HTML(layout=_SHOWN)
        self.first = self.redraw(preview=True)
        for control in self.controls.values():
            control.observe(lambda _: self.redraw(), "value")
        lists = widgets.VBox(list(self.controls.values()), layout=_LISTS)
        self.box = widgets.HBox([lists, self.output], layout=_ROW)

    def redraw(self, preview: bool = False) -> figures.Picture | None:
        """Bring picture and result in step with the controls; an error is shown in their place."""
        choice = {name: control.value for name, control in self.controls.items()}
        self.controls["inverse"].disabled = choice["scale"] != "PFT"
        for name in ("endpoint", "population", "counts"):
            self.controls[name].disabled = self.table is not None
        try:
            method = Method(**{f: choice.pop(f) for f in FIELDS if f in choice})
            found = view(**choice, method=method, table=self.table)
        except ValueError as error:
            self.output.value = f"<pre>{html.escape(str(error))}</pre>"
            return None
        drawn = figures.draw(found.figure, "explorer", found.caption, preview)
        picture = base64.b64encode(drawn.svg.encode()).decode()
        alt = html.escape(found.caption, quote=True)
        self.output.value = (
            f'<img src="data:image/svg+xml;base64,{picture}" alt="{alt}" style="max-width: 100%">'
            f"<p>{alt}</p>{found.table.html}"
        )
        return drawn

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        still = self.first._repr_mimebundle_() if self.first else {}
        return {**self.box._repr_mimebundle_(**kwargs), **still}
