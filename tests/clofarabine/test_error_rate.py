"""The audit's own error rate: mistakes arrive where they should, and a sample is repeated."""

import pytest

from clofarabine.audit import error_rate, summary
from clofarabine.audit.error_rate import mistakes, moved, tried, with_printed
from clofarabine.audit.ledger import Paper
from clofarabine.tables import store

EVERY = list(mistakes(Paper.load()))


@pytest.mark.parametrize(
    ("printed", "after"),
    [("16", "17"), ("38.9", "39.0"), ("seven", "8"), ("> 30", "> 31"), ("almost 10", "almost 11"),
     ("0.58", "0.59")],
)  # fmt: skip
def test_the_last_digit_goes_up(printed, after):
    assert moved(printed) == after


@pytest.mark.parametrize("kind", ["last digit", "neighbours"])
def test_a_mistake_is_where_it_is_said_to_be(kind):
    """Nothing else of the ledger changes; a change that did not arrive is refused."""
    paper = Paper.load()
    before = paper.claims["printed"]
    for _, texts in [m for m in EVERY if m[0] == kind][::25]:
        after = with_printed(paper.tables, texts).claims["printed"]
        changed = set(after.index[after != before.reindex(after.index)])
        assert changed == set(texts)
    assert before.equals(Paper.load().claims["printed"])
    with pytest.raises(ValueError, match="moon: found 'no such claim'"):
        with_printed(paper.tables, {"moon": "1"})


def test_the_table_is_what_the_audit_does():
    """A sample of the committed table, judged again."""
    table = store.load("audit_error_rate").set_index(["claim", "mistake"])
    assert len(table) == len(EVERY[:: error_rate.EVERY])
    for claim, mistake, marked, noticed in tried(EVERY[:: 12 * error_rate.EVERY]):
        row = table.loc[(claim, mistake)]
        assert (row["marked"], row["noticed"]) == (marked, noticed), claim


def test_it_is_counted_by_verdict_and_section():
    ledger = summary.judged(Paper.load(), store.load("claims_verdicts"))
    n = len(store.load("audit_error_rate"))
    for by in ("verdict", "section"):
        assert error_rate.error_rate(ledger, by)["tried"].sum() == n
    assert 0 < error_rate.noticed(ledger)["tried"] < n
