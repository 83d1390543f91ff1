"""The normal-normal posterior against bayesmeta as published and against scipy's integration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import dblquad, quad
from scipy.stats import norm

from metaprop import bayes, pooling

# Rubin 1981 (J Educ Stat 6:377), the eight schools.
Y = np.array([28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16])
SE = np.array([14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6])
PRIORS = ("half-normal", "half-cauchy")


def heavy(t):
    return 1 / (1 + (t / 0.3) ** 2)


def test_bayesmeta_as_published():
    """Vignette of bayesmeta 2 (Röver): half-Cauchy(25) on tau, N(0, 50) on mu, eight schools.

    tau is integrated there as here. mu and theta are mixtures on a coarse grid there, built so that
    the divergence from the exact posterior stays below 0.01, which moves quantiles in the fourth
    digit: their tolerance is a hundredth of the standard deviation.
    """
    p = bayes.posterior(Y, SE**2, "half-cauchy", 25.0, mu_prior=(0.0, 50.0))
    assert_allclose(p.tau.median, 4.758539, atol=1e-6)
    assert_allclose(p.tau.mean, 5.884511, atol=1e-6)
    assert_allclose(p.tau.sd, 4.869904, atol=1e-6)
    assert_allclose([p.tau.lower, p.tau.upper], [0.2199559, 18.0531718], atol=1e-6)
    assert_allclose([p.mu.median, p.mu.mean], [7.962961, 7.985729], atol=0.01)
    assert_allclose(p.mu.sd, 4.995762, atol=0.01)
    ninety = bayes.posterior(Y, SE**2, "half-cauchy", 25.0, (0.0, 50.0), level=0.9)
    assert_allclose(ninety.mu.upper, 16.11009, atol=0.01)
    some = [0, 6, 7]  # schools A, G and H
    assert_allclose(p.theta.median[some], [10.093581, 9.786985, 8.266594], atol=0.02)
    assert_allclose(p.theta.mean[some], [11.095255, 10.336032, 8.474644], atol=0.01)
    assert_allclose(p.theta.sd[some], [7.901084, 6.631039, 7.456906], atol=0.01)


@given(st.integers(2, 8), st.sampled_from(PRIORS), st.integers(0, 10_000))
def test_tau_is_what_scipy_integrates(k, prior, seed):
    """Marginal likelihood up to a constant, mu integrated in closed form, priors written out."""
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.002, 0.1, k)
    y = rng.normal(0.5, np.sqrt(v + 0.02))
    p = bayes.posterior(y, v, prior, 0.3)

    def density(t):
        w = 1 / (v + t**2)
        mu = (w * y).sum() / w.sum()
        like = np.sqrt(w.prod() / w.sum()) * np.exp(-0.5 * (w * (y - mu) ** 2).sum())
        return like * (np.exp(-((t / 0.3) ** 2) / 2) if prior == "half-normal" else heavy(t))

    total = quad(density, 0, np.inf, epsabs=0, epsrel=1e-10, limit=200)[0]
    for limit, want in ((p.tau.median, 0.5), (p.tau.lower, 0.025), (p.tau.upper, 0.975)):
        assert_allclose(quad(density, 0, limit, epsrel=1e-10)[0] / total, want, atol=1e-7)
    some = p.grid[::50]
    assert_allclose(p.density[::50], [density(t) / total for t in some], rtol=1e-6, atol=1e-12)


def test_mu_and_theta_are_what_scipy_integrates():
    """The joint density of (mu, tau), nothing integrated in closed form."""
    y, v = np.array([0.35, 0.31, 0.0, 0.71]), np.array([0.004, 0.004, 0.06, 0.01])
    p = bayes.posterior(y, v, "half-normal", 0.5)

    def joint(mu, tau):
        w = 1 / (v + tau**2)
        return np.sqrt(w.prod()) * np.exp(-0.5 * (w * (y - mu) ** 2).sum() - 2 * tau**2)

    def integrate(f):
        return dblquad(
            lambda mu, tau: f(mu, tau) * joint(mu, tau), 0, 2.5, -6, 6, epsabs=1e-8, epsrel=1e-6
        )[0]

    total = integrate(lambda mu, tau: 1.0)
    mean = integrate(lambda mu, tau: mu) / total
    assert_allclose(p.mu.mean, mean, atol=1e-5)
    assert_allclose(p.mu.sd, np.sqrt(integrate(lambda m, t: (m - mean) ** 2) / total), atol=1e-5)
    own = integrate(lambda mu, t: (y[3] * t**2 + v[3] * mu) / (v[3] + t**2)) / total
    assert_allclose(p.theta.mean[3], own, atol=1e-5)
    new = integrate(lambda mu, t: norm.cdf(p.predicted.upper, mu, max(t, 1e-12))) / total
    assert_allclose(new, 0.975, atol=1e-4)


@given(st.integers(2, 9), st.integers(0, 10_000))
def test_shrinkage_lies_between_a_study_and_the_pool(k, seed):
    rng = np.random.default_rng(seed)
    v, y = rng.uniform(0.002, 0.3, k), rng.normal(size=k)
    p = bayes.posterior(y, v)
    assert ((p.shrinkage > 0) & (p.shrinkage < 1)).all()
    assert (np.argsort(p.shrinkage) == np.argsort(v)).all()
    assert (p.theta.sd < np.sqrt(v) * 1.01 + p.mu.sd).all()
    assert p.predicted.lower < p.mu.lower
    assert p.predicted.upper > p.mu.upper


def test_a_narrow_prior_is_the_common_effect_model():
    """tau held at almost 0: the posterior of mu is the common-effect estimate and its error."""
    y, v = np.array([0.3, 0.5, 0.1]), np.array([0.01, 0.02, 0.05])
    p, fit = bayes.posterior(y, v, scale=1e-6), pooling.pool(y, v, "CE")
    assert_allclose([p.mu.mean, p.mu.sd], [fit.estimate, fit.se], rtol=1e-6)
    assert_allclose([p.mu.lower, p.mu.upper], [fit.lower, fit.upper], rtol=1e-6)
    assert_allclose(p.theta.mean, fit.estimate, rtol=1e-6)


def test_moving_and_scaling():
    a = bayes.posterior(Y, SE**2, "half-cauchy", 10.0)
    b = bayes.posterior(3 - Y / 100, (SE / 100) ** 2, "half-cauchy", 0.1)
    assert_allclose(b.mu.median, 3 - a.mu.median / 100, rtol=1e-9)
    assert_allclose(b.tau.upper, a.tau.upper / 100, rtol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(
    ("y", "v"),
    [
        ([0.4, 0.4, 0.4], [0.01, 0.02, 0.01]),
        ([0.1, 0.6], [0.01, 0.02]),
        ([0.1, 0.6, 0.3], [1e-10, 1e-10, 0.2]),
        ([0.0, 0.0, 0.0, 0.0], [0.05, 0.1, 0.125, 0.01]),
    ],
)
def test_edges_have_values(prior, y, v):
    """Identical rows, two rows, huge n and all-zero rows."""
    p = bayes.posterior(y, v, prior, 0.5)
    for s in (p.mu, p.tau, p.theta, p.predicted):
        for value in (s.median, s.lower, s.upper, s.mean):
            assert np.isfinite(value).all()
        assert (s.sd > 0).all()
        assert (s.lower < s.upper).all()


def test_moments_that_do_not_exist_are_infinite():
    """Two rows leave tau a tail like tau^-3 under a half-Cauchy prior: a mean, but no variance."""
    heavy = bayes.posterior([0.1, 0.6], [0.01, 0.02], "half-cauchy")
    assert np.isinf([heavy.tau.sd, heavy.mu.sd, heavy.predicted.sd]).all()
    light = bayes.posterior([0.1, 0.6], [0.01, 0.02], "half-normal")
    assert np.isfinite([light.tau.sd, light.mu.sd, light.predicted.sd]).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prior": "uniform"}, "prior: found 'uniform', expected one of half-normal, half-cauchy"),
        ({"scale": 0.0}, "expected positive numbers"),
        ({"mu_prior": (0.0, -1.0)}, "expected positive numbers"),
        ({"y": [0.3], "v": [0.1]}, "found k = 1 row, expected at least 2"),
        ({"y": [[0.3, 0.2]]}, "expected one set"),
        ({"y": [np.nan, 0.2]}, r"y\[0\]: found nan, expected a finite effect"),
    ],
)
def test_unusable_input_is_refused(change, says):
    arguments = {"y": [0.1, 0.5], "v": [0.1, 0.1]} | change
    with pytest.raises(ValueError, match=says):
        bayes.posterior(**arguments)
