"""The identified set: every vector of counts that would print as the paper prints.

A method is an estimator of tau², an interval, an inverse of the double arcsine, and how the two
mixed-age studies enter the overall population. Given evidence (an interval for each count) and the
printed pooled results, `reconstruct` returns for a method all integer vectors that meet them. The
search is exhaustive (`identify`), and an empty set is evidence against the method (partial
identification: Manski 2003).
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metaprop.counts import search
from metaprop.counts.bounds import Constraint, Model
from metaprop.counts.solve import Counts, TooLarge, identified_set, meets_by_inverse
from metaprop.effectsize import INVERSES, Array, Inverse
from metaprop.method import CiMethod, Method, Tau2Method

Rows = Literal["merged", "age-groups", "split:CLOFAL06952", "split:CLOFAL07263"]

# The grid: what is tried for the paper's analysis.
ESTIMATORS: tuple[Tau2Method, ...] = get_args(Tau2Method)
INTERVALS: tuple[CiMethod, ...] = ("wald", "t", "hartung-knapp")
ROWS: tuple[Rows, ...] = get_args(Rows)
# What tells two of them apart; the scale is that of each printed number.
VARIED = ("tau2_method", "ci_method", "inverse", "rows")


def varied(method: Method) -> tuple[str, ...]:
    """The fields of a method that the grid varies, in the order of `VARIED`."""
    return tuple(getattr(method, name) for name in VARIED)


# Constraints by (population, transformation).
Targets = dict[tuple[str, str], Constraint]

METHODS = tuple(Method("PAS", *m) for m in product(ESTIMATORS, INTERVALS, INVERSES, ROWS))
# The part of it for what is searched many times: software's estimators, one row or two a study.
_RARE = {"CE", "DL2", "HSk", "HM", "t"}
COMMON = tuple(m for m in METHODS if not _RARE & set(varied(m)) and not m.rows.startswith("split"))


def constraint(row: pd.Series, decimals: int = 0) -> Constraint:
    """A row of pooled_results.csv (percent, printed with so many decimals) as a constraint."""
    half = 0.5 * 10.0**-decimals
    pair = lambda p: ((float(p) - half) / 100, (float(p) + half) / 100)  # noqa: E731
    return Constraint(
        row["transformation"], pair(row["estimate"]), pair(row["lower"]), pair(row["upper"])
    )


@dataclass(frozen=True)
class Evidence:
    """What is known of one endpoint: rows in the order of the evidence file.

    labels, n, low, high : of each row, adults included. adult : whether the row is of adults.
    study : rows of one study are one row where they are merged.
    """

    labels: tuple[str, ...]
    study: tuple[str, ...]
    adult: NDArray[np.bool_]
    n: NDArray[np.int32]
    low: NDArray[np.int32]
    high: NDArray[np.int32]

    @classmethod
    def read(cls, frame: pd.DataFrame, endpoint: str) -> "Evidence":
        """From a table as `data.load_evidence` gives it."""
        e = endpoint.lower()
        return cls(
            tuple(frame["row"]), tuple(frame["study"]),
            (frame["population"] == "adult").to_numpy(bool),
            *(frame[c].to_numpy(np.int32) for c in ("n", f"{e}_min", f"{e}_max")),
        )  # fmt: skip

    def overall(self, rows: Rows) -> NDArray[np.int32]:
        """Matrix (overall rows, rows) that adds up counts."""
        names = self.names(rows)
        kinds = list(dict.fromkeys(names))
        return np.array([[int(name == kind) for name in names] for kind in kinds], np.int32)

    def names(self, rows: Rows) -> tuple[str, ...]:
        """Overall row to which each row belongs: its study, or itself where that one is split."""
        split = rows.removeprefix("split:")
        return tuple(
            label if rows == "age-groups" or study == split else study
            for label, study in zip(self.labels, self.study, strict=True)
        )


@dataclass(frozen=True)
class Found:
    """The identified set of one endpoint under one method.

    paediatric : vectors (m, paediatric rows) that meet the paediatric numbers. joint : vectors
    (m, rows) that meet the overall numbers as well.
    """

    method: Method
    paediatric: Counts
    joint: Counts


def targets_of(pooled: pd.DataFrame, endpoint: str) -> Targets:
    """The constraints of an endpoint, by population and transformation."""
    part = pooled[pooled["endpoint"] == endpoint]
    return {(r["population"], r["transformation"]): constraint(r) for _, r in part.iterrows()}


# Paediatric sets that were found before, by what they answer: see `reconstruct`.
Memory = dict[tuple, Counts]


def reconstruct(
    evidence: Evidence,
    pooled: pd.DataFrame | Targets,
    endpoint: str,
    methods: Sequence[Method] = METHODS,
    extra: Array | None = None,
    memory: Memory | None = None,
    **options: Any,
) -> list[Found]:
    """Identified sets of an endpoint under each method.

    Parameters
    ----------
    evidence : Evidence
    pooled : DataFrame or dict
        As pooled_results.csv: endpoint, population, transformation, estimate, lower, upper. Or the
        endpoint's constraints by (population, transformation); an absent one is a pair of
        infinities.
    endpoint : str
    methods : sequence of Method
    extra
        As in `identified_set`, for the paediatric rows.
    memory : dict, optional
        Takes the vectors that meet the paediatric arcsine numbers, so that a call in which only
        other numbers differ does not search for them again.
    options
        limit, client, progress of `identified_set`.
    """
    targets = pooled if isinstance(pooled, dict) else targets_of(pooled, endpoint)
    memory = {} if memory is None else memory
    results: dict[Method, Found] = {}
    for pair in dict.fromkeys((m.tau2_method, m.ci_method) for m in methods):
        own = [m for m in methods if (m.tau2_method, m.ci_method) == pair]
        model = Model(tuple(evidence.n[~evidence.adult].tolist()), Method("PAS", *pair))
        pas = _children(evidence, model, targets, extra, memory, options)
        sets = _by_inverse(model, targets["paediatric", "PFT"], pas, own)
        for rows in dict.fromkeys(m.rows for m in own):
            wanted = {i: sets[i] for i in dict.fromkeys(m.inverse for m in own if m.rows == rows)}
            joint = _extend(evidence, model, targets, rows, wanted, options)
            for inverse, x in joint.items():
                method = Method("PAS", *pair, inverse, rows)
                results[method] = Found(method, sets[inverse], x)
    return [results[m] for m in methods]


def side_by_side(function: Callable[[Any], Any], of: Iterable) -> list:
    """What a function gives for each, in order; two at a time, for each may hold 0.3 GB."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, of))


def _children(
    evidence: Evidence, model: Model, targets: Targets, extra: Array | None, memory: Memory,
    options: dict,
) -> Counts:  # fmt: skip
    """Every vector of the paediatric rows that meets their arcsine numbers."""
    child = ~evidence.adult
    low, high, target = evidence.low[child], evidence.high[child], targets["paediatric", "PAS"]
    further = None if extra is None else np.asarray(extra, float).tobytes()
    key = (model, target, low.tobytes(), high.tobytes(), further)
    if key not in memory:
        memory[key] = identified_set(model, target, low, high, extra=extra, **options)[0]
    return memory[key]


def _by_inverse(
    model: Model, target: Constraint, x: Counts, methods: Sequence[Method]
) -> dict[Inverse, Counts]:
    """The vectors that meet the double arcsine numbers as well, by inverse."""
    inverses = list(dict.fromkeys(m.inverse for m in methods))
    fits = meets_by_inverse(model.by(scale="PFT"), target, x, inverses)
    return {i: x[f] for i, f in zip(inverses, fits, strict=True)}


def _extend(
    evidence: Evidence, model: Model, targets: dict, rows: Rows, sets: dict[Inverse, Counts],
    options: dict,
) -> dict[Inverse, Counts]:  # fmt: skip
    """The paediatric vectors with every count of adults that meets the overall numbers."""
    wide = len(evidence.n)
    empty = np.empty((0, wide), np.int32)
    union = np.unique(np.concatenate(list(sets.values())), axis=0)
    if not len(union):
        return dict.fromkeys(sets, empty)
    add = evidence.overall(rows)
    low = np.tile(evidence.low, (len(union), 1))
    high = np.tile(evidence.high, (len(union), 1))
    low[:, ~evidence.adult] = high[:, ~evidence.adult] = union
    whole = replace(model, n=tuple((add @ evidence.n).tolist()))
    overall, box = identified_set(
        whole, targets["overall", "PAS"], low @ add.T, high @ add.T, **options
    )
    # Each adult row stands in one overall row: its count is what the children leave of it.
    vectors = low[box]
    child = np.where(evidence.adult, 0, 1) * vectors
    rest = overall - child @ add.T
    for i in np.flatnonzero(evidence.adult):
        vectors[:, i] = rest[:, np.flatnonzero(add[:, i])[0]]
    inverses = list(sets)
    fits = meets_by_inverse(whole.by(scale="PFT"), targets["overall", "PFT"], overall, inverses)
    children = vectors[:, ~evidence.adult]
    both = zip(inverses, fits, strict=True)
    return {i: vectors[fit & _among(children, sets[i])] for i, fit in both}


def _among(x: Counts, y: Counts) -> NDArray[np.bool_]:
    """Whether each vector of x is one of y."""
    known = {row.tobytes() for row in np.ascontiguousarray(y, np.int32)}
    return np.array([row.tobytes() in known for row in np.ascontiguousarray(x, np.int32)], bool)


def couple(cr: Counts, or_: Counts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which CR vectors have an OR vector that is nowhere smaller, and the other way round."""
    if not (len(cr) and len(or_)):
        return np.zeros(len(cr), bool), np.zeros(len(or_), bool)
    # Only rows in which a CR count can exceed an OR count matter, and many vectors agree in them.
    rows = cr.max(0) > or_.min(0)
    a, of_a = np.unique(cr[:, rows], axis=0, return_inverse=True)
    b, of_b = np.unique(or_[:, rows], axis=0, return_inverse=True)
    fits_a, fits_b = np.zeros(len(a), bool), np.zeros(len(b), bool)
    search.dominated(a, b, fits_a)
    search.dominated(-b, -a, fits_b)
    return fits_a[of_a], fits_b[of_b]


def medoid(x: Counts) -> Counts:
    """The vector of a set with the least sum of absolute differences to the others.

    Ties go to the vector that comes first when sorted as counts; shape (m, k) in, (k,) out.
    """
    x = x[np.lexsort(x[:, ::-1].T)]
    total = np.zeros(len(x))
    for column in x.T:  # sum of |x - x'| by column from a histogram: m log m instead of m²
        values, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        total += (np.abs(values[:, None] - values) @ counts)[inverse]
    return x[int(total.argmin())]


def repair(
    evidence: Evidence, pooled: pd.DataFrame, endpoint: str, method: Method, most: int = 15
) -> tuple[int, Counts]:
    """The smallest change of the counts that lets the printed results hold, and what then holds.

    Distance is the sum of absolute changes of counts, from the nearest end of each interval.
    Returns it with all vectors at that distance; (d, none) where none is nearer than d and a
    search at d is not allowed by most or by its size.
    """
    counts = np.arange(evidence.n[~evidence.adult].max() + 1)
    low, high = (a[~evidence.adult, None] for a in (evidence.low, evidence.high))
    away = np.maximum(np.maximum(low - counts, counts - high), 0)
    for d in range(most + 1):
        wider = replace(
            evidence,
            low=np.maximum(evidence.low - d, 0),
            high=np.minimum(evidence.high + d, evidence.n),
        )
        try:
            found = reconstruct(wider, pooled, endpoint, [method], extra=d / len(away) - away)
        except TooLarge:
            return d, np.empty((0, len(evidence.n)), np.int32)
        x = found[0].joint
        x = x[np.maximum(np.maximum(evidence.low - x, x - evidence.high), 0).sum(1) == d]
        if len(x):
            return d, x
    return most + 1, np.empty((0, len(evidence.n)), np.int32)
