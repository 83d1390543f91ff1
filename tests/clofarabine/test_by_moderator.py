"""Notebook 03 by the columns of a table that a parameter names."""

import re

import numpy as np
import pandas as pd
import pytest

from clofarabine.by_moderator import by_moderator
from clofarabine.tables import DataError
from clofarabine.tables.paths import DATA
from metaprop.effectsize import transform
from metaprop.method import Method
from metaprop.moderators import meta_regression
from metaprop.pooling import pool_proportions

HOW = Method("PLO", "REML", "hartung-knapp")
EXAMPLE = DATA / "examples" / "debruin2009.csv"


def _by(columns: str, table=EXAMPLE, method: Method = HOW):
    return by_moderator("CR", "paediatric", method, "documented", table, columns)


def _texts(svg: str) -> list[str]:
    return re.findall(r"<!-- (.+?) -->", svg)


def test_rows_stand_under_their_group_with_its_pooled_rate():
    picture = _by("design").things[0]
    texts, frame = _texts(picture.svg), pd.read_csv(EXAMPLE)
    for group, part in frame.groupby("design"):
        at = texts.index(group)
        own = [t for t in texts[at:] if t in set(frame["label"])][: len(part)]
        assert own == part["label"].tolist()
        found = pool_proportions(part["x"], part["n"], HOW)
        ends = (100 * float(getattr(found, e)) for e in ("estimate", "lower", "upper"))
        shown = "{:.0f} [{:.0f}, {:.0f}]".format(*ends)
        pooled = f"Pooled, k = {len(part)}, I² = {100 * float(found.fit.i2):.0f}%"
        assert texts[texts.index(pooled) :].index(shown) == 1


def test_a_row_without_a_group_is_listed_and_not_tested(tmp_path):
    rows = "A,1,9,p\nB,4,20,q\nC,3,8,p\nD,9,30,q\n"
    p = []
    for name, more in (("whole", ""), ("gap", "E,2,40,\n")):
        table = tmp_path / f"{name}.csv"
        table.write_text(f"label,x,n,arm\n{rows}{more}")
        found = _by("arm", table, Method())
        p.append(found.facts["smallest"])
    assert p[0] == p[1]
    assert "p 2, q 2, not stated 1" in found.things[0].caption


def test_numbers_give_a_line_and_its_test():
    found, frame = _by("year"), pd.read_csv(EXAMPLE)
    z = frame["year"] - frame["year"].mean()
    fit = meta_regression(*transform(frame["x"], frame["n"], "PLO"),
                          np.column_stack([np.ones(len(z)), z]), HOW.ci_method, "REML")  # fmt: skip
    assert found.facts["smallest"] == pytest.approx(fit.p[1])
    assert f"Slope {fit.coefficients[1]:.3f} a unit" in found.things[0].caption
    assert "permutation" not in found.things[0].caption
    assert "by permutation" in _by("year", None).things[0].caption


def test_several_columns_answer_for_each_other():
    one, three = _by("regimen").facts, _by("design, regimen,year").facts
    assert three["smallest"] == one["smallest"]
    assert three["adjusted"] == pytest.approx(3 * one["smallest"])


def test_without_a_column_there_is_no_heading_and_one_group_has_no_test(tmp_path):
    none = _by(" , ")
    assert none.things == ()
    assert none.head("## By group") is None
    table = tmp_path / "one.csv"
    table.write_text("label,x,n,arm,big,none\nA,1,9,p,1e300,\nB,4,20,p,2e300,\nC,3,8,p,3e300,\n")
    for column, why in (("big", "none beyond 1e+100"), ("none", "no row has a group")):
        assert why in _by(column, table).things[0].data
    alone = _by("arm", table)
    assert "expected at least two groups" in alone.things[0].data
    assert alone.say("{tests}").data == "These columns allow no test."
    common = _by("design", method=Method("PLO", "CE"))
    assert "with a common effect in each" in common.things[0].caption
    assert "one tau²" not in common.things[0].caption
    with pytest.raises(DataError, match=r"one\.csv, row 1: found no column 'dose'"):
        _by("dose", table)
