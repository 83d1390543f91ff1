"""What notebook 05 shows of small-study effects: the rows tested, tables and facts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown

from metaprop import funnel, trimfill
from metaprop.counts.tables import Counts
from metaprop.effectsize import SCALES, Array, transform
from metaprop.labels import SCALE
from metaprop.method import Method
from metaprop.pooling import PooledProportion, pool_proportions, to_proportion
from metaprop.small_study import TESTS, Asymmetry, run

from . import studies, tables
from .show import Table
from .show import table as shown
from .tables import DataError
from .text import say

_LEAST = 3


class Findings:
    """What sentences are made of: facts by name, or why there are none."""

    missing: str
    facts: dict[str, Any]

    def say(self, template: str, **more: Any) -> Markdown | None:
        """The sentence with its numbers; nothing where there are none to say."""
        return None if self.missing else say(template, self.facts, **more)

    def _repr_markdown_(self) -> str:
        return self.missing


@dataclass(frozen=True)
class Part(Findings):
    """Rows to test, and all that is computed of them, under one count a row or under many.

    frame : the rows as they are drawn: label, n, x, x_min, x_max, kind.
    x, n : counts to test, shape (m, k), and patients (k,): m = 1 where the counts are known.
    missing : why there are no such rows; empty where there are. note : a sentence on which rows
    are pooled, where that is not the vectors' own choice.
    """

    what: str
    frame: pd.DataFrame
    x: Array
    n: Array
    method: Method
    missing: str = ""
    note: str = ""

    @property
    def one(self) -> bool:
        """Whether each row has one count."""
        return len(self.x) == 1

    @cached_property
    def drawn(self) -> PooledProportion:
        """The pooled rate of the counts as drawn."""
        return pool_proportions(self.frame["x"].to_numpy(float), self.n, self.method)

    @cached_property
    def tests(self) -> dict[tuple[str, str], Asymmetry]:
        """Every test on every scale, by scale and test; arrays of shape (m,)."""
        return {(s, t): run(t, self.x, self.n, s) for s in SCALES for t in TESTS}

    @cached_property
    def fills(self) -> dict[str, trimfill.Filled]:
        """Trim and fill by estimator; arrays of shape (m,)."""
        y, v = transform(self.x, self.n, self.method.scale)
        found = trimfill.ESTIMATORS
        return {e: trimfill.trim_and_fill(y, v, e, self.method.tau2_method) for e in found}

    def percent(self, effect: Array) -> Array:
        """Rates in percent of pooled effects."""
        return 100 * to_proportion(effect, None, self.n, self.method)

    @cached_property
    def points(self) -> pd.DataFrame:
        """The rows of the funnel: effect, standard error and rate, with their ranges."""
        scale, n = self.method.scale, self.n
        y, v = transform(self.frame["x"].to_numpy(float), n, scale)
        out = self.frame.assign(y=y, se=np.sqrt(v), rate=100 * self.frame["x"].astype(float) / n)
        if self.one:
            return out
        for end in ("min", "max"):
            x = self.frame[f"x_{end}"].to_numpy(float)
            out = out.assign(**{f"y_{end}": transform(x, n, scale)[0], f"rate_{end}": 100 * x / n})
        return out

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Numbers for sentences, by name."""
        own = [self.tests[self.method.scale, t].p for t in TESTS]
        every = np.array([t.p for t in self.tests.values()])
        estimate = float(self.drawn.fit.estimate)
        _, low, high = funnel.contours(estimate, self.n, self.method.scale, 0.95)
        outside = self.frame["label"][(self.points["y"] < low) | (self.points["y"] > high)]
        return {
            "what": self.what,
            "scale": SCALE[self.method.scale],
            "k": len(self.n),
            "events": int(self.frame["x"].sum()),
            "patients": int(self.n.sum()),
            "rate": 100 * float(self.drawn.estimate),
            "I2": 100 * float(self.drawn.fit.i2),
            "vectors": len(self.x),
            "pooled_apart": self.note,
            "p_low": float(np.min(own)),
            "p_high": float(np.max(own)),
            "all_low": float(every.min()),
            "all_high": float(every.max()),
            "tests": len(every),
            "below": int((every < 0.05).any(axis=1).sum()),
            "always": int((every < 0.05).all(axis=1).sum()),
            "egger_low": float(own[0].min()),
            "egger_high": float(own[0].max()),
            "fill_low": min(float(np.nanmin(self.percent(f.estimate))) for f in self._filled()),
            "fill_high": max(float(np.nanmax(self.percent(f.estimate))) for f in self._filled()),
            "outside": len(outside),
            "outside_labels": f" ({studies.quoted(*outside)})" if len(outside) else "",
            "expected_outside": 0.05 * len(self.n),
        }

    def _filled(self) -> list[trimfill.Filled]:
        return [f for f in self.fills.values() if not np.isnan(f.k0).all()]


def parts(
    endpoint: str, population: str, counts: str, table: str | Path | None, method: Method
) -> tuple[Part, Part, pd.DataFrame]:
    """Rows with a count, the same rows over the identified set, and every row with its size.

    Raises
    ------
    DataError
        In one line, where no test can be made: fewer than three rows, or one size in all rows.
    """
    every = studies.load(endpoint, population, counts, table)
    used = every[every["x"].notna()].reset_index(drop=True)
    name = Path(table).name if table is not None else f"{endpoint}, {population}, {counts}"
    if len(used) < _LEAST:
        found = f"{name}, rows with a count: found {len(used)}"
        raise DataError(f"{found}, expected at least {_LEAST}: a line needs more rows than ends")
    if used["n"].nunique() == 1:
        found = f"{name}, column n: found {used['n'].iloc[0]} in all rows"
        raise DataError(f"{found}, expected several sizes: without them no row is small")
    what = Path(table).stem if table is not None else f"{endpoint}, {population}"
    x, n = used["x"].to_numpy(float), used["n"].to_numpy(float)
    known = Part(what, used, x[None], n, method)
    if table is not None:
        none = "Every count is given, so that there is no set of possible counts to range over."
        return known, replace_missing(known, none), every
    if not studies.possible():
        none = "No vector of counts agrees with all published results (notebook 02)."
        return known, replace_missing(known, none), every
    methods, vectors, patients = studies.identified(endpoint, population)
    frame = studies.load(endpoint, population, "reconstructed")
    note = _pooled_apart(methods, vectors) if population == "overall" else ""
    vectors = np.unique(vectors, axis=0)  # methods share some
    return known, Part(what, frame, vectors, patients.astype(float), method, note=note), every


def _pooled_apart(methods: pd.DataFrame, vectors: Counts) -> str:
    """That the vectors of a method that pools fewer rows are tested on all of them."""
    rows = vectors.shape[1]
    fewer = len(np.unique(vectors[(methods["rows"] != "age-groups").to_numpy()], axis=0))
    if not fewer:
        return ""
    return (
        f" All {rows} rows are tested, children and adults apart, also for the {fewer} vectors "
        "found by a method that puts the two in one row of a study."
    )


def replace_missing(part: Part, reason: str) -> Part:
    """A part without rows, and why."""
    return Part(part.what, part.frame, np.empty((0, 0)), np.empty(0), part.method, reason)


def _range(values: Array, decimals: int) -> str:
    """Smallest to largest of values, one number where they print the same."""
    some = values[~np.isnan(values)]
    if not len(some):
        return "no value"
    ends = dict.fromkeys(f"{v:.{decimals}f}" for v in (some.min(), some.max()))
    none = len(values) - len(some)
    return " to ".join(ends) + (f"; none for {none} vectors" if none else "")


def tests_table(part: Part) -> Table | None:
    """P values of the tests, one column a scale; lowest to highest where counts are a set."""
    if part.missing:
        return None
    rows = [{"test": t} | {s: _range(part.tests[s, t].p, 3) for s in SCALES} for t in TESTS]
    caption = f"P values (two-sided) of five tests, {part.what}, {_of(part)}, by scale"
    return shown(pd.DataFrame(rows), SCALE, caption)


def _of(part: Part) -> str:
    rows = f"{len(part.n)} rows"
    return rows if part.one else f"{rows}, lowest to highest over {len(part.x)} vectors of counts"


_SIDES = {1.0: "high", -1.0: "low"}


def fills_table(part: Part) -> Table | None:
    """Trim and fill by estimator: rows found missing, on which side, and the rate with them."""
    if part.missing:
        return None
    rows = []
    for name, f in part.fills.items():
        row = {"estimator": name, "k0": _range(f.k0, 0)}
        row["side"] = " or ".join(_SIDES[s] for s in np.unique(f.side[f.k0 > 0])) or "none"
        row["rate"] = _range(part.percent(f.estimate), 1)
        if part.one:
            row["ci"] = f"{part.percent(f.lower)[0]:.1f} to {part.percent(f.upper)[0]:.1f}"
            row["ci"] = "no value" if np.isnan(f.lower[0]) else row["ci"]
        rows.append(row)
    return shown(pd.DataFrame(rows), _FILL_HEADINGS, f"Trim and fill, {part.what}, {_of(part)}")


_FILL_HEADINGS = {
    "k0": "rows missing (k0)",
    "side": "rates missing",
    "rate": "pooled rate with them filled, %",
    "ci": "95% CI, %",
}


def save(known: Part, possible: Part, about: dict[str, Any]) -> None:
    """Write the derived tables of the tests and of trim and fill."""
    about = about | {"k": len(known.n)}
    vectors = 0 if possible.missing else len(possible.x)
    rows = []
    for (scale, test), r in known.tests.items():
        row = about | {"scale": scale, "test": test, "coefficient": r.estimate[0]}
        row |= {"statistic": r.statistic[0], "p": r.p[0], "p_min": np.nan, "p_max": np.nan}
        if vectors:
            p = possible.tests[scale, test].p
            row |= {"p_min": p.min(), "p_max": p.max()}
        rows.append(row | {"vectors": vectors})
    tables.save_derived("small_study_tests", pd.DataFrame(rows))
    rows = []
    for name, f in known.fills.items():
        ends = (known.percent(e)[0] for e in (f.estimate, f.lower, f.upper))
        row = about | {"scale": known.method.scale, "estimator": name, "k0": f.k0[0]}
        row |= dict(zip(("rate", "lower", "upper"), ends, strict=True))
        over = (np.array([np.nan]),) * 2
        if vectors:
            over = (possible.fills[name].k0, possible.percent(possible.fills[name].estimate))
        for column, values in zip(("k0", "rate"), over, strict=True):
            some = values[~np.isnan(values)]
            row[f"{column}_min"] = some.min() if len(some) else np.nan
            row[f"{column}_max"] = some.max() if len(some) else np.nan
        rows.append(row)
    whole = dict.fromkeys(("k0", "k0_min", "k0_max"), "Int64")
    tables.save_derived("trim_and_fill", pd.DataFrame(rows).astype(whole))


def about(endpoint: str, population: str, counts: str, table: str | None) -> dict[str, Any]:
    """The first columns of the derived tables."""
    if table is not None:
        return {"endpoint": pd.NA, "population": pd.NA, "counts": "given"}
    return {"endpoint": endpoint, "population": population, "counts": counts}


def rob_me(table: str | None) -> Table | Markdown:
    """ROB-ME's questions with the answers that published text allows."""
    if table is not None:
        return Markdown(
            "How the rows of this table were found does not stand in it: every question is open."
        )
    frame = tables.load("rob_me").drop(columns="source")
    return shown(frame, {}, "Missing evidence: what can be answered from published text")
