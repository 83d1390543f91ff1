"""Readings of a sentence that prints a result without its formula: which of them give the numbers.

A sentence has one formula. "CR 17% and OR 28% in the other studies" is judged as a whole: a reading
stands only if one pair of vectors gives both numbers under the same formula. The same holds for the
printed p of Egger's test.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import pandas as pd

from metaprop import pooling, small_study
from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below
from metaprop.effectsize import SCALES, Array, back_transform, overall_n, transform
from metaprop.labels import SCALE, TAU2_METHOD

from .consequences import rows_of
from .evidence_pieces import ENDPOINTS, Coupled
from .reconstruction import ESTIMATORS, ROWS, Evidence

# Rows that a sentence can be about: the paediatric ones, or the overall ones either way.
POPULATIONS: tuple[str, ...] = ("paediatric", *ROWS)
FORMULAS: tuple[tuple[str, str], ...] = (
    *product(ESTIMATORS, ("PAS", "PFT")), ("crude share", "none"),
)  # fmt: skip


def _rate(x: Counts, n: Array, formula: str, scale: str) -> Array:
    """Pooled rate of each vector by a formula, percent."""
    if formula == "crude share":
        return 100 * x.sum(1) / n.sum()
    y, v = transform(x, n, scale)
    size = overall_n(n, "harmonic") if scale == "PFT" else None
    return 100 * back_transform(pooling.pool(y, v, formula).estimate, scale, size)


def _prints(values: Array, printed: float, decimals: int = 0) -> np.ndarray:
    half = 0.5 * 10.0**-decimals
    return (printed - half <= values) & (values < printed + half)


def others(
    evidence: dict[str, Evidence], sets: Sequence[Coupled], printed: dict[str, float],
    without: str = "CLO-212",
) -> pd.DataFrame:  # fmt: skip
    """Readings of the rates in the studies other than one.

    Parameters
    ----------
    evidence : dict
    sets : sequence of (method, CR vectors, OR vectors)
        As `sets_of`; every formula is applied to every vector, whatever method found it.
    printed : dict
        The two percentages by endpoint.

    Returns
    -------
    DataFrame
        formula (tau² estimator, CE, crude share), scale, population; cr_min ... or_max in percent;
        gives_cr, gives_or, gives_both: whether some vector, or one pair of vectors, prints so.
    """
    records = []
    for population, (formula, scale) in product(POPULATIONS, FORMULAS):
        rates: dict[str, list] = {e: [] for e in ENDPOINTS}
        both = False
        for _, *pair in sets:
            fits = []
            for e, x in zip(ENDPOINTS, pair, strict=True):
                counts, n, names = rows_of(evidence[e], x, population)
                rest = np.array(names) != without
                value = _rate(counts[:, rest], n[rest], formula, scale)
                rates[e].append(value)
                fits.append(x[_prints(value, printed[e])])
            both = both or bool(below(*fits)[0].any())
        flat = {e: np.concatenate(v) for e, v in rates.items()}
        ends = [f(flat[e]) for e in ENDPOINTS for f in (np.min, np.max)]
        gives = [bool(_prints(flat[e], printed[e]).any()) for e in ENDPOINTS]
        records.append((formula, scale, population, *ends, *gives, both))
    columns = ["cr_min", "cr_max", "or_min", "or_max", "gives_cr", "gives_or", "gives_both"]
    return pd.DataFrame(records, columns=["formula", "scale", "population", *columns])


def egger(evidence: Evidence, x: Counts, printed: float, decimals: int = 2) -> pd.DataFrame:
    """Readings of a printed p value of a test of asymmetry: which tests of which rows reach it.

    Parameters
    ----------
    evidence : Evidence
    x : ndarray, shape (m, rows)
        Vectors of the endpoint.

    Returns
    -------
    DataFrame
        test, scale, population; p_min, p_max over the vectors; agree: how many print so; reaches:
        whether one does. A value between two vectors is no reading.
    """
    records = []
    for population, test, scale in product(POPULATIONS, small_study.TESTS, SCALES):
        counts, n, _ = rows_of(evidence, x, population)
        p = small_study.run(test, counts, n, scale).p
        agree = int(_prints(p, printed, decimals).sum())
        records.append((test, scale, population, p.min(), p.max(), agree, agree > 0))
    columns = ["test", "scale", "population", "p_min", "p_max", "agree", "reaches"]
    return pd.DataFrame(records, columns=columns)


def eggers(evidence: Evidence, x: Counts, printed: float, scales: Sequence[str]) -> pd.DataFrame:
    """The readings of `egger` that the words "Egger's test" have: his test, on the paper's scales.

    The only place where the printed p is judged; notebooks 02, 05 and 07 tell it.
    """
    table = egger(evidence, x, printed)
    return table[(table["test"] == "Egger") & table["scale"].isin(list(scales))]


def rows_in_words(population: str) -> str:
    """Which rows a reading pools."""
    if population.startswith("split:"):
        return f"all ages, only {population.removeprefix('split:')} in two rows"
    return {"paediatric": "children", "merged": "all ages, a row a study",
            "age-groups": "all ages, children and adults apart"}[population]  # fmt: skip


def in_words(table: pd.DataFrame) -> list[str]:
    """Readings (formula or test, scale, population) in words, one for each formula and scale."""
    out = []
    for (name, scale), part in table.groupby([table.columns[0], "scale"], sort=False):
        rows = list(part["population"])
        if set(ROWS) <= set(rows):
            rows = [p for p in rows if p not in ROWS] + ["all ages"]
        told = "; ".join(p if p == "all ages" else rows_in_words(p) for p in rows)
        where = told if scale == "none" else f"{SCALE[scale]}; {told}"
        out.append(f"{TAU2_METHOD.get(name, name)} ({where})")
    return out


def spans(table: pd.DataFrame) -> list[str]:
    """Ranges of p of the readings of `eggers`, for children and for all ages, by scale."""
    who = table["population"].eq("paediatric").map({True: "children", False: "all ages"})
    groups = table.groupby(["scale", who], sort=False)
    ends = {key: (f"{p['p_min'].min():.2f}", f"{p['p_max'].max():.2f}") for key, p in groups}
    return [
        f"{SCALE[scale]}, {rows}: {a if a == b else f'{a} to {b}'}"
        for (scale, rows), (a, b) in ends.items()
    ]


def _profile(x: Counts, n: Array, tau2: str) -> dict[str, Array]:
    """Heterogeneity of each vector: tau², I² both ways, Q-profile limits; percent for I²."""
    y, v = transform(x, n, "PAS")
    fit = pooling.pool(y, v, tau2)
    low, high = pooling.tau2_interval(y, v)
    typical = (n.size - 1) / (4 * n.sum() - (16.0 * n**2).sum() / (4 * n.sum()))
    share = lambda t: 100 * t / (t + typical)  # noqa: E731
    return {
        "tau2": fit.tau2, "tau2 Q-profile, lower": low, "tau2 Q-profile, upper": high,
        "I2 from tau2": 100 * fit.i2,
        "I2 from Q": 100 * np.maximum(0, 1 - (fit.k - 1) / fit.q),
        "I2 Q-profile, lower": share(low), "I2 Q-profile, upper": share(high),
    }  # fmt: skip


def _bodies(evidence: dict[str, Evidence], sets: Sequence[Coupled]) -> Iterator[tuple]:
    """(endpoint, population, counts, method, vectors, patients) of documented rows and of sets."""
    for i, e in enumerate(ENDPOINTS):
        known = (evidence[e].low == evidence[e].high) & ~evidence[e].adult
        yield (
            e,
            "paediatric",
            "documented",
            "DL",
            evidence[e].low[None, known],
            evidence[e].n[known],
        )
        for method, *pair in sets:
            for population in ("paediatric", method.rows):
                counts, n, _ = rows_of(evidence[e], pair[i], population)
                yield e, population, str(method), method.tau2_method, counts, n


def heterogeneity(evidence: dict[str, Evidence], sets: Sequence[Coupled]) -> pd.DataFrame:
    """tau² and I² with their Q-profile intervals (95%), for documented rows and over the sets.

    Returns
    -------
    DataFrame
        endpoint, population, counts ("documented", or the method whose set it is), quantity, min,
        max over the vectors. I² from tau² is 100 tau²/(tau² + s²), from Q max(0, (Q - df)/Q). The
        interval of a set runs from the min of the lower to the max of the upper limit.
    """
    records = []
    for e, population, counts, tau2, x, n in _bodies(evidence, sets):
        for name, values in _profile(x, n, tau2).items():
            records.append((e, population, counts, name, values.min(), values.max()))
    columns = ["endpoint", "population", "counts", "quantity", "min", "max"]
    return pd.DataFrame(records, columns=columns)
