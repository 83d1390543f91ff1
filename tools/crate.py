"""Write ro-crate-metadata.json: what the compendium holds, and the run that made its outputs.

RO-Crate 1.2, validated by roc-validator in the tests. The run of the notebooks is described as the
Process Run Crate profile does, by a CreateAction with instrument, objects and results: all that
version 0.5 requires, as a test holds. But 0.5 extends RO-Crate 1.1 and 0.6 extends 1.3, and this is
1.2: conformance is not declared. When a run began and ended is not recorded, so it is not stated.

    .venv/bin/python tools/crate.py [FILE]
"""

import json
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

ROOT = Path(__file__).resolve().parents[1]
LICENCE = "https://spdx.org/licenses/MIT"
TYPES = {
    ".csv": "text/csv", ".json": "application/json", ".ipynb": "application/x-ipynb+json",
    ".svg": "image/svg+xml", ".md": "text/markdown", ".toml": "application/toml",
}  # fmt: skip


def _file(crate: ROCrate, path: str, name: str, **more: Any) -> Any:
    kind = {"encodingFormat": TYPES[Path(path).suffix]}
    return crate.add_file(ROOT / path, path, properties={"name": name} | kind | more)


def _context(crate: ROCrate, where: str, kind: str, **more: Any) -> Any:
    return crate.add(ContextEntity(crate, where, properties={"@type": kind} | more))


def crate() -> ROCrate:
    """The crate of the tree as it is."""
    stated = tomllib.loads((ROOT / "compendium.toml").read_text(encoding="utf-8"))
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    package = json.loads((ROOT / "data" / "datapackage.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = project["requires-python"]
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
    runner = _context(
        out, "https://www.python.org/", "SoftwareApplication", name="Python",
        url="https://www.python.org/", version=python,
    )  # fmt: skip
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
    action["instrument"] = runner
    action["object"] = [t for t in tables if t.id not in derived] + notebooks
    action["result"] = [t for t in tables if t.id in derived] + figures
    root["mentions"] = [action]
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
