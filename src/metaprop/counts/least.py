"""The least sum of squares that one row's count implies, whatever the counts of the others.

For weights w of a sum of squares about its own mean, weights r of the pooled estimate m, and row i
at effect y, Σ w (y - mean)² is at least w u / (w + u) (1 + r / R)² (y - m)², where R is the sum of
the others' r and u = R² / Σ r² / w over them: the others then have the effects that cost least
(Cauchy-Schwarz). Reached where effects are not bounded; counts only make it larger.
"""

import numpy as np

from ..effectsize import Array
from .equations import Spreads
from .statement import HAIR


def too_far(near: Array, r: tuple[Array, Array], spreads: Spreads) -> Array:
    """Counts (p, k, x) that alone make a sum of squares larger than it may be.

    near : least squared distance from the estimate. r : least and largest weight of the estimate.
    spreads : (weight, what is allowed by count, bound) of each sum of squares.
    """
    out = np.zeros(near.shape, bool)
    r0, r1 = r
    at_least, at_most = _others(np.nanmin(r0, 2)), _others(np.nanmax(r1, 2))
    pull = (1 + r0 / at_most[:, :, None]) ** 2 * near
    for weight, allow, bound in spreads:
        u = (at_least**2 / _others(np.nanmax(r1**2 / weight, 2)))[:, :, None]
        allow = np.broadcast_to(allow, near.shape)
        most = bound + allow + _others(np.nanmax(allow, 2))[:, :, None]
        least = weight * u / (weight + u) * pull
        out |= least > most + HAIR * (1 + np.abs(most))
    return out


def _others(each: Array) -> Array:
    """Sum over the rows but one, for each row: (p, k)."""
    return each.sum(1, keepdims=True) - each
