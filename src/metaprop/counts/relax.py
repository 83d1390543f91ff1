"""What several results allow together, by linear programming: a proof that nothing, or a start.

In a piece of tau² of each result everything printed is sums over rows that must not be negative. If
rows may be mixtures of their counts, these sums are linear, and a linear programme finds either a
mixture or weights with which the sums cannot hold (Farkas). The weights are checked here with plain
arithmetic: how they were found does not matter for the proof. A sum of squares about its own mean
is linear once the mean lies between a and b: Σ w (y - a)(y - b) is never more than it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from ..effectsize import Array
from .several import Root, Search
from .tables import Counts, Mask, ends
from .tighten import SLACK

# A mixture exceeds a bound by more than this part of it: the mean's range is halved, unless narrow.
_CLOSE, _NARROW = 0.02, 1e-3


@dataclass(frozen=True)
class _State:
    """Pieces chosen so far, one a result; the range of each sum of squares' mean; counts left."""

    pieces: tuple[int, ...]
    means: tuple[tuple[float, float], ...]
    open: Mask


class Mixtures:
    """Linear programmes over mixtures of the counts that a root leaves."""

    def __init__(self, search: Search, root: Root) -> None:
        self.search, self.root = search, root
        domain, self.tables = root
        self.counts = [np.flatnonzero(d) for d in domain]
        low, high = ends(domain)
        self.merged = []
        for t, own in enumerate(self.tables):
            for i, m in enumerate(own.target.members):
                if m.sum() > 1:
                    self.merged.append((t, i))
                    self.counts.append(np.arange(int(m @ low), int(m @ high) + 1))
        self.start = np.cumsum([0, *(len(c) for c in self.counts)])
        self.block = np.repeat(np.arange(len(self.counts)), np.diff(self.start))
        self.x = np.concatenate(self.counts)
        self.of = [[self._block(t, i) for i in range(len(own.y))]
                   for t, own in enumerate(self.tables)]  # fmt: skip
        self.common, self.constant = self._common(search, len(domain))

    def _block(self, t: int, i: int) -> int:
        rows = np.flatnonzero(self.tables[t].target.members[i])
        return int(rows[0]) if len(rows) == 1 else (
            len(self.counts) - len(self.merged) + self.merged.index((t, i))
        )  # fmt: skip

    def _common(self, search: Search, rows: int) -> tuple[Array, Array]:
        """Sums of counts, and pooled rows that add some up: (c, variables) and constants (c,)."""
        factor, constant = [], []
        for who, low, high in zip(*(search.totals.who, search.totals.low, search.totals.high),
                                  strict=True):  # fmt: skip
            own = np.zeros(len(self.counts))
            own[:rows] = who
            factor += [own, -own]
            constant += [-low, high]
        for at, (t, i) in enumerate(self.merged):
            own = np.zeros(len(self.counts))
            own[:rows] = self.tables[t].target.members[i]
            own[rows + at] = -1
            factor += [own, -own]
            constant += [0, 0]
        a = np.array(factor).reshape(-1, len(self.counts))[:, self.block] * self.x
        return a, np.array(constant, float)

    def _spread(self, t: int, table: Array) -> Array:
        """A table (c, k, x) of a result, or a mask (1, k, x), over all variables."""
        own = self.tables[t]
        out = np.zeros((len(table), len(self.x)), table.dtype)
        if table.dtype == bool:
            out[:] = True
        for i, b in enumerate(self.of[t]):
            at = slice(self.start[b], self.start[b + 1])
            out[:, at] = table[:, i, self.x[at] - own.low[i]]
        return out

    def _sums(self, state: _State) -> tuple[Array, Array, Mask]:
        """All sums of a state, their constants, and which variables its pieces leave open."""
        parts, constants, open_ = [self.common], [self.constant], state.open.copy()
        means = iter(state.means)
        for t, p in enumerate(state.pieces):
            own = self.tables[t]
            open_ &= self._spread(t, own.open[p : p + 1])[0]
            tables, constant = list(own.tables[p]), [0.0] * own.tables.shape[1]
            for s in np.flatnonzero(np.isfinite(own.bound[p])):
                (a, b), w = next(means), own.weight[p, s]
                tables += [own.allow[p, s] - w * (own.y - a) * (own.y - b), w * (own.y - a),
                           w * (b - own.y)]  # fmt: skip
                constant += [own.bound[p, s], 0.0, 0.0]
            parts.append(self._spread(t, np.array(tables).reshape(-1, *own.y.shape)))
            constants.append(np.array(constant))
        return np.concatenate(parts), np.concatenate(constants), open_

    def _solve(self, state: _State) -> tuple[bool, Array | None]:
        """Whether nothing fits a state, proved; else a mixture (variables,) if one was found."""
        a, c, open_ = self._sums(state)
        block = self.block[open_]
        if len(np.unique(block)) < len(self.counts):
            return True, None
        if not len(a):
            return False, open_ / np.bincount(block)[self.block]
        a = np.nan_to_num(a[:, open_], nan=-1e9, neginf=-1e9)
        size = np.maximum(np.abs(a).max(1), np.abs(c))
        some = size > 0
        a, c, size = a[some] / size[some, None], c[some] / size[some], size[some]
        each = np.zeros((len(self.counts), len(block) + 1))
        each[block, np.arange(len(block))] = 1
        found = linprog(
            [*np.zeros(len(block)), -1], np.column_stack([-a, np.ones(len(a))]), c, each,
            np.ones(len(self.counts)), [*[(0, None)] * len(block), (None, 0)], method="highs",
        )  # fmt: skip
        if found.x is None:
            return False, None
        if found.x[-1] < 0:
            weight = np.maximum(-found.ineqlin.marginals, 0.0)
            most = np.full(len(self.counts), -np.inf)
            np.maximum.at(most, block, weight @ a)
            if most.sum() + weight @ c < -SLACK * (weight * np.maximum(1, 1 / size)).sum():
                return True, None
        mixture = np.zeros(len(self.x))
        mixture[open_] = found.x[:-1]
        return False, mixture

    def ask(self, programmes: int, steps: int) -> tuple[bool | None, Counts]:
        """Whether a vector fits, with one that does; None where the programmes did not suffice.

        Branch and bound: pieces first, then ranges of means, then counts. steps : of a walk from
        the counts near each mixture.
        """
        nothing = np.empty((0, len(self.root[0])), np.int32)
        stack = [_State((), (), np.ones(len(self.x), bool))]
        for _ in range(programmes):
            if not stack:
                return False, nothing
            state = stack.pop()
            none, mixture = self._solve(state)
            if none:
                continue
            if mixture is None:
                return None, nothing
            after = self._next(state, mixture)
            if len(state.pieces) == len(self.tables):
                near = self._counts(mixture)
                x = self.search.walk(self.root, near, -1, steps if after else 0)
                if len(x):
                    return True, x
            stack += reversed(after)
        return (None if stack else False), nothing

    def _counts(self, mixture: Array) -> Counts:
        mean = np.bincount(self.block, mixture * self.x, len(self.counts))
        return np.round(mean[: len(self.counts) - len(self.merged)]).astype(np.int64)

    def _next(self, state: _State, mixture: Array) -> list[_State]:
        """The cases of a state, the nearest to the mixture first; none where one vector is left."""
        t = len(state.pieces)
        if t < len(self.tables):
            own, out = self.tables[t], []
            for p in np.flatnonzero(own.alive):
                y = own.y[own.open[p] & ~np.isnan(own.y)]
                many = int(np.isfinite(own.bound[p]).sum())
                if len(y):
                    means = (*state.means, *[(float(y.min()), float(y.max()))] * many)
                    out.append(_State((*state.pieces, int(p)), means, state.open))
            return out
        return self._halved(state, mixture) or self._split(state, mixture)

    def _halved(self, state: _State, mixture: Array) -> list[_State]:
        """Two ranges of a mean about which a mixture's sum of squares is larger than it may be."""
        at = -1
        for t, p in enumerate(state.pieces):
            own = self.tables[t]
            for s in np.flatnonzero(np.isfinite(own.bound[p])):
                at += 1
                w, y = own.weight[p, s], own.y
                tables = np.nan_to_num(np.array([w, w * y, w * y * y, own.allow[p, s]]))
                m = self._spread(t, tables) @ mixture
                mean, most = m[1] / m[0], own.bound[p, s] + m[3]
                a, b = state.means[at]
                if m[2] - m[1] * mean > most + _CLOSE * abs(most) and b - a > _NARROW:
                    middle = min(max(mean, a + (b - a) / 4), b - (b - a) / 4)
                    halves = sorted([(a, middle), (middle, b)], key=lambda h: h[0] > mean)
                    cut = [(*state.means[:at], h, *state.means[at + 1 :]) for h in halves]
                    return [_State(state.pieces, means, state.open) for means in cut]
        return []

    def _split(self, state: _State, mixture: Array) -> list[_State]:
        """The counts of the row whose counts are mixed most widely, below their mean and above."""
        k = len(self.root[0])
        mean = np.bincount(self.block, mixture * self.x)
        wide = np.bincount(self.block, mixture * (self.x - mean[self.block]) ** 2)[:k]
        left = np.bincount(self.block, state.open)[:k]
        wide = np.where(left > 1, wide / np.diff(self.start)[:k] ** 2, -1.0)
        row = int(wide.argmax())
        if wide[row] < 0:
            return []
        own = self.block == row
        counts = self.x[own & state.open]
        cut = min(max(int(np.floor(mean[row])), counts[0]), counts[-1] - 1)
        below = ~own | (self.x <= cut)
        parts = sorted([below, ~own | ~below], key=lambda part: mixture[own & part].sum() < 0.5)
        return [_State(state.pieces, state.means, state.open & part) for part in parts]
