"""The primary analysis under one choice: rows pooled, drawn, tabled and put into words."""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from metaprop import labels
from metaprop.effectsize import Array, interval, transform
from metaprop.equivalent import r_call, sentence
from metaprop.heterogeneity import heterogeneity
from metaprop.method import Method
from metaprop.plots.forest import forest
from metaprop.pooling import DEFAULT, pool_proportions
from metaprop.prediction import new_study

from . import appraisal, parameters, studies
from .show import Displayed, Table
from .show import table as to_table
from .tables import store
from .text import say

THRESHOLD = 10.0  # percent, of a new study's rate
_DECIMALS = {"tau2": 3, "tau2_lower": 3, "tau2_upper": 3, "Q": 2}


def quantities(x: ArrayLike, n: ArrayLike, method: Method) -> dict[str, Array]:
    """Pooled result of counts x among n by code (`labels.QUANTITY`), proportions in percent.

    Shapes (..., k) in, (...) out. Without a prediction interval its two codes are left out.
    """
    found, rows = pool_proportions(x, n, method), heterogeneity(x, n, method)
    codes = ["estimate", "lower", "upper", *(["pi_lower", "pi_upper"] * found.fit.predicts)]
    ends = {} if rows.df == 0 else {
        "tau2_lower": rows.tau2_lower, "tau2_upper": rows.tau2_upper,
        "I2_lower": 100 * rows.i2_lower, "I2_upper": 100 * rows.i2_upper,
    }  # fmt: skip
    out = {c: 100 * getattr(found, c) for c in codes} | ends
    out |= {"tau2": rows.tau2, "I2": 100 * rows.i2, "Q": rows.q, "p_Q": rows.p}
    return {c: out[c] for c in labels.QUANTITY if c in out}


def probability(p: float) -> str:
    """A p value with its sign: "p = 0.006", "p < 0.001"."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def printed(code: str, value: float) -> str:
    """A quantity as a table shows it; "" where it is missing."""
    if pd.isna(value):
        return ""
    if code == "p_Q":
        return probability(value).removeprefix("p = ").removeprefix("p ")
    return f"{value:.{_DECIMALS.get(code, 1)}f}"


@dataclass(frozen=True)
class View:
    """What one choice of parameters gives: a figure with its caption, and the results.

    result : one row a quantity (code), column value; with reconstructed counts also smallest and
        largest over the identified set.
    facts : numbers and phrases for sentences. meaning : what the columns of the result are.
    x, n : the counts pooled. method, study_ci : how.
    """

    figure: Figure = field(repr=False)
    caption: str
    result: pd.DataFrame
    facts: dict[str, Any]
    meaning: str
    x: Array
    n: Array
    method: Method
    study_ci: str

    def say(self, template: str) -> Markdown:
        """The sentence with the facts of the view."""
        return say(template, self.facts)

    def long(self) -> pd.DataFrame:
        """The result as a table: quantity, value, smallest, largest (missing where no range is)."""
        frame = self.result.rename_axis("quantity").reset_index()
        return frame.reindex(columns=["quantity", "value", "smallest", "largest"])

    @property
    def table(self) -> Table:
        """The result as people read it."""
        shown = {c: [printed(q, v) for q, v in s.items()] for c, s in self.result.items()}
        frame = pd.DataFrame({"quantity": [labels.QUANTITY[q] for q in self.result.index], **shown})
        return to_table(frame, caption=self.meaning)

    @property
    def equivalent(self) -> Displayed:
        """The method in one sentence, and the R lines that do the same, folded."""
        lines = r_call(self.x, self.n, self.method, self.study_ci)
        told = "the metafor lines are run in the tests; the last, of R meta 8, from its manual"
        method, same = sentence(len(self.x), self.method), f"The same in R ({told})"
        folded = f"<details><summary>{same}</summary><pre>{escape(lines)}</pre></details>"
        return Displayed(
            f"Method. {method}\n\n{same}:\n\n{lines}",
            f"<p><b>Method.</b> {escape(method)}</p>{folded}",
        )


def lines(frame: pd.DataFrame, scale: str, tau2: float, study_ci: str) -> pd.DataFrame:
    """Rows of the forest plot: each study's rate, interval and weight, in percent.

    Where a count has a range, the interval goes from its smallest lower to its largest upper limit.
    """
    known = frame["x"].notna()
    x, low, high, n = (
        frame.loc[known, c].to_numpy(float) for c in ("x", "x_min", "x_max", "n")
    )  # fmt: skip
    weight = 1 / (transform(x, n, scale)[1] + tau2)
    columns = {
        "estimate": 100 * x / n,
        "lower": 100 * interval(low, n, study_ci)[0],
        "upper": 100 * interval(high, n, study_ci)[1],
        "weight": 100 * weight / weight.sum(),
    }
    return frame.join(pd.DataFrame(columns, index=frame.index[known]))


def _published(endpoint: str, population: str, scale: str) -> list[dict[str, Any]]:
    """The published estimate as a line of the forest plot, if the paper prints one."""
    table = store.load("pooled_results")
    key = {"endpoint": endpoint, "population": population, "transformation": scale}
    found = table[(table[list(key)] == pd.Series(key)).all(axis=1)]
    ends = ("estimate", "lower", "upper")
    line = {"label": "As published", "kind": "printed"}
    return [line | {e: float(r[e]) for e in ends} for _, r in found.iterrows()]


def _summaries(result: pd.DataFrame, k: int, method: Method) -> list[dict[str, Any]]:
    """Lines of the forest plot below the rows: pooled rate, its range, prediction interval."""
    value, ranged = result["value"], "smallest" in result
    line = {"kind": "pooled", "label": "Pooled, reference counts" if ranged else "Pooled"}
    out = [line | value[["estimate", "lower", "upper"]].to_dict()]
    if ranged:
        low, high = result["smallest"], result["largest"]
        out.append({
            "kind": "range", "label": "Pooled, every set of counts",
            "smallest": low["estimate"], "largest": high["estimate"],
            "lower": low["lower"], "upper": high["upper"],
        })  # fmt: skip
    if "pi_upper" in value:
        knapp = ", Hartung-Knapp" * method.ci_method.startswith("hartung-knapp")
        label = f"Prediction (t, k − 2 = {k - 2} df{knapp})"
        ends = {"lower": value["pi_lower"], "upper": value["pi_upper"]}
        out.append({"kind": "prediction", "label": label, **ends})
    return out


def _notes(value: pd.Series, k: int, method: Method, at: str) -> list[str]:
    """Heterogeneity in two lines: Q with df and p; tau² and I² with their Q-profile intervals."""
    if k == 1:
        return ["One row: there is no heterogeneity to estimate."]
    tau2, source = f"tau² = {value['tau2']:.3f}", "from tau²"
    if method.tau2_method == "CE":
        tau2, source = "tau² = 0 by assumption, yet", "from Q"
    return [
        f"Heterogeneity{at}: Q = {value['Q']:.1f}, df = {k - 1}, {probability(value['p_Q'])}",
        f"{tau2} [{value['tau2_lower']:.3f}, {value['tau2_upper']:.3f}]; I² = {value['I2']:.0f}% "
        f"[{value['I2_lower']:.0f}, {value['I2_upper']:.0f}] {source}; 95% intervals by Q-profile",
    ]


def _new_study(value: pd.Series, vectors: Array, n: Array, method: Method, threshold: float) -> str:
    """Prediction interval, its rule and the chance of a rate below the threshold, in words."""
    new = new_study(vectors, n, method, threshold / 100)
    if new is not None:
        ends = f"{value['pi_lower']:.0f}% to {value['pi_upper']:.0f}%"
        chance = dict.fromkeys(f"{100 * f(new.below):.0f}%" for f in (np.min, np.max))
        return (
            f"the rate of a new study may be anything from {ends} (95% prediction interval, "
            f"{new.rule}); the chance that it lies below {threshold:g}% is {' to '.join(chance)}"
        )
    if method.tau2_method == "CE":
        return "a common effect has no prediction interval"
    return "fewer than three rows allow no prediction interval"


def _meaning(table: str | Path | None, counts: str, sets: int) -> str:
    if sets:
        return (
            f"value: at the reference counts, one of {sets} possible sets of counts; smallest and "
            f"largest: over all {sets}, whichever method left them, pooled by this one. That range "
            "says how well the counts are known. How precise the pooled rate is, the 95% limits "
            "say."
        )
    known = "of the table" if table is not None else "that are documented"
    return f"value: from the counts {known}"


def _whose(sets: int, method: Method) -> str:
    """Which sets of counts the ranges run over, and how they are pooled."""
    return (
        f"Ranges run over all {sets} sets of counts, those of every method that the published "
        f"results leave, each pooled here by {labels.words(method)}, be it the method that left it "
        "or not."
    )


def heading(endpoint: str, population: str, counts: str, table: str | Path | None) -> str:
    """What is pooled, in words: a title."""
    if table is not None:
        return Path(table).stem
    words = parameters.WORDS
    what = f"{words['endpoint'][endpoint]}, {words['population'][population]}"
    return f"{_capital(what)}, {counts} counts"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def view(
    endpoint: str = "CR",
    population: str = "paediatric",
    method: Method = DEFAULT,
    counts: str = "documented",
    table: str | Path | None = None,
    study_ci: str = "exact",
    threshold: float = THRESHOLD,
) -> View:
    """Forest plot and pooled result under one choice; parameters as in the notebooks.

    With reconstructed counts the result has a range: the smallest and the largest value over all
    vectors of the identified set.

    Raises
    ------
    ValueError
        On an unknown value, with the list of valid ones.
    """
    parameters.check({"study_ci": study_ci, "threshold": threshold})
    frame = studies.load(endpoint, population, counts, table)
    known = frame[frame["x"].notna()]
    x, n = (known[c].to_numpy(float) for c in ("x", "n"))
    result = pd.DataFrame({"value": pd.Series(quantities(x, n, method), dtype=float)})
    sets, vectors, sizes = 0, x, n
    if counts == "reconstructed" and table is None and studies.possible():
        _, vectors, sizes = studies.identified(endpoint, population)
        vectors = np.unique(vectors, axis=0)  # methods share some
        over, sets = quantities(vectors, sizes, method), len(vectors)
        result["smallest"] = pd.Series({q: float(a.min()) for q, a in over.items()})
        result["largest"] = pd.Series({q: float(a.max()) for q, a in over.items()})
    value, title = result["value"], heading(endpoint, population, counts, table)
    notes = _notes(value, len(x), method, " at the reference counts" if sets else "")
    over = "; ranges over the sets of counts of every method left" if sets else ""
    below = _summaries(result, len(x), method)
    published = [] if table is not None else _published(endpoint, population, method.scale)
    figure = forest(
        lines(frame, method.scale, value["tau2"], study_ci), [*below[:1], *published, *below[1:]],
        title, "patients with the event (percent)",
        subtitle=_capital(labels.words(method)) + over, notes=notes,
        marks={} if table is not None else appraisal.marks(frame["study"]),
        marked="" if table is not None else appraisal.MARKS_NOTE,
    )  # fmt: skip
    own = "Clopper-Pearson (exact)" if study_ci == "exact" else "Wilson"
    hollow = " Hollow: reconstructed, with the range of count, rate and interval. " if sets else ""
    hollow += _whose(sets, method) if sets else ""
    caption = (
        f"{title}: {len(known)} of {len(frame)} rows, {n.sum():.0f} patients; pooled "
        f"{value['estimate']:.1f}% [{value['lower']:.1f}, {value['upper']:.1f}] by "
        f"{labels.words(method)}. {'. '.join(notes)}. Intervals of single rows: {own}, 95%.{hollow}"
    )
    caption += "" if table is not None else f" {appraisal.MARKS_CAPTION}"
    facts = {
        **value, "title": title, "k": len(known), "rows": len(frame), "patients": int(n.sum()),
        "heterogeneity": "; ".join(notes),
        "new_study": _new_study(value, vectors, sizes, method, threshold),
    }  # fmt: skip
    meaning = _meaning(table, counts, sets)
    return View(figure, caption, result, facts, meaning, x, n, method, study_ci)


def results() -> pd.DataFrame:
    """Every primary result: both endpoints and populations, documented and reconstructed counts.

    Returns
    -------
    DataFrame
        counts, endpoint, population, quantity, value (documented rows alone, or the reference
        vector), smallest, largest (over the identified set; missing for documented rows). Without
        an identified set the documented rows stand alone. The overall population has no documented
        row of adults, so it is pooled from reconstructed counts alone.
    """
    parts = []
    for counts in studies.COUNTS[: 1 + studies.possible()]:
        for endpoint in studies.ENDPOINTS:
            for population in studies.POPULATIONS[: 1 + (counts == "reconstructed")]:
                part = view(endpoint, population, counts=counts).long()
                for name, value in (
                    ("population", population), ("endpoint", endpoint), ("counts", counts),
                ):  # fmt: skip
                    part.insert(0, name, value)
                parts.append(part)
    return pd.concat(parts, ignore_index=True)
