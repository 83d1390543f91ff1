"""Pictures of notebook 05 with their captions: funnels, trim and fill, p values."""

import numpy as np
import pandas as pd

from metaprop import funnel, trimfill
from metaprop.labels import SCALE
from metaprop.plots import funnel as plots
from metaprop.small_study import TESTS

from . import figures
from .small_study import Part


def funnel_figure(part: Part) -> figures.Picture | None:
    """Contour funnel of the rows as drawn."""
    if part.missing:
        return None
    fit, scale = part.drawn.fit, part.method.scale
    contours = funnel.contour_table(float(fit.estimate), scale, float(fit.tau2))
    rows = "" if part.one else ", all rows"
    picture = plots.funnel(
        part.points, contours, float(fit.estimate), 100 * float(part.drawn.estimate),
        f"Funnel plots{rows}: {part.what}",
    )  # fmt: skip
    if part.one:
        caption = _FUNNEL.format(k=len(part.n), what=part.what)
        hollow = part.frame["kind"].eq("reconstructed").any()
        return figures.show(picture, "funnel", caption + _HOLLOW * bool(hollow))
    caption = _FUNNEL_SET.format(k=len(part.n), what=part.what)
    return figures.show(picture, "funnel_reconstructed", caption)


_FUNNEL = (
    "Funnel plots of {k} rows ({what}). Left: effect on the transformed scale against its standard "
    "error. Right: rate (percent) against the square root of the number of patients. Shaded: where "
    "90, 95 and 99% of studies lie by chance around the pooled rate (line); dashed: 95% with the "
    "between-study variance."
)
_HOLLOW = " Solid marks: documented counts; hollow: reconstructed."
_FUNNEL_SET = (
    "Funnel plots of all {k} rows ({what}). Solid: documented counts. Hollow: reconstructed, one "
    "reference vector of the identified set, with the range of each count over the set as a line. "
    "Panels and contours as in the funnel of the rows with a count."
)


def fills_figure(part: Part) -> figures.Picture:
    """Funnels of one set of rows with the rows that each estimator adds."""
    row = part.points
    y, v = row["y"].to_numpy(), row["se"].to_numpy() ** 2
    panels = []
    for name, f in part.fills.items():
        one = trimfill.Filled(*(a[0] for a in vars(f).values()))
        effects, variances = trimfill.filled_rows(y, v, one)
        label = f"{name}: no value" if np.isnan(one.k0) else f"{name}: {one.k0:.0f} filled"
        panel = {"label": label, "y": effects, "se": np.sqrt(variances)}
        panels.append(panel | {"centre": float(one.estimate)})
    title = f"Trim and fill: {part.what}"
    picture = plots.trim_and_fill(row, panels, float(part.drawn.fit.estimate), title)
    caption = _FILL.format(k=len(part.n), what=part.what, names=", ".join(part.fills))
    return figures.show(picture, "trim_and_fill", caption)


_FILL = (
    "Trim and fill of {k} rows ({what}), estimators {names}. Effect on the transformed scale "
    "against its standard error. Crosses: mirror images of the rows that the estimator finds in "
    "excess. Lines: pooled effect of the rows as they are, and with the crosses added."
)


def p_values_figure(known: Part, possible: Part, printed: float | None) -> figures.Picture:
    """P values of the tests on the notebook's scale: one for known counts, a strip for a set."""
    scale, ways = known.method.scale, () if possible.missing else TESTS
    dots = pd.DataFrame({"label": TESTS, "p": [known.tests[scale, t].p[0] for t in TESTS]})
    strips = [pd.DataFrame({"label": t, "p": possible.tests[scale, t].p}) for t in ways]
    title = f"P values of five tests: {known.what}"
    strip = pd.concat(strips) if strips else dots.head(0)
    caption = _P_VALUES.format(what=known.what, scale=SCALE[scale], k=len(known.n))
    caption += "" if possible.missing else _P_STRIPS
    caption += "" if printed is None else _P_PRINTED
    lines = {} if printed is None else {"Egger": printed}
    picture = plots.p_values(dots, strip, lines, title)
    return figures.show(picture, "small_study_p_values", caption)


_P_VALUES = (
    "Two-sided p values of five tests of small-study effects ({what}, {scale} scale). "
    "Dots: the {k} rows with a count."
)
_P_STRIPS = (
    " Strips: a stroke for each p value over every vector of counts that the published results "
    "leave possible."
)
_P_PRINTED = " Black stroke: the printed p value, which is of Egger's test."
