"""Influence diagnostics against plain loops and statsmodels, and at their edges."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from statsmodels.stats.outliers_influence import OLSInfluence

from metaprop import influence, pooling
from metaprop.effectsize import transform
from metaprop.method import CI_METHODS

effects = st.integers(3, 12).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k).map(np.array),
        st.lists(st.floats(1e-3, 2), min_size=k, max_size=k).map(np.array),
    )
)


@given(effects)
@pytest.mark.parametrize("method", ["DL", "REML", "HE"])
def test_leave_one_out_is_the_loop(method, data):
    y, v = data
    mine = influence.leave_one_out(y, v, method)
    for i in range(len(y)):
        one = pooling.pool(np.delete(y, i), np.delete(v, i), method)
        assert mine.estimate[i] == one.estimate
        assert mine.upper[i] == one.upper


@given(effects)
def test_cumulative_ends_with_all_rows(data):
    y, v = data
    mine = influence.cumulative(y, v, ci_method="hartung-knapp")
    full = pooling.pool(y, v, ci_method="hartung-knapp")
    assert_allclose(mine.estimate[-1], full.estimate, rtol=1e-12)
    assert_allclose(mine.upper[-1], full.upper, rtol=1e-12)
    assert_allclose(mine.estimate[0], y[0], rtol=1e-12)
    assert_allclose(mine.se[0], np.sqrt(v[0]))


@given(effects)
def test_common_effect_influence_is_that_of_weighted_least_squares(data):
    """With tau² = 0 these are regression diagnostics: of OLS of y/se on 1/se, as statsmodels has
    them, but for its residual variance, which a meta-analysis takes as 1.
    """
    y, v = data
    assume(np.ptp(y) > 1e-3)
    x, z = influence.radial(y, v)
    theirs = OLSInfluence(sm.OLS(z, x).fit())
    mine = influence.influence(y, v, "CE")
    assert_allclose(mine.hat, theirs.hat_matrix_diag, rtol=1e-9)
    residual = z - x * pooling.pool(y, v, "CE").estimate
    assert_allclose(mine.rstudent, residual / np.sqrt(1 - mine.hat), rtol=1e-6, atol=1e-9)
    cook = residual**2 * mine.hat / (1 - mine.hat) ** 2
    assert_allclose(mine.cook, cook, rtol=1e-6, atol=1e-9)
    assert_allclose(mine.cov_ratio, 1 / (1 - mine.hat), rtol=1e-9)
    assert_allclose(mine.baujat_x.sum(), pooling.pool(y, v, "CE").q, rtol=1e-9)


@given(effects)
def test_batch(data):
    y, v = data
    batch = influence.influence(np.stack([y, 2 - y]), v)
    one = influence.influence(2 - y, v)
    assert batch.cook.shape == (2, len(y))
    assert_allclose(batch.cook[1], one.cook, rtol=1e-12)


def test_one_far_row_is_flagged():
    mine = influence.influence([0.1, 0.12, 0.09, 0.11, 2.0], [0.01] * 5)
    assert mine.flagged.tolist() == [False] * 4 + [True]
    assert np.argmax(mine.baujat_x) == 4


@pytest.mark.parametrize(
    ("x", "n"),
    [
        ([0, 0, 0], [5, 10, 2]),
        ([5, 10, 2], [5, 10, 2]),
        ([3, 3, 3], [9, 9, 9]),
        ([1, 0, 1], [1, 1, 1]),
        ([1, 3], [8, 9]),
        ([10**8, 2 * 10**8, 5], [10**9, 10**9, 10]),
    ],
)
def test_edges_have_values(x, n):
    for scale in ("PAS", "PFT", "PLO"):
        mine = influence.influence(*transform(x, n, scale))
        for name, values in vars(mine).items():
            assert np.isfinite(values).all(), name


def test_identical_rows_have_no_influence():
    for interval in CI_METHODS:
        mine = influence.influence([0.3] * 4, [0.1] * 4, "DL", interval)
        assert not mine.flagged.any()
        for name in ("rstudent", "dffits", "cook", "dfbetas", "baujat_y"):
            assert_allclose(getattr(mine, name), 0, atol=1e-12, err_msg=name)


def test_too_few_rows():
    with pytest.raises(ValueError, match="leave-one-out: found k = 1 row, expected at least 2"):
        influence.leave_one_out([0.1], [0.1])
    with pytest.raises(ValueError, match="found k = 1 row, hartung-knapp needs at least 2"):
        influence.influence([0.1, 0.2], [0.1, 0.1], ci_method="hartung-knapp")


def test_radial_slope_is_the_pooled_effect():
    y, v = np.array([0.3, 0.5, 0.1]), np.array([0.01, 0.02, 0.05])
    fit = pooling.pool(y, v)
    x, z = influence.radial(y, v, fit.tau2)
    assert_allclose((x * z).sum() / (x**2).sum(), fit.estimate, rtol=1e-12)
