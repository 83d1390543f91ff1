"""What notebook 05 is made of, on tables of others and at its edges."""

import json
from pathlib import Path

import pandas as pd
import pytest

from clofarabine import small_study as ss
from clofarabine import small_study_power as sp
from clofarabine.__main__ import project
from clofarabine.tables import DataError, store
from compendium import schedule
from metaprop import funnel
from metaprop.method import Method

PAS = Method()


def _parts(folder: Path, rows: str, method: Method = PAS):
    path = folder / "mine.csv"
    path.write_text("label,x,n\n" + rows, encoding="utf-8")
    return ss.parts("CR", "paediatric", "documented", str(path), method)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1,5\nb,2,9\n", "mine.csv, rows with a count: found 2, expected at least 3"),
        ("a,1,9\nb,2,9\nc,4,9\n", "mine.csv, column n: found 9 in all rows, expected several"),
    ],
)  # fmt: skip
def test_rows_that_no_test_can_be_made_of_are_refused_in_one_line(tmp_path, rows, message):
    with pytest.raises(DataError, match=message) as error:
        _parts(tmp_path, rows)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("scale", ["PAS", "PFT", "PLO"])
@pytest.mark.parametrize("all_of", [True, False])
def test_every_row_with_all_or_no_events_has_an_answer(tmp_path, scale, all_of):
    rows = "".join(f"r{n},{n if all_of else 0},{n}\n" for n in (5, 9, 40, 12))
    known, possible, every = _parts(tmp_path, rows, Method(scale=scale))
    power = sp.power(known, possible, every)
    if scale == "PAS":
        assert [r.p[0] for (s, _), r in known.tests.items() if s == "PAS"] == [1.0] * 5
        assert {f.k0[0] for f in known.fills.values()} == {0}
    if power.missing:
        assert all_of
        assert "rate of 100% no bias can raise" in sp.power_figure(power)._repr_markdown_()
        assert power.say("{large}") is None
    else:
        assert power.facts["large"] < power.facts["lifted"] < 100
        assert power.curves["smallest"].notna().all()


def test_large_studies_are_lifted_as_far_as_is_said(tmp_path):
    """With large studies a slope of 5 moves nothing: the scale has to reach further."""
    known, possible, every = _parts(tmp_path, "a,90,1000\nb,70,900\nc,60,700\nd,350,4000\n")
    facts = sp.power(known, possible, every).facts
    assert facts["lifted"] == pytest.approx(2 * facts["large"], abs=2)


def test_false_alarms_are_those_of_the_rows_that_were_tested():
    """Five rows have a count and are tested; that all twelve behave otherwise is shown beside."""
    known, possible, every = ss.parts("CR", "paediatric", "documented", None, PAS)
    power = sp.power(known, possible, every)
    first, second = power.alarms.columns[:2]
    assert first == f"{len(known.n)} rows tested, tau² {float(known.drawn.fit.tau2):.3f}"
    assert second.startswith(f"{len(every)} rows, tau²")
    own = funnel.false_alarm_rate(known.n.astype(int), known.drawn.fit)
    assert power.facts["alarm_high"] == pytest.approx(100 * max(own.values()))
    assert f"{power.alarms[second].max():.0f}%" in power.facts["alarm_others"]
    same = ss.parts("CR", "paediatric", "reconstructed", None, PAS)
    assert sp.power(*same).facts["alarm_others"] == ""


def test_the_readings_of_power_and_alarms_are_conditions():
    said = [sp._power_reading(p) for p in (6, 60, 90)]
    assert len(set(said)) == 3
    assert "speaks against" in said[2]
    near, far = pd.Series([4.0, 6.0]), pd.Series([4.0, 22.0])
    assert sp._alarm_reading(near) != sp._alarm_reading(far)
    assert sp._interval_reading(-3, 1, 43, 16) != sp._interval_reading(-3, 1, 20, 16)
    assert "leaves out 0" in sp._interval_reading(0.5, 1, 43, 16)


def test_questions_without_a_source_are_not_assessed():
    table = store.load("rob_me")
    unsourced = table["source"].isna()
    assert (unsourced == (table["answer"] == "not assessed")).all()
    assert (unsourced == table["locator"].isna()).all()
    assert 0 < unsourced.sum() < len(table)


def test_a_table_of_ones_own_has_nothing_of_the_paper(tmp_path, preloaded):
    rows = "one,3,20\ntwo,9,31\nthree,4,55\nfour,20,80\n"
    (tmp_path / "mine.csv").write_text("label,x,n\n" + rows, encoding="utf-8")
    made = project()
    parameters = {"table": str(tmp_path / "mine.csv"), "tau2_method": "REML"}
    steps = [made.step("05_publication_bias")]
    (run,) = schedule.run_all(made, steps, parameters, build=tmp_path / "build", warm=preloaded)
    cells = json.loads((run.folder / "notebook.ipynb").read_text())["cells"]
    outputs = json.dumps([c.get("outputs", []) for c in cells])
    prose = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert "mine" in outputs
    rows = store.load("evidence")["row"].tolist()
    for word in (*rows, "clofarabine", "Jeha", "remission", "paediatric", "the paper"):
        assert word not in outputs + prose, word
    derived = run.table("trim_and_fill")
    assert set(pd.read_csv(derived)["estimator"]) == {"L0", "R0", "Q0"}
