"""What a reader does in JupyterLab, done in a real browser."""

import platform
import re
from itertools import pairwise

import nbformat
import pytest

from clofarabine import parameters, primary
from clofarabine.__main__ import project
from compendium import compare, kernel
from metaprop.method import Method

from .conftest import START

PROJECT = project()
NAMES = [s.name for s in PROJECT.steps]
LEAST_MEMORY = 1.5 * 2**30  # what a user of Binder may count on


def _headings(name: str) -> list[tuple[int, str]]:
    nb = nbformat.read(PROJECT.step(name).path, as_version=4)
    text = "\n".join(c.source for c in nb.cells if c.cell_type == "markdown")
    return [(len(m[1]), m[2]) for m in re.finditer(r"^(#+) (.+)$", text, re.MULTILINE)]


def test_make_lab_opens_on_a_page_with_a_link_to_every_notebook(lab):
    lab.open()  # the bare address: where ``make lab`` leaves the reader
    assert lab.path() == str(START)
    for name in set(NAMES) - {START.stem}:
        assert lab.page.locator(f'.jp-RenderedMarkdown a[href*="{name}.ipynb"]').count()


@pytest.mark.parametrize("name", NAMES)
def test_run_all_gives_the_committed_outputs(lab, tmp_path, name):
    """Reached by its link on the start page; its kernel stays, for the test that follows."""
    lab.go(name)
    lab.page.wait_for_timeout(300)  # what JupyterLab learns of a kernel it writes into the notebook
    made = nbformat.read(PROJECT.step(name).path, as_version=4).metadata.language_info
    other = made.get("version") != platform.python_version()
    assert lab.app("w => w.context.model.dirty") == other
    hidden = [c["metadata"].get("jupyter", {}).get("source_hidden", False) for c in lab.cells()]
    lab.run_all()
    code = [c for c in lab.cells() if c["cell_type"] == "code"]
    errors = [o for c in code for o in c["outputs"] if o["output_type"] == "error"]
    assert not errors, errors[0]

    pictures = sum("image/svg+xml" in o.get("data", {}) for c in code for o in c["outputs"])
    lab.wait("every picture drawn", lambda: lab.app(
        """w => [...w.node.querySelectorAll('.jp-OutputArea img')]
                .filter(i => i.complete && i.naturalWidth && i.getBoundingClientRect().width > 200)
                .length""") >= pictures)  # fmt: skip
    inputs = lab.app("w => w.content.widgets.map(c => c.inputHidden === true)")
    assert inputs == hidden

    saved = nbformat.read(lab.save(f"notebooks/{name}.ipynb"), as_version=4)
    copy = tmp_path / "saved.ipynb"
    copy.write_text(kernel.normalise(saved), encoding="utf-8")
    assert compare.notebook_difference(copy, PROJECT.step(name).path) == ""
    if name != START.stem:
        lab.close(shut=False)
        lab.start()  # and back


def test_all_notebooks_open_at_once_fit_into_the_memory_of_binder(lab, request):
    """Each has run, and nobody has shut a kernel down; the browser is the reader's."""
    run = test_run_all_gives_the_committed_outputs
    items = (i for i in request.session.items if getattr(i, "function", None) is run)
    if {i.callspec.params["name"] for i in items} < set(NAMES):
        pytest.skip("without all notebooks, which were not chosen to be run before")
    assert lab.kernels() == [f"notebooks/{name}.ipynb" for name in NAMES]
    assert 0.5 * 2**30 < lab.held() < LEAST_MEMORY


@pytest.mark.parametrize("name", NAMES)
def test_headings_make_a_tree(name):
    levels = [level for level, _ in _headings(name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_table_of_contents_lists_the_headings(lab):
    name = "01_data_extraction"
    lab.go(name)
    lab.menu("View", "Table of Contents")
    want = [text for _, text in _headings(name)]
    entries = lab.page.locator(".jp-TableOfContents-tree .jp-tocItem-content")
    lab.wait("a table of contents", lambda: entries.count() >= len(want))
    assert entries.all_inner_texts() == want
    entries.last.click()
    last = lab.app("w => w.content.activeCell.model.sharedModel.getSource()")
    assert last.startswith(f"## {want[-1]}")
    lab.close()


def test_a_drop_down_list_redraws_plot_and_result(lab):
    lab.start()
    if not all(c["execution_count"] for c in lab.cells() if c["cell_type"] == "code"):
        lab.run_all()
    shown = lab.page.locator(".jp-OutputArea .widget-html-content")
    picture = shown.locator("img")
    choice = {"endpoint": "CR", "scale": "PAS", "tau2_method": "DL"}
    for name, value in (("scale", "PFT"), ("tau2_method", "REML"), ("endpoint", "OR")):
        before = picture.get_attribute("src")
        words = lab.page.get_by_text(parameters.NAMES[name], exact=True)
        label = lab.page.locator(".widget-dropdown", has=words)
        label.locator("select").select_option(parameters.WORDS[name][value])
        lab.wait("another picture", lambda b=before: picture.get_attribute("src") != b, 10)
        choice[name] = value
        method = Method(choice["scale"], choice["tau2_method"])
        want = primary.view(choice["endpoint"], method=method)
        assert shown.locator("p").first.inner_text() == want.caption
        assert picture.get_attribute("alt") == want.caption
        cells = shown.locator("tbody td").all_inner_texts()
        assert cells == [primary.printed(q, v) for q, v in want.result["value"].items()]
    lab.wait("the picture drawn", lambda: picture.evaluate("i => i.complete && i.naturalWidth > 0"))
    lab.page.set_viewport_size({"width": 1400, "height": 900})
    fits = """e => { const o = e.closest('.jp-OutputArea-output');
        return o.scrollWidth <= o.clientWidth && e.scrollWidth <= e.clientWidth; }"""
    lab.wait("nothing cut off at the side", lambda: shown.evaluate(fits), 10)
    lab.close()
