"""What the sensitivity pictures must show: what is reconstructed is hollow, choices are named."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex

from clofarabine import figures
from metaprop.plots.style import STYLE

KINDS = pd.DataFrame({"label": list("abc"), "kind": ["documented", "reconstructed", "documented"]})
RANGES = {"lower_min": 5.0, "upper_max": 40.0}


def svg(figure):
    out = io.BytesIO()
    with mpl.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})
    return out.getvalue()


def marks(ax, shapes="soD"):
    """(x, fill, shape) of every marked point on an axis."""
    return [
        (float(x), to_hex(line.get_markerfacecolor()), line.get_marker())
        for line in ax.lines
        if line.get_marker() in shapes
        for x in np.atleast_1d(line.get_xdata())
    ]


def pooled(estimates, title="t"):
    rows = pd.DataFrame([{"label": "x", "note": "k = 3", **RANGES}] * len(estimates))
    rows[["estimate_min", "estimate_max"]] = estimates
    return figures.pooled_list(rows, title, "percent", {"all rows": 15.0, "printed": 16.0})


def draw():
    diagnostics = KINDS.assign(x=[1.0, 2, 3], y=[0.1, 0.5, 0.2], z=[1.0, 3, 2], flagged=[0, 1, 0])
    diagnostics["flagged"] = diagnostics["flagged"].astype(bool)
    studies = KINDS.assign(n=[9, 5, 7], own=[10, 0, 30], median=15, lower=5, upper=30, weight=20)
    whole = pd.DataFrame({"label": ["pool", "new"], "median": 15, "lower": 5, "upper": 30})
    curve = pd.DataFrame(
        [{**RANGES, "estimate_min": e, "estimate_max": e, "model": m}
         for e, m in ((15, "PAS"), (14, "PFT"), (16, "PAS"))]
    )  # fmt: skip
    return {
        "pooled_list": pooled([(15, 15), (10, 20)]),
        "baujat": figures.baujat(diagnostics, "t"),
        "radial": figures.radial(diagnostics, 0.8, pd.Series({"10": 0.3, "50": 0.8}), "t"),
        "influence": figures.influence_panel(diagnostics, {"x": ("X", [2]), "y": ("Y", [0])}),
        "shrinkage": figures.shrinkage(studies, whole, "t", "percent"),
        "multiverse": figures.multiverse(
            curve, {"model": ["PAS", "PFT", "PLO"]}, "t", "percent", {"printed": 16.0}
        ),
    }


def test_pictures_are_the_same_bytes_every_time():
    for name, one, two in (
        (n, a, b) for (n, a), b in zip(draw().items(), draw().values(), strict=True)
    ):
        assert svg(one) == svg(two), name


@pytest.mark.parametrize("picture", ["baujat", "influence"])
def test_a_reconstructed_row_is_hollow(picture):
    found = marks(draw()[picture].axes[0])
    assert sorted(x for x, fill, _ in found if fill == "#ffffff") == [2.0]
    assert sorted(x for x, fill, _ in found if fill != "#ffffff") == [1.0, 3.0]


def test_a_flagged_row_is_a_diamond():
    assert [x for x, _, shape in marks(draw()["influence"].axes[0]) if shape == "D"] == [2.0]


def test_a_range_is_a_bar_and_a_narrow_one_a_hollow_mark():
    known, ranged = (pooled(e).axes[0] for e in ([(15, 15), (12, 12)], [(10, 20), (12, 12.2)]))
    assert [fill for _, fill, _ in marks(known)] == ["#0072b2"] * 2
    assert [(x, fill) for x, fill, _ in marks(ranged)] == [(12.1, "#ffffff")]
    assert [10.0, 20.0] in [list(line.get_xdata()) for line in ranged.lines]


def test_a_missing_estimate_is_a_heading():
    ax = pooled([(15, 15), (np.nan, np.nan)]).axes[0]
    assert len(marks(ax)) == 1


def test_the_curve_rises_and_names_only_the_choices_that_are_there():
    curve, matrix = draw()["multiverse"].axes
    heights = [x for line in curve.lines if line.get_marker() == "o" for x in line.get_ydata()]
    assert heights == [14, 15, 16]
    assert [t.get_text() for t in matrix.get_yticklabels()] == ["PAS", "PFT"]
