"""The documents say what is there: links lead somewhere, commands and parameters exist."""

import re
import shlex

import nbformat
import pytest
import yaml

from clofarabine import headline, parameters
from clofarabine.__main__ import project
from clofarabine.tables import DataError
from clofarabine.tables.paths import ROOT
from compendium import cli
from compendium.notebooks import check_parameters

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("benchmarks/*.md")])
PROJECT = project()
NOTEBOOKS = [s.path for s in PROJECT.steps]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def _markdown(path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(c.source for c in cells if c.cell_type == "markdown")


def _commands(page) -> list[list[str]]:
    """Shell lines of the fenced blocks and of code spans."""
    text = _markdown(page)
    blocks = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for b in blocks for line in b.splitlines()]
    lines += re.findall(r"`(make [^`]+|\.venv/bin/[^`]+|python -m clofarabine [^`]+)`", text)
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda p: p.name)
def test_every_link_leads_to_a_file(path):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", _markdown(path)):
        if not link.startswith(("http://", "https://", "attachment:", "mailto:")):
            assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", [ROOT / "README.md", NOTEBOOKS[0]], ids=lambda p: p.name)
def test_every_notebook_is_listed(path):
    table = [line for line in _markdown(path).splitlines() if line.startswith("|")]
    linked = re.findall(r"\]\((?:notebooks/)?(\w+)\.ipynb\)", "\n".join(table))
    want = [p.stem for p in NOTEBOOKS if p != path]
    assert linked == want


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist(page):
    for words in _commands(page):
        if words[0] == "make":
            assert words[1] in TARGETS, words
        elif words[1:3] == ["-m", "clofarabine"]:
            cli.parser("clofarabine").parse_args(
                words[3:]
            )  # exits with an error if it does not understand
        elif words[0].endswith("/papermill") and "--help-notebook" not in words:
            (s,) = (s for s in PROJECT.steps if str(s.path.relative_to(ROOT)) == words[1])
            at = [i for i, w in enumerate(words) if w == "-p"]
            given = {words[i + 1]: yaml.safe_load(words[i + 2]) for i in at}
            check_parameters(s, given)
            parameters.check(given)


def test_the_readme_has_commands_to_check():
    heads = {w[0].rpartition("/")[2] for w in _commands(ROOT / "README.md")}
    assert {"make", "python", "papermill"} <= heads


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_that_draw_are_collapsed_and_do_nothing_else(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "figures.show(" in cell.source:
            assert cell.metadata.get("jupyter", {}).get("source_hidden"), cell.source
            assert "save_derived" not in cell.source


def test_the_results_in_the_readme_are_those_of_the_derived_tables():
    text = headline.README.read_text(encoding="utf-8")
    assert headline.filled(text) == text
    first = text[: text.index("## Two commands")]
    assert set(re.findall(r"<!--([\w-]+)-->", first)) == set(headline.values())
    bare = re.sub(
        r"<!--.*?<!--/-->|\(https?:[^)]*\)|\]\([^)]*\)|doi [^\]]*|\(Adv Ther[^,]*",
        "",
        first,
        flags=re.DOTALL,
    )
    assert re.findall(r"\d+", bare) == ["2023"]  # the year of the paper: no result is typed


def test_a_tag_without_a_number_is_refused():
    with pytest.raises(DataError, match=r"<!--claim-->: found no such number, one of claims"):
        headline.filled("<!--claim-->1<!--/-->")
