"""Running notebooks: order, cache, parameters, failures. The notebooks here are small ones."""

import graphlib
import os
import pathlib
import subprocess
import sys

import nbformat
import pytest
from toys import HEAD, files, project, run_all, toy, writer

from clofarabine.__main__ import project as real
from clofarabine.tables import store
from clofarabine.tables.paths import DATA, OUTPUT_VARIABLE, ROOT
from compendium import run as pipeline
from compendium.errors import PipelineError
from compendium.workspace import assemble, workspace

PROJECT = real()


@pytest.fixture
def chain(tmp_path):
    """Two notebooks, the second reading what the first writes; and the folder of their runs."""
    notebooks = tmp_path / "notebooks"
    a = toy(notebooks, "a", writer("t", "x\n1\n"), "print('a')", writes=("t",))
    b = toy(
        notebooks,
        "b",
        HEAD + "text = (out / 'derived' / 't.csv').read_text()",
        "(out / 'figures' / 'f.svg').write_text(text)",
        reads=("t",),
        figures=("f",),
    )
    return a, b, tmp_path / "build"


def _cached(runs):
    return [r.cached for r in runs]


def test_a_table_flows_from_notebook_to_notebook(chain):
    a, b, build = chain
    runs = run_all([a, b], build=build, jobs=2)
    assert [r.step for r in runs] == [a, b]
    (begun, ended), (then, last) = (r.seconds for r in runs)
    assert 0 <= begun < ended <= then < last, "one waits for the other's table"
    assert (runs[1].folder / "figures" / "f.svg").read_text() == "x\n1\n"
    assert not (runs[1].folder / "derived" / "t.csv").exists(), "what it read is not its output"
    assemble(project(build.parent), runs, build)
    assert [p for p in files(build) if not p.startswith("runs")] == [
        "derived/t.csv",
        "figures/f.svg",
        "notebooks/a.ipynb",
        "notebooks/b.ipynb",
        "outputs.sha256",
    ]


def test_only_what_changed_runs_again(chain):
    a, b, build = chain
    assert _cached(run_all([a, b], build=build)) == [False, False]
    assert _cached(run_all([a, b], build=build)) == [True, True]
    toy(a.folder, "a", writer("t", "x\n1\n"), "print('A')")  # another notebook, the same table
    assert _cached(run_all([a, b], build=build)) == [False, True]
    toy(a.folder, "a", writer("t", "x\n2\n"))
    runs = run_all([a, b], build=build)
    assert _cached(runs) == [False, False]
    assert (runs[1].folder / "figures" / "f.svg").read_text() == "x\n2\n"
    assert _cached(run_all([a], build=build, cache=False)) == [False]


DAMAGE = {
    "changed": lambda run: run.table("t").write_text("x\n9\n"),
    "cut short": lambda run: run.table("t").write_text("x\n"),
    "gone": lambda run: run.table("t").unlink(),
    "one too many": lambda run: (run.folder / "derived" / "u.csv").write_text("x\n"),
    "half a manifest": lambda run: (run.folder / "outputs.sha256").write_text("0abc"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_run_is_not_taken_for_a_result(damage, tmp_path, monkeypatch):
    def execute(path, parameters, env, *_):
        table = pathlib.Path(env[OUTPUT_VARIABLE]) / "derived" / "t.csv"
        table.write_text("x\n1\n")
        return path.read_text()

    monkeypatch.setattr(pipeline, "execute", execute)
    step = toy(tmp_path / "n", "a", "1", writes=("t",))
    (run,) = run_all([step], build=tmp_path / "build")
    whole = files(run.folder)
    assert _cached(run_all([step], build=tmp_path / "build")) == [True]
    DAMAGE[damage](run)
    assert files(run.folder) != whole
    (again,) = run_all([step], build=tmp_path / "build")
    assert not again.cached
    assert files(again.folder) == whole


def test_a_failing_cell_stops_the_run_and_leaves_everything_else(chain):
    a, b, build = chain
    assemble(project(build.parent), run_all([a, b], build=build), build)
    before = files(build)
    toy(b.folder, "b", "1 + 1", "raise KeyError('no such study')", "open('after', 'w')")
    with pytest.raises(PipelineError) as error:
        run_all([a, b], build=build)
    assert str(error.value).startswith("b, cell 2: KeyError: 'no such study'\n")
    assert files(build) == before
    assert not [p for p in (build / "runs").iterdir() if p.name.startswith(".")]


def test_the_cell_is_counted_as_in_the_file_when_parameters_are_set(tmp_path):
    cells = ("p.upper()", "1 / 0")
    step = toy(tmp_path, "n", *cells, parameters="p: str = 'a'")
    with pytest.raises(PipelineError, match="n, cell 3: ZeroDivisionError: division by zero"):
        run_all([step], {"p": "b"}, build=tmp_path / "build")


def test_a_killed_kernel_is_named(tmp_path):
    step = toy(tmp_path, "n", "1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "2")
    with pytest.raises(PipelineError, match="n, cell 2: the kernel died: it was killed, or memory"):
        run_all([step], build=tmp_path / "build")
    assert list((tmp_path / "build" / "runs").iterdir()) == []


def test_after_a_failure_nothing_new_starts(tmp_path):
    bad = toy(tmp_path / "n", "bad", "1 / 0", writes=("t",))
    after = toy(tmp_path / "n", "after", f"open({str(tmp_path / 'ran')!r}, 'w')", reads=("t",))
    with pytest.raises(PipelineError, match="bad, cell 1"):
        run_all([bad, after], build=tmp_path / "build", jobs=2)
    assert not (tmp_path / "ran").exists()


def test_a_step_can_use_nothing_that_it_does_not_name(tmp_path):
    code = HEAD + "(out / 'derived' / 't.csv').read_text()"
    a = toy(tmp_path / "n", "a", writer("t", "x\n"), writes=("t",))
    b = toy(tmp_path / "n", "b", code)
    with pytest.raises(PipelineError, match="b, cell 1: FileNotFoundError"):
        run_all([a, b], build=tmp_path / "build")
    c = toy(tmp_path / "n", "c", code, reads=("nowhere",))
    with pytest.raises(PipelineError, match=r"c reads nowhere\.csv: found no such derived table"):
        run_all([c], build=tmp_path / "build")


DEFAULTS = "p: str = 'PAS'\nk: int = 1\nx: float = 0.5\nb: bool = False\nany = None"


def test_parameters_reach_the_notebook(tmp_path):
    step = toy(tmp_path, "n", "print(repr(p), k, x, b, any)", parameters=DEFAULTS)
    hostile = f'"; import os\n!touch {tmp_path}/shell\n%%bash\n{{2 * 3}} $HOME'
    values = {"p": hostile, "k": 2, "x": 1, "b": True, "any": "z"}
    (run,) = run_all([step], values, build=tmp_path / "build")
    nb = nbformat.read(run.folder / "notebook.ipynb", as_version=4)
    assert nb.cells[-1].outputs[0].text == f"{hostile!r} 2 1 True z\n"
    assert not (tmp_path / "shell").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"q": 1}, "n has no parameter 'q'; it has p, k, x, b, any"),
        ({"pp": 1}, "n has no parameter 'pp'; it has p, k, x, b, any; did you mean p?"),
        ({"p": 1}, "n, parameter p: found 1, expected text"),
        ({"k": 1.5}, "n, parameter k: found 1.5, expected a whole number"),
        ({"k": True}, "n, parameter k: found True, expected a whole number"),
        ({"x": "much"}, "n, parameter x: found 'much', expected a number"),
        ({"b": "perhaps"}, "n, parameter b: found 'perhaps', expected True or False"),
    ],
)
def test_parameters_are_checked_before_anything_runs(tmp_path, given, says):
    step = toy(tmp_path, "n", f"open({str(tmp_path / 'ran')!r}, 'w')", parameters=DEFAULTS)
    with pytest.raises(PipelineError) as error:
        run_all([step], given, build=tmp_path / "build")
    assert str(error.value) == says
    assert not (tmp_path / "ran").exists()


def test_a_file_named_by_a_parameter_counts_as_content(tmp_path):
    table = tmp_path / "my.csv"
    table.write_text("label,x,n\n")
    step = toy(tmp_path, "n", "print(open(table).read())", parameters="table: str = ''")
    given = {"table": str(table)}
    assert _cached(run_all([step], given, build=tmp_path / "build")) == [False]
    table.write_text("label,n,x\n")
    assert _cached(run_all([step], given, build=tmp_path / "build")) == [False]
    assert _cached(run_all([step], given, build=tmp_path / "build")) == [True]


def test_counts_take_the_place_of_the_evidence(tmp_path):
    text = store.path_of("evidence").read_text(encoding="utf-8")
    counts = tmp_path / "counts.csv"
    code = (
        "from clofarabine import tables as data\n"
        "e = data.load_evidence().set_index('row')\n"
        "print('counts', *e.loc['CLOFAL06952', ['cr_min', 'cr_max', 'or_min', 'or_max']])"
    )
    step = toy(tmp_path, "n", code)
    keys = []
    for cr in (20, 21):
        changed = text.replace("138,0,138,jeha2023", f"138,{cr},{cr},jeha2023")
        counts.write_text(changed, encoding="utf-8")
        keys.append(pipeline._key(PROJECT, step, {}, {}, counts))
    assert len({*keys, pipeline._key(PROJECT, step, {}, {}, None)}) == 3
    (run,) = run_all([step], build=tmp_path / "build", counts=counts)
    assert "counts 21 21 0 138" in (run.folder / "notebook.ipynb").read_text()


def test_the_build_folder_has_one_user_and_no_rubbish(tmp_path):
    build = tmp_path / "build"
    rubbish, own = build / "runs" / ".01-xyz", build / "runs" / ".my-notes"
    with workspace(project(tmp_path), build):
        pass
    for folder in (rubbish, own):
        folder.mkdir(parents=True)
        (folder / "half.csv").write_text("x")
    (rubbish / pipeline.UNFINISHED).touch()
    code = (
        "from pathlib import Path; from compendium.steps import Project\n"
        "from compendium.workspace import workspace\n"
        f"here = Path({str(tmp_path)!r})\n"
        "with workspace(Project('clofarabine', here, ()), here / 'build'): print('mine')"
    )
    with workspace(project(tmp_path), build):
        assert not rubbish.exists()
        assert (own / "half.csv").exists(), "no run made it"
        other = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert "waiting for another run in" in other.stderr.readline()
        assert other.poll() is None
    assert other.communicate(timeout=20)[0] == "mine\n"


def test_the_flow_is_complete():
    """Every notebook is a step, every table read is written by one other step, none in a circle."""
    assert [s.path for s in PROJECT.steps] == sorted((ROOT / "notebooks").glob("*.ipynb"))
    written = [t for s in PROJECT.steps for t in s.writes]
    assert len(written) == len(set(written))
    assert {f"{t}.csv" for t in written} == set(os.listdir(DATA / "derived"))
    writer_of = {t: s.name for s in PROJECT.steps for t in s.writes}
    graph = {s.name: {writer_of[t] for t in s.reads} for s in PROJECT.steps}
    list(graphlib.TopologicalSorter(graph).static_order())


def test_a_step_is_found_by_its_number():
    assert PROJECT.step("01").name == "01_data_extraction"
    with pytest.raises(PipelineError, match="notebook: found '99', expected one of 00_start"):
        PROJECT.step("99")
