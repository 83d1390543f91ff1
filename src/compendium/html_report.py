"""The notebooks and the ledger as one HTML page that needs nothing else.

What a reader wants first, the cells tagged "summary", stands on top. Each claim links to the cell
whose rule decided its verdict, and that cell links back to its claims; a cell says which rules it
shows by tags, "rule:" and the name of the rule. Documents that notebooks link to are in the page.
"""

import base64
import hashlib
import html
import posixpath
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import pandas as pd
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from .drawings import NotDrawn, Sheet
from .errors import PipelineError
from .page_links import deeper, document, inner_links, linked_documents, prefix_of
from .page_tables import Names, all_framed, first_sentence, only_table, plain
from .publish import publish
from .run import Run
from .steps import Ledger, Project
from .workspace import STAGING

TEMPLATES = Path(__file__).parent / "templates"
TAG = "rule:"
SUMMARY = "summary"


def anchor(claim: str) -> str:
    """Id of a claim in the page."""
    return "claim-" + re.sub(r"[^A-Za-z0-9]+", "-", claim.replace(">", "over")).strip("-")


def rules_of(cell: nbformat.NotebookNode) -> list[str]:
    """Rules that the tags of a cell name."""
    tags = cell.metadata.get("tags", [])
    return [t.removeprefix(TAG) for t in tags if t.startswith(TAG)]


def figure(svg: str, text: str, sheet: Sheet) -> str:
    """A picture inside the page; its caption stands below, and its first sentence names it."""
    caption = text.partition(": ")[2] or text
    label = first_sentence(caption, least=4)
    try:
        drawn = sheet.add(svg, label)
    except NotDrawn:
        code = base64.b64encode(svg.encode()).decode()
        drawn = f'<img alt="{html.escape(label)}" src="data:image/svg+xml;base64,{code}">'
    caption = html.escape(caption)
    return f'<figure tabindex="0">{drawn}<figcaption>{caption}</figcaption></figure>'


def _output(output: nbformat.NotebookNode, sheet: Sheet) -> nbformat.NotebookNode:
    d = output.get("data", {})
    if "image/svg+xml" in d:
        output["data"] = {"text/html": figure(d["image/svg+xml"], d.get("text/plain", ""), sheet)}
    elif "text/html" in d:
        output["data"] = {"text/html": only_table(d["text/html"])}
    return output


def body_of(
    nb: nbformat.NotebookNode, prefix: str, claims: Mapping[str, list[dict]], sheet: Sheet
) -> tuple[str, str, str]:
    """HTML of a notebook, code folded: its summary, its first cell, and all the rest.

    claims : rule -> its claims (text, anchor), which the cell with the rule's tag lists.
    """
    nb = nbformat.from_dict(nb)
    for i, cell in enumerate(nb.cells, start=1):
        if cell.cell_type == "code":
            rules = rules_of(cell)
            mine = [c for r in rules for c in claims.get(r, [])]
            cell.metadata |= {"number": i, "rules": rules, "claims": mine}
            cell.outputs = [_output(o, sheet) for o in cell.outputs]
    exporter = HTMLExporter(
        template_name="basic",
        template_file="notebook.html.j2",
        extra_template_paths=[str(TEMPLATES)],
        exclude_anchor_links=True,
        embed_images=True,
    )
    top = [c for c in nb.cells if SUMMARY in c.metadata.get("tags", [])]
    rest = [c for c in nb.cells if c not in top]
    bodies = []
    for cells in (top, rest[:1], rest[1:]):
        part = nbformat.from_dict(nb | {"cells": cells})
        body, _ = exporter.from_notebook_node(part, resources={"prefix": prefix})
        bodies.append(deeper(body) if cells else "")
    return bodies[0], bodies[1], bodies[2]


def _with_headings(part: dict[str, str], names: Names) -> dict[str, Any]:
    """A part whose tables are framed, with the headings that the contents list below it."""
    below: list[dict[str, str]] = []

    def heading(m: re.Match) -> str:
        below.append({"id": f"{part['prefix']}-{len(below) + 1}", "title": plain(m[1])})
        return f'<h3 id="{below[-1]["id"]}">{m[1]}</h3>'

    body = re.sub(r"<h3>(.*?)</h3>", heading, part["body"], flags=re.DOTALL)
    return part | {"body": all_framed(body, names), "headings": below}


def with_unit(printed: str, unit: str) -> str:
    """A printed number and its unit: a plural or a symbol behind it, any other word in brackets."""
    if unit == "label":
        return printed
    if unit == "%" or not unit.isascii() or "/" in unit:
        return f"{printed}{' ' * (unit != '%')}{unit}"
    if unit.endswith("s"):
        return f"{printed} {unit.removesuffix('s') if printed == '1' else unit}"
    return f"{printed} ({unit})"


def _rows(table: pd.DataFrame, shown: Mapping[str, str]) -> list[dict[str, Any]]:
    """Claims as the page shows them; `shown` says in words where a rule's cell stands."""
    rows = table.astype(object).where(table.notna(), "").to_dict("records")
    return [
        r
        | {
            "anchor": anchor(r["id"]),
            "slug": r["verdict"].replace(" ", "-"),
            "text": f"{r['section']}, {r['locator']}: {r['quantity']}",
            "where": shown.get(r["check"], ""),
            "shown": with_unit(str(r["printed"]), r["unit"]),
        }
        for r in rows
    ]


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


def _title(nb: nbformat.NotebookNode) -> str:
    source = next(c.source for c in nb.cells if c.cell_type == "markdown")
    return source.splitlines()[0].lstrip("# ")


def _where_rules_are(notebooks: Mapping[str, nbformat.NotebookNode]) -> dict[str, str]:
    """For each rule the notebook and the heading above the cell that shows it."""
    out = {}
    for name, nb in notebooks.items():
        heading = _title(nb)
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                heads = re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)
                heading = heads[-1] if heads else heading
            out |= {r: f"{name.partition('_')[0]}, {heading}" for r in rules_of(cell)}
    return out


def page(
    notebooks: Mapping[str, nbformat.NotebookNode],
    ledger: Ledger,
    documents: Mapping[str, str] = {},
    folder: str = "notebooks",
    note: str = "",
) -> str:
    """The page.

    Parameters
    ----------
    notebooks : mapping
        Executed notebooks by name, in their order.
    ledger : Ledger
    documents : mapping
        Markdown texts that notebooks link to, by path below the project's root.
    folder : str
        Where the notebooks lie, below the root.
    note : str
        What makes these runs other than the committed ones.
    """
    sheet, names = Sheet(), Names()
    rows = _rows(ledger.rows, _where_rules_are(notebooks))
    claims: dict[str, list[dict]] = {}
    for r in rows:
        claims.setdefault(r["check"], []).append(r)
    paths = [f"{folder}/{name}.ipynb" for name in notebooks] + list(documents)
    ids = {path: prefix_of(path) for path in paths}
    summary, parts, appendix = "", [], []
    for name, nb in notebooks.items():
        prefix = ids[f"{folder}/{name}.ipynb"]
        three = body_of(nb, prefix, claims, sheet)
        top, lead, body = (inner_links(b, folder, ids) for b in three)
        summary += re.sub(r"<h[1-6].*?</h[1-6]>", "", top, flags=re.DOTALL)  # the page has its own
        parts.append({"prefix": prefix, "title": _title(nb), "lead": lead, "body": body})
    for path, text in documents.items():
        title, body = document(text)
        body = inner_links(body, posixpath.dirname(path), ids)
        appendix.append({"prefix": ids[path], "title": f"{title} ({path})", "body": body})
    verdicts, sections = _count(rows, ledger)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True
    )
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        title=ledger.title,
        paper=ledger.paper,
        note=note,
        summary=summary,
        notebooks=[_with_headings(p, names) for p in parts],
        documents=[_with_headings(p, names) for p in appendix],
        rows=rows,
        verdicts=verdicts,
        sections=sections,
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8") + sheet.css,
        highlight=HtmlFormatter(style="xcode").get_style_defs(".highlight"),
        shared=sheet.shared,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def write(project: Project, runs: list[Run], path: Path, note: str = "") -> Path:
    """Write the page of finished runs, whole or not at all, and its hash; return where.

    ``note`` says what makes these runs other than the committed ones.

    Raises
    ------
    PipelineError
        If the project has no ledger.
    """
    if project.hooks.ledger is None:
        raise PipelineError(f"report: found no ledger, expected one of the project {project.name}")
    notebooks = {r.step.name: nbformat.read(r.folder / "notebook.ipynb", 4) for r in runs}
    ledger = project.hooks.ledger({t: r.table(t) for r in runs for t in r.step.writes})
    text = page(notebooks, ledger, linked_documents(project, notebooks), project.notebooks, note)
    publish(
        path.parent, {path.name: text.encode()},
        staging=path.parent / STAGING, manifest=f"{path.stem}.sha256",
    )  # fmt: skip
    return path
