"""The report in a real browser: nothing asked of the network, axe, search, telephone, A4."""

import re
import shutil
import subprocess
from pathlib import Path

import axe_playwright_python
import nbformat
import pytest
from conftest import need

from clofarabine.__main__ import ledger_of, project
from clofarabine.tables import store
from clofarabine.tables.paths import ROOT
from compendium import html_report
from compendium.page_links import linked_documents

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
OPEN = "document.querySelectorAll('details').forEach(d => { d.open = true; })"
A4 = 186 * 96 // 25.4  # text width in pixels, margins of 12 mm taken off


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = project()
    notebooks = {s.name: nbformat.read(s.path, 4) for s in found.steps}
    documents = linked_documents(found, notebooks)
    text = html_report.page(notebooks, ledger_of(store.load("claims_verdicts")), documents)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def view(path, chromium):
    """A tab of the report as large as a telephone; what it asks and what it says fail the test."""
    tab = chromium.new_page(viewport={"width": 400, "height": 800})
    asked, said = [], []
    tab.on("request", lambda r: asked.append(r.url))
    tab.on("console", lambda m: said.append(m.text))
    tab.on("pageerror", lambda e: said.append(str(e)))
    tab.goto(path.as_uri())
    yield tab
    tab.close()
    assert {u.partition("#")[0] for u in asked if not u.startswith("data:")} == {path.as_uri()}
    assert said == []


def test_a_telephone_shows_it(view):
    """Nothing is wider than the screen, folded or not, and the answer is on top."""
    assert view.locator("h2").first.inner_text() == "In short"
    assert view.locator("details[open]").count() == 0
    assert view.evaluate("document.documentElement.scrollWidth") <= 400
    view.evaluate(OPEN)
    assert view.evaluate("document.documentElement.scrollWidth") <= 400
    assert view.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    letters = view.evaluate(
        "Math.min(...[...document.querySelectorAll('figure .drawing')].map(e =>"
        " e.getBoundingClientRect().width / e.viewBox.baseVal.width))"
    )
    assert letters > 0.95  # pixels a point: a drawing scrolls rather than shrinks


@pytest.mark.parametrize("width", [400, 1400])
def test_axe_finds_no_violation(view, width):
    view.set_viewport_size({"width": width, "height": 900})
    view.evaluate(OPEN)
    view.evaluate(AXE)
    found = view.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 20
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []


def _shown(view):
    return view.locator("table.ledger tbody tr:not([hidden])").count()


def test_the_ledger_is_searched_and_filtered(view):
    verdicts = store.load("claims_verdicts").merge(store.load("claims"), on="id")
    assert _shown(view) == len(verdicts)
    view.locator("[name=verdict]").select_option("discrepant")
    wrong = verdicts[verdicts["verdict"] == "discrepant"]
    assert _shown(view) == len(wrong)
    (some, *_), every = wrong["section"].value_counts(), verdicts["section"].value_counts()
    first = wrong["section"].value_counts().index[0]
    told = view.locator(f"details[data-section='{first}'] > summary").inner_text()
    assert told == f"{first}: {some} of {every[first]} numbers"
    assert view.locator("#found").inner_text().startswith(f"{len(wrong)} of {len(verdicts)} ")
    section = wrong["section"].iloc[-1]
    view.locator("[name=section]").select_option(section)
    assert _shown(view) == (wrong["section"] == section).sum()
    view.locator("#filter button").click()
    view.wait_for_function("document.querySelectorAll('table.ledger tr[hidden]').length === 0")
    word = wrong["locator"].iloc[-1].split()[-1].lower()
    view.locator("[name=words]").fill(word)
    assert 0 < _shown(view) < len(verdicts)
    rows = view.locator("table.ledger tbody tr:not([hidden])")
    assert all(word in t.lower() for t in rows.all_text_contents())
    view.locator("[name=words]").fill("no such words anywhere")
    assert _shown(view) == 0


def test_a_link_opens_what_is_folded_around_its_target(view):
    view.locator("[aria-label=Discrepancies] th a").first.click()
    assert view.locator("tr:target").is_visible()
    view.locator("tr:target a").click()
    assert view.evaluate("document.querySelector(':target').closest('details').open")


def test_a_link_to_a_folded_part_opens_it(view):
    view.locator("#section-table-2").evaluate("e => { location.hash = e.id; }")
    view.wait_for_function("document.getElementById('section-table-2').open")


def test_it_is_whole_without_script(path, chromium):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(path.as_uri())
    assert not tab.locator("#filter").is_visible()
    tab.locator("details.part summary").first.click()
    assert tab.locator("table.ledger tbody tr").first.is_visible()
    context.close()


def test_no_table_is_cut_off_on_paper(view):
    view.set_viewport_size({"width": int(A4), "height": 1000})
    view.emulate_media(media="print")
    view.evaluate("dispatchEvent(new Event('beforeprint'))")
    tables = view.evaluate(
        """[...document.querySelectorAll('table, .drawing[role=img]')]
           .filter(e => e.checkVisibility()).map(e =>
             [Math.ceil(e.getBoundingClientRect().right), e.textContent.slice(0, 60)])"""
    )
    assert len(tables) > 60
    assert [t for t in tables if t[0] > A4] == []


def test_make_prints_the_page(path, tmp_path):
    """The recipe itself, on the page made here in the place of `make report`'s."""
    need("chromium")
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "build").mkdir()
    shutil.copyfile(path, tmp_path / "build" / "report.html")
    done = subprocess.run(
        ["make", "--old-file=report", "report-pdf"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pdf = (tmp_path / "build" / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 40 < pages < 200  # what is folded is printed; code is not
