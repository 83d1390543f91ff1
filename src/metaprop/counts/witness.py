"""Whether each of many methods has a vector of counts at all: listed, found by a walk, or refuted.

All vectors of a method are listed where they are few. Otherwise walks go to one, from the middle of
the grid, then from the vectors of other methods, which print nearly the same. What is open then is
put to linear programmes. A method that none of these settles stays undecided, and keeps its bounds.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from .relax import Mixtures
from .several import COLD, Root, Search, Walks
from .tables import Counts, ends
from .vectors import among, different, ordered

# Nodes of a first look, of a whole listing; vectors of a grid for which a listing is tried at once.
LOOK, NODES, WIDE = 10_000, 6_000_000, 10**11
FIRST, STEPS = 20_000, 8_000  # of a walk to the first vector, and of one from another vector
# A walk from the middle is followed by another, of another heat, if it came as near to printing as
# this, in widths of the intervals; after the last one there are new starts near the nearest.
_NEAR, _HEATS = (1.5, 1.5, 0.5), (0.1, 0.3, 1.0)
AGAIN = 6
_SHARED, _STARTS = 500, 4  # vectors that are tried under other methods, and walks from the nearest
# Linear programmes of whether there is a vector at all, and what is far: where walks stay there,
# there is none more often than not, and so many times those are worth their time (fewer for DL2,
# whose pieces are of two tau² and are not made smaller).
FIRST_PROGRAMMES, _FAR, _MORE, _MORE_DL2 = 14, 0.75, 12, 5


@dataclass(frozen=True)
class Outcome:
    """What is certain under one method.

    vectors : all of them (m, rows), or None where they are too many. low, high : nothing lies
    outside. seen : vectors that were found, (s, rows), whose ends are counts that can be.
    near : where no vector was found, where walks came nearest, (1, rows); miss : how far that
    is from printing, in widths of the intervals.
    """

    vectors: Counts | None
    low: Counts
    high: Counts
    seen: Counts
    search: Search | None = None
    root: Root | None = None
    near: Counts | None = None
    miss: float = np.inf

    @property
    def empty(self) -> bool:
        """Whether it is proved that no vector prints the numbers."""
        return self.vectors is not None and not len(self.vectors)

    @property
    def open(self) -> bool:
        """Whether neither a vector nor a proof that there is none was found, and may be."""
        return self.vectors is None and self.root is not None and not len(self.seen)


def listed(x: Counts) -> Outcome:
    """What is certain where x are all vectors."""
    x = ordered(x)
    return Outcome(x, x.min(0, initial=2**31 - 1), x.max(0, initial=-1), x)


def known(search: Search, list_limit: int) -> Outcome:
    """All vectors of a method where they are few enough, else bounds, and what was found."""
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
    out = Outcome(None, *ends(root[0]), seen, search, root)
    return out if len(seen) else _from_the_middle(out)


def _from_the_middle(o: Outcome) -> Outcome:
    """The outcome with a vector that walks from the middle of the grid find, or where they end.

    Where they end far away, linear programmes are asked at once.
    """
    walks = Walks(o.search, o.root)
    for i, far in enumerate(_NEAR):
        start = o.low + (0.1 + 0.5 * (0.38 * i % 1)) * (o.high - o.low)
        x, _ = walks.go(np.round(start), -1, FIRST, _HEATS[i % 3], i, FIRST > 0)
        if len(x):
            return replace(o, seen=x)
        if walks.nearest[0] > far:
            break
    o = _nearer(o, walks)
    return _asked(o) if o.miss > _FAR else o


def decided(found: Sequence[Outcome]) -> list[Outcome]:
    """The same, where methods without a vector were helped by others' vectors, or refuted.

    No step depends on the order of methods or on which is ready first.
    """
    found = shared(found)
    tried = np.empty((0, len(found[0].low)), np.int32) if found else None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for step in (_from_others, _again, _from_others, _refuted):
            if not any(o.open for o in found):
                break
            seen = np.concatenate([tried, *(_at_ends(o.seen) for o in found if len(o.seen))])
            seen = different(seen)
            new, tried = seen[~among(seen, tried)], seen
            found = shared(list(pool.map(step, found, [new] * len(found))))
    return found


def _from_others(o: Outcome, x: Counts) -> Outcome:
    """The outcome with a vector that walks find from those of others that are near to printing."""
    if not o.open or not len(x) or o.miss > _FAR:
        return o
    walks = Walks(o.search, o.root)
    starts = np.clip(x, o.low, o.high)
    miss = np.array([walks.go(start, -1, 0)[1] for start in starts])
    for i in np.argsort(miss, kind="stable")[:_STARTS]:
        found, _ = walks.go(starts[i], -1, STEPS, COLD, best=True)
        if len(found):
            return replace(o, seen=found)
    return _nearer(o, walks)


def _nearer(o: Outcome, walks: Walks) -> Outcome:
    miss = float(walks.nearest[0])
    return replace(o, near=walks.at_nearest(), miss=miss) if miss < o.miss else o


def _again(o: Outcome, _: Counts) -> Outcome:
    """The outcome with a vector from new starts near the nearest, if that is near."""
    if not o.open or o.miss > _NEAR[-1]:
        return o
    walks = Walks(o.search, o.root)
    walks.go(o.near[0], -1, 0)
    x = walks.again(AGAIN, STEPS // 4)
    return replace(o, seen=x) if len(x) else _nearer(o, walks)


def _refuted(o: Outcome, _: Counts) -> Outcome:
    """The outcome after linear programmes, where they were not asked yet."""
    return o if not o.open or o.miss > _FAR else _asked(o)


def _asked(o: Outcome) -> Outcome:
    """The outcome after linear programmes: no vector, or one near a mixture, or still open."""
    dl2 = o.search.targets[0].printed.method.tau2_method == "DL2"
    more = 1 if o.miss <= _FAR else _MORE_DL2 if dl2 else _MORE
    fits, x = Mixtures(o.search, o.root).ask(FIRST_PROGRAMMES * more, STEPS // 4)
    return listed(x) if fits is False else replace(o, seen=x) if len(x) else o


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
