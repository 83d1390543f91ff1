"""PyMARE, the other meta-analysis library of Python, for what it shares with this one.

Not shared: its standard errors are sandwich estimates, ours and metafor's assume the model; its I²
is that of Q under every estimator, ours that of tau² (they are one under DerSimonian-Laird).
"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metaprop import effectsize as pr
from metaprop import moderators, pooling

with warnings.catch_warnings():  # PyMARE leaves a file open while it is imported
    warnings.simplefilter("ignore", ResourceWarning)
    from pymare import Dataset, estimators

# dat.pritz1997 of R metadat (Zhou et al. 1999, Stat Med 18:557), and the documented CR rows.
SETS = {
    "pritz1997": (
        [16, 10, 4, 43, 10, 25, 13, 12, 22, 4, 5, 18, 58, 6],
        [17, 12, 8, 58, 10, 42, 14, 12, 41, 5, 6, 23, 68, 10],
    ),
    "clofarabine CR": ([7, 6, 0, 2, 11], [61, 65, 4, 43, 26]),
}
ESTIMATORS = {
    "DL": (estimators.DerSimonianLaird(), 1e-9),
    "HE": (estimators.Hedges(), 1e-9),
    # PyMARE maximises by a simplex search that stops at 1e-4 of its parameters
    "ML": (estimators.VarianceBasedLikelihoodEstimator(method="ML"), 2e-3),
    "REML": (estimators.VarianceBasedLikelihoodEstimator(method="REML"), 2e-3),
}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("scale", pr.SCALES)
@pytest.mark.parametrize("method", ESTIMATORS)
def test_pooling(name, scale, method):
    y, v = pr.transform(*SETS[name], scale)
    theirs, tolerance = ESTIMATORS[method]
    theirs = theirs.fit_dataset(Dataset(y, v, add_intercept=True)).summary()
    mine = pooling.pool(y, v, method)
    assert_allclose(mine.tau2, np.ravel(theirs.tau2)[0], rtol=tolerance, atol=1e-4 * tolerance)
    assert_allclose(mine.estimate, np.ravel(theirs.fe_params)[0], rtol=tolerance)
    assert_allclose(mine.q, np.ravel(theirs.get_heterogeneity_stats()["Q"])[0], rtol=1e-9)
    if method == "DL":
        i2 = np.ravel(theirs.get_heterogeneity_stats()["I^2"])[0]
        assert_allclose(100 * mine.i2, i2, rtol=1e-9)
        limits = theirs.get_re_stats()  # Q-profile, solved to 1e-6
        want = [np.ravel(limits[k])[0] for k in ("ci_l", "ci_u")]
        assert_allclose(pooling.tau2_interval(y, v), want, rtol=1e-4, atol=1e-6)


@given(st.integers(4, 15), st.integers(0, 10_000))
def test_meta_regression(k, seed):
    rng = np.random.default_rng(seed)
    y, v, x = rng.normal(size=k), rng.uniform(0.01, 1, k), rng.normal(size=k)
    theirs = estimators.DerSimonianLaird().fit_dataset(Dataset(y, v, x, add_intercept=True))
    mine = moderators.meta_regression(y, v, np.column_stack([np.ones(k), x]))
    theirs = theirs.summary()
    assert_allclose(mine.tau2, np.ravel(theirs.tau2)[0], rtol=1e-8, atol=1e-10)
    assert_allclose(mine.coefficients, np.ravel(theirs.fe_params), rtol=1e-7, atol=1e-9)
