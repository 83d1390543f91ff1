"""Adverse events: what is missing stays missing, a bound stays a bound, and the text is checked."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import beta, norm, t
from statsmodels.stats.meta_analysis import combine_effects

from clofarabine import figures, safety
from clofarabine.audit import rules_safety, rules_tables
from clofarabine.tables import store
from metaprop import likelihood


@pytest.fixture
def cells():
    return safety.cells()


def _event(cells, event):
    return cells[(cells["event"] == event) & (cells["kind"] != "missing")]


def test_missing_bounds_and_counts_are_told_apart(cells):
    assert len(cells) == 12 * (5 + 10)
    missing = cells[cells["kind"] == "missing"]
    assert missing[["x", "x_min", "x_max"]].isna().all(axis=None)
    bound = cells[cells["kind"] == "bound"]
    assert bound[["study", "x_min", "x_max", "n"]].to_numpy().tolist() == [
        ["Trioche 2012", 31, 38, 38]
    ]
    assert bound["x"].isna().all()
    counts = cells[cells["kind"] == "count"]
    assert (counts["x"] == counts["x_min"]).all()
    assert (counts["x"] == counts["x_max"]).all()
    printed = [store.load(f"table{k}_events")["n"].notna().sum() for k in (3, 4)]
    assert len(counts) + len(bound) == sum(printed)


def test_intervals_are_clopper_pearson_and_take_the_ends_of_a_bound(cells):
    found = safety.intervals(cells).set_index(["event", "study"])
    r = found.loc[("Anemia", "CLO05908")]
    assert_allclose(r["exact_lower"], 100 * beta.ppf(0.025, 4, 4), rtol=1e-10)
    assert_allclose(r["exact_upper"], 100 * beta.ppf(0.975, 5, 3), rtol=1e-10)
    r = found.loc[("Any TEAE", "Trioche 2012")]
    assert pd.isna(r["rate"])
    assert_allclose(r["exact_lower"], 100 * beta.ppf(0.025, 31, 8), rtol=1e-10)
    assert r["exact_upper"] == 100
    assert ((found["wilson_upper"] - found["wilson_lower"]) > 0).all()


def test_pooling_an_event_is_the_library_on_its_counts(cells):
    part = _event(cells, "Febrile neutropenia")
    x, n = part["x"].to_numpy(float), part["n"].to_numpy(float)
    other = combine_effects(np.arcsin(np.sqrt(x / n)), 1 / (4 * n), method_re="chi2")
    found = safety.pooled(cells).set_index(["model", "event"])
    mine = found.loc[("PAS DL", "Febrile neutropenia")]
    assert_allclose(mine["estimate_min"], 100 * np.sin(other.mean_effect_re) ** 2, rtol=1e-10)
    assert mine["estimate_min"] == mine["estimate_max"]
    assert (mine["k"], mine["n"]) == (len(part), n.sum())
    half = norm.ppf(0.975) * other.sd_eff_w_re
    want = 100 * np.sin(other.mean_effect_re + half) ** 2
    assert_allclose(mine["upper"], want, rtol=1e-10)
    fit = likelihood.glmm(x, n)
    mine = found.loc[("GLMM", "Febrile neutropenia")]
    assert_allclose(
        mine[["estimate_max", "lower", "upper"]].tolist(), 100 * np.array(fit.proportion())
    )
    half = t.ppf(0.975, len(part) - 2) * np.sqrt(fit.spread + fit.se**2)
    assert_allclose(mine["prediction_lower"], 100 * expit(fit.estimate - half), rtol=1e-9)
    assert np.isnan(mine["i2_min"])


def test_events_enter_from_enough_studies_on(cells):
    k = cells[cells["kind"] != "missing"].groupby("event").size()
    for least in (1, 3, 6, 9):
        found = safety.pooled(cells, least)
        assert set(found["event"]) == set(k.index[k >= least])
    assert safety.pooled(cells, 3)["event"].drop_duplicates().tolist()[-1] == "Vomiting"
    with pytest.raises(ValueError, match="min_studies: found 13, expected a whole number from 1 t"):
        safety.pooled(cells, 13)
    with pytest.raises(ValueError, match=r"min_studies: found 2\.5"):
        safety.pooled(cells, 2.5)


def test_a_bound_is_ranged_over_and_never_taken_for_a_count(cells):
    found = (
        safety.pooled(cells).query("event == 'Any TEAE' and model == 'PAS DL'").set_index("bound")
    )
    over, left = found.loc["all its counts"], found.loc["left out"]
    part = _event(cells, "Any TEAE")
    single = [
        safety.pool_counts(part["x"].fillna(x).to_numpy(float), part["n"].to_numpy(float))
        for x in range(31, 39)
    ]
    estimates = [float(s["estimate"]) for s in single]
    assert_allclose([over["estimate_min"], over["estimate_max"]], [estimates[0], estimates[-1]])
    assert_allclose(over["lower"], min(float(s["lower"]) for s in single))
    assert_allclose(over["prediction_upper"], max(float(s["prediction_upper"]) for s in single))
    assert over["k"] == left["k"] + 1
    assert over["n"] == left["n"] + 38
    glmm = safety.pooled(cells).query("event == 'Any TEAE' and model == 'GLMM'").set_index("bound")
    assert glmm.loc["all its counts", "estimate_min"] < glmm.loc["all its counts", "estimate_max"]
    assert glmm.loc["left out", "estimate_min"] == glmm.loc["left out", "estimate_max"]


def test_two_bounds_range_over_every_pair(cells):
    part = _event(cells, "Any TEAE").tail(3).copy()
    part.loc[part.index[-1], ["x_min", "x_max"]] = [20, 22]
    vectors = safety.allowed(part)
    assert len(vectors) == len(np.unique(vectors, axis=0)) == 8 * 3


def test_the_prediction_interval_needs_three_studies(cells):
    two = safety.pool_counts(np.array([1.0, 5.0]), np.array([10.0, 20.0]))
    assert np.isnan(two["prediction_lower"])
    assert np.isnan(
        safety.pool_exact(np.array([1.0, 5.0]), np.array([10.0, 20.0]))["prediction_upper"]
    )
    assert 0 < two["lower"] < two["estimate"] < two["upper"] < 100


@pytest.mark.parametrize("inverse", ["harmonic", "geometric", "inverse-variance", "sin2"])
def test_the_way_back_from_the_double_arcsine_is_a_choice(cells, inverse):
    """Identical rows of half events go back to one half whatever the sample size."""
    half = safety.pool_counts(np.full(4, 10.0), np.full(4, 20.0), "PFT", inverse=inverse)
    assert_allclose(half["estimate"], 50, atol=0.01)


def test_kinds_of_study_are_compared_where_both_have_two(cells):
    found = safety.compare(cells, "group", "clinical study", "registry or survey")
    done = found["p"].notna()
    assert (done == ((found["k_first"] > 1) & (found["k_second"] > 1))).all()
    assert done.sum() > 1
    p = np.sort(found.loc[done, "p"])
    steps = np.minimum(np.maximum.accumulate(p * np.arange(len(p), 0, -1)), 1)
    assert_allclose(np.sort(found.loc[done, "p_holm"]), steps)
    swapped = safety.compare(cells, "group", "registry or survey", "clinical study")
    assert_allclose(swapped.loc[done, "z"], -found.loc[done, "z"])
    any_teae = found.set_index("event").loc["Any TEAE"]
    assert any_teae["n_first"] + any_teae["n_second"] == 746 - 23 - 38  # no retrospective study


def test_unknown_kinds_get_the_valid_ones(cells):
    with pytest.raises(ValueError, match="first: found 'trial', expected one of clinical study"):
        safety.compare(cells, "group", "trial", "retrospective")
    with pytest.raises(ValueError, match="by: found 'age', expected one of group"):
        safety.compare(cells, "age", "a", "b")


def test_a_range_that_the_table_does_not_give_is_found(cells):
    def verdict(table):
        return rules_tables.frame(rules_safety.text_checks(table)).set_index(["claim", "rule"])[
            "agrees"
        ]

    before = verdict(cells)
    ranges = before[before.index.get_level_values(0).str.startswith("saf-1-3-")]
    assert ranges.all()
    assert len(ranges) == 20
    at = cells.index[(cells["event"] == "Vomiting") & (cells["study"] == "Trioche 2012")]
    table = cells.copy()
    table.loc[at, ["x", "x_min", "x_max"]] = 8
    after = verdict(table).groupby("claim").all()
    prose = store.load("prose").query("population == 'Vomiting'").set_index("quantity")["id"]
    changed = after.index[after != before.groupby("claim").all()].tolist()
    assert changed == [prose["grade 3-4 range, maximum"]]


def test_what_most_frequent_means(cells):
    ranks = rules_safety.orderings(cells, safety.pooled(cells))
    assert ranks["text"].tolist() == list(range(1, 11))
    by = ranks.set_index("event")
    rate = cells[cells["table"] == 4].assign(rate=lambda f: f["x"].astype(float) / f["n"])
    largest = rate.groupby("event")["rate"].max().sort_values(ascending=False).index[:2]
    assert by.loc[largest, "largest rate"].tolist() == [1, 2]
    perfect = ranks.assign(alphabet=ranks["text"], **{"pooled rate": 11 - ranks["text"]})
    found = rules_safety.agreement(perfect).set_index("criterion")
    assert found.loc["alphabet", "kendall_text"] == pytest.approx(1)
    assert found.loc["pooled rate", "kendall_text"] == pytest.approx(-1)
    assert found.loc["alphabet", "top_abstract"] == 4
    assert found.loc["pooled rate", "top_abstract"] == 0


def test_reporting_counts_the_cells_that_hold_something(cells):
    found = safety.reporting(cells)
    assert found["reported"].sum() == (cells["kind"] != "missing").sum()
    suo = found[found["study"] == "Suo 2013"].set_index("table")["reported"]
    assert suo.to_dict() == {3: 1, 4: 0}


def _luminance(colour):
    """Relative luminance of sRGB, as in the accessibility guidelines (WCAG 2)."""
    c = np.array(to_rgb(colour))
    c = np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return c @ (0.2126, 0.7152, 0.0722)


def test_the_heat_map_hatches_what_is_missing_and_can_be_read_in_grey(cells):
    fourth = cells[cells["table"] == 4]
    ax = figures.event_heatmap(fourth, "title").axes[0]
    hatched = [p for p in ax.patches if p.get_hatch()]
    filled = [p for p in ax.patches if not p.get_hatch()]
    assert len(hatched) == (fourth["kind"] == "missing").sum()
    numbers = {t.get_position(): t for t in ax.texts if t.get_text().isdigit()}
    assert len(numbers) == len(filled) == (fourth["kind"] == "count").sum()
    for p in filled:
        ink = numbers[(p.get_x() + 0.5, p.get_y() + 0.5)].get_color()
        low, high = sorted((_luminance(ink), _luminance(p.get_facecolor())))
        assert (high + 0.05) / (low + 0.05) > 3
    total = sum(int(t.get_text()) for t in numbers.values())
    assert total == fourth["x"].sum()


def test_lightness_falls_with_the_rate(cells):
    part = cells[(cells["table"] == 4) & (cells["kind"] == "count")]
    ax = figures.event_heatmap(part, "title").axes[0]
    rate = (part["x"] / part["n"]).to_numpy(float)
    light = np.array([_luminance(p.get_facecolor()) for p in ax.patches])
    order = np.argsort(rate, kind="stable")
    assert (np.diff(light[order]) < 1e-9).all()
