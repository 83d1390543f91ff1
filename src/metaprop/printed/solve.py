"""The vectors of counts that print as printed under one method, or what is certain of them."""

from dataclasses import replace
from functools import partial

import numpy as np

from ..counts.ranges import Outcome, known
from ..counts.several import Search, Totals
from ..counts.statement import Printed
from ..counts.tables import Target
from ..effectsize import INVERSES
from .problem import Candidate, Problem
from .values import holds


def solve(problem: Problem, candidate: Candidate, list_limit: int) -> Outcome:
    """Everything that is certain of the counts under one method."""
    if all(a.sum() == 1 for a in problem.allowed):  # every count is known: nothing to search
        x = np.array([[a.argmax() for a in problem.allowed]], np.int32)
        x = x[holds(problem, candidate, x)]
        return Outcome(x, x.min(0, initial=2**31 - 1), x.max(0, initial=-1), x)
    targets = []
    for r in problem.results:
        own = candidate.method
        inverse = own.inverse if own.inverse in INVERSES else "harmonic"
        method = replace(own, scale=candidate.scale(r), inverse=inverse)
        targets.append(Target(Printed(r.n, method, r.limits, r.weights), r.members))
    who = [w for w, _, _ in problem.sums]
    totals = Totals(
        np.array(who, np.int64).reshape(len(who), len(problem.n)),
        np.array([a for _, a, _ in problem.sums], np.int64),
        np.array([b for _, _, b in problem.sums], np.int64),
    )
    search = Search(targets, list(problem.allowed), totals, partial(holds, problem, candidate))
    return known(search, list_limit)
