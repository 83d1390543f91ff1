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


class Explorer:
    """Drop-down lists and the view that follows them; a notebook shows it as it is.

    Where no kernel runs (a page, a report) the picture of the first choice stands in its place.
    """

    def __init__(self, table: str | Path | None = None, **initial: str) -> None:
        self.controls = {
            name: widgets.Dropdown(
                options=valid,
                value=choose(name, initial.get(name, valid[0]), valid),
                description=name,
                style={"description_width": "9em"},
            )
            for name, valid in parameters.CHOICES.items()
        }
        self.table = table
        self.output = widgets.HTML()
        self.first = self.redraw()
        for control in self.controls.values():
            control.observe(lambda _: self.redraw(), "value")
        lists = widgets.VBox(list(self.controls.values()), layout={"flex": "0 0 auto"})
        self.box = widgets.HBox([lists, self.output])

    def redraw(self) -> figures.Picture | None:
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
        drawn = figures.draw(found.figure, "explorer", found.caption)
        picture = base64.b64encode(drawn.svg.encode()).decode()
        alt = html.escape(found.caption, quote=True)
        table = found.result.T.to_html(float_format="{:.4g}".format, border=0, justify="right")
        self.output.value = (
            f'<img src="data:image/svg+xml;base64,{picture}" alt="{alt}" style="max-width: 100%">'
            f"<p>{alt}</p><style>.clofarabine td, .clofarabine th {{padding: 0 .6em}}</style>"
            f'<div class="clofarabine">{table}</div>'
        )
        return drawn

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        still = self.first._repr_mimebundle_() if self.first else {}
        return {**self.box._repr_mimebundle_(**kwargs), **still}
