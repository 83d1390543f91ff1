"""Forked kernels: nothing of one is seen by the next, and all else is as elsewhere."""

import ast
import contextlib
import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import toys
import zmq
from toys import HEAD, run_all, toy

from clofarabine.__main__ import project
from compendium import forkserver, schedule
from compendium import warm as warm_module
from compendium.warm import SWITCH, Warm

HERE = Path(__file__).parents[1]
SEEN = """
import asyncio, builtins, decimal, json, locale, os, random, signal, sys, threading, warnings
import matplotlib, numpy as np, pandas as pd
state = {
    "module": hasattr(json, "left"), "builtin": hasattr(builtins, "left"),
    "variable": os.environ.get("LEFT"), "folder": os.getcwd(), "umask": oct(os.umask(0o27)),
    "path": sys.path, "modules": "left" in sys.modules,
    "alarm": str(signal.getsignal(signal.SIGALRM)),
    "precision": decimal.getcontext().prec, "filters": len(warnings.filters),
    "style": matplotlib.rcParams["lines.linewidth"], "threads": threading.active_count(),
    "numbers": "left" in globals(), "history": len(In), "errors": str(np.geterr()),
    "columns": pd.options.display.max_columns, "backend": matplotlib.get_backend(),
}
os.umask(0o22)
print(json.dumps(state))
"""
LEAVE = """
import types
json.left = builtins.left = left = 1
os.environ["LEFT"] = "1"; os.chdir("/"); os.umask(0o77)
sys.path.append("/left"); sys.modules["left"] = types.ModuleType("left")
_ = signal.signal(signal.SIGALRM, lambda *_: None)
decimal.getcontext().prec = 5; warnings.simplefilter("always")
matplotlib.rcParams["lines.linewidth"] = 9; _ = np.seterr(all="raise")
pd.options.display.max_columns = 3; matplotlib.use("svg")
random.seed(1); np.random.seed(1)
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
DRAW = "print(random.random(), np.random.random())"


def _printed(run) -> list[str]:
    cells = json.loads((run.folder / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(o["text"]) for c in cells for o in c["outputs"]]


@pytest.fixture(scope="module")
def warm():
    """A warm process with modules that the notebooks change."""
    with Warm(["matplotlib", "numpy", "pandas"]) as process:
        yield process


def test_nothing_passes_from_one_notebook_to_the_next(tmp_path, warm):
    folder = tmp_path / "n"
    steps = [toy(folder, "a", SEEN, LEAVE, SEEN), toy(folder, "b", SEEN), toy(folder, "c", SEEN)]
    runs = run_all(steps[:2], build=tmp_path / "build", warm=warm)
    (ordinary,) = run_all(steps[2:], build=tmp_path / "build", warm=None)
    first, second, third = (json.loads(_printed(r)[0]) for r in (*runs, ordinary))
    left = json.loads(_printed(runs[0])[1])
    assert {k for k in first if left[k] == first[k]} == set(), "all of it can be changed"
    assert first == second
    assert first == third, "a forked kernel is what an ordinary one is"


def test_random_numbers_are_not_the_same_in_each_kernel(tmp_path, warm):
    steps = [toy(tmp_path / "n", name, SEEN, DRAW) for name in ("a", "b")]
    drawn = [_printed(r)[1].split() for r in run_all(steps, build=tmp_path / "build", warm=warm)]
    assert not set(drawn[0]) & set(drawn[1])


PARENT = "import os, pathlib\nprint(pathlib.Path(f'/proc/{os.getppid()}/cmdline').read_text())"


def _forked(run) -> bool:
    return "forkserver.py" in _printed(run)[0]


def test_kernels_are_forked_unless_they_cannot_or_shall_not_be(tmp_path, monkeypatch, warm):
    step, build = toy(tmp_path / "n", "a", PARENT), tmp_path / "build"
    assert _forked(*run_all([step], build=build, warm=warm, cache=False))
    assert not _forked(*run_all([step], build=build, warm=None, cache=False))
    monkeypatch.setenv(SWITCH, "0")
    assert not _forked(*run_all([step], build=build, warm=Warm(), cache=False))
    monkeypatch.delenv(SWITCH)
    monkeypatch.delattr(os, "fork")
    assert not _forked(*run_all([step], build=build, warm=Warm(), cache=False))


def test_without_the_warm_process_a_kernel_is_started(tmp_path):
    step, build = toy(tmp_path / "n", "a", PARENT), tmp_path / "build"
    with Warm() as mortal:
        assert _forked(*run_all([step], build=build, warm=mortal, cache=False))
        mortal._process.kill()
        mortal._process.wait()
        assert not _forked(*run_all([step], build=build, warm=mortal, cache=False))


def test_a_module_that_cannot_be_imported_is_the_notebooks_affair(tmp_path):
    with Warm(["no_such_module", "numpy"]) as warm:
        step = toy(tmp_path / "n", "a", PARENT)
        assert _forked(*run_all([step], build=tmp_path / "build", warm=warm))


def _named(path) -> set[str]:
    """What a notebook's cells import: modules, and what may be one in a package."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{a.name}" for a in node.names}
    return found


PRELOADED = """
import importlib, importlib.util, sys, threading
for name in {preload!r}: importlib.import_module(name)
loaded = set(sys.modules)

def is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a function of a module
        return False

missing = [n for n in {names!r} if n not in loaded and is_module(n)]
assert not missing, f'to be named in compendium.toml, preload: {{missing}}'
import matplotlib, numba
assert threading.active_count() == 1
assert 'matplotlib_inline.backend_inline' not in sys.modules
assert not numba.np.ufunc.parallel._is_initialized, 'its threads would not survive'
"""


def test_what_is_preloaded_is_what_notebooks_import_silent_and_without_a_thread():
    """What a module prints when it is imported no notebook would show."""
    names = sorted(set().union(*(_named(s.path) for s in project().steps)))
    assert "clofarabine.audit.ledger" in names
    code = PRELOADED.format(preload=project().preload, names=names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_warm_process_and_its_kernels_end_with_the_pipeline(tmp_path):
    """Killed, it can do nothing for them."""
    wait = HEAD + (
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "_ = (here / 'pids').write_text(f'{os.getpid()} {os.getppid()}')\n"
        "import time; time.sleep(600)"
    )
    both = [toy(tmp_path / "n", "a", wait), toy(tmp_path / "n", "b", "1")]
    pipeline = subprocess.Popen(
        toys.command(both, "reproduce", "--jobs", "1"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pids, end = tmp_path / "pids", time.monotonic() + 60
    while not (pids.exists() and len(pids.read_text().split()) == 2):
        assert time.monotonic() < end
        time.sleep(0.05)
    pipeline.send_signal(signal.SIGKILL)
    pipeline.wait()
    end = time.monotonic() + 60
    for pid in pids.read_text().split():
        with contextlib.suppress(OSError):  # it is gone
            while "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                assert time.monotonic() < end, "it lives on"
                time.sleep(0.05)


@pytest.mark.parametrize(("number", "told"), [(errno.ENOTSOCK, False), (errno.EAGAIN, True)])
def test_a_kernel_that_ends_says_nothing_of_its_closed_sockets(number, told):
    """ipykernel may flush after it closed the socket; any other error is told."""
    try:
        raise zmq.ZMQError(number)
    except zmq.ZMQError:
        where = ("tornado.general", logging.ERROR, __file__, 1, "Uncaught exception", ())
        record = logging.LogRecord(*where, sys.exc_info())
    assert forkserver.is_news(record) is told
    assert forkserver.is_news(logging.LogRecord(*where, None))


HOLD = """
import os, platform, psutil, threading
import numpy as np
assert "MALLOC_ARENA_MAX" not in os.environ
def held(): return psutil.Process().memory_info().rss
def work():
    for _ in range(2): large = [np.ones(600_000) for _ in range(20)]; del large
    before, large, small = held(), [], []
    for _ in range(80): large.append(np.ones(600_000)); small.append(bytearray(50_000))
    most = held(); del large
    print((held() - before) / (most - before), platform.libc_ver()[0])
thread = threading.Thread(target=work); thread.start(); thread.join()
"""


def test_what_a_cell_frees_goes_back_to_the_machine(tmp_path, warm):
    """Arrays of 5 MB between small ones in a thread, of which GNU's C library keeps half."""
    (run,) = run_all([toy(tmp_path / "n", "a", HOLD)], build=tmp_path / "build", warm=warm)
    share, library = _printed(run)[0].split(" ")
    if library.strip() != "glibc":
        pytest.skip("another C library has other rules")
    assert float(share) < 0.2


def test_a_stop_does_not_wait_for_imports(tmp_path, monkeypatch):
    (tmp_path / "sleeps.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(schedule, "Warm", lambda _: Warm(["sleeps"]))

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    both, began = [toy(tmp_path / "n", name, "1") for name in ("a", "b")], time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 2)
    with pytest.raises(KeyboardInterrupt):
        run_all(both, build=tmp_path / "build", warm=None)
    assert time.monotonic() - began < 120
    assert list((tmp_path / "build" / "runs").iterdir()) == []


def test_a_kernel_that_starts_after_the_stop_is_ended_too(monkeypatch):
    ended, running = threading.Event(), []
    monkeypatch.setattr(warm_module, "RUNNING", running)
    kernel = SimpleNamespace(provisioner=SimpleNamespace(process=SimpleNamespace(kill=ended.set)))

    def notebook() -> bool:
        time.sleep(0.3)  # on its way to the kernel when the stop comes
        running.append(kernel)
        return ended.wait(10)

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(notebook)
        warm_module.stop_all([job])
        assert job.result(), "nobody ended it"
