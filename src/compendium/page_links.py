"""What links of a page lead to: its notebooks, and the documents that notebooks link to."""

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from .steps import Project


def prefix_of(path: str) -> str:
    """Id of a notebook or document in the page, by its path below the project's root."""
    stem, _, ending = path.rpartition(".")
    if ending == "ipynb":
        return f"notebook-{stem.rpartition('/')[2].partition('_')[0]}"
    return "document-" + re.sub(r"[^a-z0-9]+", "-", stem.lower())


def inner_links(body: str, folder: str, parts: Mapping[str, str]) -> str:
    """Links to files that are in the page lead to their part of it; to other files become text.

    Parameters
    ----------
    body : str
    folder : str
        Folder of the file that the body was made of, below the project's root.
    parts : mapping
        Id of a part by the path of its file.
    """

    def link(m: re.Match) -> str:
        if re.match(r"#|https://|data:", m["href"]):
            return m[0]
        file = posixpath.normpath(posixpath.join(folder, m["href"].partition("#")[0]))
        return f'<a href="#{parts[file]}">{m["text"]}</a>' if file in parts else m["text"]

    return re.sub(r'<a href="(?P<href>[^"]*)"[^>]*>(?P<text>.*?)</a>', link, body, flags=re.DOTALL)


def deeper(body: str) -> str:
    """Headings one level down: the page's own title is the first level."""
    return re.sub(r"(</?h)([1-5])\b", lambda m: f"{m[1]}{int(m[2]) + 1}", body)


def document(text: str) -> tuple[str, str]:
    """Title of a Markdown file, and its HTML without that title and without pictures."""
    first, _, rest = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).strip().partition("\n")
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    body = MarkdownWithMath(renderer=renderer).render(rest)
    return first.lstrip("# "), re.sub(r"<img[^>]*>", "", deeper(body))


def linked_documents(project: Project, notebooks: Mapping[str, Any]) -> dict[str, str]:
    """Markdown files of the project that its notebooks link to, by path below its root."""
    out: dict[str, str] = {}
    for nb in notebooks.values():
        prose = "\n".join(c.source for c in nb.cells if c.cell_type == "markdown")
        for link in re.findall(r"\]\(([^)#\s]+\.md)", prose):
            name = posixpath.normpath(posixpath.join(project.notebooks, link))
            path = project.root / name
            if not name.startswith("..") and path.is_file():
                out.setdefault(name, path.read_text(encoding="utf-8"))
    return out
