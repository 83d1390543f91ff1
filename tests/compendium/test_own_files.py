"""No command removes or overwrites a user's own file: update, reproduce, run, report, clean."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toys
from toys import HEAD, files, toy, writer

from clofarabine.__main__ import project as real
from clofarabine.tables import paths
from compendium import cli, codecheck, grid, html_report, publish, schedule
from compendium.run import Run
from compendium.steps import Step
from compendium.workspace import workspace

REAL = real()

OWN = {
    "notebooks/my_scratch.ipynb": "mine",
    "notebooks/.ipynb_checkpoints/01_first-checkpoint.ipynb": "mine",
    "figures/poster.png": "mine",
    "data/derived/my.table.csv": "mine",
}


def _write(root, contents):
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def _steps(root):
    """Two small notebooks, in a folder in which a user has files of their own."""
    _write(root, OWN)
    figure = HEAD + "_ = (out / 'figures' / 'f.svg').write_text('<svg/>')"
    return (
        toy(root / "notebooks", "01_first", writer("t", "x\n1\n"), writes=("t",)),
        toy(root / "notebooks", "02_second", figure, figures=("f",)),
    )


@pytest.fixture
def project(tmp_path):
    """Folder of a project of two notebooks."""
    root = tmp_path / "project"
    _steps(root)
    return root


def _made(root, last=2):
    """The project in a folder, or one of its first notebooks."""
    folder = root / "notebooks"
    steps = (
        Step("01_first", writes=("t",), folder=folder),
        Step("02_second", figures=("f",), folder=folder),
    )
    return toys.project(root, steps[:last])


def _main(root, *arguments, last=2):
    return cli.main(_made(root, last=last), list(arguments))


KILL = """
import os, signal
real = os.replace
def replace(staged, target):
    if str(target).endswith({kill!r}):
        os.kill(os.getpid(), signal.SIGKILL)
    real(staged, target)
os.replace = replace
"""


def _command(root, *arguments, kill="", cwd=None):
    before = KILL.format(kill=kill) if kill else ""
    return subprocess.Popen(
        toys.command(_made(root).steps, *arguments, before=before), cwd=cwd,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def _own(root):
    return {n: (root / n).read_text() for n in OWN}


def test_an_update_leaves_what_it_did_not_write(project, capsys):
    assert _main(project, "update") == 0
    assert _own(project) == OWN
    listed = publish.read_manifest(project / "outputs.sha256")
    assert set(listed) == {
        "notebooks/01_first.ipynb", "notebooks/02_second.ipynb",
        "data/derived/t.csv", "figures/f.svg",
    }  # fmt: skip
    assert all(publish.digest(project / n) == h for n, h in listed.items())
    assert "left as it is" not in capsys.readouterr().err


def test_an_update_removes_what_it_wrote_and_no_run_writes_any_more(project, capsys):
    assert _main(project, "update") == 0
    (project / "figures" / "f.svg").write_text("<svg>mine now</svg>")
    assert _main(project, "update", last=1) == 0
    assert not (project / "notebooks" / "02_second.ipynb").exists()
    assert (project / "figures" / "f.svg").read_text() == "<svg>mine now</svg>"
    assert "changed since a run wrote it, left as it is: " in capsys.readouterr().err
    assert _own(project) == OWN


def test_an_update_does_not_overwrite_a_users_file(project, capsys):
    _write(project, {"figures/f.svg": "mine"})
    before = files(project)
    assert _main(project, "update") == 1
    assert "figures/f.svg: found something that no run wrote" in capsys.readouterr().err
    assert {n: c for n, c in files(project).items() if not n.startswith("build/")} == before


def test_a_notebook_edited_during_the_run_is_not_overwritten(project, capsys, monkeypatch):
    run_all = schedule.run_all

    def edited(*args, **kwargs):
        runs = run_all(*args, **kwargs)
        path = project / "notebooks" / "01_first.ipynb"
        path.write_text(path.read_text().replace("import os", "import os  # my edit", 1))
        return runs

    monkeypatch.setattr(schedule, "run_all", edited)
    assert _main(project, "update") == 1
    said = capsys.readouterr().err
    assert "notebooks/01_first.ipynb: was changed during the run; nothing was written" in said
    assert "my edit" in (project / "notebooks" / "01_first.ipynb").read_text()
    assert not (project / "data" / "derived" / "t.csv").exists()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_update_killed_in_the_swap_is_finished_by_the_next_command(project, elsewhere):
    killed = _command(project, "update", kill="project/figures/f.svg")
    said = killed.communicate(timeout=120)[1]
    assert killed.returncode == -signal.SIGKILL, said
    assert (project / "data" / "derived" / "t.csv").exists()
    assert not (project / "figures" / "f.svg").exists(), "killed in the middle"
    more = ["--build", str(project.parent / "b")] if elsewhere else []
    following = _command(project, "reproduce", *more)
    out, said = following.communicate(timeout=120)
    assert following.returncode == 0, out + said
    assert "finished the writing of files that was interrupted\n" in said
    assert "4 of 4 outputs are identical" in out
    assert set(publish.read_manifest(project / "outputs.sha256")) <= set(files(project))
    assert _own(project) == OWN


def test_two_updates_at_once_from_elsewhere(project, tmp_path):
    (tmp_path / "else where").mkdir()
    both = [_command(project, "update", cwd=tmp_path / "else where") for _ in range(2)]
    said = [p.communicate(timeout=120) for p in both]
    assert [p.returncode for p in both] == [0, 0], said
    assert sum("waiting for another run" in err for _, err in said) <= 1
    assert list((tmp_path / "else where").iterdir()) == []
    listed = publish.read_manifest(project / "outputs.sha256")
    assert all(publish.digest(project / n) == h for n, h in listed.items())
    assert _own(project) == OWN


@pytest.mark.parametrize("folder", [".", "notebooks", "data", "mine"])
def test_a_build_folder_with_a_users_files_is_refused(project, folder, capsys):
    _write(project, {"mine/figures/poster.png": "mine", "mine/.draft-1/a": "mine"})
    before = files(project)
    assert _main(project, "reproduce", "--build", str(project / folder)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: --build ")
    assert "found a folder with files that no run made, expected a new or an empty one" in said
    assert files(project) == before


IN_BUILD = {
    "figures/mine.svg": "mine", "notebooks/mine.ipynb": "mine", ".my-folder/a": "mine",
    "runs/.my-folder/a": "mine", "selected/figures/mine.svg": "mine", "mine.txt": "mine",
    "grid/two/mine.csv": "mine", "interactive/figures/f.svg": "mine",
}  # fmt: skip


def _in_build(build):
    return {n: (build / n).read_text() for n in IN_BUILD}


def test_a_users_files_in_the_build_folder_stay(project):
    build = project / "build"
    assert _main(project, "reproduce") == 1
    _write(build, IN_BUILD)
    assert _main(project, "reproduce", "--no-cache") == 1
    assert _main(project, "reproduce", "--only", "02", "--no-cache") == 1
    assert _in_build(build) == IN_BUILD
    assert _main(project, "reproduce", last=1) == 1
    assert not (build / "figures" / "f.svg").exists(), "what no run writes any more goes"
    assert _in_build(build) == IN_BUILD


def test_a_grid_leaves_a_users_files(project):
    made = _made(project)
    plan = grid.Grid("two", made.steps[0], ({},))
    build = project / "build"
    with workspace(made, build):
        grid.run(made, plan, build=build)
        _write(build, IN_BUILD)
        stale = build / "grid" / "two" / "001-.ipynb"
        assert stale.exists()
        second = grid.Grid("two", made.steps[1], ({},))
        grid.run(made, second, build=build)
    assert _in_build(build) == IN_BUILD
    assert not (build / "grid" / "two" / "t.csv").exists(), "the first grid's table goes"


def test_what_a_user_put_into_a_run_is_kept_aside(project, capsys):
    assert _main(project, "reproduce") == 1
    (run,) = (project / "build" / "runs").glob("01_first-*")
    (run / "figures" / "mine.svg").write_text("mine")
    assert _main(project, "reproduce") == 1
    (aside,) = (project / "build" / "runs").glob("01_first-*.kept-*")
    assert files(aside) == {"figures/mine.svg": b"mine"}
    assert f"not what the run wrote, kept in build/runs/{aside.name}" in capsys.readouterr().err
    assert _main(project, "reproduce") == 1
    assert "None was run" in capsys.readouterr().out, "the run is found again"


def test_a_users_report_is_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr(html_report, "page", lambda *_: "page")
    steps = [s for s in REAL.steps if "claims_verdicts" in s.writes]
    runs = [Run(s, tmp_path / s.name, cached=True) for s in steps]
    for s in steps:
        (tmp_path / s.name / "derived").mkdir(parents=True)
        (tmp_path / s.name / "notebook.ipynb").write_bytes(s.path.read_bytes())
        for t in s.writes:
            content = (REAL.root / REAL.derived / f"{t}.csv").read_bytes()
            (tmp_path / s.name / "derived" / f"{t}.csv").write_bytes(content)
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(publish.PublishError, match=r"report\.html: found something that no run"):
        html_report.write(REAL, runs, path)
    assert path.read_text() == "mine"
    path.unlink()
    for _ in range(2):
        html_report.write(REAL, runs, path)
        assert path.read_text() == "page"


def _clean(build):
    script = Path(__file__).parents[2] / "tools" / "clean.py"
    return subprocess.run(
        [sys.executable, "-I", "-S", script, build], capture_output=True, text=True
    )


def test_clean_removes_what_runs_wrote_and_nothing_else(project):
    build = project / "build"
    assert _main(project, "reproduce") == 1
    assert _main(project, "reproduce", "--only", "02") == 1
    done = _clean(build)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not build.exists()
    assert _main(project, "reproduce") == 1
    _write(build, IN_BUILD)
    done = _clean(build)
    assert done.returncode == 0
    assert "left in" in done.stdout
    assert files(build) == {n: c.encode() for n, c in IN_BUILD.items()}


# What a user may have in folders that something else of ours writes into.
BESIDE = {
    "check/mine.txt": "mine", "counts/mine.csv": "mine", "interactive/figures/mine.svg": "mine",
    "runs/.mine-1/a": "mine", "notes/outputs.txt": "mine", "notes/.unfinished": "mine",
}  # fmt: skip


def _by_hand(build, monkeypatch):
    """Write as notebooks do that are opened by hand; one file is changed by its user."""
    monkeypatch.setattr(paths, "INTERACTIVE", build / "interactive")
    monkeypatch.delenv(paths.OUTPUT_VARIABLE, raising=False)
    for name, content in (("f.svg", b"old"), ("f.svg", b"new"), ("g.svg", b"g")):
        paths.write_bytes(paths.output_dir("figures") / name, content)
    (build / "interactive" / "figures" / "g.svg").write_text("mine now")


def test_clean_knows_whatever_writes_below_the_build_folder(project, monkeypatch):
    """Opened notebooks, a build folder within it (`make check`), reports, counts, killed runs."""
    build = project / "build"
    _by_hand(build, monkeypatch)
    assert _clean(build).returncode == 0, "no run was ever there"
    assert files(build) == {"interactive/figures/g.svg": b"mine now"}
    _by_hand(build, monkeypatch)
    assert _main(project, "reproduce", "--build", str(build / "check")) == 1
    _write(build, {"runs/.01_first-x/.unfinished": "", "runs/.01_first-x/derived/t.csv": "half"})
    made = {"report.html": "report.sha256", "report.pdf": "report-pdf.sha256"}
    made |= {"counts/methods.csv": "counts/counts.sha256"}
    for name, listed in made.items():
        _write(build, {name: name})
        text = publish.manifest_text({Path(name).name: publish.digest(build / name)})
        _write(build, {listed: text})
    _write(build, BESIDE)
    assert _clean(build).returncode == 0
    want = BESIDE | {"interactive/figures/g.svg": "mine now"}
    assert {n: c.decode() for n, c in files(build).items()} == want


def test_what_make_report_pdf_writes_is_listed():
    makefile = (REAL.root / "Makefile").read_text(encoding="utf-8")
    assert "sha256sum report.pdf >report-pdf.sha256" in makefile


def test_clean_waits_for_no_run(project):
    with workspace(_made(project), project / "build"):
        done = _clean(project / "build")
    assert done.returncode == 1
    assert "found a run that is using it" in done.stderr


def test_the_committed_manifest_lists_the_committed_outputs():
    root = REAL.root
    listed = publish.read_manifest(root / publish.MANIFEST)
    declared = {f"notebooks/{s.name}.ipynb" for s in REAL.steps}
    declared |= {m["file"] for m in codecheck.manifest(REAL)}
    assert set(listed) == declared
    assert [n for n, h in listed.items() if publish.digest(root / n) != h] == [], "make update"
