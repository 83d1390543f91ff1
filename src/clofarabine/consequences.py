"""What the identified set says of everything the paper does not print: ranges over its vectors."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from metaprop import influence, pooling, small_study
from metaprop.counts.solve import TooLarge
from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below
from metaprop.effectsize import Array, back_transform, transform
from metaprop.method import Method

from .reconstruction import (
    COMMON,
    FIXED,
    METHODS,
    VARIED,
    Evidence,
    Found,
    reconstruct,
    side_by_side,
    varied,
)

# Studies with fewer patients than this are the tiny ones that a sensitivity analysis leaves out.
SMALL = 5

Quantities = dict[tuple[str, str], Array]


def coupled(cr: list[Found], or_: list[Found]) -> dict[str, list[tuple[Method, Counts]]]:
    """Vectors of each surviving method that have a partner of the other endpoint, by endpoint."""
    out: dict[str, list[tuple[Method, Counts]]] = {"CR": [], "OR": []}
    for a, b in zip(cr, or_, strict=True):
        for endpoint, f, keep in zip(("CR", "OR"), (a, b), below(a.joint, b.joint), strict=True):
            if keep.any():
                out[endpoint].append((f.method, f.joint[keep]))
    return out


def surviving(frame: pd.DataFrame, pooled: pd.DataFrame) -> list[Method]:
    """Common methods that leave a coupled vector under evidence as `load_evidence` gives it."""
    found = (reconstruct(Evidence.read(frame, e), pooled, e, COMMON) for e in ("CR", "OR"))
    return [m for m, _ in coupled(*found)["CR"]]


def method_evidence(found: dict[str, list[Found]]) -> pd.DataFrame:
    """How many vectors each method leaves, one row per endpoint and method."""
    records = []
    for endpoint, other in (("CR", "OR"), ("OR", "CR")):
        for f, g in zip(found[endpoint], found[other], strict=True):
            if endpoint == "CR":
                n = below(f.joint, g.joint)[0].sum()
            else:
                n = below(g.joint, f.joint)[1].sum()
            records.append((endpoint, *varied(f.method), len(f.paediatric), len(f.joint), int(n)))
    columns = ["endpoint", *VARIED, "n_paediatric", "n_joint", "n_coupled"]
    return pd.DataFrame(records, columns=columns)


def vectors(found: list[Found], evidence: Evidence) -> pd.DataFrame:
    """Every vector of every method with a non-empty joint set, one row each."""
    frames = [
        pd.DataFrame(f.joint, columns=list(evidence.labels)).assign(
            **dict(zip(VARIED, varied(f.method), strict=True))
        )
        for f in found
        if len(f.joint)
    ]
    columns = [*VARIED, *evidence.labels]
    return pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns)


def quantities(x: Counts, n: Array, labels: Sequence[str], method: Method) -> Quantities:
    """Unpublished results of each vector: {(code, unit): values (m,)}, rates in percent (PAS).

    x : (m, k) counts, n : (k,) patients, labels : k names of the rows.
    """
    percent = lambda y: 100 * back_transform(y, "PAS")  # noqa: E731
    y, v = transform(x, n, "PAS")
    fit = pooling.pool(y, v, method.tau2_method, method.ci_method)
    knapp = pooling.pool(y, v, method.tau2_method, "hartung-knapp")
    out: Quantities = {
        ("estimate", "%"): percent(fit.estimate),
        ("tau2", "radians²"): fit.tau2,
        ("I2", "%"): 100 * fit.i2,
        ("Q", "chi²"): fit.q,
        ("hk_lower", "%"): percent(knapp.lower),
        ("hk_upper", "%"): percent(knapp.upper),
        ("egger_p", "p value"): small_study.egger(y, v).p,
        ("events", "patients"): x.sum(-1).astype(float),
    }
    for df, code in (("k-2", "pi"), ("k-1", "pi_k1")):
        for end, limit in zip(("lower", "upper"), fit.prediction(df), strict=True):
            out[f"{code}_{end}", "%"] = percent(limit)
    rest = influence.leave_one_out(y, v, method.tau2_method, method.ci_method)
    for i, label in enumerate(labels):
        out[f"estimate_without:{label}", "%"] = percent(rest.estimate[..., i])
    big = np.asarray(n) >= SMALL
    one = pooling.pool(y[:, big], v[:, big], method.tau2_method, method.ci_method)
    out[f"estimate_n{SMALL}", "%"] = percent(one.estimate)
    return out


def rows_of(evidence: Evidence, x: Counts, rows: str) -> tuple[Counts, Array, list[str]]:
    """Counts, patients and labels of the paediatric rows, or of the overall ones formed this way.

    rows : "paediatric", or a member of `reconstruction.ROWS`.
    """
    if rows == "paediatric":
        child = ~evidence.adult
        return x[:, child], evidence.n[child], list(np.array(evidence.labels)[child])
    add = evidence.overall(rows)
    return x @ add.T, add @ evidence.n, list(dict.fromkeys(evidence.names(rows)))


def _of_population(
    evidence: Evidence, method: Method, x: Counts, population: str
) -> tuple[Counts, Array, list[str]]:
    """Counts, patients and labels of the rows that a population's analysis pools."""
    return rows_of(evidence, x, method.rows if population == "overall" else population)


def _ranges(evidence: Evidence, sets: list[tuple[Method, Counts]]) -> Iterator[tuple]:
    """(population, quantity, unit, method, values) of every quantity, method by method."""
    unknown = np.flatnonzero(evidence.low < evidence.high)
    for method, x in sets:
        for i in unknown:
            population = "overall" if evidence.adult[i] else "paediatric"
            name = f"count:{evidence.labels[i]}"
            yield population, name, "patients", method, x[:, i].astype(float)
        for population in ("paediatric", "overall"):
            rows = _of_population(evidence, method, x, population)
            for (name, unit), values in quantities(*rows, method).items():
                yield population, name, unit, method, values


def bounds(evidence: dict[str, Evidence], sets: dict[str, list]) -> pd.DataFrame:
    """Smallest and largest value of each unpublished quantity, per method and over all ("any").

    vectors : those of the method; over all methods the different ones, for methods share some.
    """
    records = []
    for endpoint in ("CR", "OR"):
        every = [x for _, x in sets[endpoint]]
        different = len(np.unique(np.concatenate(every), axis=0)) if every else 0
        together: dict[tuple, list] = {}
        for population, name, unit, method, values in _ranges(evidence[endpoint], sets[endpoint]):
            key = (endpoint, population, name, unit)
            together.setdefault(key, []).append((str(method), values))
        for key, parts in together.items():
            everything = np.concatenate([values for _, values in parts])
            for method, values in parts:
                records.append((*key, method, values.min(), values.max(), len(values)))
            records.append((*key, "any", everything.min(), everything.max(), different))
    columns = ["endpoint", "population", "quantity", "unit", "method", "min", "max", "vectors"]
    return pd.DataFrame(records, columns=columns)


def hidden_rows(
    evidence: dict[str, Evidence], pooled: pd.DataFrame, methods: Sequence[Method] = METHODS
) -> pd.DataFrame:
    """Hide each documented count in turn and look for it from the rest.

    One row per endpoint, hidden row and value found, with the number of vectors (over the methods)
    that have it; one row with a missing value where nothing is found.
    """
    hidden = [
        (e, i) for e, known in evidence.items() for i in np.flatnonzero(known.low == known.high)
    ]

    def found(pair: tuple[str, int]) -> np.ndarray:
        endpoint, i = pair
        e = evidence[endpoint]
        low, high = e.low.copy(), e.high.copy()
        low[i], high[i] = 0, e.n[i]
        sets = reconstruct(replace(e, low=low, high=high), pooled, endpoint, methods)
        return np.concatenate([f.joint[:, i] for f in sets])

    records = []
    for (endpoint, i), x in zip(hidden, side_by_side(found, hidden), strict=True):
        e = evidence[endpoint]
        head = (endpoint, e.labels[i], int(e.n[i]), int(e.low[i]))
        values, counts = np.unique(x, return_counts=True)
        hit = bool((values == e.low[i]).any())
        for value, count in zip(values, counts, strict=True):
            records.append((*head, int(value), int(count), hit))
        if not len(values):
            records.append((*head, pd.NA, 0, hit))
    columns = ["endpoint", "row", "n", "documented", "value", "vectors", "documented_among"]
    return pd.DataFrame(records, columns=columns).astype({"value": "Int64"})


def repairs(
    scenario: str, evidence: dict[str, Evidence], pooled: pd.DataFrame, methods: Sequence[Method]
) -> pd.DataFrame:
    """How far the evidence is from the printed results, per endpoint and method.

    The rows of FIXED keep their counts. smallest_change : patients, 0 where the results can hold.
    nearest : vectors at that distance; 0 where none was found up to there. example : what changes
    in the first of them.
    """
    records = []
    for endpoint, e in evidence.items():
        for method in methods:
            distance, x = repair(e, pooled, endpoint, method, fixed=FIXED)
            text = pd.NA
            if distance and len(x):
                at = np.flatnonzero((x[0] < e.low) | (x[0] > e.high))
                ends = np.clip(x[0], e.low, e.high)
                text = "; ".join(f"{e.labels[i]}: {ends[i]} to {x[0][i]}" for i in at)
            records.append((scenario, endpoint, str(method), distance, len(x), text))
    columns = ["scenario", "endpoint", "method", "smallest_change", "nearest", "example"]
    return pd.DataFrame(records, columns=columns)


def repair(
    evidence: Evidence, pooled: pd.DataFrame, endpoint: str, method: Method, most: int = 15,
    fixed: Collection[str] = (),
) -> tuple[int, Counts]:  # fmt: skip
    """The smallest change of the counts that lets the printed results hold, and what then holds.

    Distance is the sum of absolute changes of counts, from the nearest end of each interval; the
    rows in ``fixed`` keep theirs.
    Returns it with all vectors at that distance; (d, none) where none is nearer than d and a
    search at d is not allowed by most or by its size.
    """
    counts = np.arange(evidence.n[~evidence.adult].max() + 1)
    low, high = (a[~evidence.adult, None] for a in (evidence.low, evidence.high))
    away = np.maximum(np.maximum(low - counts, counts - high), 0)
    free = ~np.isin(evidence.labels, list(fixed))
    for d in range(most + 1):
        wider = replace(
            evidence,
            low=np.where(free, np.maximum(evidence.low - d, 0), evidence.low).astype(np.int32),
            high=np.where(free, np.minimum(evidence.high + d, evidence.n), evidence.high).astype(
                np.int32
            ),
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
