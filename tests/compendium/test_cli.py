"""The command line: what it offers, what it refuses, what it says."""

import dataclasses
import os
import re
import subprocess
import sys

import pytest
import toys
from toys import files, toy, writer

from clofarabine.__main__ import main
from clofarabine.tables import store
from clofarabine.tables.paths import DATA
from compendium import cli, schedule
from compendium.steps import Hooks, Project


@pytest.fixture
def small(tmp_path) -> Project:
    """Two small notebooks in a folder of their own."""
    flow = (
        toy(tmp_path / "notebooks", "01_first", writer("t", "x\n1\n"), writes=("t",)),
        toy(tmp_path / "notebooks", "02_second", "p", parameters="p: str = 'a'"),
    )
    return toys.project(tmp_path, flow)


@pytest.fixture
def nothing_runs(monkeypatch):
    def run_all(*_args, **_kwargs):
        raise AssertionError("a notebook would have run")

    monkeypatch.setattr(schedule, "run_all", run_all)


@pytest.fixture
def nothing_starts(monkeypatch):
    def run_step(*_args, **_kwargs):
        raise AssertionError("a kernel would have started")

    monkeypatch.setattr(schedule, "run_step", run_step)


def test_help_names_everything():
    done = subprocess.run(
        [sys.executable, "-m", "clofarabine", "reproduce", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for option in (
        "--only",
        "-p NAME=VALUE",
        "--jobs",
        "--no-cache",
        "--counts",
        "--build",
        "--verbose",
    ):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "endpoint"], "found 'endpoint', expected name=value"),
        (["-p", "=1"], "found '=1', expected name=value"),
        (["-p", "a=[1"], "found 'a=[1', value is not readable"),
        (["--jobs", "0"], "found '0', expected a whole number of at least 1"),
        (["--jobs", "two"], "found 'two', expected a whole number"),
        (["--jobs", "²"], "found '²', expected a whole number"),
        (["--only", ""], "argument --only: found nothing, expected a name"),
        (["--build", " "], "argument --build: found nothing, expected a name"),
        (["--counts", ""], "argument --counts: found nothing, expected a name"),
        (["-p", "a=" + "[" * 2000], "value is not readable"),
        (["-p", "a=2023-99-99"], "found 'a=2023-99-99', value is not readable"),
    ],
)
def test_a_misspelt_option_is_refused(arguments, says, capsys, nothing_runs):
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", *arguments])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_an_unknown_notebook_or_parameter_is_refused(small, capsys):
    assert cli.main(small, ["reproduce", "--only", "09"]) == 1
    assert capsys.readouterr().err == (
        "error: notebook: found '09', expected one of 01_first, 02_second\n"
    )
    assert cli.main(small, ["reproduce", "-p", "q=1"]) == 1
    assert "has no parameter 'q'" in capsys.readouterr().err
    assert cli.main(small, ["reproduce", "-p", "p=a", "-p", "p=b"]) == 1
    assert capsys.readouterr().err == "error: -p p: found it again, expected each parameter once\n"


def test_a_parameter_gives_outputs_of_its_own(small, capsys):
    assert cli.main(small, ["reproduce", "--only", "02", "-p", "p=b", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The notebook was run.\n")
    assert "nothing committed to compare them with" in said
    assert list(files(small.build / "selected")) == [
        "notebooks/02_second.ipynb",
        "outputs.sha256",
    ]
    assert not (small.build / "notebooks").exists()


def test_reproduce_says_what_differs_and_update_settles_it(small, capsys):
    before, elsewhere = files(small.root / "notebooks"), str(small.root / "elsewhere")
    assert cli.main(small, ["reproduce"]) == 1
    said = capsys.readouterr().out
    assert "t.csv            not committed make update would add it" in said
    assert "1 of 3 outputs are identical to the committed ones." in said
    assert "01_first" not in said, "what is the same needs no line"
    assert files(small.root / "notebooks") == before, "reproduce touches nothing that is committed"
    assert cli.main(small, ["update"]) == 0
    assert files(small.root / "data") == {"derived/t.csv": b"x\n1\n"}
    capsys.readouterr()
    identical = "3 of 3 outputs are identical to the committed ones.\n"
    assert cli.main(small, ["reproduce", "--build", elsewhere]) == 0
    assert capsys.readouterr().out == "All 2 notebooks were run.\n" + identical
    assert cli.main(small, ["reproduce", "--build", elsewhere]) == 0
    assert capsys.readouterr().out == "None was run: nothing changed.\n" + identical
    toy(small.root / "notebooks", "02_second", "p + 'b'", parameters="p: str = 'a'")
    assert cli.main(small, ["reproduce", "--build", elsewhere, "--verbose"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("1 of 2 notebooks were run; the others are unchanged.\n")
    assert "notebook       01_first.ipynb   identical\n" in said
    assert re.findall(r"^(\w+): [\d.]+ s to [\d.]+ s$", said, re.M) == ["02_second"]
    assert cli.main(small, ["reproduce", "--build", elsewhere, "--no-cache"]) == 1
    assert "All 2 notebooks were run." in capsys.readouterr().out


def test_a_value_that_the_project_does_not_take_is_refused(small, capsys, nothing_starts):
    def check(parameters):
        if parameters.get("p") == "c":
            raise ValueError("p: found 'c', expected one of a, b")

    strict = dataclasses.replace(small, hooks=Hooks(check_parameters=check))
    assert cli.main(strict, ["reproduce", "-p", "p=c"]) == 1
    assert capsys.readouterr().err == "error: p: found 'c', expected one of a, b\n"


def test_a_notebook_reads_no_table_that_was_made_of_other_counts(tmp_path, capsys, nothing_runs):
    path = tmp_path / "counts.csv"
    path.write_text("row,cr,or\nSuo 2013,9,NA\n")
    only = ["--only", "00", "--only", "03", "--only", "04", "--only", "07"]
    assert main(["reproduce", *only, "--counts", str(path)]) == 1
    said = "which 02_reconstruction makes of the counts: add --only 02\n"
    assert capsys.readouterr().err.endswith(said)


def test_a_wrong_choice_is_refused_before_a_kernel_starts(tmp_path, capsys, nothing_starts):
    build = str(tmp_path / "b")
    assert main(["reproduce", "--only", "03", "-p", "tau2_method=XY", "--build", build]) == 1
    assert "error: tau2_method: found 'XY', expected one of DL, DL2, PM" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["/proc", "file", "file/below", "/proc/1/x"])
def test_a_build_folder_that_cannot_be_one_is_named(small, what, capsys):
    (small.root / "file").write_text("mine")
    folder = what if what.startswith("/") else str(small.root / what)
    assert cli.main(small, ["reproduce", "--build", folder]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: --build ")
    assert said.endswith(" a folder that can be written to\n") or "that no run made" in said
    assert said.count("\n") == 1
    assert (small.root / "file").read_text() == "mine"


def test_a_pipe_is_no_input(small, capsys, nothing_starts):
    pipe = small.root / "pipe"
    os.mkfifo(pipe)
    assert cli.main(small, ["reproduce", "--counts", str(pipe)]) == 1
    assert capsys.readouterr().err.startswith("error: pipe: found a pipe or a device, expected")
    assert cli.main(small, ["run", "--grid", str(pipe)]) == 1
    assert "pipe: found a pipe or a device, expected a grid file" in capsys.readouterr().err
    assert cli.main(small, ["reproduce", "-p", f"p={pipe}"]) == 1
    assert "p: found a pipe or a device, expected a file" in capsys.readouterr().err
    first = small.steps[0].path
    first.unlink()
    os.mkfifo(first)
    assert cli.main(small, ["reproduce"]) == 1
    assert "01_first.ipynb: found a pipe or a device" in capsys.readouterr().err


INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == {name!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from {package}.__main__ import main
sys.exit(main({arguments!r}))
"""


@pytest.mark.parametrize("command", ["reproduce", "report", "run"])
@pytest.mark.parametrize("name", ["compendium.cli", "yaml", "papermill", "tqdm", "nbformat"])
def test_an_interrupt_while_libraries_are_imported_is_a_line(name, command):
    arguments = [command, "--no-cache", *(["--grid", "grid.yml"] if command == "run" else [])]
    _is_a_line(INTERRUPTED.format(package="clofarabine", name=name, arguments=arguments))


def _is_a_line(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    assert done.stderr.startswith("interrupted")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["pandas", "numba"])
def test_so_it_is_in_the_command_that_asks_what_printed_this(name, tmp_path):
    rows, printed = (str(DATA / f"examples/printed_{kind}.csv") for kind in ("rows", "numbers"))
    arguments = ["counts", rows, printed, "--out", str(tmp_path)]
    _is_a_line(INTERRUPTED.format(package="metaprop", name=name, arguments=arguments))


BAD_COUNTS = {
    "no such file": (None, "found no such file, expected a CSV table in UTF-8"),
    "another table": (b"study,x,n\nCLO-212,7,61\n", "row 1: found no column 'row'"),
    "not text": (
        b"\x00\xff\xfe" * 50,
        "row 1: found byte 0xff, which is not UTF-8, expected a CSV",
    ),
    "no rows": (lambda t: t[: t.index(b"\n") + 1], "found no rows, expected at least one"),
    "x > n": (
        lambda t: t.replace(b",61,7,7,", b",61,7,62,"),
        "row 2, column cr_max: found 62, expected at most n = 61",
    ),
    "CR above OR": (
        lambda t: t.replace(b",61,7,7,", b",61,13,13,"),
        "row 2, column cr_min: found 13, expected at most or_max = 12",
    ),
    "a fraction": (
        lambda t: t.replace(b",61,7,7,", b",61,7,7.5,"),
        "row 2, column cr_max: found '7.5', expected a whole number",
    ),
}


@pytest.mark.parametrize("case", BAD_COUNTS)
def test_bad_counts_are_refused_before_anything_runs(case, tmp_path, capsys, nothing_runs):
    content, says = BAD_COUNTS[case]
    path = tmp_path / "counts.csv"
    if callable(content):
        good = store.path_of("evidence").read_bytes()
        content = content(good)
        assert content != good
    if content is not None:
        path.write_bytes(content)
    assert main(["reproduce", "--counts", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {path}")
    assert says in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "found no such file"),
        ("label,x,n\nA,1,9\nB,10,9\n", "row 3, column x: found 10, expected at most n = 9"),
    ],
)
def test_a_bad_table_is_refused_before_a_kernel_starts(
    content, says, tmp_path, capsys, nothing_starts
):
    path = tmp_path / "mine.csv"
    if content is not None:
        path.write_text(content)
    assert main(["reproduce", "--only", "03", "-p", f"table={path}"]) == 1
    assert says in capsys.readouterr().err
