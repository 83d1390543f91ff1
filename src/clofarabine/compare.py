"""Say of each notebook, figure and derived table whether a run gave what is committed."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.image import imread

from .data import DATA, ROOT
from .pipeline import NOTEBOOKS, Run

# Numbers may differ by this much relative to their size: what different processors make of the
# last bits, far below any digit that is shown.
TOLERANCE = 1e-9
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Result:
    """One compared output."""

    kind: str
    name: str
    verdict: str
    note: str = ""

    @property
    def same(self) -> bool:
        """Whether the output is what is committed."""
        return self.verdict == "identical"


def text_difference(a: str, b: str) -> str:
    """First difference of two texts, "" if there is none; numbers agree to TOLERANCE."""
    words_a, words_b = _NUMBER.split(a), _NUMBER.split(b)
    if words_a != words_b:
        for x, y in zip(a.splitlines(), b.splitlines(), strict=False):
            if _NUMBER.split(x) != _NUMBER.split(y):
                return f"{x.strip()[:60]!r} instead of {y.strip()[:60]!r}"
        return f"{len(a.splitlines())} lines instead of {len(b.splitlines())}"
    for x, y in zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True):
        if x != y and not math.isclose(float(x), float(y), rel_tol=TOLERANCE, abs_tol=1e-15):
            return f"{x} instead of {y}"
    return ""


def table_difference(new: Path, old: Path) -> str:
    """First difference of two CSV files."""
    return text_difference(new.read_text(encoding="utf-8"), old.read_text(encoding="utf-8"))


def picture_difference(new: Path, old: Path) -> str:
    """Difference of two PNG files by pixels, or of two SVG files as text."""
    if new.suffix == ".svg":
        return text_difference(new.read_text(encoding="utf-8"), old.read_text(encoding="utf-8"))
    a, b = imread(new), imread(old)
    if a.shape != b.shape:
        return f"{a.shape[1]} x {a.shape[0]} pixels instead of {b.shape[1]} x {b.shape[0]}"
    count = int(np.any(a != b, axis=-1).sum())
    return f"{count} pixels differ" if count else ""


def notebook_difference(new: Path, old: Path) -> str:
    """First difference of two notebooks in source or outputs; pictures are compared as files."""
    cells = [json.loads(p.read_text(encoding="utf-8"))["cells"] for p in (new, old)]
    if len(cells[0]) != len(cells[1]):
        return f"{len(cells[0])} cells instead of {len(cells[1])}"
    for i, pair in enumerate(zip(*cells, strict=True), start=1):
        for a, b in zip(*(_texts(c) for c in pair), strict=False):
            if found := text_difference(a, b):
                return f"cell {i}: {found}"
        if len(list(_texts(pair[0]))) != len(list(_texts(pair[1]))):
            return f"cell {i}: another number of outputs"
    return ""


def _texts(cell: dict) -> Iterator[str]:
    yield "".join(cell["source"])
    for output in cell.get("outputs", []):
        yield "".join(output.get("text", []))
        for kind, value in sorted(output.get("data", {}).items()):
            if not kind.startswith("image/"):
                yield "".join(value) if isinstance(value, list) else json.dumps(value)


def _compare(kind: str, new: Path, old: Path, difference: Callable[[Path, Path], str]) -> Result:
    name = old.name
    if not old.is_file():
        return Result(kind, name, "not committed", "make update would add it")
    found = difference(new, old)
    return Result(kind, name, "differs", found) if found else Result(kind, name, "identical")


def compare(runs: list[Run]) -> list[Result]:
    """Compare the outputs of runs with the committed files, and look for committed leftovers."""
    results = []
    for run in runs:
        new = run.folder / "notebook.ipynb"
        results.append(_compare("notebook", new, run.step.path, notebook_difference))
    seen = set()
    for kind, folder, committed, difference in (
        ("derived table", "derived", DATA / "derived", table_difference),
        ("figure", "figures", ROOT / "figures", picture_difference),
    ):
        for run in runs:
            for new in sorted((run.folder / folder).iterdir()):
                seen.add(committed / new.name)
                results.append(_compare(kind, new, committed / new.name, difference))
            declared = run.step.writes if folder == "derived" else run.step.figures
            for name in sorted(set(declared) - {p.stem for p in (run.folder / folder).iterdir()}):
                results.append(Result(kind, name, "missing", f"{run.step.name} did not write it"))
    return results


def report(results: list[Result], runs: list[Run]) -> str:
    """The table that ends a reproduction."""
    origin = {r.step.name: "from an earlier run" if r.cached else "run now" for r in runs}
    width = max(len(r.name) for r in results)
    lines = []
    for r in results:
        note = r.note or origin.get(r.name.removesuffix(".ipynb"), "")
        lines.append(f"{r.kind:14} {r.name:{width}}  {r.verdict:13} {note}".rstrip())
    bad = sum(not r.same for r in results)
    total = len(results)
    lines.append(f"{total - bad} of {total} outputs are identical to the committed ones.")
    return "\n".join(lines)


def committed_leftovers(runs: list[Run]) -> list[Path]:
    """Committed outputs that no run of the whole pipeline writes any more."""
    kinds = ("derived", "figures")
    names = {p.name for run in runs for kind in kinds for p in (run.folder / kind).iterdir()}
    names |= {f"{run.step.name}.ipynb" for run in runs}
    folders = (NOTEBOOKS, DATA / "derived", ROOT / "figures")
    return [p for f in folders for p in sorted(f.glob("*.*")) if p.name not in names]
