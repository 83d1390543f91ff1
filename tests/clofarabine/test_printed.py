"""The tool for any meta-analysis finds in this paper what the paper's own reconstruction found."""

import pandas as pd
import pytest

from clofarabine.tables import load_evidence, store
from metaprop.method import Method
from metaprop.printed import read, which
from metaprop.printed.problem import Candidate, build
from metaprop.printed.solve import solve

SELECTORS = {"merged": "all by study", "age-groups": "all"}
CASES = [
    ("CR", "DL", "wald", "harmonic"), ("CR", "ML", "wald", "harmonic"),
    ("CR", "HM", "wald", "harmonic"), ("CR", "HSk", "wald", "harmonic"),
    ("OR", "DL", "wald", "harmonic"), ("OR", "HM", "wald", "harmonic"),
    ("CR", "PM", "hartung-knapp", "harmonic"), ("OR", "REML", "t", "inverse-variance"),
]  # fmt: skip


def tables(endpoint):
    """Evidence and printed numbers as the tool takes them; rows of all ages are to be chosen."""
    evidence = load_evidence()
    e = endpoint.lower()
    rows = evidence[["row", "n", f"{e}_min", f"{e}_max", "study", "population"]]
    rows = rows.set_axis(["label", "n", "x_min", "x_max", "study", "population"], axis=1)
    pooled = store.load("pooled_results")
    lines = [
        (r.population, r.transformation, q, f"{getattr(r, q):.0f}")
        for r in pooled[pooled["endpoint"] == endpoint].itertuples()
        for q in ("estimate", "lower", "upper")
    ]
    printed = pd.DataFrame(lines, columns=read.PRINTED_COLUMNS)
    return rows, printed.replace({"rows": {"paediatric": "population=paediatric"}})


@pytest.mark.parametrize(("endpoint", "tau2_method", "ci_method", "inverse"), CASES)
def test_numbers_of_vectors_are_those_of_the_reconstruction(
    endpoint, tau2_method, ci_method, inverse
):
    rows, printed = tables(endpoint)
    known = store.load("method_evidence")
    own = known[(known["endpoint"] == endpoint) & (known["tau2_method"] == tau2_method)
                & (known["ci_method"] == ci_method) & (known["inverse"] == inverse)]  # fmt: skip
    candidate = Candidate(Method("PAS", tau2_method, ci_method, inverse))
    for name, selector in SELECTORS.items():
        wanted = own[own["rows"] == name].iloc[0]
        both = printed.replace({"rows": {"overall": selector}})
        children = rows[rows["population"] == "paediatric"]
        for r, p, column in (
            (children, printed[printed["rows"] != "overall"], "n_paediatric"),
            (rows, both, "n_joint"),
        ):
            r = read.check_rows(r)
            found = solve(build(r, read.check_printed(p, r), "half-up"), candidate, 10**6)
            assert len(found.vectors) == wanted[column]


def test_the_example_is_this_paper():
    """The shipped example is the evidence and the printed numbers, and the tool answers it."""
    rows, printed = store.load("printed_rows"), store.load("printed_numbers")
    mine, lines = tables("CR")
    children = mine[mine["population"] == "paediatric"].reset_index(drop=True)
    for column in ("label", "n", "x_min", "x_max"):
        assert rows[column].tolist() == children[column].tolist()
    own = lines[lines["rows"] != "overall"].reset_index(drop=True)
    for column in ("scale", "quantity", "printed"):
        assert printed[column].astype(str).tolist() == own[column].tolist()
    answer = which(rows, printed.astype(str), methods=[Method("PAS", "DL", "wald", "harmonic")])
    assert answer.verdict == "set"
