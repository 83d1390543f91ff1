"""Groups of rows and covariates: tables, tests, and what so many tests are worth."""

import numpy as np
import pandas as pd

from metaprop import robustness
from metaprop.effectsize import Array, transform
from metaprop.moderators import Regression, meta_regression

from .. import figures
from ..consequences import SMALL
from ..figures import sensitivity as draw
from ..show import table
from .rows import Rows, Shown, needs, text

# The usual level of significance, for counting tests below it.
_LEVEL = 0.05
_TESTS = ("p", "common")
HUGE = 1e100  # a number beyond which no line is fitted: its square would overflow
# Designs of table 1 that are too few to stand alone, and what they are called together.
_JOINED = dict.fromkeys(("registry", "post-marketing survey"), "registry or survey")


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _traits(rows: Rows) -> tuple[dict[str, pd.Series], dict[str, pd.Series]]:
    """Groups of the rows by name, and covariates: the moderators, and the size of a row."""
    columns = {name: rows.frame[name] for name in rows.moderators}
    groups = {name: c.replace(_JOINED) for name, c in columns.items() if not _is_number(c)}
    covariates = {name: c for name, c in columns.items() if _is_number(c)}
    if "design" in groups and columns["design"].eq("clinical trial").any():
        trial = columns["design"].eq("clinical trial").astype("Float64")
        covariates["clinical trial"] = trial.where(columns["design"].notna())
    small = np.where(rows.n < SMALL, f"n < {SMALL}", f"n >= {SMALL}")
    return groups | {"size": pd.Series(small)}, covariates | {"log n": pd.Series(np.log(rows.n))}


def by_group(rows: Rows) -> pd.DataFrame:
    """Subgroups of every moderator, as `robustness.by_group`."""
    return robustness.by_group(rows.x, rows.n, _traits(rows)[0], rows.method)


def _range(frame: pd.DataFrame, name: str, decimals: int) -> pd.Series:
    """The two ends of a column as text, one number where they print alike."""
    low, high = (
        frame[f"{name}_{end}"].map(f"{{:.{decimals}f}}".format, na_action="ignore").astype("string")
        for end in ("min", "max")
    )
    out = low.where(low == high, low + " to " + high)
    return out.str.replace(r"(?<!-)\b0\.000\b", "< 0.001", regex=True) if name in _TESTS else out


def _shown(grouped: pd.DataFrame, regressed: pd.DataFrame) -> list[pd.DataFrame]:
    """The tables of `compare` for people; a column that says nothing is left out."""
    left = grouped[["moderator", "group", "k", "patients"]].assign(rate=text(grouped))
    left = left.assign(p=_range(grouped, "p", 3), common=_range(grouped, "common", 3))
    right = regressed[["covariate", "k"]].assign(
        slope=_range(regressed, "slope", 3), p=_range(regressed, "p", 3),
        permutation_p=regressed["permutation_p"], tau2=_range(regressed, "tau2", 3),
    )  # fmt: skip
    out = []
    for part, source in ((left, grouped), (right, regressed)):
        part = part.assign(problem=source["problem"])
        out.append(part.dropna(axis="columns", how="all"))
    return out


@needs(2)
def compare(rows: Rows) -> Shown:
    """Subgroups and meta-regressions, with the number of tests that were made."""
    groups, covariates = _traits(rows)
    grouped = robustness.by_group(rows.x, rows.n, groups, rows.method)
    regressed = robustness.by_regression(rows.x, rows.n, covariates, rows.method)
    headings = {"rate": "percent [95% CI]", "p": "p", "common": "p, one τ²", "tau2": "τ²",
                "permutation_p": "p by permutation"}  # fmt: skip
    left, right = _shown(grouped, regressed)
    shown = (table(left, headings, "Groups"), table(right, headings, "Covariates", 3))
    tests = pd.concat(
        [grouped.groupby("moderator")["common_max"].first(), regressed["p_max"].dropna()]
    ).dropna()
    if tests.empty:
        return Shown(shown, {}, "These rows allow no test between groups.")
    sizes = grouped["k"].dropna()
    few = f"{sizes.min():.0f} to {sizes.max():.0f}" if len(sizes) else "too few"
    facts = {
        "tests": len(tests), "k": len(rows.n), "smallest": tests.min(),
        "adjusted": min(1.0, len(tests) * tests.min()), "sizes": few,
        "clear": (tests < _LEVEL).sum(),
        "left": (len(tests) * tests < _LEVEL).sum(),
    }  # fmt: skip
    return Shown(shown, facts)


def fitted(rows: Rows, column: pd.Series) -> tuple[Array, Array, Array, Regression] | None:
    """What `metaprop.plots.moderators.bubbles` draws of a covariate of one vector of counts.

    None where fewer than three rows have it, all of them have one value of it, or one of them has
    a value whose square is beyond what a computer holds.
    """
    have = column.notna().to_numpy(bool)
    z, how = column[have].to_numpy(float), rows.method
    if len(z) < 3 or np.ptp(z) == 0 or np.abs(z).max() > HUGE:
        return None
    y, v = transform(rows.x[have], rows.n[have], how.scale)
    design = np.column_stack([np.ones(len(z)), z - z.mean()])
    residual = robustness.residual_method(how)
    return z, y, v, meta_regression(y, v, design, how.ci_method, residual)


@needs(3, one=True)
def bubbles(rows: Rows) -> Shown:
    """Bubble plots of the covariates that vary over at least three rows."""
    parts = {name: fitted(rows, column) for name, column in _traits(rows)[1].items()}
    parts = {n: p for n, p in parts.items() if p is not None and not set(p[0]) <= {0.0, 1.0}}
    if not parts:
        return Shown((), {}, "No covariate varies over enough rows for a picture.")
    figure = draw.bubbles(rows, parts)
    return Shown((figures.draw(figure, "bubbles", draw.BUBBLES),), {"shown": len(parts)})
