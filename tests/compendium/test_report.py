"""The page: whole, escaped, without network, and linked both ways."""

import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import nbformat
import pandas as pd
import pytest

from clofarabine.__main__ import ledger_of, project
from clofarabine.audit.verdicts import RULES
from clofarabine.tables import store
from clofarabine.tables.store import DATA
from compendium import html_report
from compendium.run import Run

PROJECT = project()
NOTEBOOKS = {s.name: nbformat.read(s.path, 4) for s in PROJECT.steps}


class Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.loads, self.tags, self.images = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.tags.append(tag)
        if "id" in a:
            self.ids.append(a["id"])
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if tag == "img":
            self.images.append(a)
        self.loads += [a[k] for k in ("src", "srcset", "data", "poster") if k in a]
        if tag == "link":
            self.loads.append(a.get("href", ""))


@pytest.fixture(scope="module")
def text() -> str:
    return html_report.page(NOTEBOOKS, ledger_of(store.load("claims_verdicts")))


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_it_needs_no_network(text, page):
    assert all(u.startswith("data:") for u in page.loads)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "default-src 'none'" in text
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "@import" not in styles
    assert "url(" not in styles


def test_it_is_accessible(text, page):
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1
    assert page.images
    assert all(i.get("alt") for i in page.images)
    assert re.findall(r"<th(?! scope)[ >]", text) == []
    levels = [int(t[1]) for t in page.tags if re.fullmatch("h[1-6]", t)]
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_ids_are_unique_and_links_lead_somewhere(page):
    assert len(page.ids) == len(set(page.ids))
    inner = {u[1:] for u in page.links if u.startswith("#")}
    assert inner <= set(page.ids)
    outer = {u for u in page.links if not u.startswith("#")}
    assert all(u.startswith("https://") for u in outer)


def test_claims_and_cells_are_linked_both_ways(text):
    verdicts = store.load("claims_verdicts")
    articles = text.partition('<section aria-labelledby="ledger">')[0]
    for r in verdicts.itertuples():
        row = re.search(rf'<tr id="{html_report.anchor(r.id)}".*?</tr>', text)
        assert row, r.id
        assert f'href="#rule-{r.check}"' in row[0]
        cells = re.findall(
            rf'id="rule-{r.check}".*?href="#{html_report.anchor(r.id)}"', articles, re.S
        )
        assert len(cells) == 1, r.id


def test_every_rule_is_shown_by_one_cell():
    shown = [r for nb in NOTEBOOKS.values() for c in nb.cells for r in html_report.rules_of(c)]
    assert sorted(shown) == sorted(RULES)


def test_data_are_text():
    """What comes from a table or is printed by a cell cannot become mark-up."""
    evil = "<script>alert(1)</script>"
    verdicts = store.load("claims_verdicts")
    verdicts.loc[0, ["reason", "caveat", "recomputed"]] = evil
    nb = nbformat.v4.new_notebook()
    table = pd.DataFrame({"a": [evil]}, index=[evil])
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": table.to_html()}),
        nbformat.v4.new_output("display_data", {"text/markdown": f"**n** {evil}"}),
        nbformat.v4.new_output("stream", text=evil),
        nbformat.v4.new_output(
            "display_data",
            {"image/svg+xml": f"<svg>{evil}</svg>", "text/plain": f'a"{evil}: {evil}'},
        ),
    ]
    nb.cells = [
        nbformat.v4.new_markdown_cell("# 1 · Title"),
        nbformat.v4.new_code_cell(f"x = '{evil}'", outputs=outputs),
    ]
    text = html_report.page({"01_x": nb}, ledger_of(verdicts))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 6


def test_a_real_browser_shows_it(text, tmp_path, chromium):
    """Nothing is asked of the network, nothing is wider than a telephone, the verdict is on top."""
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    view = chromium.new_page(viewport={"width": 390, "height": 800})
    asked, said = [], []
    view.on("request", lambda r: asked.append(r.url))
    view.on("console", lambda m: said.append(m.text))
    view.goto(path.as_uri())
    assert [u for u in asked if not u.startswith("data:")] == [path.as_uri()]
    assert said == []
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    assert view.locator("h2").first.inner_text() == "The verdict"
    assert view.locator("details[open]").count() == 0
    claim = view.locator("tr.discrepant th a, #verdict ~ div th a").first
    claim.click()
    assert view.evaluate("document.querySelector(':target') !== null")
    view.close()


def test_links_between_files_stay_in_the_page():
    body = (
        '<a href="01_x.ipynb">one</a> <a href="../notebooks/01_x.ipynb#part">two</a> '
        '<a href="../README.md" title="t">three</a> <a href="#here">four</a> '
        '<a href="https://doi.org/x">five</a>'
    )
    assert html_report.inner_links(body, ["01_x"]) == (
        '<a href="#notebook-01">one</a> <a href="#notebook-01">two</a> three '
        '<a href="#here">four</a> <a href="https://doi.org/x">five</a>'
    )


def test_finished_runs_become_the_page(tmp_path):
    runs = []
    for s in PROJECT.steps:
        folder = tmp_path / s.name
        (folder / "derived").mkdir(parents=True)
        shutil.copyfile(s.path, folder / "notebook.ipynb")
        for name in s.writes:
            shutil.copyfile(DATA / "derived" / f"{name}.csv", folder / "derived" / f"{name}.csv")
        runs.append(Run(s, folder, cached=True))
    path = html_report.write(PROJECT, runs, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert all(f'<article id="notebook-{s.name[:2]}">' in text for s in PROJECT.steps)
