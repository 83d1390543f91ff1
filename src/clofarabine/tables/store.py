"""Read the compendium's tables, and refuse what their description does not allow.

``data/datapackage.json`` (Frictionless Data) says of every file and column what it may hold; this
module is the only one that knows where files lie. Missing is missing: NA is read as missing, never
as zero.
"""

import contextlib
import csv
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"

# Where a notebook run by the pipeline reads derived tables and writes what it makes. Opened by
# hand, a notebook reads the committed tables and writes beside them, into build/interactive.
OUTPUT_VARIABLE = "CLOFARABINE_OUTPUT"

# A file of counts that takes the place of the evidence in every notebook of a run.
COUNTS_VARIABLE = "CLOFARABINE_COUNTS"


# What an update makes of files that are also written by hand: what it found, and what is to be.
Texts = dict[Path, tuple[bytes | None, bytes]]


class DataError(ValueError):
    """A data file holds what its description does not allow. Each line: file, row, column, what."""


def _problem(file: str, row: int | None, column: str | None, found: str, expected: str) -> str:
    place = file + (f", row {row}" if row else "") + (f", column {column}" if column else "")
    return f"{place}: found {found}, expected {expected}"


def output_dir(kind: str) -> Path:
    """Folder for outputs of a kind ("figures", "derived"), made if it is not there."""
    base = os.environ.get(OUTPUT_VARIABLE)
    folder = (Path(base) if base else ROOT / "build" / "interactive") / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@cache
def package() -> dict[str, Any]:
    """The data package: datapackage.json as a dictionary."""
    path = DATA / "datapackage.json"
    if not path.is_file():
        raise DataError("data/datapackage.json: found no such file, expected the codebook")
    return json.loads(path.read_text(encoding="utf-8"))


def resource(name: str) -> dict[str, Any]:
    """Description of one table."""
    for entry in package()["resources"]:
        if entry["name"] == name:
            return entry
    names = ", ".join(r["name"] for r in package()["resources"])
    raise DataError(f"table: found {name!r}, expected one of {names}")


def path_of(name: str) -> Path:
    """File of a table; a derived one comes from the running pipeline's own outputs if there."""
    path = DATA / resource(name)["path"]
    base = os.environ.get(OUTPUT_VARIABLE)
    if path.parent.name == "derived" and base:
        return Path(base) / "derived" / path.name
    return path


@contextlib.contextmanager
def derived_from(folder: Path) -> Iterator[None]:
    """Read derived tables from folder/derived instead of the committed ones."""
    before = os.environ.get(OUTPUT_VARIABLE)
    os.environ[OUTPUT_VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[OUTPUT_VARIABLE]
        if before is not None:
            os.environ[OUTPUT_VARIABLE] = before


def display_name(path: Path) -> str:
    """Path as the messages show it: below the project or the run's own folder where it is there."""
    base = os.environ.get(OUTPUT_VARIABLE)
    if base and path.is_relative_to(base):
        return str(path.relative_to(base))
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "True or False",
}
_DTYPES = {"integer": "Int64", "number": "Float64", "string": "string", "boolean": "boolean"}
# ASCII digits alone: int() would also take 1_000, " 7" and other alphabets' digits.
_GRAMMAR = {
    "integer": re.compile(r"-?[0-9]{1,18}"),
    "number": re.compile(r"-?[0-9]{1,18}(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?"),
    "string": re.compile(r"(?=.*\S)[^\x00-\x1f\x7f]+"),
    "boolean": re.compile(r"True|False"),
}
_CSV = "a CSV table in UTF-8"
_MOST = 20


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 60 else cell[:60] + "…") if cell else "nothing"


def _expected(field: dict[str, Any]) -> str:
    """What a column may hold, in words."""
    rules = field.get("constraints", {})
    if "enum" in rules:
        return "one of " + ", ".join(rules["enum"])
    words = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "unique": "a value that occurs once",
    }
    return ", ".join(
        [_KINDS[field["type"]], *(words[r].format(v) for r, v in rules.items() if r in words)]
    )


def _value(field: dict[str, Any], cell: str, missing: list[str]) -> Any:
    """What a cell holds, pd.NA if missing; ValueError if the column does not allow it."""
    rules = field.get("constraints", {})
    if cell in missing:
        if rules.get("required"):
            raise ValueError
        return pd.NA
    if not _GRAMMAR[field["type"]].fullmatch(cell):
        raise ValueError
    value = {"integer": int, "number": float, "string": str, "boolean": "True".__eq__}[
        field["type"]
    ](cell)
    if "enum" in rules and value not in rules["enum"]:
        raise ValueError
    if field["type"] in ("integer", "number") and not (
        rules.get("minimum", -math.inf) <= value <= rules.get("maximum", math.inf)
        and math.isfinite(value)
    ):
        raise ValueError
    return value


def _lines(path: Path, file: str) -> list[list[str]]:
    """Cells of every line of a CSV file, the header first; a line break inside a cell is refused.

    The mark that some programs put at the start of UTF-8 is passed over.
    """
    if not path.is_file():
        raise DataError(_problem(file, None, None, "no such file", _CSV))
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        found = f"byte {error.object[error.start]:#04x}, which is not UTF-8"
        raise DataError(_problem(file, row, None, found, _CSV)) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[list[str]] = []
    try:
        for cells in reader:
            lines.append(cells)
            if reader.line_num > len(lines):
                raise csv.Error("a line break inside a cell")
    except csv.Error as error:
        raise DataError(_problem(file, len(lines) or 1, None, str(error), _CSV)) from None
    if not lines:
        raise DataError(_problem(file, None, None, "an empty file", _CSV))
    return lines


def _check_header(found: list[str], want: list[str], file: str) -> None:
    if found != want:
        expected = "the columns " + ", ".join(want)
        wrong = [f"no column {c!r}" for c in want if c not in found]
        wrong += [f"a column {_shown(c)}" for c in found if c not in want]
        text = "; ".join(wrong[:_MOST]) or "the columns " + ", ".join(found)
        raise DataError(_problem(file, 1, None, text, expected))


def _raise(problems: list[str], file: str) -> None:
    """Raise DataError for the first problems, and count the others."""
    if len(problems) > _MOST:
        more = f"{len(problems) - _MOST} more problems"
        problems = [*problems[:_MOST], _problem(file, None, None, more, "none")]
    if problems:
        raise DataError("\n".join(problems))


def _parse(entry: dict[str, Any], path: Path, file: str) -> pd.DataFrame:
    """The table of a file with its types; DataError if it does not meet the schema of the entry."""
    fields, missing = entry["schema"]["fields"], entry["schema"]["missingValues"]
    header, *lines = _lines(path, file)
    _check_header(header, [f["name"] for f in fields], file)
    columns: dict[str, list] = {f["name"]: [] for f in fields}
    problems = []
    for row, cells in enumerate(lines, start=2):
        if len(cells) != len(fields):
            found = "a blank row" if not cells else f"{len(cells)} cells"
            problems.append(_problem(file, row, None, found, f"{len(fields)} cells in the row"))
            continue
        for field, cell in zip(fields, cells, strict=True):
            try:
                own = field.get("missingValues", missing)
                columns[field["name"]].append(_value(field, cell, own))
            except ValueError:
                expected = _expected(field)
                problems.append(_problem(file, row, field["name"], _shown(cell), expected))
    _raise(problems, file)
    types = {f["name"]: _DTYPES[f["type"]] for f in fields}
    frame = pd.DataFrame({n: pd.array(v, dtype=types[n]) for n, v in columns.items()})
    keys = entry["schema"].get("primaryKey", [])
    unique = [f["name"] for f in fields if f.get("constraints", {}).get("unique")]
    for key in [keys, *([u] for u in unique)]:
        for i in frame.index[frame.duplicated(key)] if key else []:
            name = " + ".join(key)
            problems.append(_problem(file, int(i) + 2, name, "a repeated key", "it once"))
    _raise(problems, file)
    return frame


def read_table(entry: dict[str, Any], path: Path) -> pd.DataFrame:
    """Validate one file against a description and read it with its types.

    One reader does both, so that what was checked is what is returned.
    """
    file = display_name(path)
    frame = _parse(entry, path, file)
    _raise(list(_cross_checks(entry, frame, file)), file)
    return frame


def _cross_checks(entry: dict[str, Any], frame: pd.DataFrame, file: str) -> Iterator[str]:
    """Rules that join columns or files. Rows are counted as lines of the file, header = 1."""
    for key in entry["schema"].get("foreignKeys", []):
        column, other = key["fields"][0], key["reference"]
        if other["resource"] == entry["name"]:
            continue
        known = set(load(other["resource"])[other["fields"][0]].dropna())
        for i, value in frame[column].dropna().items():
            if value not in known:
                expected = f"a key of {other['resource']}"
                yield _problem(file, int(i) + 2, column, repr(value), expected)
    columns = set(frame.columns)
    if {"cr_min", "or_max", "row"} <= columns:
        yield from _check_evidence(frame, file)
    if {"printed", "relation", "n", "percent"} <= columns:
        yield from _check_printed(frame, file)


def _check_evidence(frame: pd.DataFrame, file: str) -> Iterator[str]:
    if frame.empty:
        yield _problem(file, None, None, "no rows", "at least one")
    studies = load("table1_studies").set_index("study")
    for i, r in frame.iterrows():
        line = int(i) + 2
        want = r["study"] + (" adult" if r["population"] == "adult" else "")
        if r["row"] != want:
            yield _problem(file, line, "row", repr(r["row"]), repr(want))
        n = int(studies.loc[r["study"], f"target_{r['population']}"])
        if r["n"] != n:
            yield _problem(file, line, "n", str(r["n"]), f"{n}, as in Table 1")
        for low, high in (
            ("cr_min", "cr_max"), ("or_min", "or_max"), ("cr_min", "or_max"),
            ("cr_max", "n"), ("or_max", "n"),
        ):  # fmt: skip
            if r[low] > r[high]:
                yield _problem(file, line, low, str(r[low]), f"at most {high} = {r[high]}")


_CELL = re.compile(r"(> )?(\d+) \((?:> )?(\d+(?:\.\d+)?)%?\)")


def _check_printed(frame: pd.DataFrame, file: str) -> Iterator[str]:
    for i, r in frame.iterrows():
        if pd.isna(r["printed"]):
            want = (pd.NA, pd.NA, pd.NA)
        elif m := _CELL.fullmatch(r["printed"]):
            want = (">" if m[1] else "=", int(m[2]), float(m[3]))
        else:
            expected = "a count and a percentage, as in 5 (7.0%)"
            yield _problem(file, int(i) + 2, "printed", repr(r["printed"]), expected)
            continue
        for column, value in zip(("relation", "n", "percent"), want, strict=True):
            if pd.isna(r[column]) != pd.isna(value) or (not pd.isna(value) and r[column] != value):
                expected = f"{value}, as the printed cell says"
                yield _problem(file, int(i) + 2, column, str(r[column]), expected)


@cache
def _load(name: str, path: Path, _stamp: tuple[int, int]) -> pd.DataFrame:
    return read_table(resource(name), path)


def load(name: str) -> pd.DataFrame:
    """One table of the data package, validated; missing cells are missing (pd.NA).

    Parameters
    ----------
    name : str
        Name of a resource of datapackage.json, such as "table3_events".

    Raises
    ------
    DataError
        With file, row, column, what was found and what was expected, one line a problem.
    """
    path = path_of(name)
    stamp = (path.stat().st_mtime_ns, path.stat().st_size) if path.is_file() else (0, 0)
    return _load(name, path, stamp).copy()


class Tables(dict[str, pd.DataFrame]):
    """The tables of the data package by name, read when first asked for.

    A table that is set replaces the file's: what a rule says of a changed number can be tried out.
    """

    def __missing__(self, name: str) -> pd.DataFrame:
        self[name] = load(name)
        return self[name]


def load_evidence(scenario: str = "base", counts: str | Path | None = None) -> pd.DataFrame:
    """What is known of each row's counts, as intervals; a documented count has min = max.

    Parameters
    ----------
    scenario : str
        "base", or a scenario of data/sources/scenarios.csv, whose rows replace the base case's.
    counts : path, optional
        A file with the columns of evidence.csv whose rows replace the base case's, such as the
        counts of the paper's supplement. Left out, it is the file that the pipeline was given
        (``reproduce --counts``), if it was given one.

    Returns
    -------
    DataFrame, one row per row of the meta-analysis, in the order of Table 1, adults last.
    """
    frame = load("evidence")
    changes = []
    if scenario != "base":
        table = load("scenarios")
        names = ["base", *table["scenario"].drop_duplicates()]
        if scenario not in names:
            raise DataError(f"scenario: found {scenario!r}, expected one of {', '.join(names)}")
        changes.append(table[table["scenario"] == scenario].drop(columns="scenario"))
    counts = counts or os.environ.get(COUNTS_VARIABLE)
    if counts:
        changes.append(read_table(resource("evidence"), Path(counts)))
    for change in changes:
        frame = frame.set_index("row")
        frame.loc[change["row"]] = change.set_index("row")[frame.columns]
        frame = frame.reset_index()[list(change.columns)]
    return frame


_COUNTS = {
    # A label is text whatever it looks like: NA is a label too.
    "label": {"type": "string", "missingValues": [], "constraints": {"required": True}},
    "x": {"type": "integer", "constraints": {"required": True, "minimum": 0}},
    "n": {"type": "integer", "constraints": {"required": True, "minimum": 1}},
    "year": {"type": "integer"},
    "sponsorship": {"type": "string"},
    "design": {"type": "string"},
    "regimen": {"type": "string"},
}


def load_counts(path: str | Path) -> pd.DataFrame:
    """Another meta-analysis: a CSV file with columns label, x (events), n (patients).

    year, sponsorship, design and regimen may follow, where NA is missing. A label is text as it
    stands: NA, nan, True and 007 are labels, nothing and blanks are not. Raises DataError as
    `load` does.
    """
    path = Path(path)
    header = _lines(path, display_name(path))[0]
    names = [c for c in _COUNTS if c in header or c in ("label", "x", "n")]
    names = header if sorted(names) == sorted(header) else names
    fields = [{"name": c, "description": c, **_COUNTS[c]} for c in names]
    schema = {"fields": fields, "missingValues": ["NA"], "primaryKey": ["label"]}
    frame = read_table({"name": path.stem, "schema": schema}, path)
    bad = frame.index[frame["x"] > frame["n"]]
    if len(bad):
        r = frame.loc[bad[0]]
        problem = _problem(
            display_name(path), int(bad[0]) + 2, "x", str(r["x"]), f"at most n = {r['n']}"
        )
        raise DataError(problem)
    return frame


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: into a neighbour first, then renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def save_derived(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Write a derived table as its description says and return it as written.

    Numbers are written with 12 significant digits: enough for any reader, and the same bytes
    wherever the last bits of the arithmetic differ.
    """
    columns = [f["name"] for f in resource(name)["schema"]["fields"]]
    if list(frame.columns) != columns:
        raise DataError(_problem(name, 1, None, f"columns {list(frame.columns)}", f"{columns}"))
    text = frame.to_csv(index=False, na_rep="NA", float_format="%.12g", lineterminator="\n")
    path = output_dir("derived") / Path(resource(name)["path"]).name
    write_bytes(path, text.encode())
    return read_table(resource(name), path)


def codebook() -> str:
    """The description of every file and column as Markdown, for data/README.md."""
    lines = []
    for entry in package()["resources"]:
        schema = entry["schema"]
        lines += [
            f"### `{entry['path']}`",
            "",
            f"{entry['title']}. Source: {entry['sources'][0]['title']}. "
            f"Key: {', '.join(f'`{k}`' for k in schema['primaryKey'])}.",
            "",
            "| column | type | unit | meaning | allowed |",
            "|---|---|---|---|---|",
        ]
        for f in schema["fields"]:
            rules = f.get("constraints", {})
            allowed = "; ".join(
                {"required": "never missing", "enum": "one of: " + ", ".join(rules.get("enum", []))}
                .get(r, f"{r} {v}")
                for r, v in rules.items()
            )  # fmt: skip
            cells = (f"`{f['name']}`", f["type"], f.get("unit", ""), f["description"], allowed)
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


_MARK = "<!-- below: written from datapackage.json by make update -->\n"


def refreshed() -> Texts:
    """data/README.md as it is, and in step with datapackage.json below the mark."""
    path = DATA / "README.md"
    found = path.read_bytes()
    head = found.decode().partition(_MARK)[0]
    return {path: (found, (head + _MARK + "\n" + codebook()).encode())}
