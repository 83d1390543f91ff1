"""What is said of the weight of single rows, designs and readings, against plain arithmetic."""

import re

import numpy as np
import pytest

from clofarabine import documented, studies
from clofarabine.tables import load_evidence
from metaprop.method import Method
from metaprop.pooling import pool_proportions


@pytest.fixture
def known():
    return documented.rows("CR")


def _rate(x, n):
    fit = pool_proportions(np.array(x, int), np.array(n, int))
    return f"{100 * fit.estimate:.0f}% [{100 * fit.lower:.0f}, {100 * fit.upper:.0f}]"


def test_the_row_that_decides_is_named_with_what_is_left(known):
    """By leaving each row out by hand; the printed 16 is in the interval of all of them."""
    told = documented.facts()["without"]
    for label, rest in ((name, known[known["label"] != name]) for name in known["label"]):
        own = _rate(rest["x"], rest["n"])
        fit = pool_proportions(rest["x"].to_numpy(int), rest["n"].to_numpy(int))
        outside = not fit.lower <= 0.16 <= fit.upper
        assert (label in told) == outside
        assert (own in told) == outside
    assert f"of the {known['n'].sum()} patients" in told


def test_nothing_is_said_where_no_row_decides(monkeypatch):
    monkeypatch.setattr(documented, "_printed", {"CR": 10.0, "OR": 20.0}.get)
    monkeypatch.setattr(documented, "rows", lambda e: studies.load(e).dropna(subset="x").iloc[:3])
    told = documented.facts.__wrapped__()
    assert told["without"].startswith("No study left out alone")
    monkeypatch.setattr(documented, "rows", lambda e: studies.load(e).dropna(subset="x").iloc[:2])
    assert documented.facts.__wrapped__()["without"] == ""


def test_the_wide_interval_is_that_of_hartung_and_knapp(known):
    fit = pool_proportions(
        known["x"].to_numpy(int), known["n"].to_numpy(int), Method(ci_method="hartung-knapp")
    )
    assert documented.facts()["CR_wide"] == f"{100 * fit.lower:.0f} to {100 * fit.upper:.0f}%"


def test_another_reading_of_a_count_is_pooled_over_all_it_allows(known):
    told = documented.facts()["readings"]
    row = load_evidence("suo-best-response").set_index("row").loc["Suo 2013"]
    rates = []
    for x in range(row["cr_min"], row["cr_max"] + 1):
        counts = known["x"].where(known["label"] != "Suo 2013", x)
        fit = pool_proportions(counts.to_numpy(int), known["n"].to_numpy(int))
        rates.append((fit.estimate, fit.lower, fit.upper))
    (low, high), least, most = (
        [100 * f(r[0] for r in rates) for f in (min, max)],
        100 * min(r[1] for r in rates),
        100 * max(r[2] for r in rates),
    )
    assert f"allows {row['cr_min']} to {row['cr_max']}, " in told
    assert f"then {low:.0f} to {high:.0f}%, with limits from {least:.0f} to {most:.0f}%" in told
    assert told.count("enters with") == 1


def test_designs_are_counted_once_a_study(known):
    told = documented.facts()["designs"]
    every = studies.load("OR").drop_duplicates("study")
    counts = [int(w) for w in re.findall(r"\((\d+)\)", told)]
    assert sum(counts) == len(every)
    assert "studies with a count are clinical trials" in told
