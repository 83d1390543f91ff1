"""The binomial posterior against an independent quadrature and an independent sampler."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import comb, expit, logit

from metaprop import bayes, bayes_binomial
from metaprop.effectsize import transform

SETS = [
    ([7, 6, 0, 2, 11], [61, 65, 4, 43, 26], 1.25),
    ([0, 0, 0], [5, 9, 3], 1.25),
    ([4, 0, 9], [4, 7, 12], 0.6),
]


def nodes(low, high, number=90):
    at, weight = np.polynomial.legendre.leggauss(number)
    return low + (high - low) * (at + 1) / 2, weight * (high - low) / 2


def grid(x, n, scale, top=1.0):
    """Rates up to `top`, tau, and the posterior's mass at each pair but for a constant.

    Gauss-Legendre over the rate itself (its prior is uniform) and tau, Gauss-Hermite over rows.
    """
    (root, w_root), (tau, w_tau) = nodes(0, top ** (1 / 3)), nodes(0, 8 * scale)
    rate, w_rate = root**3, 3 * root**2 * w_root  # more of them near 0, where log odds diverge
    u, w_u = np.polynomial.hermite_e.hermegauss(80)
    p = expit(logit(rate)[:, None, None] + tau[:, None] * u)
    like = np.exp(-((tau / scale) ** 2) / 2) * np.ones((len(rate), 1))
    for a, m in zip(x, n, strict=True):
        like *= (p**a * (1 - p) ** (m - a)) @ (w_u / w_u.sum() * comb(m, a))
    return rate[:, None], tau, w_rate[:, None] * like * w_tau


@pytest.mark.parametrize(("x", "n", "scale"), SETS)
def test_an_independent_quadrature(x, n, scale):
    """Other coordinates and other rules; Gauss-Hermite leaves 1e-4 where rows are empty or full."""
    p = bayes_binomial.posterior(x, n, scale)
    rate, tau, mass = grid(x, n, scale)
    for name, value in (("mu", logit(rate) + 0 * tau), ("tau", tau + 0 * rate)):
        found = getattr(p, name)
        mean = (mass * value).sum() / mass.sum()
        sd = np.sqrt((mass * (value - mean) ** 2).sum() / mass.sum())
        assert_allclose([found.mean, found.sd], [mean, sd], rtol=2e-3, err_msg=name)
    for limit, want in ((p.mu.median, 0.5), (p.mu.lower, 0.025), (p.mu.upper, 0.975)):
        below = grid(x, n, scale, expit(limit))[2].sum() / mass.sum()
        assert_allclose(below, want, atol=1e-3)


def test_an_independent_sampler():
    """Metropolis over mu, log tau and every row's own log odds: nothing is integrated out."""
    x, n, scale = (np.array(a) for a in SETS[0])
    rng = np.random.default_rng(3)
    chains, keep = 1500, []

    def log_density(mu, log_tau, eta):
        tau = np.exp(log_tau)
        rows = x * eta - n * np.logaddexp(0, eta) - ((eta - mu) / tau) ** 2 / 2 - log_tau
        prior = mu - 2 * np.logaddexp(0, mu) - (tau / scale) ** 2 / 2 + log_tau
        return rows.sum(1) + prior[:, 0]

    state = [np.full((chains, 1), -2.0), np.zeros((chains, 1)), rng.normal(-2, 1, (chains, 5))]
    now = log_density(*state)
    for step in range(2400):
        which = step % 3
        new = list(state)
        new[which] = state[which] + rng.normal(0, (0.7, 0.6, 0.45)[which], state[which].shape)
        then = log_density(*new)
        taken = np.log(rng.random(chains)) < then - now
        state[which] = np.where(taken[:, None], new[which], state[which])
        now = np.where(taken, then, now)
        if step > 900 and which == 2:
            keep.append(np.column_stack([state[0], np.exp(state[1]), state[2]]))
    drawn = np.concatenate(keep)
    p = bayes_binomial.posterior(x, n, float(scale))
    for found, column in ((p.mu, drawn[:, 0]), (p.tau, drawn[:, 1])):
        want = np.quantile(column, [0.5, 0.025, 0.975])
        assert_allclose([found.median, found.lower, found.upper], want, atol=0.06)
    new = drawn[:, 0] + drawn[:, 1] * rng.normal(size=len(drawn))
    assert_allclose(p.below(logit(0.1)), (new < logit(0.1)).mean(), atol=0.01)
    assert_allclose(expit(p.predicted.upper), np.quantile(expit(new), 0.975), atol=0.02)


def test_many_patients_are_the_normal_model():
    """Rows of thousands: the logits with their sampling variances say the same, where mu has the
    normal prior that is nearest to a uniform rate (the logistic's standard deviation).
    """
    x, n = np.array([300, 900, 1500, 2600]), np.full(4, 5000)
    near = (0.0, np.pi / np.sqrt(3))
    p = bayes_binomial.posterior(x, n, 0.5)
    q = bayes.posterior(*transform(x, n, "PLO"), scale=0.5, mu_prior=near)
    for name in ("mu", "tau", "predicted"):
        a, b = getattr(p, name), getattr(q, name)
        assert_allclose([a.median, a.lower, a.upper], [b.median, b.lower, b.upper], atol=0.06)


def test_events_and_non_events_are_alike():
    x, n = np.array([0, 2, 11]), np.array([4, 43, 26])
    a, b = bayes_binomial.posterior(x, n, 1.0), bayes_binomial.posterior(n - x, n, 1.0)
    assert_allclose([a.mu.median, a.mu.lower], [-b.mu.median, -b.mu.upper], atol=1e-4)
    assert_allclose(a.tau.median, b.tau.median, rtol=1e-4)
    assert_allclose(a.below(0.3), 1 - b.below(-0.3), atol=1e-6)


def test_a_new_study_lies_where_the_interval_says():
    p = bayes_binomial.posterior(*SETS[0])
    assert_allclose(p.below(p.predicted.lower), 0.025, atol=1e-8)
    assert_allclose(p.below(p.predicted.upper), 0.975, atol=1e-8)
    q = bayes.posterior(*transform(*SETS[0][:2], "PAS"))
    assert_allclose(q.below(float(q.predicted.upper)), 0.975, atol=1e-8)


@pytest.mark.parametrize(("x", "n"), [([0, 0], [1, 1]), ([5, 9], [5, 9]), ([3, 3], [9, 9])])
def test_edges_have_values(x, n):
    p = bayes_binomial.posterior(x, n, 1.25)
    for s in (p.mu, p.tau, p.predicted):
        assert np.isfinite([s.median, s.lower, s.upper, s.mean, s.sd]).all()
        assert s.lower < s.median < s.upper


@pytest.mark.parametrize(
    ("x", "n", "scale", "says"),
    [
        ([3], [9], 1.0, r"expected \(k,\), k >= 2"),
        ([3, 4], [9, 9], 0.0, "expected a positive number"),
        ([10**8] * 3, [10**9] * 3, 1.0, "finer than the grid"),
    ],
)
def test_unusable_input_is_refused(x, n, scale, says):
    with pytest.raises(ValueError, match=says):
        bayes_binomial.posterior(x, n, scale)
