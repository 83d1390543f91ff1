"""The notebooks and the ledger as one HTML page that needs nothing else.

Each claim links to the cell whose rule decided its verdict, and that cell links back to its claims.
A cell says which rules it shows by tags, "rule:" and the name of the rule.
"""

import base64
import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import pandas as pd
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from .errors import PipelineError
from .publish import publish
from .run import Run
from .steps import Project
from .workspace import STAGING

TEMPLATES = Path(__file__).parent / "templates"
TAG = "rule:"


@dataclass(frozen=True)
class Ledger:
    """What a project's page says beside its notebooks.

    Attributes
    ----------
    title : str
        Title of the page.
    paper : dict
        author, year, reference and doi of the paper.
    rows : DataFrame
        A row per claim: id, section, locator, quantity, population, printed, unit, check (its
        rule), verdict, reason, caveat, recomputed, evidence.
    verdicts : dict
        What each verdict means, in the order in which they are shown.
    """

    title: str
    paper: dict[str, Any]
    rows: pd.DataFrame
    verdicts: dict[str, str]


def anchor(claim: str) -> str:
    """Id of a claim in the page."""
    return "claim-" + re.sub(r"[^A-Za-z0-9]+", "-", claim.replace(">", "over")).strip("-")


def rules_of(cell: nbformat.NotebookNode) -> list[str]:
    """Rules that the tags of a cell name."""
    tags = cell.metadata.get("tags", [])
    return [t.removeprefix(TAG) for t in tags if t.startswith(TAG)]


def accessible_table(text: str) -> str:
    """A table as pandas writes it, with the scope of each head."""
    head, body, rest = text.partition("</thead>")
    head = head.replace("<th></th>", "<td></td>").replace("<th>", '<th scope="col">')
    rest = re.sub(r"<th(?=[ >])", '<th scope="row"', rest)
    text = re.sub(r'<table border="1" class="dataframe">', "<table>", head + body + rest)
    return re.sub(r"<style scoped>.*?</style>", "", text, flags=re.DOTALL)


def _wide(body: str) -> str:
    """Every table in a frame of its own that scrolls; heads that have no scope head columns."""
    body = re.sub(r"<th(?! scope)(?=[ >])", '<th scope="col"', body)
    frame = '<div class="wide" tabindex="0" role="region" aria-label="Table">'
    return re.sub(r"<table.*?</table>", rf"{frame}\g<0></div>", body, flags=re.DOTALL)


def figure(svg: str, text: str) -> str:
    """A picture inside the page, its caption beside it and its name for who cannot see it."""
    name, _, caption = text.partition(": ")
    code = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><img alt="{html.escape(name.replace("_", " "))}" '
        f'src="data:image/svg+xml;base64,{code}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _output(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    d = output.get("data", {})
    if "image/svg+xml" in d:
        output["data"] = {"text/html": figure(d["image/svg+xml"], d.get("text/plain", ""))}
    elif "text/html" in d:
        output["data"] = {"text/html": accessible_table(d["text/html"])}
    return output


def _deeper(markdown: str) -> str:
    """Headings one level down: the page's own title is the first level."""
    return re.sub(r"^(#{1,5}) ", r"#\1 ", markdown, flags=re.MULTILINE)


def prefix_of(name: str) -> str:
    """Id of a notebook in the page."""
    return f"notebook-{name.partition('_')[0]}"


def inner_links(body: str, names: Iterable[str]) -> str:
    """Links between notebooks lead to their part of the page; those to other files become text."""
    parts = {f"{name}.ipynb": prefix_of(name) for name in names}

    def link(m: re.Match) -> str:
        file = m["href"].partition("#")[0].rpartition("/")[2]
        if re.match(r"#|https://|data:", m["href"]):
            return m[0]
        return f'<a href="#{parts[file]}">{m["text"]}</a>' if file in parts else m["text"]

    return re.sub(r'<a href="(?P<href>[^"]*)"[^>]*>(?P<text>.*?)</a>', link, body, flags=re.DOTALL)


def body_of(nb: nbformat.NotebookNode, prefix: str, claims: dict[str, list[dict]]) -> str:
    """HTML of one notebook, code folded.

    claims : rule -> its claims (id, anchor), which the cell with the rule's tag lists.
    """
    nb = nbformat.from_dict(nb)
    for i, cell in enumerate(nb.cells, start=1):
        if cell.cell_type == "markdown":
            cell.source = _deeper(cell.source)
            continue
        rules = rules_of(cell)
        mine = [c for r in rules for c in claims.get(r, [])]
        cell.metadata |= {"number": i, "rules": rules, "claims": mine}
        cell.outputs = [_output(o) for o in cell.outputs]
    exporter = HTMLExporter(
        template_name="basic",
        template_file="notebook.html.j2",
        extra_template_paths=[str(TEMPLATES)],
        exclude_anchor_links=True,
        embed_images=True,
    )
    body, _ = exporter.from_notebook_node(nb, resources={"prefix": prefix})
    # Two notebooks may have a heading in common; an id may not occur twice.
    return _wide(re.sub(r'(<h[1-6] id=")', rf"\g<1>{prefix}-", body))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.astype(object).where(table.notna(), "").to_dict("records")
    return [r | {"anchor": anchor(r["id"]), "slug": r["verdict"].replace(" ", "-")} for r in rows]


def _count(rows: list[dict[str, Any]], ledger: Ledger) -> tuple[list[dict], list[dict]]:
    """How often each verdict occurs: in all, and by section."""
    count = Counter((r["section"], r["verdict"]) for r in rows)
    sections = list(dict.fromkeys(r["section"] for r in rows))
    verdicts = [
        {
            "name": v,
            "slug": v.replace(" ", "-"),
            "meaning": meaning,
            "n": sum(count[s, v] for s in sections),
        }
        for v, meaning in ledger.verdicts.items()
    ]
    by_section = [
        {
            "name": s,
            "anchor": "section-" + s.lower().replace(" ", "-"),
            "counts": [count[s, v] for v in ledger.verdicts],
        }
        for s in sections
    ]
    return verdicts, by_section


def page(notebooks: dict[str, nbformat.NotebookNode], ledger: Ledger) -> str:
    """The page.

    Parameters
    ----------
    notebooks : dict
        Executed notebooks by name, in their order.
    ledger : Ledger
    """
    rows = _rows(ledger.rows)
    claims: dict[str, list[dict]] = {}
    for r in rows:
        claims.setdefault(r["check"], []).append({"id": r["id"], "anchor": r["anchor"]})
    parts = []
    for name, nb in notebooks.items():
        prefix = prefix_of(name)
        title = next(c.source for c in nb.cells if c.cell_type == "markdown").splitlines()[0]
        body = inner_links(body_of(nb, prefix, claims), notebooks)
        parts.append({"prefix": prefix, "title": title.lstrip("# "), "body": body})
    verdicts, sections = _count(rows, ledger)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True
    )
    return environment.get_template("report.html.j2").render(
        title=ledger.title,
        paper=ledger.paper,
        notebooks=parts,
        rows=rows,
        verdicts=verdicts,
        sections=sections,
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        highlight=HtmlFormatter().get_style_defs(".highlight"),
    )


def write(project: Project, runs: list[Run], path: Path) -> Path:
    """Write the page of finished runs, whole or not at all, and its hash; return where.

    Raises
    ------
    PipelineError
        If the project has no ledger.
    """
    if project.hooks.ledger is None:
        raise PipelineError(f"report: found no ledger, expected one of the project {project.name}")
    notebooks = {r.step.name: nbformat.read(r.folder / "notebook.ipynb", 4) for r in runs}
    ledger = project.hooks.ledger({t: r.table(t) for r in runs for t in r.step.writes})
    publish(
        path.parent, {path.name: page(notebooks, ledger).encode()},
        staging=path.parent / STAGING, manifest=f"{path.stem}.sha256",
    )  # fmt: skip
    return path
