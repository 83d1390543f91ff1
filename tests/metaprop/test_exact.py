"""Likelihoods of counts against scipy's integration and distributions, and at their edges."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import betabinom, binom, norm

from metaprop import likelihood
from metaprop.likelihood_kernels import glmm_terms

FITS = [likelihood.glmm, likelihood.beta_binomial]


def interior(x, n):
    return ((x > 0) & (x < n)).any()


studies = st.integers(1, 10).flatmap(
    lambda k: st.lists(
        st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        min_size=k, max_size=k,
    ).map(lambda pairs: np.array(pairs, float).T)
)  # fmt: skip


def glmm_loglik(x, n, mu, tau):
    """scipy's adaptive quadrature of every row, over the width at which the normal ends."""
    total = 0.0
    for a, m in zip(x, n, strict=True):
        u = np.linspace(-12, 12, 2401)
        peak = u[np.argmax(binom.logpmf(a, m, expit(mu + tau * u)) + norm.logpdf(u))]
        top = binom.logpmf(a, m, expit(mu + tau * peak)) + norm.logpdf(peak)
        value, _ = quad(
            lambda t, a=a, m=m, top=top: np.exp(
                binom.logpmf(a, m, expit(mu + tau * t)) + norm.logpdf(t) - top
            ),
            -12, 12, points=[peak - 0.5, peak, peak + 0.5], limit=200, epsabs=1e-12, epsrel=1e-12,
        )  # fmt: skip
        total += top + np.log(value)
    return total


@pytest.mark.parametrize(
    ("x", "n"),
    [
        ([7, 6, 0, 2, 11], [61, 65, 4, 43, 26]),
        ([0, 5, 1, 0, 30], [10, 5, 1, 2, 400]),  # tau about 6, two empty rows, one full
        ([4, 30, 0, 0, 2, 0, 18], [61, 65, 4, 2, 2, 138, 84]),
        ([3, 3, 3], [9, 9, 9]),
    ],
)
def test_glmm_is_the_highest_of_the_integrated_likelihood(x, n):
    """The value agrees to 1e-8, and no neighbour is higher."""
    fit = likelihood.glmm(x, n)
    mu, tau = float(fit.estimate), float(np.sqrt(fit.spread))
    best = glmm_loglik(x, n, mu, tau)
    assert_allclose(fit.loglik, best, rtol=0, atol=1e-8)
    for a, b in ((0.02, 0), (-0.02, 0), (0, 0.02), (0, -0.02), (0.02, 0.02)):
        assert glmm_loglik(x, n, mu + a, abs(tau + b)) < best


def test_glmm_standard_error_is_the_curvature():
    """Inverse of the Hessian by second differences of the integrated likelihood (step 1e-3)."""
    x, n = [7, 6, 0, 2, 11], [61, 65, 4, 43, 26]
    fit = likelihood.glmm(x, n)
    at = np.array([float(fit.estimate), float(np.sqrt(fit.spread))])
    h = 1e-3 * np.eye(2)
    f = lambda p: glmm_loglik(x, n, *p)  # noqa: E731
    hessian = [
        [(f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b)) / 4e-6 for b in h]
        for a in h
    ]
    assert_allclose(fit.se, np.sqrt(np.linalg.inv(-np.array(hessian))[0, 0]), rtol=1e-4)


@given(studies)
def test_beta_binomial_is_the_highest_that_scipy_finds(data):
    """scipy.stats.betabinom gives the same value, and a simplex search nothing higher
    above rho = 1e-4, below which its log-gamma functions cancel (1e-6 is what is left there).
    """
    x, n = data
    assume(interior(x, n))
    fit = likelihood.beta_binomial(x, n)

    def loglik(mu, rho):
        p, s = expit(mu), (1 - rho) / rho
        return betabinom.logpmf(x, n, p * s, (1 - p) * s).sum()

    mu, rho = float(fit.estimate), float(fit.spread)
    if rho == 0:
        assert_allclose(fit.loglik, binom.logpmf(x, n, expit(mu)).sum(), rtol=1e-9)
    elif rho > 1e-4:
        assert_allclose(fit.loglik, loglik(mu, rho), rtol=1e-6)
    other = minimize(
        lambda p: -loglik(p[0], 1e-4 + 0.9998 * expit(p[1])),
        [mu, logit(max(rho, 0.01))],
        method="Nelder-Mead",
    )
    assert -other.fun <= fit.loglik + 1e-6 * (1 + abs(fit.loglik))


@given(studies, st.randoms(use_true_random=False))
@pytest.mark.parametrize("fit", FITS)
def test_order_and_direction_do_not_matter(fit, data, random):
    """Rows may be permuted, and events exchanged with non-events: the log odds change their sign.

    Newton stops within 1e-12 of the highest log-likelihood, 1e-6 standard errors of the maximum;
    along tau, where the surface may be flat, that is less of a bound, hence 1e-4.
    """
    x, n = data
    assume(interior(x, n))
    order = random.sample(range(len(x)), len(x))
    a, b = fit(x, n), fit((n - x)[order], n[order])
    assert_allclose(a.loglik, b.loglik, rtol=1e-9, atol=1e-9)
    assert_allclose(a.estimate, -b.estimate, atol=1e-4 * a.se)
    assert_allclose(a.spread, b.spread, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("fit", FITS)
def test_a_batch_is_the_loop_over_its_rows(fit):
    rng = np.random.default_rng(5)
    n = np.array([61, 65, 4, 2, 138, 17])
    x = rng.binomial(n, rng.beta(2, 8, (40, 10, 6)))
    batch = fit(x, n)
    assert batch.estimate.shape == (40, 10)
    for at in ((0, 0), (17, 5), (39, 9)):
        one = fit(x[at], n)
        assert batch.estimate[at] == one.estimate
        assert batch.spread[at] == one.spread


@pytest.mark.parametrize("fit", FITS)
def test_where_nothing_varies_it_is_the_binomial(fit):
    """One row, or identical rows: no spread, and the logistic standard error."""
    for x, n in (([3], [9]), ([3, 3, 3], [9, 9, 9])):
        f = fit(x, n)
        total, events = sum(n), sum(x)
        assert f.spread == 0
        assert_allclose(f.proportion()[0], events / total, rtol=1e-12)
        assert_allclose(f.se, np.sqrt(1 / events + 1 / (total - events)), rtol=1e-9)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(
    ("x", "n", "says"),
    [
        ([0, 0, 0], [5, 10, 2], "found no event in any row"),
        ([5, 10, 2], [5, 10, 2], "found no non-event in any row"),
        ([0], [7], "found no event in any row"),
        ([1, 0, 1], [1, 1, 1], "every row at x = 0 or x = n"),
        ([5, 0], [5, 9], "every row at x = 0 or x = n"),
        ([], [], "no rows"),
        ([3, 1], [2, 4], "at most n"),
        ([0.5, 1], [2, 4], "whole number"),
    ],
)
def test_what_has_no_maximum_is_refused(fit, x, n, says):
    with pytest.raises(ValueError, match=says):
        fit(x, n)


def test_huge_n():
    """With a billion patients the rate of each row is known: the model is normal-normal on the
    logits with no sampling variance, whose ML estimates are their mean and variance (divisor k).
    In the curvature, squared residuals of 1e8 cancel to about 1: four digits are left.
    """
    x, n = np.array([1e8, 2e8, 4e8]), np.full(3, 1e9)
    fit = likelihood.glmm(x, n)
    y = logit(x / n)
    assert_allclose(fit.estimate, y.mean(), rtol=1e-6)
    assert_allclose(fit.spread, y.var(), rtol=1e-6)
    assert_allclose(fit.se, np.sqrt(y.var() / 3), rtol=1e-4)
    with pytest.raises(ValueError, match="found 3000000000 patients, expected at most 10000000"):
        likelihood.beta_binomial(x, n)


def test_the_level_sets_the_width():
    wide, narrow = (likelihood.glmm([3, 9], [10, 20], level=p) for p in (0.95, 0.5))
    assert_allclose(wide.upper - wide.estimate, norm.ppf(0.975) * wide.se, rtol=1e-12)
    assert narrow.upper < wide.upper


@pytest.mark.parametrize("mu", [-40.0, -21.0, -19.0, 3.0, 19.0, 21.0, 40.0])
@pytest.mark.parametrize("tau", [0.0, 0.3, 8.0])
def test_full_rows_far_out_are_the_mirror_of_empty_ones(mu, tau):
    """Where a rate rounds to 1 the likelihood still ends, and is that of the non-events."""
    n, x, out = np.array([5.0, 9.0, 40.0]), np.array([5.0, 9.0, 31.0]), np.empty(5)
    a, b = glmm_terms(x, n, mu, tau, out), glmm_terms(n - x, n, -mu, tau, out)
    assert_allclose(a, b, rtol=1e-11)
