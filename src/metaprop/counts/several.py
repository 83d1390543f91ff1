"""One method's search over rows: what follows at once, a listing, and a walk to one vector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import joint
from .arrays import in_order, printed_sums, results
from .pairs import apart
from .tables import Counts, Ints, Mask, Tables, Target, build, narrow, narrow_sums
from .walk import again, improve, walk

# Of a walk: how readily a worse vector is taken at first, and what its steps are drawn from.
HOT, SEED = 0.3, 2023
COLD = 0.03  # of walks that start where another came near
PAIRS = 50_000  # of pieces of two results that are compared, at the most


@dataclass(frozen=True)
class Totals:
    """Sums of counts: factor of each row, -1, 0 or 1 (s, rows); smallest and largest sum."""

    who: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @classmethod
    def none(cls, rows: int) -> "Totals":
        """No printed sum."""
        return cls(np.empty((0, rows), np.int64), *np.empty((2, 0), np.int64))


Root = tuple[list[Mask], list[Tables]]
# Rows, and the vectors (g, rows) of counts that they can have together.
Given = tuple[Sequence[int], Counts]


class Search:
    """One method's search over rows, their allowed counts `domain` and the printed results."""

    def __init__(
        self, targets: list[Target], domain: list[Mask], totals: Totals,
        accept: Callable[[Counts], Mask],
    ) -> None:  # fmt: skip
        self.targets, self.totals, self.accept = targets, totals, accept
        self.domain = [d.copy() for d in domain]

    def root(self, domain: list[Mask], tables: list[Tables] | None = None, deep: bool = True
    ) -> Root | None:  # fmt: skip
        """The domain and tables after everything that follows at once; None where nothing fits."""
        domain = [d.copy() for d in domain]
        if not all(d.any() for d in domain):
            return None
        if tables is None:
            tables = self._built(domain)
            if len(self.targets) > 1 and tables:  # all over the same counts, or no two compare
                tables = self._built(domain, again=True)
            if tables is None:
                return None
        else:
            tables = [replace(t, open=t.open.copy(), alive=t.alive.copy()) for t in tables]
        if not self._settled(domain, tables):
            return None
        if deep and _pairs(tables) and not self._settled(domain, tables):
            return None
        return domain, tables

    def _built(self, domain: list[Mask], again: bool = False) -> list[Tables] | None:
        """Tables of each result, each over what those before it left, or all over the same."""
        tables = []
        for t in self.targets:
            own = build(t, domain)
            if own is None:
                return None
            tables.append(own)
            if not again:
                narrow(own, domain)
                if not all(d.any() for d in domain):
                    return None
        return tables

    def _settled(self, domain: list[Mask], tables: list[Tables]) -> bool:
        """Narrow the domain until nothing more follows; whether anything is left."""
        changed, t = True, self.totals
        while changed:
            changed = narrow_sums(t.who, t.low, t.high, domain)
            if not all(d.any() for d in domain):
                return False
            for own in tables:
                changed |= narrow(own, domain)
                if not own.alive.any() or not all(d.any() for d in domain):
                    return False
        return True

    def order(self, domain: list[Mask], before: Sequence[int] = ()) -> Ints:
        """Rows in the order of the search: what is given, then the rows of small results.

        Those are closed first; in each, known rows come first and the widest last.
        """
        size = np.array([d.sum() for d in domain])
        first = np.full(len(size), len(self.targets))
        by_size = sorted(self.targets, key=lambda t: int(t.members.sum()), reverse=True)
        for rank, t in enumerate(by_size):
            first[t.members.any(0)] = len(by_size) - rank
        for rank, row in enumerate(before):
            first[row] = rank - len(before)
        return np.lexsort((size, first))

    def arrays(self, root: Root, given: Given | None = None, near: Counts | None = None,
               mixed: np.random.Generator | None = None) -> tuple:  # fmt: skip
        """The order of the rows, and what `joint` takes."""
        domain, tables = root
        columns, x = given or ((), None)
        order = self.order(domain, columns)
        t = self.totals
        return (order, in_order(domain, order, x, near, mixed), results(tables, order),
                printed_sums(t.who, t.low, t.high, domain, order))  # fmt: skip

    def run(self, root: Root, most: int, budget: int, near: Counts | None = None,
            given: Given | None = None) -> tuple[Counts, float]:  # fmt: skip
        """Vectors (m, rows), and the share of the search that was done: 1 where they are all.

        near : counts that are tried first, row by row. given : rows, and their joint counts.
        """
        order, *arrays = self.arrays(root, given, near)
        found, share, _nodes = joint.descend(*arrays, most, budget)
        x = np.empty_like(found)
        x[:, order] = found
        return x[self.accept(x)] if len(x) else x, share

    def nodes(self, root: Root, given: Given | None = None, budget: int = 2 * 10**6) -> float:
        """About how many nodes a whole search visits: what a part of it in random order did."""
        arrays = self.arrays(root, given, mixed=np.random.default_rng(2023))[1:]
        _found, share, visited = joint.descend(*arrays, 2**62, budget)
        return visited / share


class Walks:
    """Walks over the counts that a root leaves: they find a vector, and prove nothing."""

    def __init__(self, search: Search, root: Root) -> None:
        domain, tables = root
        none = [replace(t, alive=np.zeros_like(t.alive)) for t in tables]  # no piece is looked at
        self.accept = search.accept
        self.order, *self.arrays = search.arrays((domain, none))
        self.nearest: tuple[float, Ints | None] = np.inf, None

    def go(
        self, near: Counts, row: int, steps: int, hot: float = HOT, seed: int = SEED,
        best: bool = False,
    ) -> tuple[Counts, float]:  # fmt: skip
        """A vector (1, rows) that a walk from near finds without moving a row (or -1); or none.

        And how far the walk's end is from printing. best : whether the best moves end the walk.
        """
        x = np.asarray(near)[self.order].astype(np.int64)
        fixed = int(np.flatnonzero(self.order == row)[0]) if row >= 0 else -1
        miss = walk(x, fixed, steps, hot, seed, *self.arrays)
        if best and miss > 0:
            miss = improve(x, fixed, *self.arrays)
        if miss < self.nearest[0]:
            self.nearest = miss, x
        return self._reached(x, miss), float(miss)

    def again(self, rounds: int, steps: int) -> Counts:
        """A vector (1, rows) found from many starts near where a walk came nearest; or none."""
        x = self.nearest[1]
        if x is None:
            return np.empty((0, len(self.order)), np.int32)
        return self._reached(x, again(x, -1, rounds, steps, COLD, SEED, *self.arrays))

    def at_nearest(self) -> Counts:
        """Where a walk came nearest, (1, rows); no row where none has gone."""
        x = self.nearest[1]
        out = np.empty((int(x is not None), len(self.order)), np.int32)
        out[:, self.order] = x
        return out

    def _reached(self, x: Ints, miss: float) -> Counts:
        out = np.empty((int(miss == 0), len(x)), np.int32)
        out[:, self.order] = x
        return out[self.accept(out)] if len(out) else out


def _pairs(tables: list[Tables]) -> bool:
    """Close pieces that cannot hold, alone or with any of another result about the same rows."""
    changed = False
    for i, a in enumerate(tables):
        alone, none = np.ones(1, bool), a.tables[:1, :0]
        for p in range(len(a.alive)):
            own = slice(p, p + 1)
            changed |= apart(a.tables[own], none, a.open[own], a.open[own], a.alive[own], alone)
            alone[:] = True
        for b in tables[i + 1 :]:
            same = a.y.shape == b.y.shape and bool((a.low == b.low).all())
            same &= int(a.alive.sum()) * int(b.alive.sum()) <= PAIRS
            if same and (a.target.members == b.target.members).all():
                changed |= apart(a.tables, b.tables, a.open, b.open, a.alive, b.alive)
    return changed
