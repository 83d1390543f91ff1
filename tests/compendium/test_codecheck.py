"""codecheck.yml after the CODECHECK configuration specification 2.0, and its manifest in step."""

import re
from dataclasses import replace
from pathlib import PurePosixPath

import yaml

from clofarabine.__main__ import project
from clofarabine.tables.paths import ROOT
from compendium import codecheck

PROJECT = project()

TEXT = (ROOT / "codecheck.yml").read_text(encoding="utf-8")
CONFIG = yaml.safe_load(TEXT)


def missing(config: dict) -> set[str]:
    """What specification 2.0 says MUST be there and is not."""
    out = {k for k in ("manifest", "paper", "codechecker", "report", "summary", "certificate")
           if not config.get(k)}  # fmt: skip
    paper = config.get("paper", {})
    out |= {f"paper.{k}" for k in ("title", "authors", "reference") if not paper.get(k)}
    for item in config.get("manifest") or []:
        if not item.get("file"):
            out.add("manifest.file")
    for author in paper.get("authors") or []:
        out |= {f"paper.authors.{k}" for k in ("name", "ORCID") if not author.get(k)}
    return out


def test_the_validator_notices():
    assert missing({}) >= {"manifest", "paper", "paper.title", "certificate"}
    assert "manifest.file" in missing({"manifest": [{"comment": "no file"}]})


def test_only_what_others_must_add_is_missing():
    """ORCIDs are for their owners to give; the rest is the codechecker's part."""
    assert missing(CONFIG) == {
        "codechecker", "report", "summary", "certificate", "paper.authors.ORCID",
    }  # fmt: skip


def test_it_is_an_explicit_document_of_the_version():
    assert re.match(r"%YAML 1\.\d\n---\n", TEXT)
    assert CONFIG["version"] == "https://codecheck.org.uk/spec/config/2.0/"
    assert CONFIG["paper"]["reference"].startswith("https://doi.org/")
    assert not re.search(r"FIXME|TODO|XXXX", TEXT)


def test_the_manifest_is_what_the_notebooks_make():
    assert CONFIG["manifest"] == codecheck.manifest(PROJECT), "make update brings it in step"
    files = [m["file"] for m in CONFIG["manifest"]]
    assert len(files) == len(set(files))
    made = {f"figures/{f}.{e}" for s in PROJECT.steps for f in s.figures for e in ("svg", "png")}
    made |= {f"data/derived/{t}.csv" for s in PROJECT.steps for t in s.writes}
    assert set(files) == made
    committed = {f"{d}/{p.name}" for d in ("figures", "data/derived") for p in (ROOT / d).glob("*")}
    assert set(files) == committed


def test_manifest_paths_are_relative_and_there():
    for item in CONFIG["manifest"]:
        path = PurePosixPath(item["file"])
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert (ROOT / path).is_file(), item["file"]
        assert item["comment"]


def test_an_update_makes_the_manifest_anew(tmp_path):
    path = tmp_path / "codecheck.yml"
    path.write_text("---\npaper: {}\nmanifest:\n- file: gone.csv\n")
    here = replace(PROJECT, root=tmp_path)
    ((changed, (found, made)),) = codecheck.refreshed(here, ROOT / "figures").items()
    assert (changed, found) == (path, path.read_bytes())
    config = yaml.safe_load(made)
    assert config["paper"] == {}
    assert config["manifest"] == codecheck.manifest(PROJECT)
