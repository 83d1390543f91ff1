"""Run the notebooks in order through papermill, each in a folder of its own.

A finished run is a folder named after a hash of all it depends on: the notebook, the package, the
lock, the data, the derived tables it reads, its parameters and the files they name. A run that is
there is not repeated; one that failed or was killed never gets that name. ``build/`` is put
together from finished runs.
"""

import ast
import contextlib
import difflib
import fcntl
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papermill.inspection import inspect_notebook
from tqdm import tqdm

from clofarabine.tables.store import COUNTS_VARIABLE, DATA, OUTPUT_VARIABLE, ROOT, display_name

from .kernel import PipelineError, execute, stop_all
from .publish import (
    JOURNAL,
    MANIFEST,
    PublishError,
    manifest_text,
    publish,
    read_manifest,
    recover,
    remove,
)

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"

# In a build folder: that it is one, where files wait for their place, that a run is under way.
MARKER = ".clofarabine"
STAGING = ".staging"
UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Step:
    """A notebook and what flows through it: derived tables in, derived tables and figures out."""

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    folder: Path = NOTEBOOKS

    @property
    def path(self) -> Path:
        """The notebook's file."""
        return self.folder / f"{self.name}.ipynb"


# The data flow, stated here and nowhere else; a step can use nothing that it does not name.
FLOW: tuple[Step, ...] = (
    Step(
        "00_start",
        reads=(
            "identified_set_cr",
            "identified_set_or",
            "bounds",
            "primary_results",
            "sensitivity",
            "claims_verdicts",
        ),
    ),
    Step(
        "01_data_extraction",
        writes=("internal_checks",),
        figures=("figure1_selection", "table2_characteristics"),
    ),
    Step(
        "02_reconstruction",
        writes=(
            "method_evidence",
            "method_evidence_scenarios",
            "identified_set_cr",
            "identified_set_or",
            "bounds",
            "hidden_rows",
            "repairs",
        ),
        figures=(
            "identified_methods",
            "identified_narrowing",
            "identified_counts",
            "identified_checks",
            "identified_hidden",
        ),
    ),
    Step(
        "03_primary_analysis",
        reads=("identified_set_cr", "identified_set_or", "bounds"),
        writes=("primary_results", "chosen_analysis"),
        figures=(
            "forest_documented_cr",
            "forest_documented_or",
            "figure2a_cr_paediatric",
            "figure2b_cr_overall",
            "figure2c_or_paediatric",
            "figure2d_or_overall",
        ),
    ),
    Step(
        "04_sensitivity_analyses",
        reads=("identified_set_cr", "identified_set_or"),
        writes=("sensitivity",),
        figures=(
            "sensitivity_shrinkage",
            "sensitivity_leave_one_out",
            "sensitivity_influence",
            "sensitivity_baujat",
            "sensitivity_radial",
            "sensitivity_multiverse_documented",
            "sensitivity_choices",
            "sensitivity_leave_one_out_identified",
            "sensitivity_multiverse",
            "sensitivity_overview",
        ),
    ),
    Step(
        "05_publication_bias",
        reads=("identified_set_cr", "identified_set_or"),
        writes=("small_study_tests", "trim_and_fill"),
        figures=(
            "funnel",
            "funnel_reconstructed",
            "trim_and_fill",
            "small_study_p_values",
            "egger_power",
        ),
    ),
    Step(
        "06_safety_summary",
        writes=(
            "safety_intervals",
            "safety_pooled",
            "safety_compared",
            "safety_text",
            "safety_orders",
        ),
        figures=("safety_heatmap", "safety_pooled"),
    ),
    Step(
        "07_claims_audit",
        reads=("bounds", "method_evidence"),
        writes=("claims_verdicts",),
        figures=("claims_map",),
    ),
)


def step(name: str) -> Step:
    """The step with this name, or the only one whose name starts so ("03")."""
    found = [s for s in FLOW if s.name == name] or [s for s in FLOW if s.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(s.name for s in FLOW)
    raise PipelineError(f"notebook: found {name!r}, expected one of {names}")


def parameters_of(s: Step) -> dict[str, Any]:
    """Parameters of a notebook with their defaults, as papermill reads them."""
    return {k: ast.literal_eval(v["default"]) for k, v in inspect_notebook(str(s.path)).items()}


_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def _fits(value: Any, default: Any) -> bool:
    """Whether a value is of the kind of a default; None as a default stands for any kind."""
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return False
    if default is None:
        return value is None or kind in _KINDS
    return kind is type(default) or (kind is int and type(default) is float)


def check_parameters(s: Step, parameters: dict[str, Any]) -> None:
    """Refuse a parameter that the notebook does not have, or a value of another kind."""
    valid = parameters_of(s) if parameters else {}
    for name, value in parameters.items():
        if name in valid:
            if not _fits(value, valid[name]):
                place = f"{s.name}, parameter {name}"
                expected = _KINDS.get(type(valid[name]), "text, a number, True or False")
                raise PipelineError(f"{place}: found {value!r}, expected {expected}")
        else:
            near = difflib.get_close_matches(name, valid, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(valid)
            raise PipelineError(f"{s.name} has no parameter {name!r}; it has {known}{hint}")


def _digest(paths: Iterable[Path]) -> dict[str, str]:
    return {
        display_name(p): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(paths)
        if p.is_file()
    }


def code_digest() -> dict[str, str]:
    """Hashes of what every run depends on: the package, the lock and the data."""
    package = Path(__file__).parents[1].rglob("*.py")
    inputs = [p for sub in ("published", "sources") for p in (DATA / sub).glob("*.csv")]
    return _digest([*package, *inputs, DATA / "datapackage.json", ROOT / "uv.lock"])


@dataclass(frozen=True)
class Run:
    """A finished run: its folder holds notebook.ipynb, derived/, figures/ and their hashes."""

    step: Step
    folder: Path
    cached: bool

    def table(self, name: str) -> Path:
        """File of a derived table that the run wrote."""
        return self.folder / "derived" / f"{name}.csv"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _contents(folder: Path) -> dict[str, str]:
    """Hash of every file of a run but its manifest."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST)
    return {str(p.relative_to(folder)): _sha256(p) for p in files}


def _finished(folder: Path) -> bool:
    """Whether the folder is a whole run: the files its manifest names, byte for byte, no others."""
    try:
        return bool(listed := read_manifest(folder / MANIFEST)) and listed == _contents(folder)
    except (OSError, PublishError):
        return False


def _make_room(folder: Path) -> None:
    """Remove a run; if there is more in its folder than it wrote, set that aside and say so."""
    with contextlib.suppress(PublishError):
        remove(folder / MANIFEST)
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.kept-", dir=folder.parent))
        folder.rename(aside)
        print(f"not what the run wrote, kept in {display_name(aside)}", file=sys.stderr)


def _key(s: Step, tables: dict[str, Path], parameters: dict[str, Any], counts: Path | None) -> str:
    """Hash of all that a run depends on, by content."""
    named = [Path(v) for v in parameters.values() if isinstance(v, str) and v]
    depends = {
        "files": code_digest() | _digest([s.path]),
        "tables": {n: _sha256(tables[n]) for n in s.reads},
        "parameters": parameters,
        "named": _digest(named),
        "counts": _sha256(counts) if counts else "",
        "python": sys.version_info[:3],
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:20]


def run_step(
    s: Step,
    tables: dict[str, Path],
    parameters: dict[str, Any] | None = None,
    *,
    build: Path,
    cache: bool = True,
    counts: Path | None = None,
    on_cell: Callable[[], Any] = lambda: None,
) -> Run:
    """Run one notebook, or find its finished run.

    Parameters
    ----------
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
        A file of counts that takes the place of the evidence (`data.load_evidence`).
    on_cell : callable
        Called after each cell.

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
    runs = build / "runs"
    target = runs / f"{s.name}-{_key(s, tables, parameters, counts)}"
    if cache and _finished(target):
        return Run(s, target, cached=True)
    runs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{s.name}-", dir=runs))
    try:
        (work / UNFINISHED).touch()
        for folder in ("derived", "figures"):
            (work / folder).mkdir()
        for n in s.reads:
            shutil.copyfile(tables[n], work / "derived" / f"{n}.csv")
        env = {**os.environ, OUTPUT_VARIABLE: str(work)}
        if counts:
            env[COUNTS_VARIABLE] = str(counts.resolve())
        text = execute(s.path, parameters, env, on_cell)
        for n in s.reads:
            (work / "derived" / f"{n}.csv").unlink()
        (work / "notebook.ipynb").write_text(text, encoding="utf-8")
        (work / UNFINISHED).unlink()
        (work / MANIFEST).write_text(manifest_text(_contents(work)), encoding="utf-8")
        work.chmod(0o755)
        if target.exists():
            _make_room(target)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Run(s, target, cached=False)


def run_all(
    steps: Iterable[Step],
    parameters: dict[str, Any] | None = None,
    *,
    build: Path,
    jobs: int = 1,
    cache: bool = True,
    counts: Path | None = None,
) -> list[Run]:
    """Run steps, each as soon as the tables it reads are there, at most ``jobs`` at a time.

    Tables of steps that are left out are the committed ones. Results are in the order of the steps
    whatever order they finished in; the first failure stops what runs and what has not started.
    """
    steps = list(steps)
    own = _own(steps, parameters)
    tables = {p.stem: p for p in (DATA / "derived").glob("*.csv")}
    waiting, done = list(steps), {}
    running: dict[Future, Step] = {}
    bar = tqdm(total=sum(_cells(s) for s in steps), unit="cell", desc="notebooks", file=sys.stderr)
    with bar, ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                unfinished = {t for s in [*waiting, *running.values()] for t in s.writes}
                ready = [s for s in waiting if not unfinished & set(s.reads)]
                for s in ready[: jobs - len(running)]:
                    waiting.remove(s)
                    bar.set_postfix_str(s.name)
                    job = pool.submit(
                        run_step, s, tables, own[s.name], build=build, cache=cache,
                        counts=counts, on_cell=bar.update,
                    )  # fmt: skip
                    running[job] = s
                for job in wait(running, return_when=FIRST_COMPLETED).done:
                    s = running.pop(job)
                    run = done[s.name] = job.result()
                    tables |= {t: run.table(t) for t in s.writes}
                    if run.cached:
                        bar.update(_cells(s))
        except BaseException:  # a cell that failed, or Ctrl-C: the others need not go on
            stop_all()
            raise
    return [done[s.name] for s in steps]


def _cells(s: Step) -> int:
    return len(json.loads(s.path.read_text(encoding="utf-8"))["cells"])


def _own(steps: list[Step], parameters: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The parameters that each notebook has; refuse one that no notebook has, or a wrong kind."""
    if not parameters:
        return {s.name: {} for s in steps}
    valid = {s.name: parameters_of(s) for s in steps}
    for name in parameters:
        if not any(name in v for v in valid.values()):
            check_parameters(steps[0], {name: None})
    own = {n: {k: v for k, v in parameters.items() if k in valid[n]} for n in valid}
    for s in steps:
        check_parameters(s, own[s.name])
    return own


@contextlib.contextmanager
def _lock(build: Path) -> Iterator[None]:
    """Have a build folder to oneself; what was killed while it wrote is finished first."""
    with (build / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run in {display_name(build)}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for line in recover(build / STAGING):
            print(line, file=sys.stderr)
        yield


@contextlib.contextmanager
def workspace(build: Path) -> Iterator[None]:
    """Have the build folder to oneself, without what a run that was killed has left in it.

    Raises
    ------
    PipelineError
        If the folder holds files and no run made it.
    """
    build.mkdir(parents=True, exist_ok=True)
    marker, own = build / MARKER, build.resolve() == BUILD.resolve()
    if not (own or marker.exists() or {p.name for p in build.iterdir()} <= {".lock"}):
        found = "found a folder with files that no run made, expected a new or an empty one"
        raise PipelineError(f"--build {display_name(build)}: {found}")
    if not own and (BUILD / STAGING / JOURNAL).exists():  # an update was killed
        with _lock(BUILD):
            pass
    with _lock(build):
        marker.write_text("Made by python -m clofarabine, which replaces what it wrote here.\n")
        for p in (build / "runs").glob(".*-*"):
            if (p / UNFINISHED).is_file():
                shutil.rmtree(p)
        yield


def assemble(runs: list[Run], build: Path, folder: str = "") -> Path:
    """Put the outputs of finished runs together in {notebooks,derived,figures}; return where."""
    files = {}
    for run in runs:
        files[f"notebooks/{run.step.name}.ipynb"] = (run.folder / "notebook.ipynb").read_bytes()
        for kind in ("derived", "figures"):
            files |= {f"{kind}/{p.name}": p.read_bytes() for p in (run.folder / kind).iterdir()}
    target = build / folder
    say_left(publish(target, files, staging=build / STAGING), target)
    return target


def say_left(names: list[str], folder: Path) -> None:
    """Name the files that a run wrote once and that stay because someone changed them."""
    if names:
        paths = ", ".join(display_name(folder / n) for n in names)
        print(f"changed since a run wrote it, left as it is: {paths}", file=sys.stderr)
