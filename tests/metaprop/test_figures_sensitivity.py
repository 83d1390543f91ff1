"""What the sensitivity pictures must show: what is reconstructed is hollow, choices are named."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.text import Text

from metaprop import influence as measure
from metaprop.bayes import posterior
from metaprop.effectsize import transform
from metaprop.moderators import meta_regression
from metaprop.plots.influence import baujat, influence_panel, pooled_list, radial
from metaprop.plots.moderators import bubbles, tau_density
from metaprop.plots.specification_curve import choice_strips, multiverse, shrinkage
from metaprop.plots.style import STYLE

EFFECTS = np.array([0.3, 0.5, 0.4, 0.7]), np.array([0.01, 0.02, 0.05, 0.01])
Z = np.array([2001.0, 2004, 2009, 2010])
FIT = meta_regression(*EFFECTS, np.column_stack([np.ones(4), Z - Z.mean()]))

KINDS = pd.DataFrame({"label": list("abc"), "kind": ["documented", "reconstructed", "documented"]})
PANELS = {"x": ("X", 0.0, (-1.5, 1.5)), "y": ("Y", 0.0, ()), "z": ("Z", 0.0, (2.5,))}
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
    return pooled_list(rows, title, "percent", {"all rows": 15.0, "published": 16.0})


def draw():
    diagnostics = KINDS.assign(x=[1.0, 2, 3], y=[0.1, 0.5, 0.2], z=[1.0, 3, 2])
    studies = KINDS.assign(n=[9, 5, 7], own=[10, 0, 30], median=15, lower=5, upper=30, weight=20)
    whole = pd.DataFrame({"label": ["pool", "new"], "median": 15, "lower": 5, "upper": 30})
    curve = pd.DataFrame(
        [{**RANGES, "estimate_min": e, "estimate_max": e, "model": m}
         for e, m in ((15, "PAS"), (14, "PFT"), (16, "PAS"))]
    )  # fmt: skip
    return {
        "pooled_list": pooled([(15, 15), (10, 20)]),
        "baujat": baujat(diagnostics, "t"),
        "radial": radial(diagnostics, 0.8, pd.Series({"10": 0.3, "50": 0.8}), "t"),
        "influence": influence_panel(diagnostics, PANELS, "t"),
        "shrinkage": shrinkage(studies, whole, "t", "percent"),
        "multiverse": multiverse(
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


def test_a_diamond_is_what_lies_beyond_the_cut_offs_of_its_own_panel():
    axes = draw()["influence"].axes
    beyond = [[x for x, _, shape in marks(ax) if shape == "D"] for ax in axes]
    assert beyond == [[2.0, 3.0], [], [3.0]]
    lines = [[x.get_xdata()[0] for x in ax.lines if x.get_linestyle() == "--"] for ax in axes]
    assert lines == [[-1.5, 1.5], [], [2.5]]


def test_the_panels_mark_a_row_where_it_is_flagged_and_draw_no_other_cut_off():
    """A row that some panel marks is one that `influence` flags: the same cut-offs."""
    x, n = np.array([7, 8, 0, 4, 9]), np.array([61, 65, 4, 43, 26])
    found = measure.influence(*transform(x, n, "PAS"))
    cuts = measure.cutoffs(len(n))
    frame = pd.DataFrame({"label": list("abcde"), "kind": "documented"})
    frame = frame.assign(**{name: getattr(found, name) for name in cuts})
    fig = influence_panel(frame, {c: (c, 0.0, at) for c, at in cuts.items()}, "t")
    marked = {
        int(line.get_ydata()[0]) for ax in fig.axes for line in ax.lines if line.get_marker() == "D"
    }
    assert sorted(marked) == np.flatnonzero(found.flagged).tolist() != []


def _boxes(figure, ax):
    """Texts of the axes with what they say, and the marks, as boxes in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = {t.get_text(): Text.get_window_extent(t, canvas.renderer) for t in ax.texts}
    return texts, [ax.transData.transform(p) for line in ax.lines
                   if line.get_marker() == "o" for p in line.get_xydata()]  # fmt: skip


@pytest.mark.parametrize("picture", ["baujat", "radial"])
def test_every_point_of_few_is_named_and_no_name_lies_on_a_mark_or_another(picture):
    rows = pd.DataFrame({"label": ["CLO-212", "BIOV-111", "CLO05908", "Lu 2016", "Suo 2013"]})
    rows = rows.assign(
        kind="documented", x=[0.0, 0.07, 1.42, 0.59, 3.62], y=[0, 0, 0.13, 0.14, 2.5]
    )
    if picture == "radial":
        rows = rows.assign(x=[5.85, 5.88, 3.37, 5.68, 5.36], z=[2.02, 1.8, 0.0, 1.23, 3.78])
        fig = radial(rows, 0.353, pd.Series({"10": 0.32}), "t")
    else:
        fig = baujat(rows, "t")
    with mpl.rc_context(STYLE):
        texts, points = _boxes(fig, fig.axes[0])
    assert set(texts) == set(rows["label"])
    inside = fig.axes[0].get_window_extent()
    for name, box in texts.items():
        assert not any(box.contains(*p) for p in points), name
        assert not any(box.overlaps(b) for n, b in texts.items() if n != name), name
        assert all(inside.contains(*p) for p in (box.min, box.max)), name
        for line in fig.axes[0].lines:  # of the radial plot
            (x0, y0), (x1, y1) = fig.axes[0].transData.transform(line.get_xydata())[[0, -1]]
            along = np.linspace((x0, y0), (x1, y1), 400)
            assert line.get_marker() == "o" or not any(box.contains(*p) for p in along), name
    for x, y in points:  # no mark is cut at the edge
        assert inside.x0 + 3 < x < inside.x1 - 3
        assert inside.y0 + 3 < y < inside.y1 - 3


def test_what_is_printed_is_named_beside_the_curve_and_not_on_its_line():
    fig = draw()["multiverse"]
    with mpl.rc_context(STYLE):
        texts, _ = _boxes(fig, fig.axes[0])
        assert texts["published"].x0 > fig.axes[0].get_window_extent().x1
        assert texts["published"].x1 < fig.bbox.x1


def test_a_range_is_a_bar_and_a_narrow_one_a_hollow_mark():
    known, ranged = (pooled(e).axes[0] for e in ([(15, 15), (12, 12)], [(10, 20), (12, 12.2)]))
    assert [fill for _, fill, _ in marks(known)] == ["#0072b2"] * 2
    assert [(x, fill) for x, fill, _ in marks(ranged)] == [(12.1, "#ffffff")]
    assert [10.0, 20.0] in [list(line.get_xdata()) for line in ranged.lines]


def test_a_column_of_numbers_has_a_head_where_one_is_given():
    rows = pd.DataFrame(
        [{"label": "x", "note": 21, **RANGES, "estimate_min": 9, "estimate_max": 9}]
    )
    ax = pooled_list(rows, "t", "%", {}, noted="specifications").axes[0]
    places = {t.get_text(): t.get_position() for t in ax.texts}
    assert places["specifications"][0] == places["21"][0]
    assert places["specifications"][1] < places["x"][1]


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
