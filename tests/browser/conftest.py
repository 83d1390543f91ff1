"""A JupyterLab server on a copy of the tree, and a real browser looking at it."""

import json
import os
import re
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
import pytest
from conftest import copy_tree, need

from clofarabine.tables.paths import OUTPUT_VARIABLE, ROOT

_QUIET = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # A save of its own in the middle of ours makes JupyterLab ask which of the two is to stay.
    "docmanager-extension/plugin": {"autosave": False},
}


START = PurePosixPath("notebooks/00_start.ipynb")


@dataclass(frozen=True)
class Lab:
    """A page of the running server, and the folder that it serves."""

    page: Any
    root: Path
    url: str
    token: str
    pid: int

    def held(self) -> int:
        """Bytes that the server and its kernels hold together, what they share counted once."""
        server = psutil.Process(self.pid)
        return sum(p.memory_full_info().pss for p in (server, *server.children(recursive=True)))

    def kernels(self) -> list[str]:
        """Paths of the notebooks whose kernel runs."""
        found = self.page.request.get(f"{self.url}api/sessions?token={self.token}").json()
        return sorted(session["path"] for session in found)

    def app(self, script: str, argument: object = None) -> Any:
        """Result of a JavaScript function of the notebook panel in front (and an argument)."""
        code = f"a => ({script})(window.jupyterapp.shell.currentWidget, a)"
        return self.page.evaluate(code, argument)

    def path(self) -> str:
        """Path of the document in front, "" while there is none."""
        return self.app("w => w && w.context ? w.context.path : ''")

    def wait(
        self, what: str, ready: Callable[[], bool], seconds: float = 60, pause: int = 50
    ) -> None:
        """Poll until ready; the message of a failure says what was awaited."""
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, f"after {seconds:.0f} s not yet: {what}"
            self.page.wait_for_timeout(pause)

    def open(self, path: str = "") -> None:
        """Load the address (of a document) and wait until its kernel is idle."""
        fresh = "&reset" if path else ""  # without the documents that were open before
        self.page.goto(f"{self.url}{path}?token={self.token}{fresh}")
        self.page.wait_for_function("window.jupyterapp && window.jupyterapp.shell.currentWidget")
        self.settle()

    def start(self) -> None:
        """Have the start page in front, without loading JupyterLab anew where it is open."""
        tab = self.page.locator(".lm-DockPanel-tabBar").get_by_text(START.name)
        if not tab.count():
            self.open()
        else:
            tab.click()
            self.wait("the start page in front", lambda: self.path() == str(START))
        self.settle()

    def go(self, name: str) -> None:
        """Have a notebook in front, by its link on the start page."""
        self.start()
        if name != START.stem:
            link = f'.jp-RenderedMarkdown a[href*="{name}.ipynb"]'
            self.page.locator(f".lm-DockPanel-widget:not(.lm-mod-hidden) {link}").first.click()
            self.wait(f"{name} in front", lambda: self.path() == f"notebooks/{name}.ipynb")
            self.settle()

    def settle(self) -> None:
        """Wait until the notebook in front has a connected, idle kernel: clicks before are lost."""
        self.wait("a connected, idle kernel", lambda: self.app(
            """w => { const k = w && w.sessionContext && w.sessionContext.session
                      && w.sessionContext.session.kernel;
                      return !!k && k.connectionStatus === 'connected' && k.status === 'idle'
                             && w.content.model.cells.length > 0; }"""))  # fmt: skip

    def menu(self, *items: str) -> None:
        """Click through the menu bar."""
        self.page.locator(".lm-MenuBar-itemLabel").get_by_text(items[0], exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(items[1], exact=True).click()

    def cells(self) -> list[dict]:
        """The cells as the browser holds them."""
        return self.app("w => w.content.model.sharedModel.toJSON().cells")

    def run_all(self) -> None:
        """Run > Run All Cells, until every code cell has run or one has failed."""
        self.menu("Run", "Run All Cells")

        # Asked for in the page: the outputs are megabytes, too much to be carried over each time.
        over = """w => { const code = w.content.widgets.map(c => c.model).filter(
                             m => m.type === 'code');
            const failed = m => [...Array(m.outputs.length).keys()].some(
                             i => m.outputs.get(i).type === 'error');
            return code.every(m => m.executionCount) || code.some(failed); }"""
        self.wait("every cell run", lambda: self.app(over), 900, pause=200)
        self.settle()

    def save(self, name: str) -> Path:
        """Save with the keyboard; the file as it is then on the disk."""
        path = self.root / name
        before = path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        self.wait("the notebook saved", lambda: path.stat().st_mtime_ns != before)
        self.wait("nothing unsaved", lambda: not self.app("w => w.context.model.dirty"))
        return path

    def close(self, *, shut: bool = True) -> None:
        """Close the notebook in front, which has to be saved, with its kernel or without."""
        if shut:
            self.app("w => w.sessionContext.shutdown()")
        self.app("w => w.close()")


def _options() -> list[str]:
    """What ``make lab`` gives JupyterLab, read from the Makefile."""
    command = re.search(r"-m jupyterlab (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    return shlex.split(re.sub(r"\$\(\w+\)", "", command[1]))


def _address(process: subprocess.Popen, runtime: Path) -> str:
    """Address of the server, from the file it leaves in its runtime folder."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(file.read_text())["url"]
            except ValueError:  # half written
                pass
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start (code {process.poll()}); see {runtime.parent}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path, int]]:
    """Address, token, root, process of a JupyterLab on loopback that shares no user's files."""
    need("chromium")
    base = tmp_path_factory.mktemp("lab")
    root = base / "tree"
    root.mkdir()
    copy_tree(root)
    token = secrets.token_hex(16)
    env = {**os.environ, "PYTHONPATH": str(root / "src"), "JUPYTER_TOKEN": token}
    env.pop(OUTPUT_VARIABLE, None)
    for name in ("config", "data", "runtime"):
        (base / name).mkdir()
        env[f"JUPYTER_{name.upper()}_DIR"] = str(base / name)
    env |= {"IPYTHONDIR": str(base / "ipython"), "HOME": str(base)}
    for name, values in _QUIET.items():
        file = base / f"config/lab/user-settings/@jupyterlab/{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    with (base / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *_options(), "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
             "--LabApp.expose_app_in_browser=True"],
            cwd=root, env=env, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield _address(process, base / "runtime"), token, root, process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def page(server: tuple[str, str, Path, int], chromium: Any) -> Iterator[tuple[Any, list[str]]]:
    """A tab in which JupyterLab is loaded once for all tests, and the errors that it throws."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda e: errors.append(str(e)))
    yield page, errors
    context.close()
    assert not errors, errors


@pytest.fixture
def lab(server: tuple[str, str, Path, int], page: tuple[Any, list[str]]) -> Iterator[Lab]:
    """JupyterLab; errors that the page itself throws, since the test before, fail the test."""
    address, token, root, pid = server
    tab, errors = page
    yield Lab(tab, root, address, token, pid)
    thrown = errors.copy()
    errors.clear()
    assert not thrown, thrown
