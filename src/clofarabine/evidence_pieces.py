"""The evidence piece by piece: what each printed number and each documented count contributes.

The search is exhaustive, so that leaving a number out needs no approximation: its interval becomes
the whole line. A vector of CR counts stands only with a vector of OR counts that is nowhere
smaller, under one method.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, product

import numpy as np
import pandas as pd

from metaprop import pooling
from metaprop.counts.statement import EVERYTHING
from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below
from metaprop.effectsize import Array, back_transform, overall_n, transform
from metaprop.method import Method

from .consequences import _of_population
from .reconstruction import (
    COMMON,
    METHODS,
    NUMBERS,
    VARIED,
    Evidence,
    Memory,
    Targets,
    reconstruct,
    side_by_side,
    targets_of,
    together,
    varied,
)

ENDPOINTS = ("CR", "OR")
# Where a value printed as the whole number p may lie, by rounding rule, in percentage points.
ROUNDING = {"half up": (-0.5, 0.5), "truncated": (0.0, 1.0), "unknown": (-0.5, 1.0)}
# Methods that differ in tau² alone: Wald, Miller's inverse at the harmonic mean, row per age group.
ESTIMATORS_ALONE = tuple(m for m in METHODS if {"wald", "harmonic", "age-groups"} <= set(varied(m)))
# Those of them that are searched without a documented count, too: there the two-step estimator,
# which no sum of squares bounds, takes minutes.
QUICK = tuple(m for m in ESTIMATORS_ALONE if m.tau2_method != "DL2")
GRID = tuple(dict.fromkeys((*COMMON, *ESTIMATORS_ALONE)))
# Rows whose counts the tables follow.
FOLLOWED = ("CLOFAL06952", "CLOFAL06952 adult", "CLOFAL07263", "CLOFAL07263 adult")

# (method, CR vectors, OR vectors), each with a partner of the other endpoint.
Coupled = tuple[Method, Counts, Counts]


def ids(pooled: pd.DataFrame, endpoint: str) -> list[str]:
    """Names of an endpoint's printed numbers: endpoint, population, transformation, number."""
    keys = targets_of(pooled, endpoint)
    return [" ".join((endpoint, *key, number)) for key in keys for number in NUMBERS]


def targets(
    pooled: pd.DataFrame,
    endpoint: str,
    only: str | None = None,
    without: Sequence[str] = (),
    off: Sequence[str] = (),
    margin: float = 0.0,
    rounding: str = "half up",
) -> Targets:
    """Intervals of an endpoint's numbers after a change of what is held to be known.

    Parameters
    ----------
    pooled : DataFrame
        As pooled_results.csv, whole percentages.
    endpoint : {"CR", "OR"}
    only : {"PAS", "PFT"}, optional
        The transformation whose numbers are kept; None keeps both.
    without : sequence of str
        Numbers that are left out, named as by `ids`.
    off : sequence of str
        Numbers that may be off by one unit in the last digit, either way.
    margin, rounding
        Percentage points by which every interval is widened at both ends; a key of `ROUNDING`.
    """
    below, above = ROUNDING[rounding]
    out: Targets = {}
    for _, r in pooled[pooled["endpoint"] == endpoint].iterrows():
        key = (r["population"], r["transformation"])
        own = out[key] = {}
        for number in NUMBERS:
            name = " ".join((endpoint, *key, number))
            more = margin + (name in off)
            pair = ((r[number] + below - more) / 100, (r[number] + above + more) / 100)
            dropped = name in without or only not in (None, key[1])
            own[number] = EVERYTHING if dropped else pair
    return out


def vectors(
    evidence: Evidence, goals: Targets, endpoint: str, methods: Sequence[Method] = METHODS,
    extra: Array | None = None, memory: Memory | None = None,
) -> dict[Method, Counts]:  # fmt: skip
    """Every vector of an endpoint by method, before CR and OR are held together."""
    found = reconstruct(evidence, goals, endpoint, methods, extra, memory)
    return {f.method: f.joint for f in found}


def coupled(cr: dict[Method, Counts], or_: dict[Method, Counts]) -> Iterator[Coupled]:
    """The vectors of each method that have a partner: CR <= OR in every row."""
    for method, x in cr.items():
        a, b = below(x, or_[method])
        if a.any():
            yield method, x[a], or_[method][b]


def pairs(
    evidence: dict[str, Evidence], pooled: pd.DataFrame, methods: Sequence[Method],
    only: str | None = None, without: Sequence[str] = (), memory: Memory | None = None,
) -> Iterator[Coupled]:  # fmt: skip
    """Coupled sets of each method that leaves any; arguments as for `targets`."""
    goals = {e: targets(pooled, e, only, without) for e in ENDPOINTS}
    both = together(evidence, goals, methods, memory=memory)
    return coupled(both["CR"], both["OR"])


def unrounded(evidence: Evidence, method: Method, x: Counts, pooled: pd.DataFrame, endpoint: str
) -> Array:  # fmt: skip
    """The printed numbers as each vector gives them, percent: (m, numbers), order as in `ids`."""
    out = []
    for population, scale in targets_of(pooled, endpoint):
        counts, n, _ = _of_population(evidence, method, x, population)
        y, v = transform(counts, n, scale)
        fit = pooling.pool(y, v, method.tau2_method, method.ci_method)
        size = None
        if scale == "PFT" and method.inverse != "sin2":
            size = overall_n(n, method.inverse, fit.se)
        out += [back_transform(e, scale, size) for e in (fit.estimate, fit.lower, fit.upper)]
    return 100 * np.array(out).reshape(len(out), len(x)).T


def intervals(goals: Targets) -> Array:
    """Lower and upper ends of all numbers of an endpoint, percent, shape (numbers, 2)."""
    return 100 * np.array([own[number] for own in goals.values() for number in NUMBERS])


def excess(values: Array, goals: Targets) -> Array:
    """Percentage points by which each number leaves its interval, 0 inside; shape of values."""
    ends = intervals(goals)
    return np.maximum(np.maximum(ends[:, 0] - values, values - ends[:, 1]), 0)


def _name(row: str) -> str:
    return row.removeprefix("CLOFAL").lower().replace(" ", "_")


def _columns() -> list[str]:
    pairs = product(ENDPOINTS, FOLLOWED, ("min", "max"))
    return [f"{e.lower()}_{_name(row)}_{end}" for e, row, end in pairs]


def _record(evidence: Evidence, sets: dict[str, Counts | None]) -> dict:
    """Sizes of the sets and ranges of the followed rows; missing where there is nothing."""
    out: dict = {f"n_{e.lower()}": pd.NA if x is None else len(x) for e, x in sets.items()}
    out |= dict.fromkeys(_columns(), pd.NA)
    for e, x in sets.items():
        for row in FOLLOWED if x is not None and len(x) else ():
            column = x[:, evidence.labels.index(row)]
            head = f"{e.lower()}_{_name(row)}"
            out |= {f"{head}_min": int(column.min()), f"{head}_max": int(column.max())}
    return out


class _Pieces:
    """Identified sets of one body of evidence; memory: what one of them found serves the others."""

    def __init__(self, evidence: dict[str, Evidence], pooled: pd.DataFrame, memory: Memory) -> None:
        self.evidence, self.pooled, self.memory = evidence, pooled, memory

    def pairs(self, methods: tuple[Method, ...], only: str | None, *without: str
    ) -> Iterator[tuple[Method, dict]]:  # fmt: skip
        """Coupled sets of each method, empty ones too."""
        found = pairs(self.evidence, self.pooled, methods, only, without, self.memory)
        none = [np.empty((0, len(self.evidence["CR"].n)), np.int32)] * 2
        left = dict.fromkeys(methods, none) | {m: both for m, *both in found}
        yield from ((m, dict(zip(ENDPOINTS, both, strict=True))) for m, both in left.items())

    def alone(self, methods: tuple[Method, ...], endpoint: str) -> Iterator[tuple[Method, dict]]:
        """Sets of one endpoint's numbers; the other endpoint is held to its evidence alone."""
        other = self.evidence["OR" if endpoint == "CR" else "CR"]
        own, goals = self.evidence[endpoint], targets(self.pooled, endpoint)
        for m, x in vectors(own, goals, endpoint, methods, memory=self.memory).items():
            fits = x <= other.high if endpoint == "CR" else x >= other.low
            yield m, {e: x[fits.all(1)] if e == endpoint else None for e in ENDPOINTS}


def _rows(
    pieces: _Pieces, methods: tuple[Method, ...], each_number: bool
) -> Iterator[tuple[str, Method, dict, bool]]:
    """(numbers, method, sets, whether the inverse plays no part) of one body of evidence."""
    once = tuple(m for m in methods if m.inverse == "harmonic")
    yield from (("primary", m, s, True) for m, s in pieces.pairs(once, "PAS"))
    methods = tuple(m for m in methods if m in GRID)
    yield from (("all", m, s, False) for m, s in pieces.pairs(methods, None))
    for e in ENDPOINTS:
        yield from ((e.lower(), m, s, False) for m, s in pieces.alone(methods, e))
    quick = tuple(m for m in methods if m in QUICK)
    names = [i for e in ENDPOINTS for i in ids(pieces.pooled, e)] if each_number and quick else []
    for name in names:
        for m, s in pieces.pairs(quick, None, name):
            yield f"without {name}", m, s, False


def _documented(evidence: dict[str, Evidence]) -> Iterator[tuple[str, dict[str, Evidence]]]:
    """The evidence without each documented count in turn."""
    for endpoint, e in evidence.items():
        for i in np.flatnonzero(e.low == e.high):
            low, high = e.low.copy(), e.high.copy()
            low[i], high[i] = 0, e.n[i]
            name = f"without documented {e.labels[i]} {endpoint}"
            yield name, evidence | {endpoint: replace(e, low=low, high=high)}


def decomposition(
    scenarios: dict[str, dict[str, Evidence]],
    pooled: pd.DataFrame,
    each_number: Sequence[str] = ("base", "survey-2024"),
) -> pd.DataFrame:
    """What each part of the evidence leaves, method by method.

    Parameters
    ----------
    scenarios : dict
        Evidence of CR and OR by scenario; the documented counts are left out of the first one.
    pooled : DataFrame, as pooled_results.csv
    each_number : sequence of str
        Scenarios with each printed number left out too, the primary ones under all METHODS.

    Returns
    -------
    DataFrame
        evidence; numbers ("primary": arcsine, "all", "cr", "or", "without <number>"); the method's
        columns (inverse "any" where no double arcsine is used); n_cr, n_or, vectors with a partner
        of the other endpoint; smallest and largest count of the followed rows over them. "cr" and
        "or" use one endpoint's numbers, and of the other its evidence alone, so that it has no
        entry. Every estimator has its rows with Wald, harmonic and age groups, which alone are
        tried without a number or a documented count (all but the two-step DL), any other where
        it leaves a vector.
    """
    bodies = [(name, e, GRID, name in each_number) for name, e in scenarios.items()]
    bodies += [(name, e, QUICK, False) for name, e in _documented(bodies[0][1])]
    records = side_by_side(lambda tasks: list(_records(pooled, tasks)), _tasks(bodies))
    frame = pd.DataFrame(list(chain(*records)))
    order = [frame["evidence"].map([b[0] for b in bodies].index), _rank(frame["numbers"], pooled)]
    frame = frame.iloc[np.lexsort(order[::-1])].reset_index(drop=True)
    return frame.astype(dict.fromkeys(["n_cr", "n_or", *_columns()], "Int64"))


def _tasks(bodies: Sequence[tuple]) -> Iterator[list[tuple]]:
    """For each estimator and interval, the bodies of evidence with its methods."""
    for kind in dict.fromkeys((m.tau2_method, m.ci_method) for m in METHODS):
        tasks = []
        for name, evidence, methods, each_number in bodies:
            tried = METHODS if each_number else methods
            own = tuple(m for m in tried if (m.tau2_method, m.ci_method) == kind)
            tasks += [(name, evidence, own, each_number)] if own else []
        yield tasks


def _rank(numbers: pd.Series, pooled: pd.DataFrame) -> pd.Series:
    """Where the table has each kind of numbers."""
    names = [f"without {name}" for e in ENDPOINTS for name in ids(pooled, e)]
    return numbers.map(["primary", "all", *map(str.lower, ENDPOINTS), *names].index)


def _records(pooled: pd.DataFrame, tasks: list[tuple]) -> Iterator[dict]:
    """The rows of an estimator and interval in the table; what the first body found serves all."""
    base: Memory = {}
    for i, (name, evidence, methods, each_number) in enumerate(tasks):
        pieces = _Pieces(evidence, pooled, base.copy() if i else base)
        for numbers, m, sets, free in _rows(pieces, methods, each_number):
            if m in ESTIMATORS_ALONE or any(x is not None and len(x) for x in sets.values()):
                columns = dict(zip(VARIED, varied(m), strict=True))
                columns |= {"inverse": "any"} if free else {}
                head = {"evidence": name, "numbers": numbers, **columns}
                yield head | _record(evidence["CR"], sets)


def misses(
    evidence: dict[str, Evidence],
    pooled: pd.DataFrame,
    methods: Sequence[Method],
    only: str | None = "PAS",
) -> pd.DataFrame:
    """How every printed number fares where some hold: the primary (arcsine) ones, or all.

    Parameters
    ----------
    only : {"PAS", "PFT"}, optional
        The numbers that hold; None for all, which shows where the values lie in their intervals.

    Returns
    -------
    DataFrame
        The method's columns; number; printed; min, max of the unrounded value over all coupled
        vectors; missed_by, its smallest distance from the printed interval in percentage points;
        together, the fewest printed numbers that one vector of the endpoint misses.
    """
    records = []
    for method, *both in pairs(evidence, pooled, methods, only):
        for e, x in zip(ENDPOINTS, both, strict=True):
            values = unrounded(evidence[e], method, x, pooled, e)
            far = excess(values, targets(pooled, e))
            together = int((far > 0).sum(1).min())
            ends = intervals(targets(pooled, e))
            for j, name in enumerate(ids(pooled, e)):
                column = values[:, j]
                row = (name, ends[j].mean(), column.min(), column.max(), far[:, j].min(), together)
                records.append((*varied(method), *row))
    columns = ["number", "printed", "min", "max", "missed_by", "together"]
    return pd.DataFrame(records, columns=[*VARIED, *columns])
