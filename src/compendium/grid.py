"""Many runs of one notebook: every combination of the values that a grid file lists.

A run that finished is kept by `pipeline.run_step`, so that an interrupted grid goes on where it
stopped; what is put together at the end is written as one.
"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from tqdm import tqdm

from clofarabine import parameters as choices
from clofarabine.tables.store import DATA, display_name

from .kernel import PipelineError, stop_all
from .publish import publish
from .run import STAGING, Run, Step, check_parameters, parameters_of, run_step, say_left, step


@dataclass(frozen=True)
class Grid:
    """A notebook, and the parameters of each of its runs in the order of the grid file."""

    name: str
    step: Step
    points: tuple[dict[str, Any], ...]


def _expect(good: bool, file: str, found: object, expected: str) -> None:
    if not good:
        raise PipelineError(f"{file}: found {found!r}, expected {expected}")


def read(path: Path) -> Grid:
    """Read and check a grid file: ``notebook``, and ``parameters`` with a list of values each.

    Raises
    ------
    PipelineError
        With what was found and expected: before anything runs.
    """
    file = display_name(path)
    _expect(path.is_file(), file, "no such file", "a grid file (YAML)")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PipelineError(f"{file}: not readable as YAML: {error}") from None
    keys = {"notebook", "parameters"}
    is_map = isinstance(found, dict)
    _expect(is_map and set(found) == keys, file, sorted(map(str, found)) if is_map else found,
            "the two keys notebook and parameters")  # fmt: skip
    values = found["parameters"]
    _expect(isinstance(values, dict) and bool(values), file, values, "parameters, name: [values]")
    for name, listed in values.items():
        _expect(isinstance(listed, list) and bool(listed), f"{file}, {name}", listed, "a list")
        again = [v for i, v in enumerate(listed) if v in listed[:i]]
        _expect(not again, f"{file}, {name}", again[:1], "each value once")
    s = step(str(found["notebook"]))
    points = [dict(zip(values, p, strict=True)) for p in product(*values.values())]
    for point in points:
        check_parameters(s, point)
        try:
            choices.check(point)
        except ValueError as error:
            raise PipelineError(f"{file}, {error}") from None
    return Grid(path.stem, s, tuple(points))


def _run(grid: Grid, jobs: int, build: Path, cache: bool) -> list[Run | PipelineError]:
    """Every point's run, or why it has none; in the order of the grid."""
    tables = {p.stem: p for p in (DATA / "derived").glob("*.csv")}
    results: list[Run | PipelineError | None] = [None] * len(grid.points)
    pool = ThreadPoolExecutor(jobs)
    try:
        running = {
            pool.submit(run_step, grid.step, tables, point, build=build, cache=cache): i
            for i, point in enumerate(grid.points)
        }
        with tqdm(total=len(running), unit="run", desc=grid.name, file=sys.stderr) as bar:
            for job in as_completed(running):
                try:
                    results[running[job]] = job.result()
                except PipelineError as error:
                    results[running[job]] = error
                bar.update()
    except BaseException:  # Ctrl-C, or a full disk; a cell that fails is the result of its run
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise
    finally:
        pool.shutdown()
    return [r for r in results if r is not None]


def run(grid: Grid, *, build: Path, jobs: int = 1, cache: bool = True) -> pd.DataFrame:
    """Run a grid and put its notebooks and tables together in build/grid/NAME.

    Parameters
    ----------
    grid : Grid
    build : Path
        Where finished runs are kept.
    jobs : int
        Runs at a time.
    cache : bool
        Whether a finished run may be used.

    Returns
    -------
    DataFrame
        A row per run: its parameters, each quantity of a derived table that has the columns
        quantity and value, state ("run now", "from an earlier run", "failed"), notebook (file name,
        missing if it failed) and error (its first line, missing if there is none). It is
        summary.csv of the folder; beside it is each derived table of the notebook, the rows of all
        runs below each other and the parameters in front.
    """
    defaults = parameters_of(grid.step)
    results = _run(grid, jobs, build, cache)
    target = build / "grid" / grid.name
    files: dict[str, bytes] = {}
    summary, tables = [], {name: [] for name in grid.step.writes}
    for i, (point, result) in enumerate(zip(grid.points, results, strict=True), start=1):
        found: dict[str, Any] = {}
        row = {"state": "failed", "notebook": pd.NA, "error": pd.NA}
        if isinstance(result, PipelineError):
            row["error"] = str(result).partition("\n")[0]
        else:
            text = ",".join(f"{k}={v}" for k, v in point.items())
            name = f"{i:03d}-" + re.sub(r"[^-\w.,=+]", "_", text)[:120] + ".ipynb"
            row |= {"state": "from an earlier run" if result.cached else "run now"}
            row["notebook"] = name
            files[name] = (result.folder / "notebook.ipynb").read_bytes()
            for table, parts in tables.items():
                if not result.table(
                    table
                ).is_file():  # with parameters a notebook may leave one out
                    continue
                frame = _own(pd.read_csv(result.table(table)), defaults | point)
                new = {k: v for k, v in point.items() if k not in frame}
                parts.append(pd.concat([pd.DataFrame(new, index=frame.index), frame], axis=1))
                if {"quantity", "value"} <= set(frame) and frame["quantity"].is_unique:
                    found |= dict(zip(frame["quantity"], frame["value"], strict=True))
        summary.append(point | found | row)
    for name, parts in tables.items():
        if parts:
            files[f"{name}.csv"] = _csv(pd.concat(parts))
    frame = pd.DataFrame(summary)
    frame = frame[[c for c in frame if c not in row] + list(row)]
    files["summary.csv"] = _csv(frame)
    say_left(publish(target, files, staging=build / STAGING), target)
    return frame


def _own(frame: pd.DataFrame, parameters: dict[str, Any]) -> pd.DataFrame:
    """Rows that speak of the run's own parameters, where a table has columns of their names."""
    keep = pd.Series(True, index=frame.index)
    for name in set(frame) & set(parameters):
        keep &= frame[name].isna() | (frame[name] == parameters[name])
    return frame[keep]


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(
        index=False, na_rep="NA", float_format="%.12g", lineterminator="\n"
    ).encode()
