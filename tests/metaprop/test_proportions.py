"""A proportion, its variance, its way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from metaprop import effectsize as pr

pairs = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(pairs)
@pytest.mark.parametrize("scale", ["PAS", "PFT"])
def test_the_way_back_ends_where_it_began(scale, pair):
    """Exact inverses; sqrt near 0 and 1 halves the digits, hence 1e-7 of a patient."""
    x, n = pair
    y, _ = pr.transform(x, n, scale)
    assert_allclose(pr.back_transform(y, scale, n) * n, x, atol=1e-7 * n, rtol=0)


@given(pairs)
def test_logit_way_back(pair):
    x, n = pair
    c = 0.5 if x in (0, n) else 0
    y, _ = pr.transform(x, n, "PLO")
    assert_allclose(pr.back_transform(y, "PLO"), (x + c) / (n + 2 * c), rtol=1e-12)


@given(st.integers(2, 2000), st.sampled_from(pr.SCALES))
def test_effects_rise_with_the_count(n, scale):
    y, v = pr.transform(np.arange(n + 1), n, scale)
    assert (np.diff(y) > 0).all()
    assert (v > 0).all()


@given(st.floats(-1, 3), st.floats(0.5, 1e6))
def test_miller_inverse_stays_a_proportion_and_never_falls(y, n):
    """Beyond the values of x = 0 and x = n a naive formula turns back; this one stays at 0 or 1."""
    grid = np.linspace(y, y + 0.5, 50)
    p = pr.back_transform(grid, "PFT", n)
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= -1e-12).all()


def test_miller_inverse_beyond_its_range():
    n = 10
    low, high = (pr.transform(x, n, "PFT")[0] for x in (0, n))
    assert_allclose(pr.back_transform([low - 0.1, low, high, high + 0.1], "PFT", n), [0, 0, 1, 1])


def test_overall_n():
    n = [2, 8, 8]
    assert_allclose(pr.overall_n(n, "harmonic"), 4)
    assert_allclose(pr.overall_n(n, "geometric"), 128 ** (1 / 3))
    assert_allclose(pr.overall_n(n, "arithmetic"), 6)
    _, v = pr.transform(3, 50, "PAS")
    assert_allclose(pr.overall_n([50], "inverse-variance", np.sqrt(v)), 50)
    with pytest.raises(ValueError, match="standard error"):
        pr.overall_n(n, "inverse-variance")


@pytest.mark.parametrize(
    ("x", "n", "says"),
    [
        (3, 2, "found 3.0 events, expected at most n = 2"),
        (-1, 2, "x: found -1.0, expected a whole number of at least 0"),
        (0.5, 2, "x: found 0.5"),
        ([1, 0, 3], [2, 2, 2], r"^x\[2\]: found 3.0 events"),
        ([[1, 2], [1, -2]], 4, r"^x\[1, 1\]: found -2.0"),
        (np.nan, 2, "x: found nan"),
        (0, 0, "n: found 0.0, expected a whole number of at least 1"),
        (1, np.inf, "n: found inf"),
    ],
)
def test_what_is_no_count_is_refused(x, n, says):
    with pytest.raises(ValueError, match=says):
        pr.transform(x, n, "PAS")


def test_unknown_names_get_the_valid_ones():
    with pytest.raises(ValueError, match="'log', expected one of PAS, PFT, PLO"):
        pr.transform(1, 2, "log")
    with pytest.raises(ValueError, match="expected one of harmonic, geometric"):
        pr.overall_n([2], "median")


def test_single_intervals_have_their_exact_ends():
    """At x = 0 the exact upper limit is 1 - (a/2)^(1/n) (Clopper & Pearson 1934)."""
    lower, upper = pr.interval([0, 7], [7, 7], "exact")
    assert_allclose(lower, [0, 0.025 ** (1 / 7)], rtol=1e-12)
    assert_allclose(upper, [1 - 0.025 ** (1 / 7), 1], rtol=1e-12)
    lower, upper = pr.interval(0, 7, "wilson")
    z2 = 1.959963984540054**2
    assert_allclose([lower, upper], [0, z2 / (7 + z2)], atol=1e-12)
