"""The same for both endpoints and populations: data/derived/sensitivity.csv and its overview."""

from pathlib import Path

import numpy as np
import pandas as pd

from metaprop import labels
from metaprop.effectsize import Array
from metaprop.method import MODELS
from metaprop.specifications import BATCHED, merged, over_rows, specifications

from .. import studies
from ..consequences import SMALL
from ..figures import sensitivity as draw
from ..show import Table, table
from ..tables import store
from .rows import ENDS, Rows, Shown, needs

KEYS = ["endpoint", "population", "counts"]


def choices_of_rows(frame: pd.DataFrame) -> dict[str, Array]:
    """Which rows to pool, as `over_rows` takes it: all, the larger, one regimen, studies merged.

    Parameters
    ----------
    frame : DataFrame
        n, regimen and study of each row, as `studies.load` gives them.
    """
    n = frame["n"].to_numpy(int)
    return {
        "all rows": n > 0,
        f"n >= {SMALL}": n >= SMALL,
        "monotherapy only": frame["regimen"].eq("monotherapy").fillna(False).to_numpy(bool),
        "studies merged": merged(frame["study"]),
    }


def everywhere() -> pd.DataFrame:
    """Every specification of the paper's pooled rates, for both endpoints and populations.

    Returns
    -------
    DataFrame
        endpoint, population, counts ("documented": the rows with a documented count;
        "reconstructed": ranges over the identified set, without the Bayesian models), vectors, and
        the columns of `over_rows`. No adult row has a documented count, so that the documented
        rows are paediatric.
    """
    parts = []
    for endpoint in studies.ENDPOINTS:
        for population in studies.POPULATIONS:
            frame = studies.load(endpoint, population)
            _, x, n = studies.identified(endpoint, population)
            sets = {"reconstructed": (frame, np.unique(x, axis=0), n, BATCHED)} if len(x) else {}
            if population == "paediatric":
                known = frame.dropna(subset="x")
                single = (known["x"].to_numpy(int), known["n"].to_numpy(int))
                sets = {"documented": (known, *single, MODELS)} | sets
            for counts, (rows, x, n, models) in sets.items():
                found = over_rows(x, n, choices_of_rows(rows), specifications(models))
                front = (endpoint, population, counts, len(np.atleast_2d(x)))
                names = ("endpoint", "population", "counts", "vectors")
                parts.append(found.assign(**dict(zip(names, front, strict=True))))
    frame = pd.concat(parts, ignore_index=True)
    return frame[[*frame.columns[-4:], *frame.columns[:-4]]]


def _families(found: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Ranges of the families of analyses, below the published result of each cell."""
    words = found["scale"].map(labels.SCALE)
    harmonic = found["inverse"].eq("harmonic")
    ways = np.where(harmonic, ", harmonic mean of n", ", other ways back")
    family = words.where(found["scale"] != "PFT", words + ways)
    parts = []
    for (endpoint, population), part in found.groupby(KEYS[:2], sort=False):
        p = published.loc[(endpoint, population)]
        ends = {"estimate_min": p["estimate"], "estimate_max": p["estimate"]}
        ends |= {"lower_min": p["lower"], "upper_max": p["upper"], "note": ""}
        first = [{"label": f"{endpoint}, {population}"}]
        first += [{"label": f"published ({labels.SCALE['PAS']})", "printed": True} | ends]
        ranged = part.groupby(family, sort=False).agg(**_OUTER, note=("scale", "size"))
        parts += [pd.DataFrame(first), ranged.rename_axis("label").reset_index()]
    out = pd.concat(parts, ignore_index=True)
    return out.astype(dict.fromkeys(("estimate_min", "estimate_max"), float))


_OUTER = {
    "estimate_min": ("estimate_min", "min"), "estimate_max": ("estimate_max", "max"),
    "lower_min": ("lower_min", "min"), "upper_max": ("upper_max", "max"),
}  # fmt: skip


def overview(rows: Rows | Shown, table: str | Path | None = None) -> Shown:
    """Both endpoints and populations: saves every specification, and shows their ranges.

    With another table nothing is saved, and nothing shown.
    """
    every = pd.DataFrame() if table else store.save_derived("sensitivity", everywhere())
    return _overview(rows, every)


@needs(2)
def _overview(_rows: Rows, every: pd.DataFrame) -> Shown:
    found = every.dropna(subset="estimate_min")
    published = store.load("pooled_results").query("transformation == 'PAS'")
    published = published.set_index(KEYS[:2])[ENDS].astype(float)
    picture = draw.overview(
        _families(found.query("counts == 'reconstructed' and rows == 'all rows'"), published)
    )
    beside = found.merge(published.reset_index(), on=KEYS[:2], validate="many_to_one")
    inside = beside["estimate_min"].ge(beside["lower"])
    inside &= beside["estimate_max"].le(beside["upper"])
    ranged = found.groupby(KEYS, sort=False).agg(
        specifications=("scale", "size"), vectors=("vectors", "first"), **_OUTER
    )
    kept = inside.groupby([beside[k] for k in KEYS], sort=False).mean()
    ranged["kept"] = 100 * kept
    kept = kept.xs("reconstructed", level="counts")
    ranged = ranged.join(published)
    facts = {"fewest": kept.min(), "most": kept.max(), "cells": len(kept)}
    return Shown((picture, _table(ranged)), facts | rows_of_sets())


def rows_of_sets() -> dict[str, int]:
    """Sets of counts of all ages, and how many stand only under methods that merge a study's ages.

    rows : the rows in which every set is pooled here. CR_sets, OR_sets : different sets.
    CR_merged, OR_merged : those that no method with all these rows leaves.
    """
    out = {}
    for endpoint in studies.ENDPOINTS:
        methods, x, n = studies.identified(endpoint, "overall")
        apart = methods["rows"].eq("age-groups").to_numpy()
        every = len(np.unique(x, axis=0))
        out |= {"rows": len(n), f"{endpoint}_sets": every}
        out[f"{endpoint}_merged"] = every - len(np.unique(x[apart], axis=0))
    return out


def _table(ranged: pd.DataFrame) -> Table:
    """Ranges as text: "11.5 to 16.2", and the published result as "16 [7, 26]"."""
    spans = {
        "estimates, %": ("estimate_min", "estimate_max"),
        "limits, %": ("lower_min", "upper_max"),
    }
    texts = {
        name: [f"{a:.1f} to {b:.1f}" for a, b in zip(ranged[low], ranged[high], strict=True)]
        for name, (low, high) in spans.items()
    }
    printed = (ranged[e] for e in ENDS)
    texts["published"] = [f"{e:.0f} [{a:.0f}, {b:.0f}]" for e, a, b in zip(*printed, strict=True)]
    shown = ranged[["specifications", "vectors", "kept"]].assign(**texts)
    return table(shown, {"kept": "% of estimates within the published limits"})
