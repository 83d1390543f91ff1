"""Every interval takes its level: the higher it is, the wider the interval."""

import numpy as np
import pytest

from metaprop import (
    bayes,
    bayes_binomial,
    effectsize,
    influence,
    likelihood,
    moderators,
    pooling,
    prediction,
)
from metaprop.heterogeneity import heterogeneity
from metaprop.method import Method

X, N = np.array([7, 8, 1, 4, 9]), np.array([61, 65, 14, 43, 26])
Y, V = effectsize.transform(X, N, "PAS")


def ends(found, prefix=""):
    """Lower and upper limit of a result."""
    return getattr(found, f"{prefix}lower"), getattr(found, f"{prefix}upper")


@pytest.mark.parametrize(
    "limits",
    [
        lambda level: effectsize.interval(X, N, "exact", level),
        lambda level: effectsize.interval(X, N, "wilson", level),
        lambda level: ends(pooling.pool_proportions(X, N, level=level)),
        lambda level: ends(pooling.pool_proportions(X, N, level=level), "pi_"),
        lambda level: pooling.tau2_interval(Y, V, level),
        lambda level: ends(heterogeneity(X, N, Method(), level), "i2_"),
        lambda level: ends(influence.leave_one_out(Y, V, level=level)),
        lambda level: ends(influence.cumulative(Y, V, level=level)),
        lambda level: ends(moderators.meta_regression(Y, V, np.ones((5, 1)), level=level)),
        lambda level: ends(moderators.subgroups(Y, V, "aabbb", level=level).parts[1]),
        lambda level: ends(likelihood.glmm(X, N, level)),
        lambda level: ends(likelihood.beta_binomial(X, N, level)),
        lambda level: ends(prediction.new_study(X, N, Method(), 0.1, level)),
        lambda level: ends(prediction.new_study(X, N, Method("GLMM", "ML"), 0.1, level)),
        lambda level: ends(bayes.posterior(Y, V, level=level).mu),
        lambda level: ends(bayes_binomial.posterior(X, N, 0.5, level).mu),
    ],
)
def test_every_interval_takes_its_level(limits):
    low, high = (np.array(limits(level)) for level in (0.8, 0.99))
    assert (high[0] < low[0]).all()
    assert (low[0] < low[1]).all()
    assert (low[1] < high[1]).all()
