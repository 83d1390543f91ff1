"""What the comparison calls identical, and what it finds."""

import base64
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread, imsave
from PIL import Image
from toys import files, project, toy

from compendium import compare
from compendium.run import Run

SVG = "<svg><path d='M 0.1234567890123 2'/></svg>"


def _outputs(cell):
    data = {"text/plain": ["a b"], "text/html": ["<td>0.25</td>"], "image/svg+xml": SVG}
    cell["outputs"] = [
        {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1},
        {"output_type": "stream", "name": "stdout", "text": "12 of 12\n"},
    ]


def _edit(path, change):
    """Change a notebook by a function of its code cell."""
    nb = json.loads(path.read_text())
    change(nb["cells"][0])
    path.write_text(json.dumps(nb))


@pytest.fixture
def finished(tmp_path):
    """A finished run and a tree in which all its outputs are committed."""
    step = toy(tmp_path / "notebooks", "n", "1", writes=("t",), figures=("f",))
    _edit(step.path, _outputs)
    figures, derived = tmp_path / "figures", tmp_path / "data" / "derived"
    figures.mkdir()
    derived.mkdir(parents=True)
    imsave(figures / "f.png", np.linspace(0, 1, 300).reshape(10, 10, 3))
    (figures / "f.svg").write_text(SVG)
    (derived / "t.csv").write_text("study,x\nCLO-212,0.1234567890123\nSuo,NA\n")
    run = tmp_path / "run"
    shutil.copytree(figures, run / "figures")
    shutil.copytree(derived, run / "derived")
    shutil.copy(step.path, run / "notebook.ipynb")
    return Run(step, run, cached=False), tmp_path


def _compare(run, root):
    return compare.compare([run], project(root))


def _differing(run, root):
    return {r.name: r.note for r in _compare(run, root) if not r.same}


def test_what_is_the_same_is_identical(finished):
    results = _compare(*finished)
    assert [(r.kind, r.name) for r in results if r.same] == [
        ("notebook", "n.ipynb"),
        ("derived table", "t.csv"),
        ("figure", "f.png"),
        ("figure", "f.svg"),
    ]
    line = "4 of 4 outputs are identical to the committed ones."
    assert compare.report(results) == line
    every = compare.report(results, verbose=True).splitlines()
    assert every[-1] == line
    assert [e.split()[-1] for e in every[:-1]] == ["identical"] * 4


def _pixel(root):
    path = root / "figures" / "f.png"
    picture = imread(path)
    picture[3, 4, 0] = 1 - picture[3, 4, 0]
    imsave(path, picture)


def _text(file, old, new):
    def change(root):
        path = root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


TAMPERED = {
    "a pixel": (_pixel, "f.png", "1 pixels differ"),
    "a picture's size": (
        lambda root: imsave(root / "figures" / "f.png", np.zeros((5, 9, 3))),
        "f.png",
        "10 x 10 pixels instead of 9 x 5",
    ),
    "a drawing": (_text("figures/f.svg", "M 0.12", "M 0.13"), "f.svg", "instead of 0.1334567"),
    "a number": (
        _text("data/derived/t.csv", "0.12", "0.13"),
        "t.csv",
        "0.1234567890123 instead of 0.",
    ),
    "a word": (_text("data/derived/t.csv", "Suo", "Sou"), "t.csv", "'Suo,NA' instead of 'Sou,NA'"),
    "NA made zero": (
        _text("data/derived/t.csv", "NA", "0"),
        "t.csv",
        "'Suo,NA' instead of 'Suo,0'",
    ),
    "a row": (_text("data/derived/t.csv", "Suo,NA\n", ""), "t.csv", "3 lines instead of 2"),
    "printed text": (_text("notebooks/n.ipynb", "12 of 12", "12 of 13"), "n.ipynb", "cell 1: 12 i"),
    "a table in HTML": (_text("notebooks/n.ipynb", ">0.25<", ">0.26<"), "n.ipynb", "0.25 instead"),
    "a shown drawing": (_text("notebooks/n.ipynb", "M 0.1", "M 0.2"), "n.ipynb", "cell 1: 0.123"),
    "the code": (_text("notebooks/n.ipynb", '"1"', '"2"'), "n.ipynb", "cell 1: 1 instead of 2"),
    "an output more": (
        lambda root: _edit(root / "notebooks/n.ipynb", lambda c: c["outputs"].pop()),
        "n.ipynb",
        "cell 1: another number of outputs",
    ),
    "not committed": (
        lambda root: (root / "data/derived/t.csv").unlink(),
        "t.csv",
        "make update would",
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_tampered_with_is_found(finished, case):
    run, root = finished
    change, name, note = TAMPERED[case]
    change(root)
    found = _differing(run, root)
    assert list(found) == [name]
    assert note in found[name]


def test_numbers_agree_to_one_part_in_a_billion(finished):
    run, root = finished
    path = root / "data" / "derived" / "t.csv"
    path.write_text(path.read_text().replace("0.1234567890123", "0.12345678901239"))
    assert _differing(run, root) == {}
    path.write_text(path.read_text().replace("0.12345678901239", "0.1234567894"))
    assert list(_differing(run, root)) == ["t.csv"]


def test_outputs_are_those_that_the_step_declares(finished):
    run, root = finished
    more = replace(run.step, writes=("t", "u"), figures=())
    found = {r.name: r.verdict for r in _compare(replace(run, step=more), root) if not r.same}
    assert found == {"u": "missing", "f": "undeclared"}


def test_outputs_are_every_file_of_the_runs_where_it_is_committed(finished):
    run, root = finished
    committed = {n: c for n, c in files(root).items() if not n.startswith("run/")}
    assert compare.outputs([run], project(root)) == committed


DRAWN = """<svg><!-- pooled: 0.525 -->
<defs><path id="m0a1b2c3d4e" d="M 0 3.25 L 1.5 2"/></defs>
<use xlink:href="#m0a1b2c3d4e" x="10.123456" y="7"/><use xlink:href="#DejaVuSans-13" x="1"/>
</svg>"""
REDRAWN = DRAWN.replace("0a1b2c3d4e", "ffeeddccbb").replace("10.123456", "10.123457")


def _drawn(root, text):
    (root / "figures" / "f.svg").write_text(text)

    def change(cell):
        cell["outputs"][0]["data"]["image/svg+xml"] = text

    _edit(root / "notebooks" / "n.ipynb", change)


def test_the_same_numbers_in_another_drawing_are_told_from_another_result(finished):
    run, root = finished
    _drawn(root, REDRAWN)
    (run.folder / "figures" / "f.svg").write_text(DRAWN)
    shutil.copy(root / "notebooks" / "n.ipynb", run.folder / "notebook.ipynb")
    _edit(run.folder / "notebook.ipynb", lambda c: c["outputs"][0]["data"].update(
        {"image/svg+xml": DRAWN}))  # fmt: skip
    results = _compare(run, root)
    assert all(r.same for r in results)
    assert [r.name for r in results if r.verdict == "other drawing"] == ["n.ipynb", "f.svg"]
    assert compare.report(results).splitlines()[-2:] == [
        "2 of 4 outputs are identical to the committed ones.",
        "2 more: the same text and numbers, drawn with other last digits.",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pooled: 0.525", "pooled: 0.526"),  # a number that is shown
        ("pooled", "fitted"),
        ("10.123457", "10.2"),  # moved
        ("DejaVuSans-13", "DejaVuSans-14"),  # another letter
        ("M 0 3.25", "M 0 3.50"),  # another mark
        ('href="#mffeeddccbb"', 'href="#maaaaaaaaaa"'),  # a mark that is not the one defined
    ],
)
def test_what_a_drawing_shows_is_content(finished, old, new):
    run, root = finished
    assert old in REDRAWN
    (run.folder / "figures" / "f.svg").write_text(DRAWN)
    _drawn(root, REDRAWN.replace(old, new))
    assert {"f.svg", "n.ipynb"} <= set(_differing(run, root))


def _png(pixels, **options):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", **options)
    return base64.b64encode(out.getvalue()).decode()


def test_a_picture_in_a_notebook_is_compared_by_pixels(finished):
    run, root = finished
    pixels = np.full((8, 8, 3), 255, np.uint8)
    dotted = pixels.copy()
    dotted[3, 4] = 0

    def put(path, png):
        _edit(path, lambda c: c["outputs"][0]["data"].update({"image/png": png}))

    ours, theirs = run.folder / "notebook.ipynb", root / "notebooks" / "n.ipynb"
    put(ours, _png(pixels, compress_level=9))
    put(theirs, _png(pixels, compress_level=0))
    assert ours.read_bytes() != theirs.read_bytes()
    assert _differing(run, root) == {}
    put(theirs, _png(dotted))
    assert _differing(run, root) == {"n.ipynb": "cell 1: 1 pixels differ"}
    put(theirs, "bm8gUE5H")
    assert _differing(run, root) == {"n.ipynb": "cell 1: a picture that is not readable as PNG"}
