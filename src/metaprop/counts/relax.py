"""What several results allow together, by linear programming: a proof that nothing, or a start.

In a piece of tau² of each result everything printed is sums over rows that must not be negative. If
rows may be mixtures of their counts, these sums are linear, and a linear programme finds either a
mixture or weights with which the sums cannot hold (Farkas). The weights are checked here with plain
arithmetic: how they were found does not matter for the proof, so that weights of an earlier case
are tried before a programme is solved. A sum of squares about its own mean is linear once the mean
lies between a and b: Σ w (y - a)(y - b) is never more than it.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import linprog

from ..effectsize import Array
from .cases import Piece, State, pieces, weight_known
from .several import Root, Search, Walks
from .tables import Counts, Mask, Tables, build, ends, narrow
from .tighten import SLACK

# A mixture exceeds a bound by more than this part of it: the mean's range is halved, unless narrow.
_CLOSE, _NARROW = 0.02, 1e-3
_FEW = 3  # decimal digits of the number of vectors of which counts are told apart at once
_KNOWN = 1.05  # a weight within a piece of tau², the most by the least, that needs no smaller piece
# Weights of earlier proofs that are tried, walks from mixtures, and cases for each programme.
_KEPT, _TRIES, _CASES = 12, 10, 60


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
        self.row = [self._rows(t, own) for t, own in enumerate(self.tables)]
        self.common, self.constant = self._common(search, len(domain))
        self.spread: dict[tuple[int, int], tuple] = {}
        self.pieces: dict[int, list[Piece]] = {}
        self.weights: dict[int, list[Array]] = {}
        self.solved = 0

    def _rows(self, t: int, own: Tables) -> Array:
        """The row of a result that each variable is a count of, or -1, (variables,)."""
        of_block = np.full(len(self.counts), -1)
        for i, m in enumerate(own.target.members):
            rows, pooled = np.flatnonzero(m), len(self.counts) - len(self.merged)
            of_block[rows[0] if len(rows) == 1 else pooled + self.merged.index((t, i))] = i
        return of_block[self.block]

    def _common(self, search: Search, rows: int) -> tuple[Array, Array]:
        """Sums of counts, and pooled rows that add some up: (c, variables) and constants (c,)."""
        factor, constant = [], []
        for who, low, high in zip(*(search.totals.who, search.totals.low, search.totals.high),
                                  strict=True):  # fmt: skip
            own = np.append(who, np.zeros(len(self.merged)))
            factor += [own, -own]
            constant += [-low, high]
        for at, (t, i) in enumerate(self.merged):
            own = np.zeros(len(self.counts))
            own[:rows] = self.tables[t].target.members[i]
            own[rows + at] = -1
            factor += [own, -own]
            constant += [0, 0]
        factors = np.array(factor).reshape(-1, len(self.counts))
        return factors[:, self.block] * self.x, np.array(constant, float)

    def _of_piece(self, t: int, piece: Piece) -> tuple[Tables, Array, list[Array], Mask]:
        """Tables of a piece, parts of its sums of squares and what it leaves open, over variables.

        The result's tables go with them, so that what they are found by stays theirs.
        """
        own, p = piece.own, piece.p
        if (id(own), p) not in self.spread:
            row, (k, wide) = self.row[t], own.y.shape
            entry = self.x - own.low[row]
            inside = (row >= 0) & (entry >= 0) & (entry < wide)
            at = (row * wide + entry)[inside]

            def spread(table: Array) -> Array:
                out = np.zeros((len(table), len(self.x)))
                out[:, inside] = table.reshape(len(table), k * wide)[:, at]
                return out

            squares = []
            for s in piece.squares:
                w, y = own.weight[p, s], own.y
                moments = np.array([own.allow[p, s], w, w * y, w * y * y])
                squares.append(np.nan_to_num(spread(moments)))
            open_ = row < 0
            open_[inside] = own.open[p].ravel()[at]
            self.spread[id(own), p] = own, spread(own.tables[p]), squares, open_
        return self.spread[id(own), p]

    def _open(self, state: State) -> Mask:
        """Which variables a state and its pieces leave open."""
        out = state.open.copy()
        for t, piece in enumerate(state.pieces):
            out &= self._of_piece(t, piece)[3]
        return out

    def sums(self, state: State) -> tuple[Array, Array, Mask]:
        """All sums of a state, their constants, and which variables its pieces leave open."""
        parts, constants = [self.common], [self.constant]
        for t, piece in enumerate(state.pieces):
            own, tables, squares, _ = self._of_piece(t, piece)
            parts.append(tables)
            constants.append(np.zeros(len(tables)))
            for s, (a, b), (allow, m0, m1, m2) in zip(
                piece.squares, piece.means, squares, strict=True
            ):
                product = m2 - (a + b) * m1 + a * b * m0
                parts.append(np.array([allow - product, m1 - a * m0, b * m0 - m1]))
                constants.append(np.array([own.bound[piece.p, s], 0.0, 0.0]))
        return np.concatenate(parts), np.concatenate(constants), self._open(state)

    def solve(self, state: State) -> tuple[bool, Array | None]:
        """Whether nothing fits a state, proved; else a mixture (variables,) if one was found."""
        a, c, open_ = self.sums(state)
        block = self.block[open_]
        many = np.bincount(block, minlength=len(self.counts))
        if (many == 0).any():
            return True, None
        if not len(a):
            return False, open_ / many[self.block]
        a = np.nan_to_num(a[:, open_], nan=-1e9, neginf=-1e9)
        size = np.maximum(np.abs(a).max(1), np.abs(c))
        size[size == 0] = 1.0
        a, c, slack = a / size[:, None], c / size, SLACK * np.maximum(1, 1 / size)
        first = np.cumsum(many) - many

        def prove(weight: Array) -> Mask:
            """Whether the most that counts can add, with weights (w, c), is negative."""
            most = np.maximum.reduceat(weight @ a, first, axis=1).sum(1) + weight @ c
            return most < -weight @ slack

        known = self.weights.setdefault(len(a), [])
        if known and (hit := prove(np.array(known))).any():
            known.insert(0, known.pop(int(hit.argmax())))
            return True, None
        self.solved += 1
        each = np.zeros((len(many), len(block) + 1))
        each[block, np.arange(len(block))] = 1
        found = linprog(
            [*np.zeros(len(block)), -1], np.column_stack([-a, np.ones(len(a))]), c, each,
            np.ones(len(many)), [*[(0, None)] * len(block), (None, 0)], method="highs",
            options={"presolve": False},  # these are small
        )  # fmt: skip
        if found.x is None:
            return False, None
        if found.x[-1] < 0:
            weight = np.maximum(-found.ineqlin.marginals, 0.0)
            if prove(weight[None])[0]:
                known.insert(0, weight)
                del known[_KEPT:]
                return True, None
        mixture = np.zeros(len(self.x))
        mixture[open_] = found.x[:-1]
        return False, mixture

    def ask(self, programmes: int, steps: int) -> tuple[bool | None, Counts]:
        """Whether a vector fits, with one that does; None where the programmes did not suffice.

        Branch and bound: pieces first, then ranges of means, then counts. steps : of a walk from
        the counts near each mixture.
        """
        nothing, tries = np.empty((0, len(self.root[0])), np.int32), _TRIES
        stack, walks, end = [self.whole], Walks(self.search, self.root), self.solved + programmes
        for _ in range(_CASES * programmes):
            if not stack or self.solved >= end:
                break
            state = stack.pop()
            none, mixture = self.solve(state)
            if none:
                continue
            if mixture is None:
                return None, nothing
            after = self.after(state, mixture)
            if len(state.pieces) == len(self.tables):
                tries -= len(after) > 0
                x, _ = walks.go(self.counts_near(mixture), -1, steps if after and tries > 0 else 0)
                if len(x):
                    return True, x
            stack += reversed(after)
        return (None if stack else False), nothing

    @property
    def whole(self) -> State:
        """What leaves everything open."""
        return State((), np.ones(len(self.x), bool))

    def counts_near(self, mixture: Array) -> Counts:
        """The mean count of each row in a mixture, rounded."""
        mean = np.bincount(self.block, mixture * self.x, len(self.counts))
        return np.round(mean[: len(self.counts) - len(self.merged)]).astype(np.int64)

    def after(self, state: State, mixture: Array) -> list[State]:
        """The cases of a state, the nearest to the mixture first; none where one vector is left."""
        t = len(state.pieces)
        if t < len(self.tables):
            if t not in self.pieces:  # many states ask for them
                self.pieces[t] = list(pieces(self.tables[t]))
            return [state.put(t, piece) for piece in self.pieces[t]]
        few = np.log10([d.sum() for d in self._domain(state)]).sum() <= _FEW
        cases = None if few else self._halved(state, mixture) or self._finer(state)
        return cases or self._split(state, mixture)

    def _finer(self, state: State) -> list[State]:
        """Smaller pieces of the tau² that leaves weights least known; none where all nearly are."""
        known = [weight_known(piece) for piece in state.pieces]
        t = int(np.argmax(known))
        if known[t] <= _KNOWN:
            return []
        own, p = state.pieces[t].own, state.pieces[t].p
        domain, target, (t0, t1) = self._domain(state), own.target, own.tau2[p]
        limits = target.printed.limits | {"tau2": (t0, t1)}
        finer = build(replace(target, printed=target.printed.by(limits)), domain)
        if finer is not None:
            narrow(finer, domain)
        own_part = [  # it reaches beyond this piece by a hair, which its neighbours have
            state.put(t, f) for f in (pieces(finer) if finer is not None else ())
            if finer.tau2[f.p, 0] < t1 and finer.tau2[f.p, 1] > t0
        ]  # fmt: skip
        return own_part or [replace(state, open=np.zeros_like(state.open))]

    def _domain(self, state: State) -> list[Mask]:
        """Counts of each row that a state leaves."""
        open_, out = self._open(state), []
        for r, whole in enumerate(self.root[0]):
            own = np.zeros_like(whole)
            own[self.counts[r][open_[self.start[r] : self.start[r + 1]]]] = True
            out.append(own)
        return out

    def _halved(self, state: State, mixture: Array) -> list[State]:
        """Two ranges of a mean about which a mixture's sum of squares is larger than it may be."""
        for t, piece in enumerate(state.pieces):
            own, p = piece.own, piece.p
            for at, (s, (a, b)) in enumerate(zip(piece.squares, piece.means, strict=True)):
                allow, m0, m1, m2 = self._of_piece(t, piece)[2][at] @ mixture
                mean, most = m1 / m0, own.bound[p, s] + allow
                if m2 - m1 * mean > most + _CLOSE * abs(most) and b - a > _NARROW:
                    middle = min(max(mean, a + (b - a) / 4), b - (b - a) / 4)
                    halves = sorted([(a, middle), (middle, b)], key=lambda h: h[0] > mean)
                    cut = [(*piece.means[:at], h, *piece.means[at + 1 :]) for h in halves]
                    return [state.put(t, replace(piece, means=means)) for means in cut]
        return []

    def _split(self, state: State, mixture: Array) -> list[State]:
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
        return [replace(state, open=state.open & part) for part in parts]
