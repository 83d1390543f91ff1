"""The page: whole, escaped, without network, and linked both ways."""

import html
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
from clofarabine.tables.paths import DATA
from compendium import html_report
from compendium.page_links import document, inner_links, linked_documents
from compendium.page_tables import LONG, Names, framed
from compendium.run import Run

PROJECT = project()
NOTEBOOKS = {s.name: nbformat.read(s.path, 4) for s in PROJECT.steps}


class Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.links, self.loads, self.tags, self.images = [], [], [], [], []
        self.regions, self.uses = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.tags.append(tag)
        if "id" in a:
            self.ids.append(a["id"])
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        if tag == "img" or (tag == "svg" and a.get("role") == "img"):
            self.images.append(a.get("alt") or a.get("aria-label"))
        if a.get("role") == "region":
            self.regions.append(a["aria-label"])
        if tag == "use":
            self.uses.append(a["href"][1:])
        self.loads += [a[k] for k in ("src", "srcset", "data", "poster") if k in a]
        if tag == "link":
            self.loads.append(a.get("href", ""))


@pytest.fixture(scope="module")
def text() -> str:
    documents = linked_documents(PROJECT, NOTEBOOKS)
    return html_report.page(NOTEBOOKS, ledger_of(store.load("claims_verdicts")), documents)


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_it_needs_no_network(text, page):
    assert all(u.startswith("data:") for u in page.loads)
    assert not {"link", "iframe", "object"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert "default-src 'none'" in text
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "@import" not in styles
    assert set(re.findall(r"url\((.)", styles)) <= {"#"}


def test_it_is_small(text):
    assert len(text.encode()) < 3_000_000


def test_it_is_accessible(text, page):
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1
    assert re.findall(r"<th(?![^>]*scope=)[ >]", text) == []
    levels = [int(t[1]) for t in page.tags if re.fullmatch("h[1-6]", t)]
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_a_picture_says_what_it_shows(page):
    """Its name is the first sentence of its caption: words, and no name of a file."""
    outputs = [o for nb in NOTEBOOKS.values() for c in nb.cells for o in c.get("outputs", [])]
    drawn = [o["data"]["text/plain"] for o in outputs if "image/svg+xml" in o.get("data", {})]
    assert len(page.images) == len(drawn) > 20
    for said, plain in zip(page.images, drawn, strict=True):
        name, _, caption = plain.partition(": ")
        assert caption.startswith(said)
        assert len(said.split()) >= 4
        assert name not in said


def test_regions_have_names_of_their_own(page):
    assert len(page.regions) > 40
    assert all(page.regions)
    assert len(set(page.regions)) == len(page.regions)


def test_the_summary_is_that_of_the_start_page(text):
    """One place for its words: the cells of notebook 00 with the tag."""
    top = re.search(r'<section aria-labelledby="summary".*?</section>', text, re.DOTALL)[0]
    said = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", top)))
    cells = [
        c for nb in NOTEBOOKS.values() for c in nb.cells if "summary" in c.metadata.get("tags", [])
    ]
    assert len(cells) > 3
    for cell in cells:
        shown = [o["data"]["text/markdown"] for o in cell.get("outputs", [])]
        for source in [cell.source] if cell.cell_type == "markdown" else shown:
            prose = re.sub(r"^#+ .*$", "", source, flags=re.MULTILINE)
            words = re.sub(r"\[(.+?)\]\([^)]*\)|[*_`]", r"\1", prose)
            assert re.sub(r"\s+", " ", words).strip() in said


def test_no_name_of_a_rule_is_shown(text):
    folded = r'<details class="code">.*?</details>|<script>.*?</script>'
    text = text.partition('<section class="document"')[0]  # the codebook states them
    seen = re.sub(r"<[^>]+>", " ", re.sub(folded, "", text, flags=re.DOTALL))
    names = [r for r in RULES if "_" in r]
    assert names
    assert [r for r in names if re.search(rf"\b{r}\b", seen)] == []


def test_where_next_leads_to_the_documents(text):
    for name in ("reviewing", "data-readme", "readme"):
        assert f'href="#document-{name}"' in text
        assert f'<h2 id="document-{name}"' in text


def test_ids_are_unique_and_links_lead_somewhere(page):
    assert len(page.ids) == len(set(page.ids))
    assert set(page.uses) <= set(page.ids)
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
    assert text.count("<script") == 1  # the page's own
    assert "alert(1)</script" not in text
    assert text.count("&lt;script&gt;") >= 6


def test_links_between_files_stay_in_the_page():
    body = (
        '<a href="01_x.ipynb">one</a> <a href="../notebooks/01_x.ipynb#part">two</a> '
        '<a href="../README.md" title="t">three</a> <a href="../data/README.md">six</a> '
        '<a href="#here">four</a> <a href="https://doi.org/x">five</a>'
    )
    parts = {"notebooks/01_x.ipynb": "notebook-01", "data/README.md": "document-data-readme"}
    assert inner_links(body, "notebooks", parts) == (
        '<a href="#notebook-01">one</a> <a href="#notebook-01">two</a> three '
        '<a href="#document-data-readme">six</a> '
        '<a href="#here">four</a> <a href="https://doi.org/x">five</a>'
    )


def test_units_are_read_aloud():
    told = [("16", "%"), ("52", "mg/m²"), ("1", "years"), ("12", "years"), ("2004", "year")]
    words = ["16%", "52 mg/m²", "1 year", "12 years", "2004 (year)"]
    assert [html_report.with_unit(*t) for t in told] == words
    assert html_report.with_unit("open", "label") == "open"


def test_a_document_has_no_marks_of_its_own():
    title, body = document("# Title\n\n## A heading\n\nWords.")
    assert (title, body.strip()) == ("Title", "<h3>A heading</h3>\n<p>Words.</p>")


def test_a_long_table_is_folded_and_a_name_is_given_once():
    frame = pd.DataFrame({"a": range(LONG + 1), "b": "x"})
    names = Names()
    short, long = (framed(f.to_html(), "A heading", names) for f in (frame[1:], frame))
    assert short.startswith('<div class="wide" tabindex="0" role="region" aria-label="A heading">')
    assert long.startswith(
        f'<details class="long"><summary>A heading (2): {LONG + 1} rows</summary>'
    )
    assert short.count('scope="row"') == LONG
    assert "border=" not in short


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
    assert 'id="document-reviewing"' in text
