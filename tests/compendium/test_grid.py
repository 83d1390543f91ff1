"""A grid of runs: refused before it starts, finished whole, taken up again where it stopped."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import interruptible
from toys import command, toy

from clofarabine import __main__ as cli
from compendium import grid, run
from compendium.errors import PipelineError

PROJECT = cli.project()

STEP = "01_data_extraction"
BOTH = {"notebook": STEP, "parameters": {"show_all_checks": [False, True]}}


def _write(folder, content) -> Path:
    path = folder / "two.yml"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb: [", "two.yml, line 2: not readable as YAML: expected the node content"),
        ("a:\n\t- b", r"two.yml, line 2: not readable as YAML: found character '\\t'"),
        ("a: \xe9".encode("latin-1"), "two.yml: not readable as YAML: 'utf-8' codec can't decode"),
        ("a: 1\nb: 2\na: 3", "two.yml, line 3: found the key a again, expected each key once"),
        ("n: 1\np:\n  a: [1]\n  'a': [2]", "two.yml, line 4: found the key a again"),
        ("a: !!python/name:os.system x", "not readable as YAML: could not determine"),
        ("a: 2023-99-99", "not readable as YAML: month must be in"),
        ("[" * 3000, "not readable as YAML: lists or maps are nested too deeply"),
        ("{[1]: 2}", "not readable as YAML"),
        ("", "found None, expected the two keys"),
        ({1: 2, None: 3}, r"found \['1', 'None'\], expected the two keys"),
        ({"notebook": "01", "parameters": {1: [2]}}, "found 1, expected the name of a parameter"),
        ("[1]", r"found \[1\], expected the two keys notebook and parameters"),
        ({"notebook": "01"}, r"found \['notebook'\], expected the two keys"),
        (BOTH | {"jobs": 2}, "expected the two keys"),
        (
            BOTH | {"notebook": "99"},
            "two.yml, notebook: found '99', expected one of .*01_data_extraction",
        ),
        (BOTH | {"parameters": {}}, r"expected parameters, name: \[values\]"),
        (BOTH | {"parameters": {"show_all_checks": True}}, "show_all_checks: found True, expected"),
        (BOTH | {"parameters": {"show_all_checks": []}}, r"found \[\], expected a list"),
        (BOTH | {"parameters": {"show_all_checks": [True, True]}}, "expected each value once"),
        (
            BOTH | {"parameters": {"show_all": [True]}},
            "two.yml: .*no parameter 'show_all'; .*show_all_checks",
        ),
        (
            BOTH | {"parameters": {"show_all_checks": ["no"]}},
            "two.yml: .*found 'no', expected True",
        ),
        (
            BOTH | {"parameters": {n: list(range(1000)) for n in "abcd"}},
            "two.yml, parameters: found 1000000000000, expected at most 10000 combinations",
        ),
        (
            {"notebook": "00", "parameters": {"tau2_method": ["DL", "XY"]}},
            "tau2_method: found 'XY', expected one of DL, DL2, PM, REML",
        ),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_runs(tmp_path, content, message):
    with pytest.raises(PipelineError, match=message):
        grid.read(PROJECT, _write(tmp_path, content))


def test_a_missing_grid_file_is_said_so(tmp_path):
    with pytest.raises(PipelineError, match="found no such file"):
        grid.read(PROJECT, tmp_path / "none.yml")


def test_points_are_all_combinations_in_order(tmp_path):
    parameters = {"tau2_method": ["REML", "DL"], "endpoint": ["CR", "OR"]}
    points = grid.read(
        PROJECT, _write(tmp_path, {"notebook": "00", "parameters": parameters})
    ).points
    assert [tuple(p.values()) for p in points] == [
        ("REML", "CR"), ("REML", "OR"), ("DL", "CR"), ("DL", "OR"),
    ]  # fmt: skip


def test_a_notebook_may_be_named_by_its_bare_number(tmp_path):
    text = "notebook: {}\nparameters:\n  endpoint: [CR]\n"
    for number in ("03", "3", '"03"'):
        found = grid.read(PROJECT, _write(tmp_path, text.format(number)))
        assert found.step.name == "03_primary_analysis"


def test_the_committed_grid_file_is_one():
    assert len(grid.read(PROJECT, PROJECT.root / "grid.yml").points) > 1


def _run(arguments) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stderr  # the progress bar, at its end
    assert "2 of 2 runs finished" in done.stdout


def _states(build) -> list[str]:
    return pd.read_csv(build / "grid" / "two" / "summary.csv")["state"].tolist()


def test_a_grid_runs_once_and_lists_its_results(tmp_path, capsys):
    plan, build = _write(tmp_path, BOTH), tmp_path / "b"
    arguments = ["run", "--grid", str(plan), "--build", str(build), "--jobs", "2"]
    _run([sys.executable, "-m", "clofarabine", *arguments])
    assert _states(build) == ["run now"] * 2
    target = build / "grid" / "two"
    names = pd.read_csv(target / "summary.csv")["notebook"].tolist()
    assert sorted(p.name for p in target.iterdir()) == sorted(
        [*names, "internal_checks.csv", "outputs.sha256", "summary.csv"]
    )
    texts = [(target / name).read_text() for name in names]
    assert "show_all_checks = False" in texts[0]
    assert "show_all_checks = True" in texts[1]
    table = pd.read_csv(target / "internal_checks.csv")
    assert table.groupby("show_all_checks").size().nunique() == 1
    assert cli.main(arguments) == 0
    assert "2 of 2 runs finished" in capsys.readouterr().out
    assert _states(build) == ["from an earlier run"] * 2
    assert [(target / name).read_text() for name in names] == texts


def test_a_failed_run_is_reported_and_leaves_the_others(tmp_path, monkeypatch, capsys):
    finished = run.Run(PROJECT.step(STEP), tmp_path / "run", cached=False)
    (tmp_path / "run" / "derived").mkdir(parents=True)
    (tmp_path / "run" / "notebook.ipynb").write_text("{}")
    table = "show_all_checks,quantity,value\nFalse,a,1.5\nTrue,a,2.5\nNA,b,NA\n"
    finished.table("internal_checks").write_text(table)

    def run_step(project, s, tables, parameters, **kwargs):
        if parameters["show_all_checks"]:
            raise PipelineError("cell 7: ValueError: why\ntraceback")
        return finished

    monkeypatch.setattr(grid, "run_step", run_step)
    arguments = ["run", "--grid", str(_write(tmp_path, BOTH)), "--build", str(tmp_path / "b")]
    assert cli.main(arguments) == 1
    assert "1 of 2 runs finished" in capsys.readouterr().out
    summary = pd.read_csv(tmp_path / "b" / "grid" / "two" / "summary.csv")
    assert summary["state"].tolist() == ["run now", "failed"]
    assert summary["a"].iloc[0] == 1.5  # the run's own, not that of the other parameter
    assert summary[["a", "b"]].isna().to_numpy().tolist() == [[False, True], [True, True]]
    assert summary["error"].tolist()[1] == "cell 7: ValueError: why"


def test_the_table_of_a_grid_fits_into_a_terminal(tmp_path, monkeypatch, capsys):
    finished = run.Run(PROJECT.step(STEP), tmp_path / "run", cached=False)
    (tmp_path / "run" / "derived").mkdir(parents=True)
    (tmp_path / "run" / "notebook.ipynb").write_text("{}")
    rows = "".join(f"quantity{i},{i}.123456\n" for i in range(20))
    finished.table("internal_checks").write_text("quantity,value\n" + rows)
    monkeypatch.setattr(grid, "run_step", lambda *_, **__: finished)
    plan, build = _write(tmp_path, BOTH), tmp_path / "b"
    assert cli.main(["run", "--grid", str(plan), "--build", str(build)]) == 0
    head, first, *_, where = (text := capsys.readouterr().out).splitlines()
    assert head.split() == ["show_all_checks", *(f"quantity{i}" for i in range(5)), "state"]
    assert first.split()[:3] == ["False", "0.1235", "1.123"]
    assert max(map(len, text.splitlines()[:3])) <= 80
    assert where.endswith("all columns of this table in its summary.csv.")
    assert pd.read_csv(build / "grid" / "two" / "summary.csv").shape == (2, 1 + 20 + 3)


def test_an_interrupted_grid_keeps_what_was_finished(tmp_path):
    """Of a toy, whose second run begins and waits until the file `go` is there."""
    waits = (
        "import pathlib, time\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "if late: (here / 'begun').touch()\n"
        "while late and not (here / 'go').exists(): time.sleep(0.05)"
    )
    step = toy(tmp_path / "n", "01_toy", waits, parameters="late: bool = False")
    plan = _write(tmp_path, {"notebook": "01_toy", "parameters": {"late": [False, True]}})
    build = tmp_path / "b"
    run = command([step], "run", "--grid", str(plan), "--build", str(build), "--jobs", "1")
    process = subprocess.Popen(
        run, preexec_fn=interruptible, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 180
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what was finished is kept" in log
    assert not (build / "grid").exists()
    assert not list((build / "runs").glob(".0*"))
    (tmp_path / "go").touch()
    _run(run)
    assert _states(build) == ["from an earlier run", "run now"]
