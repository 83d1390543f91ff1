"""Notebook 05: the test of small-study effects with a column held, against R metafor."""

import re
import subprocess

import pytest
from conftest import need

from clofarabine import sensitivity
from clofarabine.small_study_moderators import held
from clofarabine.tables import DataError
from clofarabine.tables.paths import DATA
from metaprop.effectsize import transform
from metaprop.method import Method
from metaprop.small_study import beside_moderators, thompson_sharp

EXAMPLE = DATA / "examples" / "debruin2009.csv"


def _held(table, columns: str = "", how: str = "DL"):
    method = Method("PLO", how)
    rows = sensitivity.documented("CR", "paediatric", method, table=table, moderators=columns)
    return held(rows)


@pytest.mark.parametrize("how", ["DL", "REML"])
def test_metafor_gives_the_same(how):
    script = f"""suppressPackageStartupMessages(library(metafor))
d <- read.csv("{EXAMPLE}"); es <- escalc(measure = "PLO", xi = x, ni = n, data = d)
tight <- list(threshold = 1e-12, maxiter = 10000)
for (mods in c(~ design, ~ regimen, ~ year)) {{
  fit <- rma(yi, vi, mods = mods, data = es, method = "{how}", control = tight)
  cat(regtest(fit, predictor = "sei")$pval, "\\n")
}}"""
    done = subprocess.run([need("Rscript"), "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = _held(EXAMPLE, "design,regimen,year", how).things[0].text
    for column, p in zip(("design", "regimen", "year"), done.stdout.split(), strict=True):
        line = next(t for t in shown.splitlines() if t.startswith(column))
        assert line.endswith(f"{float(p):.3f}")


def test_without_a_column_it_is_the_test_of_thompson_and_sharp():
    y, v = transform([11, 24, 20, 0], [29, 33, 70, 4], "PLO")
    mine = beside_moderators(y, v, [[]] * 4)
    assert mine.p == pytest.approx(thompson_sharp(y, v).p, rel=1e-9)


def test_a_column_that_cannot_be_held_says_why(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("label,x,n,one,all,gap\nA,1,9,p,a,1\nB,4,20,p,b,\nC,3,8,p,c,2\nD,9,30,p,d,4\n")
    found = _held(table)
    text = found.things[0].text
    for name, why in (("one", "found one value in all rows, expected several"),
                      ("all", "found 4 rows for 5 coefficients, expected more rows"),
                      ("gap", "found 3 rows for 3 coefficients, expected more rows")):  # fmt: skip
        assert re.search(rf"^{name} +\d  {why}$", text, re.MULTILINE)
    assert found.say("{held}").data.startswith("None of these columns can be held")


def test_a_table_without_columns_shows_nothing(tmp_path):
    table = tmp_path / "bare.csv"
    table.write_text("label,x,n\nA,1,9\nB,4,20\nC,3,8\nD,9,30\n")
    assert _held(table).things == ()
    with pytest.raises(DataError, match="found no column 'dose'"):
        _held(table, "dose")
