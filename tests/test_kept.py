"""What archives read: the crate, the citation, the container; each in step with the tree."""

import json
import re
import runpy
import shlex
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest
import requests
import yaml
from conftest import copy_tree
from jsonschema import Draft7Validator
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester
from test_house import ROOT

CRATE = ROOT / "ro-crate-metadata.json"
CFF = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def _get(self, url, *_, **__):
    """The context as the rocrate library carries it: the validator asks for it by its address."""
    answer = requests.Response()
    found = url.startswith("https://w3id.org/ro/crate/") and "context" in url
    answer.status_code, answer.url = 200 if found else 404, url
    answer.headers["Content-Type"] = "application/ld+json"
    answer._content = resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
    return answer


def _missed(profile: str, monkeypatch, stated: dict, folder: Path) -> list[str]:
    """What a crate does not have of all that a profile requires, by the profile's own numbers.

    It is laid out anew: the validator does not find its way where a folder's name has a space.
    """
    for e in stated["@graph"]:
        if "File" in e.get("@type", ()):
            (folder / e["@id"]).parent.mkdir(parents=True, exist_ok=True)
            (folder / e["@id"]).touch()
    (folder / CRATE.name).write_text(json.dumps(stated), encoding="utf-8")
    monkeypatch.setattr(HttpRequester, "get", _get, raising=False)
    monkeypatch.setattr(HttpRequester, "head", _get, raising=False)
    found = services.validate(
        models.ValidationSettings(
            rocrate_uri=str(folder),
            profile_identifier=profile,
            requirement_severity=models.Severity.REQUIRED,
            skip_availability_check=True,
        )
    )
    return [i.check.identifier for i in found.get_issues()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "profile", ["ro-crate-1.2", "ro-crate-1.1", "process-run-crate", "workflow-run-crate"]
)
def test_the_crate_is_valid(profile, tmp_path, monkeypatch):
    stated = json.loads(CRATE.read_text(encoding="utf-8"))
    assert _missed(profile, monkeypatch, stated, tmp_path) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entity", ["./", "#run", "compendium.toml"])
def test_a_crate_without_its_run_or_its_workflow_is_not(entity, tmp_path, monkeypatch):
    stated = json.loads(CRATE.read_text(encoding="utf-8"))
    (found,) = (e for e in stated["@graph"] if e["@id"] == entity)
    del found[{"./": "conformsTo", "#run": "instrument", "compendium.toml": "@type"}[entity]]
    assert _missed("workflow-run-crate", monkeypatch, stated, tmp_path)


def test_the_crate_is_that_of_the_tree():
    text = runpy.run_path(str(ROOT / "tools" / "crate.py"))["text"]()
    assert CRATE.read_text(encoding="utf-8") == text, "tools/crate.py brings it in step"


def test_the_crate_names_files_that_are_there():
    graph = json.loads(CRATE.read_text(encoding="utf-8"))["@graph"]
    files = [e["@id"] for e in graph if "File" in e["@type"]]
    assert len(files) > 50
    assert [f for f in files if not (ROOT / f).is_file()] == []
    (run,) = (e for e in graph if e["@type"] == "CreateAction")
    assert run["object"]
    assert run["result"]


def test_archive_and_citation_say_the_same():
    zenodo = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
    assert (zenodo["title"], zenodo["version"]) == (CFF["title"], CFF["version"])
    assert zenodo["license"] == CFF["license"]
    assert zenodo["keywords"] == CFF["keywords"]
    assert [c["name"] for c in zenodo["creators"]] == [a["name"] for a in CFF["authors"]]
    (article,) = CFF["references"]
    assert zenodo["related_identifiers"][0]["identifier"] == article["doi"]
    assert f'version = "{CFF["version"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_citation_is_valid():
    """Against the schema that cffconvert carries; a date is a string there."""
    carried = Path("cffconvert", "schemas", CFF["cff-version"], "schema.json")
    schema = metadata.distribution("cffconvert").locate_file(carried)  # its code is not imported
    check = Draft7Validator(json.loads(Path(schema).read_text(encoding="utf-8")))
    stated = CFF | {"date-released": CFF["date-released"].isoformat()}
    assert [e.message for e in check.iter_errors(stated)] == []
    assert list(check.iter_errors(stated | {"authors": []})), "the schema refuses what is wrong"


def test_the_container_file_is_sound():
    lint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([lint, "Containerfile"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_containers_steps_can_be_performed(tmp_path):
    """In a copy of what COPY takes; Debian's packages are left out, which need root and a network.

    The interpreter's cache of packages is the machine's own, as for every `make env`.
    """
    text = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    copy_tree(tmp_path / "tree")
    (tmp_path / "tree" / ".tools").mkdir()
    (tmp_path / "tree" / ".tools" / "uv").symlink_to(ROOT / ".tools" / "uv")
    steps = [s.removeprefix("RUN ") for s in text.splitlines() if s.startswith("RUN ")]
    left_out = [s for s in steps if s.startswith("apt-get update")]
    assert len(left_out) == 1
    command = json.loads(text.partition("CMD ")[2])
    for step in [*(s for s in steps if s not in left_out), shlex.join([*command, "--dry-run"])]:
        done = subprocess.run(
            ["sh", "-c", step], cwd=tmp_path / "tree", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "-m clofarabine reproduce" in done.stdout
    own = tmp_path / "tree" / ".venv" / "bin" / "python"
    where = "import clofarabine; print(clofarabine.__file__)"
    seen = subprocess.run([own, "-c", where], cwd=tmp_path, capture_output=True, text=True)
    assert seen.stdout.startswith(str(tmp_path / "tree")), seen.stderr


def test_the_container_runs_what_there_is():
    lines = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [s for s in lines if s and not s.startswith("#")]
    assert {s.split()[0] for s in steps} == {"FROM", "RUN", "WORKDIR", "COPY", "CMD"}
    assert re.search(r":3\.1\d-slim", steps[0])  # a tag, and a Python that the project takes
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    asked = re.findall(r"^RUN make (\w+)|\"make\", \"(\w+)\"", "\n".join(steps), re.M)
    named = {a or b for a, b in asked}
    assert named == {"env", "reproduce"}
    assert named <= targets
