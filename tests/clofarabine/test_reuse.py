"""Another meta-analysis through the same notebooks, by parameters alone."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.special import expit

from clofarabine.tables import store
from clofarabine.tables.store import DATA

TABLE = DATA / "examples" / "debruin2009.csv"
STEPS = ("03_primary_analysis", "04_sensitivity_analyses", "05_publication_bias")
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
PINNED = json.loads((Path(__file__).parents[1] / "oracle" / "metafor.json").read_text())["sets"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> dict[str, str]:
    """What each notebook says in words and tables when it is given the other table."""
    build = tmp_path_factory.mktemp("reuse")
    script = f"""
from pathlib import Path
from compendium import run as pipeline
parameters = {{"table": {str(TABLE)!r}, "transformation": "PLO", "tau2": "REML"}}
steps = [pipeline.step(n) for n in {STEPS!r}]
for run in pipeline.run_all(steps, parameters, build=Path({str(build)!r}), jobs=2):
    print(run.step.name, run.folder, sep="\\t")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folders = dict(line.split("\t") for line in done.stdout.splitlines())
    return {name: _said(Path(folder) / "notebook.ipynb") for name, folder in folders.items()}


def _said(path: Path) -> str:
    outputs = [
        o for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for o in c.get("outputs", [])
    ]  # fmt: skip
    parts = []
    for o in outputs:
        for value in (o.get("text", ""), *o.get("data", {}).values()):
            parts.append("".join(value) if isinstance(value, list) else str(value))
    return "\n".join(parts)


def test_the_oracle_pools_the_same_rows():
    assert [int(r["x"]) for r in ROWS] == PINNED["debruin2009"]["x"]
    assert [int(r["n"]) for r in ROWS] == PINNED["debruin2009"]["n"]


def test_the_primary_analysis_gives_what_metafor_gives(texts):
    fit = PINNED["debruin2009"]["PLO"]["REML"]
    shown = {float(t) for t in re.findall(r"\d+\.\d", texts[STEPS[0]])}
    for value in (fit["estimate"], *fit["wald"]):
        assert round(100 * expit(value), 1) in shown


@pytest.mark.parametrize("name", STEPS)
def test_nothing_of_the_paper_is_left(texts, name):
    own = {s.lower() for s in store.load("evidence")["row"]} | {"clofarabine"}
    assert [label for label in sorted(own) if label in texts[name].lower()] == []
    for row in ROWS:
        if name != STEPS[2]:
            assert row["label"] in texts[name]
