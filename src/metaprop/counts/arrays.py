"""What the compiled search takes: rows, printed results and printed sums as arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..effectsize import Array
from . import distance
from .statement import EVERYTHING
from .tables import Counts, Ints, Mask, Tables, summands
from .tighten import suffixes

_LIMITS = ("estimate", "lower", "upper", "tau2", "Q", "I2", "H2", "pi_lower", "pi_upper")


class Rows(NamedTuple):
    """What is searched: rows d in the order of the search.

    given (g, e): joint counts of the first e rows, sorted; one empty row where there are none.
    values (d, w), sizes (d,): counts of each row to try, in order; whether that is ascending.
    """

    given: Ints
    values: Ints
    sizes: Ints
    ascending: bool


class Results(NamedTuple):
    """What r printed results say, in p pieces of tau² altogether.

    group (r, d): the pooled row that a row adds to, or -1. closing (r, d): the pooled row complete
    at a depth, or -1. offset (r, k): count of the first table entry. first (r + 1,): pieces of each
    result. tau2 (p, 2): their ends. tables (p, c, k, x): sums that must not be negative; used (r,):
    how many of c there are. weight, allow (p, s, k, x), bound (p, s): sums of squares about their
    own mean may be at most bound and the sum of allow. best, best_allow, edge, shape : as in
    `tighten.suffixes`. The rest is what `distance.miss` takes.
    """

    group: Ints
    closing: Ints
    offset: Ints
    first: Ints
    tau2: Array
    tables: Array
    used: Ints
    best: Array
    weight: Array
    allow: Array
    best_allow: Array
    bound: Array
    edge: Ints
    shape: Ints
    y: Array
    v: Array
    ks: Ints
    scale: Ints
    nbar: Array
    code: int
    knapp: int
    quantiles: Array
    limits: Array
    weights: Array
    more: NDArray[np.bool_]


class Events(NamedTuple):
    """Sums of counts: factors who (s, d), low, high (s,), and what later rows add (s, d + 1)."""

    who: Ints
    low: Ints
    high: Ints
    rest_low: Ints
    rest_high: Ints


def in_order(
    domain: list[Mask], order: Ints, given: Counts | None = None, near: Counts | None = None,
    mixed: np.random.Generator | None = None,
) -> Rows:  # fmt: skip
    """The counts of each row to try, in the order of the search.

    given (g, e): joint counts of the first e rows of the order. near : counts tried first. mixed :
    what shuffles them, so that the share of a search that was done is no first corner of it.
    """
    sizes = np.array([domain[row].sum() for row in order])
    values = np.zeros((len(order), int(sizes.max())), np.int64)
    for d, row in enumerate(order):
        own = np.flatnonzero(domain[row])
        if near is not None:
            own = own[np.argsort(np.abs(own - near[row]), kind="stable")]
        values[d, : len(own)] = own if mixed is None else mixed.permutation(own)
    known = np.empty((1, 0), np.int64) if given is None else np.asarray(given, np.int64)
    return Rows(np.ascontiguousarray(known), values, sizes, near is None and mixed is None)


def printed_sums(who: Ints, low: Ints, high: Ints, domain: list[Mask], order: Ints) -> Events:
    """Sums of counts with factors who (s, rows), rows in the order of the search."""
    rest = [np.zeros((len(who), len(order) + 1), np.int64) for _ in range(2)]
    for out, e in zip(rest, summands(who, domain), strict=True):
        out[:, :-1] = e[:, order][:, ::-1].cumsum(1)[:, ::-1]
    return Events(who[:, order], low, high, *rest)


def results(tables: list[Tables], order: Ints) -> Results:
    """The results with rows in the order of the search; what a piece has not open is closed."""
    many, depths = len(tables), len(order)
    kmax = max((t.y.shape[0] for t in tables), default=1)
    wide = max((t.y.shape[1] for t in tables), default=1)
    c = max((t.tables.shape[1] for t in tables), default=0)
    s = max((t.weight.shape[1] for t in tables), default=0)
    group, closing = np.full((2, many, depths), -1, np.int64)
    offset = np.zeros((many, kmax), np.int64)
    first, used = np.zeros(many + 1, np.int64), np.zeros(many, np.int64)
    y, v = np.ones((2, many, kmax, wide))
    total = sum(int(t.alive.sum()) for t in tables)
    tau2, bound = np.zeros((total, 2)), np.full((total, s), np.inf)
    stack = np.zeros((total, c, kmax, wide))
    weight, allow = np.zeros((2, total, s, kmax, wide))
    best, best_allow = np.zeros((total, c, depths + 1)), np.zeros((total, s, depths + 1))
    edge, shape = np.zeros((total, kmax, 2), np.int64), np.zeros((total, c, kmax), np.int64)
    limits, quantiles = np.empty((many, len(_LIMITS), 2)), np.zeros((many, 4))
    weights = np.empty((many, kmax, 2))
    weights[:] = EVERYTHING
    ks, scale = np.empty((2, many), np.int64)
    nbar = np.empty(many)
    code, knapp = 0, 0
    for r, t in enumerate(tables):
        p, members = t.target.printed, t.target.members[:, order]
        k, w = t.y.shape
        for i, m in enumerate(members):
            at = np.flatnonzero(m)
            group[r, at] = i
            closing[r, at[-1]] = i
        a, b = first[r], first[r] + int(t.alive.sum())
        first[r + 1] = b
        offset[r, :k], used[r] = t.low, t.tables.shape[1]
        y[r, :k, :w], v[r, :k, :w] = t.y, t.v
        own, more = t.tables[t.alive], t.weight.shape[1]
        suffixes(own, t.allow[t.alive], t.open[t.alive], closing[r], best[a:b, : used[r]],
                 best_allow[a:b, :more], edge[a:b, :k], shape[a:b, : used[r], :k])  # fmt: skip
        tau2[a:b], bound[a:b, :more] = t.tau2[t.alive], t.bound[t.alive]
        stack[a:b, : used[r], :k, :w] = own
        weight[a:b, :more, :k, :w] = t.weight[t.alive]
        allow[a:b, :more, :k, :w] = t.allow[t.alive]
        limits[r] = [p.limits.get(q, EVERYTHING) for q in _LIMITS]
        limits[r, distance.Q] = p.q
        for i, interval in p.weights.items():
            weights[r, i] = interval
        quantiles[r], ks[r], nbar[r], scale[r] = p.quantiles, k, p.nbar, p.scale_code
        code, knapp = p.code, p.hartung_knapp + p.adhoc
    more = np.isfinite(limits[:, 3:]).any((1, 2)) | np.isfinite(weights).any((1, 2))
    return Results(
        group, closing, offset, first, tau2, stack, used, best, weight, allow, best_allow, bound,
        edge, shape, y, v, ks, scale, nbar, code, knapp, quantiles, limits, weights,
        more,
    )  # fmt: skip
