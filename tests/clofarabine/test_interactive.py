"""The start page's controls: the same numbers as the functions they stand for."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from statsmodels.stats.meta_analysis import combine_effects

from clofarabine import explorer as interactive
from clofarabine import figures, primary, studies
from clofarabine.tables.store import DATA

EXAMPLE = DATA / "examples" / "debruin2009.csv"


def test_the_result_is_that_of_statsmodels():
    frame = pd.read_csv(EXAMPLE)
    x, n = (frame[c].to_numpy(float) for c in ("x", "n"))
    y, v = np.arcsin(np.sqrt(x / n)), 1 / (4 * n)
    want = combine_effects(y, v, method_re="chi2").summary_frame().loc["random effect"]
    result = primary.view(table=EXAMPLE).result["value"]
    got = result[["estimate", "lower", "upper"]]
    ends = want[["eff", "ci_low", "ci_upp"]].to_numpy(float)
    assert_allclose(got, 100 * np.sin(ends) ** 2, rtol=1e-9)


def test_a_documented_view_pools_documented_rows_alone():
    for endpoint in studies.ENDPOINTS:
        known = studies.load(endpoint)["x"].notna()
        caption = primary.view(endpoint).caption
        assert f"{known.sum()} of {len(known)} rows" in caption
        assert 0 < known.sum() < len(known)


@pytest.mark.parametrize("endpoint", ["CR", "OR"])
def test_a_reconstructed_view_has_its_range(endpoint):
    result = primary.view(endpoint, counts="reconstructed").result
    assert list(result) == ["value", "smallest", "largest"]
    assert (result["smallest"] <= result["value"] + 1e-12).all()
    assert (result["value"] <= result["largest"] + 1e-12).all()
    assert (result["smallest"] < result["largest"]).any()


def test_the_inverse_matters_for_the_double_arcsine_alone():
    def estimate(scale, inverse):
        found = primary.view(scale=scale, inverse=inverse).result
        return found.loc["estimate", "value"]

    assert estimate("PAS", "harmonic") == estimate("PAS", "sin2")
    assert estimate("PFT", "harmonic") != estimate("PFT", "sin2")


@pytest.mark.parametrize("name", ["endpoint", "transformation", "tau2", "interval", "counts"])
def test_an_unknown_value_is_answered_with_the_valid_ones(name):
    with pytest.raises(ValueError, match=": found 'x', expected one of "):
        primary.view(**{name: "x"})
    with pytest.raises(ValueError, match=f"{name}: found 'x', expected one of "):
        interactive.Explorer(**{name: "x"})


def test_a_list_redraws_and_the_first_picture_is_what_is_kept():
    one = primary.view("OR")
    explorer = interactive.Explorer(endpoint="OR")
    kept = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in kept
    assert kept["image/svg+xml"] == figures.draw(one.figure, "explorer", one.caption).svg
    before = explorer.output.value
    explorer.controls["tau2"].value = "REML"
    assert explorer.output.value != before
    assert primary.view("OR", tau2_method="REML").caption in explorer.output.value
    assert explorer._repr_mimebundle_()["image/svg+xml"] == kept["image/svg+xml"]


def test_an_error_stands_where_the_picture_was(tmp_path):
    one = tmp_path / "one.csv"
    one.write_text("label,x,n\nA & B,1,5\n")
    explorer = interactive.Explorer(table=one)
    explorer.controls["interval"].value = "hartung-knapp"
    assert "found k = 1 row" in explorer.output.value
    explorer.controls["interval"].value = "wald"
    assert "<img" in explorer.output.value


def test_lists_that_do_not_matter_are_grey():
    explorer = interactive.Explorer()
    assert explorer.controls["inverse"].disabled
    explorer.controls["transformation"].value = "PFT"
    assert not explorer.controls["inverse"].disabled
    other = interactive.Explorer(table=EXAMPLE)
    assert other.controls["endpoint"].disabled
    assert not other.controls["tau2"].disabled


def test_a_common_effect_shows_its_heterogeneity_and_no_new_study():
    found = primary.view(tau2_method="CE").result["value"]
    k = studies.load()["x"].notna().sum()
    assert found["tau²"] == 0
    assert_allclose(found["I²"], 100 * (found["Q"] - (k - 1)) / found["Q"])
    assert found["I²"] > 0
    assert not {"prediction from", "to"} & set(found.index)
    assert {"prediction from", "to"} < set(primary.view(tau2_method="DL").result.index)


def test_single_rows_have_exact_intervals_and_the_caption_says_so(tmp_path):
    """0 of 4: Clopper & Pearson's upper limit is 1 - 0.025^(1/4)."""
    table = tmp_path / "small.csv"
    table.write_text("label,x,n\nA,0,4\nB,3,9\nC,5,5\n")
    for scale in ("PAS", "PFT", "PLO"):
        seen = primary.view(scale=scale, table=table)
        assert "Intervals of single rows: Clopper-Pearson (exact), 95%." in seen.caption
        words = [t.get_text() for ax in seen.figure.axes for t in ax.texts]
        assert f"0 [0, {100 * (1 - 0.025 ** (1 / 4)):.0f}]" in words
        assert f"100 [{100 * 0.025 ** (1 / 5):.0f}, 100]" in words
