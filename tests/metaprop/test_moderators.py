"""Meta-regression and subgroups against statsmodels and themselves (PyMARE: test_pymare.py)."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metaprop import moderators, pooling
from metaprop.method import CI_METHODS


@st.composite
def problems(draw):
    k = draw(st.integers(4, 15))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    y, v = rng.normal(size=k), rng.uniform(0.01, 1, k)
    return y, v, np.column_stack([np.ones(k), rng.normal(size=k)])


@given(problems())
def test_statsmodels_fits_the_same_weighted_regression(data):
    """Given tau², WLS with a scale fixed at 1 (its normalised covariance) is the Wald fit, and with
    its estimated scale the Knapp-Hartung fit.
    """
    y, v, x = data
    z = moderators.meta_regression(y, v, x)
    fit = sm.WLS(y, x, weights=1 / (v + z.tau2)).fit()
    assert_allclose(z.coefficients, fit.params, rtol=1e-8, atol=1e-10)
    assert_allclose(z.se, np.sqrt(np.diag(fit.normalized_cov_params)), rtol=1e-8)
    t = moderators.meta_regression(y, v, x, "hartung-knapp")
    assert_allclose(t.se, fit.bse, rtol=1e-8)
    assert_allclose(t.p, fit.pvalues, rtol=1e-7, atol=1e-12)
    assert_allclose(np.stack([t.lower, t.upper], 1), fit.conf_int(), rtol=1e-7, atol=1e-9)
    assert_allclose([t.qm, t.qm_p], [fit.fvalue, fit.f_pvalue], rtol=1e-6, atol=1e-10)


@given(problems())
def test_an_intercept_alone_is_dersimonian_laird(data):
    y, v, _ = data
    mine = moderators.meta_regression(y, v, np.ones((len(y), 1)))
    fit = pooling.pool(y, v)
    assert_allclose(mine.coefficients[0], fit.estimate, rtol=1e-10)
    assert_allclose([mine.tau2, mine.qe], [fit.tau2, fit.q], rtol=1e-9, atol=1e-12)
    assert (mine.qm, mine.qm_p) == (0, 1)


@given(problems())
def test_batch(data):
    y, v, x = data
    batch = moderators.meta_regression(np.stack([y, 1 - y]), v, x, "hartung-knapp")
    one = moderators.meta_regression(1 - y, v, x, "hartung-knapp")
    for name in ("coefficients", "se", "tau2", "qm_p", "fitted"):
        assert_allclose(getattr(batch, name)[1], getattr(one, name), rtol=1e-9, atol=1e-12)


def test_moving_a_moderator_moves_the_intercept_alone():
    """A calendar year beside an intercept: the slope keeps eight digits."""
    rng = np.random.default_rng(3)
    y, v, year = rng.normal(size=9), rng.uniform(0.1, 1, 9), rng.integers(0, 20, 9)
    a = moderators.meta_regression(y, v, np.column_stack([np.ones(9), year]))
    b = moderators.meta_regression(y, v, np.column_stack([np.ones(9), year + 2000]))
    assert_allclose(a.coefficients[1], b.coefficients[1], rtol=1e-8)
    assert_allclose(a.se[1], b.se[1], rtol=1e-8)
    assert_allclose(a.fitted, b.fitted, rtol=1e-8)


def test_two_groups_are_a_z_test():
    """Between two groups Q is the square of the standardised difference."""
    y, v = np.array([0.1, 0.3, 0.2, 0.8, 0.6]), np.full(5, 0.02)
    s = moderators.subgroups(y, v, ["a", "a", "a", "b", "b"])
    a, b = s.parts
    z = (a.estimate - b.estimate) / np.hypot(a.se, b.se)
    assert_allclose(s.q, z**2, rtol=1e-10)
    assert s.df == 1
    assert s.sizes == (3, 2)
    assert s.names == ("a", "b")


def test_subgroups_in_a_batch():
    rng = np.random.default_rng(4)
    y, v, g = rng.normal(size=(7, 6)), rng.uniform(0.1, 1, 6), list("aabbcc")
    batch, one = moderators.subgroups(y, v, g), moderators.subgroups(y[3], v, g)
    assert batch.q.shape == (7,)
    assert_allclose(batch.q[3], one.q, rtol=1e-12)


def test_a_group_of_one_row_is_that_row():
    s = moderators.subgroups(
        [0.1, 0.3, 0.8], [0.1, 0.1, 0.2], ["x", "x", "y"], ci_method="hartung-knapp"
    )
    assert s.parts[1].estimate == 0.8
    assert_allclose(s.parts[1].se, np.sqrt(0.2))
    assert np.isfinite(s.p)


def test_identical_rows():
    x = np.column_stack([np.ones(4), [0, 1, 2, 3]])
    for interval in CI_METHODS:
        r = moderators.meta_regression([0.5] * 4, [0.1] * 4, x, interval)
        assert_allclose(r.coefficients, [0.5, 0], atol=1e-12)
        assert np.isfinite([r.qm, r.qm_p, r.r2, *r.p]).all()
    s = moderators.subgroups([0.5] * 4, [0.1] * 4, [1, 1, 2, 2])
    assert_allclose([s.q, s.p], [0, 1], atol=1e-12)


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.ones((3, 1)), "found shape \\(3, 1\\), expected \\(4, p\\)"),
        (np.eye(4), "found 4 columns for k = 4 rows"),
        (np.column_stack([np.ones(4), np.ones(4)]), "depend on each other"),
        (np.column_stack([np.ones(4), [1, np.nan, 2, 3]]), "missing value"),
    ],
)
def test_unusable_designs_are_refused(x, says):
    with pytest.raises(ValueError, match=says):
        moderators.meta_regression([0.1, 0.2, 0.3, 0.5], [0.1] * 4, x)


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (["a", "b"], "found 2, expected k = 3"),
        (["a", "a", "a"], "found 'a' in all rows"),
        (["a", "b", pd.NA], "missing group"),
        (["a", "b", None], "missing group"),
    ],
)
def test_unusable_groups_are_refused(groups, says):
    with pytest.raises(ValueError, match=says):
        moderators.subgroups([0.1, 0.2, 0.3], [0.1] * 3, groups)
