"""The vectors of counts that print as printed under one method, or what is certain of them."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..counts.bounds import SEARCHED, Constraint, Model
from ..counts.solve import identified_set
from .problem import Candidate, Counts, Problem
from .values import holds


@dataclass(frozen=True)
class Outcome:
    """What is known under one method.

    vectors : all of them (m, rows), or None where they are too many. low, high : nothing lies
    outside. seen : vectors that were found, (s, rows), whose ends are counts that can be.
    """

    vectors: Counts | None
    low: Counts
    high: Counts
    seen: Counts

    @property
    def empty(self) -> bool:
        """Whether it is proved that no vector prints the numbers."""
        return self.vectors is not None and not len(self.vectors)


def solve(problem: Problem, candidate: Candidate, list_limit: int, client: Any = None) -> Outcome:
    """Everything that prints as printed under one method."""
    model = None
    for result in problem.results:
        scale = candidate.scale(result)
        plain = result.members.sum(0).max() == 1 == result.members.sum() // len(problem.n)
        if scale in SEARCHED and {"estimate", "lower", "upper"} <= set(result.limits) and plain:
            method = candidate.method
            inverse = method.inverse if scale == "PFT" else "sin2"
            from dataclasses import replace

            model = Model(result.n, replace(method, scale=scale, inverse=inverse))
            pairs = [result.limits[q] for q in ("estimate", "lower", "upper")]
            printed = Constraint(scale, *pairs)
            break
    low = np.array([np.flatnonzero(a)[0] if a.any() else 1 for a in problem.allowed])
    high = np.array([np.flatnonzero(a)[-1] if a.any() else 0 for a in problem.allowed])
    if (low > high).any():
        none = np.empty((0, len(low)), np.int32)
        return Outcome(none, low, high, none)
    if model is not None and not model.method.ci_method.endswith("adhoc"):
        x, _ = identified_set(model, printed, low, high, client=client)
    elif prod(int(w) for w in high - low + 1) <= 5_000_000:
        grid = np.indices([b - a + 1 for a, b in zip(low, high, strict=True)])
        x = (grid.reshape(len(low), -1).T + low).astype(np.int32)
    else:
        raise NotImplementedError
    x = x[holds(problem, candidate, x)]
    return Outcome(x, x.min(0, initial=9**9), x.max(0, initial=0), x)
