"""The identified set: every vector of counts that would print as the paper prints.

A method is an estimator of tau², an interval, an inverse of the double arcsine, and how the two
mixed-age studies enter the overall population. Given evidence (an interval for each count) and the
printed pooled results, `reconstruct` returns for a method all integer vectors that meet them. The
search is exhaustive (`identify`), and an empty set is evidence against the method (partial
identification: Manski 2003).
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metaprop.counts.solve import identified_set, meets_at
from metaprop.counts.statement import EVERYTHING, Limits, Printed
from metaprop.counts.tables import Counts
from metaprop.counts.vectors import among, below, codes, different
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


# Intervals of the printed numbers by (population, transformation).
Targets = dict[tuple[str, str], Limits]
# The numbers that are printed of each.
NUMBERS = ("estimate", "lower", "upper")

METHODS = tuple(Method("PAS", *m) for m in product(ESTIMATORS, INTERVALS, INVERSES, ROWS))
# The part of it for what is searched many times: software's estimators, one row or two a study.
# Rows whose counts the paper itself fixes: it prints the percentages of CLO-212.
FIXED = ("CLO-212",)
_RARE = {"CE", "DL2", "HSk", "HM", "t"}
COMMON = tuple(m for m in METHODS if not _RARE & set(varied(m)) and not m.rows.startswith("split"))


def limits(row: pd.Series, decimals: int = 0) -> Limits:
    """Intervals of a row of pooled_results.csv (percent, printed with so many decimals)."""
    half = 0.5 * 10.0**-decimals
    return {q: ((float(row[q]) - half) / 100, (float(row[q]) + half) / 100) for q in NUMBERS}


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
    """The intervals of an endpoint's numbers, by population and transformation."""
    part = pooled[pooled["endpoint"] == endpoint]
    return {(r["population"], r["transformation"]): limits(r) for _, r in part.iterrows()}


# Sets that were found before, by what they answer: see `reconstruct`.
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
        endpoint's intervals by (population, transformation); an absent number has none.
    endpoint : str
    methods : sequence of Method
        The scale is that of the numbers printed as PAS.
    extra
        As in `identified_set`, for the paediatric rows.
    memory : dict, optional
        Takes the vectors that meet the paediatric arcsine numbers, and where no double arcsine
        number is asked, those that meet the overall ones too, so that a call in which only other
        numbers differ does not search for them again.
    options
        limit, client, progress of `identified_set`.
    """
    targets = pooled if isinstance(pooled, dict) else targets_of(pooled, endpoint)
    memory = {} if memory is None else memory
    pairs = memory if extra is None else {}  # a further sum makes them sets of their own

    def under(own: list[Method]) -> dict[Method, Found]:
        sets, _ = _paediatric(evidence, targets, own, extra, memory, options)
        joint = _joint(evidence, targets, own, sets, pairs, options, _arcsine_alone(targets))
        return {m: Found(m, sets[m.inverse], joint[m]) for m in own}

    results = {m: f for part in side_by_side(under, _kinds(methods)) for m, f in part.items()}
    return [results[m] for m in methods]


def together(
    evidence: dict[str, Evidence],
    targets: dict[str, Targets],
    methods: Sequence[Method],
    extra: dict[str, Array] | None = None,
    memory: Memory | None = None,
) -> dict[str, dict[Method, Counts]]:
    """Every vector of CR and of OR by method, less those whose children have no partner.

    Arguments as for `reconstruct`, by endpoint. A vector stands with one of the other endpoint,
    CR nowhere above OR: what has none among the children alone is not searched for adults.
    """
    memory = {} if memory is None else memory
    pairs, extra = (memory, {}) if extra is None else ({}, extra)
    keep = all(map(_arcsine_alone, targets.values()))

    def under(own: list[Method]) -> dict[str, dict[Method, Counts]]:
        parts = {e: _paediatric(evidence[e], targets[e], own, extra.get(e), memory, {})
                 for e in evidence}  # fmt: skip
        (cr, key_cr), (or_, key_or) = parts["CR"], parts["OR"]
        sets: dict[str, dict] = {"CR": {}, "OR": {}}
        for i, x in cr.items():
            a, b = below(x, or_[i])
            sets["CR"][i], sets["OR"][i] = x[a], or_[i][b]
        partner = {"CR": key_or, "OR": key_cr}
        return {e: _joint(evidence[e], targets[e], own, sets[e], pairs, {}, keep, partner[e])
                for e in evidence}  # fmt: skip

    out: dict[str, dict[Method, Counts]] = {e: {} for e in evidence}
    for part in side_by_side(under, _kinds(methods)):
        for e, x in part.items():
            out[e] |= x
    return out


def _kinds(methods: Iterable[Method]) -> list[list[Method]]:
    """The methods in groups that share scale, estimator and interval."""
    kinds: dict[tuple, list[Method]] = {}
    for m in dict.fromkeys(methods):
        kinds.setdefault((m.scale, m.tau2_method, m.ci_method), []).append(m)
    return list(kinds.values())


def side_by_side(function: Callable[[Any], Any], of: Iterable) -> list:
    """What a function gives for each, in order; two at a time, for each may hold 0.3 GB."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, of))


def _paediatric(
    evidence: Evidence, targets: Targets, own: list[Method], extra: Array | None, memory: Memory,
    options: dict,
) -> tuple[dict[Inverse, Counts], tuple]:  # fmt: skip
    """The vectors of the paediatric rows by inverse, and what names their arcsine numbers."""
    child = ~evidence.adult
    low, high, target = evidence.low[child], evidence.high[child], targets["paediatric", "PAS"]
    printed = Printed(tuple(evidence.n[child].tolist()), _without_inverse(own[0]))
    further = None if extra is None else np.asarray(extra, float).tobytes()
    key = (printed.n, printed.method, *target.items(), low.tobytes(), high.tobytes(), further)
    if key not in memory:
        memory[key] = identified_set(printed.by(target), low, high, extra=extra, **options)
    double = printed.by(targets["paediatric", "PFT"])
    return _by_inverse(double, memory[key], dict.fromkeys(m.inverse for m in own)), key


def _without_inverse(method: Method) -> Method:
    return Method(method.scale, method.tau2_method, method.ci_method)


def _joint(
    evidence: Evidence, targets: Targets, own: list[Method], sets: dict[Inverse, Counts],
    memory: Memory, options: dict, keep: bool, partner: tuple = (),
) -> dict[Method, Counts]:  # fmt: skip
    """The paediatric vectors with every count of adults that meets the overall numbers.

    keep : whether sets are all that arcsine numbers leave, so that memory may have what is found.
    partner : names the arcsine numbers of the other endpoint, if sets were held against it.
    """
    out = {}
    for rows in dict.fromkeys(m.rows for m in own):
        some = {m.inverse: m for m in own if m.rows == rows}
        wanted = {i: sets[i] for i in some}
        joint = _extend(evidence, _without_inverse(own[0]), targets, rows, wanted, memory, options,
                        keep, partner)  # fmt: skip
        out |= {some[i]: x for i, x in joint.items()}
    return out


def _by_inverse(printed: Printed, x: Counts, inverses: Iterable[Inverse]) -> dict[Inverse, Counts]:
    """The vectors that meet the double arcsine numbers as well, by inverse."""
    return {i: x[fits] for i, fits in _fits(printed, x, inverses).items()}


def _fits(printed: Printed, x: Counts, inverses: Iterable[Inverse]) -> dict:
    """Which vectors give the double arcsine numbers, by inverse."""
    if _asks_nothing(printed.limits):
        return dict.fromkeys(inverses, np.ones(len(x), bool))
    double = printed.by(scale="PFT")
    sizes = [double.by(inverse=i).nbar for i in inverses]
    return dict(zip(inverses, meets_at(double, x, sizes), strict=True))


def _arcsine_alone(targets: Targets) -> bool:
    """Whether no double arcsine number is asked."""
    return all(_asks_nothing(own) for (_, scale), own in targets.items() if scale == "PFT")


def _asks_nothing(numbers: Limits) -> bool:
    return all(numbers.get(q, EVERYTHING) == EVERYTHING for q in NUMBERS)


def _extend(
    evidence: Evidence, method: Method, targets: Targets, rows: Rows,
    sets: dict[Inverse, Counts], memory: Memory, options: dict, keep: bool, partner: tuple,
) -> dict[Inverse, Counts]:  # fmt: skip
    """The same with rows of the overall population in one way."""
    union = different(np.concatenate(list(sets.values())))
    if not len(union):
        return dict.fromkeys(sets, np.empty((0, len(evidence.n)), np.int32))
    add, child = evidence.overall(rows), ~evidence.adult
    overall = Printed(tuple((add @ evidence.n).tolist()), method)
    primary = [tuple(own.items()) for (_, scale), own in targets.items() if scale == "PAS"]
    bounds = evidence.low.tobytes(), evidence.high.tobytes()
    key = (overall.n, overall.method, rows, *primary, *bounds, *partner)
    if key in memory:
        x = memory[key][among(memory[key][:, child], union)]
    else:
        x = identified_set(
            overall.by(targets["overall", "PAS"]), evidence.low, evidence.high, members=add,
            given=(np.flatnonzero(child), union), **options,
        )  # fmt: skip
        x = x[np.lexsort([codes(own)[0] for own in (x @ add.T, x[:, child])])]
        if keep:
            memory[key] = x
    fits = _fits(overall.by(targets["overall", "PFT"]), x @ add.T, sets)
    children = x[:, child]
    return {i: x[fit & _among(children, sets[i], union)] for i, fit in fits.items()}


def _among(x: Counts, some: Counts, every: Counts) -> NDArray[np.bool_]:
    """Which vectors of x are among some of every one there is."""
    return np.ones(len(x), bool) if len(some) == len(every) else among(x, some)
