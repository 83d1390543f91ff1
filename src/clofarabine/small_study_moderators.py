"""Notebook 05: the test of small-study effects with a column of the table held."""

import numpy as np
import pandas as pd

from metaprop.effectsize import Array
from metaprop.robustness import residual_method
from metaprop.small_study import Asymmetry, beside_moderators

from .sensitivity import Rows, Shown
from .show import table
from .studies import quoted

_HEADINGS = {"column": "column held", "alone": "p, these rows alone", "beside": "p, column held"}


def _columns(column: pd.Series) -> Array:
    """A column of numbers as it is; one of words as indicators of all groups but the first."""
    if pd.api.types.is_numeric_dtype(column):
        z = column.to_numpy(float)
        return (z - z.mean())[:, None]
    return pd.get_dummies(column.astype("string"), drop_first=True).to_numpy(float)


def _tests(rows: Rows, column: pd.Series) -> tuple[Asymmetry, Asymmetry]:
    """The test of the rows that have the column: alone, and with the column held."""
    have = column.notna().to_numpy(bool)
    y, v = (e[have] for e in rows.effects())
    if column[have].nunique() < 2:
        raise ValueError("found one value in all rows, expected several")
    none, how = np.empty((len(y), 0)), residual_method(rows.method)
    return tuple(beside_moderators(y, v, z, how) for z in (none, _columns(column[have])))


def held(rows: Rows) -> Shown:
    """P of the Thompson-Sharp test alone and with each moderator of the rows held, as a table.

    Without moderators there is nothing to show.
    """
    lines, moved = [], []
    for name in rows.moderators:
        column = rows.frame[name]
        line = {"column": name, "rows": int(column.notna().sum())}
        try:
            alone, beside = _tests(rows, column)
        except ValueError as error:
            lines.append(line | {"problem": str(error)})
            continue
        lines.append(line | {"alone": float(alone.p), "beside": float(beside.p)})
        moved.append((abs(float(beside.p - alone.p)), name, float(alone.p), float(beside.p)))
    if not lines:
        return Shown(())
    frame = pd.DataFrame(lines).dropna(axis="columns", how="all")
    caption = "Thompson-Sharp test with one column held at a time (two-sided p)"
    shown = (table(frame, _HEADINGS, caption, decimals=3),)
    if not moved:
        return Shown(shown, {}, "None of these columns can be held beside the size of the rows.")
    _, name, alone, beside = max(moved)
    facts = {"held": len(moved), "asked": len(lines), "column": quoted(name)}
    return Shown(shown, facts | {"alone": alone, "beside": beside, "k": len(rows.n)})
