"""The rate of a new study: limits and the chance below a threshold are one distribution."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import beta, t

from metaprop import likelihood
from metaprop.effectsize import INVERSES
from metaprop.method import Method
from metaprop.pooling import pool_proportions, to_proportion
from metaprop.prediction import new_study, threshold_effect

X, N = [7, 6, 0, 2, 11], [61, 65, 4, 43, 26]
METHODS = [
    Method("PAS"), Method("PAS", "REML", "hartung-knapp"), Method("PLO"),
    *(Method("PFT", inverse=i) for i in INVERSES), Method("GLMM", "ML"),
    Method("beta-binomial", "ML"),
]  # fmt: skip


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_limits_leave_their_tails(method):
    """At an end of the interval that is no border of the scale, one tail lies below it."""
    found = new_study(X, N, method, 0.1)
    for end, want in ((found.lower, 0.025), (found.upper, 0.975)):
        if 0 < end < 1:
            assert_allclose(new_study(X, N, method, float(end)).below, want, atol=1e-9)
    assert 0 < found.below < 1


@pytest.mark.parametrize("inverse", INVERSES)
@pytest.mark.parametrize("scale", ["PAS", "PFT", "PLO"])
def test_the_threshold_is_taken_back_to_itself(scale, inverse):
    method = Method(scale, inverse=inverse)
    for rate in (0.02, 0.1, 0.5, 0.97):
        effect = threshold_effect(rate, N, 0.07, method)
        assert_allclose(to_proportion(effect, np.array(0.07), N, method), rate, rtol=1e-9)


def test_the_transformations_predict_as_pooling_does():
    for scale in ("PAS", "PFT", "PLO"):
        pooled, new = pool_proportions(X, N, Method(scale)), new_study(X, N, Method(scale), 0.1)
        assert_allclose([new.lower, new.upper], [pooled.pi_lower, pooled.pi_upper])


def test_the_likelihoods_against_scipy():
    """The t distribution written out, and scipy's beta distribution."""
    fit, new = likelihood.glmm(X, N), new_study(X, N, Method("GLMM", "ML"), 0.1)
    law = t(3, fit.estimate, np.sqrt(fit.spread + fit.se**2))
    assert_allclose(new.below, law.cdf(np.log(1 / 9)), rtol=1e-9)
    fit, new = likelihood.beta_binomial(X, N), new_study(X, N, Method("beta-binomial", "ML"), 0.1)
    mean, size = fit.proportion()[0], 1 / fit.spread - 1
    law = beta(mean * size, (1 - mean) * size)
    assert_allclose([new.lower, new.upper], law.ppf([0.025, 0.975]), rtol=1e-9)
    assert_allclose(new.below, law.cdf(0.1), rtol=1e-9)


def test_batches_and_no_spread():
    """A batch is its rows; without a spread the beta distribution is one rate."""
    many = new_study([X, X[::-1]], N, Method("beta-binomial", "ML"), 0.1)
    assert_allclose(many.below[0], new_study(X, N, Method("beta-binomial", "ML"), 0.1).below)
    same = new_study([3, 3, 3], [9, 9, 9], Method("beta-binomial", "ML"), 0.4)
    assert_allclose([same.lower, same.upper, same.below], [1 / 3, 1 / 3, 1])


@pytest.mark.parametrize("method", [Method("PAS", "CE"), Method("PAS"), Method("GLMM", "ML")])
def test_none_where_nothing_is_predicted(method):
    rows = slice(None) if method.tau2_method == "CE" else slice(2)
    assert new_study(X[rows], N[rows], method, 0.1) is None


@pytest.mark.parametrize("threshold", [0.0, 1.0, 10.0, float("nan")])
def test_a_threshold_is_a_proportion(threshold):
    with pytest.raises(ValueError, match="expected a proportion between 0 and 1"):
        new_study(X, N, Method(), threshold)
