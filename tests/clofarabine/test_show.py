"""Tables and sentences as a notebook displays them."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from clofarabine.show import cell, table
from clofarabine.text import say


class _Reader(HTMLParser):
    """Cells of a table as a browser would find them: tag, attributes, text."""

    def __init__(self):
        super().__init__()
        self.cells, self.caption, self.open = [], None, []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1][2] += data
        elif self.open and self.open[-1] == "caption":
            self.caption = data


def _read(made):
    reader = _Reader()
    reader.feed(made._repr_mimebundle_()["text/html"])
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"), (np.bool_(False), "no"), ("True", "True"), ("nan", "nan"), (pd.NA, "–"),
        (None, "–"), (float("nan"), "–"), (pd.NaT, "–"), (7, "7"), (np.int64(2010), "2010"),
        (12345, "12,345"), (-3, "−3"), (1.25, "1.2"), (np.float32(2), "2.0"),
        (12345.67, "12,345.7"), (0.0, "0.0"), (-0.0, "0.0"), (0.04, "< 0.1"), (-0.04, "> −0.1"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"), (999_999, "999,999"), (999_999.7, "1.0 million"),
        (2_600_000_000, "2.6 billion"), (-2.6e9, "−2.6 billion"), (999_950_000.0, "1.0 billion"),
        (4e12, "4.0 trillion"), (1e16, "10.0 quadrillion"), (2e18, "2.0 quintillion"),
        (1e22, "1.0e+22"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_people_read_it(value, shown):
    assert cell(value) == shown


def test_decimals_bound_what_rounds_to_nothing():
    assert [cell(v, 3) for v in (0.0004, 0.0006, 1 / 3)] == ["< 0.001", "0.001", "0.333"]
    assert [cell(v, 0) for v in (0.2, 16.0, 0.0)] == ["< 1", "16", "0"]


FRAME = pd.DataFrame(
    {
        "study": ["A <b> & co", "B", "007"],
        "n_all": pd.array([12, pd.NA, 2_600_000], "Int64"),
        "rate": [0.25, float("nan"), 99.96],
        "ok": pd.array([True, False, pd.NA], "boolean"),
        "printed": ["5 (7.0%)", "> 30 (> 79%)", "646 to 656"],
        "words": ["one", "2 of 3 trials", pd.NA],
    },
    index=[5, 6, 9],
)


def test_a_table_has_headings_in_words_and_no_running_index():
    read = _read(table(FRAME, {"ok": "agrees"}, "Rates & numbers"))
    assert read.caption == "Rates & numbers"
    texts = [c[2] for c in read.cells]
    assert texts[:6] == ["study", "n all", "rate", "agrees", "printed", "words"]
    assert texts[6:12] == ["A <b> & co", "12", "0.2", "yes", "5 (7.0%)", "one"]
    assert texts[12:18] == ["B", "–", "–", "no", "> 30 (> 79%)", "2 of 3 trials"]
    assert texts[18:] == ["007", "2.6 million", "100.0", "–", "646 to 656", "–"]


def test_every_heading_has_a_scope_and_numbers_stand_right():
    read = _read(table(FRAME))
    heads = [(c[1].get("scope"), c[2]) for c in read.cells if c[0] == "th"]
    assert [h for s, h in heads if s == "row"] == ["A <b> & co", "B", "007"]
    assert len([h for s, h in heads if s == "col"]) == len(FRAME.columns)
    sides = [re.search(r"text-align:(\w+)", c[1]["style"])[1] for c in read.cells]
    assert sides == ["left", "right", "right", "left", "right", "left"] * 4


def test_the_plain_text_holds_the_same_cells_in_line():
    made = table(FRAME, caption="Rates")
    plain = made._repr_mimebundle_()["text/plain"]
    caption, head, *lines = plain.splitlines()
    assert caption == "Rates"
    end = head.index("n all") + len("n all")
    assert [line[:end].split()[-1] for line in (lines[0], lines[1])] == ["12", "–"]
    for line, row in zip(lines, range(3), strict=True):
        cells = [c[2] for c in _read(made).cells if c[0] == "td"][row * 5 : row * 5 + 5]
        assert re.sub(r"\s+", " ", line).endswith(" ".join(cells))


def test_a_column_of_nothing_but_dashes_stands_where_its_numbers_would():
    made = table(pd.DataFrame({"study": ["A", "B"], "none known": [pd.NA, None]}))
    assert [line[-1] for line in made.text.splitlines()[1:]] == ["–", "–"]
    assert made.html.count("text-align:right") == 3


def test_a_named_index_is_a_column_and_equal_frames_give_equal_bytes():
    grouped = FRAME.groupby("study")[["rate"]].max()
    assert [c[2] for c in _read(table(grouped)).cells][:2] == ["study", "rate"]
    assert table(FRAME) == table(FRAME.copy())
    assert table(FRAME).html == table(FRAME.copy()).html
    assert table(FRAME.iloc[:0]).text.split() == [
        "study",
        "n",
        "all",
        "rate",
        "ok",
        "printed",
        "words",
    ]


def test_the_frame_stays_as_it_was():
    before = FRAME.copy()
    table(FRAME, {"ok": "agrees"})
    pd.testing.assert_frame_equal(FRAME, before)


class _Facts:
    rate = 12.34
    name = "A"


def test_a_sentence_is_filled_from_keys_attributes_and_more():
    assert say("{rate:.0f}% of {name}", {"rate": 12.34, "name": "A"}).data == "12% of A"
    assert say("{rate:.1f}% of {name}", _Facts(), name="B").data == "12.3% of B"
    assert say("no numbers").data == "no numbers"


@pytest.mark.parametrize("facts", [{"rate": 1}, _Facts()])
def test_a_sentence_without_its_fact_names_it(facts):
    with pytest.raises(KeyError, match="k_all"):
        say("{rate} of {k_all}", facts)


def test_a_wide_table_wraps_and_a_narrow_one_does_not():
    """From nine columns on figures may wrap, before a bracket; an address may wrap anywhere."""
    wide, narrow = (
        table(pd.DataFrame([range(k), ["16 [8, 28]"] * k]).astype(str)).html for k in (9, 8)
    )
    assert wide.count("nowrap") == 2  # the names of the two rows
    assert narrow.count("nowrap") == 2 + 2 * 7
    assert "font-size" in wide
    assert "16 [8,\u00a028]" in wide
    address = table(pd.DataFrame({"a": ["one"], "b": ["https://example.org/" + "long/" * 9]})).html
    assert address.count("overflow-wrap:anywhere") == 1
    assert "R/<wbr>R" in table(pd.DataFrame({"R/R": [1]})).html
