"""The loader: what it reads, and what it refuses with file, row, column, found, expected."""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from clofarabine import studies, tables
from clofarabine.tables import (
    DataError,
    codebook,
    load_counts,
    load_evidence,
    package,
    paths,
    resource,
    store,
)
from clofarabine.tables import description as described

NAMES = [r["name"] for r in package()["resources"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_described_file_is_valid(name):
    frame = store.load(name)
    assert list(frame.columns) == [f["name"] for f in resource(name)["schema"]["fields"]]


def test_every_file_is_described():
    described = {r["path"] for r in package()["resources"]}
    on_disk = {str(p.relative_to(paths.DATA)) for p in paths.DATA.glob("*/*.*")}
    assert described == on_disk


def test_every_column_says_what_it_is():
    for entry in package()["resources"]:
        for field in entry["schema"]["fields"]:
            assert field["description"], (entry["name"], field["name"])
            if field["type"] == "number":
                assert "unit" in field or field["name"] == "printed", (entry["name"], field["name"])


def test_the_codebook_for_people_is_in_step():
    text = (paths.DATA / "README.md").read_text(encoding="utf-8")
    assert text.endswith(codebook()), "make update brings it in step"


def test_missing_is_missing():
    events = store.load("table3_events")
    trioche = events[(events["study"] == "Trioche 2012") & (events["event"] == "Any TEAE")]
    assert trioche[["printed", "relation", "n"]].iloc[0].tolist() == ["> 30 (> 79%)", ">", 30]
    suo = events[(events["study"] == "Suo 2013") & (events["event"] == "Serious TEAE")].iloc[0]
    assert suo[["printed", "relation", "n", "percent"]].isna().all()


def _changed(tmp_path, name, change):
    """A copy of a table's file with its text changed."""
    text = store.path_of(name).read_text(encoding="utf-8")
    path = tmp_path / f"{name}.csv"
    out = change(text)
    path.write_bytes(out if isinstance(out, bytes) else out.encode())
    return path


BAD = {
    "x > n": (
        "evidence",
        lambda t: t.replace("61,7,7,", "61,7,62,"),
        "row 2, column cr_max: found 62, expected at most n = 61",
    ),
    "min > max": (
        "evidence",
        lambda t: t.replace("61,7,7,", "61,8,7,"),
        "row 2, column cr_min: found 8, expected at most cr_max = 7",
    ),
    "CR > OR": (
        "evidence",
        lambda t: t.replace("61,7,7,", "61,13,13,"),
        "row 2, column cr_min: found 13, expected at most or_max = 12",
    ),
    "negative": (
        "evidence",
        lambda t: t.replace("61,7,7,", "61,-1,7,"),
        "row 2, column cr_min: found '-1', expected a whole number, at least 0",
    ),
    "fraction": (
        "evidence",
        lambda t: t.replace("65,6,6,", "65,6,6.5,"),
        "row 3, column cr_max: found '6.5', expected a whole number, at least 0",
    ),
    "missing value": (
        "evidence",
        lambda t: t.replace("65,6,6,", "65,NA,6,"),
        "row 3, column cr_min: found 'NA', expected a whole number",
    ),
    "unknown study": (
        "evidence",
        lambda t: t.replace("BIOV-111,BIOV-111", "BIOV-111,BIOV-112"),
        "row 3, column study: found 'BIOV-112', expected one of CLO-212, BIOV-111",
    ),
    "wrong n": (
        "evidence",
        lambda t: t.replace("paediatric,65,", "paediatric,66,"),
        "row 3, column n: found 66, expected 65, as in Table 1",
    ),
    "more patients than in Table 1": (
        "scenarios",
        lambda t: t.replace("paediatric,16,", "paediatric,18,"),
        "row 10, column n: found 18, expected at most 17, as in Table 1",
    ),
    "unknown source": (
        "evidence",
        lambda t: t.replace("kearns2007,abstract: 6 CR a", "kearns,abstract: 6 CR a"),
        "row 3, column cr_source: found 'kearns', expected a key of citations",
    ),
    "duplicate row": (
        "evidence",
        lambda t: t + t.splitlines()[3] + "\n",
        "row 16, column row: found a repeated key, expected it once",
    ),
    "missing column": (
        "evidence",
        lambda t: t.replace("cr_max,", "", 1),
        "row 1: found no column 'cr_max', expected the columns row, study",
    ),
    "cell too many": (
        "pooled_results",
        lambda t: t.replace("16,7,26", "16,7,26,1"),
        "row 2: found 11 cells, expected 10 cells in the row",
    ),
    "bad encoding": (
        "evidence",
        lambda t: t.replace("abstract", "résumé", 1).encode("latin-1"),
        "row 2: found byte 0xe9, which is not UTF-8, expected a CSV table in UTF-8",
    ),
    "empty": ("evidence", lambda t: "", "found an empty file, expected a CSV table in UTF-8"),
    "printed cell": (
        "table3_events",
        lambda t: t.replace("49 (80.3%),=,49", "49 (80.3%),=,48"),
        "row 3, column n: found 48, expected 49, as the printed cell says",
    ),
    "unreadable cell": (
        "table3_events",
        lambda t: t.replace("49 (80.3%)", "about 49"),
        "row 3, column printed: found 'about 49', expected a count and a percentage",
    ),
    "bound taken for a count": (
        "table3_events",
        lambda t: t.replace("> 30 (> 79%),>,", "> 30 (> 79%),=,"),
        "column relation: found =, expected >, as the printed cell says",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused(case, tmp_path):
    name, change, says = BAD[case]
    path = _changed(tmp_path, name, change)
    assert path.read_bytes() != store.path_of(name).read_bytes()
    with pytest.raises(DataError) as error:
        store.read_table(resource(name), path)
    assert says in str(error.value)
    assert path.name in str(error.value)


def test_a_file_that_is_not_there():
    with pytest.raises(DataError, match=r"no\.csv: found no such file"):
        store.read_table(resource("evidence"), paths.ROOT / "no.csv")


def test_scenarios_replace_rows_and_keep_the_order():
    base, suo = load_evidence(), load_evidence("suo-best-response")
    assert base["row"].tolist() == suo["row"].tolist()
    changed = suo.set_index("row").loc["Suo 2013"]
    assert (changed["cr_min"], changed["cr_max"]) == (11, 22)
    assert suo.dtypes.equals(base.dtypes)
    fewer = load_evidence("id99-383-of-15").set_index("row")["n"]
    assert fewer.sum() == base["n"].sum() - 2
    assert fewer["ID99-383"] == 15
    with pytest.raises(DataError, match="found 'best', expected one of base, suo-best"):
        load_evidence("best")


def test_a_write_that_fails_leaves_the_file(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(paths.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        paths.write_bytes(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_derived_tables_keep_their_columns(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.OUTPUT_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match="expected \\['claim', 'rule'"):
        store.save_derived("internal_checks", pd.DataFrame({"claim": ["a"]}))
    assert not (tmp_path / "derived" / "internal_checks.csv").exists()


def test_the_description_is_a_data_package():
    """frictionless itself finds every table as described, foreign keys included."""
    from frictionless import Package

    found = Package(str(paths.DATA / "datapackage.json"))
    assert len(found.resources) == len(NAMES)
    report = found.validate()
    assert report.valid, report.to_summary()
    assert json.loads((paths.DATA / "datapackage.json").read_text())["profile"]


ODD = ["True", "nan", "NA", "007", "None", "1e5", "1", "-0", "<NA>", "null"]


def test_a_label_is_text_whatever_it_looks_like(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("label,x,n,design\n" + "".join(f"{t},1,9,NA\n" for t in ODD))
    frame = load_counts(path)
    assert frame["label"].tolist() == ODD
    assert frame["label"].notna().all()
    assert frame["design"].isna().all()
    assert studies.load(table=path)["label"].tolist() == ODD


@pytest.mark.parametrize(("label", "shown"), [("", "nothing"), ('"  "', "'  '")])
def test_a_label_that_nobody_sees_is_refused(tmp_path, label, shown):
    path = tmp_path / "empty.csv"
    path.write_text(f"label,x,n\nA,1,9\n{label},2,9\n")
    with pytest.raises(DataError, match=f"row 3, column label: found {shown}, expected text"):
        load_counts(path)


def test_a_label_in_a_sentence_is_quoted_and_literal():
    assert studies.quoted("nan", "A*B*") == "“nan”, “A\\*B\\*”"
    assert studies.quoted() == ""


def _drop(path):
    def change(package):
        del _inside(package, path[:-1])[path[-1]]

    return change


def _set(path, value):
    def change(package):
        _inside(package, path[:-1])[path[-1]] = value

    return change


def _inside(package, path):
    for key in path:
        package = package[key]
    return package


_ENTRY = ("resources", 1)
_SCHEMA = (*_ENTRY, "schema")
_FIELD = (*_SCHEMA, "fields", 0)
_RULES = (*_FIELD, "constraints")
_LINK = ("resources", next(i for i, n in enumerate(NAMES) if n == "evidence"), "schema",
         "foreignKeys")  # fmt: skip
CHANGED = {
    "no resources": (_drop(("resources",)), "resources: found nothing, expected a list"),
    "empty resources": (_set(("resources",), []), r"resources: found \[\], expected a list"),
    "resources by name": (_set(("resources",), {"a": 1}), "expected a list of tables"),
    "a table that is text": (_set(_ENTRY, "table1"), r"resources\[1\]: found \"table1\""),
    "a table that is null": (_set(_ENTRY, None), r"resources\[1\]: found nothing"),
    "no name": (_drop((*_ENTRY, "name")), r"resources\[1\].name: found nothing, expected text"),
    "name a list": (_set((*_ENTRY, "name"), ["a"]), r"\.name: found \[\"a\"\]"),
    "name twice": (_set((*_ENTRY, "name"), "selection"), r"\[1\]\.name: found \"selection\""),
    "no path": (_drop((*_ENTRY, "path")), r"\.path: found nothing"),
    "path elsewhere": (_set((*_ENTRY, "path"), "../../etc/a.csv"), r"\.path: found .*a folder"),
    "absolute path": (_set((*_ENTRY, "path"), "/etc/a.csv"), r"\.path: found .*a folder"),
    "path a number": (_set((*_ENTRY, "path"), 7), r"\.path: found 7, expected text"),
    "path twice": (_set((*_ENTRY, "path"), "published/selection.csv"), "expected each once"),
    "no title": (_drop((*_ENTRY, "title")), r"\.title: found nothing"),
    "no sources": (_drop((*_ENTRY, "sources")), r"\.sources: found nothing"),
    "empty sources": (_set((*_ENTRY, "sources"), []), r"\.sources: found \[\]"),
    "source without title": (_set((*_ENTRY, "sources"), [{}]), r"\.sources: found \[\{\}\]"),
    "no schema": (_drop(_SCHEMA), r"\.schema: found nothing"),
    "schema a list": (_set(_SCHEMA, []), r"\.schema: found \[\]"),
    "no fields": (_drop((*_SCHEMA, "fields")), r"\.fields: found nothing"),
    "fields a number": (_set((*_SCHEMA, "fields"), 3), r"\.fields: found 3"),
    "a field that is text": (_set(_FIELD, "study"), r"fields\[0\]: found \"study\""),
    "field without name": (_drop((*_FIELD, "name")), r"fields\[0\]\.name: found nothing"),
    "field name blank": (_set((*_FIELD, "name"), " "), r"fields\[0\]\.name: found \" \""),
    "field twice": (_set((*_FIELD, "name"), "label"), r"fields\[1\]\.name: found \"label\""),
    "no description": (_drop((*_FIELD, "description")), r"\.description: found nothing"),
    "no type": (_drop((*_FIELD, "type")), r"\.type: found nothing, expected one of integer"),
    "misspelt type": (_set((*_FIELD, "type"), "strin"), r"\.type: found \"strin\""),
    "type a list": (_set((*_FIELD, "type"), []), r"\.type: found \[\]"),
    "unit a number": (_set((*_FIELD, "unit"), 1), r"\.unit: found 1, expected text"),
    "own missing values": (_set((*_FIELD, "missingValues"), "NA"), r"0\]\.missingValues: found"),
    "constraints a list": (_set(_RULES, []), r"\.constraints: found \[\]"),
    "required as text": (_set((*_RULES, "required"), "yes"), r"\.required: found \"yes\""),
    "enum as text": (_set((*_RULES, "enum"), "a"), r"\.enum: found \"a\""),
    "enum of numbers": (_set((*_RULES, "enum"), [1]), r"\.enum: found \[1\]"),
    "minimum of text": (_set((*_RULES, "minimum"), 1), r"\.minimum: found 1, expected a rule"),
    "minimum as text": (
        _set((*_SCHEMA, "fields", 2, "constraints", "minimum"), "1"),
        r"fields\[2\]\.constraints\.minimum: found \"1\", expected a number",
    ),
    "a rule nobody knows": (_set((*_RULES, "pattern"), "x"), r"\.pattern: found \"x\""),
    "no missing values": (_drop((*_SCHEMA, "missingValues")), r"schema\.missingValues: found noth"),
    "missing values null": (_set((*_SCHEMA, "missingValues"), [None]), r"missingValues: found \["),
    "no key": (_drop((*_SCHEMA, "primaryKey")), r"\.primaryKey: found nothing"),
    "key of another table": (_set((*_SCHEMA, "primaryKey"), ["event"]), r"\.primaryKey: found"),
    "key as text": (_set((*_SCHEMA, "primaryKey"), "study"), r"\.primaryKey: found \"study\""),
    "foreign keys a number": (_set(_LINK, 1), r"\.foreignKeys: found 1, expected a list"),
    "foreign key as text": (_set(_LINK, ["study"]), r"\.foreignKeys\[0\]: found \"study\""),
    "foreign key to nowhere": (
        _set((*_LINK, 0, "reference", "resource"), "nowhere"), r"\.foreignKeys\[0\]: found"
    ),
    "foreign key of no column": (_set((*_LINK, 0, "fields"), ["x"]), r"\.foreignKeys\[0\]: found"),
    "foreign key to no column": (
        _set((*_LINK, 0, "reference", "fields"), []), r"\.foreignKeys\[0\]: found"
    ),
}  # fmt: skip


@pytest.fixture
def description(tmp_path):
    """The description of the tables as text, and where a copy of it may be damaged."""
    return paths.DATA.joinpath("datapackage.json").read_text("utf-8"), tmp_path / "datapackage.json"


def _refused(path):
    """The one line in which a damaged description is refused."""
    with pytest.raises(DataError) as error:
        described.read(path)
    (line,) = str(error.value).splitlines()
    assert line.startswith(str(path))
    assert re.search(r": found .+, expected ", line)
    return line


def test_the_description_as_it_is_passes(description):
    text, path = description
    path.write_text(text)
    assert described.read(path) == json.loads(text)


@pytest.mark.parametrize("case", CHANGED)
def test_a_damaged_description_is_refused_in_one_line(case, description):
    text, path = description
    change, says = CHANGED[case]
    damaged = json.loads(text)
    change(damaged)
    path.write_text(json.dumps(damaged))
    assert re.search(says, _refused(path))


NO_JSON = {
    "empty": (lambda t: "", "line 1, column 1: found no JSON"),
    "truncated": (lambda t: t[: len(t) // 2], "found no JSON"),
    "text": (lambda t: "name: clofarabine", "line 1, column 1: found no JSON"),
    "a comma too many": (lambda t: t.replace("],", "],,", 1), "found no JSON"),
    "merge conflict": (lambda t: "<<<<<<< HEAD\n" + t, "line 1, column 1"),
    "UTF-16": (lambda t: t.encode("utf-16"), "not UTF-8"),
    "a mark in front": (lambda t: "\ufeff" + t, "line 1, column 1"),
    "a list": (lambda t: f"[{t}]", "the whole: found"),
    "a number": (lambda t: "7", "the whole: found 7"),
    "null": (lambda t: "null", "the whole: found nothing"),
    "no number": (lambda t: t.replace('"minimum": 1', '"minimum": NaN', 1), "found NaN"),
    "a huge number": (lambda t: t.replace('"minimum": 1', f'"minimum": {"1" * 5000}', 1), "found"),
    "deep": (lambda t: "[" * 100_000, "found brackets without end"),
    "a key twice": (lambda t: t.replace("{", '{"name": "a", ', 1), "the key 'name' twice"),
}


@pytest.mark.parametrize("case", NO_JSON)
def test_a_description_that_cannot_be_read_is_refused_in_one_line(case, description):
    text, path = description
    change, says = NO_JSON[case]
    damaged = change(text)
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    assert says in _refused(path)


def test_a_description_that_is_not_there(tmp_path):
    assert "found no such file" in _refused(tmp_path / "datapackage.json")


ODD_FILES = {
    "space after a quote": ('label,x,n\n"A" ,1,9\n', "row 2: found a quotation mark"),
    "space after the last quote": ('label,n,x\n1,9,"1" \n', "row 2: found a quotation mark"),
    "space before a quote": ('label,x,n\n A,1,9\n "B",2,9\n', "row 3: found a quotation mark"),
    "a quote within": ('label,x,n\nA"B,1,9\n', "row 2: found a quotation mark"),
    "semicolons": ("label;x;n\nA;1;9\n", "row 1: found semicolons between the cells, exp"),
    "quoted semicolons": ('"label";"x";"n"\n"A";1;9\n', "row 1: found semicolons"),
    "tabs": ("label\tx\tn\nA\t1\t9\n", "row 1: found tabs between the cells"),
    "column twice": ("label,x,n,a,a\nA,1,9,1,2\n", "row 1: found a column 'a', expected"),
    "column without name": ("label,x,n,\nA,1,9,1\n", "row 1: found a column nothing"),
    "column with blanks": ("label,x,n, age\nA,1,9,1\n", "row 1: found a column ' age'"),
    "no n": ("label,x\nA,1\n", "row 1: found no column 'n', expected the columns label, x, n"),
    "x missing": ("label,x,n\nA,,9\n", "row 2, column x: found nothing, expected a whole number"),
    "padded number": ("label,x,n,age\nA,1,9, 7\n", "row 2, column age: found ' 7', expected no bl"),
    "year in words": ("label,x,n,year\nA,1,9,soon\n", "row 2, column year: found 'soon'"),
    "x above n": ("label,x,n\nA,1,9\nB,10,9\nC,10,8\n", "row 4, column x: found 10, expected at"),
}


@pytest.mark.parametrize("case", ODD_FILES)
def test_an_odd_table_is_refused_with_its_place(case, tmp_path):
    text, says = ODD_FILES[case]
    path = tmp_path / "odd.csv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        tables.load_counts(path)
    assert f"{path}, {says}" in str(error.value)


def test_quotes_by_the_rules_are_read(tmp_path):
    path = tmp_path / "quoted.csv"
    path.write_text('"label",x,n,"a, b"\n"say ""A"", B",1,9,\r\n"B;C","2","9","x;y"\n')
    frame = tables.load_counts(path)
    assert frame["label"].tolist() == ['say "A", B', "B;C"]
    assert frame["a, b"].fillna("-").tolist() == ["-", "x;y"]


def test_any_further_column_is_a_moderator_with_its_type(tmp_path):
    path = tmp_path / "moderators.csv"
    path.write_text(
        "age,label,x,n,dose,code,country,empty,printed,relation,percent,year\n"
        "7,NA,1,9,52.5,007,NA,,a,b,c,\n,B,2,9,40,012,France,NA,a,b,c,1999\n12,C,0,9,NA,,1,,a,b,c,NA\n"
    )
    frame = tables.load_counts(path)
    assert frame.dtypes.astype(str).to_dict() | {"age": "Int64", "dose": "Float64"} == {
        c: "Int64" if c in ("age", "x", "n", "year") else "Float64" if c == "dose" else "string"
        for c in frame.columns
    }
    assert frame["label"].tolist() == ["NA", "B", "C"]
    assert frame["age"].tolist() == [7, pd.NA, 12]
    assert frame["dose"].tolist() == [52.5, 40, pd.NA]
    assert frame["code"].tolist() == ["007", "012", pd.NA]
    assert frame["country"].tolist() == [pd.NA, "France", "1"]
    assert frame["year"].tolist() == [pd.NA, 1999, pd.NA]
    assert frame["empty"].isna().all()


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
@pytest.mark.parametrize("read", [tables.load_counts, tables.given_counts])
def test_what_would_keep_a_reader_waiting_is_refused(kind, read, tmp_path):
    path = tmp_path / "pipe"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    with pytest.raises(DataError, match=f"{path}: found {kind}, expected a CSV table"):
        read(path)


def test_a_users_table_is_found_from_the_notebooks_and_from_the_project(tmp_path, monkeypatch):
    for name in ("data/examples/debruin2009.csv", "../data/examples/debruin2009.csv"):
        monkeypatch.chdir(tmp_path)
        assert len(tables.load_counts(name)) == len(tables.load("debruin2009"))
    (tmp_path / "here.csv").write_text("label,x,n\nA,1,9\n")
    assert tables.load_counts("here.csv")["label"].tolist() == ["A"]
    with pytest.raises(DataError) as error:
        tables.load_counts("sub/no.csv")
    looked = f"{tmp_path}, notebooks, the project's folder"
    found = f"sub/no.csv: found no such file in {looked}, expected a CSV table"
    assert str(error.value).startswith(found)


def _given(tmp_path, text):
    path = tmp_path / "supplement.csv"
    path.write_text(text)
    return path


def test_counts_alone_are_documented_counts(tmp_path):
    path = _given(tmp_path, "cr,row,or\n9,Suo 2013,NA\n7,CLO-212,12\n")
    base, frame = tables.load_evidence(), tables.load_evidence(counts=path)
    assert frame.dtypes.equals(base.dtypes)
    assert frame["row"].tolist() == base["row"].tolist()
    row, was = frame.set_index("row").loc["Suo 2013"], base.set_index("row").loc["Suo 2013"]
    assert (row["cr_min"], row["cr_max"], row["cr_source"]) == (9, 9, str(path))
    assert row["cr_locator"] == "row 2"
    unsaid = ["n", "or_min", "or_max", "or_source", "or_locator"]
    assert row[unsaid].tolist() == was[unsaid].tolist()
    rest = ~base["row"].isin(["Suo 2013", "CLO-212"])
    pd.testing.assert_frame_equal(frame[rest], base[rest])
    assert len(tables.given_counts(path)) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("row,cr,or\nSmith 2010,1,2\n", "row 2, column row: found 'Smith 2010', expected one of"),
        ("row,cr,or\nCLO-212,62,62\n", "row 2, column cr: found 62, expected at most n = 61"),
        ("row,cr,or\nCLO-212,8,7\n", "row 2, column cr: found 8, expected at most or = 7"),
        ("row,cr,or\nCLO-212,NA,6\n", "row 2, column or: found 6, expected at least cr = 7"),
        ("row,cr,or\nCLO-212,7.5,9\n", "row 2, column cr: found '7.5', expected a whole number"),
        ("row,cr,or\nCLO-212,7,9\nCLO-212,7,9\n", "row 3, column row: found a repeated key"),
        ("row,cr,or,n\nCLO-212,7,9,61\n", "row 1: found a column 'n', expected the columns row"),
        ("row,cr\nCLO-212,7\n", "row 1: found no column 'or', expected the columns row, cr, or"),
        ("row;cr;or\nCLO-212;7;9\n", "row 1: found semicolons between the cells, expected commas"),
        ("row,cr,or\n", "found no rows, expected at least one"),
    ],
)
def test_counts_that_cannot_be_are_refused(text, says, tmp_path):
    path = _given(tmp_path, text)
    with pytest.raises(DataError) as error:
        tables.load_evidence(counts=path)
    assert f"{path}" in str(error.value)
    assert says in str(error.value)


def test_a_row_of_evidence_that_no_row_has_is_refused(tmp_path):
    lines = store.path_of("evidence").read_text("utf-8").splitlines(keepends=True)
    row = lines[1].replace("CLO-212,CLO-212,paediatric,61,7,7", "CLO-212 adult,CLO-212,adult,0,0,0")
    row = row.replace(",12,12,", ",0,0,")
    path = _given(tmp_path, lines[0] + row)
    with pytest.raises(DataError, match=r"row 2, column (row|n): found .*, expected "):
        tables.load_evidence(counts=path)
