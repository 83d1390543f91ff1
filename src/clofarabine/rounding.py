"""Counts behind printed percentages: which print so, and what ties say of the rule of rounding."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from metaprop.effectsize import Array

from .tables import store


def counts_printing(low: ArrayLike, high: ArrayLike, whole: ArrayLike) -> tuple[Array, Array]:
    """First and last count of the whole that is a percentage from low to high.

    The last is below the first where there is none; both are missing where an end is. The GRIM test
    asks whether there is one (Brown & Heathers 2017).
    """
    first = np.ceil(np.multiply(low, whole) / 100 - 1e-9)
    last = np.floor(np.multiply(high, whole) / 100 + 1e-9)
    return first, last


def ties(printed: pd.DataFrame) -> pd.DataFrame:
    """Percentages that lie exactly between two printable values, and the rules they fit.

    Parameters
    ----------
    printed : DataFrame
        count, n, percent (as printed) and decimals, one row a printed percentage.

    Returns
    -------
    DataFrame
        The rows of exact ties with half_up, half_even, truncated: whether the rule gives what is
        printed.
    """
    count, n, decimals = (printed[c].to_numpy(np.int64) for c in ("count", "n", "decimals"))
    scaled = 100 * count * 10**decimals  # over n: the percentage in units of its last digit
    tie = 2 * scaled % (2 * n) == n
    below = scaled[tie] // n[tie]
    shown = np.rint(printed["percent"].to_numpy(float)[tie] * 10.0 ** decimals[tie])
    return printed[tie].assign(
        half_up=shown == below + 1, half_even=shown == below + below % 2, truncated=shown == below
    )


def printed_shares() -> pd.DataFrame:
    """Percentages that the paper prints beside their counts: table, what, count, n, percent."""
    parts = []
    for name in ("table3", "table4"):
        events, studies = store.load(f"{name}_events"), store.load(f"{name}_studies")
        exact = events[events["relation"] == "="].rename(columns={"n": "count"})
        frame = exact.merge(studies[["study", "n"]], on="study")
        parts.append(frame.assign(table=name, what=frame["study"] + ": " + frame["event"]))
    people = store.load("table2_characteristics").rename(columns={"n": "count", "total": "n"})
    what = people["characteristic"] + ": " + people["level"]
    parts.append(people.assign(table="table2", what=what))
    out = pd.concat(parts)[["table", "what", "count", "n", "percent"]].dropna()
    return out.assign(decimals=1).reset_index(drop=True)
