"""The start page's controls: the same numbers as the functions they stand for."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from statsmodels.stats.meta_analysis import combine_effects

from clofarabine import appraisal, figures, parameters, primary, published_results, studies, summary
from clofarabine import explorer as interactive
from clofarabine.show import DASH
from clofarabine.tables import store
from clofarabine.tables.paths import DATA
from metaprop.labels import QUANTITY
from metaprop.method import Method

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
        found = primary.view(method=Method(scale, inverse=inverse)).result
        return found.loc["estimate", "value"]

    assert estimate("PAS", "harmonic") == estimate("PAS", "sin2")
    assert estimate("PFT", "harmonic") != estimate("PFT", "sin2")


@pytest.mark.parametrize("name", ["endpoint", "population", "counts", "study_ci"])
def test_an_unknown_value_is_answered_with_the_valid_ones(name):
    with pytest.raises(ValueError, match=f"{name}: found 'x', expected one of "):
        primary.view(**{name: "x"})


@pytest.mark.parametrize("name", list(parameters.CHOICES))
def test_the_explorer_refuses_an_unknown_value(name):
    with pytest.raises(ValueError, match=f"{name}: found 'x', expected one of "):
        interactive.Explorer(**{name: "x"})


def test_every_choice_is_in_words():
    """No code is shown: neither the parameter's name nor its value."""
    explorer = interactive.Explorer()
    for name, control in explorer.controls.items():
        assert control.description != name
        words, codes = zip(*control.options, strict=True)
        assert codes == parameters.CHOICES[name]
        assert len(set(words)) == len(words)
        assert not {"DL", "PAS", "PFT", "PLO", "CR", "OR", "wald", "HE", "CE"} & set(words)


def test_a_list_redraws_and_the_first_picture_is_what_is_kept():
    one = primary.view("OR")
    explorer = interactive.Explorer(endpoint="OR")
    kept = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in kept
    drawn = figures.draw(one.figure, "explorer", one.caption)
    assert kept["image/svg+xml"] == drawn.svg
    assert kept["image/png"] == base64.b64encode(drawn.png).decode()
    before = explorer.output.value
    explorer.controls["tau2_method"].value = "REML"
    assert explorer.output.value != before
    want = primary.view("OR", method=Method(tau2_method="REML"))
    assert want.caption in explorer.output.value
    assert want.table.html in explorer.output.value
    assert explorer._repr_mimebundle_()["image/svg+xml"] == kept["image/svg+xml"]


def test_where_no_svg_is_shown_there_is_a_small_picture_of_the_same():
    """A host that shows no SVG in a notebook shows the PNG: as wide as read, without metadata."""
    one = primary.view("CR")
    first, again = (figures.draw(one.figure, "forest", one.caption).png for _ in range(2))
    assert first == again
    picture = Image.open(io.BytesIO(first))
    assert picture.size == tuple(np.floor(one.figure.get_size_inches() * 100).astype(int))
    assert picture.mode == "P"
    assert not picture.info.keys() & {"Software", "date"}
    assert len(first) < 40_000
    assert len(np.unique(np.asarray(picture.convert("L")))) > 5, "something is drawn"


def test_letters_that_the_font_lacks_are_named_in_one_line(tmp_path, capfd, recwarn):
    table = tmp_path / "odd.csv"
    rows = "研究 一,3,10\n研究 二,4,12\nעברית,1,9\nplain,2,11\n"
    table.write_text("label,x,n\n" + rows, encoding="utf-8")
    view = primary.view(table=table)
    for _ in range(2):
        figures.draw(view.figure, "forest", view.caption)
    said = capfd.readouterr().err
    assert said == "not in the font DejaVu Sans, drawn as boxes: 一 二 研 究\n"
    assert [w for w in recwarn if "Glyph" in str(w.message)] == []


def test_an_error_stands_where_the_picture_was(tmp_path):
    one = tmp_path / "one.csv"
    one.write_text("label,x,n\nA & B,1,5\n")
    explorer = interactive.Explorer(table=one)
    explorer.controls["ci_method"].value = "hartung-knapp"
    assert "found k = 1 row" in explorer.output.value
    explorer.controls["ci_method"].value = "wald"
    assert "<img" in explorer.output.value


def test_lists_that_do_not_matter_are_grey():
    explorer = interactive.Explorer()
    assert explorer.controls["inverse"].disabled
    explorer.controls["scale"].value = "PFT"
    assert not explorer.controls["inverse"].disabled
    other = interactive.Explorer(table=EXAMPLE)
    assert other.controls["endpoint"].disabled
    assert not other.controls["tau2_method"].disabled


def test_a_common_effect_shows_its_heterogeneity_and_no_new_study():
    seen = primary.view(method=Method(tau2_method="CE"))
    found, k = seen.result["value"], studies.load()["x"].notna().sum()
    assert found["tau2"] == 0
    assert_allclose(found["I2"], 100 * (found["Q"] - (k - 1)) / found["Q"])
    assert found["I2"] > 0
    assert not {"pi_lower", "pi_upper"} & set(found.index)
    assert {"pi_lower", "pi_upper"} < set(primary.view().result.index)
    words = _words(seen)
    assert not any(w.startswith("Prediction") for w in words)
    assert any("tau² = 0 by assumption" in w and "from Q" in w for w in words)


def _words(seen: primary.View) -> list[str]:
    figure = seen.figure
    return [t.get_text() for ax in figure.axes for t in ax.texts] + [
        t.get_text() for t in figure.texts
    ]


@pytest.mark.parametrize(
    ("study_ci", "said", "upper"),
    [
        ("exact", "Clopper-Pearson (exact)", 1 - 0.025 ** (1 / 4)),
        # Wilson's upper limit of 0 of n is z² / (n + z²)
        ("wilson", "Wilson", 1.959964**2 / (4 + 1.959964**2)),
    ],
)
def test_single_rows_have_their_interval_and_the_caption_says_which(
    tmp_path, study_ci, said, upper
):
    table = tmp_path / "small.csv"
    table.write_text("label,x,n\nA,0,4\nB,3,9\nC,5,5\n")
    for scale in ("PAS", "PFT", "PLO"):
        seen = primary.view(method=Method(scale), table=table, study_ci=study_ci)
        assert f"Intervals of single rows: {said}, 95%." in seen.caption
        assert f"0 [0, {100 * upper:.0f}]" in _words(seen)


def test_below_the_diamond_stand_heterogeneity_and_prediction():
    seen = primary.view("OR")
    value, words = seen.result["value"], _words(seen)
    k = studies.load("OR")["x"].notna().sum()
    assert f"Prediction (t, k − 2 = {k - 2} df)" in words
    assert f"[{value['pi_lower']:.0f}, {value['pi_upper']:.0f}]" in words
    q = f"Heterogeneity: Q = {value['Q']:.1f}, df = {k - 1}, p = {value['p_Q']:.3f}"
    assert q in words
    assert "Arcsine, DerSimonian-Laird, Wald" in words


def test_a_reconstructed_row_shows_the_range_of_rate_and_interval():
    """CLO08708: 0 or 1 of 2 patients; exact limits of 1 of 2 by their closed form."""
    rows = studies.load("CR", counts="reconstructed").set_index("label")
    assert tuple(rows.loc["CLO08708", ["x_min", "x_max", "n"]]) == (0, 1, 2)
    upper = 100 * np.sqrt(0.975)
    assert f"0–50 [0, {upper:.0f}]" in _words(primary.view("CR", counts="reconstructed"))


def test_ranges_say_whose_sets_they_run_over_and_letters_what_they_mean():
    """The drawn method alone leaves less than the range that is drawn under its name."""
    seen = primary.view("CR", counts="reconstructed")
    methods, x, _ = studies.identified("CR")
    rows = studies.load("CR", counts="reconstructed")
    i = rows["label"].tolist().index("CLOFAL06952")
    own = x[methods["tau2_method"].eq("DL").to_numpy(), i]
    assert np.ptp(own) < np.ptp(x[:, i]) == rows["x_max"][i] - rows["x_min"][i]
    words = _words(seen)
    assert any("every method left" in w for w in words)
    assert "Pooled, every set of counts" in words
    assert "every method that the published results leave, each pooled here by" in seen.caption
    alone = primary.view("CR")
    assert not any("every method" in w for w in [*_words(alone), alone.caption])
    for view in (seen, alone):
        (legend,) = [w for w in _words(view) if "not assessed" in w]
        heads = [w for w in _words(view) if w in appraisal.LETTERS.values()]
        assert heads == list(appraisal.LETTERS.values())
        assert all(f"{letter} {q}" in legend for q, letter in appraisal.LETTERS.items())


def test_every_pooled_result_is_followed_by_its_method_and_the_call():
    seen = primary.view(method=Method("PLO", "REML", "hartung-knapp"))
    said = seen.equivalent.text
    assert "<-" in said
    assert "x <- c(" not in seen.equivalent.html
    assert said.startswith("Method. Inverse-variance pooling of 5 rows on the logit scale")
    assert 'rma(yi, vi, data=es, method="REML", test="knha"' in said
    assert "meta::metaprop(" in said


def test_the_table_says_what_its_columns_are_and_has_words_for_every_row():
    seen = primary.view(counts="reconstructed")
    _, vectors, _ = studies.identified("CR")
    sets = len(set(map(tuple, vectors.tolist())))  # methods share some
    assert sets < len(vectors)
    assert f"one of {sets} possible sets of counts" in seen.table.html
    assert set(seen.result.index) == set(QUANTITY)
    assert all(QUANTITY[q] in seen.table.text for q in seen.result.index)


def test_each_printed_result_stands_beside_ours():
    section = published_results.beside()
    paper = store.load("pooled_results")
    assert len(section.frame) == len(paper)
    assert f"With reconstructed counts {len(paper)} of {len(paper)} " in section.facts["outcome"]
    cell = section.frame.iloc[0]
    value = primary.view().result["value"]
    assert cell["documented counts alone"] == "{estimate:.1f} [{lower:.1f}, {upper:.1f}]".format(
        **value
    )
    adults = section.frame["patients"].str.contains("adults")
    assert (section.frame.loc[adults, "documented counts alone"] == DASH).all()
    assert (section.frame.iloc[:, -1] == "agrees, by construction").all()


def test_a_printed_result_that_no_possible_counts_give_does_not_agree(monkeypatch):
    load = store.load

    def misprinted(name):
        table = load(name)
        if name == "pooled_results":
            table.loc[0, "estimate"] += 1
        return table

    monkeypatch.setattr(store, "load", misprinted)
    section = published_results.beside()
    first, *others = section.frame.iloc[:, -1]
    assert first == "does not agree"
    assert set(others) == {"agrees, by construction"}
    assert f"{len(others)} of {len(others) + 1} printed" in section.facts["outcome"]


def test_a_section_of_the_paper_says_in_one_sentence_that_it_is_empty(monkeypatch):
    empty = ("documented", "figure2", "beside", "unprinted")
    first, *others = (getattr(published_results, name)(EXAMPLE) for name in empty)
    assert first.why == "No published results belong to this table: there is nothing beside it."
    assert {section.why for section in others} == {""}
    assert {s.say("## A heading {no_such_fact}") for s in (first, *others)} == {None}
    monkeypatch.setattr(studies, "possible", lambda: False)
    assert "No set of counts agrees" in published_results.figure2().why
    assert published_results.unprinted().why == ""
    assert published_results.beside().facts["outcome"].startswith("No counts agree")


def test_the_start_page_says_what_the_tables_say():
    facts = summary.facts()
    known = studies.load("CR")["kind"].eq("documented").sum()
    assert facts["CR_known"] == known
    assert facts["CR_estimate"] == pytest.approx(primary.view().result.loc["estimate", "value"])
    verdicts = ("reproduced", "consistent", "discrepant", "transcribed", "not_reproducible")
    assert sum(facts[v] for v in verdicts) == facts["claims"]
    assert facts["CR_least"] <= facts["CR_estimate"] <= facts["CR_most"]
