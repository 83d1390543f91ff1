"""Small-study tests against the library that has them."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from clofarabine import bias


@given(st.integers(3, 20), st.integers(0, 10_000))
def test_egger_is_the_regression_of_y_over_se(k, seed):
    rng = np.random.default_rng(seed)
    y, v = rng.normal(size=k), rng.uniform(0.01, 1, k)
    se = np.sqrt(v)
    fit = sm.OLS(y / se, sm.add_constant(1 / se)).fit()
    mine = bias.egger(y, v)
    assert_allclose(mine.estimate, fit.params[0], rtol=1e-8, atol=1e-10)
    assert_allclose(mine.statistic, fit.tvalues[0], rtol=1e-7, atol=1e-9)
    assert_allclose(mine.p, fit.pvalues[0], rtol=1e-7)


def test_egger_needs_three_rows_of_different_size():
    with pytest.raises(ValueError, match="found k = 2 rows, expected at least 3"):
        bias.egger([0, 1], [1, 2])
    with pytest.raises(ValueError, match="one standard error in all rows"):
        bias.egger([0, 1, 2], [1, 1, 1])
