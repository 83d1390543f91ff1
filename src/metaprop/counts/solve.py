"""Exhaustive search for the counts behind a printed pooled result, on this machine or a cluster."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from . import search
from .bounds import Constraint, Model, Piece, pieces

Counts = NDArray[np.int32]

# What one call may cost before it is refused: minutes on one processor, and a few GB.
NODE_LIMIT = 10**10
_PROBES = 2000
# Vectors that are worth a task of their own, and tasks per piece of tau² at the most.
_WORTH, _PARTS = 10**6, 16


class TooLarge(ValueError):
    """A search beyond the limit; the message says what it would take."""


def _split(low: Counts, high: Counts, parts: int) -> tuple[Counts, Counts]:
    """Cut boxes along their first open columns until there are enough of them, in order."""
    for column in range(low.shape[1] - 1):
        if len(low) >= parts:
            break
        ranges = [np.arange(a, b + 1) for a, b in zip(low[:, column], high[:, column], strict=True)]
        at = np.repeat(np.arange(len(low)), [len(r) for r in ranges])
        value = np.concatenate(ranges)
        low, high = low[at], high[at]
        low[:, column] = high[:, column] = value
    return low, high


def _task(model: Model, printed: Constraint, piece: Piece, low: Counts, high: Counts, start: int
) -> Counts:  # fmt: skip
    """One piece of tau² over some boxes; a function of its own so that a cluster can run it."""
    found, nodes = search.search_boxes(
        low, high, piece.tables, piece.spread, piece.bound, piece.ends, piece.steepness,
        model.effects, model.v, np.array(piece.tau2), model.code,
        model.method.scale == "PFT", model.nbar, model.hartung_knapp, model.quantile,
        printed.printed,
    )  # fmt: skip
    if nodes < 0:
        counts = ", ".join(f"{x}/{n}" for x, n in zip(found[0], model.n, strict=False))
        raise ArithmeticError(f"{model.method.tau2_method} did not converge for counts {counts}")
    found[:, -1] += start
    return found


def _run(
    function: Callable[..., Any], tasks: list[tuple], client: Any, progress: bool | None
) -> list:
    """Results of the tasks in their order, from threads here or from a Dask cluster."""
    disable = None if progress is None else not progress
    bar = tqdm(total=len(tasks), unit="part", desc="search", disable=disable, delay=2)
    with bar:
        if client is not None:
            results = []
            for future in client.map(function, *zip(*tasks, strict=True), pure=False):
                results.append(future.result())
                bar.update()
            return results
        with ThreadPoolExecutor() as pool:
            results = []
            for result in pool.map(function, *zip(*tasks, strict=True)):
                results.append(result)
                bar.update()
            return results


def search_size(
    model: Model, printed: Constraint, low: ArrayLike, high: ArrayLike
) -> tuple[int, float]:
    """Vectors of the grid, and about how many nodes a search of it visits (Knuth 1975)."""
    low, high = np.asarray(low, np.int32), np.asarray(high, np.int32)
    grid = prod(int(w) for w in high - low + 1)
    order = np.lexsort((np.asarray(model.n), high - low))
    own = replace(model, n=tuple(np.asarray(model.n)[order].tolist()))
    uniform = np.random.default_rng(2023).random((_PROBES, len(low)))
    nodes = sum(
        search.probe(low[order], high[order], p.tables, p.spread, p.bound, own.effects, uniform)
        for p in pieces(own, printed)
    )
    return grid, float(nodes)


def _refuse_beyond(
    limit: float, model: Model, printed: Constraint, low: Counts, high: Counts
) -> None:
    if prod(int(w) for w in high - low + 1) <= limit:
        return  # the tree is smaller than the grid: no need to estimate it
    grid, nodes = search_size(model, printed, low, high)
    if nodes > limit:
        raise TooLarge(
            f"found {grid:.3g} vectors to decide on, about {nodes:.2g} nodes of a search tree, "
            f"expected at most {limit:.2g}; narrow the evidence of a row or raise the limit"
        )


def identified_set(
    model: Model,
    printed: Constraint,
    low: ArrayLike,
    high: ArrayLike,
    *,
    extra: ArrayLike | None = None,
    limit: float = NODE_LIMIT,
    client: Any = None,
    progress: bool | None = None,
) -> tuple[Counts, NDArray[np.int64]]:
    """Every vector of counts in the boxes whose pooled result prints as stated.

    Parameters
    ----------
    model : Model
        Rows' sizes (k) and the method.
    printed : Constraint
    low, high : array_like of int, shape (k,) or (boxes, k)
        Smallest and largest count of each row, both possible.
    extra : array_like, shape (k, max n + 1), optional
        Entry of each count in a further sum over the rows that must not be negative.
    limit : float
        Nodes of the search tree, estimated, beyond which the search is refused.
    client : dask.distributed.Client, optional
        Cluster that shares the work; the result is the same to the byte.
    progress : bool, optional
        Whether to show a progress bar after two seconds; None shows it on a terminal.

    Returns
    -------
    vectors : ndarray, shape (m, k)
        Sorted by box, then as counts.
    box : ndarray, shape (m,)
        Which box each vector is of.

    Raises
    ------
    ValueError
        If a box is empty or leaves 0..n, or on Hartung-Knapp with one row.
    TooLarge
        With the size of the grid and of the search.
    """
    low, high = (np.atleast_2d(np.asarray(a, np.int32)) for a in (low, high))
    n = np.asarray(model.n)
    bad = np.argwhere((low < 0) | (low > high) | (high > n))
    if len(bad):
        b, i = bad[0]
        found, most = f"counts {low[b, i]} to {high[b, i]}", n[i]
        raise ValueError(f"row {i}: found {found}, expected a range within 0 to {most}")
    if model.method.ci_method != "wald" and len(n) < 2:
        raise ValueError(f"ci_method: found k = 1 row, {model.method.ci_method} needs at least 2")
    if len(low) == 1:
        _refuse_beyond(limit, model, printed, low[0], high[0])
    # Known rows first: what they add is settled at once. The widest last: it is solved for.
    order = np.lexsort((n, (high - low).max(0)))
    own = replace(model, n=tuple(n[order].tolist()))
    low, high = low[:, order], high[:, order]
    boxes = len(low)
    parts = 1 + int(min((high - low + 1.0).prod(1).sum() // _WORTH, _PARTS - 1))
    if boxes == 1:
        low, high = _split(low, high, 4 * parts)
    tasks = []
    for p in pieces(own, printed):
        if extra is not None:
            more = np.asarray(extra, float)[order]
            p = replace(p, tables=np.concatenate([p.tables, more[None]]))
        for part in np.array_split(np.arange(len(low)), min(len(low), parts)):
            tasks.append((own, printed, p, low[part], high[part], int(part[0])))
    found = _run(_task, tasks, client, progress)
    table = np.concatenate([np.empty((0, len(n) + 1), np.int32), *found])
    if boxes == 1:
        table[:, -1] = 0
    out = np.empty_like(table)
    out[:, order] = table[:, :-1]
    out[:, -1] = table[:, -1]
    out = out[np.lexsort([*out[:, -2::-1].T, out[:, -1]])]
    return out[:, :-1], out[:, -1].astype(np.int64)


def meets(model: Model, printed: Constraint, x: Counts) -> NDArray[np.bool_]:
    """Whether each vector of x, shape (m, k), gives the printed result; shape (m,)."""
    return meets_by_inverse(model, printed, x, [model.method.inverse])[0]


def meets_by_inverse(
    model: Model, printed: Constraint, x: Counts, inverses: Sequence[str]
) -> NDArray[np.bool_]:
    """Whether each vector of x gives the printed result under each inverse, (inverses, m)."""
    return meets_at(model, printed, x, [model.by(inverse=i).nbar for i in inverses])


def meets_at(model: Model, printed: Constraint, x: Counts, nbars: ArrayLike) -> NDArray[np.bool_]:
    """Whether each vector of x gives the printed result with each sample size of the way back.

    One fit serves all of them, for tau² is estimated before the way back. Shape (nbars, m).
    """
    nbars = np.asarray(nbars, float)
    out = np.empty((len(nbars), len(x)), bool)
    search.meets(
        np.asarray(x, np.int32), model.effects, model.v, model.code,
        model.method.scale == "PFT", nbars, model.hartung_knapp, model.quantile,
        printed.printed, out,
    )  # fmt: skip
    return out
