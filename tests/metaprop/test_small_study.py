"""Small-study tests against the libraries that have them, and at their edges."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import need
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.collections import LineCollection
from numpy.testing import assert_allclose
from scipy.stats import kendalltau

from metaprop import funnel, line, pooling, small_study, trimfill
from metaprop.effectsize import SCALES, back_transform, transform
from metaprop.method import TAU2_METHODS
from metaprop.plots import funnel as plots

seeds = st.integers(0, 10_000)


@given(st.integers(3, 20), seeds)
def test_egger_is_the_regression_of_y_over_se(k, seed):
    rng = np.random.default_rng(seed)
    y, v = rng.normal(size=k), rng.uniform(0.01, 1, k)
    se = np.sqrt(v)
    fit = sm.OLS(y / se, sm.add_constant(1 / se)).fit()
    mine = small_study.egger(y, v)
    assert_allclose(mine.estimate, fit.params[0], rtol=1e-8, atol=1e-10)
    assert_allclose(mine.statistic, fit.tvalues[0], rtol=1e-7, atol=1e-9)
    assert_allclose(mine.p, fit.pvalues[0], rtol=1e-7)


@given(st.integers(3, 15), seeds)
def test_peters_and_macaskill_are_weighted_regressions(k, seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 200, k)
    assume(len(np.unique(n)) > 1)
    x = rng.binomial(n, 0.3)
    y, v = transform(x, n, "PAS")
    w = 1 / transform(x, n, "PLO")[1]
    for mine, predictor, weights in (
        (small_study.peters(y, x, n), 1 / n, w), (small_study.macaskill(y, v, n), n, 1 / v),
    ):  # fmt: skip
        fit = sm.WLS(y, sm.add_constant(predictor), weights=weights).fit()
        assume(fit.scale > 1e-20)  # all points on the line leave only rounding errors
        assert_allclose(mine.estimate, fit.params[1], rtol=1e-7, atol=1e-9)
        assert_allclose(mine.p, fit.pvalues[1], rtol=1e-6, atol=1e-9)
        assert mine.df == k - 2


@given(st.integers(3, 12), seeds, st.booleans())
def test_the_rank_test_is_kendalls(k, seed, ties):
    """scipy is exact without ties at these sizes, and uses the same corrected variance with them;
    it takes tau from the same counts of pairs, so that only rounding is left.
    """
    rng = np.random.default_rng(seed)
    v = rng.integers(1, 4, k) / 8 if ties else rng.uniform(0.01, 1, k)
    assume(len(np.unique(v)) > 1)
    y = rng.integers(0, 3, k).astype(float) if ties else rng.normal(size=k)
    w = 1 / v
    star = (y - np.average(y, weights=w)) / np.sqrt(v - 1 / w.sum())
    assume(len(np.unique(np.round(star, 9))) > 1)
    assume(len(np.unique(np.round(star, 9))) == len(np.unique(star)))
    tied = len(np.unique(star)) < k or len(np.unique(v)) < k
    want = kendalltau(star, v, method="asymptotic" if tied else "exact")
    mine = small_study.begg_mazumdar(y, v)
    assert_allclose([mine.estimate, mine.p], [want.statistic, want.pvalue], rtol=1e-9, atol=1e-12)


def test_thompson_sharp_with_no_residual_heterogeneity_is_the_common_effect_line():
    """Exactly on a line, tau² is 0, and with tau² = 0 the slope is Egger's."""
    v = np.array([0.01, 0.04, 0.09, 0.25])
    y = 0.3 + 1.5 * np.sqrt(v)
    mine = small_study.thompson_sharp(y, v)
    assert_allclose(mine.estimate, 1.5, rtol=1e-12)
    w, s = 1 / v, np.sqrt(v)
    mean = np.average(s, weights=w)
    assert_allclose(mine.se, (w * (s - mean) ** 2).sum() ** -0.5, rtol=1e-12)


@pytest.mark.parametrize("test", small_study.TESTS)
@pytest.mark.parametrize("scale", SCALES)
def test_a_batch_is_the_loop_over_its_rows(test, scale):
    rng = np.random.default_rng(3)
    n = np.array([2, 61, 65, 4, 138, 17, 43])
    x = rng.binomial(n, 0.2, (6, 50, 7))
    batch = small_study.run(test, x, n, scale)
    for at in ((0, 0), (3, 17), (5, 49)):
        one = small_study.run(test, x[at], n, scale)
        assert_allclose(one.p, batch.p[at], rtol=1e-12)
        assert_allclose(one.estimate, batch.estimate[at], rtol=1e-12)
    assert ((batch.p >= 0) & (batch.p <= 1)).all()


@pytest.mark.parametrize("test", small_study.TESTS)
def test_where_a_test_cannot_be_made(test):
    with pytest.raises(ValueError, match="found k = 2 rows, expected at least 3"):
        small_study.run(test, [1, 2], [5, 9], "PAS")
    with pytest.raises(ValueError, match="found k = 1 rows, expected at least 3"):
        small_study.run(test, [1], [5], "PAS")
    with pytest.raises(ValueError, match=r"found one .* in all rows"):
        small_study.run(test, [1, 1, 1], [5, 5, 5], "PAS")
    with pytest.raises(ValueError, match=r"found 3\.0 events, expected at most n = 2"):
        small_study.run(test, [1, 1, 3], [5, 4, 2], "PAS")


@pytest.mark.parametrize("test", small_study.TESTS)
def test_equal_effects_are_no_asymmetry(test):
    """No events at all: every effect is 0 on the arcsine scale."""
    mine = small_study.run(test, [0, 0, 0, 0], [2, 5, 9, 100], "PAS")
    assert (mine.estimate, mine.statistic, mine.p) == (0, 0, 1)


def test_unknown_names_get_the_valid_ones():
    with pytest.raises(ValueError, match="test: found 'egger', expected one of Egger, Thompson"):
        small_study.run("egger", [1, 2, 3], [4, 5, 6], "PAS")
    with pytest.raises(ValueError, match="estimator: found 'k0', expected one of L0, R0, Q0"):
        trimfill.trim_and_fill([0, 1, 2], [1, 2, 3], "k0")
    with pytest.raises(ValueError, match="side: found 'up', expected one of left, right"):
        trimfill.trim_and_fill([0, 1, 2], [1, 2, 3], side="up")
    with pytest.raises(ValueError, match="tau2_method: found 'EB'"):
        trimfill.trim_and_fill([0, 1, 2], [1, 2, 3], tau2_method="EB")
    with pytest.raises(ValueError, match="tau2_method: found 'HM', expected one of DL, PM"):
        line.residual_tau2([0, 1, 2], [1, 2, 3], "HM")


ESTIMATORS = st.sampled_from(trimfill.ESTIMATORS)


@given(st.integers(3, 12), seeds, ESTIMATORS, st.sampled_from(list(TAU2_METHODS)))
def test_trim_and_fill_turned_round(k, seed, estimator, tau2):
    """Mirrored rows miss their neighbours on the other side."""
    rng = np.random.default_rng(seed)
    y, v = rng.normal(size=k), rng.uniform(0.01, 1, k)
    a, b = (trimfill.trim_and_fill(s * y, v, estimator, tau2) for s in (1, -1))
    assert_allclose(a.k0, b.k0)
    assume(np.isfinite(a.k0))
    assert a.side == -b.side
    assert_allclose([a.lower, a.upper], [-b.upper, -b.lower], rtol=1e-9, atol=1e-12)
    extra, sizes = trimfill.filled_rows(y, v, a)
    assert len(extra) == a.k0
    fit = pooling.pool(np.append(y, extra), np.append(v, sizes), tau2)
    assert_allclose([fit.estimate, fit.lower], [a.estimate, a.lower], rtol=1e-9, atol=1e-12)


def test_trim_and_fill_in_one_call():
    rng = np.random.default_rng(5)
    y, v = rng.normal(size=(4, 30, 8)), rng.uniform(0.01, 1, 8)
    for estimator in trimfill.ESTIMATORS:
        batch = trimfill.trim_and_fill(y, v, estimator)
        assert len(np.unique(batch.k0)) > 1  # several numbers of rows in one batch
        for at in ((0, 0), (2, 11), (3, 29)):
            one = trimfill.trim_and_fill(y[at], v, estimator)
            assert_allclose(one.k0, batch.k0[at])
            assert_allclose(one.estimate, batch.estimate[at], rtol=1e-12)


@pytest.mark.parametrize("estimator", trimfill.ESTIMATORS)
def test_nothing_is_missing_where_all_rows_agree(estimator):
    """Identical rates, and no events at all: rounding errors must not count as sides."""
    for x, n in (([0, 0, 0], [3, 9, 40]), ([3, 10, 30, 60], [10, 34, 100, 200])):
        y, v = transform(x, n, "PAS")
        assert trimfill.trim_and_fill(np.full(len(n), y[0]), v, estimator).k0 == 0
    same = trimfill.trim_and_fill([0.3] * 5, [0.1] * 5, estimator, side="left")
    assert (same.k0, float(same.estimate)) == (0, pytest.approx(0.3))


@given(st.integers(3, 12), seeds, st.sampled_from(list(TAU2_METHODS)))
def test_rows_that_are_equal_up_to_rounding_have_no_slope(k, seed, method):
    """Equal rates whose effects differ in the last digit: no asymmetry, and none missing."""
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.01, 1, k)
    y = 0.7 + rng.integers(-2, 3, k) * 2.0**-53
    for test in (small_study.egger, small_study.thompson_sharp, small_study.begg_mazumdar):
        found = test(y, v)
        assert (found.estimate, found.statistic, found.p) == (0, 0, 1)
    for estimator in trimfill.ESTIMATORS:
        filled = trimfill.trim_and_fill(y, v, estimator, method)
        assert (filled.k0, filled.side) == (0, -1)


@pytest.fixture(scope="module")
def metafor_today(tmp_path_factory):
    """Thirty sets of rows, some with a strong small-study effect, as metafor sees them."""
    rng = np.random.default_rng(8)
    sets = []
    for _ in range(30):
        v = rng.uniform(0.01, 0.4, int(rng.integers(4, 16)))
        spread, slope = rng.choice([0.1, 0.5]), rng.choice([0, 1.5, -1.5])
        sets.append((rng.normal(slope * np.sqrt(v), np.sqrt(spread**2 + v)), v))
    folder = tmp_path_factory.mktemp("trimfill")
    frames = [pd.DataFrame({"set": i, "y": y, "v": v}) for i, (y, v) in enumerate(sets)]
    pd.concat(frames).to_csv(folder / "rows.csv", index=False, float_format="%.17g")
    script = Path(__file__).parents[1] / "oracle" / "trimfill.R"
    command = [need("Rscript"), script, folder / "rows.csv", folder / "out.json"]
    subprocess.run([str(c) for c in command], check=True)
    found = json.loads((folder / "out.json").read_text())
    return [(*sets[int(i)], want) for i, wants in found.items() for want in wants]


def test_the_side_is_found_with_the_method_asked_for_as_metafor_does(metafor_today):
    slopes = {}
    for y, v, want in metafor_today:
        tau2 = line.residual_tau2(y, v, want["method"])
        assert_allclose(tau2, want["tau2"], rtol=1e-6, atol=1e-7, err_msg=want["method"])
        slope = line.slope_on_se(y, v, tau2)
        assert_allclose(slope, want["slope"], rtol=1e-5, atol=1e-6, err_msg=want["method"])
        slopes.setdefault(y.tobytes(), []).append(np.sign(slope))
    assert any(len(set(s)) > 1 for s in slopes.values())  # there the side depends on the method


@pytest.mark.parametrize("method", ["DL2", "HM"])
def test_the_side_is_that_of_dl_where_a_method_knows_no_line(method):
    rng = np.random.default_rng(4)
    v = rng.uniform(0.01, 0.4, (50, 8))
    y = rng.normal(0, np.sqrt(0.1 + v))
    side = np.where(line.slope_on_se(y, v, line.residual_tau2(y, v, "DL")) < 0, 1, -1)
    found = trimfill.trim_and_fill(y, v, tau2_method=method)
    assert found.side.tolist() == side.tolist()
    assert set(side) == {-1, 1}


@pytest.mark.parametrize("estimator", trimfill.ESTIMATORS)
def test_metafor_counts_the_same(metafor_today, estimator):
    """metafor passes its stopping rules to trim and fill only in part, hence 1e-6; where it stops
    with an error because Q0 has no value, there is none here.
    """
    valued = 0
    for y, v, want in metafor_today:
        mine = trimfill.trim_and_fill(y, v, estimator, want["method"])
        if estimator not in want:
            assert estimator == "Q0"
            assert np.isnan([mine.k0, mine.estimate, mine.lower, mine.tau2]).all()
            continue
        valued += mine.k0 > 0
        expected = want[estimator]
        assert int(mine.k0) == expected["k0"]
        assert {-1: "left", 1: "right"}[int(mine.side)] == expected["side"]
        se = np.nan if expected["se"] == "NaN" else expected["se"]
        assert_allclose([mine.estimate, mine.se], [expected["estimate"], se], rtol=1e-6, atol=1e-6)
    assert valued > 20


def test_trim_and_fill_needs_rows_of_several_sizes():
    with pytest.raises(ValueError, match="found k = 2 rows, expected at least 3"):
        trimfill.trim_and_fill([0, 1], [1, 2])
    with pytest.raises(ValueError, match="one standard error in all rows"):
        trimfill.trim_and_fill([0, 1, 2], [1, 1, 1])


N = np.array([61, 65, 4, 2, 2, 138, 4, 17, 43, 5, 26, 7])


def _fit(rate, tau2, scale="PAS"):
    """A pooled fit with a given rate and between-study variance."""
    y, v = transform(np.round(rate * N * 100), N * 100, scale)
    return replace(pooling.pool(y, v), tau2=np.array(tau2))


def test_power_rises_with_the_bias_and_falls_with_heterogeneity():
    slopes = [0.0, 1.5, 2.5]
    calm, rough = (funnel.power(N, _fit(0.2, t), slopes, sets=1000) for t in (0.0, 0.03))
    assert calm[0] < calm[1] < calm[2]
    assert rough[2] < calm[2] - 0.1
    assert (calm == funnel.power(N, _fit(0.2, 0.0), slopes, sets=1000)).all()
    assert (calm != funnel.power(N, _fit(0.2, 0.0), slopes, sets=1000, seed=2)).any()


def test_the_bias_of_simulated_sets_leaves_the_largest_study_alone(monkeypatch):
    """A share of 2000 patients in 4000 sets is known to 0.0002."""
    seen = []

    def noted(_test, x, n, _scale):
        seen.append((x / n).mean(0))
        return small_study.egger(*transform(x, n, "PAS"))

    monkeypatch.setattr(small_study, "run", noted)
    funnel.power([20, 50, 2000], _fit(0.2, 0.0), [0.0, 1.0])
    (small, _, large), (moved, _, same) = seen
    assert moved > small + 0.05
    assert abs(same - large) < 0.001


def test_power_without_bias_is_the_level_where_the_normal_model_holds():
    """Large studies of several sizes: 4000 sets give 0.05 with a standard error of 0.0034."""
    fit = _fit(0.5, 0.0)
    sizes = np.array([400, 600, 900, 1500, 2500, 4000, 6000, 9000, 700, 5000])
    assert abs(funnel.power(sizes, fit, [0.0])[0] - 0.05) < 4 * 0.0034
    rates = funnel.false_alarm_rate(sizes, fit, sets=500)
    assert list(rates) == list(small_study.TESTS)
    assert all(0 <= r < 0.15 for r in rates.values())


def test_a_shift_moves_the_smallest_study_most():
    fit = _fit(0.16, 0.02)
    none, some = (funnel.shift(N, fit, s) for s in (0.0, 1.0))
    assert_allclose(none, [16, 16], rtol=1e-10)
    start = np.arcsin(np.sqrt(0.16))
    want = 100 * np.sin(start + 1 / np.sqrt(8) - 1 / np.sqrt(4 * 138)) ** 2
    assert_allclose(some[0], want, rtol=1e-10)
    assert 16 < some[1] < some[0]


@pytest.mark.parametrize("scale", SCALES)
def test_contours_hold_the_studies_that_chance_puts_there(scale):
    """Half of the large studies lie between the limits of probability one half, with tau² too."""
    rng = np.random.default_rng(11)
    fit = _fit(0.3, 0.0, scale)
    for tau2 in (0.0, 0.01):
        _, low, high = funnel.contours(float(fit.estimate), 5000, scale, 0.5, tau2)
        rates = back_transform(rng.normal(float(fit.estimate), np.sqrt(tau2), 4000), scale)
        y, _ = transform(rng.binomial(5000, rates), 5000, scale)
        assert abs(((y > low) & (y < high)).mean() - 0.5) < 4 * 0.008


def test_the_contour_table_has_rates_within_bounds():
    table = funnel.contour_table(0.35, "PFT", 0.02)
    assert table[["rate_lower", "rate_upper"]].min().min() >= 0
    assert table["rate_upper"].max() <= 100
    assert table[table["heterogeneity"]]["level"].unique().tolist() == [0.95]
    wide = table[table["heterogeneity"]].iloc[-1]
    assert_allclose(wide["upper"] - 0.35, 1.959963984540054 * 0.02**0.5, rtol=1e-4)


def test_a_reconstructed_count_is_drawn_hollow_with_its_range():
    rows = pd.DataFrame({"y": [0.3, 0.5], "se": [0.1, 0.2], "rate": [9.0, 23.0], "n": [25, 6]})
    rows = rows.assign(kind=["documented", "reconstructed"], rate_min=[9.0, 10.0])
    rows["rate_max"] = [9.0, 40.0]
    contours = funnel.contour_table(0.35, "PAS", 0.01)
    right = plots.funnel(rows, contours, 0.35, 12.0, "title").axes[1]
    marks = {line.get_label(): line for line in right.lines if line.get_marker() == "o"}
    assert marks["reconstructed"].get_markerfacecolor() == "white"
    assert marks["documented"].get_markerfacecolor() != "white"
    (ranges,) = [c for c in right.collections if isinstance(c, LineCollection)]
    assert [s[:, 0].tolist() for s in ranges.get_segments()] == [[9, 9], [10, 40]]


def test_p_values_are_dots_and_strips_in_the_order_of_the_tests():
    dots = pd.DataFrame({"label": ["A", "B"], "p": [0.3, 0.9]})
    strips = pd.DataFrame({"label": ["B", "B", "B"], "p": [0.1, 0.2, 0.2]})
    (ax,) = plots.p_values(dots, strips, {"B": 0.58}, "title").axes
    drawn = [p for c in ax.collections for p in np.round(c.get_offsets(), 6).tolist()]
    assert sorted(drawn) == [[0.1, 1], [0.2, 1], [0.3, 0], [0.9, 1]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["A", "B"]
    lines = {line.get_label(): line.get_xdata()[0] for line in ax.lines}
    assert lines == {"0.05": 0.05, "printed": 0.58}
    (stroke,) = [line for line in ax.lines if line.get_label() == "printed"]
    assert (np.abs(stroke.get_ydata() - 1) < 0.5).all()  # in the line of its own test alone
    (alone,) = plots.p_values(dots, strips.head(0), {}, "title").axes
    assert sum(len(c.get_offsets()) for c in alone.collections) == 2


@pytest.mark.parametrize("estimator", trimfill.ESTIMATORS)
@pytest.mark.parametrize("method", list(TAU2_METHODS))
def test_rounding_noise_on_identical_rows_fills_nothing(estimator, method):
    """One rate in rows of several sizes: effects differ in the last digit, and in no direction."""
    n = np.array([30, 70, 110, 190, 230, 10])
    y, v = transform(3 * n // 10, n, "PAS")
    noisy = np.where(np.arange(6) % 2, np.nextafter(y, 9), np.nextafter(y, 0))
    for effects in (y, noisy, -noisy, noisy[::-1], np.sort(noisy)):
        found = trimfill.trim_and_fill(effects, v, estimator, method)
        assert found.k0 == 0
        assert found.side == -1
        assert_allclose(found.estimate, effects[0], rtol=1e-12)
