"""Many sets side by side: the same bits as set by set, and bad input found wherever it stands."""

import numpy as np
import pytest

from metaprop import batch, kernels, pooling


def sets(count: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Effects and variances, shape (count, k), of which some sets have tau² 0."""
    rng = np.random.default_rng(k)
    v = rng.uniform(0.001, 1, (count, k))
    return rng.normal(0, np.sqrt(v) * rng.uniform(0.1, 2, (count, 1))), v


@pytest.mark.parametrize("count", [1, batch.LANES - 1, batch.LANES, 3 * batch.LANES + 5])
@pytest.mark.parametrize("k", [2, 3, 12, 40])
def test_the_bits_are_those_of_set_by_set(count, k):
    y, v = sets(count, k)
    one, many = np.empty((6, count)), np.empty((6, count))
    kernels.pool_rows(kernels.DL, y, v, one)
    batch.dl_rows(True, y, v, many)
    assert one.tobytes() == many.tobytes()
    assert count < 10 or 0 < (one[0] == 0).sum() < count
    batch.dl_rows(False, y, v, many)
    assert np.delete(one, 3, 0).tobytes() == np.delete(many, 3, 0).tobytes()


@pytest.mark.parametrize("at", [0, batch.LANES - 1, 2 * batch.LANES + 4])
@pytest.mark.parametrize(
    ("which", "value", "said"),
    [
        ("y", np.nan, "a finite effect"),
        ("y", -np.inf, "a finite effect"),
        ("v", 0.0, "positive and finite"),
        ("v", -0.1, "positive and finite"),
        ("v", np.inf, "positive and finite"),
        ("v", np.nan, "positive and finite"),
    ],
)
def test_one_bad_value_among_many_sets_is_refused(at, which, value, said):
    y, v = sets(2 * batch.LANES + 5, 4)
    {"y": y, "v": v}[which][at, 2] = value
    with pytest.raises(ValueError, match=rf"^{which}\[{at}, 2\]: found .*{said}"):
        pooling.pool(y, v)


def test_a_sum_of_weights_that_overflows_is_no_result():
    with pytest.raises(ArithmeticError):
        pooling.pool([0.0, 1.0, 2.0], [1e-320, 1.0, 1.0])
