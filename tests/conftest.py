"""What several test files share, and the rooms of the tests.

metaprop/
    Statistics and plots, against closed forms and R metafor (oracle/); no notebook runs.
compendium/
    The machinery over toy notebooks (toys.py), and where it says so over the real project.
clofarabine/
    Tables, audit, documents and notebooks of this paper; one file runs all notebooks.
browser/
    JupyterLab and the explorer in a real browser.
test_house.py
    Which package may import which, and how long a module may be.
test_environment.py, test_install.py
    The lock, conda and Binder give one environment.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import settings

from clofarabine.tables.paths import ROOT

# One seed for all machines: a failure found once is found again.
settings.register_profile("compendium", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("compendium")


_CHROMIUM = (
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def need(tool: str) -> str:
    """Path of a program; without it the test skips here and fails in CI, which installs it."""
    path = shutil.which(tool)
    if path is None:
        message = f"{tool} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(autouse=True)
def one_warm_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are forked from one process, not from one for each command that a test runs."""
    import toys

    from compendium import schedule

    monkeypatch.setattr(schedule, "Warm", lambda _modules: contextlib.nullcontext(toys.WARM))


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Any]:
    """A process that has imported what the real notebooks import; kernels are forked from it."""
    from clofarabine.__main__ import project
    from compendium.warm import Warm

    with Warm(project().preload) as process:
        yield process


def interruptible() -> None:
    """For Popen's preexec_fn: a job that a script left in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's browser, one for all tests of a process: playwright allows no second."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=need("chromium"), args=_CHROMIUM)
        yield browser
        browser.close()


def nbval_finds(session: pytest.Session, *, ran: Path, committed: Path) -> list[str]:
    """What nbval finds to differ between a notebook that was run and the committed one."""
    from nbval.plugin import IPyNbFile

    found = []
    code = [c for c in nbformat.read(ran, as_version=4).cells if c.cell_type == "code"]
    cells = list(IPyNbFile.from_parent(session, path=committed).collect())
    if [c.cell.source for c in cells] != [c.source for c in code]:
        return ["other code cells"]
    for cell, new in zip(cells, code, strict=True):
        spared = cell.options["skip"] or not cell.options["check"]
        if spared or not cell.compare_outputs(new.outputs, cell.cell.outputs):
            found.append(
                f"{cell.name}: "
                + "".join(["not compared"] if spared else cell.comparison_traceback)
            )
    return found


def copy_tree(to: Path) -> None:
    """The tree a clone has, with notebooks that hold no output: nothing can pass unrun."""
    leave = (".*", "build", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*leave), dirs_exist_ok=True)
    for path in (to / "notebooks").glob("*.ipynb"):
        nb = nbformat.read(path, as_version=4)
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(nb, path)
    share_machine_code(to / "src")


def share_machine_code(to: Path) -> None:
    """Let a copy of src/ use and fill numba's cache of src/: compiling all anew takes a minute.

    numba files machine code under the address of a package and checks that the source is the same.
    """
    from numba.core.caching import UserProvidedCacheLocator

    from metaprop import kernels

    address = UserProvidedCacheLocator.get_suitable_cache_subpath
    source, cache = ROOT / "src", Path(kernels.config.CACHE_DIR)
    copied = to / cache.relative_to(source)
    copied.mkdir(parents=True)
    for package in {p.parent for p in (source / "metaprop").rglob("*.py")}:
        folder = cache / address(package / "_.py")
        folder.mkdir(parents=True, exist_ok=True)
        (copied / address(to / package.relative_to(source) / "_.py")).symlink_to(folder)


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount onto a folder; without the right to, the test skips here and fails in CI."""
    done = subprocess.run(["mount", *options, folder], capture_output=True, text=True)
    if done.returncode:
        message = f"mount is not allowed here: {done.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def offline() -> list[str]:
    """What a command starts with to have no network at all; [] if that is not allowed here."""
    for prefix in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        with contextlib.suppress(OSError):
            if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
                return prefix
    return []
