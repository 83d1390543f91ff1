"""Adverse events: what is missing stays missing, a bound stays a bound, and the text is checked."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import beta, norm, t
from statsmodels.stats.meta_analysis import combine_effects

from clofarabine import figures, safety, safety_facts, safety_shown
from clofarabine.audit import rules_safety, rules_tables
from clofarabine.tables import store
from compendium import kernel
from metaprop import likelihood
from metaprop.method import Method
from metaprop.pooling import pool, pool_proportions


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
        pool_proportions(part["x"].fillna(x).to_numpy(float), part["n"].to_numpy(float))
        for x in range(31, 39)
    ]
    ends = [100 * float(single[i].estimate) for i in (0, -1)]
    assert_allclose([over["estimate_min"], over["estimate_max"]], ends)
    assert_allclose(over["lower"], 100 * min(float(s.lower) for s in single))
    assert_allclose(over["prediction_upper"], 100 * max(float(s.pi_upper) for s in single))
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


def _with(cells, event, x):
    """Cells in which the studies that give a count of the event give these counts."""
    changed = cells.copy()
    at = cells.index[(cells["event"] == event) & (cells["kind"] == "count")]
    for column in ("x", "x_min", "x_max"):
        changed.loc[at, column] = x
    return changed


def test_no_study_of_fewer_than_three_is_foretold(cells):
    two = cells[cells["study"].isin(["CLO-212", "BIOV-111"])]
    found = safety.pooled(two, 2).set_index("event").loc["Serious TEAE"]
    assert found[["prediction_lower", "prediction_upper"]].isna().all(axis=None)
    assert (found["lower"] < found["estimate_min"]).all()
    facts = safety_facts.rates(safety.pooled(two, 2))
    assert facts["prediction"] == facts["glmm_prediction"] == "none, as there are too few studies"
    assert facts["predicted"] == facts["wide"] == 0


def test_a_common_effect_foretells_no_study_and_the_glmm_still_does(cells):
    pooled = safety.pooled(cells, 3, Method(tau2_method="CE"))
    missing = pooled["prediction_lower"].isna()
    assert (missing == (pooled["model"] == "PAS CE")).all()
    facts = safety_facts.rates(pooled)
    assert facts["prediction"] == "none under this model"
    assert facts["glmm_prediction"].endswith("%")
    assert "nan" not in safety_shown.pooled_table(pooled, Method(tau2_method="CE")).text


def test_an_event_that_no_patient_had_is_pooled_without_the_glmm(cells):
    changed = _with(cells, "Anemia", 0)
    found = safety.pooled(changed).query("event == 'Anemia'").set_index("model")
    assert found.loc["PAS DL", "estimate_min"] == 0
    assert found.loc["PAS DL", "upper"] > 0
    assert found.loc["GLMM", ["estimate_min", "lower", "upper", "i2_min"]].isna().all()
    text = safety_shown.pooled_table(safety.pooled(changed), Method()).text
    assert "nan" not in text


def test_where_no_severe_event_is_pooled_an_event_of_any_grade_is_named(cells):
    facts = safety_facts.rates(safety.pooled(cells, 10))
    assert (facts["most"], facts["events"], facts["severe"]) == ("Any TEAE", 1, 0)
    assert facts["wide"] == facts["heterogeneous"] == 0
    assert " to " in facts["estimate"]  # a bound leaves it open


@pytest.mark.parametrize("inverse", ["harmonic", "geometric", "inverse-variance", "sin2"])
def test_the_way_back_from_the_double_arcsine_is_a_choice(cells, inverse):
    method = Method(scale="PFT", inverse=inverse)
    part = _event(cells, "Febrile neutropenia")
    want = pool_proportions(part["x"].to_numpy(float), part["n"].to_numpy(float), method)
    found = safety.pooled(cells, 3, method).set_index(["model", "event"])
    mine = found.loc[("PFT DL", "Febrile neutropenia")]
    assert_allclose(mine["estimate_max"], 100 * want.estimate)
    plain = found.loc[("GLMM", "Febrile neutropenia"), "estimate_max"]
    assert mine["estimate_max"] == pytest.approx(plain, abs=3)


def test_kinds_of_study_are_compared_where_both_have_two(cells):
    found = safety.compare(cells, "group", "clinical study", "registry or survey")
    done = found["p"].notna()
    assert (done == ((found["k_first"] > 1) & (found["k_second"] > 1))).all()
    assert done.sum() > 1
    swapped = safety.compare(cells, "group", "registry or survey", "clinical study")
    assert_allclose(swapped.loc[done, "t"], -found.loc[done, "t"])
    assert_allclose(swapped.loc[done, "df"], found.loc[done, "df"])
    any_teae = found.set_index("event").loc["Any TEAE"]
    assert any_teae["n_first"] + any_teae["n_second"] == 746 - 23 - 38  # no retrospective study


def test_a_comparison_is_welch_with_the_standard_errors_of_hartung_and_knapp(cells):
    first, second = safety.QUESTIONS["regimen"]
    found = safety.compare(cells, "regimen", first, second).set_index("event")
    row = found.loc["Febrile neutropenia"]
    part = _event(cells, "Febrile neutropenia")
    effects = []
    for kind in (first, second):
        x, n = (part.loc[part["regimen"] == kind, c].to_numpy(float) for c in ("x", "n"))
        y = np.arcsin(np.sqrt(x / n))
        fit = combine_effects(y, 1 / (4 * n), method_re="chi2")
        scale = max(1, fit.scale_hksj_re)
        effects.append((fit.mean_effect_re, scale * fit.var_eff_w_re, len(y)))
    (a, va, ka), (b, vb, kb) = effects
    df = (va + vb) ** 2 / (va**2 / (ka - 1) + vb**2 / (kb - 1))
    assert_allclose(row[["t", "df"]].tolist(), [(b - a) / np.sqrt(va + vb), df], rtol=1e-9)
    assert_allclose(row["p"], 2 * t.sf(abs(row["t"]), df), rtol=1e-9)
    assert min(ka, kb) - 1 < df < ka + kb - 2


def test_a_comparison_of_few_studies_raises_few_false_alarms():
    """Where a normal test would call one in ten and more, with no difference to be found."""
    rng = np.random.default_rng(20)
    trials = 1500
    y = 0.7 + 0.2 * rng.standard_normal((trials, 8)) + 0.05 * rng.standard_normal((trials, 8))
    alarms, normal = 0, 0
    for row in y:
        kinds = (
            pool(e, np.full(4, 0.0025), "DL", "hartung-knapp-adhoc") for e in (row[:4], row[4:])
        )
        value, _, p = safety.difference(*kinds)
        alarms += p < 0.05
        normal += abs(value) > norm.ppf(0.975)
    assert alarms / trials < 0.06
    assert normal / trials > 0.07


def test_p_is_adjusted_for_every_comparison_made(cells):
    found = safety.comparisons(cells)
    assert found["by"].unique().tolist() == list(safety.QUESTIONS)
    done = found.dropna(subset="p").sort_values("p")
    p = done["p"].to_numpy()
    steps = np.minimum(np.maximum.accumulate(p * np.arange(len(p), 0, -1)), 1)
    assert_allclose(done["p_holm"], steps)
    assert found.loc[found["p"].isna(), "p_holm"].isna().all()
    facts = safety_facts.designs(found)
    assert facts["comparisons"] == len(done)
    assert facts["smallest_p"] == p[0]


def test_what_is_said_to_differ_is_what_lies_below_the_level(cells):
    clear = safety.comparisons(cells).assign(p_holm=1.0)
    assert safety_facts.designs(clear)["adjusted_events"] == "no event"
    at = clear.index[clear["event"].eq("Vomiting") & clear["p"].notna()]
    clear.loc[at, "p_holm"] = 0.01
    facts = safety_facts.designs(clear)
    assert (facts["adjusted"], facts["adjusted_events"]) == (1, "Vomiting")


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


def _lightness(ax):
    """Luminance of each cell that the heat map fills, and its text, row by row."""
    ax.figure.canvas.draw()
    mesh = ax.collections[0]
    filled = ~np.ma.getmaskarray(mesh.get_array()).ravel()
    return [_luminance(c[:3]) for c in mesh.get_facecolors()[filled]]


def test_the_heat_map_hatches_what_is_missing_and_can_be_read_in_grey(cells):
    fourth = cells[cells["table"] == 4]
    ax = figures.event_heatmap(fourth, "title").axes[0]
    light = _lightness(ax)
    hatched = [p for p in ax.patches if p.get_hatch()]
    assert len(hatched) == (fourth["kind"] == "missing").sum()
    numbers = [text for text in ax.texts if text.get_text().isdigit()]
    assert len(numbers) == len(light) == (fourth["kind"] == "count").sum()
    for text, back in zip(numbers, light, strict=True):
        low, high = sorted((_luminance(text.get_color()), back))
        assert (high + 0.05) / (low + 0.05) > 3
    places = {(p.get_x() + 0.5, p.get_y() + 0.5) for p in hatched}
    assert places.isdisjoint(text.get_position() for text in numbers)
    assert sum(int(text.get_text()) for text in numbers) == fourth["x"].sum()


def test_the_heat_map_shows_each_count_in_its_place(cells):
    fourth = cells[cells["table"] == 4]
    ax = figures.event_heatmap(fourth, "title").axes[0]
    studies = [label.get_text().split("  ")[0] for label in ax.get_yticklabels()]
    events = fourth["event"].unique()
    for text in ax.texts:
        if text.get_text().isdigit():
            x, y = (int(a) for a in text.get_position())
            cell = fourth[(fourth["study"] == studies[y]) & (fourth["event"] == events[x])]
            assert cell["x"].tolist() == [int(text.get_text())]


def test_lightness_falls_with_the_rate(cells):
    part = cells[(cells["table"] == 4) & (cells["kind"] == "count")]
    ax = figures.event_heatmap(part, "title").axes[0]
    light = np.array(_lightness(ax))
    rate = np.ma.compressed(ax.collections[0].get_array())
    assert len(rate) == len(part)
    assert (np.diff(light[np.argsort(rate, kind="stable")]) < 1e-9).all()


def test_the_picture_of_rates_draws_every_study_and_both_prediction_intervals(cells, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        figures, "show", lambda figure, name, caption: drawn.append((figure, caption))
    )
    limits = safety.intervals(cells)
    for tau2_method, lines in (("DL", 2), ("CE", 1)):
        pooled = safety.pooled(cells, 3, Method(tau2_method=tau2_method))
        safety_shown.rates(cells, limits, pooled)
        figure, caption = drawn[-1]
        ax = figure.axes[0]
        events = safety_facts.first_model(pooled)["event"]
        marks = sum(len(c.get_offsets()) for c in ax.collections)
        assert marks == (limits["kind"].eq("count") & limits["event"].isin(events)).sum()
        ends = [line for line in ax.lines if line.get_marker() == "|"]
        assert len(ends) == lines * len(events)
        assert ("by the transformation none for" in caption) == (tau2_method == "CE")


def test_the_columns_of_table_4_are_sorted_as_the_notebook_says(cells):
    events = cells.loc[cells["table"] == 4, "event"].unique().tolist()
    assert events == sorted(events, key=str.lower)


NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06_safety_summary.ipynb"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"scale": "PLO", "tau2_method": "CE", "min_studies": 2},
            "prediction interval for a new study: none under this model",
        ),
        (
            {"scale": "PFT", "ci_method": "hartung-knapp", "inverse": "sin2", "min_studies": 12},
            "**In short.** Any TEAE, which 12 studies report",
        ),
    ],
)
def test_the_notebook_takes_other_parameters(tmp_path, preloaded, parameters, said):
    env = os.environ | {"CLOFARABINE_OUTPUT": str(tmp_path)}
    done = kernel.execute(NOTEBOOK, parameters, env, lambda: None, warm=preloaded)
    cells = json.loads(done)["cells"]
    outputs = [o for c in cells for o in c.get("outputs", [])]
    assert all("data" in o for o in outputs)  # no warning and no print
    words = "\n".join(
        "".join(text)
        for o in outputs
        for kind, text in o["data"].items()
        if kind in ("text/markdown", "text/plain")
    )
    assert said in " ".join(words.split())
    assert "nan" not in words.split()
    assert "nan%" not in words
