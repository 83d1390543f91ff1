"""How much the rows of a meta-analysis differ: Q, tau² and I², with Q-profile intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .effectsize import Array, transform
from .method import Method
from .pooling import pool, tau2_interval


@dataclass(frozen=True)
class Heterogeneity:
    """Heterogeneity of the rows on the transformed scale. Every array has shape (...).

    q, df, p : Cochran's Q, its degrees of freedom (k - 1) and p value.
    tau2, i2 : as the method has them; i2 is a fraction, from tau² or (common effect) from Q.
    tau2_lower, tau2_upper, i2_lower, i2_upper : Q-profile limits of tau², and the I² that belongs
        to them; missing with one row.
    """

    q: Array
    df: int
    p: Array
    tau2: Array
    tau2_lower: Array
    tau2_upper: Array
    i2: Array
    i2_lower: Array
    i2_upper: Array


def heterogeneity(x: ArrayLike, n: ArrayLike, method: Method, level: float = 0.95) -> Heterogeneity:
    """Q, tau² and I² of x events among n patients, with Q-profile limits (Viechtbauer 2007).

    Parameters
    ----------
    x, n : array_like, shapes (..., k)
        Counts.
    method : Method
        Its scale is a transformation: PAS, PFT or PLO.
    level : float
        Confidence level.

    Raises
    ------
    ValueError
        As `transform` and `pool` do.
    """
    y, v = transform(x, n, method.scale)
    fit = pool(y, v, method.tau2_method, level=level)
    lower = upper = i2_lower = i2_upper = np.full_like(fit.tau2, np.nan)
    if fit.k > 1:
        lower, upper = tau2_interval(y, v, level)
        i2_lower, i2_upper = (t / (t + fit.typical) for t in (lower, upper))
    return Heterogeneity(
        fit.q, fit.k - 1, fit.q_p, fit.tau2, lower, upper, fit.i2, i2_lower, i2_upper
    )
