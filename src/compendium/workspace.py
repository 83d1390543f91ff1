"""A build folder: one user at a time, what a killed run left removed, outputs put together."""

import contextlib
import fcntl
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .errors import PipelineError
from .publish import JOURNAL, publish, recover
from .run import UNFINISHED, Run
from .steps import Project

STAGING = ".staging"  # where files wait for their place


@contextlib.contextmanager
def _lock(project: Project, build: Path) -> Iterator[None]:
    """Have a build folder to oneself; what was killed while it wrote is finished first."""
    with (build / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run in {project.shown(build)}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for line in recover(build / STAGING):
            print(line, file=sys.stderr)
        yield


def _open(project: Project, build: Path, stack: contextlib.ExitStack) -> None:
    """Make the folder if need be, lock it, and mark it as a build folder."""
    build.mkdir(parents=True, exist_ok=True)
    marker, own = build / project.marker, build.resolve() == project.build.resolve()
    if not (own or marker.exists() or {p.name for p in build.iterdir()} <= {".lock"}):
        found = "found a folder with files that no run made, expected a new or an empty one"
        raise PipelineError(f"--build {project.shown(build)}: {found}")
    if not own and (project.build / STAGING / JOURNAL).exists():  # an update was killed
        with _lock(project, project.build):
            pass
    stack.enter_context(_lock(project, build))
    marker.write_text(f"Made by python -m {project.name}, which replaces what it wrote here.\n")


@contextlib.contextmanager
def workspace(project: Project, build: Path) -> Iterator[None]:
    """Have the build folder to oneself, without what a run that was killed has left in it.

    Raises
    ------
    PipelineError
        If the folder holds files and no run made it, or another folder than the project's own
        cannot be made or written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            _open(project, build, stack)
        except OSError as error:
            if build.resolve() == project.build.resolve():
                raise
            expected = "expected a folder that can be written to"
            place = f"--build {project.shown(build)}"
            raise PipelineError(f"{place}: {error.strerror}, {expected}") from None
        for p in (build / "runs").glob(".*-*"):
            if (p / UNFINISHED).is_file():
                shutil.rmtree(p)
        yield


def assemble(project: Project, runs: list[Run], build: Path, folder: str = "") -> Path:
    """Folder in which the outputs of runs are put together, {notebooks,derived,figures}."""
    files = {}
    for run in runs:
        files[f"notebooks/{run.step.name}.ipynb"] = (run.folder / "notebook.ipynb").read_bytes()
        for kind in ("derived", "figures"):
            files |= {f"{kind}/{p.name}": p.read_bytes() for p in (run.folder / kind).iterdir()}
    target = build / folder
    say_left(project, publish(target, files, staging=build / STAGING), target)
    return target


def say_left(project: Project, names: list[str], folder: Path) -> None:
    """Name the files that a run wrote once and that stay because someone changed them."""
    if names:
        paths = ", ".join(project.shown(folder / n) for n in names)
        print(f"changed since a run wrote it, left as it is: {paths}", file=sys.stderr)
