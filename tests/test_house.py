"""The house: which package may import which, how long a module may be, and maps that are whole."""

import ast
import json
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("metaprop", "compendium", "clofarabine")
LONGEST = 320

# Modules that are longer, each with its reason.
LONGER: dict[str, str] = {}


def modules(src: Path) -> list[Path]:
    """Every module below a folder."""
    return sorted(src.rglob("*.py"))


@cache  # copies of src/ are asked about, in which one module differs
def imported(source: str) -> set[str]:
    """Packages that a module names by their full names, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {a.name.partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def forbidden(place: str) -> set[str]:
    """Packages of this house that a module may not import, by its place below src."""
    package = place.partition("/")[0]
    others = set(PACKAGES) - {package}
    if package == "clofarabine":
        return set() if place == "clofarabine/__main__.py" else {"compendium"}
    return others


def broken_arrows(src: Path) -> list[str]:
    """Each import that goes against an arrow."""
    out = []
    for path in modules(src):
        place = path.relative_to(src).as_posix()
        named = imported(path.read_text(encoding="utf-8"))
        out += [f"{place} imports {n}" for n in sorted(named & forbidden(place))]
    return out


def too_long(src: Path) -> set[str]:
    """Places of modules that are longer than a module may be."""
    return {
        p.relative_to(src).as_posix()
        for p in modules(src)
        if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST
    }


def first_line(source: str) -> str:
    """First line of a module's docstring, "" if it has none."""
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def is_sentence(line: str) -> bool:
    """Whether a line begins as a sentence, ends as one and says something."""
    words = line.split()
    starts = line[:1].isupper() or ".yml" in line[:20]
    return len(words) >= 3 and starts and line.endswith(".")


def unnamed(init: Path) -> set[str]:
    """Modules and folders beside an __init__ that its docstring does not name."""
    text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
    beside = {p.stem for p in init.parent.glob("*.py")} - {"__init__", "__main__"}
    beside |= {p.parent.name for p in init.parent.glob("*/__init__.py")}
    return {n for n in beside if not re.search(rf"^{n}\b", text, re.MULTILINE)}


def test_arrows_go_one_way():
    assert broken_arrows(ROOT / "src") == []


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("metaprop/pooling.py", "import clofarabine.tables"),
        ("metaprop/plots/style.py", "from compendium import run"),
        ("compendium/run.py", "from metaprop.pooling import TAU2"),
        ("compendium/compare.py", "def f():\n    from clofarabine.tables import store"),
        ("clofarabine/studies.py", "from compendium.files import sha256"),
    ],
)
def test_a_broken_arrow_is_found(tmp_path, place, line):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    with (tmp_path / "src" / place).open("a") as file:
        file.write(f"\n{line}\n")
    (found,) = broken_arrows(tmp_path / "src")
    assert found.startswith(f"{place} imports ")


def test_both_meet_in_the_command_line():
    source = (ROOT / "src" / "clofarabine" / "__main__.py").read_text(encoding="utf-8")
    assert "compendium" in imported(source)


def test_no_notebook_imports_the_machinery():
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert paths
    for path in paths:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code":
                assert not re.search(r"^\s*(from|import)\s+compendium\b", source, re.M), path.name


def test_modules_are_short():
    assert too_long(ROOT / "src") <= set(LONGER)


def test_a_long_module_is_found(tmp_path):
    (tmp_path / "long.py").write_text("x = 1\n" * (LONGEST + 1))
    (tmp_path / "short.py").write_text("x = 1\n" * LONGEST)
    assert too_long(tmp_path) == {"long.py"}


@pytest.mark.parametrize("path", modules(ROOT / "src"), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_module_says_what_it_is(path):
    line = first_line(path.read_text(encoding="utf-8"))
    assert is_sentence(line), line


def test_a_docstring_that_is_no_sentence_is_found():
    for line in ("", "Helpers.", "helpers for the files", "Names of files and their hashes"):
        assert not is_sentence(line)


def test_the_rooms_of_the_tests_are_named():
    folder = ROOT / "tests"
    text = ast.get_docstring(ast.parse((folder / "conftest.py").read_text(encoding="utf-8")))
    rooms = {p.parent.name for p in folder.glob("*/test_*.py")}
    assert {n for n in rooms if not re.search(rf"^{n}/$", text, re.M)} == set()


def test_every_map_names_its_modules():
    src = ROOT / "src"
    for init in sorted(src.rglob("__init__.py")):
        place = init.relative_to(src).as_posix()
        assert unnamed(init) == set(), place


def test_the_map_of_the_machinery_is_true():
    """A module imports, at its top, only modules that stand above it in the map."""
    folder = ROOT / "src" / "compendium"
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    order = [n for n in re.findall(r"^(\w+)$", text, re.M) if (folder / f"{n}.py").is_file()]
    for i, name in enumerate(order):
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        named = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                named |= {node.module} if node.module else {a.name for a in node.names}
        assert named <= set(order[:i]), (name, named)
