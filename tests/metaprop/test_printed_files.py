"""The command `counts`: files in, files out, and an error that says where."""

import os
import shutil

import pandas as pd
import pytest

from metaprop.__main__ import main
from metaprop.printed import read
from metaprop.printed.write import FIGURE, MANIFEST, TABLES

ROWS = "label,n,x_min,x_max,arm\na,20,4,4,x\nb,15,0,15,x\nc,30,5,20,y\n"
PRINTED = "rows,scale,quantity,printed\nall,PAS,estimate,34\nall,PAS,lower,21\n"


@pytest.fixture
def given(tmp_path):
    """A function that writes both files and returns the arguments of the command."""

    def write(rows=ROWS, printed=PRINTED, encoding="utf-8"):
        (tmp_path / "rows.csv").write_bytes(rows.encode(encoding))
        (tmp_path / "printed.csv").write_bytes(printed.encode(encoding))
        return ["counts", str(tmp_path / "rows.csv"), str(tmp_path / "printed.csv"), "--out",
                str(tmp_path / "out")]  # fmt: skip

    return write


def test_the_answer_is_written(given, tmp_path, capsys):
    assert main(given()) == 0
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {*(f"{t}.csv" for t in TABLES), FIGURE, MANIFEST}
    assert pd.read_csv(out / "ranges.csv")["label"].tolist() == ["a", "b", "c"]
    methods = pd.read_csv(out / "methods.csv")
    assert methods.columns[:7].tolist() == [
        "scale", "tau2_method", "ci_method", "inverse", "vectors", "tier", "software"
    ]  # fmt: skip
    assert len(pd.read_csv(out / "vectors.csv")) == methods["vectors"].sum()
    assert capsys.readouterr().out.startswith("Set: ")


def test_a_user_s_files_stay(given, tmp_path):
    arguments = given()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.csv").write_text("mine")
    assert main(arguments) == 0
    assert (tmp_path / "out" / "mine.csv").read_text() == "mine"


def test_a_second_run_gives_the_same_bytes(given, tmp_path):
    arguments = given()
    assert main(arguments) == 0
    shutil.copytree(tmp_path / "out", tmp_path / "before")
    assert main(arguments) == 0
    for path in (tmp_path / "before").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name


def test_what_nothing_prints_is_an_answer_too(given, tmp_path, capsys):
    assert main(given(printed=f"{PRINTED}all,PAS,upper,35\nall,PAS,tau2,3\n")) == 0
    assert capsys.readouterr().out.startswith("Infeasible: ")
    assert pd.read_csv(tmp_path / "out" / "methods.csv").empty


def test_bad_input_leaves_the_last_answer(given, tmp_path, capsys):
    assert main(given()) == 0
    before = (tmp_path / "out" / "ranges.csv").read_bytes()
    assert main(given(rows=ROWS.replace("b,15,0,15", "b,15,9,3"))) == 2
    assert (tmp_path / "out" / "ranges.csv").read_bytes() == before
    message = capsys.readouterr().err
    assert "rows.csv, row 3, column x_min: found 9, expected at most x_max = 3" in message


def test_a_byte_order_mark_is_no_part_of_a_name(given):
    assert main(given(encoding="utf-8-sig")) == 0


def test_empty_ends_are_0_and_n(tmp_path):
    (tmp_path / "r.csv").write_text("label,n,x_min,x_max\na,20,,\n")
    assert read.rows(tmp_path / "r.csv")[["x_min", "x_max"]].to_numpy().tolist() == [[0, 20]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS.replace(",", ";"), "rows.csv, row 1: found columns separated by semicolons"),
        ("label,n,x_min\na,20,4\n", "row 1, column x_max: found the columns label, n, x_min"),
        (ROWS.replace("a,20,4,4", "a,20,4,21"), "row 2, column x_max: found 21, expected at most"),
        (ROWS.replace("a,20", "a,20.5"), "row 2, column n: found '20.5', expected a whole number"),
        (ROWS.replace("b,15", "b,"), "row 3, column n: found nothing, expected a whole number"),
        (ROWS.replace("b,15", "b,0"), "row 3, column n: found 0, expected at least 1 patient"),
        (ROWS.replace("b,15", "a,15"), "row 3, column label: found 'a', expected each label once"),
        (ROWS.replace("b,15", ",15"), "row 3, column label: found nothing, expected a name"),
        (ROWS.replace("c,30", "c,-30"), "row 4, column n: found '-30', expected a whole number"),
        (ROWS + "d,1,0,1,x,7\n", "rows.csv: found"),
        ("label,n,x_min,x_max,at_most\na,20,,,b\n", "row 2, column at_most: found 'b', expected"),
        (
            ROWS.replace("c,30,5", "c,999999999999,5"),
            "row 4, column n: found 999999999999, expected",
        ),
        (ROWS.replace("label,n", "n,n"), "row 1, column n: found this column twice"),
        (ROWS.replace("b,15,0,15,x", "b,15,0"), "row 3, column x_max: found no cell, expected one"),
        (ROWS.replace("b,15", '"b,15'), "rows.csv: found EOF inside string starting at row 3"),
        ("", "rows.csv: found an empty file"),
        ("label,n,x_min,x_max\n", "rows.csv: found no rows below the header"),
    ],
)
def test_bad_rows_are_refused(given, tmp_path, capsys, rows, message):
    assert main(given(rows=rows)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("all,PAS,mean,3", "row 4, column quantity: found 'mean', expected one of estimate"),
        ('all,PAS,upper,"7,0"', "row 4, column printed: found '7,0', expected a number"),
        ("all,PAS,upper,", "row 4, column printed: found '', expected a number"),
        ("all,XYZ,upper,50", "row 4, column scale: found 'XYZ', expected one of PAS, PFT, PLO"),
        ("all,GLMM,I2,50", "row 4, column quantity: found I2, expected one of estimate"),
        ("all,beta-binomial,upper,50", "row 4, column scale: found 'beta-binomial', expected one"),
        ("arm=z,PAS,upper,50", "column rows: found 'arm=z', expected a value of arm: x, y"),
        ("leg=z,PAS,upper,50", "column rows: found 'leg=z', expected a column of the rows"),
        ("some,PAS,upper,50", "column rows: found 'some', expected all, column=value"),
        ("all by leg,PAS,upper,50", "column rows: found 'all by leg', expected a column"),
        ("all,,weight,50", "column rows: found 'all', expected label=... for the quantity weight"),
        ("all,PAS,lower,50", "row 4, column quantity: found lower, expected each quantity"),
        ("all,,events,4.5", "row 4, column printed: found '4.5', expected a whole number"),
        ("all,,events,-3", "row 4, column printed: found '-3', expected a whole number"),
    ],
)
def test_bad_printed_numbers_are_refused(given, tmp_path, capsys, line, message):
    assert main(given(printed=f"{PRINTED}{line}\n")) == 2
    assert (
        f"printed.csv, row 4, column {message.split('column ', 1)[-1]}" in capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_what_is_no_file_is_named(given, tmp_path, capsys):
    arguments = given()
    arguments[2] = str(tmp_path / "absent.csv")
    assert main(arguments) == 2
    assert "absent.csv: found no such file, expected a CSV file" in capsys.readouterr().err
    os.mkfifo(arguments[2])
    assert main(arguments) == 2
    assert "absent.csv: found no regular file, expected a CSV file" in capsys.readouterr().err


def test_a_file_where_the_folder_should_be_stays(given, tmp_path, capsys):
    arguments = given()
    (tmp_path / "out").write_text("mine")
    assert main(arguments) == 2
    assert "out: found a file, expected a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_no_folder_is_not_the_current_one(given, tmp_path, capsys, monkeypatch):
    arguments, here = given(), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert main([*arguments[: arguments.index("--out") + 1], ""]) == 2
    assert capsys.readouterr().err == "error: --out: found nothing, expected a folder\n"
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["ranges.csv", MANIFEST, ""])
def test_a_link_to_nothing_stays(name, given, tmp_path, capsys):
    arguments, out = given(), tmp_path / "out"
    (out if name else tmp_path).mkdir(exist_ok=True)
    (out / name).symlink_to("nowhere")
    assert main(arguments) == 2
    assert "found a file" in capsys.readouterr().err
    assert os.readlink(out / name) == "nowhere"


@pytest.mark.parametrize("mine", [b"mine\n", b"\xff\xfe", b"0" * 64 + b"  mine.txt\n"])
def test_a_list_of_somebody_else_s_files_stays(mine, given, tmp_path, capsys):
    arguments, out = given(), tmp_path / "out"
    out.mkdir()
    (out / MANIFEST).write_bytes(mine)
    assert main(arguments) == 2
    assert "found a file that no earlier answer wrote" in capsys.readouterr().err
    assert [p.read_bytes() for p in out.iterdir()] == [mine]


def test_a_choice_of_rows_by_a_number(given):
    assert main(given(printed=f"{PRINTED}n=20,,events,4\n")) == 0


def test_a_limit_that_no_memory_holds_is_refused(given, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([*given(), "--list-limit", "9" * 30])
    assert "expected a whole number of at least 0 and at most" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["methods.csv", "vectors.csv", FIGURE])
def test_a_file_of_somebody_else_stays(name, given, tmp_path, capsys):
    arguments, out = given(), tmp_path / "out"
    assert main(arguments) == 0
    assert main(arguments) == 0  # its own files are replaced
    (out / name).write_text("mine")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    assert main(arguments) == 2
    assert "found a file that no earlier answer wrote" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_an_interrupt_is_a_line(given, monkeypatch, capsys):
    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("metaprop.printed.which", interrupted)
    assert main(given()) == 130
    assert capsys.readouterr().err == "interrupted\n"
