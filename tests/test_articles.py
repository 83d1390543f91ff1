"""A notebook is an article: short cells, and no number typed into prose."""

import doctest
import re
from statistics import median

import nbformat
import pytest
from test_house import ROOT

from metaprop import pooling

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TYPICAL, LONG, LONGEST = 5, 12, 20


def _lengths(cells: list) -> list[int]:
    """Lines of each code cell, in order of length; the parameters cell is a list and not one."""
    code = [c for c in cells if c.cell_type == "code"]
    own = [c for c in code if "parameters" not in c.metadata.get("tags", [])]
    return sorted(len(c.source.splitlines()) for c in own)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_are_short(path):
    lengths = _lengths(nbformat.read(path, as_version=4).cells)
    assert lengths
    assert median(lengths) <= TYPICAL
    assert lengths[int(0.9 * (len(lengths) - 1))] <= LONG
    assert lengths[-1] <= LONGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_prose_holds_no_percentage(path):
    cells = nbformat.read(path, as_version=4).cells
    prose = " ".join(c.source for c in cells if c.cell_type == "markdown")
    assert re.findall(r"\b\d+(?:\.\d+)?\s?%", prose) == []


def test_examples_in_docstrings_are_true():
    found = doctest.testmod(pooling)
    assert found.attempted
    assert not found.failed
