"""Notebook 08: metafor is the printer, trials are what they say, and a truth that is lost shows.

Few trials run here; the notebook runs all of them. `test_reproduction.py` compares its outputs.
"""

import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, need
from numpy.testing import assert_allclose

from clofarabine import validation, validation_published, validation_shown
from clofarabine.tables import store
from metaprop.method import Method
from metaprop.pooling import pool_proportions
from metaprop.printed import which

SMALL = [
    t for t in validation.design(["gurusamy2011 tranexamic"]) if t.hidden < 1 and t.scale != "PLO"
]
LIVE = SMALL[::4]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """What R says today: the counts of metadat and the results of metafor."""
    folder = tmp_path_factory.mktemp("printer")
    script = ROOT / "tests" / "oracle" / "printer.R"
    subprocess.run([need("Rscript"), str(script), str(folder)], check=True)
    return {n: pd.read_csv(folder / f"{n}.csv") for n in ("counts", "printed_by_metafor")}


def test_the_counts_are_those_of_metadat_today(live):
    known = store.load("data_sets").dropna(subset="metadat")["data_set"]
    counts = store.load("counts")
    own = counts[counts["data_set"].isin(known)]
    assert own.astype(str).to_numpy().tolist() == live["counts"].astype(str).to_numpy().tolist()


def test_metafor_prints_the_same_today(live):
    """Another release may stop an iteration one step apart, hence 1e-6 of a percentage."""
    ours, theirs = store.load("printed_by_metafor"), live["printed_by_metafor"]
    keys = ["data_set", "scale", "tau2_method"]
    assert ours[keys].astype(str).to_numpy().tolist() == theirs[keys].to_numpy().tolist()
    for end in validation.ENDS:
        assert_allclose(ours[end].astype(float), theirs[end], rtol=1e-6, atol=1e-6, err_msg=end)


def test_this_package_prints_what_metafor_prints():
    counts = store.load("counts")
    for _, r in store.load("printed_by_metafor").iterrows():
        part = counts[counts["data_set"] == r["data_set"]]
        x, n = (part[c].to_numpy(int) for c in ("x", "n"))
        mine = pool_proportions(x, n, Method(r["scale"], r["tau2_method"]))
        ends = 100 * np.array([mine.estimate, mine.lower, mine.upper])
        assert_allclose(ends, [float(r[e]) for e in validation.ENDS], rtol=1e-6, err_msg=str(r))


def test_every_count_is_at_most_its_row():
    counts = store.load("counts")
    assert (counts["x"] <= counts["n"]).all()


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(2.5, 0, "3"), (0.5, 0, "1"), (2.675, 2, "2.68"), (7.0, 1, "7.0"), (1e-7, 2, "0.00")],
)
def test_percentages_are_rounded_half_up(value, decimals, text):
    assert validation.percent(value, decimals) == text


def test_the_design_is_balanced():
    sets = validation.data_sets()
    frame = pd.DataFrame([vars(t) for t in validation.design(sets)])
    assert len(frame) == len(sets) * len(validation.printers())
    assert not frame.duplicated(["data_set", "scale", "tau2_method"]).any()
    each = frame.groupby(["data_set", "decimals", "hidden"]).size()
    assert len(each) == len(sets) * len(validation.DECIMALS) * len(validation.HIDDEN)
    assert each.max() - each.min() <= 1
    assert frame["number"].is_unique
    assert len(list(validation.design(sets, 2))) == 2 * len(frame)


def test_what_is_too_large_is_not_made():
    """At least eight data sets take part, and every share and number of decimals comes up."""
    made = validation.made()
    assert len({t.data_set for t in made}) >= 8
    assert len({(t.decimals, t.hidden) for t in made}) == 9
    for trial in made:
        rows, hidden = validation.told(trial)
        widths = (rows["x_max"] - rows["x_min"] + 1).to_numpy(float)
        assert widths.prod() <= validation.MOST_VECTORS
        assert rows["n"][hidden].sum() <= validation.MOST_PATIENTS
    assert len(made) < len(list(validation.design(validation.data_sets())))


@pytest.mark.parametrize("hidden", validation.HIDDEN)
def test_what_the_tool_is_told(hidden):
    trial = replace(SMALL[0], hidden=hidden)
    rows, away = validation.told(trial)
    counts = store.load("counts").query("data_set == 'gurusamy2011 tranexamic'")
    x, n = (counts[c].to_numpy(int) for c in ("x", "n"))
    assert away.sum() == int(np.ceil(hidden * len(x)))
    assert (rows["x_min"][~away] == x[~away]).all()
    assert (rows["x_max"][~away] == x[~away]).all()
    assert (rows["x_min"][away] == 0).all()
    assert (rows["x_max"][away] == n[away]).all()
    again, _ = validation.told(trial)
    assert again.equals(rows)


@pytest.mark.parametrize("trial", LIVE, ids=str)
def test_the_truth_is_kept(trial):
    found = validation.tried(trial)
    assert found["true_method"]
    assert found["true_counts"]
    assert 0 <= found["others"] < len(validation.printers())


def test_a_truth_that_is_lost_shows():
    """The printed estimate moved by one unit in its last place: the true method must be gone."""
    trial = next(t for t in SMALL if t.decimals == 2 and t.hidden < 0.5)
    rows, _ = validation.told(trial)
    numbers = validation.printed(trial)
    assert validation.survives(which(rows, numbers, methods=[trial.method]), trial.method)
    numbers.loc[0, "printed"] = f"{float(numbers.loc[0, 'printed']) + 0.01:.2f}"
    answer = which(rows, numbers, methods=[trial.method])
    assert not validation.survives(answer, trial.method)
    assert answer.verdict == "infeasible"


def test_one_documented_count_is_moved_by_one():
    for trial in SMALL:
        rows, hidden = validation.told(trial)
        wrong, label = validation.moved(trial)
        change = (wrong[["x_min", "x_max"]] - rows[["x_min", "x_max"]]).to_numpy()
        assert (np.abs(change).sum(0) == 1).all()
        at = int(np.flatnonzero(change[:, 0])[0])
        assert rows.loc[at, "label"] == label
        assert not hidden[at]
        assert 0 <= wrong.loc[at, "x_min"] == wrong.loc[at, "x_max"] <= wrong.loc[at, "n"]


def test_proportions_move_to_percent_digit_by_digit():
    assert validation_published.in_percent("aki2020 output")["lower"] == "7.25"
    assert validation_published.in_percent("debruin2009 raw")["estimate"] == "48"
    assert validation_published.in_percent("stijnen2010 standard") == {
        "estimate": "3.5", "lower": "2.3", "upper": "5.6", "tau2": "0.663",
    }  # fmt: skip


def test_published_rows_name_their_counts_and_sources():
    analyses = store.load("published_analyses")
    assert analyses["data_set"].nunique() >= 3
    assert analyses["address"].str.startswith("https://").all()
    for name in analyses["analysis"]:
        assert "estimate" in validation_published.in_percent(name)


def test_the_patients_of_the_survey_add_up_to_what_its_report_says():
    """The article states its total; the rows transcribed must add up to it."""
    assert validation_published.rows_of("aki2020")["n"].sum() == 15536


@pytest.mark.parametrize(
    "name", ["pritz1997 logit", "stijnen2010 treated", "pritz1997 GLMM", "stijnen2010 GLMM"]
)
def test_a_published_method_is_named(name):
    stated = store.load("published_analyses").set_index("analysis", drop=False).loc[name]
    numbers = {q: v for q, v in validation_published.in_percent(name).items() if q != "tau2"}
    found = validation_published.asked(stated, numbers)
    assert found["printed"] == found["recomputed"]
    assert found["stated_left"]


def test_results_rounded_twice_are_a_miss_and_the_table_shows_why():
    """The article rounds 7.25 again, to 7.3, where the count gives 7.247: nothing prints so."""
    stated = store.load("published_analyses").set_index("analysis", drop=False)
    rows = validation_published.rows_of("aki2020")
    numbers = validation_published.in_percent("aki2020 article")
    row = stated.loc["aki2020 article"]
    assert validation_published.recomputed(rows, row, numbers) == "12.3 (7.2 to 20.0)"
    method = Method(*row[["scale", "tau2_method", "ci_method"]])
    answer = which(rows, validation_published.as_printed(numbers), methods=[method])
    assert answer.verdict == "infeasible"


def _found() -> pd.DataFrame:
    """Two trials of every condition, all of whose truths are kept."""
    rows = [
        {
            "data_set": "hine1989" if i else "gibson2002", "scale": "PAS", "tau2_method": "DL",
            "decimals": d, "hidden": h, "hidden_rows": 2, "true_method": True, "true_counts": True,
            "others": 4 * i, "undecided": 0, "scales": 1 + i, "width": 10.0 * d + i, "single": 0,
            "exact": True,
        }
        for d in validation.DECIMALS for h in validation.HIDDEN for i in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_sentences_count_what_the_table_holds():
    found = _found()
    facts = validation_shown.facts(found)
    assert facts["trials"] == facts["survived"] == facts["covered"] == 18
    assert (facts["others_coarse"], facts["width_fine"]) == (2, 20.5)
    assert (facts["unique"], facts["one_scale"], facts["failed"]) == (9, 9, "none")
    lost = found.assign(true_method=[*found["true_method"][:-1], False])
    facts = validation_shown.facts(lost)
    assert (facts["survived"], facts["covered"], facts["failed"]) == (17, 18, "hine1989")


def test_wrong_counts_are_counted_by_decimals():
    found = _found().assign(empty_own=True)
    found["empty_every"] = found["decimals"] > 0
    facts = validation_shown.wrong_facts(found)
    assert facts["own"] == "100%, 100% and 100%"
    assert facts["every"] == "0%, 100% and 100%"


def test_the_last_answer_on_a_published_result_decides():
    row = {"analysis": "pritz1997 logit", "numbers": "rates", "stated": "logit", "methods": 0}
    row |= {"stated_tried": True, "stated_left": False, "left": "none"}
    other = row | {"numbers": "rates and tau²", "methods": 1, "stated_left": True, "left": "logit"}
    refused = row | {"analysis": "pritz1997 GLMM", "stated_tried": False}
    facts = validation_shown.published_facts(pd.DataFrame([row, other, refused]))
    assert (facts["results"], facts["named"], facts["alone"], facts["nothing"]) == (2, 1, 1, 1)
    assert "logistic mixed model" in facts["missed"]
    assert "logistic mixed model" in facts["refused"]
