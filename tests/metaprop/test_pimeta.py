"""pimeta, a port of metafor to Python (on PyPI): a second opinion that needs no R.

It agrees wherever it answers, but: REML and ML stop earlier (tau² to about 1e-3), the Q-profile
limits are solved as loosely as R's default (3e-5), and its binomial-normal model gives no answer
for counts with x = 0 or x = n in a row, which metafor and this package fit. Trim and fill: `OTHER`.
"""

import json
from pathlib import Path

import numpy as np
import pimeta
import pytest
from numpy.testing import assert_allclose

from metaprop import likelihood, pooling, small_study, trimfill
from metaprop.effectsize import SCALES, transform

PINNED = json.loads((Path(__file__).parents[1] / "oracle" / "metafor.json").read_text())["sets"]
METHODS = {"DL": 1e-9, "PM": 1e-8, "REML": 2e-3, "ML": 2e-3, "HE": 1e-9, "SJ": 1e-9, "HS": 1e-9,
           "CE": 1e-9}  # fmt: skip
TESTS = {"z": "wald", "t": "t", "knha": "hartung-knapp", "adhoc": "hartung-knapp-adhoc"}
# Trim and fill by estimator and set where pimeta goes another way than metafor 3.8, with which this
# package agrees: another pooled value for the same row filled; an error where metafor fills none.
OTHER = {("R0", "pritz1997"), ("Q0", "miller1978")}


def effects(name, scale="PAS"):
    return transform(PINNED[name]["x"], PINNED[name]["n"], scale)


@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", METHODS)
def test_pooling(name, scale, method):
    y, v = effects(name, scale)
    theirs = pimeta.rma(yi=y, vi=v, method="FE" if method == "CE" else method)
    mine, tolerance = pooling.pool(y, v, method), METHODS[method]
    assert_allclose(mine.tau2, theirs.tau2, rtol=tolerance, atol=1e-4 * tolerance)
    assert_allclose([mine.estimate, mine.se], [theirs.b[0], theirs.se[0]], rtol=tolerance)
    assert_allclose(100 * mine.i2, theirs.I2, rtol=tolerance, atol=1e-6)
    assert_allclose(mine.q, theirs.QE, rtol=1e-9)


@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("test", TESTS)
def test_intervals(name, test):
    y, v = effects(name)
    theirs, mine = (
        pimeta.rma(yi=y, vi=v, method="DL", test=test),
        pooling.pool(y, v, "DL", TESTS[test]),
    )
    assert_allclose([mine.lower, mine.upper], [theirs.ci_lb[0], theirs.ci_ub[0]], rtol=1e-9)
    profile = pimeta.confint_tau2(y, v, float(mine.tau2), method="DL")
    ends = pooling.tau2_interval(y, v)
    assert_allclose(ends, [profile.tau2_lb, profile.tau2_ub], atol=3e-5)


@pytest.mark.parametrize("name", PINNED)
@pytest.mark.parametrize("estimator", trimfill.ESTIMATORS)
def test_small_study_effects(name, estimator):
    y, v = effects(name)
    line, mine = pimeta.regtest(y, v, model="lm"), small_study.egger(y, v)
    assert_allclose([mine.statistic, mine.p], [line.stat, line.p], rtol=1e-7, atol=1e-9)
    if (estimator, name) in OTHER:
        with np.errstate(all="ignore"), pytest.raises((ValueError, AssertionError)):
            _same_filled(y, v, estimator)
        return
    _same_filled(y, v, estimator)


def _same_filled(y, v, estimator):
    theirs = pimeta.trimfill(y, v, estimator=estimator, method_tau="DL")
    filled = trimfill.trim_and_fill(y, v, estimator, "DL", theirs.side)
    assert int(filled.k0) == theirs.k0
    assert_allclose(filled.estimate, theirs.filled_effect, rtol=1e-9)


def test_the_binomial_normal_model_and_where_pimeta_has_no_answer():
    inside = PINNED["debruin2009"]
    theirs = pimeta.rma_glmm(measure="PLO", xi=inside["x"], ni=inside["n"])
    mine = likelihood.glmm(inside["x"], inside["n"])
    assert_allclose([mine.estimate, mine.spread], [theirs.b[0], theirs.tau2], rtol=1e-5)
    for name, error in (("pritz1997", ZeroDivisionError), ("clofarabine_cr", ValueError)):
        rows = PINNED[name]
        with pytest.raises(error):
            pimeta.rma_glmm(measure="PLO", xi=rows["x"], ni=rows["n"])
        assert likelihood.glmm(rows["x"], rows["n"]).se > 0
