"""The audit's rules as a table: a small language, and errors that say where a rule is wrong."""

import pandas as pd
import pytest
from test_claims import paper

from clofarabine.audit import rule_table
from clofarabine.audit.expressions import ExpressionError, Missing, Scope, evaluate, parse
from clofarabine.audit.rule_table import Applied, table_rules
from clofarabine.tables import DataError, store

TOY = pd.DataFrame(
    {"study": ["a", "b", "b"], "n": pd.array([3, 4, None], "Int64"), "kind": ["x", "x", "y"]}
)
SCOPE = Scope(
    {"toy": TOY}, {"this": "a", "low": 2.0}, lambda s, q: 7.0 if (s, q) == ("a", "q") else None
)

VALUES = {
    "sum(toy.n)": 7,
    "sum(toy.n, n > 3)": 4,
    "count(toy)": 3,
    "count(toy, n > 3)": 1,  # what is missing does not meet a condition
    "count(toy, not known(n))": 1,
    "count(toy, kind == 'x' and not study == this)": 1,
    "count(toy, kind == 'y' or n == 3)": 2,
    "distinct(toy.study)": 2,
    "fewest(toy.study)": 1,
    "commonest(toy.kind)": "x",
    "cell(toy.n, study == this)": 3,
    "smallest(toy.n)": 3,
    "largest(smallest(toy.n, kind == 'x', study))": 4,
    "at_largest(toy.study, toy.n, kind == 'x')": "b",
    "names(toy.study)": "a, b",
    "share(1, 4)": 25,
    "higher(low, -1)": 2,
    "reported('q') - 1": 6,
    "holds(reported('q') > 6)": True,
    "holds(reported('p') > 6)": False,  # what is not reported holds for nothing
    "count(toy, listed(study, 'b; c'))": 2,
    "median_rank(61)": 23,  # P(X <= 22) = 0.020, P(X <= 23) = 0.036 of Bin(61, 1/2)
    "possible(69.6, 1, 23)": True,
    "possible(69.9, 1, 23)": False,  # 16 of 23 is 69.6, 17 of 23 is 73.9
    "count(toy, possible(n * 10, 0, 3))": 0,  # 30% and 40% of 3
    "rounded(2.26, 1)": 2.3,
    "2 * 3 / 4": 1.5,
}


@pytest.mark.parametrize("text", VALUES)
def test_expressions(text):
    assert evaluate(text, SCOPE) == VALUES[text]


REFUSED = (
    "__import__('os')", "toy.n.sum()", "().__class__", "[n for n in toy]", "lambda: 1", "toy[0]",
    "open('a')", "sum(toy.n", "1 < 2 < 3", "f'{this}'", "x := 1", "None", "2 ** 9", "sum(x=toy)",
    "import os", "",
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_nothing_else_is_in_the_language(text):
    with pytest.raises(ExpressionError, match=r"found .*, expected"):
        parse(text)


UNKNOWN = {
    "sum(moon.n)": "found 'moon', expected a table of the data package",
    "sum(toy.m)": "found 'toy.m', expected one of study, n, kind",
    "count(toy, m > 1)": "found 'm', expected one of this, low, study, n, kind",
    "cell(toy.n, kind == 'x')": "found 2 rows where kind == 'x', expected one",
    "sum(3)": "found '3', expected table.column",
    "share(1)": r"found 'share\(1\)', expected share as",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_names_that_are_not_there(text):
    with pytest.raises(ExpressionError, match=UNKNOWN[text]):
        evaluate(text, SCOPE)


@pytest.mark.parametrize(
    "text", ["reported('p')", "cell(toy.n, kind == 'y')", "smallest(toy.n, n > 9)"]
)
def test_what_is_not_reported_is_missing(text):
    with pytest.raises(Missing):
        evaluate(text, SCOPE)


@pytest.mark.parametrize("column", ["when", "expression", "upper", "says", "caveat", "caveat_when"])
def test_a_bad_rule_says_where(column):
    table = store.load("audit_rules")
    table.loc[4, column] = "{evil()}" if column in ("says", "caveat") else "evil()"
    place = (
        rf"data/sources/audit_rules.csv, row 6, column {column}: found 'evil\(\)', expected one of"
    )
    with pytest.raises(DataError, match=place):
        table_rules(table)


@pytest.mark.parametrize(("column", "text"), [("expression", "sum(table1_studies.moons)"),
                                              ("population", "table1_studies.moons")])  # fmt: skip
def test_a_rule_that_names_nothing_says_where(column, text):
    table = store.load("audit_rules")
    table.loc[0, column] = text
    place = rf"audit_rules.csv, row 2, column {column}: found 'table1_studies.moons', expected"
    with pytest.raises(DataError, match=place):
        list(rule_table.checks(paper(audit_rules=table), "counted_in_tables"))


def test_every_rule_speaks_of_a_claim():
    """A rule that speaks of none is misspelt, or belongs to another paper."""
    applied = Applied(paper())
    for rule in applied.rules:
        ids = [id for p in applied.populations(rule) for id in applied.claims(rule, p)]
        assert ids, rule


def test_a_new_rule_needs_a_line_and_no_code():
    """Who audits another paper writes a line: here of a claim that nothing checked."""
    table = store.load("audit_rules")
    line = table.iloc[[0]].assign(
        quantity="confidence level", population="analysis", expression="100 - 5", upper=pd.NA,
        says="a rule of a test",
    )  # fmt: skip
    p = paper(audit_rules=pd.concat([table, line], ignore_index=True))
    found = [c for c in rule_table.checks(p, "counted_in_tables") if c.rule == "a rule of a test"]
    assert len(found) == len(p.stating("confidence level", "analysis"))
    assert all(c.agrees for c in found)
