"""codecheck.yml: what a codechecker has to see made again (CODECHECK configuration 2.0).

The manifest is every figure and derived table that the notebooks write. It is the last part of the
file, made from the data flow; the rest is written by hand, by the authors and by the codechecker.
"""

from pathlib import Path
from xml.etree import ElementTree

import yaml

from .errors import PipelineError
from .steps import Project, Texts

NAME = "codecheck.yml"
_MARK = "manifest:\n"
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def _caption(name: str, figures: Path) -> str:
    """First sentence of a figure's caption, as its SVG carries it."""
    tree = ElementTree.parse(figures / f"{name}.svg")  # noqa: S314 (our own file)
    text = next((e.text for e in tree.iter(_DESCRIPTION)), None) or name
    return text.partition(". ")[0].rstrip(".")


def manifest(project: Project, figures: Path | None = None) -> list[dict[str, str]]:
    """Files that the notebooks make, each with what it is and which notebook makes it."""
    figures = figures or project.root / project.figures
    out = []
    for s in project.steps:
        made_by = f"({project.notebooks}/{s.path.name})"
        for name in s.figures:
            comment = f"{_caption(name, figures)} {made_by}"
            files = [f"{project.figures}/{name}.{e}" for e in ("svg", "png")]
            out += [{"file": f, "comment": comment} for f in files]
        for name in s.writes:
            comment = f"{project.hooks.table_title(name)} {made_by}"
            out.append({"file": f"{project.derived}/{name}.csv", "comment": comment})
    return out


def refreshed(project: Project, figures: Path) -> Texts:
    """codecheck.yml as it is, and with its manifest in step; nothing if the project has none."""
    path = project.root / NAME
    if not path.exists():
        return {}
    found = path.read_bytes()
    head, mark, _ = found.decode().partition(_MARK)
    if not mark:
        raise PipelineError(f"{NAME}: found no line 'manifest:', expected it as the last")
    made = manifest(project, figures)
    rest = yaml.safe_dump(made, allow_unicode=True, sort_keys=False, width=1000)
    return {path: (found, (head + _MARK + rest).encode())}
