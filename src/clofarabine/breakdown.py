"""How little overturns each headline of the reconstruction: breakdown distances.

A headline holds under assumptions: the documented counts are exact, all printed numbers follow one
method, and they are rounded half up. Each assumption is loosened until the headline falls (Horowitz
& Manski 1995 on contaminated data; Masten & Poirier 2020 on breakdown frontiers), over the common
methods of the grid. A search that ends before it falls says "more than", never a value.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from metaprop import influence, pooling, small_study
from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below
from metaprop.counts.vectors import cheapest as cheapest_pair
from metaprop.effectsize import Array, back_transform, transform
from metaprop.method import Method

from .evidence_pieces import ENDPOINTS, excess, ids, targets, unrounded, vectors
from .reconstruction import COMMON, FIXED, Evidence, Memory, varied

# Counts that the paper itself prints as percentages of 61, so that they are no one's error.
# What is tried before the search says "more than".
PATIENTS, MARGINS = 2, (0.01, 0.05, 0.2)

Sets = dict[str, dict[Method, Counts]]
# Which vectors of a set speak against a headline: (evidence, method, vectors) -> mask.
Mask = Callable[[Evidence, Method, Counts], np.ndarray]


@dataclass(frozen=True)
class Headline:
    """A conclusion, and what a vector or a method must be to overturn it.

    name : the conclusion. methods : those that may overturn it. cr, or_ : which vectors do; None
    where every vector does, which is so where a method is said to be ruled out.
    """

    name: str
    methods: tuple[Method, ...] = COMMON
    cr: Mask | None = None
    or_: Mask | None = None

    def against(self, evidence: dict[str, Evidence], sets: Sets) -> Iterator[tuple]:
        """(method, CR vectors, OR vectors) that speak against it, before they are coupled."""
        for m in self.methods:
            both = []
            for e, mask in zip(ENDPOINTS, (self.cr, self.or_), strict=True):
                x = sets[e].get(m, np.empty((0, len(evidence[e].n)), np.int32))
                both.append(x[mask(evidence[e], m, x)] if mask and len(x) else x)
            if all(map(len, both)):
                yield m, *both


def _children(evidence: Evidence, x: Counts) -> tuple[Array, Array]:
    """Effects and sampling variances of the paediatric rows on the arcsine scale."""
    child = ~evidence.adult
    return transform(x[:, child], evidence.n[child], "PAS")


def outside(row: str, low: int, high: int) -> Mask:
    """Vectors whose count of a row leaves low..high."""

    def mask(evidence: Evidence, _method: Method, x: Counts) -> np.ndarray:
        column = x[:, evidence.labels.index(row)]
        return (column < low) | (column > high)

    return mask


def i2_below(percent: float) -> Mask:
    """Vectors whose I² in children, from tau², is below a percentage."""

    def mask(evidence: Evidence, method: Method, x: Counts) -> np.ndarray:
        return 100 * pooling.pool(*_children(evidence, x), method.tau2_method).i2 < percent

    return mask


def prediction_below(percent: float) -> Mask:
    """Vectors whose upper prediction limit in children (t with k - 2) is below a percentage."""

    def mask(evidence: Evidence, method: Method, x: Counts) -> np.ndarray:
        upper = pooling.pool(*_children(evidence, x), method.tau2_method).prediction()[1]
        return 100 * back_transform(upper, "PAS") < percent

    return mask


def egger_prints(p: float, decimals: int = 2) -> Mask:
    """Vectors whose p of Egger's test (paediatric rows, arcsine) prints as p."""

    def mask(evidence: Evidence, _method: Method, x: Counts) -> np.ndarray:
        value = small_study.egger(*_children(evidence, x)).p
        return np.abs(value - p) <= 0.5 * 10.0**-decimals

    return mask


def others_print(percent: float, without: str = "CLO-212") -> Mask:
    """Vectors whose random-effects estimate without a study (paediatric, arcsine) prints so."""

    def mask(evidence: Evidence, method: Method, x: Counts) -> np.ndarray:
        rest = influence.leave_one_out(*_children(evidence, x), method.tau2_method, "wald")
        i = np.array(evidence.labels)[~evidence.adult].tolist().index(without)
        value = 100 * back_transform(rest.estimate[..., i], "PAS")
        return np.abs(value - percent) <= 0.5

    return mask


def headlines(evidence: dict[str, Evidence], sets: Sets) -> list[Headline]:
    """The conclusions under test; the range of the largest row is that of the sets given.

    I² of 75% is where the Cochrane Handbook (10.10.2) begins to call it considerable; an upper
    prediction limit of 50% is a rate in a new study of one patient in two.
    """
    own = lambda *names: tuple(m for m in COMMON if any(n in varied(m) for n in names))  # noqa: E731
    row = "CLOFAL06952"
    i = evidence["CR"].labels.index(row)
    found = np.concatenate([x[:, i] for _, x, _ in _coupled(evidence, sets)])
    low, high = int(found.min()), int(found.max())
    ends = f"{low}" if low == high else f"{low} to {high}"
    other = tuple(m for m in COMMON if m.inverse != "harmonic")
    return [
        Headline("REML is ruled out", own("REML")),
        Headline("Paule-Mandel is ruled out", own("PM")),
        Headline("Hartung-Knapp is ruled out", own("hartung-knapp")),
        Headline("merged rows are ruled out", own("merged")),
        Headline("inverses other than the harmonic mean are ruled out", other),
        Headline(f"CR of {row} is {ends}", cr=outside(row, low, high)),
        Headline("I² of CR in children is at least 75%", cr=i2_below(75)),
        Headline("prediction for CR in children reaches 50%", cr=prediction_below(50)),
        Headline("Egger's p (arcsine, children) does not print as 0.58", cr=egger_prints(0.58)),
        Headline("no one method gives its counts and 17% CR with 28% OR elsewhere",
                 cr=others_print(17), or_=others_print(28)),
    ]  # fmt: skip


def _coupled(evidence: dict[str, Evidence], sets: Sets) -> Iterator[tuple]:
    for m, x, y in Headline("every method").against(evidence, sets):
        a, b = below(x, y)
        if a.any():
            yield m, x[a], y[b]


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
    methods: tuple[Method, ...] = COMMON

    def moved(self, d: int) -> Sets:
        """Vectors when documented counts and limits may be d patients off, all together."""
        out = {}
        for e, known in self.evidence.items():
            free = np.array([label not in FIXED for label in known.labels])
            low = np.where(free, np.maximum(known.low - d, 0), known.low)
            high = np.where(free, np.minimum(known.high + d, known.n), known.high)
            child = ~known.adult
            counts = np.arange(known.n[child].max() + 1)
            ends = [a[child, None] for a in (known.low, known.high)]
            away = np.maximum(np.maximum(ends[0] - counts, counts - ends[1]), 0)
            extra = d / child.sum() - away
            wider = replace(known, low=low.astype(np.int32), high=high.astype(np.int32))
            out[e] = vectors(wider, targets(self.pooled, e), e, self.methods, extra)
        return out

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
        return {
            e: vectors(known, targets(self.pooled, e, margin=margin, rounding=rounding), e,
                       self.methods)
            for e, known in self.evidence.items()
        }  # fmt: skip

    def one_off(self) -> Sets:
        """Vectors when at most one printed number of an endpoint is off by one unit."""
        out: Sets = {}
        for e, known in self.evidence.items():
            parts: dict[Method, list] = {m: [] for m in self.methods}
            memory: Memory = {}
            for name in ids(self.pooled, e):
                goals = targets(self.pooled, e, off=(name,))
                for m, x in vectors(known, goals, e, self.methods, memory=memory).items():
                    parts[m].append(x)
            out[e] = {m: np.unique(np.concatenate(p), axis=0) for m, p in parts.items()}
        return out


Cost = Callable[[str, Method, Counts], Array]
# A headline that has not fallen: size, unit, what, example.
_OPEN = (pd.NA, "", "more than", pd.NA)


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


def _stages(inputs: _Search) -> Iterator[tuple[str, str, float, Callable[[], Sets], Cost, bool]]:
    """(disturbance, unit, size, its sets, cost of a vector, whether costs add up), smallest first.

    The last size of a kind is the limit of its search.
    """
    for d in (1, PATIENTS):
        yield ("patients moved", "patients", d, lambda d=d: inputs.moved(d), inputs.patients, True)
    yield "numbers off by one unit", "numbers", 1, inputs.one_off, inputs.off, True
    for margin in MARGINS:
        sets = lambda m=margin: inputs.widened(m)  # noqa: E731
        yield "rounding margin", "points", margin, sets, inputs.points, False


def breakdown(evidence: dict[str, Evidence], pooled: pd.DataFrame) -> pd.DataFrame:
    """The smallest disturbance of each kind that overturns each headline.

    Returns
    -------
    DataFrame
        headline; disturbance; smallest, the size at which it falls, or where the search ended;
        unit; what: "falls at", "more than" (does not fall up to there), and for a rounding rule
        "falls", "holds", or "no method possible" where the rule leaves no vector; example:
        the method and what is disturbed in one pair of vectors.
        "numbers off by one unit" is searched with one number of each endpoint; a headline that
        holds up needs two of one endpoint. Empty where no method is possible to begin with.
    """
    inputs = _Search(evidence, pooled)
    sets = inputs.widened()
    tests = headlines(evidence, sets) if next(_coupled(evidence, sets), None) else []
    records: dict[tuple[str, str], tuple] = {}
    for kind, unit, size, make, cost, total in _stages(inputs):
        left = [h for h in tests if records.get((h.name, kind), _OPEN)[2] == "more than"]
        sets = make() if left else {}
        for h in left:
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
        any_left = next(_coupled(evidence, wide), None)
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
