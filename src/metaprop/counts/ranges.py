"""The ends of each row's range over many methods, where vectors are too many to list.

They are found one by one: beyond the last count seen, a walk finds a vector, or a search or linear
programmes prove that there is none. Where neither happens, the range is an outer bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import witness
from .relax import Mixtures
from .several import Root, Walks
from .tables import Counts
from .witness import Outcome

# Nodes, and linear programmes, of one question about an end of a range.
QUESTION, PROGRAMMES = 30_000, 40
_WALKED = 12  # methods of which walks go for an end that another method leaves open anyway


@dataclass(frozen=True)
class Span:
    """The range of one row over all methods, low to high; seen : vectors of its ends that exist."""

    low: int
    high: int
    seen_low: int | None
    seen_high: int | None


def span(found: Sequence[Outcome], row: int) -> Span:
    """The range of a row's count over methods, each end settled as far as walks and searches go."""
    (low, seen_low), (high, seen_high) = (_end(found, row, sign) for sign in (-1, 1))
    return Span(low, high, seen_low, seen_high)


def _end(found: Sequence[Outcome], row: int, sign: int) -> tuple[int, int | None]:
    """One end: nothing lies beyond the first number; the second was seen, if any was."""
    seen = [sign * int((sign * o.seen[:, row]).max()) for o in found if len(o.seen)]
    inner = sign * max(sign * s for s in seen) if seen else None
    edge = lambda o: int((o.high if sign > 0 else o.low)[row])  # noqa: E731
    known = [o.search is None or o.root is None or not len(o.seen) for o in found]
    blind = [sign * edge(o) for o, is_known in zip(found, known, strict=True) if is_known]
    bound = sign * max([*blind, *(() if inner is None else (sign * inner,))], default=-(2**31))
    rest = [o for o, is_known in zip(found, known, strict=True) if not is_known]
    walked = 0
    for o in sorted(rest, key=lambda o: (-sign * edge(o), -(sign * o.seen[:, row]).max())):
        if inner == bound and sign * edge(o) <= sign * bound:
            break
        if sign * edge(o) > sign * bound:
            outer, inner = _settle(o, row, sign, edge(o), inner)
            bound = sign * max(sign * outer, sign * bound)
        elif walked < _WALKED:  # nothing to prove: a method without a vector keeps the bound there
            walked += 1
            inner, _ = _walked(o, row, sign, edge(o), inner)
    return bound, inner


def _walked(o: Outcome, row: int, sign: int, outer: int, inner: int | None) -> tuple[int, Counts]:
    """The last count that walks find, the outermost first, then halving; a vector of the method."""
    near = o.seen[(sign * o.seen[:, row]).argmax()]
    best = int(near[row]) if inner is None else sign * max(sign * int(near[row]), sign * inner)
    low, high = best, outer
    while sign * (high - low) > 0:
        x = _walk(o, row, high, near)
        if len(x):
            near, low = x[0], high
            best = low
            high = outer - sign if high == outer else high
            if best == outer:
                break
        else:
            outer_ = high - sign
            high = low + sign * (abs(outer_ - low + sign) // 2)
    return best, near


def _settle(o: Outcome, row: int, sign: int, outer: int, inner: int | None) -> tuple[int, int]:
    """An outer bound that no vector of the method passes, and the last count seen."""
    best, near = _walked(o, row, sign, outer, inner)
    while sign * (outer - best) > 0:  # searches: beyond what was seen, or the outer part of it
        start, answer = best + sign, None
        while answer is None:
            answer, x = _ask(o, row, start, outer, near)
            if answer is None and start == outer:
                return outer, best
            if answer is None:
                start = outer - sign * (abs(outer - start) // 2)
        if answer:
            near, best = x[0], int(x[0][row])
        else:
            outer = start - sign
    return outer, best


def _limited(o: Outcome, row: int, a: int, b: int, deep: bool) -> Root | None:
    low, high = min(a, b), max(a, b)
    domain = [d.copy() for d in o.root[0]]
    domain[row][:low] = False
    domain[row][high + 1 :] = False
    return o.search.root(domain, o.root[1], deep)


def _walk(o: Outcome, row: int, value: int, near: Counts) -> Counts:
    """A vector with this count in the row, found by a walk from near; or none."""
    root = _limited(o, row, value, value, False)
    if root is None:
        return np.empty((0, len(near)), np.int32)
    return Walks(o.search, root).go(near, row, witness.STEPS)[0]


def _ask(o: Outcome, row: int, a: int, b: int, near: Counts) -> tuple[bool | None, Counts]:
    """Whether a vector has a count from a to b in a row; None where the search did not end."""
    root = _limited(o, row, a, b, True)
    if root is None:
        return False, np.empty((0, len(near)), np.int32)
    seen, share = o.search.run(root, 1, QUESTION, near)
    if len(seen) or share == 1:
        return bool(len(seen)), seen
    return Mixtures(o.search, root).ask(PROGRAMMES, witness.STEPS // 4)
