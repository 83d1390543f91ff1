"""Which sample size the way back from the double arcsine must have had, left free.

The inverse of Miller (1978) takes one sample size for all rows, ñ. The grid tries the means that
software offers; here ñ is anything, which shows how much of a verdict on a mean is its value alone.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metaprop.counts.solve import identified_set, meets_at
from metaprop.counts.statement import Printed
from metaprop.effectsize import Array, overall_n
from metaprop.labels import TAU2_METHOD
from metaprop.method import Method

from .reconstruction import Evidence, targets_of

# ñ in steps of a quarter patient; the largest row of the paper has 138.
GRID = np.arange(1, 150.25, 0.25)
MEANS = ("harmonic", "geometric", "arithmetic")


def means(evidence: Evidence) -> dict[str, float]:
    """The means of the paediatric rows' sizes, by name."""
    return {m: float(overall_n(evidence.n[~evidence.adult], m)) for m in MEANS}


def fitting(
    evidence: dict[str, Evidence],
    pooled: pd.DataFrame,
    methods: Sequence[Method],
    grid: Array = GRID,
) -> pd.DataFrame:
    """The values of ñ under which the paediatric double arcsine numbers are possible.

    Parameters
    ----------
    evidence : dict
        By endpoint.
    pooled : DataFrame
        As pooled_results.csv.
    methods : sequence of Method
        Each gives an estimator and an interval; their inverse has no part.
    grid : ndarray, shape (g,)
        What is tried, patients.

    Returns
    -------
    DataFrame
        endpoint, tau2_method, ci_method; vectors that meet the paediatric arcsine numbers;
        smallest and largest ñ of the grid under which one of them meets the double arcsine
        numbers too, missing where none does. Between the ends a value may fail.
    """
    records = []
    for endpoint, known in evidence.items():
        child, goals = ~known.adult, targets_of(pooled, endpoint)
        for method in methods:
            n = tuple(known.n[child].tolist())
            own = Printed(n, method).by(goals["paediatric", "PAS"], scale="PAS")
            x = identified_set(own, known.low[child], known.high[child])
            double = own.by(goals["paediatric", "PFT"], scale="PFT")
            fits = grid[meets_at(double, x, grid).any(1)]
            ends = (fits.min(), fits.max()) if len(fits) else (np.nan, np.nan)
            records.append((endpoint, method.tau2_method, method.ci_method, len(x), *ends))
    columns = ["endpoint", "tau2_method", "ci_method", "vectors", "smallest", "largest"]
    return pd.DataFrame(records, columns=columns)


def facts(table: pd.DataFrame, evidence: Evidence) -> dict:
    """The numbers of the sentence: means of the sizes, ranges, and which means lie outside."""
    sizes, out = means(evidence), {}
    for e, own in table.groupby("endpoint"):
        low, high = own["smallest"].min(), own["largest"].max()
        out |= {f"{e}_smallest": low, f"{e}_largest": high}
        outside = [name for name, n in sizes.items() if not low <= n <= high]
        out[f"{e}_outside"] = " and ".join(outside) or "none"
    ends = table.groupby("tau2_method", sort=False).agg(
        low=("smallest", lambda n: n.max(skipna=False)), high=("largest", "min")
    )
    both = ends.index[ends["low"] <= ends["high"]]
    return out | sizes | {"both": ", ".join(TAU2_METHOD[m] for m in both) or "none"}
