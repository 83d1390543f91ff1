"""Meta-regression and subgroups against statsmodels, metafor and themselves.

PyMARE: test_pymare.py. metafor's moment estimator: test_sensitivity_oracle.py; its REML and its
exact permutation test: oracle/regression.json, written by oracle/regression.R.
"""

import json
import subprocess
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import need
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metaprop import moderators, pooling
from metaprop.moderators import CI_METHODS

HERE = Path(__file__).parents[1] / "oracle"
PINNED = json.loads((HERE / "regression.json").read_text())


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


def check(name, rows):
    design = np.column_stack([np.ones(len(rows["y"])), rows["z"]])
    for ci_method in CI_METHODS:
        mine = moderators.meta_regression(rows["y"], rows["v"], design, ci_method, "REML")
        for key, value in rows[ci_method].items():
            assert_allclose(getattr(mine, key), value, rtol=1e-7, atol=1e-9, err_msg=key)
    some = (rows["y"][:6], rows["v"][:6], design[:6])
    assert_allclose(moderators.permutation_p(*some), rows["permutation"]["DL"], rtol=1e-12)


@pytest.mark.parametrize("name", PINNED)
def test_reml_and_permutations_as_metafor(name):
    """The year beside an intercept costs metafor up to six digits, hence 1e-7."""
    check(name, PINNED[name])


def test_metafor_run_now(tmp_path):
    out = tmp_path / "regression.json"
    subprocess.run([need("Rscript"), str(HERE / "regression.R"), str(out)], check=True)
    for name, rows in json.loads(out.read_text()).items():
        check(name, rows)


@given(problems())
def test_reml_has_the_highest_restricted_likelihood(data):
    """Against a fine grid of tau², the likelihood written out with determinants."""
    y, v, x = data
    fit = moderators.meta_regression(y, v, x, "wald", "REML")

    def likelihood(tau2):
        w = np.diag(1 / (v + tau2))
        inner = x.T @ w @ x
        residual = y - x @ np.linalg.solve(inner, x.T @ w @ y)
        dets = np.linalg.slogdet(inner)[1] - np.linalg.slogdet(w)[1]
        return -0.5 * (dets + residual @ w @ residual)

    best = max(likelihood(t) for t in np.linspace(0, 10, 2001))
    assert likelihood(fit.tau2) >= best - 1e-9
    alone = moderators.meta_regression(y, v, np.ones((len(y), 1)), "wald", "REML")
    assert_allclose(alone.tau2, pooling.pool(y, v, "REML").tau2, rtol=1e-6, atol=1e-9)


def test_reml_in_a_batch():
    rng = np.random.default_rng(5)
    y, v, x = rng.normal(size=(9, 6)), rng.uniform(0.1, 1, 6), np.ones((6, 2))
    x[:, 1] = rng.normal(size=6)
    batch = moderators.meta_regression(y, v, x, "wald", "REML")
    one = [moderators.meta_regression(row, v, x, "wald", "REML").tau2 for row in y]
    assert_allclose(batch.tau2, one, rtol=1e-9, atol=1e-15)
    assert (batch.tau2 == 0).any()
    assert (batch.tau2 > 0).any()


def test_a_permutation_p_is_the_share_of_assignments():
    """Of the covariate to the rows, where permutation_p assigns the rows to the covariate."""
    y, v, z = [0.1, 0.5, 0.3, 0.9], [0.1, 0.2, 0.05, 0.1], np.array([1.0, 2, 3, 5])

    def q(order):
        return moderators.meta_regression(y, v, np.column_stack([np.ones(4), z[list(order)]])).qm

    all_of_them = np.array([q(order) for order in permutations(range(4))])
    want = (all_of_them >= all_of_them[0] - 1e-12).mean()
    assert moderators.permutation_p(y, v, np.column_stack([np.ones(4), z])) == want
    with pytest.raises(ValueError, match="expected at most 8"):
        moderators.permutation_p([0.1] * 9, [0.1] * 9, np.ones((9, 1)))
    with pytest.raises(ValueError, match="tau2_method: found 'PM', expected one of DL, REML"):
        moderators.meta_regression(y, v, np.ones((4, 1)), "wald", "PM")
