"""A notebook that cannot be run is refused in one line; a run that succeeds says nothing odd."""

import json
import platform
import subprocess

import pytest
from jupyter_client.kernelspec import get_kernel_spec
from toys import command, project, run_all, toy

from compendium import notebooks
from compendium.errors import PipelineError


def _edit(change):
    def edited(content):
        nb = json.loads(content)
        change(nb)
        return json.dumps(nb).encode()

    return edited


OLD = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}
DAMAGE = {
    "empty": (lambda c: b"", "found nothing"),
    "blank": (lambda c: b" \n", "found nothing"),
    "UTF-16": (lambda c: c.decode().encode("utf-16"), "found byte 0xff, which is not UTF-8"),
    "byte order mark": (lambda c: b"\xef\xbb\xbf" + c, "found a byte order mark"),
    "merge conflict": (
        lambda c: b"<<<<<<< HEAD\n" + c + b"=======\n>>>>>>> other\n",
        "found the marks of a merge conflict",
    ),
    "cut short": (lambda c: c[:-20], "found what is not JSON"),
    "nested": (lambda c: b"[" * 100_000, "found what is not JSON"),
    "a list": (lambda c: b"[]", "found no notebook"),
    "another file": (lambda c: b'{"a": 1}', "found no notebook"),
    "nbformat 3": (lambda c: json.dumps(OLD).encode(), "found version 3 of the format"),
    "no metadata": (_edit(lambda nb: nb.pop("metadata")), "found a notebook that is not valid"),
    "a broken cell": (
        _edit(lambda nb: nb["cells"][0].pop("source")),
        "found a notebook that is not valid",
    ),
    "no kernel": (_edit(lambda nb: nb["metadata"].pop("kernelspec")), "found the kernel None"),
    "another kernel": (
        _edit(lambda nb: nb["metadata"]["kernelspec"].update(name="ir")),
        "found the kernel 'ir'",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_notebook_is_refused_in_a_line(damage, tmp_path):
    change, says = DAMAGE[damage]
    step = toy(tmp_path / "notebooks", "n", "1")
    notebooks.check(step.path)
    step.path.write_bytes(change(step.path.read_bytes()))
    with pytest.raises(PipelineError) as error:
        run_all([step], build=tmp_path / "build")
    said = str(error.value)
    assert said.startswith(f"notebooks/n.ipynb: {says}")
    assert said.endswith(", expected a notebook in UTF-8, nbformat 4, kernel python3")
    assert "\n" not in said


def test_a_missing_notebook_is_named(tmp_path):
    step = toy(tmp_path / "notebooks", "n", "1")
    step.path.unlink()
    with pytest.raises(PipelineError, match=r"^notebooks/n\.ipynb: found no such file, expected"):
        run_all([step], build=tmp_path / "build")


@pytest.mark.parametrize("code", ["input('name? ')", "import getpass; getpass.getpass()"])
def test_a_call_that_asks_for_input_is_refused_at_once(code, tmp_path):
    step = toy(tmp_path / "notebooks", "n", "1", code)
    with pytest.raises(PipelineError) as error:
        run_all([step], build=tmp_path / "build")
    says = "found a call that asks for input, expected none: nobody is there to answer"
    assert str(error.value) == f"n, cell 2: {says}"


def test_a_long_error_is_cut(tmp_path):
    step = toy(tmp_path / "notebooks", "n", "raise ValueError('x' * 10_000_000)")
    with pytest.raises(PipelineError) as error:
        run_all([step], build=tmp_path / "build")
    assert "characters left out]" in str(error.value)
    assert len(str(error.value)) < 20_000


@pytest.mark.parametrize("code", ["print('a\\ud800b')", "raise ValueError('\\ud800')"])
def test_text_that_cannot_be_written_is_said_to_be(code, tmp_path):
    """The kernel loses such an output, and leaves a traceback of its own in its place."""
    step = toy(tmp_path / "with a space", "n", "1", code)
    with pytest.raises(PipelineError, match=r"^n, cell 2: .*found text that UTF-8 cannot hold"):
        run_all([step], build=tmp_path / "build")


def test_an_escaped_surrogate_is_no_matter(tmp_path):
    step = toy(tmp_path / "with a space", "n", "'\\ud800'")
    (run,) = run_all([step], build=tmp_path / "a build")
    assert "ud800" in (run.folder / "notebook.ipynb").read_text(encoding="utf-8")


def test_a_run_that_succeeds_says_nothing_but_how_far_it_is(tmp_path):
    """No complaint of a kernel, no rate and no guess of when it ends."""
    steps = [toy(tmp_path / "notebooks", n, "1", "2") for n in ("a", "b")]
    done = subprocess.run(command(steps, "reproduce"), capture_output=True, text=True)
    last = done.stderr.rstrip().rsplit("\r", 1)[-1].rsplit("notebooks:", 1)[-1]
    assert "4/4 cells" in last
    for word in ("ERROR", "Interrupt", "died", "Warning", "cell/s", "/s", "?"):
        assert word not in done.stderr, done.stderr


def test_a_notebook_is_saved_as_jupyterlab_saves_it(tmp_path):
    """Which would otherwise call it changed as soon as it is opened."""
    (run,) = run_all([toy(tmp_path / "n", "n", "1")], build=tmp_path / "build")
    saved = json.loads((run.folder / "notebook.ipynb").read_text(encoding="utf-8"))["metadata"]
    assert saved["kernelspec"]["display_name"] == get_kernel_spec("python3").display_name
    assert saved["language_info"].pop("version") == platform.python_version()
    assert set(saved["language_info"]) == {
        "codemirror_mode", "file_extension", "mimetype", "name", "nbconvert_exporter",
        "pygments_lexer",
    }  # fmt: skip


def test_a_file_that_no_cell_closes_is_written_at_the_kernels_end(tmp_path):
    """A kernel is asked to end, not killed."""
    code = "f = open(f\"{__import__('os').environ['CLOFARABINE_OUTPUT']}/derived/t.csv\", 'w')"
    step = toy(tmp_path / "notebooks", "n", code, "_ = f.write('x\\n')", writes=("t",))
    (run,) = run_all([step], build=tmp_path / "build")
    assert run.table("t").read_text() == "x\n"


def test_a_project_file_is_read_and_refused(tmp_path):
    from compendium import steps

    path = tmp_path / "compendium.toml"
    path.write_text('name = "n"\n[[notebook]]\nname = "01_a"\nwrites = ["t"]\n')
    read = steps.read(path)
    assert read.steps == (
        steps.Step("01_a", writes=("t",), folder=tmp_path.resolve() / "notebooks"),
    )
    assert read.build == project(tmp_path.resolve()).build
    for text, says in (
        ("name = ", "compendium.toml: not readable as TOML"),
        ('name = "n"\ncolour = 1\n', "unexpected keyword argument 'colour'"),
        ('name = "n"\n[[notebook]]\nwrites = []\n', "'name'"),
    ):
        path.write_text(text)
        with pytest.raises(PipelineError, match=says):
            steps.read(path)
    path.unlink()
    with pytest.raises(PipelineError, match="found no such file, expected the project file"):
        steps.read(path)
