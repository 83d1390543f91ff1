"""Everything certain of the counts behind several printed results, under one method or many.

First all vectors of a method are listed, within a number of vectors and of nodes. Where that does
not end, the ends of each row's range over all methods are found one by one: beyond the last count
seen, a walk finds a vector, or a search or linear programmes prove that there is none. Where
neither happens, the range is an outer bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from .relax import Mixtures
from .several import Root, Search, Walks
from .tables import Counts, ends
from .vectors import different, ordered

# Nodes of a first look, of a whole listing, and of one question about an end of a range.
LOOK, NODES, QUESTION = 30_000, 6_000_000, 30_000
# Linear programmes of whether there is a vector at all, and of one question about an end.
FIRST_PROGRAMMES, PROGRAMMES = 60, 40
# Where walks stay so far, in widths of the intervals, so many times those (in vain for DL2, whose
# pieces are of two tau² and are not made smaller).
_FAR, _MORE = 1.0, 2
WIDE = 10**11  # vectors of a grid that a listing is tried for at once
_SHARED = 500  # vectors that are tried under other methods, at the most
_WALKED = 12  # methods of which walks go for an end that another method leaves open anyway
FIRST, STEPS = 30_000, 8_000  # of a walk to the first vector, and to one at an end
# A walk to the first vector is followed by another, of another heat, if it came as near to printing
# as this, in widths of the intervals; after the last one there are new starts near the nearest.
_NEAR, _HEATS = (1.5, 1.5, 0.5), (0.1, 0.3, 1.0)
AGAIN = 10


@dataclass(frozen=True)
class Outcome:
    """What is certain under one method.

    vectors : all of them (m, rows), or None where they are too many. low, high : nothing lies
    outside. seen : vectors that were found, (s, rows), whose ends are counts that can be.
    """

    vectors: Counts | None
    low: Counts
    high: Counts
    seen: Counts
    search: Search | None = None
    root: Root | None = None

    @property
    def empty(self) -> bool:
        """Whether it is proved that no vector prints the numbers."""
        return self.vectors is not None and not len(self.vectors)


@dataclass(frozen=True)
class Span:
    """The range of one row over all methods, low to high; seen : vectors of its ends that exist."""

    low: int
    high: int
    seen_low: int | None
    seen_high: int | None


def listed(x: Counts) -> Outcome:
    """What is certain where x are all vectors."""
    x = ordered(x)
    return Outcome(x, x.min(0, initial=2**31 - 1), x.max(0, initial=-1), x)


def known(search: Search, list_limit: int) -> Outcome:
    """All vectors of a method where they are few enough, else bounds and a vector or two."""
    none = np.empty((0, len(search.domain)), np.int32)
    try:
        root = search.root(search.domain)
    except MemoryError:
        return Outcome(None, *ends(search.domain), none)
    if root is None:
        return listed(none)
    grid = prod(int(d.sum()) for d in root[0])
    seen, share = search.run(root, list_limit + 1, LOOK if grid > WIDE else NODES)
    if share < 1 and grid > WIDE and share * NODES > LOOK:
        seen, share = search.run(root, list_limit + 1, NODES)
    if share == 1:
        return listed(seen)
    if not len(seen):
        fits, seen = _first(search, root)
        if fits is False:
            return listed(seen)
    return Outcome(None, *ends(root[0]), seen, search, root)


def _first(search: Search, root: Root) -> tuple[bool | None, Counts]:
    """Whether a vector fits, with one that does; None where neither a walk nor a proof ended."""
    (low, high), walks, nearest = ends(root[0]), Walks(search, root), np.inf
    for i, far in enumerate(_NEAR):
        start = low + (0.1 + 0.5 * (0.38 * i % 1)) * (high - low)
        x, miss = walks.go(np.round(start), -1, FIRST, _HEATS[i % 3], i, FIRST > 0)
        if len(x):
            return True, x
        nearest = min(nearest, miss)
        if nearest > far:
            break
    more = nearest > _FAR and search.targets[0].printed.method.tau2_method != "DL2"
    programmes = FIRST_PROGRAMMES * (_MORE if more else 1)
    fits, x = Mixtures(search, root).ask(programmes, STEPS // 4)
    if fits is None and nearest <= _NEAR[-1]:
        x = walks.again(AGAIN, STEPS // 4)
    return (True if len(x) else fits), x


def shared(found: Sequence[Outcome]) -> list[Outcome]:
    """The same, where vectors at the ends of one method's are tried under the others."""
    parts = [_at_ends(o.seen) for o in found if len(o.seen)]
    if not parts:
        return list(found)
    x = np.unique(np.concatenate(parts), axis=0)
    x = x if len(x) <= _SHARED else _at_ends(x)
    out = []
    for o in found:
        more = x[:0] if o.search is None else x[o.search.accept(x)]
        out.append(replace(o, seen=different(np.concatenate([o.seen, more]))) if len(more) else o)
    return out


def _at_ends(x: Counts) -> Counts:
    return x[np.unique([x.argmin(0), x.argmax(0)])]


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
    return Walks(o.search, root).go(near, row, STEPS)[0]


def _ask(o: Outcome, row: int, a: int, b: int, near: Counts) -> tuple[bool | None, Counts]:
    """Whether a vector has a count from a to b in a row; None where the search did not end."""
    root = _limited(o, row, a, b, True)
    if root is None:
        return False, np.empty((0, len(near)), np.int32)
    seen, share = o.search.run(root, 1, QUESTION, near)
    if len(seen) or share == 1:
        return bool(len(seen)), seen
    return Mixtures(o.search, root).ask(PROGRAMMES, STEPS // 4)
