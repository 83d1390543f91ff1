"""Say of each notebook, figure and derived table whether a run gave what is committed."""

import base64
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .run import Run
from .steps import Project

# Numbers may differ by this much relative to their size: what different processors make of the
# last bits, far below any digit that is shown.
TOLERANCE = 1e-9
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
# In a drawing that shows the same: coordinates may differ by this much of a point, and the names
# that matplotlib makes of what it draws (a hash of coordinates) are no content.
_POINT = 0.001
_NAME = re.compile(r'(?<=["#])[A-Za-z]\w*?[0-9a-f]{10}(?=[")])')
_VALUE = re.compile(r'="[^"]*"')

IDENTICAL, REDRAWN = "identical", "other drawing"


@dataclass(frozen=True)
class Result:
    """One compared output."""

    kind: str
    name: str
    verdict: str
    note: str = ""

    @property
    def same(self) -> bool:
        """Whether the output is what is committed, in bytes or in what it says."""
        return self.verdict in (IDENTICAL, REDRAWN)


def text_difference(a: str, b: str, absolute: float = 1e-15) -> str:
    """First difference of two texts, "" if there is none; numbers agree to TOLERANCE."""
    if a == b:
        return ""
    words_a, words_b = _NUMBER.split(a), _NUMBER.split(b)
    if words_a != words_b:
        for x, y in zip(a.splitlines(), b.splitlines(), strict=False):
            if _NUMBER.split(x) != _NUMBER.split(y):
                return f"{x.strip()[:60]!r} instead of {y.strip()[:60]!r}"
        return f"{len(a.splitlines())} lines instead of {len(b.splitlines())}"
    for x, y in zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True):
        if x != y and not math.isclose(float(x), float(y), rel_tol=TOLERANCE, abs_tol=absolute):
            return f"{x} instead of {y}"
    return ""


def _named(svg: str) -> str:
    """A drawing with its hashed names replaced by their order of appearance."""
    order: dict[str, str] = {}
    return _NAME.sub(lambda m: order.setdefault(m[0], f"name {len(order)}"), svg)


def drawing_difference(a: str, b: str) -> str:
    """First difference of what two SVG drawings show, "" if there is none.

    Text and numbers that are shown agree as in any text, coordinates to a thousandth of a point.
    """
    a, b = _named(a), _named(b)
    if found := text_difference(_VALUE.sub("", a), _VALUE.sub("", b)):
        return found
    for x, y in zip(_VALUE.findall(a), _VALUE.findall(b), strict=False):
        if found := text_difference(x, y, _POINT):
            return found
    return ""


def table_difference(new: Path, old: Path) -> str:
    """First difference of two CSV files."""
    return text_difference(new.read_text(encoding="utf-8"), old.read_text(encoding="utf-8"))


def picture_difference(new: Path, old: Path) -> str:
    """Difference of two PNG files by pixels, or of two SVG files as text."""
    if new.suffix == ".svg":
        return text_difference(new.read_text(encoding="utf-8"), old.read_text(encoding="utf-8"))
    return _pixel_difference(new.read_bytes(), old.read_bytes())


def _pixel_difference(new: bytes, old: bytes) -> str:
    """Difference of two PNG pictures by pixels, "" if there is none."""
    if new == old:
        return ""
    import numpy as np
    from matplotlib.image import imread

    a, b = (imread(io.BytesIO(png), "png") for png in (new, old))
    if a.shape != b.shape:
        return f"{a.shape[1]} x {a.shape[0]} pixels instead of {b.shape[1]} x {b.shape[0]}"
    count = int(np.any(a != b, axis=-1).sum())
    return f"{count} pixels differ" if count else ""


def _redrawn(new: Path, old: Path) -> bool:
    """Whether an SVG file or a notebook shows the same numbers in another drawing."""
    if new.suffix == ".ipynb":
        return not notebook_difference(new, old, drawing_difference)
    texts = (p.read_text(encoding="utf-8") for p in (new, old))
    return new.suffix == ".svg" and not drawing_difference(*texts)


def notebook_difference(
    new: Path, old: Path, drawing: Callable[[str, str], str] = text_difference
) -> str:
    """First difference of two notebooks in source or outputs, drawings included."""
    cells = [json.loads(p.read_text(encoding="utf-8"))["cells"] for p in (new, old)]
    if len(cells[0]) != len(cells[1]):
        return f"{len(cells[0])} cells instead of {len(cells[1])}"
    for i, pair in enumerate(zip(*cells, strict=True), start=1):
        for (kind, a), (other, b) in zip(*(_texts(c) for c in pair), strict=False):
            if kind != other:
                return f"cell {i}: {kind} instead of {other}"
            by_kind = {"image/svg+xml": drawing, "image/png": _encoded_difference}
            if found := by_kind.get(kind, text_difference)(a, b):
                return f"cell {i}: {found}"
        if len(list(_texts(pair[0]))) != len(list(_texts(pair[1]))):
            return f"cell {i}: another number of outputs"
    return ""


def _encoded_difference(new: str, old: str) -> str:
    """Difference of two pictures as a notebook keeps them."""
    try:
        return _pixel_difference(*(base64.b64decode(text) for text in (new, old)))
    except (ValueError, SyntaxError, OSError):
        return "a picture that is not readable as PNG"


def _texts(cell: dict) -> Iterator[tuple[str, str]]:
    """Kind and text of a cell's source and of each of its outputs."""
    yield "source", "".join(cell["source"])
    for output in cell.get("outputs", []):
        yield "text", "".join(output.get("text", []))
        for kind, value in sorted(output.get("data", {}).items()):
            yield kind, "".join(value) if isinstance(value, list | str) else json.dumps(value)


def _compare(kind: str, new: Path, old: Path, difference: Callable[[Path, Path], str]) -> Result:
    name = old.name
    if not old.is_file():
        return Result(kind, name, "not committed", "make update would add it")
    if new.read_bytes() == old.read_bytes() or not (found := difference(new, old)):
        return Result(kind, name, IDENTICAL)
    return (
        Result(kind, name, REDRAWN) if _redrawn(new, old) else Result(kind, name, "differs", found)
    )


def _folders(project: Project) -> dict[str, Path]:
    root = project.root
    return {"derived": root / project.derived, "figures": root / project.figures}


def compare(runs: list[Run], project: Project) -> list[Result]:
    """Each output of runs beside the one that is committed in the project."""
    committed = _folders(project)
    results = []
    for run in runs:
        new = run.folder / "notebook.ipynb"
        results.append(_compare("notebook", new, run.step.path, notebook_difference))
    for kind, folder, difference in (
        ("derived table", "derived", table_difference),
        ("figure", "figures", picture_difference),
    ):
        for run in runs:
            written = sorted((run.folder / folder).iterdir())
            results += [_compare(kind, p, committed[folder] / p.name, difference) for p in written]
            declared = run.step.writes if folder == "derived" else run.step.figures
            names = {p.stem for p in written}
            for name in sorted(set(declared) - names):
                results.append(Result(kind, name, "missing", f"{run.step.name} did not write it"))
            for name in sorted(names - set(declared)):
                results.append(Result(kind, name, "undeclared", f"{run.step.name} wrote it"))
    return results


def outputs(runs: list[Run], project: Project) -> dict[str, bytes]:
    """What runs give, by the path below the project's root where it is committed."""
    files = {}
    for run in runs:
        files[run.step.path] = (run.folder / "notebook.ipynb").read_bytes()
        for kind, folder in _folders(project).items():
            files |= {folder / p.name: p.read_bytes() for p in (run.folder / kind).iterdir()}
    return {str(path.relative_to(project.root)): content for path, content in sorted(files.items())}


def report(results: list[Result], *, verbose: bool = False) -> str:
    """Lines that end a reproduction: each output that differs, or every one, and how many agree."""
    shown = [r for r in results if verbose or r.verdict != IDENTICAL]
    width = max((len(r.name) for r in shown), default=0)
    lines = [f"{r.kind:14} {r.name:{width}}  {r.verdict:13} {r.note}".rstrip() for r in shown]
    counted = Counter(r.verdict for r in results)
    lines.append(
        f"{counted[IDENTICAL]} of {len(results)} outputs are identical to the committed ones."
    )
    if redrawn := counted[REDRAWN]:
        lines.append(f"{redrawn} more: the same text and numbers, drawn with other last digits.")
    return "\n".join(lines)
