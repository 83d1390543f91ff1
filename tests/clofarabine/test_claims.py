"""The audit: a ledger that is whole, a verdict that is earned, and rules that notice a change."""

from collections import defaultdict
from collections.abc import Callable

import pandas as pd
import pytest

from clofarabine import small_study, small_study_power, tables
from clofarabine.audit import rules_tables, summary
from clofarabine.audit import verdicts as claims
from clofarabine.audit.checks import Check, compare
from clofarabine.audit.identified import behind, others
from clofarabine.audit.ledger import SECTIONS, Paper, collect
from clofarabine.audit.verdicts import RULES, VERDICTS, Finding, audit, judge
from clofarabine.tables import Tables
from metaprop.method import Method

METHOD = Method(scale="PAS", tau2_method="DL")

# Numbers in the text of each section, counted in the paper by a program: digits and number words,
# without labels of studies, tables and figures. Introduction: of its own studies only.
NUMBERS_IN_TEXT = {
    "Abstract": 39,
    "Key Summary Points": 16,
    "Study Selection": 5,
    "Study Characteristics": 15,
    "Patient Characteristics": 22,
    "Efficacy": 41,
    "Figure 2 caption": 8,
    "Sensitivity Analysis": 18,
    "Publication Bias": 1,
    "Safety": 28,
    "Discussion": 32,
    "Conclusions": 2,
}


def methods(**rows: int) -> pd.DataFrame:
    """How many sets of counts each way to form the rows leaves."""
    return pd.DataFrame({"rows": list(rows), "n_coupled": list(rows.values())}).replace(
        {"rows": {"age_groups": "age-groups"}}
    )


def paper(**changed: pd.DataFrame) -> Paper:
    return Paper(Tables({"method_evidence": methods(age_groups=3, merged=0), **changed}))


@pytest.fixture(scope="module")
def verdicts() -> pd.DataFrame:
    return audit(paper()).set_index("id")


def test_the_ledger_is_what_the_tables_give():
    pd.testing.assert_frame_equal(tables.load("claims"), collect(Tables()), check_dtype=False)


def test_no_number_of_the_text_is_left_out():
    c = collect(Tables())
    labels = (c["unit"] == "label") & ~c["printed"].str.contains(r"\d")
    counted = c[~labels & (c["unit"] != "reference")].groupby("section").size()
    for section, n in NUMBERS_IN_TEXT.items():
        assert counted[section] == n, section


def test_no_number_of_the_tables_is_left_out():
    c = collect(Tables())
    events = sum(tables.load(f"table{k}_events")["n"].notna().sum() for k in (3, 4))
    cells = c["id"].str.match(r"table[34]/.*/(?:n|percent)$").sum()
    assert cells == 2 * events
    assert c["id"].str.match(r"table[34]/[^/]*/N$").sum() == 24
    assert c["id"].str.match(r"table2/.*/(?:n|total|percent)$").sum() == 3 * len(
        tables.load("table2_characteristics")
    )
    columns = ("enrolled", "exposed", "rr_all", "other_all", "target", "target_paediatric",
               "target_adult")  # fmt: skip
    assert c["id"].str.match(f"table1/[^/]*/(?:{'|'.join(columns)})$").sum() == 13 * len(columns)
    assert c["id"].str.startswith("pooled/").sum() == 24


def test_every_claim_has_one_verdict(verdicts):
    assert verdicts.index.tolist() == collect(Tables())["id"].tolist()
    assert set(verdicts["verdict"]) == set(VERDICTS)
    assert verdicts[["evidence", "reason", "check"]].notna().all(axis=None)
    assert set(verdicts["check"]) <= set(RULES)


def test_a_claim_without_a_check_is_an_error():
    prose = tables.load("prose")
    extra = prose.iloc[[0]].assign(id="new-1", quantity="number of moons", population="Mars")
    with pytest.raises(claims.Unchecked, match="found no check of 1: new-1"):
        audit(paper(prose=pd.concat([prose, extra])))


def test_a_claim_twice_is_an_error():
    prose = tables.load("prose")
    with pytest.raises(ValueError, match="found 'abs-intr-1-1' twice"):
        collect(Tables(prose=pd.concat([prose, prose.iloc[[0]]])))


def test_an_unknown_section_is_an_error():
    prose = tables.load("prose")
    prose.loc[0, "section"] = "Preface"
    with pytest.raises(ValueError, match="found section 'Preface'"):
        collect(Tables(prose=prose))


# What is wrong in the paper, all of it: (claim, what the recomputed value shows).
DISCREPANT = {
    "abs-resu-1-3": "474",
    "key-2-1-3": "474",
    "abs-intr-2-1": "study",
    "abs-meth-1-2": "clinical trial, post-marketing survey, registry, retrospective",
    "int-3-1-8": "32",
    "crit-1-1-1": "clinical trial, post-marketing survey, registry, retrospective",
    "sel-1-5-1": "8",
    "sel-1-5-2": "4",
    "table1/CLO-212/phase": "II",
    "table1/BIOV-111/phase": "II",
    "table1/BIOV-111/enrolled": "74",
    "table1/BIOV-111/exposed": "74",
    "table1/CLOFAL06952/reference": "report of Trioche 2012",
    "table1/ID99-383/monotherapy/infusion_hours": "1",
    "table1/Lu 2016/title_disease": "R/R ALL",
    "table1/Lu 2016/phase": "II",
    "table2/Number of prior chemotherapies/Unknown/total": "648",
    "fig2-b-1-2": "≥ 22",
    "fig2-d-1-2": "≥ 22",
    "saf-2-1-7": "report of Lu 2016",
    "t3c-1-1-1": "CLOFAL06790: 58 of 60 on a combination",
    "table3/O'Connor 2011/Any TEAE/percent": "69.565",
}


def test_the_discrepancies_of_the_paper(verdicts):
    found = verdicts[verdicts["verdict"] == "discrepant"]
    # The results that rest on the identified set are tested below.
    found = found[~found["check"].isin(["unused_results"])]
    assert found["recomputed"].to_dict() == DISCREPANT


OTHER_VERDICTS = {
    "sel-1-6-1": ("reproduced", "10"),
    "sel-1-6-4": ("reproduced", "2"),
    "dis-2-3-1": ("not reproducible", pd.NA),
    "table1/total/enrolled": ("reproduced", "754"),
    "pat-1-3-3": ("reproduced", "63.735"),
    "saf-1-3-5": ("reproduced", "11.607"),
    "int-3-3-1": ("reproduced", "19.67"),
    "table1/CLOFAL06790/target": ("reproduced", "2"),
    "table3/CLO05908/Grade 4 TEAE/n": ("reproduced", "5"),
    "table2/Number of prior chemotherapies/Unknown/percent": ("reproduced", "6.327"),
    "table3/O'Connor 2011/Any TEAE/n": ("consistent", "0 to 23"),
    "table4/BIOV-111/Febrile neutropenia/n": ("consistent", "36"),
    "saf-1-2-1": ("consistent", "7 to 8"),
    "pooled/CR/paediatric/PFT/upper": ("consistent", "26"),
    "abs-resu-2-1": ("consistent", "16 %"),
    "eff-2-4-2": ("not reproducible", pd.NA),
    "abs-resu-3-2": ("not reproducible", pd.NA),
    "selection/identified without duplicates": ("transcribed", pd.NA),
}


@pytest.mark.parametrize("claim", OTHER_VERDICTS)
def test_other_verdicts(verdicts, claim):
    verdict, recomputed = OTHER_VERDICTS[claim]
    row = verdicts.loc[claim]
    assert row["verdict"] == verdict
    assert pd.isna(row["recomputed"]) if pd.isna(recomputed) else row["recomputed"] == recomputed


def test_caveats_say_what_agreement_hides(verdicts):
    c = verdicts["caveat"]
    assert "6 of 44" in c["table4/Lu 2016/ALAT increase/n"]
    assert "33 of 65" in c["table4/BIOV-111/Febrile neutropenia/percent"]
    assert "drug reactions" in c["table3/CLOFAL06952/Any TEAE/n"]
    assert c["eff-2-4-4"] == (
        "as a limit of the median, 72 of 169 patients lie at or below 0.1 months; it looks like "
        "a range"
    )
    assert "start at 1" in c["table1/BIOV-111/target"]
    assert "9 of the 12 studies" in c["selection/included in the meta-analysis"]
    assert pd.isna(c["table1/total/enrolled"])
    assert "4 of 5 percentages" in c["table1/CLOFAL06952/target_paediatric"]
    assert "0 of its own 139" in c["table1/CLOFAL06952/target_paediatric"]
    assert "registers 31" in c["table1/CLOFAL07263/enrolled"]
    assert "cannot be judged" in c["table1/Trioche 2012/target"]
    assert "the second 11 months" in c["eff-2-2-2"]
    assert "up to 21 years" in c["table1/BIOV-111/target_adult"]
    assert pd.isna(c["table1/Suo 2013/enrolled"])


# A change of one printed number, and the claim that must then be discrepant: a rule that does not
# notice its change is no check. (table, column, row selector, new value, claim)
SEEDED = {
    "records left": ("selection", "printed", "step == 'read in full text'", "112",
                     "selection/read in full text"),
    "excluded records": ("selection", "printed", "step == 'full-text review'", "64",
                         "selection/full-text review"),
    "total of Table 1": ("table1_total", "target", "label != ''", 475, "table1/total/target"),
    "a study of Table 1": ("table1_studies", "enrolled", "study == 'Suo 2013'", 27,
                           "table1/Suo 2013/enrolled"),
    "parts of a study": ("table1_studies", "target_adult", "study == 'CLOFAL07263'", 15,
                         "table1/CLOFAL07263/target"),
    "a citation": ("table1_studies", "reference", "study == 'BIOV-111'", 24,
                   "table1/BIOV-111/reference"),
    "a citation of nothing": ("table1_studies", "reference", "study == 'BIOV-111'", 99,
                              "table1/BIOV-111/reference"),
    "a phase": ("table1_studies", "phase", "study == 'CLO05908'", "II", "table1/CLO05908/phase"),
    "a percentage of Table 2": ("table2_characteristics", "percent", "level == 'Male'", 64.1,
                                "table2/Gender/Male/percent"),
    "a count of Table 2": ("table2_characteristics", "n", "level == 'Male'", 462,
                           "table2/Gender/Male/n"),
    "studies of a block": ("table2_characteristics", "studies", "studies == 'ten'", "one",
                           "table2/Tumor immunophenotype/studies"),
    "N of Table 3": ("table3_studies", "n", "study == 'Lu 2016'", 43, "table3/Lu 2016/N"),
    "N of Table 4": ("table4_studies", "n", "study == 'ID99-383'", 25, "table4/ID99-383/N"),
    "patients": ("prose", "printed", "id == 'dis-3-2-3'", "347", "dis-3-2-3"),
    "a share": ("prose", "printed", "id == 'pat-1-4-1'", "31.2", "pat-1-4-1"),
    "the missing": ("prose", "printed", "id == 'pat-1-4-5'", "175", "pat-1-4-5"),
    "a range": ("prose", "printed", "id == 'saf-1-3-3'", "1.5", "saf-1-3-3"),
    "named studies": ("prose", "printed", "id == 'saf-2-1-2'", "four", "saf-2-1-2"),
    "a repeated result": ("prose", "printed", "id == 'abs-resu-2-8'", "38", "abs-resu-2-8"),
    "a repeated median": ("prose", "printed", "id == 'key-3-3-1'", "7.3", "key-3-3-1"),
    "years for months": ("prose", "printed", "id == 'key-3-2-1'", "almost 2 years", "key-3-2-1"),
    "an age limit": ("prose", "printed", "id == 'dis-1-1-3'", "< 21", "dis-1-1-3"),
    "an approved age": ("prose", "printed", "id == 'abs-intr-1-4'", "18", "abs-intr-1-4"),
    "a dose": ("prose", "printed", "id == 'con-1-1-1'", "40", "con-1-1-1"),
    "treatment days": ("prose", "printed", "id == 'dis-1-1-5'", "seven", "dis-1-1-5"),
    "a report": ("prose", "printed", "id == 'int-3-3-2'", "eight", "int-3-3-2"),
    "a rate of a study": ("prose", "printed", "id == 'dis-2-2-1'", "12", "dis-2-2-1"),
    "rate from its counts": ("prose", "printed", "id == 'int-3-3-1'", "21", "int-3-3-1"),
    "a limit": ("pooled_results", "upper", "transformation == 'PAS' and endpoint == 'CR'", 36,
                "pooled/CR/paediatric/PAS/upper"),
    "CR above OR": ("pooled_results", "estimate",
                    "transformation == 'PFT' and endpoint == 'CR' and population == 'overall'", 22,
                    "pooled/CR/overall/PFT/estimate"),
    "an order": ("prose", "printed", "id == 'eff-2-4-5'", "3.1", "eff-2-4-5"),
    "almost so much": ("prose", "printed", "id == 'dis-2-3-1'", "almost 9", "dis-2-3-1"),
    "studies with adults": ("table1_studies", "target_adult", "study == 'Suo 2013'", 1,
                            "sel-1-6-1"),
    "a part": ("cross_checks", "printed", "id == 'lu-7'", "36.4", "table4/Lu 2016/ALAT increase/n"),
    "severity": ("cross_checks", "printed", "id == 'koh-2'", "6", "table3/CLO05908/Grade 3 TEAE/n"),
    "combination": ("cross_checks", "printed", "id == 'choi-2'", "57", "table1/CLOFAL06790/target"),
    "eligible": ("external_check", "printed", "quantity == 'eligible'", 19,
                 "table1/CLOFAL07263/target"),
    "registered": ("external_check", "printed", "quantity == 'registered'", 26,
                   "table1/CLOFAL07263/enrolled"),
    "adults of a survey": ("external_check", "printed",
                           "quantity == 'effectiveness set' and population == 'all ages'", 222,
                           "table1/CLOFAL06952/target_adult"),
    "a design": ("cross_checks", "printed", "id == 'koh-5'", "registry", "table1/CLO05908/design"),
    "an infusion": ("cross_checks", "printed", "id == 'suo-5'", "3",
                    "table1/Suo 2013/monotherapy/infusion_hours"),
    "the lowest dose": ("cross_checks", "printed", "id == 'id99-8'", "11.5",
                        "table1/ID99-383/monotherapy/dose_min"),
    "earlier regimens": ("table2_characteristics", "n", "n == 194", 281, "eff-1-1-7"),
    "immunophenotype": ("cross_checks", "printed", "id == 'clo212-13'", "500",
                        "table2/Tumor immunophenotype/B precursor or B cell ALL/n"),
    "longer": ("cross_checks", "printed", "id == 'clo212-10'", "19.2", "abs-conc-1-2"),
}  # fmt: skip


@pytest.fixture(scope="module")
def rules_of() -> Callable[[str], set[str]]:
    """Names of the rules that speak of a claim or of what it repeats, or were silent so far."""
    found = claims.findings(paper())
    speak: dict[str, set[str]] = defaultdict(set)
    for f in found:
        speak[f.check.claim].add(f.rule)
    original = {f.check.claim: f.check.kind.removeprefix("repeats:") for f in found}
    silent = set(RULES) - set().union(*speak.values()) | {"repetitions"}  # speaks of differences
    return lambda claim: speak[claim] | speak[original[claim]] | silent


@pytest.fixture
def verdict(rules_of, monkeypatch) -> Callable[[Paper, str], dict[str, str]]:
    """Verdict of one claim by the rules that speak of it: no more can make it discrepant."""

    def one(changed: Paper, claim: str) -> dict[str, str]:
        monkeypatch.setattr(claims, "RULES", {r: RULES[r] for r in rules_of(claim)})
        return judge([f for f in claims.findings(changed) if f.check.claim == claim])

    return one


@pytest.mark.parametrize("case", SEEDED)
def test_a_changed_number_is_found(verdicts, verdict, case):
    table, column, where, value, claim = SEEDED[case]
    changed = tables.load(table)
    rows = changed.query(where, engine="python").index
    assert len(rows), "the change must hit something"
    changed.loc[rows, column] = value
    after = verdict(paper(**{table: changed}), claim)
    assert after["verdict"] == "discrepant", after
    known = DISCREPANT.get(claim)
    assert verdicts.loc[claim, "verdict"] != "discrepant" or known != after["recomputed"]


CELLS = {
    "percentage": ("table3_events", "49 (80.3%)", "49 (83.0%)", "Serious TEAE/percent"),
    "count": ("table3_events", "49 (80.3%)", "48 (80.3%)", "Serious TEAE/n"),
    "part above the whole": ("table3_events", "61 (100.0%)", "48 (78.7%)", "Serious TEAE/n"),
    "whole below a part": ("table3_events", "61 (100.0%)", "29 (47.5%)", "Any TEAE/n"),
    "Table 4": ("table4_events", "30 (49.2%)", "46 (75.4%)", "Febrile neutropenia/n"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_changed_cell_is_found(verdict, case):
    name, old, new, claim = CELLS[case]
    table = tables.load(name)
    hit = (table["study"] == "CLO-212") & (table["printed"] == old)
    assert hit.sum() == 1
    n, _, percent = new.rstrip("%)").partition(" (")
    table.loc[hit, ["printed", "n", "percent"]] = [new, int(n), float(percent)]
    key = name.partition("_")[0]
    after = verdict(paper(**{name: table}), f"{key}/CLO-212/{claim}")
    assert after["verdict"] == "discrepant"


def test_a_corrected_paper_is_not_accused():
    """The rules see the numbers, not these places: what is put right is discrepant no more."""
    prose, first = tables.load("prose"), tables.load("table1_studies").set_index("study")
    designs = ", ".join(sorted(set(first["design"])))
    right = {"abs-resu-1-3": "474", "key-2-1-3": "474", "int-3-1-8": "32", "sel-1-5-1": "eight",
             "sel-1-5-2": "four", "fig2-b-1-2": "≥ 22", "fig2-d-1-2": "≥ 22",
             "abs-intr-2-1": "study", "saf-2-1-7": "40",
             **dict.fromkeys(("abs-meth-1-2", "crit-1-1-1"), designs),
             "dis-2-3-1": "about 10"}  # fmt: skip
    prose = prose.set_index("id")
    prose.loc[list(right), "printed"] = list(right.values())
    first.loc[["CLO-212", "BIOV-111", "Lu 2016"], "phase"] = "II"
    first.loc["Lu 2016", "title_disease"] = "R/R ALL"
    second = tables.load("table2_characteristics").replace({"total": {658: 648}})
    events = tables.load("table3_events").replace({"printed": {"16 (69.9%)": "16 (69.6%)"}})
    after = audit(
        paper(
            prose=prose.reset_index(), table1_studies=first.reset_index(),
            table2_characteristics=second, table3_events=events,
        )
    ).set_index("id")  # fmt: skip
    still = after[(after["verdict"] == "discrepant") & (after["check"] != "unused_results")]
    assert set(still.index) == {
        "table1/BIOV-111/enrolled", "table1/BIOV-111/exposed",
        "table1/ID99-383/monotherapy/infusion_hours", "table1/CLOFAL06952/reference", "t3c-1-1-1",
    }  # fmt: skip


def test_trials_alone_may_be_called_so():
    studies = tables.load("table1_studies").assign(design="clinical trial")
    after = audit(paper(table1_studies=studies)).set_index("id")
    assert after.loc["crit-1-1-1", "verdict"] == "reproduced"


@pytest.mark.parametrize(("id", "printed"), [("id99-9", "52"), ("id99-12", "0")])
def test_a_dose_that_only_others_had_needs_no_word(verdicts, id, printed):
    """The label speaks of this trial only if its report gives the label's highest dose."""
    claim, told = "table1/ID99-383/target", "by the product label the 2 patients"
    assert told in verdicts.loc[claim, "caveat"]
    reports = tables.load("cross_checks")
    reports.loc[reports["id"] == id, "printed"] = printed
    after = audit(paper(cross_checks=reports)).set_index("id")
    assert after.loc[claim, "verdict"] == "consistent"
    assert told not in after.loc[claim, "caveat"]


def test_what_holds_under_one_reading_is_consistent_everywhere(verdicts):
    """One criterion: a condition under which a number holds is a caveat, never a discrepancy."""
    words = verdicts["reason"] + "; " + verdicts["caveat"].fillna("")
    conditional = words[words.str.contains("only if|unless")]
    assert {"sel-1-6-1", "table1/BIOV-111/target", "table1/ID99-383/target"} <= set(
        conditional.index
    )
    assert "discrepant" not in set(verdicts.loc[conditional.index, "verdict"])


def test_both_ages_of_one_survey(verdicts):
    """The later report bounds the sum of two rows; sets of counts that exceed it are counted."""
    p = paper()
    known = behind(p)
    at = [known.evidence["CR"].labels.index(row) for row in ("CLOFAL07263", "CLOFAL07263 adult")]
    x = known.vectors("CR")
    told = f"{(x[:, at].sum(1) <= 2).sum()} of {len(x)} sets of counts"
    assert verdicts.loc["pooled/CR/overall/PAS/estimate", "caveat"].startswith(told)
    report = tables.load("external_check")
    report.loc[(report["study"] == "CLOFAL07263") & (report["unit"] == "%"), "printed"] = -10
    after = audit(paper(external_check=report)).set_index("id")
    assert after.loc["pooled/CR/overall/PAS/estimate", "verdict"] == "discrepant"


def test_what_became_of_the_reports():
    """Each number read is printed in the paper too, asked by a rule, or told to be of no use."""
    p = paper()
    claims.findings(p)
    read = summary.reports_read(p).set_index(["study", "quantity"])["use"]
    assert len(read) == len(tables.load("cross_checks")) + len(tables.load("external_check"))
    assert read["ID99-383", "length of the infusion"] == "printed in the paper too"
    assert read["CLOFAL07263", "registered"] == "asked by a rule"
    assert read["CLOFAL06790", "deaths"] == "the paper prints nothing of it"
    found = summary.reports_unused(read.reset_index())
    assert found["stated"] + found["asked"] + found["unused"] == found["read"]
    assert "CLOFAL06790 (" in found["names"]


def test_ages_at_treatment_are_told(verdicts):
    caveat = verdicts["caveat"]
    told = "0 to 7 by age at treatment in the reports (BIOV-111 to 23"
    assert caveat["sel-1-6-1"].startswith(told)
    assert "CLO-212" not in caveat["sel-1-6-1"]
    assert "holds only if age is age at diagnosis" in caveat["sel-1-6-4"]
    changed = tables.load("cross_checks")
    changed.loc[changed["id"] == "clo212-17", "printed"] = "24"
    after = audit(paper(cross_checks=changed)).set_index("id")["caveat"]
    assert after["sel-1-6-1"].startswith("0 to 6 by age at treatment in the reports (CLO-212 to 24")


def test_constraints_say_that_they_are():
    v = audit(paper()).set_index("id").loc["pooled/CR/paediatric/PFT/estimate"]
    assert v["verdict"] == "consistent"
    assert v["reason"].startswith("used as a constraint, so that agreement is by construction")


@pytest.mark.parametrize(("merged", "told"), [(0, True), (1, False)])
def test_the_rows_that_the_methods_pool(merged, told):
    changed = methods(age_groups=3, merged=merged)
    v = audit(paper(method_evidence=changed)).set_index("id").loc["sen-1-3-1"]
    assert v["verdict"] == "reproduced"
    assert ("more rows than studies, up to 14" in str(v["caveat"])) is told


def _pooled(verdicts: pd.DataFrame, endpoint: str) -> set[str]:
    return set(verdicts.loc[verdicts.index.str.startswith(f"pooled/{endpoint}/"), "verdict"])


def test_counts_that_no_method_fits_are_held_against_their_endpoint_alone():
    none = tables.load("identified_set_cr").iloc[:0]
    v = audit(paper(identified_set_cr=none)).set_index("id")
    assert _pooled(v, "CR") == {"discrepant"}
    assert _pooled(v, "OR") == {"consistent"}
    assert v.loc["bias-1-1-1", "verdict"] == "not reproducible"


@pytest.fixture(scope="module")
def counts() -> dict[str, pd.DataFrame]:
    """Evidence that gives every count: as one method found them, and with one CR count moved."""
    known = behind(paper())
    _, cr, other = known.coupled[0]
    other = other[(other >= cr[0]).all(axis=1)][0]
    frame = tables.load("evidence")
    for end in ("min", "max"):
        frame[f"cr_{end}"], frame[f"or_{end}"] = cr[0], other
    wrong = frame.copy()
    wrong.loc[wrong["row"] == "CLOFAL06952", ["cr_min", "cr_max"]] = 8
    return {"agreeing": frame, "contradicting": wrong}


def test_counts_that_are_given_reproduce_the_pooled_numbers(counts):
    v = audit(paper(evidence=counts["agreeing"])).set_index("id")
    assert _pooled(v, "CR") == _pooled(v, "OR") == {"reproduced"}
    ledger = summary.judged(Paper.load(), v.reset_index())
    facts = summary.facts(ledger)
    assert facts["by_construction"] == ""
    assert "construction" not in facts["rests"] + facts["rates"]


def test_counts_that_contradict_one_endpoint_leave_the_other(verdicts, counts):
    v = audit(paper(evidence=counts["contradicting"])).set_index("id")
    assert _pooled(v, "OR") == {"reproduced"}
    assert _pooled(v, "CR") == {"discrepant", "consistent"}
    fits = v[v.index.str.startswith("pooled/CR/") & (v["verdict"] == "consistent")]
    assert fits["caveat"].str.startswith("no method of the grid gives more than").all()
    wrong = [(f["verdict"] == "discrepant").sum() for f in (verdicts, v)]
    assert wrong[1] > wrong[0]


def _printed(**texts: str) -> pd.DataFrame:
    prose = tables.load("prose").set_index("id")
    for id, text in texts.items():
        prose.loc[id.replace("_", "-"), "printed"] = text
    return prose.reset_index()


@pytest.mark.parametrize(("p", "verdict"), [("0.58", "consistent"), ("0.99", "discrepant")])
def test_eggers_p_is_judged_under_every_reading(p, verdict):
    v = audit(paper(prose=_printed(bias_1_1_1=p))).set_index("id").loc["bias-1-1-1"]
    assert v["verdict"] == verdict
    assert pd.isna(v["caveat"]) == (verdict == "discrepant")


# 21% and 25% are each given by some formula, but by none together.
@pytest.mark.parametrize(("cr", "or_", "verdict"), [("17", "28", "consistent"),
                                                    ("21", "25", "discrepant")])  # fmt: skip
def test_two_rates_of_one_sentence_are_judged_as_one(cr, or_, verdict):
    p = paper(prose=_printed(dis_2_2_2=cr, dis_2_2_5=or_))
    table = others(behind(p), float(cr), float(or_), "CLO-212")
    assert table[["gives_cr", "gives_or"]].any().all()
    v = audit(p).set_index("id")
    assert set(v.loc[["dis-2-2-2", "dis-2-2-5"], "verdict"]) == {verdict}


def test_notebook_05_tells_the_same_reading_of_eggers_p(verdicts):
    known, possible, every = small_study.parts("CR", "paediatric", "documented", None, METHOD)
    power = small_study_power.power(known, possible, every)
    told = small_study_power.printed_p("CR", "paediatric", possible, power).reached
    assert verdicts.loc["bias-1-1-1", "caveat"] == f"only as: {told}"


def test_compare_takes_with_what_prints_so():
    p = paper()
    cell = "table2/Gender/Female/percent"  # 38.5
    assert compare(p, cell, "", 38.45).agrees
    assert compare(p, cell, "", 38.549).agrees
    assert not compare(p, cell, "", 38.56).agrees
    assert compare(p, cell, "", 30, 38.46).agrees
    assert not compare(p, cell, "", 30, 38.44).agrees
    count = "table1/total/enrolled"  # 754, exact
    assert compare(p, count, "", 754).agrees
    assert not compare(p, count, "", 754.4).agrees


def test_the_worst_verdict_decides():
    def finding(kind, agrees=True):
        worth = {"computed": "reproduced", "bound": "consistent", "input": "transcribed"}
        return Finding(
            Check("a", "why", "1", "1", agrees, kind),
            "some_rule",
            worth[kind] if agrees else "discrepant",
        )

    assert judge([finding("input"), finding("bound")])["verdict"] == "consistent"
    assert judge([finding("bound"), finding("computed")])["verdict"] == "reproduced"
    assert judge([finding("computed"), finding("bound", False)])["verdict"] == "discrepant"


def test_table_checks_are_the_same_engine():
    found = rules_tables.all_tables(Paper.load())
    assert set(found.loc[~found["agrees"], "claim"]) == {
        "table2/Number of prior chemotherapies/Unknown/total",
        "table3/O'Connor 2011/Any TEAE/percent",
    }
    assert not found.duplicated(["claim", "rule"]).any()


def test_sections_are_in_the_order_of_the_paper():
    found = collect(Tables())["section"].drop_duplicates().tolist()
    assert found == list(SECTIONS)


def test_every_discrepancy_says_why_it_matters():
    ledger = summary.judged(Paper.load(), tables.load("claims_verdicts"))
    assert summary.facts(ledger)["unexplained"] == 0
    wrong = summary.discrepancies(ledger)
    assert len(wrong) == (ledger["verdict"] == "discrepant").sum()
    weights = tables.load("findings").sort_values("order")["weight"].drop_duplicates().tolist()
    once = summary.once(wrong, "weight", "finding")
    assert [w for w in once["weight"] if w] == weights
    assert wrong["weight"].drop_duplicates().tolist() == weights
    unknown = ledger.assign(id=ledger["id"] + " of another paper")
    assert summary.facts(unknown)["unexplained"] == len(wrong)


def test_a_repetition_belongs_to_the_finding_of_what_it_repeats():
    """As where counts are given that contradict the pooled results."""
    ledger = summary.judged(Paper.load(), tables.load("claims_verdicts"))
    original = ledger["id"].eq("pooled/CR/paediatric/PAS/estimate")
    state = ledger.loc[original, ["quantity", "population"]].iloc[0]
    again = ledger[["quantity", "population"]].eq(state).all(axis=1) & ledger["check"].eq(
        "repetitions"
    )
    assert again.any()
    wrong = ledger.assign(verdict=ledger["verdict"].mask(original | again, "discrepant"))
    assert summary.facts(wrong)["unexplained"] == 0
    alone = ledger.assign(verdict=ledger["verdict"].mask(original, "discrepant"))
    more = [len(summary.discrepancies(frame)) for frame in (alone, wrong)]
    assert more[1] - more[0] == again.sum()


def test_the_place_of_a_limit_of_medians():
    """The largest survival of responders, who are among all patients, beyond theirs or within."""
    ledger = summary.judged(Paper.load(), tables.load("claims_verdicts"))
    assert summary.limits_of_medians(ledger)["place"] == "beyond"
    responders = ledger["quantity"].eq("median OS of responders, upper limit")
    less = ledger.assign(value=ledger["value"].mask(responders, 0.5))
    assert summary.limits_of_medians(less)["place"] == "within"


def test_findings_name_claims_that_exist():
    named = tables.load("findings")["claims"].str.split("; ").explode()
    assert not named.duplicated().any()
    assert set(named) - {"pooled/*"} <= set(tables.load("claims")["id"])


def test_what_would_allow_a_check_is_counted_once_a_claim():
    ledger = summary.judged(Paper.load(), tables.load("claims_verdicts"))
    left = ledger[ledger["verdict"].isin(["transcribed", "not reproducible"])]
    by_age = left["check"] == "ages"  # an input that says how far it goes, not what is wanted
    assert summary.wanted(ledger)["claims"].sum() == len(left) - by_age.sum()
    assert "comparisons" in set(left["check"])
    unknown = ledger.assign(population="of another paper").query("check == 'medians'")
    with pytest.raises(tables.DataError, match=r"one for .median .*. of .of another paper.$"):
        summary.wanted(unknown)


def test_longer_than_in_one_study_is_no_surer_than_the_median(verdicts):
    """And says how many of its children are that study's own."""
    found = verdicts.loc["abs-conc-1-2"]
    assert found["verdict"] == "not reproducible"
    n = tables.load("evidence").query("population == 'paediatric'").set_index("study")["n"]
    studies = ["CLO-212", "BIOV-111", "Lu 2016"]
    assert f"{n['CLO-212']} of these {n[studies].sum()} children" in found["caveat"]


def test_a_study_compared_with_itself_is_said_to_be(verdicts):
    """The duration of CR is CLO-212's alone: a later analysis of it may be longer, or may not."""
    found = verdicts.loc["abs-conc-1-1"]
    assert found["verdict"] == "not reproducible"
    assert found["reason"] == "it is reported by CLO-212"
    n = tables.load("evidence").query("population == 'paediatric'").set_index("study")["n"]
    assert f"{n['CLO-212']} of these {n['CLO-212']} children" in found["caveat"]


def test_verdicts_are_listed_by_name():
    ledger = summary.judged(Paper.load(), tables.load("claims_verdicts"))
    assert len(summary.listed(ledger, "all")) == len(ledger)
    with pytest.raises(ValueError, match="verdict: found 'wrong', expected one of reproduced"):
        summary.listed(ledger, "wrong")


def test_every_rule_has_a_title_and_a_subject():
    shown = {s: summary.by_rule([], s) for s in ("tables", "text", "reports", "results", "needs")}
    assert sum(map(len, shown.values())) == len(RULES)
    named = pd.concat(shown)["tests"]
    assert named.drop("needs", level=0).ne("").all()
    assert named["tables"].str.contains("GRIM").sum() == 3
    assert "GRIM" in named["reports", "Patients who meet the criteria"]
    assert all(r.title and (r.checks.__doc__ or "").strip() for r in RULES.values())


def test_the_verdict_of_one_claim():
    derived = {"method_evidence": methods(age_groups=3, merged=0)}
    assert claims.of("saf-1-2-1", **derived)["verdict"] == "consistent"
    with pytest.raises(KeyError, match="found 'moon', expected an id"):
        claims.of("moon", **derived)
