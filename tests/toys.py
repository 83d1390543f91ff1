"""Small notebooks in folders of their own, so that a test of the pipeline costs a second."""

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from compendium.run import Step

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
import sys
from pathlib import Path
from compendium import run as pipeline
from clofarabine.__main__ import main
pipeline.FLOW = tuple(
    pipeline.Step(name, tuple(reads), tuple(writes), (), Path(folder))
    for name, reads, writes, folder in {flow!r}
)
sys.exit(main({arguments!r}))
"""


def command(steps: list[Step], *arguments: str) -> list[str]:
    """Arguments that start ``python -m clofarabine`` over these steps instead of the notebooks."""
    flow = [(s.name, s.reads, s.writes, str(s.folder)) for s in steps]
    return [sys.executable, "-c", COMMAND.format(flow=flow, arguments=list(arguments))]
