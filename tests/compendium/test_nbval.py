"""nbval really compares: the shared run of test_reproduction goes through it, and toys here.

`pytest notebooks` runs the notebooks cell by cell under nbval itself.
"""

import json
import subprocess
import sys

import pytest
from conftest import nbval_finds
from toys import run_all, toy

from clofarabine.__main__ import project
from clofarabine.tables.paths import ROOT

CELLS = (
    "print('12 of 12')",
    "from IPython.display import HTML\nHTML('<td>0.25</td>')",
    "from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>')",
    "from IPython.display import Markdown\nMarkdown('three studies')",
)
CHANGED = ("12 of 12", "0.25", "<svg xmlns", "three studies")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nbval")
    (run,) = run_all([toy(folder, "n", *CELLS)], build=folder / "build")
    return run.folder / "notebook.ipynb"


@pytest.fixture(scope="module")
def changed(notebook, tmp_path_factory):
    """The notebook with another output in every cell."""
    nb = json.loads(notebook.read_text())
    for cell, text in zip(nb["cells"], CHANGED, strict=True):
        whole = json.dumps(cell["outputs"])
        assert json.dumps(text)[1:-1] in whole
        cell["outputs"] = json.loads(whole.replace(json.dumps(text)[1:-1], "something else"))
    path = tmp_path_factory.mktemp("changed") / "changed.ipynb"
    path.write_text(json.dumps(nb))
    return path


def test_what_is_the_same_passes_and_every_changed_output_fails(notebook, changed):
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
         "-c", str(ROOT / "pyproject.toml"), "-o", "addopts=--nbval", str(notebook), str(changed)],
        capture_output=True, text=True, cwd=changed.parent,
    ).stdout  # fmt: skip
    assert said.startswith("....FFFF "), "cell by cell, in the order of the two notebooks"


def test_its_comparison_of_a_finished_run_is_as_strict(notebook, changed, tmp_path, request):
    assert nbval_finds(request.session, ran=notebook, committed=notebook) == []
    found = nbval_finds(request.session, ran=notebook, committed=changed)
    assert [f.partition(":")[0] for f in found] == [f"Cell {i}" for i in range(4)]
    nb = json.loads(notebook.read_text())
    for tag in ("nbval-skip", "nbval-ignore-output"):
        nb["cells"][1]["metadata"]["tags"] = [tag]
        (tmp_path / "spared.ipynb").write_text(json.dumps(nb))
        found = nbval_finds(request.session, ran=notebook, committed=tmp_path / "spared.ipynb")
        assert found == ["Cell 1: not compared"]
    del nb["cells"][1]
    (tmp_path / "shorter.ipynb").write_text(json.dumps(nb))
    found = nbval_finds(request.session, ran=notebook, committed=tmp_path / "shorter.ipynb")
    assert found == ["other code cells"]


def test_nbval_is_strict_and_sees_every_notebook(pytestconfig):
    options = pytestconfig.getini("addopts")
    assert "--nbval" in options
    assert not [o for o in options if "lax" in o or "sanitize" in o]
    paths = set((ROOT / "notebooks").glob("*.ipynb"))
    assert {s.path for s in project().steps} == paths, "each step is compared in test_reproduction"
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert "nbval-" not in text, "a tag that spares a cell from the comparison"
        assert "NBVAL_" not in text
