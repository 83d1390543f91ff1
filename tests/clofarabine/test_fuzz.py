"""Bad input: every table and every parameter, mutated at random.

Each case ends in what the file says, read here by the csv module and nothing else, or in an error
that names file, row and column. `make fuzz` runs thousands of new cases, `make test` the same few
hundred every time.
"""

import argparse
import csv
import io
import math
import os
import re

import pandas as pd
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from clofarabine import studies as study_rows
from clofarabine.tables import DataError, load_counts, package, store
from compendium import cli, notebooks
from compendium.errors import PipelineError
from compendium.notebooks import check_parameters
from compendium.steps import Step

CASES = int(os.environ.get("FUZZ", "0"))
FEW = settings(
    max_examples=CASES or 250,
    derandomize=not CASES,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
ENTRIES = {e["name"]: e for e in package()["resources"]}
MINE = "label,x,n,year\nSmith 2010,3,12,2010\nMüller 2012,0,7,NA\nO'Neill 2015,25,25,2015\n"
TEXTS = {"mine": MINE}
for _name in ENTRIES:
    _lines = store.path_of(_name).read_text(encoding="utf-8").splitlines(keepends=True)
    TEXTS[_name] = "".join(_lines[:60])
_MINE = [
    {"name": "label", "type": "string", "missingValues": [], "constraints": {"required": True}},
    {"name": "x", "type": "integer", "constraints": {"required": True, "minimum": 0}},
    {"name": "n", "type": "integer", "constraints": {"required": True, "minimum": 1}},
    {"name": "year", "type": "integer", "missingValues": ["NA", ""]},
]

NASTY = [
    "", " ", "NA", "na", "N/A", "NaN", "nan", "None", "null", "-", "-1", "0", "1", "7", "2.5", "-0",
    "1e3", "1e400", "inf", "-inf", "Infinity", "+7", " 7", "7 ", "07", "7.", ".5", "1,5", "1_000",
    "1 000", "0x10", "1e", "--1", "True", "FALSE", "99999999999999999999", "9" * 400, "1e-400",
    "٣", "１２", "²", "½", "7\n8", "7\r8", 'a"b', "a,b", "\x00", "\ufeff7", "#7", "=1+1", "\u200b7",
    "> 30 (> 79%)", "5 (7.0%)", "5 (7%)", "five", "x" * 10_000, "O'Connor 2011", "CLO-212",
]  # fmt: skip


def _rows(text):
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def _text(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


@st.composite
def changed_cells(draw):
    """A table with one to three cells replaced."""
    name = draw(st.sampled_from(sorted(TEXTS)))
    rows = _rows(TEXTS[name])
    for _ in range(draw(st.integers(1, 3))):
        i, j = draw(st.integers(1, len(rows) - 1)), draw(st.integers(0, len(rows[0]) - 1))
        theirs = st.sampled_from([r[j] for r in rows])
        any_text = st.sampled_from(NASTY) | st.text(max_size=6) | st.integers().map(str)
        rows[i][j] = draw(theirs | any_text)
    return name, _text(rows).encode("utf-8", "replace")


def _rearranged(draw, rows):
    kind = draw(st.integers(0, 8))
    i = draw(st.integers(0, len(rows) - 1))
    j = draw(st.integers(0, len(rows[0]) - 1))
    if kind == 0:
        rows.insert(i, list(rows[i]))
    elif kind == 1:
        del rows[i]
    elif kind == 2:
        rows = [r[:j] + r[j + 1 :] for r in rows]
    elif kind == 3:
        rows = [[*r, *r[j : j + 1]] for r in rows]
    elif kind == 4:
        rows = [r[j:] + r[:j] for r in rows]
    elif kind == 5:
        rows[i] = rows[i][:j]
    elif kind == 6:
        rows[i] = rows[i] + ["7"] * (j + 1)
    elif kind == 7:
        rows.insert(i, [])
    else:
        del rows[i:]
    return rows


@st.composite
def changed_files(draw):
    """A table with rows, columns or bytes moved, dropped, doubled or overwritten."""
    name = draw(st.sampled_from(sorted(TEXTS)))
    rows = _rows(TEXTS[name])
    for _ in range(draw(st.integers(0, 2))):
        if rows and rows[0]:
            rows = _rearranged(draw, rows)
    content = bytearray(_text(rows).encode())
    ending = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    content = bytearray(bytes(content).replace(b"\r\n", ending))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 3))] = draw(
            st.sampled_from([b'"', b",", b"\n", b"\x00", b"\xff", b"\xef\xbb\xbf", b"", b"\r"])
            | st.binary(max_size=3)
        )
    if draw(st.integers(0, 9)) == 0:
        content[:0] = draw(st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"#\n"]))
    return name, bytes(content)


_NUMBER = {
    "integer": re.compile(r"-?\d{1,18}", re.A),
    "number": re.compile(r"-?\d{1,18}(\.\d+)?(e[-+]?\d{1,3})?", re.A | re.I),
}


def _value(field, cell):
    """What a cell says, None if missing; ValueError if the column does not allow it."""
    rules = field.get("constraints", {})
    if field["type"] == "moderator":
        return None if cell in ("NA", "") else cell
    if cell in field.get("missingValues", ["NA"]):
        if rules.get("required"):
            raise ValueError
        return None
    if field["type"] == "string":
        value = cell
        if not cell.strip() or any(c < " " or c == "\x7f" for c in cell):
            raise ValueError
        if "enum" in rules and cell not in rules["enum"]:
            raise ValueError
    elif field["type"] == "boolean":
        value = {"True": True, "False": False}.get(cell)
        if value is None:
            raise ValueError
    else:
        if not _NUMBER[field["type"]].fullmatch(cell):
            raise ValueError
        value = int(cell) if field["type"] == "integer" else float(cell)
        if not rules.get("minimum", -math.inf) <= value <= rules.get("maximum", math.inf):
            raise ValueError
        if math.isinf(value):
            raise ValueError
    return value


def _allowed(field, cell):
    try:
        _value(field, cell)
    except ValueError:
        return False
    return True


def _outcome(call, *arguments):
    """Either the result or the text of the error; anything else raised is a failure."""
    try:
        return call(*arguments), ""
    except (DataError, PipelineError, argparse.ArgumentTypeError) as error:
        return None, str(error)


def _load(name, path):
    if name == "mine":
        return load_counts(path)
    return store.read_table(ENTRIES[name], path)


def _fields(name, header):
    """Fields of a table; one's own has its columns in any order, and any further ones."""
    if name != "mine":
        return ENTRIES[name]["schema"]["fields"]
    mine = {f["name"]: f for f in _MINE}
    return [mine.get(c, {"name": c, "type": "moderator"}) for c in header]


def _holds(name, frame, text):
    """The frame is what the file says, cell by cell, and the description allows it."""
    header, *rows = _rows(text)
    fields = _fields(name, header)
    assert header == [f["name"] for f in fields] == list(frame.columns)
    assert len(frame) == len(rows)
    columns = [[row[i] for row in rows] for i in range(len(fields))]
    for field, cells in zip(fields, columns, strict=True):
        want = [_value(field, c) for c in cells]
        got = [None if pd.isna(v) else v for v in frame[field["name"]]]
        if field["type"] == "moderator" and frame[field["name"]].dtype != "string":
            want = [None if c is None else float(c) for c in want]
        assert got == want, field["name"]
    if name == "mine":
        assert (frame["x"] <= frame["n"]).all()
    keys = ["label"] if name == "mine" else ENTRIES[name]["schema"]["primaryKey"]
    assert not frame.duplicated(keys).any()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "table.csv"


def _said_where(said, path):
    """Every line of an error begins with the file and ends with what was expected."""
    for line in said.splitlines():
        assert re.match(
            rf"{re.escape(str(path))}(, row \d+)?(, column .+)?: found .+, expected ", line
        )


@given(changed_cells())
@FEW
def test_a_changed_cell_is_read_or_refused_with_its_place(path, case):
    name, content = case
    path.write_bytes(content)
    frame, said = _outcome(_load, name, path)
    if frame is not None:
        event("read")
        _holds(name, frame, content.decode())
        return
    event("refused")
    _said_where(said, path)
    header, *rows = _rows(content.decode())
    if any("\n" in cell or "\r" in cell for row in rows for cell in row):
        assert "found a line break inside a cell" in said
        return
    bad = [
        (row, field["name"])
        for row, cells in enumerate(rows, start=2)
        for field, cell in zip(_fields(name, header), cells, strict=True)
        if not _allowed(field, cell)
    ]
    for row, column in bad:
        assert f"{path}, row {row}, column {column}: found " in said
    if not bad:  # a rule that joins cells, rows or files
        assert re.search(r", row \d+, column .+: found ", said)


@given(changed_files())
@FEW
def test_a_changed_file_is_read_or_refused(path, case):
    name, content = case
    path.write_bytes(content)
    frame, said = _outcome(_load, name, path)
    if frame is not None:
        event("read")
        _holds(name, frame, content.decode("utf-8-sig"))
    else:
        event("refused")
        _said_where(said, path)


DEFAULTS = {"p": "PAS", "k": 1, "x": 0.5, "b": False, "any": None}
names = st.sampled_from([*DEFAULTS, "q", "P", "", " p", "__import__", "p;x"])


@given(
    st.lists(names | st.text(max_size=5), max_size=3),
    st.sampled_from([*NASTY, "yes", "off", "~", "!!python/object:os.system x", "{a: 1}", "[1, 2]"])
    | st.text(max_size=8),
)
@FEW
def test_a_parameter_is_of_its_kind_or_refused(names, value):
    given = {}
    for name in names:
        pair, said = _outcome(cli._value, f"{name}={value}")
        if said:
            assert said.startswith("found ")
            return
        given.update([pair])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "parameters_of", lambda _: DEFAULTS)
        _, said = _outcome(check_parameters, Step("n"), given)
    if said:
        event("refused")
        assert re.match(r"n has no parameter|n, parameter \w+: found .+, expected ", said)
        return
    event("taken")
    for name, value in given.items():
        kind = type(DEFAULTS[name])
        if DEFAULTS[name] is None:
            assert value is None or type(value) in (str, int, float, bool)
        else:
            assert type(value) is kind or (kind is float and type(value) is int)
        assert not isinstance(value, float) or math.isfinite(value)


@given(*[st.sampled_from(["CR", "OR", "overall", "documented"]) | st.text(max_size=8)] * 3)
@FEW
def test_a_choice_is_known_or_refused(endpoint, population, counts):
    try:
        frame = study_rows.load(endpoint, population, counts)
    except ValueError as error:
        said = str(error)
    else:
        assert (endpoint in study_rows.ENDPOINTS, population in study_rows.POPULATIONS) == (
            True,
            True,
        )
        assert counts in study_rows.COUNTS
        assert frame["kind"].isin(["documented", "reconstructed", "unknown"]).all()
        return
    assert re.match(r"\w+: found (['\"]).*\1, expected one of ", said, re.S)
