"""One environment by every door: the lock, the exported requirements, conda, Binder."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from clofarabine.tables.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
EXPORTED = (ROOT / "requirements.txt").read_text(encoding="utf-8")
DIRECT = [Requirement(r) for r in PROJECT["project"]["dependencies"]]


def _locked(name):
    return [Version(p["version"]) for p in LOCK if p["name"] == canonicalize_name(name)]


def _exported():
    """Requirement and number of hashes of each entry of requirements.txt."""
    entries = re.split(r"\n(?=\S)", EXPORTED.strip())
    return [(Requirement(e.split("\\")[0].strip()), e.count("--hash=sha256:")) for e in entries]


def test_the_export_is_what_the_lock_gives():
    """uv itself exports the lock again and finds pyproject.toml and uv.lock in step."""
    uv = ROOT / ".tools" / "uv" / "bin" / "uv"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"\$\(UV\) export (.*) -o requirements\.txt", makefile)[1].split()
    done = subprocess.run(
        [uv, "export", "--offline", *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == EXPORTED, "make lock brings it in step"


def test_every_requirement_is_pinned_and_hashed():
    for requirement, hashes in _exported():
        assert [s.operator for s in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
    names = {r.name for r, _ in _exported()}
    assert {canonicalize_name(r.name) for r in DIRECT} <= names


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_the_lock_meets_what_the_project_asks(requirement):
    versions = _locked(requirement.name)
    assert versions
    assert all(v in requirement.specifier for v in versions)


def test_what_is_installed_is_what_is_locked():
    for requirement in DIRECT:
        assert Version(metadata.version(requirement.name)) in _locked(requirement.name)


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name.split(".")[0] for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_the_package_imports_only_what_it_names():
    optional = PROJECT["project"]["optional-dependencies"].values()
    named = {canonicalize_name(r.name) for r in DIRECT}
    named |= {canonicalize_name(Requirement(r).name) for group in optional for r in group}
    belongs = metadata.packages_distributions()
    for path in sorted((ROOT / "src").rglob("*.py")):
        for module in (
            set(_imported(path))
            - sys.stdlib_module_names
            - {"clofarabine", "compendium", "metaprop"}
        ):
            assert {canonicalize_name(d) for d in belongs[module]} & named, (path.name, module)


def test_one_python_by_every_door():
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *rest = conda["dependencies"]
    name, version = python.split("=")
    assert name == "python"
    assert version in allowed
    assert (ROOT / "binder" / "runtime.txt").read_text() == f"python-{version}\n"
    assert rest == ["pip", {"pip": ["-r requirements.txt"]}], "pip installs the lock, conda nothing"
    assert conda["channels"] == ["conda-forge", "nodefaults"]


def test_binder_installs_the_lock_and_then_the_package():
    binder = ROOT / "binder"
    assert (binder / "requirements.txt").read_text().split() == ["-r", "../requirements.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    version = (binder / "runtime.txt").read_text().strip().removeprefix("python-")
    said = done.stdout + done.stderr
    assert 'pip install --no-cache-dir -r "binder/requirements.txt"' in said
    assert "RUN ./binder/postBuild" in said
    assert f"Building conda environment for python={version}" in said
