"""Run the notebooks in order through papermill, each in a folder of its own.

A finished run is a folder named after a hash of all it depends on: the notebook, the package, the
lock, the data, the derived tables it reads and its parameters. A run that is there is not repeated;
one that failed or was killed never gets that name. ``build/`` is put together from finished runs.
"""

import ast
import difflib
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.inspection import inspect_notebook
from tqdm import tqdm

from .data import DATA, OUTPUT_VARIABLE, ROOT, display_name

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Step:
    """A notebook and what flows through it: derived tables in, derived tables and figures out."""

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The notebook's file."""
        return NOTEBOOKS / f"{self.name}.ipynb"


# The data flow, stated here and nowhere else; a step can use nothing that it does not name.
FLOW: tuple[Step, ...] = (
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
        "07_claims_audit",
        reads=("bounds", "method_evidence"),
        writes=("claims_verdicts",),
        figures=("claims_map",),
    ),
)


class PipelineError(RuntimeError):
    """A run that did not finish; the message names notebook, cell and error."""


class _Engine(NBClientEngine):
    """papermill's own engine, with an environment for the kernel and a call after each cell."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, env: dict, on_cell: Callable[[], Any], **kwargs: Any
    ) -> None:
        from papermill.clientwrap import PapermillNotebookClient
        from papermill.log import logger

        complete = nb_man.cell_complete

        def counted(*args: Any, **kw: Any) -> None:
            complete(*args, **kw)
            on_cell()

        nb_man.cell_complete = counted
        client = PapermillNotebookClient(
            nb_man, kernel_name=kernel_name, startup_timeout=60, timeout=None, log=logger
        )
        client.create_kernel_manager().transport = "ipc"  # no port that another user could reach
        client.execute(env=env)


papermill_engines.register("clofarabine", _Engine)


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


def check_parameters(s: Step, parameters: dict[str, Any]) -> None:
    """Refuse a parameter the notebook does not have, with those it has."""
    valid = parameters_of(s)
    for name in parameters:
        if name not in valid:
            near = difflib.get_close_matches(name, valid, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(valid)
            raise PipelineError(f"{s.name} has no parameter {name!r}; it has {known}{hint}")


def normalise(nb: nbformat.NotebookNode) -> str:
    """Text of a notebook without what differs between two runs of the same content."""
    nb.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in nb.cells:
        keep = {"tags": list(cell.metadata.get("tags", []))}
        if "jupyter" in cell.metadata:
            keep["jupyter"] = cell.metadata["jupyter"]
        cell.metadata = {k: v for k, v in keep.items() if v}
        if "injected-parameters" in keep["tags"]:
            cell.id = "injected-parameters"
    nbformat.validate(nb)
    return nbformat.writes(nb)


def _digest(paths: Iterable[Path]) -> dict[str, str]:
    return {
        display_name(p): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(paths)
        if p.is_file()
    }


def code_digest() -> dict[str, str]:
    """Hashes of what every run depends on: the package, the lock and the data."""
    package = Path(__file__).parent.rglob("*.py")
    inputs = [p for sub in ("published", "sources") for p in (DATA / sub).glob("*.csv")]
    return _digest([*package, *inputs, DATA / "datapackage.json", ROOT / "uv.lock"])


@dataclass(frozen=True)
class Run:
    """A finished run: its folder holds notebook.ipynb, derived/, figures/ and manifest.json."""

    step: Step
    folder: Path
    cached: bool

    def table(self, name: str) -> Path:
        """File of a derived table that the run wrote."""
        return self.folder / "derived" / f"{name}.csv"


def _finished(folder: Path) -> bool:
    """Whether the folder is a whole run: every file its manifest names, byte for byte."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        return all(
            hashlib.sha256((folder / f).read_bytes()).hexdigest() == h for f, h in manifest.items()
        )
    except (OSError, ValueError, AttributeError):
        return False


def _cell_error(s: Step, error: PapermillExecutionError) -> PipelineError:
    place = f"{s.name}, cell {error.cell_index + 1} (In [{error.exec_count}])"
    lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).strip()
    return PipelineError(f"{place}: {error.ename}: {error.evalue}\n{lines}")


def run_step(
    s: Step,
    tables: dict[str, Path],
    parameters: dict[str, Any] | None = None,
    *,
    build: Path = BUILD,
    cache: bool = True,
    environment: dict[str, str] | None = None,
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
    environment : dict, optional
        Further variables for the kernel.
    on_cell : callable
        Called after each cell.

    Raises
    ------
    PipelineError
        Naming notebook, cell and error.
    """
    parameters = parameters or {}
    check_parameters(s, parameters)
    depends = {
        "files": code_digest() | _digest([s.path]),
        "tables": {n: hashlib.sha256(tables[n].read_bytes()).hexdigest() for n in s.reads},
        "parameters": parameters,
        "environment": environment or {},
        "python": sys.version_info[:2],
    }
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:20]
    runs = build / "runs"
    target = runs / f"{s.name}-{key}"
    if cache and _finished(target):
        return Run(s, target, cached=True)
    runs.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{s.name}-", dir=runs))
    try:
        for folder in ("derived", "figures"):
            (work / folder).mkdir()
        for n in s.reads:
            shutil.copyfile(tables[n], work / "derived" / f"{n}.csv")
        env = {**os.environ, OUTPUT_VARIABLE: str(work), **(environment or {})}
        try:
            nb = execute_notebook(
                s.path, None, parameters, engine_name="clofarabine", progress_bar=False,
                env=env, on_cell=on_cell,
            )  # fmt: skip
        except PapermillExecutionError as error:
            raise _cell_error(s, error) from None
        for n in s.reads:
            (work / "derived" / f"{n}.csv").unlink()
        (work / "notebook.ipynb").write_text(normalise(nb), encoding="utf-8")
        files = [p for p in sorted(work.rglob("*")) if p.is_file()]
        manifest = {
            str(p.relative_to(work)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files
        }
        (work / "manifest.json").write_text(json.dumps(manifest, indent=1))
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return Run(s, target, cached=False)


def run_all(
    steps: Iterable[Step] = FLOW,
    parameters: dict[str, Any] | None = None,
    *,
    build: Path = BUILD,
    jobs: int = 1,
    cache: bool = True,
    environment: dict[str, str] | None = None,
) -> list[Run]:
    """Run steps, each as soon as the tables it reads are there, at most ``jobs`` at a time.

    Tables of steps that are left out are the committed ones. Results are in the order of the steps
    whatever order they finished in; the first failure stops what has not started.
    """
    steps = list(steps)
    tables = {p.stem: p for p in (DATA / "derived").glob("*.csv")}
    waiting, done = list(steps), {}
    running: dict[Future, Step] = {}
    bar = tqdm(total=sum(_cells(s) for s in steps), unit="cell", desc="notebooks", file=sys.stderr)
    with bar, ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            unfinished = {t for s in [*waiting, *running.values()] for t in s.writes}
            ready = [s for s in waiting if not unfinished & set(s.reads)]
            for s in ready[: jobs - len(running)]:
                waiting.remove(s)
                bar.set_postfix_str(s.name)
                job = pool.submit(
                    run_step, s, tables, _own(s, parameters, steps), build=build, cache=cache,
                    environment=environment, on_cell=bar.update,
                )  # fmt: skip
                running[job] = s
            for job in wait(running, return_when=FIRST_COMPLETED).done:
                s = running.pop(job)
                run = done[s.name] = job.result()
                tables |= {t: run.table(t) for t in s.writes}
                if run.cached:
                    bar.update(_cells(s))
    return [done[s.name] for s in steps]


def _cells(s: Step) -> int:
    return len(json.loads(s.path.read_text(encoding="utf-8"))["cells"])


def _own(s: Step, parameters: dict[str, Any] | None, steps: list[Step]) -> dict[str, Any]:
    """The parameters that this notebook has; refuse one that no notebook of the run has."""
    own = parameters_of(s)
    for name in parameters or {}:
        if not any(name in parameters_of(t) for t in steps):
            check_parameters(s, {name: None})
    return {k: v for k, v in (parameters or {}).items() if k in own}


def assemble(runs: list[Run], target: Path) -> None:
    """Put the outputs of finished runs together in target/{notebooks,derived,figures}.

    Each folder is made whole beside the old one and then takes its place.
    """
    for kind in ("notebooks", "derived", "figures"):
        new = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=target))
        for run in runs:
            if kind == "notebooks":
                shutil.copyfile(run.folder / "notebook.ipynb", new / f"{run.step.name}.ipynb")
            else:
                for p in sorted((run.folder / kind).iterdir()):
                    shutil.copyfile(p, new / p.name)
        new.chmod(0o755)
        old = target / kind
        if old.exists():
            aside = Path(tempfile.mkdtemp(prefix=f".old-{kind}-", dir=target))
            old.rename(aside / kind)
            new.rename(old)
            shutil.rmtree(aside)
        else:
            new.rename(old)
