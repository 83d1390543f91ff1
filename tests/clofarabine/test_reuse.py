"""Another meta-analysis through the same notebooks, by parameters alone."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from clofarabine.__main__ import project
from clofarabine.tables import store
from clofarabine.tables.paths import DATA
from compendium import schedule
from compendium.warm import Warm

TABLE = DATA / "examples" / "debruin2009.csv"
STEPS = ("03_primary_analysis", "04_sensitivity_analyses", "05_publication_bias")
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
PINNED = json.loads((Path(__file__).parents[1] / "oracle" / "metafor.json").read_text())["sets"]


def _run(warm: Warm, build: Path, **parameters: str) -> dict[str, str]:
    """What each notebook says in words and tables under the parameters."""
    made = project()
    steps = [made.step(n) for n in STEPS]
    runs = schedule.run_all(made, steps, parameters, build=build, jobs=2, warm=warm)
    return {r.step.name: _said(r.folder / "notebook.ipynb") for r in runs}


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Path:
    """Where the notebooks run that are given the other table."""
    return tmp_path_factory.mktemp("reuse")


@pytest.fixture(scope="module")
def texts(preloaded, build) -> dict[str, str]:
    """What each notebook says when it is given the other table."""
    said = {"scale": "PLO", "tau2_method": "REML", "moderators": "design, year"}
    return _run(preloaded, build, table=str(TABLE), **said)


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


@pytest.mark.parametrize("name", STEPS)
def test_what_a_reader_sees_is_not_of_the_paper(texts, build, name):
    """Headings and prose included: what a reader sees with all code folded."""
    (folder,) = (build / "runs").glob(f"{name}-*")
    path = folder / "notebook.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    seen = "\n".join([*prose, texts[name]]).lower()
    words = ("the paper", "figure 2", "remission", "children", "adult", "clofarabine", "jeha",
             "as published", "reconstructed")  # fmt: skip
    assert [w for w in words if w in seen] == []
    heads = re.findall(r"^#+ (.+)$", seen, re.MULTILINE)
    assert len(heads) > 3
    gone = ("published", "documented", "reconstructed", "possible", "printed")
    assert [h for h in heads if any(w in h for w in gone)] == []


def test_nothing_is_compared_with_what_is_published(texts, build):
    assert texts[STEPS[0]].count("No published results belong to this table") == 1
    (folder,) = (build / "runs").glob(f"{STEPS[0]}-*")
    assert not (folder / "derived" / "primary_results.csv").exists()


def test_the_columns_named_are_used_in_all_three(texts):
    assert "## By group and covariate" in texts[STEPS[0]]
    assert "forest_by_design: " in texts[STEPS[0]]
    assert "regression_on_year: " in texts[STEPS[0]]
    for name in STEPS[1:]:
        assert re.search(r"^design +", texts[name], re.MULTILINE)
        assert not re.search(r"^regimen +", texts[name], re.MULTILINE)


ODD = {"True": (11, 29), "nan": (24, 33), "NA": (179, 326), "007": (82, 240), "None": (20, 70),
       "1e5": (55, 90)}  # fmt: skip


def _arcsine() -> tuple[np.ndarray, np.ndarray]:
    x, n = (np.array(c, float) for c in zip(*ODD.values(), strict=True))
    return np.arcsin(np.sqrt(x / n)), 4 * n


@pytest.fixture(scope="module")
def odd(preloaded, tmp_path_factory) -> dict[str, str]:
    """What each notebook says of labels that look like something else, under a common effect."""
    build = tmp_path_factory.mktemp("odd")
    table = build / "odd.csv"
    lines = [f"{label},{x},{n}\n" for label, (x, n) in ODD.items()]
    table.write_text("label,x,n\n" + "".join(lines), encoding="utf-8")
    return _run(preloaded, build, table=str(table), tau2_method="CE")


def test_labels_are_text_in_every_picture_and_sentence(odd):
    """Drawn in 03, listed in 04, and named in the sentences of 04 and 05."""
    assert "odd: 6 of 6 rows, 788 patients" in odd[STEPS[0]]
    for label in ODD:
        assert f">{label}<" in odd[STEPS[1]]
    y, w = _arcsine()
    rest = np.array([(w * y)[w != own].sum() / w[w != own].sum() for own in w])
    far = list(ODD)[np.abs(rest - (w * y).sum() / w.sum()).argmax()]
    assert f"Without “{far}” the pooled rate is" in odd[STEPS[1]]
    assert re.search(r"The posterior moves “nan” most", odd[STEPS[1]])
    outside = re.search(r"outside the inner 95% contour \((.+?)\)", odd[STEPS[2]])[1]
    assert set(outside.split(", ")) < {f"“{label}”" for label in ODD}


def test_a_common_effect_is_not_said_to_foretell_a_study(odd):
    y, w = _arcsine()
    q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
    said = odd[STEPS[0]]
    assert f"I² = {100 * (q - 5) / q:.0f}%" in said
    assert "a common effect has no prediction interval" in said
    assert "new study" not in said
    assert "prediction interval (k - 2)" not in said
