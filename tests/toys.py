"""Small notebooks in folders of their own, so that a test of the pipeline costs a second."""

import atexit
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from compendium import schedule
from compendium.run import Run
from compendium.steps import Hooks, Project, Step
from compendium.warm import Warm

# How a toy notebook reaches its folder: as the package does, without the seconds of importing it.
HEAD = "import os, pathlib\nout = pathlib.Path(os.environ['CLOFARABINE_OUTPUT'])\n"


def toy(folder: Path, name: str, *cells: str, parameters: str = "", **flow: tuple) -> Step:
    """Write a notebook of code cells and return its step."""
    folder.mkdir(parents=True, exist_ok=True)
    nb = new_notebook(cells=[new_code_cell(c, id=f"c{i}") for i, c in enumerate(cells)])
    if parameters:
        tag = {"tags": ["parameters"]}
        nb.cells.insert(0, new_code_cell(parameters, id="parameters", metadata=tag))
    nb.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nb.metadata["language_info"] = {"name": "python"}
    nbformat.write(nb, folder / f"{name}.ipynb")
    return Step(name, folder=folder, **flow)


def project(root: Path, steps: tuple[Step, ...] = (), hooks: Hooks | None = None) -> Project:
    """Project of toy notebooks that hands the variables over as this compendium does."""
    return Project(
        "clofarabine", root, tuple(steps), output_variable="CLOFARABINE_OUTPUT",
        counts_variable="CLOFARABINE_COUNTS", plain_errors=("DataError",), hooks=hooks or Hooks(),
    )  # fmt: skip


# One for all toys of a test process.
WARM = Warm()
atexit.register(WARM.close)


def run_all(steps: list[Step], *given: dict, build: Path, **options: Any) -> list[Run]:
    """Finished runs of toy notebooks, in a project of their own."""
    options = {"warm": WARM} | options
    return schedule.run_all(project(build.parent, steps), steps, *given, build=build, **options)


def writer(table: str, text: str) -> str:
    """Code that writes a derived table."""
    return HEAD + f"_ = (out / 'derived' / '{table}.csv').write_text({text!r})"


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes; the pipeline's lock aside."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


# The command line over toy notebooks, as a process of its own that a test can kill.
COMMAND = """
import sys
from collections.abc import Iterable
from pathlib import Path
from compendium import cli
from compendium.steps import Project, Step
steps = tuple(
    Step(name, tuple(reads), tuple(writes), tuple(figures), folder=Path(folder))
    for name, reads, writes, figures, folder in {flow!r}
)
made = Project("clofarabine", Path({root!r}), steps, output_variable="CLOFARABINE_OUTPUT")
sys.exit(cli.main(made, {arguments!r}))
"""


def command(steps: Iterable[Step], *arguments: str, before: str = "") -> list[str]:
    """Arguments that start the command line over these steps, after some code."""
    steps = list(steps)
    flow = [(s.name, s.reads, s.writes, s.figures, str(s.folder)) for s in steps]
    root = str(steps[0].folder.parent)
    code = COMMAND.format(flow=flow, root=root, arguments=list(arguments))
    return [sys.executable, "-c", before + code]
