"""How little overturns each headline of the reconstruction: breakdown distances.

A headline holds under assumptions: the documented counts are exact, all printed numbers follow one
method, and they are rounded half up. Each assumption is loosened until the headline falls (Horowitz
& Manski 1995 on contaminated data; Masten & Poirier 2020 on breakdown frontiers), over the common
methods of the grid, every estimator but the two-step DL, and whatever is left to begin with. A
search that ends before it falls says "more than", never a value.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below, different
from metaprop.counts.vectors import cheapest as cheapest_pair
from metaprop.effectsize import Array
from metaprop.method import Method

from .breakdown_headlines import Headline, Sets, coupled, headlines
from .evidence_pieces import ENDPOINTS, QUICK, excess, ids, targets, unrounded, vectors
from .reconstruction import COMMON, FIXED, Evidence, Memory, together

# What is tried before the search says "more than": patients, printed numbers of an endpoint,
# percentage points.
PATIENTS, NUMBERS, MARGIN = 2, 2, 0.2


def searched(left: Iterable[Method]) -> tuple[Method, ...]:
    """The methods over which headlines are tested: the usual ones, and those that are left."""
    return tuple(dict.fromkeys((*COMMON, *QUICK, *left)))


def cheapest(
    cr: Counts, cost_cr: Array, or_: Counts, cost_or: Array, total: bool
) -> tuple[float, int, int] | None:
    """Least cost of a CR and an OR vector with CR <= OR, and which two; None without such a pair.

    The cost of a pair is the sum of both (total) or the larger one.
    """
    at = [np.argsort(cost, kind="stable") for cost in (cost_cr, cost_or)]
    pair = np.zeros(2, np.int64)
    least = cheapest_pair(cr[at[0]], cost_cr[at[0]], or_[at[1]], cost_or[at[1]], total, pair)
    return None if np.isinf(least) else (float(least), int(at[0][pair[0]]), int(at[1][pair[1]]))


@dataclass(frozen=True)
class _Search:
    """Loosened sets of one kind of disturbance, and what each of their vectors costs."""

    evidence: dict[str, Evidence]
    pooled: pd.DataFrame
    methods: tuple[Method, ...]

    def moved(self, d: int) -> Sets:
        """Vectors when documented counts and limits may be d patients off, all together."""
        wider, goals, extra = {}, {}, {}
        for e, known in self.evidence.items():
            free = np.array([label not in FIXED for label in known.labels])
            low = np.where(free, np.maximum(known.low - d, 0), known.low)
            high = np.where(free, np.minimum(known.high + d, known.n), known.high)
            child = ~known.adult
            counts = np.arange(known.n[child].max() + 1)
            ends = [a[child, None] for a in (known.low, known.high)]
            away = np.maximum(np.maximum(ends[0] - counts, counts - ends[1]), 0)
            extra[e], goals[e] = d / child.sum() - away, targets(self.pooled, e)
            wider[e] = replace(known, low=low.astype(np.int32), high=high.astype(np.int32))
        return together(wider, goals, self.methods, extra)

    def patients(self, e: str, _method: Method, x: Counts) -> Array:
        """Patients moved in each vector."""
        known = self.evidence[e]
        return np.maximum(np.maximum(known.low - x, x - known.high), 0).sum(1).astype(float)

    def points(self, e: str, method: Method, x: Counts) -> Array:
        """Margin of rounding that each vector needs, percentage points."""
        values = unrounded(self.evidence[e], method, x, self.pooled, e)
        return excess(values, targets(self.pooled, e)).max(1)

    def off(self, e: str, method: Method, x: Counts) -> Array:
        """How many printed numbers each vector misses."""
        values = unrounded(self.evidence[e], method, x, self.pooled, e)
        return (excess(values, targets(self.pooled, e)) > 0).sum(1).astype(float)

    def widened(self, margin: float = 0.0, rounding: str = "half up") -> Sets:
        """Vectors under wider intervals of all printed numbers."""
        goals = {e: targets(self.pooled, e, margin=margin, rounding=rounding) for e in ENDPOINTS}
        return together(self.evidence, goals, self.methods)

    def off_by_one(self, most: int) -> Sets:
        """Vectors when at most so many printed numbers of an endpoint are off by one unit.

        The arcsine numbers, by which the search goes, are let off so many at a time; the others,
        which only sift what it finds, all at once where one of them may be, and then counted.
        """
        out: Sets = {}
        for e, known in self.evidence.items():
            parts: dict[Method, list] = {m: [] for m in self.methods}
            memory: Memory = {}
            names = ids(self.pooled, e)
            primary = [name for name in names if " PAS " in name]
            for off in (c for k in range(most + 1) for c in combinations(primary, k)):
                others = set(names) - set(primary) if len(off) < most else ()
                goals = targets(self.pooled, e, off=(*off, *others))
                for m, x in vectors(known, goals, e, self.methods, memory=memory).items():
                    parts[m].append(x)
            every = {m: different(np.concatenate(p)) for m, p in parts.items()}
            out[e] = {m: x[self.off(e, m, x) <= most] for m, x in every.items()}
        return out


Cost = Callable[[str, Method, Counts], Array]


def _fall(headline: Headline, evidence: dict[str, Evidence], sets: Sets, cost: Cost, total: bool
) -> tuple | None:  # fmt: skip
    """(cost, method, CR vector, OR vector) of the cheapest pair against a headline."""
    best = None
    for m, x, y in headline.against(evidence, sets):
        pair = cheapest(x, cost("CR", m, x), y, cost("OR", m, y), total)
        if pair and (best is None or pair[0] < best[0]):
            best = pair[0], m, x[pair[1]], y[pair[2]]
    return best


def _moves(evidence: dict[str, Evidence], cr: Counts, or_: Counts) -> str:
    """Which documented counts differ: row, endpoint, from, to."""
    out = []
    for e, x in zip(ENDPOINTS, (cr, or_), strict=True):
        known = evidence[e]
        for i in np.flatnonzero((x < known.low) | (x > known.high)):
            end = min(max(x[i], known.low[i]), known.high[i])
            out.append(f"{known.labels[i]} {e}: {end} to {x[i]}")
    return "; ".join(out) or "nothing moved"


def _missed(inputs: _Search, method: Method, cr: Counts, or_: Counts) -> str:
    """Which printed numbers a pair of vectors misses, and the value it gives."""
    out = []
    for e, x in zip(ENDPOINTS, (cr, or_), strict=True):
        values = unrounded(inputs.evidence[e], method, x[None], inputs.pooled, e)[0]
        far = excess(values, targets(inputs.pooled, e))
        names = np.array(ids(inputs.pooled, e))
        out += [f"{n}: {v:.3f}" for n, v in zip(names[far > 0], values[far > 0], strict=True)]
    return "; ".join(out) or "every number met"


def _kinds(inputs: _Search) -> Iterator[tuple[str, str, float, Sets, Cost, bool]]:
    """(disturbance, unit, size, its sets, cost of a vector, whether costs add up) of each kind."""
    yield "patients moved", "patients", PATIENTS, inputs.moved(PATIENTS), inputs.patients, True
    off = inputs.off_by_one(NUMBERS)
    yield "numbers off by one unit", "numbers", NUMBERS, off, inputs.off, True
    yield "rounding margin", "points", MARGIN, inputs.widened(MARGIN), inputs.points, False


def breakdown(
    evidence: dict[str, Evidence], pooled: pd.DataFrame, left: Iterable[Method] = ()
) -> pd.DataFrame:
    """The smallest disturbance of each kind that overturns each headline.

    left : methods that leave a vector to begin with, so that the range under test is over them all.

    Returns
    -------
    DataFrame
        headline; disturbance; smallest, the size at which it falls, or where the search ended;
        unit; what: "falls at", "more than" (does not fall up to there), and for a rounding rule
        "falls", "holds", or "no method possible" where the rule leaves no vector; example:
        the method and what is disturbed in one pair of vectors.
        "numbers off by one unit" is searched with two numbers of each endpoint; a headline that
        holds up needs three of one. Empty where no method is possible to begin with.
    """
    inputs = _Search(evidence, pooled, searched(left))
    sets = inputs.widened()
    tests = headlines(evidence, sets) if next(coupled(evidence, sets), None) else []
    records: dict[tuple[str, str], tuple] = {}
    for kind, unit, size, sets, cost, total in _kinds(inputs) if tests else ():
        for h in tests:
            fall = _fall(h, evidence, sets, cost, total)
            # Pairs that were not tried cost more than size, so that size + 1 is still the least.
            if fall is None or fall[0] > size + total:
                records[h.name, kind] = (size, unit, "more than", pd.NA)
                continue
            least, m, x, y = fall
            moved = kind == "patients moved"
            text = _moves(evidence, x, y) if moved else _missed(inputs, m, x, y)
            records[h.name, kind] = (least, unit, "falls at", f"{m}: {text}")
    for rule in ("half even", "truncated", "unknown"):
        # Half even differs from half up at the ends alone: let both ends in, which allows more.
        wide = inputs.widened(1e-9) if rule == "half even" else inputs.widened(rounding=rule)
        any_left = next(coupled(evidence, wide), None)
        for h in tests:
            fall = next(_pairs(h, evidence, wide), None)
            text = pd.NA if fall is None else str(fall)
            words = "falls" if fall else "holds" if any_left else "no method possible"
            records[h.name, f"rounding {rule}"] = (pd.NA, "rule", words, text)
    rows = [(*key, *value[:3], value[3]) for key, value in records.items()]
    frame = pd.DataFrame(
        rows, columns=["headline", "disturbance", "smallest", "unit", "what", "example"]
    )
    order = [h.name for h in tests]
    return frame.sort_values(
        "headline", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )


def _pairs(headline: Headline, evidence: dict[str, Evidence], sets: Sets) -> Iterator[Method]:
    """Methods with a coupled pair against a headline."""
    for m, x, y in headline.against(evidence, sets):
        if below(x, y)[0].any():
            yield m
