"""Notebook 01: its facts follow the tables, and its tables are the paper's."""

import csv
import re

import pandas as pd
import pytest

from clofarabine import appraisal, extraction
from clofarabine.audit.ledger import Paper
from clofarabine.tables import Tables, load_evidence, store
from clofarabine.tables.paths import DATA


def _rows(name):
    return list(csv.DictReader((DATA / "published" / name).read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def facts():
    paper = Paper.load()
    return extraction.facts(paper, extraction.checks(paper))


def test_the_facts_are_those_of_the_files(facts):
    """Counted here by the csv module alone."""
    studies = {r["study"]: int(r["target_paediatric"]) for r in _rows("table1_studies.csv")}
    largest = max(studies, key=studies.get)
    assert (facts["largest"], facts["largest_n"]) == (largest, studies[largest])
    assert facts["paediatric"] == sum(studies.values())
    assert facts["small"] == sum(n < facts["few"] for n in studies.values())
    cells = [r["printed"] for k in (3, 4) for r in _rows(f"table{k}_events.csv")]
    assert (facts["cells"], facts["not_reported"]) == (len(cells), cells.count("NA"))
    assert facts["numbers"] == sum(r["value"] != "NA" for r in _rows("claims.csv"))
    pooled = [float(r["estimate"]) for r in _rows("pooled_results.csv") if r["endpoint"] == "CR"]
    assert (facts["cr_low"], facts["cr_high"]) == (min(pooled), max(pooled))
    assert facts["agree"] + facts["wrong"] == facts["checks"]


def test_a_changed_number_is_found_and_named(facts):
    changed = Tables()
    table = changed["table1_total"].copy()
    table["enrolled"] += 1
    changed["table1_total"] = table
    paper = Paper(changed)
    now = extraction.facts(paper, extraction.checks(paper))
    assert now["wrong"] > facts["wrong"]
    assert "Table 1, total row, enrolled" in now["places"]
    assert "Table 1" not in facts["places"]


def test_a_paper_without_a_disagreement_says_none():
    paper = Paper.load()
    checks = extraction.checks(paper)
    facts = extraction.facts(paper, checks[checks["agrees"]])
    assert (facts["wrong"], facts["wrong_numbers"], facts["places"]) == (0, 0, "none")


def test_the_bars_of_a_block_add_up_to_its_total_with_the_unknown_drawn():
    """The denominators of Table 2 count the unknown; HSCT's rows leave 191 of 579 out."""
    table = extraction.characteristics(Paper.load())
    for block, part in table.groupby("characteristic"):
        whole = part["n"].sum() == part["total"].mode()[0]
        assert whole == (block != extraction.OVERLAPPING), block
    unknown = table[table["unknown"]].set_index("characteristic")["n"]
    assert unknown.to_dict() == {
        "Gender": 1, "Baseline disease status per FAB classification": 109,
        "Tumor immunophenotype": 33, "Number of prior chemotherapies": 41,
        "Number of prior HSCTs": 579 - (202 + 176 + 9 + 1),
    }  # fmt: skip
    printed = [(r["level"], int(r["n"])) for r in _rows("table2_characteristics.csv")]
    rows = list(zip(table["level"], table["n"], strict=True))
    assert [r for r in rows if r[0] != extraction.UNPRINTED] == printed


def test_a_block_is_known_of_its_total_less_the_unknown(facts):
    assert facts["least_known_n"] == facts["least_total"] - facts["least_unknown_n"]
    rows = [
        r
        for r in _rows("table2_characteristics.csv")
        if r["characteristic"] == facts["least_known"]
    ]
    assert facts["least_known_n"] == sum(int(r["n"]) for r in rows if r["level"] != "Unknown")


@pytest.mark.parametrize("k", [3, 4])
def test_an_event_table_has_every_printed_cell_in_its_place(k):
    wide = extraction.events(Paper.load(), k)
    rows = _rows(f"table{k}_events.csv")
    assert list(wide.columns) == ["N", *dict.fromkeys(r["event"] for r in rows)]
    for r in rows:
        assert wide[r["event"]].fillna("NA")[r["study"]] == r["printed"]
    assert {s: str(n) for s, n in wide["N"].items()} == {
        r["study"]: r["n"] for r in _rows(f"table{k}_studies.csv")
    }


def test_the_appraisal_invents_nothing():
    """Every answer has a source and a locator; each study has each question of the plot."""
    table = store.load("risk_of_bias")
    given = table[table["answer"] != "not assessed"]
    assert given[["source", "locator"]].notna().all(axis=None)
    known = list(store.load("table1_studies")["study"])
    assert set(table["study"]) == {*known, appraisal.ALL}
    assert appraisal.studies().notna().all(axis=None)
    signs = appraisal.marks(pd.Series(known))
    assert all(len(s) == len(known) for s in signs.values())
    reports = {"Lu 2016": "+", "Suo 2013": "±", "Trioche 2012": "−", "CLO08708": "?"}
    for study, sign in reports.items():
        assert signs["R"][known.index(study)] == sign


def test_an_inferred_match_of_a_study_says_so():
    """CLOFAL07263 has no report of its own: its cells rest on a survey of as many patients."""
    table = store.load("risk_of_bias").query("study == 'CLOFAL07263' and source == 'kazama2024'")
    assert len(table) == 2
    assert table["basis"].str.contains("if the monotherapy survey is this study").all()


def test_the_checklist_is_asked_whole_and_no_certainty_is_rated():
    """Ten questions of the JBI checklist for case series, of each study or of all together."""
    whole = appraisal.whole().set_index("question")["answer"]
    grade = whole.index.str.contains("GRADE")
    own = {"remissions reported"} & set(appraisal.LETTERS)
    assert len(whole[~grade]) + len(own) == 10
    assert whole["certainty (GRADE)"] == "not assessed"
    assert appraisal.facts()["questions"] == (whole[~grade] == "not assessed").sum() > 0


def test_patients_lost_on_the_way_are_not_taken_for_incomplete_inclusion():
    """JBI's item 5 asks who entered; that all who entered were evaluated does not answer it."""
    table = store.load("risk_of_bias").set_index(["study", "question"])
    entered = table.xs("complete inclusion", level="question")
    assert list(entered.index) == [appraisal.ALL]
    assert entered["answer"].item() == "in part"
    assert "survey of all cases" in entered["basis"].item()
    evaluated = table.xs("all evaluated", level="question")
    assert appraisal.facts()["incomplete"] == (evaluated["answer"] == "no").sum() > 0
    for study, basis in evaluated.loc[evaluated["answer"].eq("yes"), "basis"].items():
        numbers = set(re.findall(r"\d+", basis))
        assert len(numbers) <= 1, study  # enrolled and evaluated are one number


def test_an_answer_on_remissions_fits_the_counts_in_evidence():
    """Where they are said to be reported, both counts are documented, and nowhere else."""
    answers = appraisal.studies()["remissions reported"]
    rows = load_evidence().query("population == 'paediatric'").set_index("study")
    full = (rows["cr_min"] == rows["cr_max"]) & (rows["or_min"] == rows["or_max"])
    assert set(answers.index[answers == "yes"]) == set(full.index[full])
