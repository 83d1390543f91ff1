"""Kernels that Jupyter's server forks: libraries shared, code as it is, and else as any kernel."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient

from compendium.lab import LIBRARIES

TOKEN = "lab"


def _asked(address: str, path: str, data: object = None) -> Any:
    """Answer of the server's API, to a question or to a request with data."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(address + path, body, {"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def _address(process: subprocess.Popen, base: Path) -> str:
    """Address of the server, which it says a moment before it listens."""
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, (base / "log").read_text()
        assert time.monotonic() < end
        with suppress(urllib.error.URLError, ValueError, IndexError):
            url = json.loads(sorted((base / "RUNTIME").glob("jpserver-*.json"))[0].read_text())[
                "url"
            ]
            _asked(url, "api/status")
            return url
        time.sleep(0.1)


class Kernel:
    """A kernel of the server, with a client of its own."""

    def __init__(self, address: str, runtime: Path) -> None:
        self.at = "api/kernels/" + _asked(address, "api/kernels", {"name": "python3"})["id"]
        self.file = runtime / f"kernel-{self.at.rpartition('/')[2]}.json"

    @contextmanager
    def client(self) -> Iterator[BlockingKernelClient]:
        client = BlockingKernelClient(connection_file=str(self.file))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(60)
            yield client
        finally:
            client.stop_channels()

    def says(self, code: str) -> str:
        """What a cell prints."""
        text = []
        with self.client() as client:
            client.execute_interactive(
                code, output_hook=lambda m: text.append(m["content"].get("text", "")), timeout=60
            )
        return "".join(text).strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address, runtime folder and log of a Jupyter server that has the extension."""
    base = tmp_path_factory.mktemp("server")
    env = {f"JUPYTER_{kind}_DIR": str(base / kind) for kind in ("RUNTIME", "DATA", "CONFIG")}
    with (base / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser",
             "--ServerApp.port=0", "--ServerApp.jpserver_extensions=compendium.lab=True"],
            cwd=base, env=os.environ | env | {"JUPYTER_TOKEN": TOKEN}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield _address(process, base), base / "RUNTIME", base / "log"
        finally:
            process.terminate()
            process.wait(30)


def test_a_kernel_is_forked_with_libraries_and_without_the_projects_code(server):
    address, runtime, log = server
    kernel = Kernel(address, runtime)
    parent = "print(open(f'/proc/{__import__(\"os\").getppid()}/cmdline').read())"
    assert "forkserver.py" in kernel.says(parent)
    loaded = f"import sys; print([m for m in {LIBRARIES!r} if m not in sys.modules])"
    assert kernel.says(loaded) == "[]"
    own = "print([m for m in sys.modules if m.partition('.')[0] in ('clofarabine', 'metaprop')])"
    assert kernel.says(own) == "[]"
    assert json.loads(kernel.file.read_text()).get("curve_publickey"), "messages are encrypted"
    assert "without encryption" not in log.read_text()


def test_a_module_beside_the_notebook_is_found_and_read_again_after_a_restart(server):
    address, runtime, _ = server
    kernel = Kernel(address, runtime)
    folder = Path(kernel.says("import os; print(os.getcwd())"))
    module = folder / "of_the_user.py"
    module.write_text("value = 1")
    assert kernel.says("import of_the_user; print(of_the_user.value)") == "1"
    module.write_text("value = 'other'")
    _asked(address, f"{kernel.at}/restart", {})
    assert kernel.says("import of_the_user; print(of_the_user.value)") == "other"


def test_a_cell_is_interrupted_and_the_kernel_lives_on(server):
    address, runtime, _ = server
    kernel = Kernel(address, runtime)
    kernel.says("before = 1")
    with kernel.client() as client:
        asked = client.execute("import time; time.sleep(600)")
        while client.get_iopub_msg(timeout=60)["msg_type"] != "execute_input":
            pass
        _asked(address, f"{kernel.at}/interrupt", {})
        while (reply := client.get_shell_msg(timeout=60))["parent_header"].get("msg_id") != asked:
            pass
        assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.says("print(before)") == "1"


def test_the_debugger_answers(server):
    address, runtime, _ = server
    with Kernel(address, runtime).client() as client:
        for command, arguments in (("debugInfo", {}), ("initialize", {"adapterID": ""})):
            content = {"type": "request", "seq": 1, "command": command, "arguments": arguments}
            client.control_channel.send(client.session.msg("debug_request", content))
            assert client.get_control_msg(timeout=60)["content"]["success"]


def test_a_kernel_that_dies_is_started_anew_and_all_end_with_the_server(server):
    address, runtime, _ = server
    kernel = Kernel(address, runtime)
    first = int(kernel.says("import os; print(os.getpid())"))
    os.kill(first, signal.SIGKILL)
    end, second = time.monotonic() + 120, first
    while second == first:
        assert time.monotonic() < end
        with suppress(RuntimeError):  # the client saw none that beats
            second = int(kernel.says("import os; print(os.getpid())"))
