"""The primary analysis under one choice: rows pooled, drawn, and beside them what is printed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from metaprop.effectsize import Array, interval, transform
from metaprop.labels import words
from metaprop.method import Method
from metaprop.pooling import DEFAULT, pool_proportions

from . import figures, studies
from .tables import store


def quantities(x: ArrayLike, n: ArrayLike, method: Method) -> dict[str, Array]:
    """Pooled result of counts x among n by code (`labels.QUANTITY`), proportions in percent.

    Shapes (..., k) in, (...) out. Without a prediction interval its two codes are left out.
    """
    found = pool_proportions(x, n, method)
    codes = ["estimate", "lower", "upper", *(["pi_lower", "pi_upper"] * found.fit.predicts)]
    fit = found.fit
    return {c: 100 * getattr(found, c) for c in codes} | {
        "tau2": fit.tau2,
        "I2": 100 * fit.i2,
        "Q": fit.q,
        "p_Q": fit.q_p,
    }


def _lines(frame: pd.DataFrame, scale: str, tau2: float) -> pd.DataFrame:
    """Rows of the forest plot: each study's rate, Clopper-Pearson limits and weight, in percent."""
    known = frame["x"].notna()
    x, n = (frame.loc[known, c].to_numpy(float) for c in ("x", "n"))
    weight = 1 / (transform(x, n, scale)[1] + tau2)
    lower, upper = interval(x, n, "exact")
    columns = {
        "estimate": 100 * x / n,
        "lower": 100 * lower,
        "upper": 100 * upper,
        "weight": 100 * weight / weight.sum(),
    }
    return frame.join(pd.DataFrame(columns, index=frame.index[known]))


def _printed(endpoint: str, population: str, scale: str) -> list[dict[str, Any]]:
    """The published estimate as a line of the forest plot, if the paper prints one."""
    table = store.load("pooled_results")
    key = {"endpoint": endpoint, "population": population, "transformation": scale}
    found = table[(table[list(key)] == pd.Series(key)).all(axis=1)]
    ends = ("estimate", "lower", "upper")
    return [
        {"label": "As published", "printed": True, **{e: float(r[e]) for e in ends}}
        for _, r in found.iterrows()
    ]


@dataclass(frozen=True)
class View:
    """What one choice of parameters gives: a figure with its caption, and the results as a table.

    result : one row a quantity, column value; with reconstructed counts also smallest and largest
    over the identified set.
    """

    figure: Figure
    caption: str
    result: pd.DataFrame

    def long(self) -> pd.DataFrame:
        """The result as a table: quantity, value, smallest, largest (missing where no range is)."""
        frame = self.result.rename_axis("quantity").reset_index()
        return frame.reindex(columns=["quantity", "value", "smallest", "largest"])


def view(
    endpoint: str = "CR",
    population: str = "paediatric",
    method: Method = DEFAULT,
    counts: str = "documented",
    table: str | Path | None = None,
) -> View:
    """Forest plot and pooled result under one choice; parameters as in the notebooks.

    With reconstructed counts the result has a range: the smallest and the largest value over all
    vectors of the identified set.

    Raises
    ------
    ValueError
        On an unknown value, with the list of valid ones.
    """
    frame = studies.load(endpoint, population, counts, table)
    known = frame[frame["x"].notna()]
    x, n = (known[c].to_numpy(float) for c in ("x", "n"))
    found = quantities(x, n, method)
    result = pd.DataFrame({"value": pd.Series(found, dtype=float)})
    if counts == "reconstructed" and table is None and studies.possible():
        _, vectors, sizes = studies.identified(endpoint, population)
        over = quantities(vectors, sizes, method)
        result["smallest"] = pd.Series({q: float(a.min()) for q, a in over.items()})
        result["largest"] = pd.Series({q: float(a.max()) for q, a in over.items()})
    line = {"label": "Pooled", **{e: float(found[e]) for e in ("estimate", "lower", "upper")}}
    if "pi_upper" in found:
        line["prediction"] = (float(found["pi_lower"]), float(found["pi_upper"]))
    printed = [] if table is not None else _printed(endpoint, population, method.scale)
    what = Path(table).stem if table is not None else f"{endpoint}, {population}, {counts}"
    lines = _lines(frame, method.scale, float(found["tau2"]))
    title = f"{what} · {words(method)}"
    figure = figures.forest(lines, [line, *printed], title, "patients with the event (percent)")
    caption = (
        f"{what}: {len(known)} of {len(frame)} rows, {n.sum():.0f} patients; pooled "
        f"{line['estimate']:.1f}% [{line['lower']:.1f}, {line['upper']:.1f}] by {words(method)}. "
        "Intervals of single rows: Clopper-Pearson (exact), 95%."
    )
    return View(figure, caption, result)


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
