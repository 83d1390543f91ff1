"""nbval really compares: `make test` runs it over notebooks/, and here it has to find changes."""

import json
import subprocess
import sys

import pytest
from toys import run_all, toy

from clofarabine.tables.store import ROOT

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


def _nbval(path):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
         "-c", str(ROOT / "pyproject.toml"), "-o", "addopts=--nbval", str(path)],
        capture_output=True, text=True, cwd=path.parent,
    ).stdout  # fmt: skip


def test_what_is_the_same_passes(notebook):
    assert "4 passed" in _nbval(notebook)


def test_every_changed_output_fails(notebook, tmp_path):
    nb = json.loads(notebook.read_text())
    for cell, text in zip(nb["cells"], CHANGED, strict=True):
        whole = json.dumps(cell["outputs"])
        assert json.dumps(text)[1:-1] in whole
        cell["outputs"] = json.loads(whole.replace(json.dumps(text)[1:-1], "something else"))
    changed = tmp_path / "changed.ipynb"
    changed.write_text(json.dumps(nb))
    assert "4 failed" in _nbval(changed)


def test_nbval_is_strict_and_sees_every_notebook(pytestconfig):
    options = pytestconfig.getini("addopts")
    assert "--nbval" in options
    assert not [o for o in options if "lax" in o or "sanitize" in o]
    assert "notebooks" in pytestconfig.getini("testpaths")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert "nbval-" not in text, "a tag that spares a cell from the comparison"
        assert "NBVAL_" not in text
