"""A file of counts (--counts) followed to the end: what is said must be true of its counts."""

from types import SimpleNamespace

import pandas as pd
import pytest

from clofarabine import (
    breakdown,
    identified,
    identified_facts,
    identified_shown,
    published_results,
    sensitivity,
    small_study,
    small_study_power,
    studies,
    summary,
    what_follows,
)
from clofarabine.__main__ import _check_counts
from clofarabine.tables import load_evidence, store
from clofarabine.tables.paths import COUNTS_VARIABLE, OUTPUT_VARIABLE
from metaprop.method import Method

LARGEST = identified.LARGEST


@pytest.fixture(scope="module")
def counts() -> pd.DataFrame:
    """Counts of every row that agree with all printed results."""
    frame = load_evidence()[["row"]]
    for e in studies.ENDPOINTS:
        frame[e.lower()] = studies.reference(e)[1]
    return frame


@pytest.fixture
def given(counts, tmp_path, monkeypatch):
    """Write a file of counts, changed by a function, and be a run that was given it."""

    def give(change=lambda frame: frame) -> None:
        path = tmp_path / "given.csv"
        change(counts.copy()).to_csv(path, index=False, na_rep="NA")
        for folder in ("derived", "figures"):
            (tmp_path / folder).mkdir()
        monkeypatch.setenv(OUTPUT_VARIABLE, str(tmp_path))
        monkeypatch.setenv(COUNTS_VARIABLE, str(path))
        summary.facts.cache_clear()

    yield give
    summary.facts.cache_clear()


def _contradicting(frame):
    frame.loc[frame["row"] == LARGEST, "cr"] = 5
    return frame


def _text(shown) -> str:
    return getattr(shown, "text", None) or shown.data


def test_where_every_count_is_given_nothing_is_said_to_be_reconstructed(given, counts):
    given()
    base, none = identified.body(), pd.DataFrame()
    count = int(counts.set_index("row").loc[LARGEST, "cr"])
    facts = identified_facts.everything(base).facts
    assert (facts["CR"], facts["CR_vectors"]) == (str(count), 1)
    assert facts["single"] == "no count is left unpublished"
    assert identified_facts.grid_sizes(base).facts == {"CR": "1 vector", "OR": "1 vector"}
    assert identified_shown.counts(base).data.startswith("Every count is documented")
    headlines = [h.name for h in breakdown.headlines(base.evidence, breakdown_sets(base))]
    assert f"CR of {LARGEST} is {count}" in headlines
    # the survey's counts gave way to the file's: they fail nothing and fit nothing
    assert identified_facts.survey(base, none).facts == {}
    assert identified_shown.left(base, none, identified.LATER).data == identified.REPLACED
    assert identified_shown.failures(base).data == identified.REPLACED
    found = what_follows.heterogeneity_frame(base)
    for e in studies.ENDPOINTS:  # the same rows: children alone, adults are documented too
        pd.testing.assert_frame_equal(found.loc[e, "documented"], found.loc[e, "primary numbers"])
    beside = published_results.beside()
    assert set(beside.frame.iloc[:, -1]) == {"agrees"}
    assert (beside.frame["documented counts alone"] != "").all()
    assert "construction" not in beside.facts["outcome"]
    figures = published_results.figure2()
    assert not any("construction" in c for c in figures.captions.values())
    assert "can disagree" in figures.facts["but_given"]
    documented = published_results.documented().facts
    assert "the file of counts given" in documented["whose"]
    assert "no report" not in documented["only"]
    _, possible, _ = small_study.parts("CR", "paediatric", "documented", None, Method())
    largest = small_study_power.largest_row(possible, SimpleNamespace(large=50.0))
    assert largest["rates"] == f"{100 * count / 138:.0f}"
    assert "so: that confirms nothing" not in summary._counts()


def breakdown_sets(base):
    """Sets by method as the breakdown takes them."""
    return {e: {f.method: f.joint for f in base.found[e]} for e in base.found}


def test_where_the_counts_contradict_every_notebook_has_its_tables(given):
    given(_contradicting)
    base = identified.body()
    assert base.alive == []
    assert identified_facts.everything(base).none == identified.CONTRADICTS
    assert identified_facts.primary(base, pieces := pd.DataFrame(columns=_COLUMNS)).facts == {}
    assert identified_facts.conflicts(pieces, base).facts == {}
    assert identified_shown.counts(base).data == identified.NONE
    rows = sensitivity.every_vector("CR", "paediatric", Method())
    assert "No vector of counts meets" in rows.things[0].data
    assert sensitivity.overview(rows).things == ()  # said once
    saved = store.load("sensitivity")
    assert set(saved["counts"]) == {"documented"}
    assert summary._counts().startswith("No set of counts agrees")


_COLUMNS = ["evidence", "numbers", "tau2_method", "ci_method", "inverse", "rows", "n_cr"]


def test_what_a_file_of_counts_holds_is_said(given, tmp_path):
    given(lambda frame: frame[frame["row"].isin([LARGEST, "ID99-383"])].assign(**{"or": pd.NA}))
    assert _check_counts(tmp_path / "given.csv") == (
        "given.csv speaks of 2 of 14 rows; the others stay as the studies' reports say. "
        "7 rows have a documented CR count with it, 4 an OR count."
    )
    given_all = load_evidence()
    assert (given_all["cr_min"] == given_all["cr_max"]).sum() == 7
