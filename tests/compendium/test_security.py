"""What the compendium keeps to itself: no network, no code from data, JupyterLab behind a token."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from conftest import offline
from toys import run_all, toy

from clofarabine.tables.paths import ROOT

CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"


def test_the_reproduction_without_a_network_is_really_without(tmp_path):
    """What test_reproduction uses as "no network" reaches not even this machine."""
    prefix = offline()
    if not prefix:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("unshare --net is not allowed here")
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = CONNECT.format(port=server.getsockname()[1])
        inside = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True)
        assert b"Network is unreachable" in inside.stderr
        subprocess.run([sys.executable, "-c", code], check=True)


def test_nobody_else_can_send_code_to_a_kernel(tmp_path):
    """Messages go through sockets in a private folder; ipykernel's own pipe is on the loopback."""
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from ipykernel.connect import get_connection_info\n"
        "mine = set()\n"
        "for f in os.listdir('/proc/self/fd'):\n"
        "    try: mine.add(os.readlink(f'/proc/self/fd/{f}'))\n"
        "    except OSError: pass\n"
        "tables = [Path(f'/proc/net/{t}').read_text() for t in ('tcp', 'tcp6')]\n"
        "rows = [line.split() for table in tables for line in table.splitlines()[1:]]\n"
        "tcp = {r[1].split(':')[0] for r in rows if f'socket:[{r[9]}]' in mine}\n"
        "info = get_connection_info(unpack=True)\n"
        "folder = Path(info['ip']).parent\n"
        "print(info['transport'], oct(folder.stat().st_mode & 0o777), tcp <= {'0100007F'})"
    )
    (run,) = run_all([toy(tmp_path, "n", code)], build=tmp_path / "build")
    nb = nbformat.read(run.folder / "notebook.ipynb", as_version=4)
    assert nb.cells[0].outputs[0].text == "ipc 0o700 True\n"


HOSTILE = """
import pickle, subprocess, yaml
def f(x):
    eval(x); exec(x); pickle.loads(x); yaml.load(x); subprocess.run(x, shell=True)
"""


@pytest.mark.parametrize("name", ["src/clofarabine/x.py", "notebooks/x.ipynb"])
def test_ruff_refuses_code_from_data(name):
    """The rules against eval, exec, pickle, yaml.load and shells hold in package and notebooks."""
    source = HOSTILE
    if name.endswith("ipynb"):
        cell = nbformat.v4.new_code_cell(HOSTILE)
        source = nbformat.writes(nbformat.v4.new_notebook(cells=[cell]))
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format=json", "--stdin-filename", name],
        input=source, capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    codes = {d["code"] for d in json.loads(done.stdout)}
    forbidden = {"S307", "S102", "S301", "S506", "S602"}
    assert forbidden <= codes
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]:
        spared = re.findall(r"noqa: *([\w, ]+)", path.read_text(encoding="utf-8"))
        assert not forbidden & set(re.findall(r"\w+", " ".join(spared))), path


def _answer(url):
    """Status of an answer; the server says its address a moment before it listens."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}")


def test_jupyterlab_is_on_the_loopback_behind_a_token(tmp_path):
    private = {f"JUPYTER_{k}_DIR": str(tmp_path / k) for k in ("CONFIG", "DATA", "RUNTIME")}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"ARGS=--no-browser --port={port}"
    told = subprocess.run(
        ["make", "-n", "lab", options, f"RUN={shlex.quote(sys.executable)}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    command = shlex.split(next(t for t in told if "jupyterlab" in t))
    assert ("--allow-root" in command) == (os.getuid() == 0), "in a container one is root"
    server = subprocess.Popen(
        command,
        cwd=ROOT, env={**os.environ, **private}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        pattern = re.compile(rf"http://127\.0\.0\.1:{port}/\S*\?token=(\w{{20,}})")
        token = next(m for line in server.stderr if (m := pattern.search(line)))[1]
        api = f"http://127.0.0.1:{port}/api/contents"
        assert _answer(api) == 403
        assert _answer(f"{api}?token={token}") == 200
        tables = [Path(f"/proc/{server.pid}/net/{t}").read_text() for t in ("tcp", "tcp6")]
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        listening = {r[1] for r in rows if r[3] == "0A" and r[1].endswith(f":{port:04X}")}
        loopback = {"0100007F", "00000000000000000000000001000000"}
        assert listening
        assert {address.split(":")[0] for address in listening} <= loopback
    finally:
        server.terminate()
        server.stderr.close()
        server.wait()
