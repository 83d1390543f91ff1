"""What the sensitivity pictures must show: what is reconstructed is hollow, choices are named."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex

from clofarabine import figures
from metaprop.bayes import posterior
from metaprop.moderators import meta_regression
from metaprop.plots.moderators import bubbles, tau_density
from metaprop.plots.specification_curve import choice_strips
from metaprop.plots.style import STYLE

EFFECTS = np.array([0.3, 0.5, 0.4, 0.7]), np.array([0.01, 0.02, 0.05, 0.01])
Z = np.array([2001.0, 2004, 2009, 2010])
FIT = meta_regression(*EFFECTS, np.column_stack([np.ones(4), Z - Z.mean()]))

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
    return figures.pooled_list(rows, title, "percent", {"all rows": 15.0, "published": 16.0})


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
            curve, {"model": ["PAS", "PFT", "PLO"]}, "t", "percent", {"published": 16.0}
        ),
        "choice_strips": choice_strips(
            curve.assign(middle=curve["estimate_min"]), {"model": ["PAS", "PFT", "PLO"]}, "t", "%"
        ),
        "bubbles": bubbles({"year": (Z, *EFFECTS, FIT)}, "PAS", "t", "percent"),
        "tau": tau_density({"half-normal": posterior(*EFFECTS, scale=0.3)}, 0.3, "t"),
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


def test_a_mark_below_the_curve_says_where_its_choice_was_made():
    """Sorted, the estimates are of PFT, PAS, PAS."""
    matrix = draw()["multiverse"].axes[1]
    offsets = np.concatenate([np.asarray(c.get_offsets()) for c in matrix.collections])
    assert sorted(map(tuple, offsets.tolist())) == [(0.0, 1.0), (1.0, 0.0), (2.0, 0.0)]


def test_the_band_of_a_bubble_plot_is_the_interval_of_the_fit_at_the_mean():
    ax = draw()["bubbles"].axes[0]
    line = next(line for line in ax.lines if len(line.get_xdata()) > 2)
    at_mean = np.interp(Z.mean(), line.get_xdata(), line.get_ydata())
    assert at_mean == pytest.approx(100 * np.sin(FIT.coefficients[0]) ** 2, abs=0.01)
    band = ax.collections[0].get_paths()[0].vertices
    near = band[np.abs(band[:, 0] - Z.mean()).argmin(), 1]
    ends = [100 * np.sin(e) ** 2 for e in (FIT.lower[0], FIT.upper[0])]
    assert min(abs(near - e) for e in ends) < 0.5


def test_the_posterior_of_tau_stands_beside_its_prior():
    ax = draw()["tau"].axes[0]
    solid, dashed = ax.lines[:2]
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert dashed.get_ydata()[0] == pytest.approx(np.sqrt(2 / np.pi) / 0.3)
