"""The whole pipeline, run here and held against what is committed.

One run of all notebooks, under odd conditions and without a network, serves every test here: the
comparison of this package, nbval's, and byte for byte. tests/browser runs each notebook once more,
in a kernel of JupyterLab, which has imported libraries alone.
"""

import contextlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import psutil
import pytest
from conftest import nbval_finds, offline
from matplotlib.image import imread, imsave
from toys import files

from clofarabine.__main__ import project
from clofarabine.tables.paths import DATA, ROOT
from compendium import compare, schedule

PROJECT = project()
LEAST_MEMORY = 1.5 * 2**30  # what a user of Binder may count on
OUTPUTS = ("notebooks", "derived", "figures")


def _script():
    location = importlib.util.spec_from_file_location(
        "determinism", ROOT / "tools" / "determinism.py"
    )
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    return module


# Two conditions that have nothing in common, of those that `make determinism` mixes. The committed
# outputs were made under usual ones.
ODD, OTHER = (
    {"PYTHONHASHSEED": "4242", "TZ": "Asia/Kathmandu", "LANG": "C", "umask": "077",
     "cwd": "elsewhere", "threads": "1", "jobs": "2"},
    {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LANG": "tr_TR.UTF-8", "umask": "022",
     "cwd": "/", "threads": "7", "jobs": "8"},
)  # fmt: skip


class Memory(threading.Thread):
    """The most memory that the processes started in a block held together, what they share once."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self._over = 0, threading.Event()

    def __enter__(self):
        self._before = {p.pid for p in psutil.Process().children(recursive=True)}
        self.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()

    def run(self):
        while not self._over.wait(0.2):
            held = 0
            for p in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has just ended
                    held += 0 if p.pid in self._before else p.memory_full_info().pss
            self.peak = max(self.peak, held)


def test_memory_that_is_shared_is_counted_once():
    """A child that fills 100 MB and forks: the same pages, and 50 MB of its own.

    Pages are touched where they lie: a copy, or a parent gone before its child, would be counted
    for as long as it lasts, and whether that is seen depends on the clock.
    """
    code = (
        "import os, time\n"
        "def filled(n):\n"
        "    held = bytearray(n)\n"
        "    for page in range(0, n, 4096): held[page] = 1\n"
        "    return held\n"
        "all = filled(100_000_000)\npid = os.fork()\n"
        "if pid: os.waitpid(pid, 0)\n"
        "else: own = filled(50_000_000); time.sleep(1.5)"
    )
    with Memory() as memory:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert 150e6 < memory.peak < 190e6


def _outputs(build):
    return {kind: files(build / kind) for kind in OUTPUTS}


def _committed():
    folders = (PROJECT.root / "notebooks", DATA, ROOT / "figures")
    return {str(f): files(f) for f in folders}


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """The folder of a fresh run, what the command said, its outputs; committed files unchanged."""
    before = _committed()
    folder = tmp_path_factory.mktemp("first")
    with Memory() as memory:
        done = _script().reproduce(ODD, folder, offline())
    done.memory = memory.peak
    assert _committed() == before, "reproduce changed a committed file"
    started_from = folder / "else where"
    assert list(started_from.iterdir()) == [], "a notebook wrote into the folder it started from"
    return folder / "build", done, _outputs(folder / "build")


@pytest.fixture(scope="session")
def runs(first):
    """The finished runs of the fresh run, found again without running anything."""
    build, done, _outputs = first
    assert "outputs are identical" in done.stdout, done.stderr
    found = schedule.run_all(PROJECT, PROJECT.steps, build=build)
    assert all(r.cached for r in found)
    return found


def test_every_output_is_the_committed_one(first):
    _build, done, outputs = first
    assert done.returncode == 0, done.stdout + done.stderr
    count = len(PROJECT.steps)
    assert f"All {count} notebooks were run.\n" in done.stdout
    total = sum(len(o) for o in outputs.values())
    assert done.stdout.endswith(
        f"{total} of {total} outputs are identical to the committed ones.\n"
    )


@pytest.mark.parametrize("step", PROJECT.steps, ids=lambda s: s.name)
def test_nbval_finds_the_committed_outputs(first, step, request):
    """nbval's own comparison of each code cell; it would run them a second time to say the same."""
    ran = first[0] / "notebooks" / step.path.name
    assert nbval_finds(request.session, ran=ran, committed=step.path) == []


def test_the_run_fits_into_the_memory_of_binder(first):
    """Two notebooks at a time, with the process that forks them."""
    assert 0.2 * 2**30 < first[1].memory < LEAST_MEMORY


def test_two_runs_give_the_same_bytes(first, tmp_path):
    """The committed outputs are a run of their own, under usual conditions.

    Where a processor rounds another way than theirs did, a second run is made here to compare with.
    """
    other = {
        "notebooks": files(PROJECT.root / "notebooks"),
        "derived": files(DATA / "derived"),
        "figures": files(ROOT / "figures"),
    }
    if first[2] != other:
        done = _script().reproduce(OTHER, tmp_path)
        assert done.stdout == first[1].stdout, done.stderr
        other = _outputs(tmp_path / "build")
    for kind in OUTPUTS:
        assert first[2][kind] == other[kind]


def test_an_old_processor_gives_the_same_results(tmp_path):
    """OpenBLAS and numpy without their newer kernels: the tenth digit of a number may differ."""
    if platform.machine() != "x86_64":
        pytest.skip("the kernels that are turned off are those of x86-64")
    newer = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    old = {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": " ".join(newer)}
    done = subprocess.run(
        [sys.executable, "-m", "clofarabine", "reproduce", "--only", "04", "--build", tmp_path],
        env=os.environ | old, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "outputs are identical" in done.stdout


def test_the_script_that_repeats_runs_finds_a_difference(monkeypatch, capsys):
    determinism = _script()
    seen = []

    def run(condition, _folder):
        seen.append(condition)
        return {"figures/f.svg": condition["TZ"] == "UTC"}

    monkeypatch.setattr(determinism, "run", run)
    assert determinism.main(8) == 1
    assert "other bytes in figures/f.svg" in capsys.readouterr().out
    for name, values in determinism.CONDITIONS.items():
        assert {c[name] for c in seen} == set(values)
        assert {ODD[name], OTHER[name]} <= set(values)
        assert ODD[name] != OTHER[name]
    monkeypatch.setattr(determinism, "run", lambda *_: {"figures/f.svg": "same"})
    assert determinism.main(2) == 0


def _tamper_picture(path):
    picture = imread(path)
    row, column = np.argwhere(picture[..., 0] < 1)[0]
    picture[row, column, 0] = 1
    imsave(path, picture)


def _tamper_table(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(i for i, t in enumerate(lines) if i and any(c in "12345678" for c in t))
    lines[line] = "".join(str(int(c) + 1) if c in "12345678" else c for c in lines[line])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _found(runs, root):
    return [r.name for r in compare.compare(runs, replace(PROJECT, root=root)) if not r.same]


@pytest.mark.parametrize(
    ("pattern", "tamper"),
    [("figures/*.png", _tamper_picture), ("data/derived/*.csv", _tamper_table)],
)
def test_a_tampered_file_is_found(runs, tmp_path, pattern, tamper):
    shutil.copytree(ROOT / "figures", tmp_path / "figures")
    shutil.copytree(DATA / "derived", tmp_path / "data" / "derived")
    assert _found(runs, tmp_path) == []
    paths = sorted(tmp_path.glob(pattern))
    for path in paths:
        tamper(path)
    assert sorted(_found(runs, tmp_path)) == [p.name for p in paths]


def test_a_tampered_notebook_is_found(runs, tmp_path):
    for run in runs:
        text = run.step.path.read_text(encoding="utf-8")
        at = text.rindex('"text/plain"')
        digit = next(i for i in range(at, len(text)) if text[i].isalpha() and text[i - 1] == " ")
        copy = tmp_path / run.step.path.name
        copy.write_text(text[:digit] + "#" + text[digit + 1 :], encoding="utf-8")
        moved = replace(run, step=replace(run.step, folder=tmp_path))
        (result,) = (r for r in compare.compare([moved], PROJECT) if not r.same)
        assert result.name == copy.name
        assert result.note.startswith("cell ")


def test_the_start_page_says_which_notebooks_run_longer(runs):
    """In one run, what is said to take longer took longer; seconds themselves are the machine's."""
    took = {"seconds": [], "a minute": [], "minutes": []}
    for run in runs:
        asked = ["stat", "--format=%W", run.folder]  # when its folder was made; 0 if not known
        born = int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
        if born <= 0:
            pytest.skip("this file system does not keep the time of birth")
        took[run.step.takes].append((run.folder / "notebook.ipynb").stat().st_mtime - born)
    medians = [np.median(times) for times in took.values() if times]
    assert len(medians) > 1
    assert medians == sorted(medians)
