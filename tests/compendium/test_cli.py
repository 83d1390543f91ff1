"""The command line: what it offers, what it refuses, what it says."""

import subprocess
import sys

import pytest
from toys import files, toy, writer

from clofarabine import headline
from clofarabine.__main__ import main
from clofarabine.audit import ledger
from clofarabine.tables import store
from compendium import codecheck, run


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """The command line over two small notebooks in a folder of their own."""
    flow = (
        toy(tmp_path / "notebooks", "01_first", writer("t", "x\n1\n"), writes=("t",)),
        toy(tmp_path / "notebooks", "02_second", "p", parameters="p: str = 'a'"),
    )
    monkeypatch.setattr(run, "FLOW", flow)
    monkeypatch.setattr(run, "BUILD", tmp_path / "build")
    monkeypatch.setattr(store, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def nothing_runs(monkeypatch):
    def run_all(*_args, **_kwargs):
        raise AssertionError("a notebook would have run")

    monkeypatch.setattr(run, "run_all", run_all)


def test_help_names_everything():
    done = subprocess.run(
        [sys.executable, "-m", "clofarabine", "reproduce", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for option in ("--only", "-p NAME=VALUE", "--jobs", "--no-cache", "--counts", "--build"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "endpoint"], "found 'endpoint', expected name=value"),
        (["-p", "=1"], "found '=1', expected name=value"),
        (["-p", "a=[1"], "found 'a=[1', value is not readable"),
        (["--jobs", "0"], "found '0', expected a whole number of at least 1"),
        (["--jobs", "two"], "found 'two', expected a whole number"),
    ],
)
def test_a_misspelt_option_is_refused(arguments, says, capsys, nothing_runs):
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", *arguments])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_an_unknown_notebook_or_parameter_is_refused(toys, capsys):
    assert main(["reproduce", "--only", "09"]) == 1
    assert capsys.readouterr().err == (
        "error: notebook: found '09', expected one of 01_first, 02_second\n"
    )
    assert main(["reproduce", "-p", "q=1"]) == 1
    assert "has no parameter 'q'" in capsys.readouterr().err


def test_a_parameter_gives_outputs_of_its_own(toys, capsys):
    assert main(["reproduce", "--only", "02", "-p", "p=b", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "1 of 1 notebooks run now" in said
    assert "nothing committed to compare them with" in said
    assert list(files(toys / "build" / "selected")) == [
        "notebooks/02_second.ipynb",
        "outputs.sha256",
    ]
    assert not (toys / "build" / "notebooks").exists()


def test_reproduce_says_what_differs_and_update_settles_it(toys, monkeypatch, capsys):
    for module in (
        store,
        codecheck,
        headline,
        ledger,
    ):  # what update writes about the real notebooks
        monkeypatch.setattr(module, "refreshed", lambda *_: {})
    before = files(toys / "notebooks")
    assert main(["reproduce"]) == 1
    said = capsys.readouterr().out
    assert "t.csv            not committed make update would add it" in said
    assert "1 of 3 outputs are identical to the committed ones." in said
    assert files(toys / "notebooks") == before, "reproduce touches nothing that is committed"
    assert main(["update"]) == 0
    assert files(toys / "data") == {"derived/t.csv": b"x\n1\n"}
    assert main(["reproduce", "--build", str(toys / "elsewhere")]) == 0
    assert "3 of 3 outputs are identical" in capsys.readouterr().out
    assert main(["reproduce", "--build", str(toys / "elsewhere")]) == 0
    assert "0 of 2 notebooks run now" in capsys.readouterr().out
    assert main(["reproduce", "--build", str(toys / "elsewhere"), "--no-cache"]) == 0
    assert "2 of 2 notebooks run now" in capsys.readouterr().out


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
