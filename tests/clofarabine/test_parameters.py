"""The parameters of the notebooks: documented for papermill, checked, and the same everywhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from papermill.inspection import inspect_notebook

from clofarabine.__main__ import project
from clofarabine.parameters import CHOICES, WORDS, check
from clofarabine.tables.paths import OUTPUT_VARIABLE
from compendium import kernel
from compendium.errors import PipelineError
from compendium.notebooks import parameters_of

PROJECT = project()
PRIMARY = PROJECT.step("03").path
PARAMETERS = [
    pytest.param(s, p, id=f"{s.name}-{p['name']}")
    for s in PROJECT.steps
    for p in inspect_notebook(str(s.path)).values()
]


def _papermill(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    env = os.environ | {OUTPUT_VARIABLE: str(folder)}
    return subprocess.run(
        [str(Path(sys.executable).with_name("papermill")), "--no-progress-bar", *arguments],
        cwd=folder, capture_output=True, text=True, env=env,
    )  # fmt: skip


@pytest.mark.parametrize(("s", "p"), PARAMETERS)
def test_every_parameter_is_documented(s, p):
    assert len(p["help"].strip()) >= 5
    assert parameters_of(s)[p["name"]] is not ...  # a literal, so that its kind is known


@pytest.mark.parametrize(("s", "p"), [c for c in PARAMETERS if c.values[1]["name"] in CHOICES])
def test_a_choice_starts_valid_and_names_its_values(s, p):
    valid = CHOICES[p["name"]]
    check({p["name"]: parameters_of(s)[p["name"]]})
    words = re.findall(r"[\w-]+", p["help"])
    assert set(valid) <= set(words)


def test_an_unknown_choice_is_answered_with_the_valid_ones():
    for name, valid in CHOICES.items():
        for value in valid:
            check({name: value})
        with pytest.raises(ValueError, match=f"{name}: found 'x', expected one of .*{valid[-1]}"):
            check({name: "x"})
    check({"show_all_checks": True})


@pytest.mark.parametrize("value", [0, 100, -3.0, "10", True, None, float("nan")])
def test_a_threshold_is_percent(value):
    for fine in (10, 0.5, 99.9):
        check({"threshold": fine})
    with pytest.raises(ValueError, match="expected percent, above 0 and below 100"):
        check({"threshold": value})


@pytest.mark.parametrize("step", PROJECT.steps, ids=lambda s: s.name)
def test_codes_are_spelled_out_where_they_are_chosen(step):
    cells = nbformat.read(step.path, as_version=4).cells
    (cell,) = (c.source for c in cells if "parameters" in c.metadata.get("tags", []))
    for name in ("endpoint", "scale", "tau2_method"):
        comment = re.search(rf"^{name}: .*?# ((.*\n#)*.*)", cell, re.MULTILINE)
        for code in CHOICES[name] if comment else ():
            if re.search(rf"\b{code}\b", comment[1]):
                assert WORDS[name][code] in comment[1].replace("\n#", ""), code


def test_papermill_shows_the_parameters(tmp_path):
    done = _papermill(tmp_path, "--help-notebook", str(PRIMARY))
    assert done.returncode == 0
    for name in CHOICES:
        assert re.search(rf"^ *{name}: ", done.stdout, re.MULTILINE), done.stdout


def test_papermill_takes_parameters_from_any_folder(tmp_path):
    out = tmp_path / "out.ipynb"
    tables = tmp_path / "derived"
    tables.mkdir()
    for name in PROJECT.step("03").reads:
        (tables / f"{name}.csv").write_bytes(PROJECT.committed_tables()[name].read_bytes())
    done = _papermill(
        tmp_path, str(PRIMARY), str(out), "-p", "endpoint", "OR", "-p", "tau2_method", "REML"
    )
    assert done.returncode == 0, done.stderr
    sources = [c.source for c in nbformat.read(out, as_version=4).cells]
    assert sum("REML" in s and "OR" in s and s.startswith("# Parameters") for s in sources) == 1
    assert "REML" in str([c.get("outputs") for c in nbformat.read(out, as_version=4).cells])


VALID = {"tau2_method": "DL, DL2, PM, REML", "endpoint": "CR, OR", "study_ci": "exact, wilson"}


@pytest.mark.parametrize("name", VALID)
def test_the_notebook_answers_an_unknown_value_with_the_valid_ones(tmp_path, preloaded, name):
    env = os.environ | {OUTPUT_VARIABLE: str(tmp_path)}
    with pytest.raises(PipelineError, match=f"{name}: found 'XY', expected one of {VALID[name]}"):
        kernel.execute(PRIMARY, {name: "XY"}, env, lambda: None, warm=preloaded)


def test_papermill_says_so(tmp_path):
    name = "tau2_method"
    done = _papermill(tmp_path, str(PRIMARY), str(tmp_path / "out.ipynb"), "-p", name, "XY")
    assert done.returncode != 0
    assert f"{name}: found 'XY', expected one of {VALID[name]}" in done.stderr
