"""Controls beside a forest plot: the analysis of notebook 03, one choice at a time."""

import base64
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from . import choices, data, figures, rows
from .pooling import Interval, Pooled, Tau2, pool
from .proportions import (
    INVERSES,
    Array,
    Inverse,
    Scale,
    back_transform,
    choose,
    overall_n,
    transform,
)

_Z = ndtri(0.975)


def quantities(
    x: ArrayLike, n: ArrayLike, transformation: Scale, tau2: Tau2, interval: Interval,
    inverse: Inverse,
) -> tuple[dict[str, Array], Pooled]:  # fmt: skip
    """Pooled result of counts x among n, shapes (..., k) -> (...), proportions in percent.

    Raises
    ------
    ValueError
        As `transform` and `pool` do.
    """
    choose("inverse", inverse, INVERSES)
    y, v = transform(x, n, transformation)
    pooled = pool(y, v, tau2, interval)
    size = None
    if transformation == "PFT" and inverse != "sin2":
        size = overall_n(n, inverse, pooled.se)
    ends = {"estimate": pooled.estimate, "lower": pooled.lower, "upper": pooled.upper}
    if pooled.k > 2:
        ends["prediction from"], ends["to"] = pooled.prediction()
    result = {name: 100 * back_transform(e, transformation, size) for name, e in ends.items()}
    return result | {
        "tau²": pooled.tau2,
        "I²": 100 * pooled.i2,
        "Q": pooled.q,
        "p of Q": pooled.q_p,
    }, pooled


def _lines(frame: pd.DataFrame, transformation: Scale, tau2: float) -> pd.DataFrame:
    """Rows of the forest plot: each study's estimate and Wald limits (percent) and weight."""
    known = frame["x"].notna()
    x, n = (frame.loc[known, c].to_numpy(float) for c in ("x", "n"))
    y, v = transform(x, n, transformation)
    size = n if transformation == "PFT" else None
    half = _Z * np.sqrt(v)
    weight = 1 / (v + tau2)
    columns = {
        "estimate": 100 * back_transform(y, transformation, size),
        "lower": 100 * back_transform(y - half, transformation, size),
        "upper": 100 * back_transform(y + half, transformation, size),
        "weight": 100 * weight / weight.sum(),
    }
    return frame.join(pd.DataFrame(columns, index=frame.index[known]))


def _printed(endpoint: str, population: str, transformation: str) -> list[dict[str, Any]]:
    """The published estimate as a line of the forest plot, if the paper prints one."""
    table = data.load("pooled_results")
    key = {"endpoint": endpoint, "population": population, "transformation": transformation}
    found = table[(table[list(key)] == pd.Series(key)).all(axis=1)]
    ends = ("estimate", "lower", "upper")
    return [
        {"label": "As published", "printed": True, **{e: float(r[e]) for e in ends}}
        for _, r in found.iterrows()
    ]


@dataclass(frozen=True)
class View:
    """What one choice of parameters gives: a picture, and the pooled result as a table."""

    picture: figures.Picture
    result: pd.DataFrame


def view(
    endpoint: str = "CR",
    population: str = "paediatric",
    transformation: Scale = "PAS",
    tau2: Tau2 = "DL",
    interval: Interval = "wald",
    inverse: Inverse = "harmonic",
    counts: str = "documented",
    table: str | Path | None = None,
) -> View:
    """Forest plot and pooled result under one choice; parameters as in the notebooks.

    With reconstructed counts the result has a range: the smallest and the largest value over all
    vectors of the identified set.

    Raises
    ------
    ValueError
        On an unknown value, with the list of valid ones.
    """
    frame = rows.load(endpoint, population, counts, table)
    known = frame[frame["x"].notna()]
    choice = (transformation, tau2, interval, inverse)
    n = known["n"].to_numpy(float)
    found, pooled = quantities(known["x"].to_numpy(float), n, *choice)
    result = pd.DataFrame({"value": pd.Series(found, dtype=float)})
    if counts == "reconstructed" and table is None:
        _, vectors, sizes = rows.identified(endpoint, population)
        over, _ = quantities(vectors, sizes, *choice)
        result["smallest"] = pd.Series({q: float(a.min()) for q, a in over.items()})
        result["largest"] = pd.Series({q: float(a.max()) for q, a in over.items()})
    line = {"label": f"Pooled ({tau2}, {interval})"}
    line |= {e: float(found[e]) for e in ("estimate", "lower", "upper")}
    if "to" in found:
        line["prediction"] = (float(found["prediction from"]), float(found["to"]))
    printed = [] if table is not None else _printed(endpoint, population, transformation)
    what = (Path(table).stem,) if table is not None else (endpoint, population, counts)
    title = f"{', '.join(what)} · {transformation}"
    lines = _lines(frame, transformation, float(pooled.tau2))
    figure = figures.forest(lines, [line, *printed], title, "patients with the event (percent)")
    caption = (
        f"{title}: {pooled.k} of {len(frame)} rows, {int(n.sum())} patients; pooled "
        f"{line['estimate']:.1f}% [{line['lower']:.1f}, {line['upper']:.1f}], tau² by {tau2}, "
        f"interval {interval}."
    )
    return View(figures.draw(figure, "explorer", caption), result)


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
            for name, valid in choices.CHOICES.items()
        }
        self.table = table
        self.output = widgets.HTML()
        self.first = self.redraw()
        for control in self.controls.values():
            control.observe(lambda _: self.redraw(), "value")
        lists = widgets.VBox(list(self.controls.values()), layout={"flex": "0 0 auto"})
        self.box = widgets.HBox([lists, self.output])

    def redraw(self) -> View | None:
        """Bring picture and result in step with the controls; an error is shown in their place."""
        choice = {name: control.value for name, control in self.controls.items()}
        self.controls["inverse"].disabled = choice["transformation"] != "PFT"
        for name in ("endpoint", "population", "counts"):
            self.controls[name].disabled = self.table is not None
        try:
            found = view(**choice, table=self.table)
        except ValueError as error:
            self.output.value = f"<pre>{html.escape(str(error))}</pre>"
            return None
        picture = base64.b64encode(found.picture.svg.encode()).decode()
        alt = html.escape(found.picture.caption, quote=True)
        table = found.result.T.to_html(float_format="{:.4g}".format, border=0, justify="right")
        self.output.value = (
            f'<img src="data:image/svg+xml;base64,{picture}" alt="{alt}" style="max-width: 100%">'
            f"<p>{alt}</p><style>.clofarabine td, .clofarabine th {{padding: 0 .6em}}</style>"
            f'<div class="clofarabine">{table}</div>'
        )
        return found

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        still = self.first.picture._repr_mimebundle_() if self.first else {}
        return {**self.box._repr_mimebundle_(**kwargs), **still}
