"""What breaks from outside, each done for real: kills, a full disk, a tree that cannot be written.

After each: what is committed or finished is as it was, nothing half-written passes for a result,
the message names the cause, and the next run is right.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import interruptible, mounted, share_machine_code
from toys import HEAD, command, files, project, run_all, toy, writer

from clofarabine.__main__ import project as real
from clofarabine.tables import store
from clofarabine.tables.paths import ROOT
from compendium import run as pipeline
from compendium.errors import PipelineError
from compendium.workspace import assemble, workspace

PATIENCE = 180  # on a machine that does much else


def _until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def slow(tmp_path):
    """Two notebooks; the second writes half a table and sleeps until the file `go` is there."""
    wait = (
        HEAD + "import time\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "table = (out / 'derived' / 'u.csv').open('w')\n"
        "_ = table.write('x\\n1\\n'); table.flush()\n"
        "_ = (here / 'pid').write_text(str(os.getpid()))\n"
        "while not (here / 'go').exists(): time.sleep(0.05)\n"
        "_ = table.write('2\\n'); table.close()"
    )
    a = toy(tmp_path / "n", "a", writer("t", "x\n1\n"), writes=("t",))
    b = toy(tmp_path / "n", "b", "1", wait, reads=("t",), writes=("u",))
    return a, b, tmp_path


def _start(slow):
    """Start the pipeline and wait for the second notebook to be in the middle of its work."""
    a, b, here = slow
    started = subprocess.Popen(
        command([a, b], "reproduce", "--build", str(here / "build")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible,
    )  # fmt: skip
    pid = here / "pid"
    _until(lambda: started.poll() is not None or (pid.exists() and pid.read_text()), "the kernel")
    assert started.poll() is None, started.stderr.read()
    return started, int(pid.read_text())


def _next_run_is_right(slow):
    a, b, here = slow
    build = here / "build"
    assert not (build / "derived").exists(), "nothing was put together"
    assert [p.name[:2] for p in sorted((build / "runs").glob("[!.]*"))] == ["a-"]
    (here / "go").touch()
    with workspace(project(here), build):
        runs = run_all([a, b], build=build)
        assemble(project(here), runs, build)
    assert [r.cached for r in runs] == [True, False]
    assert files(build / "derived") == {"t.csv": b"x\n1\n", "u.csv": b"x\n1\n2\n"}
    assert not list(build.glob(".*-*")) + list((build / "runs").glob(".*")), "rubbish is left"


def test_the_pipeline_is_killed(slow):
    started, kernel = _start(slow)
    started.kill()
    started.communicate()
    _until(lambda: not _alive(kernel), "the kernel to follow")
    _next_run_is_right(slow)


def test_a_kernel_is_killed(slow):
    started, kernel = _start(slow)
    os.kill(kernel, signal.SIGKILL)
    said = started.communicate(timeout=PATIENCE)[1]
    assert started.returncode == 1
    assert "error: b, cell 2: the kernel died: it was killed, or memory ran out\n" in said
    _next_run_is_right(slow)


def test_the_run_is_interrupted(slow):
    started, kernel = _start(slow)
    started.send_signal(signal.SIGINT)
    said = started.communicate(timeout=PATIENCE)[1]
    assert started.returncode == 130
    assert said.endswith("interrupted; what was finished is kept\n")
    assert not _alive(kernel)
    _next_run_is_right(slow)


def test_the_disk_is_full_when_a_notebook_writes(tmp_path):
    big = HEAD + "_ = (out / 'derived' / 'u.csv').write_text('x\\n' * 2**20)"
    steps = [
        toy(tmp_path / "n", "a", writer("t", "x\n1\n"), writes=("t",)),
        toy(tmp_path / "n", "b", "1", big, reads=("t",), writes=("u",)),
    ]
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=512k", "tmpfs"):
        done = subprocess.run(
            command(steps, "reproduce", "--build", str(disk)), capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "error: b, cell 2: OSError: [Errno 28] No space left on device" in done.stderr
        assert [p.name[:2] for p in (disk / "runs").iterdir()] == ["a-"]
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        runs = run_all(steps, build=disk)
        assert [r.cached for r in runs] == [True, False]
        assert runs[1].table("u").stat().st_size == 2**21


def test_the_disk_is_full_when_the_pipeline_writes(tmp_path):
    """The notebook leaves no room for its own file."""
    fill = (
        HEAD + "filler = out.parents[1] / 'filler'\n"
        "with filler.open('wb', buffering=0) as f:\n"
        "    try:\n        while True: f.write(bytes(4096))\n"
        "    except OSError: pass"
    )
    step = toy(tmp_path / "n", "a", fill)
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=256k", "tmpfs"):
        done = subprocess.run(
            command([step], "reproduce", "--build", str(disk)), capture_output=True, text=True
        )
        assert done.returncode == 1
        assert re.search(r"^error: .*: No space left on device$", done.stderr, re.M)
        assert "Traceback" not in done.stderr
        assert list((disk / "runs").iterdir()) == []


def test_the_tree_is_read_only(tmp_path):
    tree = tmp_path / "tree"
    for name in ("src", "data", "notebooks", "figures"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("uv.lock", "compendium.toml"):
        shutil.copy(ROOT / name, tree)
    share_machine_code(tree / "src")
    before = files(tree)
    run = [sys.executable, "-m", "clofarabine", "reproduce", "--only", "01"]
    env = {**os.environ, "PYTHONPATH": str(tree / "src")}
    with mounted(tree, "--bind", tree):
        subprocess.run(["mount", "-o", "remount,ro,bind", tree], check=True)
        refused = subprocess.run(run, env=env, cwd=tmp_path, capture_output=True, text=True)
        assert refused.returncode == 1
        assert refused.stderr == f"error: {tree}/build: Read-only file system\n"
        elsewhere = subprocess.run(
            [*run, "--build", str(tmp_path / "b")],
            env=env, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert elsewhere.returncode == 0, elsewhere.stdout + elsewhere.stderr
    assert files(tree) == before


def test_a_write_is_killed(tmp_path):
    """Whenever the kill comes, the file is the whole old or the whole new one."""
    path = tmp_path / "table.csv"
    contents = [bytes([c]) * 3_000_000 for c in b"ab"]
    code = (
        "import pathlib, sys; from clofarabine.tables.paths import write_bytes\n"
        f"path = pathlib.Path({str(path)!r})\n"
        "print('ready', flush=True)\n"
        "while True:\n    for c in b'ab': write_bytes(path, bytes([c]) * 3_000_000)"
    )
    for delay in (0.003, 0.01, 0.03):
        writing = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        writing.stdout.readline()
        _until(path.exists, "the first write")
        time.sleep(delay)
        writing.kill()
        writing.communicate()
        assert path.read_bytes() in contents


def test_assembling_is_interrupted(tmp_path, monkeypatch):
    (run,) = run_all(
        [toy(tmp_path / "n", "a", writer("t", "x\n1\n"), writes=("t",))], build=tmp_path / "build"
    )
    build = tmp_path / "build"
    assemble(project(tmp_path), [run], build)
    whole = files(build)
    for name in list(whole):
        if not name.startswith("runs/"):
            (build / name).unlink()
    replace = os.replace

    def fail(staged, target):
        if Path(target).name == "a.ipynb":
            raise KeyboardInterrupt
        return replace(staged, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            assemble(project(tmp_path), [run], build)
    assert files(build) != whole
    with workspace(project(tmp_path), build):
        marker = project(tmp_path).marker
        assert {**whole, marker: files(build)[marker]} == files(build)


def test_a_corrupted_derived_table_is_refused_by_who_reads_it(tmp_path):
    name = "internal_checks"
    table = tmp_path / f"{name}.csv"
    text = store.path_of(name).read_text(encoding="utf-8")
    table.write_text(text.replace(",True\n", ",perhaps\n", 1), encoding="utf-8")
    step = toy(
        tmp_path / "n",
        "n",
        f"from clofarabine.tables import store as data\ndata.load('{name}')",
        reads=(name,),
    )
    with pytest.raises(PipelineError) as error:
        pipeline.run_step(project(tmp_path), step, {name: table}, build=tmp_path / "build")
    found = rf"n, cell 1: DataError: derived/{name}\.csv, row \d+, column agrees: found 'perhaps'"
    assert re.match(found, str(error.value))


def test_a_stale_run_is_one_whose_inputs_changed():
    """The key holds the content of all code and data that a run can read."""
    tracked = subprocess.run(
        ["git", "ls-files", "src/*.py", "data/published", "data/sources", "data/datapackage.json"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert len(tracked) > 20
    assert set(tracked) | {"uv.lock"} <= set(pipeline.inputs_digest(real()))
