"""Write ro-crate-metadata.json: what the compendium holds, and the run that made its outputs.

RO-Crate 1.2 with the Workflow Run Crate profile 0.5, validated by roc-validator in the tests. That
profile is built on RO-Crate 1.1 (0.6 on 1.3), so the crate is held to both versions and names both.
When a run began and ended is not recorded, so it is not stated.

    .venv/bin/python tools/crate.py [FILE]
"""

import json
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.computerlanguage import ComputerLanguage
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

ROOT = Path(__file__).resolve().parents[1]
LICENCE = "https://spdx.org/licenses/MIT"
VERSIONS = tuple(f"https://w3id.org/ro/crate/{v}" for v in ("1.2", "1.1"))
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# As in the contexts of 1.1 and 1.2; 1.3 moved it, and libraries read the newest they carry.
WORKFLOW = {"ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow"}
TYPES = {
    ".csv": "text/csv", ".json": "application/json", ".ipynb": "application/x-ipynb+json",
    ".svg": "image/svg+xml", ".md": "text/markdown", ".toml": "application/toml",
}  # fmt: skip


def _file(crate: ROCrate, path: str, name: str, **more: Any) -> Any:
    kind = {"encodingFormat": TYPES[Path(path).suffix]}
    return crate.add_file(ROOT / path, path, properties={"name": name} | kind | more)


def _context(crate: ROCrate, where: str, kind: str | list[str], **more: Any) -> Any:
    return crate.add(ContextEntity(crate, where, properties={"@type": kind} | more))


def _workflow(crate: ROCrate, project: dict) -> Any:
    """compendium.toml, which says the notebooks' order: run by src/compendium, on Python."""
    where = "https://www.python.org/"
    python = _context(
        crate, where, "SoftwareApplication", name="Python", url=where,
        version=project["requires-python"],
    )  # fmt: skip
    named = {"name": "compendium.toml, as src/compendium reads it", "url": "https://toml.io/"}
    language = ComputerLanguage(crate, "#compendium", named | {"version": project["version"]})
    language = crate.add(language)
    language["softwareRequirements"] = python
    return crate.add_workflow(
        ROOT / "compendium.toml", "compendium.toml", lang=language,
        properties={"name": "The notebooks in their order", "encodingFormat": TYPES[".toml"]},
    )  # fmt: skip


def crate() -> ROCrate:
    """The crate of the tree as it is."""
    stated = tomllib.loads((ROOT / "compendium.toml").read_text(encoding="utf-8"))
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    package = json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    out = ROCrate(version="1.2")
    licence = _context(out, LICENCE, "CreativeWork", name="MIT License", description="SPDX: MIT")
    authors = _context(out, "#authors", "Organization", name=cited["authors"][0]["name"])
    (article,) = cited["references"]
    paper = _context(
        out, f"https://doi.org/{article['doi']}", "ScholarlyArticle", name=article["title"]
    )
    root = out.root_dataset
    root["name"], root["description"] = cited["title"], cited["message"]
    root["datePublished"] = cited["date-released"].isoformat()
    root["license"], root["author"], root["citation"] = licence, authors, paper
    workflow = _workflow(out, project)
    tables = [
        _file(out, f"data/{r['path']}", r["title"], description=r.get("description", r["title"]))
        for r in package["resources"]
    ]
    derived = {t.id for t in tables if t.id.startswith("data/derived/")}
    notebooks = [
        _file(out, f"{stated['notebooks']}/{s['name']}.ipynb", s["name"])
        for s in stated["notebook"]
    ]
    figures = [
        _file(out, f"{stated['figures']}/{name}.svg", name)
        for s in stated["notebook"]
        for name in s.get("figures", ())
    ]
    action = _context(
        out, "#run", "CreateAction", name="Run of all notebooks (make update)", agent=authors
    )
    action["instrument"] = workflow
    action["object"] = [t for t in tables if t.id not in derived] + notebooks
    action["result"] = [t for t in tables if t.id in derived] + figures
    root["mentions"], out.mainEntity = [action], workflow
    root["conformsTo"] = [
        _context(out, where, ["CreativeWork", "Profile"], name=name, version=where.rsplit("/")[-1])
        for where, name in PROFILES.items()
    ]
    out.metadata["conformsTo"] = [{"@id": v} for v in VERSIONS]
    out.metadata.extra_terms |= WORKFLOW
    return out


def text() -> str:
    """The metadata file, the same for the same tree."""
    with tempfile.TemporaryDirectory() as folder:
        found = crate()
        found.metadata.write(folder)
        stated = json.loads((Path(folder) / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    stated["@graph"].sort(key=lambda e: e["@id"])
    return json.dumps(stated, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    to = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "ro-crate-metadata.json"
    to.write_text(text(), encoding="utf-8")
