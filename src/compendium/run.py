"""Run one notebook in a folder of its own, or find its finished run.

A finished run is a folder named after a hash of all it depends on: the notebook, the project's
inputs (code, lock, data), the derived tables it reads, its parameters and the files they name. A
run that is there is not repeated; one that failed or was killed never gets that name.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import PipelineError
from .files import need_file, sha256
from .notebooks import check_parameters
from .publish import MANIFEST, PublishError, manifest_text, read_manifest, remove
from .steps import Project, Step
from .warm import Warm

UNFINISHED = ".unfinished"  # in the folder of a run that is under way


def execute(*args: Any) -> str:
    """Text of the executed notebook (`kernel.execute`); papermill is imported when it is needed."""
    from . import kernel

    return kernel.execute(*args)


@dataclass(frozen=True)
class Run:
    """A finished run: its folder holds notebook.ipynb, derived/, figures/ and their hashes.

    seconds : when it began and ended, since the first of `schedule.run_all` began; None if it
        was not run.
    """

    step: Step
    folder: Path
    cached: bool
    seconds: tuple[float, float] | None = None

    def table(self, name: str) -> Path:
        """File of a derived table that the run wrote."""
        return self.folder / "derived" / f"{name}.csv"


def _contents(folder: Path) -> dict[str, str]:
    """Hash of every file of a run but its manifest."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST)
    return {str(p.relative_to(folder)): sha256(p) for p in files}


def _finished(folder: Path) -> bool:
    """Whether the folder is a whole run: the files its manifest names, byte for byte, no others."""
    try:
        return bool(listed := read_manifest(folder / MANIFEST)) and listed == _contents(folder)
    except (OSError, PublishError):
        return False


def _make_room(project: Project, folder: Path) -> None:
    """Remove a run; if there is more in its folder than it wrote, set that aside and say so."""
    with contextlib.suppress(PublishError):
        remove(folder / MANIFEST)
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.kept-", dir=folder.parent))
        folder.rename(aside)
        print(f"not what the run wrote, kept in {project.shown(aside)}", file=sys.stderr)


def _digest(project: Project, paths: Iterable[Path]) -> dict[str, str]:
    return {project.shown(p): sha256(p) for p in sorted(paths) if p.is_file()}


def inputs_digest(project: Project) -> dict[str, str]:
    """Hashes of what every run of the project depends on."""
    return _digest(project, (p for i in project.inputs for p in project.root.glob(i)))


def _key(
    project: Project,
    s: Step,
    tables: dict[str, Path],
    parameters: dict[str, Any],
    counts: Path | None,
) -> str:
    """Hash of all that a run depends on, by content."""
    named = [Path(v) for v in parameters.values() if isinstance(v, str) and v]
    depends = {
        "files": inputs_digest(project) | _digest(project, [s.path]),
        "tables": {n: sha256(tables[n]) for n in s.reads},
        "parameters": parameters,
        "named": _digest(project, named),
        "counts": sha256(counts) if counts else "",
        "python": sys.version_info[:3],
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:20]


def _target(
    project: Project, s: Step, tables: dict[str, Path], parameters: dict[str, Any], build: Path,
    counts: Path | None,
) -> Path:  # fmt: skip
    """Folder of a run, by the content of all that it depends on."""
    return build / "runs" / f"{s.name}-{_key(project, s, tables, parameters, counts)}"


def find_all(
    project: Project,
    steps: Iterable[Step],
    tables: dict[str, Path],
    parameters: dict[str, dict[str, Any]],
    *,
    build: Path,
    counts: Path | None = None,
) -> list[Run] | None:
    """Finished runs of all steps, None if one of them has to be run."""
    waiting, tables = list(steps), dict(tables)
    steps, done = list(waiting), {}
    while waiting:
        unfinished = {t for s in waiting for t in s.writes}
        ready = [s for s in waiting if not unfinished & set(s.reads)]
        for s in ready:
            if not all(n in tables and tables[n].is_file() for n in s.reads):
                return None
            target = _target(project, s, tables, parameters[s.name], build, counts)
            if not (s.path.is_file() and _finished(target)):
                return None
            waiting.remove(s)
            done[s.name] = run = Run(s, target, cached=True)
            tables |= {t: run.table(t) for t in s.writes}
        if not ready:
            return None
    return [done[s.name] for s in steps]


def run_step(
    project: Project,
    s: Step,
    tables: dict[str, Path],
    parameters: dict[str, Any] | None = None,
    *,
    build: Path,
    cache: bool = True,
    counts: Path | None = None,
    on_cell: Callable[[], Any] = lambda: None,
    warm: Warm | None = None,
) -> Run:
    """Run one notebook, or find its finished run.

    Parameters
    ----------
    project : Project
    s : Step
    tables : dict
        Files of the derived tables it reads.
    parameters : dict, optional
        Values for its parameters cell.
    build : Path
        Runs are kept in build/runs.
    cache : bool
        Whether a finished run may be used.
    counts : Path, optional
        A file of counts, which the kernel is given the name of.
    on_cell : callable
        Called after each cell.
    warm : Warm, optional
        What the kernel is forked from.

    Raises
    ------
    PipelineError
        Naming notebook, cell and error.
    """
    parameters = parameters or {}
    check_parameters(s, parameters)
    for n in s.reads:
        if n not in tables:
            raise PipelineError(
                f"{s.name} reads {n}.csv: found no such derived table, expected one"
            )
        need_file(tables[n], project.shown(tables[n]), "a derived table")
    target = _target(project, s, tables, parameters, build, counts)
    if cache and _finished(target):
        return Run(s, target, cached=True)
    if warm:
        warm.start()
    runs = target.parent
    runs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{s.name}-", dir=runs))
    try:
        (work / UNFINISHED).touch()
        for folder in ("derived", "figures"):
            (work / folder).mkdir()
        for n in s.reads:
            shutil.copyfile(tables[n], work / "derived" / f"{n}.csv")
        env = {**os.environ, project.output_variable: str(work)}
        if counts:
            env[project.counts_variable] = str(counts.resolve())
        text = execute(s.path, parameters, env, on_cell, project.plain_errors, warm)
        for n in s.reads:
            (work / "derived" / f"{n}.csv").unlink()
        (work / "notebook.ipynb").write_text(text, encoding="utf-8")
        (work / UNFINISHED).unlink()
        (work / MANIFEST).write_text(manifest_text(_contents(work)), encoding="utf-8")
        work.chmod(0o755)
        if target.exists():
            _make_room(project, target)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Run(s, target, cached=False)
