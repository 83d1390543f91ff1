"""The start page: one answer in words, every notebook with a line and a time, words explained."""

import re

import nbformat
import pytest

from clofarabine import summary
from clofarabine.__main__ import project

PROJECT = project()
START = nbformat.read(PROJECT.step("00").path, as_version=4)
PROSE = "\n".join(c.source for c in START.cells if c.cell_type == "markdown")
SECONDS = {"seconds": (0, 30), "a minute": (30, 90), "minutes": (90, 900)}


def _facts(**changed):
    found = dict(summary.facts())
    for endpoint in ("CR", "OR"):
        found |= {f"{endpoint}_lower": 10, f"{endpoint}_upper": 20}
        found |= {f"{endpoint}_printed_estimate": 15, f"{endpoint}_known": 12}
    return found | {"rows": 12} | changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Both pooled rates of the paper lie in"),
        ({"CR_printed_estimate": 21}, "only that for overall remission lies in"),
        ({"CR_printed_estimate": 21, "OR_printed_estimate": 9}, "Neither pooled rate"),
    ],
)
def test_the_answer_follows_the_numbers(changed, said):
    told = summary._verdict(_facts(**changed))
    assert said in told
    assert "no confirmation" not in told  # every count is documented
    few = summary._verdict(_facts(**changed, CR_known=5))
    assert "only 5 of 12 studies have such a count of complete, and 12 of overall remissions" in few
    assert ("no confirmation" in few) is ("Neither" not in few)


def test_the_answer_stands_first():
    """Then what was asked and found, the explorer, the notebooks, the words."""
    at = [
        next(i for i, c in enumerate(START.cells) if part in c.source)
        for part in (
            "**The answer.**", "**What was asked.**", "**What was found.**", "**How sure.**",
            "**What it does not say.**", "explorer.Explorer(", "## The notebooks", "## Words",
            "## Where next",
        )
    ]  # fmt: skip
    assert at == sorted(at)


def test_every_notebook_has_a_line_and_a_time():
    lines = re.findall(r"^\| \[.*?\]\((\w+)\.ipynb\) \| (.+) \|.*\| (.+) \|$", PROSE, re.MULTILINE)
    want = [(s.name, s.takes) for s in PROJECT.steps if s.name != "00_start"]
    assert [(name, takes) for name, _, takes in lines] == want
    assert {s.takes for s in PROJECT.steps} <= set(SECONDS)


def test_the_words_of_the_lists_are_explained():
    words = PROSE.partition("## Words")[2].partition("## ")[0]
    for code in ("CR", "OR", "PAS", "PFT", "PLO", "DL", "CE", "tau²", "I²"):
        assert re.search(rf"^\| .*\b{code}.* \| .*\w", words, re.MULTILINE), code
    for said in ("never an odds ratio", "vector", "reference counts", "prediction interval"):
        assert said in words
