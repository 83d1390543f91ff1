"""What is analysed, and what an analysis gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from metaprop import labels
from metaprop.effectsize import Array, transform
from metaprop.method import Method
from metaprop.specifications import pool_all

from .. import studies
from ..show import table as show_table
from ..tables import DataError, load_counts, store
from ..tables.paths import display_name
from ..text import say

RATE = {"CR": "complete remission (percent)", "OR": "overall remission (percent)"}
ENDS = ["estimate", "lower", "upper"]
MODERATORS = ("sponsorship", "design", "regimen")


@dataclass(frozen=True)
class Shown:
    """What an analysis gives a notebook: things to display, and facts for one sentence.

    instead : what `say` says where there are no facts.
    """

    things: tuple[object, ...]
    facts: Mapping[str, object] = field(default_factory=dict)
    instead: str = ""

    def _ipython_display_(self) -> None:
        display(*self.things)

    def head(self, text: str) -> Markdown | None:
        """A heading and what stands below it; nothing where there is nothing to show."""
        return say(text) if self.things else None

    def say(self, template: str) -> Markdown | None:
        """The sentence with the facts filled in; without facts the one in its place, or none."""
        if self.facts or self.instead:
            return say(template if self.facts else self.instead, self.facts)
        return None


def nothing(why: str) -> Shown:
    """An analysis that has nothing to show but the reason."""
    return Shown((Markdown(why),))


@dataclass(frozen=True)
class Rows:
    """The rows to analyse.

    name : what they are, for titles. frame : label, kind, year and other facts of each row.
    x : one vector of counts (k,) or every possible one (m, k). n : patients (k,).
    method : the analysis that the others are compared with.
    published : what the paper prints of it, scale, estimate, lower, upper in percent, over all its
        rows; empty for another table.
    unit : label of an axis of rates.
    moderators : names of the columns of frame that tell groups or slopes.
    all_rows, all_patients : with those whose count is unknown.
    """

    name: str
    frame: pd.DataFrame
    x: Array
    n: Array
    method: Method
    published: pd.DataFrame
    unit: str
    moderators: tuple[str, ...]
    all_rows: int
    all_patients: int

    @property
    def one(self) -> bool:
        """Whether the counts are one vector."""
        return self.x.ndim == 1

    @property
    def title(self) -> str:
        """End of a figure's title."""
        return self.name if self.one else f"every possible vector: {self.name}"

    @property
    def labels(self) -> list[str]:
        """Names of the rows."""
        return self.frame["label"].tolist()

    @property
    def printed(self) -> dict[str, float]:
        """The published primary result by end, empty where there is none."""
        if self.published.empty:
            return {}
        table = self.published.set_index("scale")
        scale = self.method.scale if self.method.scale in table.index else "PAS"
        return table.loc[scale, ENDS].to_dict()

    @property
    def base(self) -> pd.Series:
        """The pooled rate by the method: one row of `pool_all`."""
        return pool_all(self.x, self.n, [self.method]).loc[0]

    def effects(self) -> tuple[Array, Array]:
        """Effects and sampling variances on the method's scale."""
        return transform(self.x, self.n, self.method.scale)


def needs(least: int, one: bool = False) -> Callable:
    """An analysis that needs so many rows (and one vector): with less it shows why not."""

    def wrap(analyse: Callable[..., Shown]) -> Callable[..., Shown]:
        @wraps(analyse)
        def run(rows: Rows | Shown, *more: object) -> Shown:
            if isinstance(rows, Shown):  # what `every_vector` gives where there is no set
                return Shown(())
            if len(rows.n) < least:
                return nothing(f"This takes {least} rows with a count; found {len(rows.n)}.")
            if one and not rows.one:
                return nothing("This takes one vector of counts; found a set of them.")
            return analyse(rows, *more)

        return run

    return wrap


def documented(
    endpoint: str,
    population: str,
    method: Method,
    counts: str = "documented",
    table: str | Path | None = None,
    moderators: str = "",
) -> Rows:
    """The rows whose counts are known (or, with ``counts="reconstructed"``, those of notebook 02).

    Parameters
    ----------
    moderators : str
        Columns of the table that tell groups or slopes, separated by commas; without any all
        further columns of a table, or sponsorship, design, regimen and year of the paper's rows.
        Other parameters as in `studies.load`.

    Raises
    ------
    ValueError
        On an unknown value or column, with the valid ones.
    """
    frame = studies.load(endpoint, population, counts, table)
    total = (len(frame), int(frame["n"].sum()))
    frame, named = _with_moderators(frame, table, moderators)
    frame = frame.dropna(subset="x").reset_index(drop=True)
    x, n = (frame[c].to_numpy(int) for c in ("x", "n"))
    if table is not None:
        name, unit, published = Path(table).stem, "rate (percent)", _published("", "")
    else:
        name, unit = f"{endpoint}, {population}, {counts} rows", RATE[endpoint]
        published = _published(endpoint, population)
    return Rows(name, frame, x, n, method, published, unit, named, *total)


def every_vector(
    endpoint: str,
    population: str,
    method: Method,
    table: str | Path | None = None,
    moderators: str = "",
) -> Rows | Shown:
    """All rows with every vector of counts that fits the published results, where there are any."""
    if table is not None:
        return nothing("A table states every count: no set of possible ones is left to go through.")
    if not studies.possible():
        return nothing(
            "No vector of counts meets the printed results: notebook 02 says by how much."
        )
    _, vectors, n = studies.identified(endpoint, population)
    frame = studies.load(endpoint, population, "reconstructed")
    frame, named = _with_moderators(frame, table, moderators)
    return Rows(
        f"{endpoint}, {population}", frame, np.unique(vectors, axis=0), n, method,
        _published(endpoint, population), RATE[endpoint], named, len(n), int(n.sum()),
    )  # fmt: skip


def _published(endpoint: str, population: str) -> pd.DataFrame:
    frame = store.load("pooled_results").rename(columns={"transformation": "scale"})
    here = frame["endpoint"].eq(endpoint) & frame["population"].eq(population)
    return frame.loc[here, ["scale", *ENDS]].astype(dict.fromkeys(ENDS, float))


def _with_moderators(
    frame: pd.DataFrame, table: str | Path | None, names: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows, and the names of the columns that the parameter names."""
    wanted = tuple(name.strip() for name in names.split(",") if name.strip())
    there = list(frame) if table is None else studies.further(load_counts(table))
    if absent := [name for name in wanted if name not in there]:
        where = "rows" if table is None else f"{display_name(Path(table))}, row 1"
        known = ", ".join(c for c in there if c not in ("label", "x", "n")) or "no such column"
        raise DataError(f"{where}: found no column {absent[0]!r}, expected one of: {known}")
    usual = (*MODERATORS, "year") if table is None else there
    own = [name if table is None else studies.own_name(name) for name in wanted or usual]
    return frame, tuple(c for c in own if wanted or frame[c].notna().any())


def text(frame: pd.DataFrame, decimals: int = 1) -> pd.Series:
    """Estimates with their limits, "16.2 [7.1, 25.6]" or "15.6–16.4 [7.0, 26.1]" over vectors."""

    def one(r: pd.Series) -> object:
        if pd.isna(r["estimate_min"]):
            return pd.NA
        ends = ("estimate_min", "estimate_max", "lower_min", "upper_max")
        low, high, left, right = (f"{r[c]:.{decimals}f}" for c in ends)
        return f"{low if low == high else f'{low}–{high}'} [{left}, {right}]"

    return frame.apply(one, axis=1).astype("string")


def named(frame: pd.DataFrame) -> pd.Series:
    """Scale in words, with the way back of the double arcsine."""
    scale, inverse = frame["scale"].map(labels.SCALE), frame["inverse"].map(labels.INVERSE)
    return scale.where(frame["scale"] != "PFT", scale + ", " + inverse)


def described(rows: Rows | Shown) -> Shown:
    """The rows with their counts, or with the range of these over the vectors."""
    if isinstance(rows, Shown):
        return rows
    base = rows.base if len(rows.n) else dict.fromkeys(("estimate_min", "lower_min", "upper_max"))
    facts = {
        "name": rows.name, "k": len(rows.n), "patients": rows.n.sum(), "all_rows": rows.all_rows,
        "all_patients": rows.all_patients, "method": labels.words(rows.method),
        "vectors": 1 if rows.one else len(rows.x), "low": base["estimate_min"],
        "high": base["estimate_max"], "lower": base["lower_min"], "upper": base["upper_max"],
    }  # fmt: skip
    frame = rows.frame
    known = () if frame["population"].eq("all").all() else ("kind",)  # a table states every count
    columns = ["label", "n", "x", *known, *dict.fromkeys(("year", *rows.moderators))]
    if not rows.one:
        ends = zip(rows.x.min(0), rows.x.max(0), strict=True)
        frame = frame.assign(x=[f"{a}" if a == b else f"{a} to {b}" for a, b in ends])
    shown = frame[[c for c in columns if frame[c].notna().any()]]
    return Shown((show_table(shown, {"label": "row", "n": "patients", "x": "events"}),), facts)
