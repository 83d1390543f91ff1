"""Binder's own steps, performed: requirements with hashes, postBuild, and the first page."""

import http.client
import json
import os
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path

import nbformat
import pytest
from conftest import copy_tree

from clofarabine.tables.paths import OUTPUT_VARIABLE, ROOT
from compendium import compare, kernel

UV = ROOT / ".tools" / "uv" / "bin" / "uv"


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A clone with Binder's steps done in it, and the variables that its users have."""
    base = tmp_path_factory.mktemp("binder")
    tree, prefix = base / "tree", base / "env"
    copy_tree(tree)
    venv.create(prefix, with_pip=True, symlinks=True)
    home = base / "home"
    home.mkdir()
    env = {k: v for k, v in os.environ.items() if k not in (OUTPUT_VARIABLE, "PYTHONPATH")}
    env |= {"PATH": f"{prefix / 'bin'}{os.pathsep}{env['PATH']}", "VIRTUAL_ENV": str(prefix)}
    # pip would need a minute for what uv links from the cache of `make env` in seconds; both check
    # every hash of the same file.
    requirements = ["-r", "binder/requirements.txt"]
    install = [str(UV), "pip", "install", "--quiet", "--require-hashes", *requirements]
    for command in (install, ["bash", "binder/postBuild"]):
        done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return tree, env | {"HOME": str(home), "IPYTHONDIR": str(home)}


def test_the_image_is_the_lock_and_lean(image):
    tree, env = image
    listed = subprocess.run(
        ["python", "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        cwd=tree, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    versions = {
        p["name"].lower().replace("_", "-"): p["version"] for p in json.loads(listed.stdout)
    }
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    needed, waiting = {"uv-build"}, ["clofarabine"]  # all that the package needs, and its builder
    while waiting:
        name = waiting.pop()
        for entry in (p for p in lock if p["name"] == name):  # one for each range of Pythons
            own = entry.get("dependencies", [])
            if name != "clofarabine":
                own = own + [d for g in entry.get("optional-dependencies", {}).values() for d in g]
            new = {d["name"] for d in own} - needed
            needed |= new
            waiting += new
    ours = {(n, v) for n, v in versions.items() if n not in ("pip", "setuptools", "clofarabine")}
    assert ours <= {(p["name"], p.get("version")) for p in lock}
    assert {n for n, _ in ours} <= needed
    assert not {"pytest", "ruff", "playwright", "pymare"} & needed


def test_a_notebook_runs_in_the_image(image, tmp_path):
    tree, env = image
    name = "01_data_extraction"
    out = tmp_path / "out.ipynb"
    done = subprocess.run(
        ["papermill", "--no-progress-bar", f"{tree}/notebooks/{name}.ipynb", str(out)],
        cwd=tmp_path, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tree / "build/interactive/derived/internal_checks.csv").is_file()
    out.write_text(kernel.normalise(nbformat.read(out, as_version=4)), encoding="utf-8")
    assert compare.notebook_difference(out, ROOT / "notebooks" / f"{name}.ipynb") == ""


def test_the_image_opens_on_the_start_page(image, tmp_path):
    tree, env = image
    env = env | {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("RUNTIME", "DATA")}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            ["python", "-m", "jupyterlab", "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"],
            cwd=tree, env=env | {"JUPYTER_TOKEN": "binder"}, stderr=log,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not (found := list((tmp_path / "RUNTIME").glob("jpserver-*.json"))):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.1)
        time.sleep(0.5)
        port = json.loads(found[0].read_text())["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/?token=binder")
        answer = connection.getresponse()
        assert answer.status == 302
        assert answer.headers["Location"].partition("?")[0] == "/lab/tree/notebooks/00_start.ipynb"
        connection.close()
        said = (tmp_path / "log").read_text(encoding="utf-8")
        assert "compendium.lab | extension was successfully loaded" in said, "kernels are forked"
        assert "jupyterlab | extension was successfully loaded" in said
    finally:
        server.terminate()
        server.wait(20)


def test_python_is_the_one_that_binder_is_asked_for():
    asked = (ROOT / "binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lowest = project["project"]["requires-python"].removeprefix(">=")
    assert asked == f"python-{lowest}"
    assert sys.version_info[:2] >= tuple(int(p) for p in lowest.split("."))


def test_behind_a_shim_the_environment_is_made_once(tmp_path):
    """pyenv's python3 is a script: uv replaced .venv at every call."""
    tree, shims = tmp_path / "tree", tmp_path / "shims"
    copy_tree(tree)
    (tree / ".tools").mkdir()
    (tree / ".tools" / "uv").symlink_to(ROOT / ".tools" / "uv")
    shims.mkdir()
    shim = shims / "python3"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    env = os.environ | {"PATH": f"{shims}{os.pathsep}{os.environ['PATH']}"}

    def make(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(["make", *words], cwd=tree, env=env, capture_output=True, text=True)

    assert make("env").returncode == 0
    packages = next((tree / ".venv" / "lib").glob("python3*")) / "site-packages"
    (packages / "of_the_tests.py").touch()
    (tree / ".venv" / ".runtime").unlink()
    assert make("env").returncode == 0
    assert (packages / "of_the_tests.py").is_file()
    done = make("env", "PYTHON=nonsense")
    assert done.returncode != 0
    assert "PYTHON: found nonsense, expected Python 3.11 or newer" in done.stderr
    assert (packages / "of_the_tests.py").is_file()
