"""What notebook 04 analyses, shows and says: one vector, every vector, another table."""

import re

import numpy as np
import pytest
from IPython.display import Markdown

from clofarabine import sensitivity as sn
from clofarabine import studies
from clofarabine.sensitivity.everywhere import rows_of_sets
from clofarabine.sensitivity.rows import nothing, text
from clofarabine.tables import DataError, store
from clofarabine.tables.paths import OUTPUT_VARIABLE, ROOT
from metaprop import specifications as mv
from metaprop.effectsize import back_transform, transform
from metaprop.method import Method
from metaprop.pooling import pool

HOW = mv.specification()
ONE_VECTOR = ("likelihoods", "posteriors", "tau", "shrinkage", "baujat", "radial", "bubbles")
BOTH = ("curve", "movers", "scales", "estimators", "leave_one_out", "diagnostics", "compare")


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    """Figures go into a folder of the test, beside the identified sets that the analyses read."""
    for name in ("identified_set_cr", "identified_set_or"):
        source = ROOT / "data" / "derived" / f"{name}.csv"
        (tmp_path / "derived").mkdir(exist_ok=True)
        (tmp_path / "derived" / source.name).write_bytes(source.read_bytes())
    monkeypatch.setenv(OUTPUT_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def table(tmp_path):
    """Another meta-analysis, of four studies."""
    path = tmp_path / "mine.csv"
    path.write_text(
        "label,x,n,year,design,regimen\nA,11,29,2005,p,u\nB,24,33,2003,q,u\nC,20,70,2001,p,v\n"
        "D,0,4,2011,q,v\n"
    )
    return path


def said(thing):
    """Everything that an analysis displays, as text."""
    parts = [str(getattr(t, "text", getattr(t, "data", ""))) for t in thing.things]
    return "\n".join([*parts, *(str(v) for v in thing.facts.values())])


def test_a_sentence_takes_its_numbers_from_the_facts():
    shown = sn.Shown((), {"rate": 12.34})
    assert shown.say("{rate:.1f} percent").data == "12.3 percent"
    with pytest.raises(KeyError, match="other"):
        shown.say("{other}")


def test_nothing_displays_its_reason_and_says_no_number():
    none = nothing("No rows.")
    assert [t.data for t in none.things if isinstance(t, Markdown)] == ["No rows."]
    assert none.say("{rate}") is None
    assert sn.Shown((), {}, "No test.").say("{rate}").data == "No test."


@pytest.mark.parametrize("name", BOTH)
def test_one_function_takes_one_vector_and_all_of_them(name):
    known = sn.documented("CR", "paediatric", HOW)
    possible = sn.every_vector("CR", "paediatric", HOW)
    a, b = (getattr(sn, name)(rows) for rows in (known, possible))
    assert a.things
    assert b.things
    assert set(b.facts) <= set(a.facts)


@pytest.mark.parametrize("name", [*BOTH, *ONE_VECTOR, "choices", "overview"])
def test_a_table_has_no_set_of_possible_counts(name, table):
    absent = sn.every_vector("CR", "paediatric", HOW, table)
    shown = getattr(sn, name)(absent)
    assert shown.things == ()
    assert shown.head("### A heading") is None
    assert not shown.facts
    assert "A table states every count" in sn.described(absent).things[0].data


@pytest.mark.parametrize("name", [*BOTH, *ONE_VECTOR, "described"])
def test_nothing_of_the_paper_is_left_in_another_table(name, table, output):
    shown = getattr(sn, name)(sn.documented("CR", "paediatric", HOW, table=table))
    assert shown.things
    text = said(shown) + "".join(getattr(t, "caption", "") for t in shown.things)
    text += "".join(getattr(t, "svg", "") for t in shown.things)
    for word in ("published", "Published", "printed", "paediatric", "remission"):
        assert word not in text


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_say_so(rows, tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("label,x,n\nA,1,20\nB,3,9\n"[: 17 if rows == 1 else None])
    known = sn.documented("CR", "paediatric", HOW, table=path)
    assert len(known.n) == rows
    for name in ("leave_one_out", "diagnostics", "baujat", "bubbles"):
        shown = getattr(sn, name)(known)
        assert shown.things[0].data == f"This takes 3 rows with a count; found {rows}."


def test_the_facts_of_every_vector_are_the_outermost():
    possible = sn.every_vector("OR", "overall", HOW)
    _, x, n = studies.identified("OR", "overall")
    y, v = transform(x, n, "PAS")
    rates = 100 * back_transform(pool(y, v).estimate, "PAS")
    facts = sn.described(possible).facts
    np.testing.assert_allclose([facts["low"], facts["high"]], [rates.min(), rates.max()])
    assert facts["vectors"] == len(np.unique(x, axis=0))


def test_sets_of_merged_ages_are_counted():
    """Only a set that no method with all rows leaves counts; found one by one here."""
    found = rows_of_sets()
    for endpoint in studies.ENDPOINTS:
        methods, x, _ = studies.identified(endpoint, "overall")
        apart, other = set(), set()
        for rows, vector in zip(methods["rows"], x.tolist(), strict=True):
            (apart if rows == "age-groups" else other).add(tuple(vector))
        assert found[f"{endpoint}_merged"] == len(other - apart)
        assert found[f"{endpoint}_sets"] == len(other | apart)


def test_the_curve_says_what_share_stays_within_the_published_limits():
    known = sn.documented("CR", "paediatric", HOW)
    curve = mv.over_rows(known.x, known.n, sn.choices_of_rows(known.frame), mv.specifications())
    limits = store.load("pooled_results").query(
        "endpoint == 'CR' and population == 'paediatric' and transformation == 'PAS'"
    )
    low, high = (float(limits[c].iloc[0]) for c in ("lower", "upper"))
    inside = curve["estimate_min"].between(low, high)
    facts = sn.curve(known).facts
    assert facts["kept"] == inside.mean()
    assert facts["asked"] == len(curve)


def test_movers_hold_everything_else_fixed():
    """The largest move by the interval is none: it does not touch the estimate of a scale."""
    known = sn.documented("CR", "paediatric", Method())
    facts = sn.movers(known).facts
    assert facts["most"] >= facts["next"] > 0
    assert "interval" not in (facts["first"], facts["second"])


def test_a_table_is_grouped_by_the_columns_it_is_asked_for(table):
    rows = sn.documented("CR", "paediatric", HOW, table=table, moderators="regimen, year")
    shown = sn.compare(rows)
    assert "regimen" in shown.things[0].text
    assert "design" not in shown.things[0].text
    assert "year" in shown.things[1].text
    with pytest.raises(DataError, match=r"mine\.csv, row 1: found no column 'site', expec"):
        sn.documented("CR", "paediatric", HOW, table=table, moderators="site")


def test_what_readers_see():
    """One number where both ends print as one, a range otherwise."""
    one = mv.pool_all([7, 6], [61, 65], [HOW])
    many = mv.pool_all([[7, 6], [9, 6]], [61, 65], [HOW])
    assert "–" not in text(one)[0]
    assert "–" in text(many)[0]
    assert text(mv.pool_all([0, 0], [4, 9], [Method("GLMM")])).isna().all()


def test_a_table_brings_its_own_moderators(tmp_path):
    """Every further column is one, text as groups and numbers as slopes; the parameter chooses."""
    path = tmp_path / "own.csv"
    path.write_text("label,x,n,kind,dose\nA,1,9,p,1.5\nB,4,20,q,2\nC,3,8,p,3\nD,9,30,q,5\n")
    every = sn.documented("CR", "paediatric", HOW, table=path)
    assert every.moderators == ("kind of the table", "dose")
    assert every.frame["kind"].eq("documented").all()  # the rows' own column stands
    text = " ".join(t.text for t in sn.compare(every).things)
    assert re.search(r"kind of the table +p +2", text)
    assert re.search(r"dose +4", text)
    one = sn.documented("CR", "paediatric", HOW, table=path, moderators="dose")
    assert one.moderators == ("dose",)
    with pytest.raises(DataError, match="found no column 'age', expected one of: kind, dose"):
        sn.documented("CR", "paediatric", HOW, table=path, moderators="age")


HUGE = "A,100000000,1000000000"
EDGES = [
    "A,5,5\nB,9,9\nC,30,30",
    "A,0,5\nB,0,9\nC,0,30",
    f"{HUGE}\nB,100000000,1000000000\nC,3,40",
    f"{HUGE}\nB,200000000,2000000000\nC,5,50",
]


@pytest.mark.parametrize("rows", EDGES)
def test_rows_at_the_edge_have_answers_or_reasons(tmp_path, rows):
    path = tmp_path / "edge.csv"
    path.write_text(f"label,x,n\n{rows}\n")
    known = sn.documented("CR", "paediatric", HOW, table=path)
    for analyse in (sn.curve, sn.likelihoods, sn.posteriors,
                    sn.tau, sn.diagnostics, sn.compare):  # fmt: skip
        assert analyse(known).things
    found = sn.new_study(known, 10.0)
    assert found.things
    assert 0 <= found.facts["least"] <= found.facts["most"] <= 1
