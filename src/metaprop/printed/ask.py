"""Which counts and which methods can have printed these numbers, as one call."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..counts.ranges import span
from ..counts.witness import decided
from ..effectsize import choose
from ..method import Method
from . import answer, read
from .answer import EXACT, INFEASIBLE, LITTLE, OUTER, SET, UNDECIDED, UNIQUE, Answer
from .problem import Candidate, Problem, build, candidates
from .quantities import Found, table
from .rounding import RULES, Rule
from .software import software
from .solve import solve


def which(
    rows: pd.DataFrame,
    printed: pd.DataFrame,
    *,
    rounding: Rule = "half-up",
    methods: Sequence[Method] | None = None,
    list_limit: int = 200_000,
    client: Any = None,
) -> Answer:
    """Which counts and methods can have printed these numbers.

    Parameters
    ----------
    rows : DataFrame
        label, n, x_min, x_max (whole numbers) and any columns that name groups. A column at_most
        names for a row another whose count is never smaller.
    printed : DataFrame
        A printed number a row: rows ("all", "column=value" or "label=..."; " by column" after it
        adds rows with one value of the column up first), scale ("" where it is not printed; GLMM),
        quantity (`read.QUANTITIES`; rates, limits, I2 and weights in percent), printed (a string).
    rounding : {"half-up", "half-even", "truncation", "unknown"}
    methods : sequence of Method, optional
        Those to try; all that the scales allow otherwise. A scale in `printed` goes before theirs.
    list_limit : int
        Vectors of one method that are listed at the most; beyond it there are ranges only.
    client : dask.distributed.Client, optional
        Cluster that shares the work; the result is the same to the byte.

    Raises
    ------
    BadInput
        With table, row, column, found and expected; so for a scale that is not supported.
    """
    rows = read.check_rows(rows)
    printed = read.check_printed(printed, rows)
    choose("rounding", rounding, RULES)
    problem = build(rows, printed, rounding)
    tried = list(candidates(problem, methods))
    tasks = [(problem, c, list_limit) for c in tried]
    if client is not None:
        futures = client.map(solve, *zip(*tasks, strict=True), pure=False) if tasks else []
        outcomes = client.gather(futures)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(solve, *zip(*tasks, strict=True))) if tasks else []
    found = [(c, o) for c, o in zip(tried, outcomes, strict=True) if o is not None]
    left = zip((c for c, _ in found), decided([o for _, o in found]), strict=True)
    left = [(c, o) for c, o in left if not o.empty]
    answer = assemble(problem, left, len(found), rounding)
    return replace(answer, skipped=len(tried) - len(found))


def assemble(problem: Problem, found: Found, tried: int, rounding: str) -> Answer:
    """The answer from what each remaining method leaves."""
    methods = _methods(problem, found)
    ranges = _ranges(problem, found)
    vectors = _vectors(problem, found)
    verdict = SET
    if not found:
        verdict = INFEASIBLE if tried else UNDECIDED
    elif not any(len(o.seen) for _, o in found):
        verdict = UNDECIDED
    elif (ranges["x_min"] == ranges["x_max"]).all() and (ranges["certified"] == EXACT).all():
        verdict = UNIQUE
    elif len(found) == tried and (
        (ranges["x_min"] <= problem.low) & (ranges["x_max"] >= problem.high)
    ).all():  # fmt: skip
        verdict = LITTLE
    return Answer(verdict, methods, ranges, table(problem, found), vectors, tried, rounding)


def _scales(problem: Problem, candidate: Candidate) -> set[str]:
    return {candidate.scale(r) for r in problem.results}


def _methods(problem: Problem, found: Found) -> pd.DataFrame:
    rows = []
    zero = bool(((problem.low == 0) | (problem.high == problem.n)).any())
    for candidate, outcome in found:
        m, scales = candidate.method, _scales(problem, candidate)
        size = pd.NA if outcome.vectors is None else len(outcome.vectors)
        how = "all vectors" if outcome.vectors is not None else "a witness"
        how = how if len(outcome.seen) else "undecided"
        inverse = m.inverse if "PFT" in scales else "none"
        tier, names = software(m, scales, zero)
        name = " + ".join(sorted(scales)) or m.scale
        rows.append((name, m.tau2_method, m.ci_method, inverse, size, tier, names, how))
    table = pd.DataFrame(rows, columns=list(answer.METHOD_COLUMNS))
    return table.astype({"vectors": "Int64", "tier": "Int64"})


def _ranges(problem: Problem, found: Found) -> pd.DataFrame:
    if not found:
        return pd.DataFrame(columns=list(answer.RANGE_COLUMNS))
    outcomes = [o for _, o in found]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        spans = list(pool.map(lambda i: span(outcomes, i), range(len(problem.labels))))
    table = pd.DataFrame({"label": problem.labels})
    table["x_min"], table["x_max"] = [s.low for s in spans], [s.high for s in spans]
    exact = [s.low == s.seen_low and s.high == s.seen_high for s in spans]
    table["certified"] = np.where(exact, EXACT, OUTER)
    table["seen_min"] = pd.array([s.seen_low for s in spans], "Int64")
    table["seen_max"] = pd.array([s.seen_high for s in spans], "Int64")
    return table


def _vectors(problem: Problem, found: Found) -> pd.DataFrame | None:
    if any(o.vectors is None for _, o in found):
        return None
    parts = []
    for candidate, outcome in found:
        m, scales = candidate.method, _scales(problem, candidate)
        part = pd.DataFrame(outcome.vectors, columns=list(problem.labels))
        inverse = m.inverse if "PFT" in scales else "none"
        name = " + ".join(sorted(scales)) or m.scale
        for at, (column, value) in enumerate(
            zip(answer.METHOD_COLUMNS, (name, m.tau2_method, m.ci_method, inverse), strict=False)
        ):
            part.insert(at, column, value, allow_duplicates=True)
        parts.append(part)
    columns = [*answer.METHOD_COLUMNS[:4], *problem.labels]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
