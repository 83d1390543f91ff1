"""codecheck.yml: what a codechecker has to see made again (CODECHECK configuration 2.0).

The manifest is every figure and derived table that the notebooks write. It is the last part of the
file, made from the data flow; the rest is written by hand, by the authors and by the codechecker.
"""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import yaml

from clofarabine.tables import store

from .run import FLOW, Step

PATH = store.ROOT / "codecheck.yml"
_MARK = "manifest:\n"
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def _caption(name: str, figures: Path) -> str:
    """First sentence of a figure's caption, as its SVG carries it."""
    tree = ElementTree.parse(figures / f"{name}.svg")  # noqa: S314 (our own file)
    text = next((e.text for e in tree.iter(_DESCRIPTION)), None) or name
    return text.partition(". ")[0].rstrip(".")


def manifest(
    steps: Iterable[Step] = FLOW, figures: Path = store.ROOT / "figures"
) -> list[dict[str, str]]:
    """Files that the notebooks make, each with what it is and which notebook makes it."""
    out = []
    for s in steps:
        made_by = f"(notebooks/{s.path.name})"
        for name in s.figures:
            comment = f"{_caption(name, figures)} {made_by}"
            out += [{"file": f"figures/{name}.{e}", "comment": comment} for e in ("svg", "png")]
        for name in s.writes:
            entry = store.resource(name)
            out.append({"file": f"data/{entry['path']}", "comment": f"{entry['title']} {made_by}"})
    return out


def refreshed(figures: Path) -> store.Texts:
    """codecheck.yml as it is, and with its manifest in step with the data flow and the figures."""
    found = PATH.read_bytes()
    head, mark, _ = found.decode().partition(_MARK)
    if not mark:
        raise store.DataError("codecheck.yml: found no line 'manifest:', expected it as the last")
    made = manifest(figures=figures)
    rest = yaml.safe_dump(made, allow_unicode=True, sort_keys=False, width=1000)
    return {PATH: (found, (head + _MARK + rest).encode())}
