"""Random effects against statsmodels, against themselves, and at their edges."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metaprop import pooling
from metaprop.effectsize import transform
from metaprop.method import TAU2_METHODS

ESTIMATORS = [m for m in TAU2_METHODS if m != "CE"]

effects = st.integers(2, 15).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k).map(np.array),
        st.lists(st.floats(1e-4, 2), min_size=k, max_size=k).map(np.array),
    )
)


@given(effects)
@pytest.mark.parametrize(("ours", "theirs"), [("DL", "chi2"), ("PM", "iterated")])
def test_statsmodels_agrees(ours, theirs, data):
    """statsmodels iterates Paule-Mandel until Q is within 1e-5, so tau² is compared to 1e-4."""
    from statsmodels.stats.meta_analysis import combine_effects  # a second, for this test alone

    y, v = data
    assume(np.ptp(y) > 1e-3)  # identical effects make statsmodels divide by Q = 0
    with np.errstate(divide="ignore", invalid="ignore"):  # it pools at its untruncated tau² < 0
        other = combine_effects(y, v, method_re=theirs)
    mine = pooling.pool(y, v, ours)
    tolerance = {"DL": 1e-10, "PM": 1e-4}[ours]
    assert_allclose(mine.tau2, max(other.tau2, 0), rtol=tolerance, atol=tolerance * 1e-2)
    assert_allclose(mine.q, other.q, rtol=1e-9, atol=1e-12)


@given(effects)
def test_moving_and_scaling_the_effects(data):
    """tau² does not move with the effects and scales with their square, by every estimator."""
    y, v = data
    for method in ESTIMATORS:
        a = pooling.pool(y, v, method)
        b = pooling.pool(5 - 2 * y, 4 * v, method)
        assert_allclose(b.tau2, 4 * a.tau2, rtol=1e-6, atol=1e-9, err_msg=method)
        assert_allclose(b.estimate, 5 - 2 * a.estimate, rtol=1e-6, atol=1e-6, err_msg=method)


@given(effects, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(data, random):
    y, v = data
    order = random.sample(range(len(y)), len(y))
    for method in ESTIMATORS:
        a, b = pooling.pool(y, v, method), pooling.pool(y[order], v[order], method)
        assert_allclose(a.tau2, b.tau2, rtol=1e-7, atol=1e-9, err_msg=method)


@given(effects)
def test_iterative_estimators_solve_their_equations(data):
    """Paule-Mandel: Q(tau²) = k - 1. REML: no neighbour has a higher restricted likelihood."""
    y, v = data
    pm = float(pooling.pool(y, v, "PM").tau2)

    def weighted(t):
        w = 1 / (v + t)
        mu = (w * y).sum() / w.sum()
        return w, (w * (y - mu) ** 2).sum()

    if pm > 0:
        assert_allclose(weighted(pm)[1], len(y) - 1, rtol=1e-8)
    else:
        assert weighted(0)[1] <= len(y) - 1 + 1e-9

    def likelihood(t, restricted):
        w, q = weighted(t)
        ll = 0.5 * np.log(w).sum() - 0.5 * q
        return ll - 0.5 * np.log(w.sum()) * restricted

    for method in ("ML", "REML"):
        t = float(pooling.pool(y, v, method).tau2)
        best = likelihood(t, method == "REML")
        for near in (t * 0.99, t * 1.01, t + 1e-4, 0.0):
            assert likelihood(near, method == "REML") <= best + 1e-9


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_likelihood_estimates_are_the_highest_point(method):
    """Over many sets like the paper's no tau² of a grid has a higher (restricted) likelihood.

    The likelihood can fall at 0 and rise again; a search from 0 alone would stop there.
    """
    rng = np.random.default_rng(96)
    n = np.array([61, 65, 4, 2, 2, 138, 4, 17, 43, 5, 26, 7])
    p = 1 / (1 + np.exp(-rng.normal(-1, 0.4, (3000, len(n)))))
    y, v = transform(rng.binomial(n, p), n, "PAS")

    def likelihood(t):
        w = 1 / (v + t)
        mu = (w * y).sum(-1, keepdims=True) / w.sum(-1, keepdims=True)
        ll = 0.5 * (np.log(w) - w * (y - mu) ** 2).sum(-1)
        return ll - 0.5 * np.log(w.sum(-1)) * (method == "REML")

    best = likelihood(pooling.pool(y, v, method).tau2[:, None])
    for t in [0, *np.geomspace(1e-5, 1, 60)]:
        assert (likelihood(np.full((len(y), 1), t)) <= best + 1e-9).all()


@given(effects)
def test_q_profile_limits_solve_their_equations(data):
    from scipy.stats import chi2

    y, v = data
    for limit, p in zip(pooling.tau2_interval(y, v), (0.975, 0.025), strict=True):
        if limit > 0:
            w = 1 / (v + limit)
            q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
            assert_allclose(q, chi2.isf(1 - p, len(y) - 1), rtol=1e-8)


@given(effects)
def test_intervals_nest(data):
    """The never-narrower rule gives the wider of two standard errors, by every estimator."""
    y, v = data
    assume(np.ptp(y) > 1e-6)
    rules = ("hartung-knapp", "hartung-knapp-adhoc")
    for method in ESTIMATORS:
        hk, adhoc = (pooling.pool(y, v, method, i) for i in rules)
        wald = pooling.pool(y, v, method)
        assert_allclose(adhoc.se, np.maximum(hk.se, wald.se), rtol=1e-12, err_msg=method)
        if len(y) > 2:
            low, high = wald.prediction()
            assert low < wald.lower, method
            assert high > wald.upper, method
            assert wald.prediction("k-1")[0] > low, method


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_a_million_sets_are_one_call(method):
    """A batch in any shape, with one vector of variances, is the loop over its rows."""
    rng = np.random.default_rng(7)
    y, v = rng.normal(size=(50, 1000, 6)), rng.uniform(0.05, 1, 6)
    batch = pooling.pool(y, v, method)
    for at in ((0, 0), (17, 501), (49, 999)):
        one = pooling.pool(y[at], v, method)
        assert batch.tau2[at] == one.tau2
        assert batch.upper[at] == one.upper


@pytest.mark.parametrize("method", TAU2_METHODS)
def test_one_row(method):
    """tau² is 0 by definition; what needs more rows says so."""
    one = pooling.pool([0.3], [0.1], method)
    assert (one.tau2, one.estimate, one.q, one.i2, one.h2) == (0, 0.3, 0, 0, 1)
    assert_allclose(one.se, np.sqrt(0.1))
    with pytest.raises(ValueError, match="found k = 1 row, hartung-knapp needs at least 2"):
        pooling.pool([0.3], [0.1], method, "hartung-knapp")
    with pytest.raises(ValueError, match="found CE" if method == "CE" else "found k = 1"):
        one.prediction()
    with pytest.raises(ValueError, match="found k = 1 row"):
        pooling.tau2_interval([0.3], [0.1])


@pytest.mark.parametrize("method", TAU2_METHODS)
@pytest.mark.parametrize(
    ("x", "n"),
    [
        ([0, 0, 0, 0], [5, 10, 2, 40]),
        ([5, 10, 2, 40], [5, 10, 2, 40]),
        ([3, 3, 3], [9, 9, 9]),
        ([1, 0, 1], [1, 1, 1]),
        ([10**8, 2 * 10**8, 5], [10**9, 10**9, 10]),
    ],
)
def test_edges_have_values(method, x, n):
    """All events, none, identical rows, n = 1 and huge n give finite results on every scale."""
    for scale in ("PAS", "PFT", "PLO"):
        p = pooling.pool(*transform(x, n, scale), method)
        for value in (p.estimate, p.se, p.lower, p.upper, p.tau2, p.q, p.q_p, p.i2, p.h2):
            assert np.isfinite(value)
        assert p.tau2 >= 0


@pytest.mark.parametrize(
    ("y", "v", "says"),
    [
        ([], [], "no rows"),
        ([np.nan, 1], [1, 1], r"^y\[0\]: found nan, expected a finite effect"),
        ([0, 1], [0, 1], r"^v\[0\]: found 0.0, expected a sampling variance that is positive"),
        ([0, 1], [np.nan, 1], r"^v\[0\]: found nan"),
    ],
)
def test_unusable_input_is_refused(y, v, says):
    with pytest.raises(ValueError, match=says):
        pooling.pool(y, v)


def test_unknown_methods_get_the_valid_ones():
    with pytest.raises(
        ValueError, match="tau2_method: found 'EB', expected one of DL, DL2, PM, REML"
    ):
        pooling.pool([0], [1], "EB")
    with pytest.raises(ValueError, match="ci_method: found 'z', expected one of wald"):
        pooling.pool([0], [1], ci_method="z")


def test_a_common_effect_reports_heterogeneity_from_q_and_predicts_nothing():
    """tau² is 0 by assumption; the studies still differ."""
    y, v = np.array([0.2, 0.5, 1.1, 0.9]), np.array([0.01, 0.02, 0.03, 0.01])
    fit = pooling.pool(y, v, "CE")
    mu = (y / v).sum() / (1 / v).sum()
    q = ((y - mu) ** 2 / v).sum()
    assert fit.tau2 == 0
    assert_allclose([fit.i2, fit.h2], [(q - 3) / q, q / 3])
    assert not fit.predicts
    for df in ("k-2", "k-1"):
        with pytest.raises(ValueError, match="prediction interval: found CE"):
            fit.prediction(df)
    alike = pooling.pool([0.3, 0.3, 0.3], [0.1, 0.1, 0.1], "CE")
    assert (alike.i2, alike.h2) == (0, 0)
    assert pooling.pool(y, v, "DL").predicts
    assert not pooling.pool(y[:2], v[:2], "DL").predicts


def test_the_old_name_of_the_common_effect_is_answered_with_the_new_one():
    with pytest.raises(ValueError, match=r"tau2_method: found 'FE', .*; the common effect is CE"):
        pooling.pool([0.3, 0.4], [0.1, 0.1], "FE")
