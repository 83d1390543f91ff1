"""Many runs of one notebook: every combination of the values that a grid file lists.

A run that finished is kept by `run.run_step`, so that an interrupted grid goes on where it stopped;
what is put together at the end is written as one.
"""

import math
import re
import reprlib
import sys
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from tqdm import tqdm

from . import notebooks
from .errors import PipelineError
from .files import need_file
from .publish import publish
from .run import Run, run_step
from .schedule import BAR
from .steps import Project, Step
from .warm import Warm, stop_all
from .workspace import STAGING, say_left

_LAST = ("state", "notebook", "error")  # columns of the summary
MOST = 10_000  # runs of seconds each: a day of work, and what a list of files still serves


@dataclass(frozen=True)
class Grid:
    """A notebook, and the parameters of each of its runs in the order of the grid file."""

    name: str
    step: Step
    points: tuple[dict[str, Any], ...]


def _expect(good: bool, file: str, found: object, expected: str) -> None:
    if not good:
        raise PipelineError(f"{file}: found {reprlib.repr(found)}, expected {expected}")


class _Loader(yaml.SafeLoader):
    """YAML's plain values; of a key that stands twice in a map YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[tuple] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (named := (key.tag, key.value)) in seen:
                    problem = f"found the key {key.value} again, expected each key once"
                    raise _TwiceError(None, None, problem, key.start_mark)
                seen.add(named)
        return super().construct_mapping(node, deep)


class _TwiceError(yaml.MarkedYAMLError):
    """A key that stands twice in a map."""


def _yaml(path: Path, file: str) -> Any:
    """What a YAML file holds; PipelineError in one line if it is none."""
    need_file(path, file, "a grid file (YAML)")
    where = file
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        return loader.get_single_data()
    except RecursionError:
        why = "lists or maps are nested too deeply"
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none, no UTF-8
        why = " ".join(str(error).split())
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            where = f"{file}, line {error.problem_mark.line + 1}"
            why = str(error.problem)
            if isinstance(error, _TwiceError):
                raise PipelineError(f"{where}: {why}") from None
    raise PipelineError(f"{where}: not readable as YAML: {why}")


def read(project: Project, path: Path) -> Grid:
    """Read and check a grid file: ``notebook``, and ``parameters`` with a list of values each.

    Raises
    ------
    PipelineError
        With what was found and expected: before anything runs.
    """
    file = project.shown(path)
    found = _yaml(path, file)
    keys = {"notebook", "parameters"}
    is_map = isinstance(found, dict)
    _expect(is_map and set(found) == keys, file, sorted(map(str, found)) if is_map else found,
            "the two keys notebook and parameters")  # fmt: skip
    values = found["parameters"]
    _expect(isinstance(values, dict) and bool(values), file, values, "parameters, name: [values]")
    for name, listed in values.items():
        _expect(isinstance(name, str), f"{file}, parameters", name, "the name of a parameter")
        _expect(
            isinstance(listed, list) and bool(listed), f"{file}, {name}", listed,
            "a list of at least one value",
        )  # fmt: skip
        again = [v for i, v in enumerate(listed) if v in listed[:i]]
        _expect(not again, f"{file}, {name}", again[:1], "each value once")
    runs = math.prod(map(len, values.values()))
    _expect(runs <= MOST, f"{file}, parameters", runs, f"at most {MOST} combinations")
    named = found["notebook"]  # 03 without quotation marks is the number 3 in YAML
    s = project.step(f"{named:02d}" if type(named) is int else str(named), f"{file}, ")
    notebooks.check(s.path)
    points = [dict(zip(values, p, strict=True)) for p in product(*values.values())]
    valid = notebooks.parameters_of(s)
    for point in points:
        notebooks.check_parameters(s, point, f"{file}: ", valid)
        notebooks.check_values(project, point, f"{file}, ")
    return Grid(path.stem, s, tuple(points))


def _run(
    project: Project, grid: Grid, jobs: int, build: Path, cache: bool
) -> list[Run | PipelineError]:
    """Every point's run, or why it has none; in the order of the grid."""
    tables = project.committed_tables()
    results: list[Run | PipelineError | None] = [None] * len(grid.points)
    pool, warm = ThreadPoolExecutor(jobs), Warm(project.preload)
    start = partial(run_step, project, grid.step, tables, build=build, cache=cache, warm=warm)
    running: dict[Future, int] = {}
    try:
        for i, point in enumerate(grid.points):
            running[pool.submit(start, point)] = i
        with tqdm(
            total=len(running), unit="runs", desc=grid.name, file=sys.stderr, bar_format=BAR
        ) as bar:
            for job in as_completed(running):
                try:
                    results[running[job]] = job.result()
                except PipelineError as error:
                    results[running[job]] = error
                bar.update()
    except BaseException:  # Ctrl-C, or a full disk; a cell that fails is the result of its run
        pool.shutdown(wait=False, cancel_futures=True)
        warm.close()
        stop_all(running)
        raise
    finally:
        pool.shutdown()
        warm.close()
    return [r for r in results if r is not None]


def run(
    project: Project, grid: Grid, *, build: Path, jobs: int = 1, cache: bool = True
) -> pd.DataFrame:
    """Run a grid and put its notebooks and tables together in build/grid/NAME.

    Parameters
    ----------
    project : Project
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
    defaults = notebooks.parameters_of(grid.step)
    results = _run(project, grid, jobs, build, cache)
    target = build / "grid" / grid.name
    files: dict[str, bytes] = {}
    summary, tables = [], {name: [] for name in grid.step.writes}
    for i, (point, result) in enumerate(zip(grid.points, results, strict=True), start=1):
        if isinstance(result, PipelineError):
            summary.append(point | {"state": "failed", "error": str(result).partition("\n")[0]})
            continue
        text = ",".join(f"{k}={v}" for k, v in point.items())
        name = f"{i:03d}-" + re.sub(r"[^-\w.,=+]", "_", text)[:120] + ".ipynb"
        files[name] = (result.folder / "notebook.ipynb").read_bytes()
        found: dict[str, Any] = {}
        for table, parts in tables.items():
            file = result.table(table)
            if file.is_file():  # with parameters a notebook may leave one out
                frame = _own(pd.read_csv(file), point, defaults)
                parts.append(frame)
                if {"quantity", "value"} <= set(frame) and frame["quantity"].is_unique:
                    found |= dict(zip(frame["quantity"], frame["value"], strict=True))
        state = "from an earlier run" if result.cached else "run now"
        summary.append(point | found | {"state": state, "notebook": name})
    for name, parts in tables.items():
        if parts:
            files[f"{name}.csv"] = _csv(pd.concat(parts))
    frame = pd.DataFrame(summary)
    frame = frame.reindex(columns=[*(c for c in frame if c not in _LAST), *_LAST])
    files["summary.csv"] = _csv(frame)
    say_left(project, publish(target, files, staging=build / STAGING), target)
    return frame


def _own(frame: pd.DataFrame, point: dict[str, Any], defaults: dict[str, Any]) -> pd.DataFrame:
    """A run's table with the run's parameters in front: rows that speak of other values left out.

    A table speaks of a parameter where it has a column of its name.
    """
    keep, parameters = pd.Series(True, index=frame.index), defaults | point
    for name in set(frame) & set(parameters):
        keep &= frame[name].isna() | (frame[name] == parameters[name])
    frame = frame[keep]
    new = {name: value for name, value in point.items() if name not in frame}
    return pd.concat([pd.DataFrame(new, index=frame.index), frame], axis=1)


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(
        index=False, na_rep="NA", float_format="%.12g", lineterminator="\n"
    ).encode()
