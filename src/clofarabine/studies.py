"""The rows of a meta-analysis as one table, whatever is known of their counts."""

import os
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below, medoid
from metaprop.effectsize import choose
from metaprop.method import Method

from .reconstruction import VARIED, varied
from .tables import DataError, load_counts, load_evidence, store
from .tables.paths import COUNTS_VARIABLE

Endpoint = Literal["CR", "OR"]
Population = Literal["paediatric", "overall"]
Known = Literal["documented", "reconstructed"]

ENDPOINTS: tuple[Endpoint, ...] = ("CR", "OR")
POPULATIONS: tuple[Population, ...] = ("paediatric", "overall")
COUNTS: tuple[Known, ...] = ("documented", "reconstructed")
_METHOD = list(VARIED)


def _vectors(endpoint: Endpoint) -> tuple[pd.DataFrame, Counts]:
    table = store.load(f"identified_set_{endpoint.lower()}")
    return table[_METHOD], table.drop(columns=_METHOD).to_numpy(np.int32)


def _coupled() -> dict[Endpoint, tuple[pd.DataFrame, Counts]]:
    """Vectors with a partner of the other endpoint under the same method, CR <= OR in every row."""
    frames = {e: _vectors(e) for e in ENDPOINTS}
    keep = {e: np.zeros(len(frames[e][0]), bool) for e in ENDPOINTS}
    for method in frames["CR"][0].drop_duplicates().itertuples(index=False):
        at = {e: np.flatnonzero((frames[e][0] == list(method)).all(axis=1)) for e in ENDPOINTS}
        both = below(*(frames[e][1][at[e]] for e in ENDPOINTS))
        for e, fits in zip(ENDPOINTS, both, strict=True):
            keep[e][at[e]] = fits
    return {
        e: (frame[keep[e]].reset_index(drop=True), x[keep[e]]) for e, (frame, x) in frames.items()
    }


def identified(
    endpoint: Endpoint, population: Population = "paediatric"
) -> tuple[pd.DataFrame, Counts, np.ndarray]:
    """The identified set: every vector of counts that the published results leave possible.

    Parameters
    ----------
    endpoint : {"CR", "OR"}
    population : {"paediatric", "overall"}

    Returns
    -------
    methods : DataFrame, m rows
        tau2_method, ci_method, inverse, rows: the method under which each vector stands.
    x : ndarray, shape (m, k)
        Counts; the rows are those of `load` for the same population. CR and OR vectors are coupled:
        each has a partner of the other endpoint with CR <= OR in every row.
    n : ndarray, shape (k,)
        Patients.
    """
    choose("endpoint", endpoint, ENDPOINTS)
    methods, x = _coupled()[endpoint]
    table = _table(population)
    return methods, x[:, : len(table)], table["n"].to_numpy(np.int32)


def possible() -> bool:
    """Whether any vector is left: not where the evidence contradicts the published results."""
    return bool(len(_coupled()["CR"][1]))


def reference(endpoint: Endpoint) -> tuple[Method, Counts]:
    """One vector to draw: the rule is deterministic and prefers nothing that the data do not say.

    The method is the first surviving one in the order of `reconstruction.METHODS` (DerSimonian-
    Laird, a default of several programs, comes first). The CR vector is the medoid of its set; the
    OR vector the medoid of those that are nowhere below it.
    """
    sets = _coupled()
    methods, cr = sets["CR"]
    if not len(cr):
        expected = "expected at least one: the evidence contradicts the published results"
        raise DataError(f"identified set: found no vector, {expected}")
    first = Method("PAS", *methods.iloc[0])
    cr = medoid(cr[(methods == list(varied(first))).all(axis=1).to_numpy()])
    if endpoint == "CR":
        return first, cr
    methods, x = sets["OR"]
    x = x[(methods == list(varied(first))).all(axis=1).to_numpy()]
    return first, medoid(x[(x >= cr).all(axis=1)])


def sources() -> str:
    """Where the documented counts come from, in words."""
    given = "the file of counts given and " * bool(os.environ.get(COUNTS_VARIABLE))
    return f"{given}the studies' own reports"


def all_known(endpoint: Endpoint) -> bool:
    """Whether every row has a documented count, so that none is reconstructed."""
    return bool(load(endpoint, "overall")["x"].notna().all())


def _table(population: Population) -> pd.DataFrame:
    choose("population", population, POPULATIONS)
    frame = load_evidence()
    if population == "paediatric":
        frame = frame[frame["population"] == "paediatric"]
    return frame.reset_index(drop=True)


def load(
    endpoint: Endpoint = "CR",
    population: Population = "paediatric",
    counts: Known = "documented",
    table: str | Path | None = None,
) -> pd.DataFrame:
    """The rows to pool.

    Parameters
    ----------
    endpoint : {"CR", "OR"}
    population : {"paediatric", "overall"}
        Overall adds one row for the adults of each mixed-age study, as the published results
        turn out to need (notebook 02).
    counts : {"documented", "reconstructed"}
        Counts of the primary reports alone, or the reference vector of the identified set for the
        rows that have none.
    table : path, optional
        CSV file of another meta-analysis (`tables.load_counts`) instead; its further columns
        follow, named by `own_name`.

    Returns
    -------
    DataFrame
        label, study, population, n, x (missing where unknown), x_min, x_max, kind ("documented",
        "reconstructed", "unknown"), year (of the report; missing where there is none),
        sponsorship, design, regimen.

    Raises
    ------
    ValueError
        With the valid values of a parameter. DataError is one.
    """
    choose("counts", counts, COUNTS)
    choose("endpoint", endpoint, ENDPOINTS)
    if table is not None:
        return _other(table)
    evidence = _table(population)
    low, high = (evidence[f"{endpoint.lower()}_{end}"] for end in ("min", "max"))
    out = evidence[["row", "study", "population", "n"]].rename(columns={"row": "label"})
    known = low == high
    out = out.assign(x=low.where(known), x_min=low, x_max=high)
    out["kind"] = np.where(known, "documented", "unknown")
    if counts == "reconstructed" and not known.all():
        _, one = reference(endpoint)
        _, x, _ = identified(endpoint, population)
        out["x"] = pd.array(one[: len(out)], "Int64")
        out["x_min"], out["x_max"] = (pd.array(f(0), "Int64") for f in (x.min, x.max))
        out["kind"] = np.where(known, "documented", "reconstructed")
    return out.merge(_moderators(), on="study", how="left", validate="many_to_one")


def quoted(*labels: str) -> str:
    """Labels in a sentence of Markdown: in quotation marks, every sign of them literal."""
    signs = (re.sub(r"([\\`*_{}\[\]<>&$|#~])", r"\\\1", label) for label in labels)
    return ", ".join(f"“{label}”" for label in signs)


def _moderators() -> pd.DataFrame:
    studies = store.load("table1_studies")[["study", "sponsorship", "design", "regimen"]]
    years = store.load("references").dropna(subset="study")[["study", "year"]]
    frame = studies.merge(years, on="study", how="left")
    return frame[["study", "year", "sponsorship", "design", "regimen"]]


def _other(table: str | Path) -> pd.DataFrame:
    frame = load_counts(table)
    out = frame[["label"]].assign(
        study=frame["label"], population="all", n=frame["n"], x=frame["x"],
        x_min=frame["x"], x_max=frame["x"], kind="documented",
    )  # fmt: skip
    for column in ("year", "sponsorship", "design", "regimen"):
        kind = "Int64" if column == "year" else "string"
        out[column] = frame[column] if column in frame else pd.array([pd.NA] * len(frame), kind)
    more = [c for c in further(frame) if c not in ("year", "sponsorship", "design", "regimen")]
    return out.join(frame[more].rename(columns=own_name))


def own_name(column: str) -> str:
    """Name of a table's column among the rows, some of whose names are taken."""
    taken = ("study", "population", "x_min", "x_max", "kind")
    return f"{column} of the table" if column in taken else column


def further(frame: pd.DataFrame) -> list[str]:
    """Columns of another meta-analysis's table beyond label, x and n: its moderators."""
    return [c for c in frame if c not in ("label", "x", "n")]
