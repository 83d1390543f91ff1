"""The vectors of counts that print as printed under one method, or what is certain of them."""

from dataclasses import replace
from functools import partial

import numpy as np

from ..counts.several import Search, Totals
from ..counts.statement import Printed
from ..counts.tables import Counts, Target
from ..counts.witness import NODES, Outcome, known, listed
from ..effectsize import INVERSES
from .problem import Candidate, Problem
from .read import GLMM
from .values import holds

GLMM_LIMIT = 20_000  # vectors; a fit takes about a tenth of a millisecond


def solve(problem: Problem, candidate: Candidate, list_limit: int) -> Outcome | None:
    """Everything that is certain of the counts under one method; None where it was not tried.

    A GLMM is fitted to each vector that everything else leaves, if they are at most `GLMM_LIMIT`.
    """
    if all(a.sum() == 1 for a in problem.allowed):  # every count is known: nothing to search
        x = np.array([[a.argmax() for a in problem.allowed]], np.int32)
        x = x[holds(problem, candidate, x)]
        return listed(x)
    rest = tuple(r for r in problem.results if candidate.scale(r) != GLMM)
    if len(rest) == len(problem.results):
        return known(search(problem, candidate), list_limit)
    x = _few(search(replace(problem, results=rest), candidate))
    return None if x is None else listed(x[holds(problem, candidate, x)])


def _few(own: Search) -> Counts | None:
    """Every vector, or None where they are more than `GLMM_LIMIT`."""
    root = own.root(own.domain, deep=False)
    if root is None:
        return np.empty((0, len(own.domain)), np.int32)
    x, share = own.run(root, GLMM_LIMIT + 1, NODES)
    return x if share == 1 else None


def search(problem: Problem, candidate: Candidate) -> Search:
    """The search for the vectors that print everything that is printed under one method."""
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
    return Search(targets, list(problem.allowed), totals, partial(holds, problem, candidate))
