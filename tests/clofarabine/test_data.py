"""The loader: what it reads, and what it refuses with file, row, column, found, expected."""

import json

import pandas as pd
import pytest

from clofarabine import studies
from clofarabine.tables import store

NAMES = [r["name"] for r in store.package()["resources"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_described_file_is_valid(name):
    frame = store.load(name)
    assert list(frame.columns) == [f["name"] for f in store.resource(name)["schema"]["fields"]]


def test_every_file_is_described():
    described = {r["path"] for r in store.package()["resources"]}
    on_disk = {str(p.relative_to(store.DATA)) for p in store.DATA.glob("*/*.*")}
    assert described == on_disk


def test_every_column_says_what_it_is():
    for entry in store.package()["resources"]:
        for field in entry["schema"]["fields"]:
            assert field["description"], (entry["name"], field["name"])
            if field["type"] == "number":
                assert "unit" in field or field["name"] == "printed", (entry["name"], field["name"])


def test_the_codebook_for_people_is_in_step():
    text = (store.DATA / "README.md").read_text(encoding="utf-8")
    assert text.endswith(store.codebook()), "make update brings it in step"


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
    with pytest.raises(store.DataError) as error:
        store.read_table(store.resource(name), path)
    assert says in str(error.value)
    assert path.name in str(error.value)


def test_a_file_that_is_not_there():
    with pytest.raises(store.DataError, match=r"no\.csv: found no such file"):
        store.read_table(store.resource("evidence"), store.ROOT / "no.csv")


def test_scenarios_replace_rows_and_keep_the_order():
    base, suo = store.load_evidence(), store.load_evidence("suo-best-response")
    assert base["row"].tolist() == suo["row"].tolist()
    changed = suo.set_index("row").loc["Suo 2013"]
    assert (changed["cr_min"], changed["cr_max"]) == (11, 22)
    assert suo.dtypes.equals(base.dtypes)
    with pytest.raises(store.DataError, match="found 'best', expected one of base, suo-best"):
        store.load_evidence("best")


def test_a_write_that_fails_leaves_the_file(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(store.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        store.write_bytes(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_derived_tables_keep_their_columns(tmp_path, monkeypatch):
    monkeypatch.setenv(store.OUTPUT_VARIABLE, str(tmp_path))
    with pytest.raises(store.DataError, match="expected \\['claim', 'rule'"):
        store.save_derived("internal_checks", pd.DataFrame({"claim": ["a"]}))
    assert not (tmp_path / "derived" / "internal_checks.csv").exists()


def test_the_description_is_a_data_package():
    """frictionless itself finds every table as described, foreign keys included."""
    from frictionless import Package

    package = Package(str(store.DATA / "datapackage.json"))
    assert len(package.resources) == len(NAMES)
    report = package.validate()
    assert report.valid, report.to_summary()
    assert json.loads((store.DATA / "datapackage.json").read_text())["profile"]


ODD = ["True", "nan", "NA", "007", "None", "1e5", "1", "-0", "<NA>", "null"]


def test_a_label_is_text_whatever_it_looks_like(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("label,x,n,design\n" + "".join(f"{t},1,9,NA\n" for t in ODD))
    frame = store.load_counts(path)
    assert frame["label"].tolist() == ODD
    assert frame["label"].notna().all()
    assert frame["design"].isna().all()
    assert studies.load(table=path)["label"].tolist() == ODD


@pytest.mark.parametrize(("label", "shown"), [("", "nothing"), ('"  "', "'  '")])
def test_a_label_that_nobody_sees_is_refused(tmp_path, label, shown):
    path = tmp_path / "empty.csv"
    path.write_text(f"label,x,n\nA,1,9\n{label},2,9\n")
    with pytest.raises(store.DataError, match=f"row 3, column label: found {shown}, expected text"):
        store.load_counts(path)


def test_a_label_in_a_sentence_is_quoted_and_literal():
    assert studies.quoted("nan", "A*B*") == "“nan”, “A\\*B\\*”"
    assert studies.quoted() == ""
