"""Every vector of counts that prints as one pooled result prints, on this machine or a cluster."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from . import distance
from .several import Given, Root, Search, Totals
from .statement import Printed
from .tables import Counts, Target
from .vectors import ordered

# What one call may cost before it is refused: minutes on one processor, and a few GB.
NODE_LIMIT = 5 * 10**8
# Vectors of a grid that are worth a task of their own, and tasks at the most.
_WORTH, _PARTS = 10**7, 16
# Nodes of a first guess at the size of a search, which is enough where it is far below the limit.
_GUESS, _FAR = 10**5, 20


class TooLarge(ValueError):
    """A search beyond the limit; the message says what it would take."""


def _search(
    printed: Printed, low: Counts, high: Counts, members: Counts | None, extra: ArrayLike | None
) -> Search:
    """The search for one result: each row from low to high."""
    add = np.eye(len(low), dtype=np.int32) if members is None else members
    domain = []
    for a, b in zip(low, high, strict=True):
        domain.append(np.arange(b + 1) >= a)
    more = None if extra is None else np.asarray(extra, float)
    accept = partial(_accept, printed, add)
    return Search([Target(printed, add, more)], domain, Totals.none(len(low)), accept)


def _nodes(search: Search, root: Root, given: Given | None, limit: float) -> float:
    """About how many nodes a search visits, closely only where a first guess is near the limit."""
    guess = search.nodes(root, given, _GUESS)
    return guess if guess * _FAR <= limit else search.nodes(root, given)


def _accept(printed: Printed, members: Counts, x: Counts) -> NDArray[np.bool_]:
    return meets(printed, x @ members.T)


def _task(search: Search, root: Root, given: Given | None) -> Counts:
    """A part of a search; a function of its own so that a cluster can run it."""
    return search.run(root, 2**62, 2**62, given=given)[0]


def _parts(search: Search, root: Root, given: Given | None, most: int) -> list[Given | None]:
    """The search in parts of about one size: first rows with their joint counts, in order."""
    domain = root[0]
    if most <= 1:
        return [given]
    if given is None:
        rows, many = [], 1
        for row in search.order(domain)[:-1]:
            if many >= 4 * most:
                break
            rows.append(int(row))
            many *= int(domain[row].sum())
        grids = np.meshgrid(*(np.flatnonzero(domain[r]) for r in rows), indexing="ij")
        given = rows, np.stack([g.ravel() for g in grids], axis=1) if rows else None
        if not rows:
            return [None]
    rows, x = given
    return [(rows, part) for part in np.array_split(x, max(1, min(len(x), most)))]


def _given(given: Given, domain: list) -> Given:
    """Given counts that the domain leaves, rows with few counts first, sorted."""
    rows, x = given
    left = np.all([domain[r][x[:, j]] for j, r in enumerate(rows)], axis=0)
    x = np.asarray(x, np.int32)[left]
    by = np.argsort([len(np.unique(c)) for c in x.T], kind="stable")
    return [rows[j] for j in by], ordered(x[:, by])


def _run(
    function: Callable[..., Any], tasks: list[tuple], client: Any, progress: bool | None
) -> list:
    """Results of the tasks in their order, from threads here or from a Dask cluster."""
    disable = None if progress is None else not progress
    bar = tqdm(total=len(tasks), unit="part", desc="search", disable=disable, delay=2)
    with bar, ThreadPoolExecutor() as pool:
        if client is not None:
            futures = client.map(function, *zip(*tasks, strict=True), pure=False)
            answers = (f.result() for f in futures)
        else:
            answers = pool.map(function, *zip(*tasks, strict=True))
        results = []
        for result in answers:
            results.append(result)
            bar.update()
        return results


def _checked(printed: Printed, low: Counts, high: Counts, members: Counts | None) -> None:
    if printed.method.ci_method != "wald" and printed.k < 2:
        name = printed.method.ci_method
        raise ValueError(f"ci_method: found k = 1 row, {name} needs at least 2")
    most = np.array(printed.n) if members is None else high
    bad = np.flatnonzero((low < 0) | (low > high) | (high > most))
    if len(bad):
        i = bad[0]
        found = f"counts {low[i]} to {high[i]}"
        raise ValueError(f"row {i}: found {found}, expected a range within 0 to {most[i]}")


def identified_set(
    printed: Printed,
    low: ArrayLike,
    high: ArrayLike,
    *,
    members: Counts | None = None,
    given: Given | None = None,
    extra: ArrayLike | None = None,
    limit: float = NODE_LIMIT,
    client: Any = None,
    progress: bool | None = None,
) -> Counts:
    """Every vector of counts whose pooled result prints as stated, sorted as counts, (m, rows).

    Parameters
    ----------
    printed : Printed
    low, high : array_like of int, shape (rows,)
        Smallest and largest count of each row, both possible.
    members : ndarray, shape (k, rows), optional
        Which rows each pooled row adds up; every row is one of its own otherwise.
    given : (rows, vectors), optional
        Rows whose joint counts are known to be one of some vectors (g, rows).
    extra : array_like, shape (k, max n + 1), optional
        Entry of each count in a further sum over the pooled rows that must not be negative.
    limit : float
        Nodes of the search tree, estimated, beyond which the search is refused.
    client : dask.distributed.Client, optional
        Cluster that shares the work; the result is the same to the byte.
    progress : bool, optional
        Whether to show a progress bar after two seconds; None shows it on a terminal.

    Raises
    ------
    ValueError
        If a range is empty or leaves 0..n, or on an interval of residuals with one row.
    TooLarge
        With the size of the grid and of the search.
    ArithmeticError
        If an estimator does not converge for some vector.
    """
    low, high = np.array(low, np.int32), np.array(high, np.int32)
    _checked(printed, low, high, members)
    search = _search(printed, low, high, members, extra)
    domain = search.domain
    for j, row in enumerate(given[0] if given else ()):
        domain[row] = np.isin(np.arange(len(domain[row])), given[1][:, j])
    none = np.empty((0, len(low)), np.int32)
    root = search.root(domain, deep=False)
    if root is None:
        return none
    if given is not None:
        given = _given(given, root[0])
    fixed = set(given[0]) if given else set()
    grid = prod(int(d.sum()) for r, d in enumerate(root[0]) if r not in fixed)
    grid *= len(given[1]) if given else 1
    if grid > limit and (nodes := _nodes(search, root, given, limit)) > limit:
        raise TooLarge(
            f"found {grid:.3g} vectors to decide on, about {nodes:.2g} nodes of a search tree, "
            f"expected at most {limit:.2g}; narrow the evidence of a row or raise the limit"
        )
    most = _PARTS if client is not None else int(min(1 + grid // _WORTH, _PARTS))
    parts = _parts(search, root, given, most)
    tasks = [(search, root, part) for part in parts]
    return ordered(np.concatenate([none, *_run(_task, tasks, client, progress)]))


def meets(printed: Printed, x: Counts) -> NDArray[np.bool_]:
    """Whether each vector of x, shape (m, k), gives the printed estimate and limits; shape (m,)."""
    return meets_at(printed, x, [printed.nbar])[0]


def meets_at(printed: Printed, x: Counts, nbars: ArrayLike) -> NDArray[np.bool_]:
    """Whether each vector of x (m, k) gives them with each sample size of the way back, (nbars, m).

    One fit serves all of them, for tau² is estimated before the way back. ArithmeticError where an
    estimator does not converge.
    """
    nbars, x = np.asarray(nbars, float), np.asarray(x, np.int32)
    out = np.empty((len(nbars), len(x)), bool)
    if not len(x):
        return out
    y, v = printed.effects(np.zeros(printed.k, int), np.array(printed.n))
    bad = distance.meets(
        x, y, v, printed.scale_code, nbars, printed.code, printed.hartung_knapp + printed.adhoc,
        printed.quantile, printed.rates, out,
    )  # fmt: skip
    if bad >= 0:
        counts = ", ".join(f"{a}/{n}" for a, n in zip(x[bad], printed.n, strict=True))
        raise ArithmeticError(f"{printed.method.tau2_method} did not converge for counts {counts}")
    return out
