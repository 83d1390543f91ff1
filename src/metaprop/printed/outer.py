"""What a pooled result's quantities cannot leave, where vectors of counts are too many to list.

Certified, not sharp: in each piece of tau² that the search leaves open, tau², the estimate and its
standard error lie between known ends; a quantity made of them lies between what these ends make.
"""

import numpy as np

from ..counts import distance
from ..counts.equations import moment
from ..counts.statement import HAIR, Interval
from ..counts.tables import Tables
from ..counts.witness import Outcome
from ..effectsize import Array
from .problem import UNBOUNDED


def bounds(outcome: Outcome) -> list[dict[str, Interval]]:
    """Bounds of estimate, tau², I² and prediction limits, a result each; what has none is left out.

    A bound holds for every meaning of a quantity. No result where rows were too large for tables.
    """
    return [] if outcome.root is None else [_of(t) for t in outcome.root[1]]


def anything(quantity: str, scale: str) -> Interval:
    """What a quantity can be at all."""
    bounded = quantity == "I2" or (quantity != "tau2" and not scale.startswith(UNBOUNDED))
    return (0.0, 1.0) if bounded else (0.0 if quantity == "tau2" else -np.inf, np.inf)


def _of(own: Tables) -> dict[str, Interval]:
    t, m, se = (a[own.alive] for a in (own.tau2, own.estimate, own.se))
    v = np.where(own.open[own.alive].any(0), own.v, np.nan)
    p, df = own.target.printed, max(len(own.y) - 1, 1)
    out = {"tau2": _hull(t[:, 0], t[:, 1])}
    y = np.where(np.isnan(v), np.nan, own.y)
    middle = (np.nanmin(y) + np.nanmax(y)) / 2
    q = float(np.nanmax((y - middle) ** 2 / v, 1).sum())  # about any centre it is at least Q
    from_q = p.q[0] if np.isfinite(p.q[0]) else 0.0, min(q, p.q[1])
    low, high = (1 - df / max(e, df) for e in from_q)
    if p.k > 1:
        a, b = (df / c if c > 0 else np.inf for c in moment(v)[::-1])
        t0, t1 = out["tau2"]
        same = p.method.tau2_method == "DL"  # I² from tau² is I² from Q
        least = t0 / (t0 + b) if np.isfinite(b) else 0.0
        most = t1 / (t1 + a) if np.isfinite(t1) else 1.0
        low, high = (least, most) if same else (min(low, least), max(high, most))
    out["I2"] = _hull(np.array([low]), np.array([high]))
    out |= {"estimate": anything("estimate", p.method.scale)} | _prediction(own, t, m, se)
    for q, (low, high) in out.items():  # a printed one is where it was printed from
        a, b = p.limits.get(q, (low, high))
        out[q] = max(low, a), min(high, b)
    return out


def _hull(low: Array, high: Array) -> Interval:
    return float(low.min()) * (1 - HAIR), float(high.max()) * (1 + HAIR)


def _prediction(own: Tables, t: Array, m: Array, se: Array) -> dict[str, Interval]:
    """Bounds of both limits, over the meanings of a prediction interval."""
    p = own.target.printed
    z = np.array([q for q in p.quantiles[1:] if not np.isnan(q)])
    if not len(z) or p.nbar == 0.0:  # none; or a way back that depends on the standard error
        return {}
    near, far = (np.sqrt(t[:, i] + se[:, i] ** 2) for i in (0, 1))
    near, far = z.min() * near * (1 - HAIR), z.max() * far * (1 + HAIR)
    m0, m1 = m.T
    ends = {"pi_lower": (m0 - far, m1 - near), "pi_upper": (m0 + near, m1 + far)}
    return {q: (_back(own, a.min()), _back(own, b.max())) for q, (a, b) in ends.items()}


def _back(own: Tables, effect: float) -> float:
    p = own.target.printed
    effect = float(np.clip(effect, -700, 700))
    return float(distance.back(p.scale_code, effect, p.nbar))
