"""A CSV file against the description of its columns: one reader that checks and returns.

Missing is missing: what a description calls missing is read as pd.NA, never as zero.
"""

import csv
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd


class DataError(ValueError):
    """A data file holds what its description does not allow. Each line: file, row, column, what."""


def problem(file: str, row: int | None, column: str | None, found: str, expected: str) -> str:
    """One line of a DataError; rows are counted as lines of the file, header = 1."""
    place = file + (f", row {row}" if row else "") + (f", column {column}" if column else "")
    return f"{place}: found {found}, expected {expected}"


def refuse(problems: Iterable[str], file: str) -> None:
    """Raise DataError for the first problems, and count the others; nothing if there are none."""
    problems = list(problems)
    if len(problems) > _MOST:
        more = f"{len(problems) - _MOST} more problems"
        problems = [*problems[:_MOST], problem(file, None, None, more, "none")]
    if problems:
        raise DataError("\n".join(problems))


def shown(cell: str) -> str:
    """A cell as the messages show it, cut where it is long."""
    return repr(cell if len(cell) <= 60 else cell[:60] + "…") if cell else "nothing"


KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "True or False",
}
_DTYPES = {"integer": "Int64", "number": "Float64", "string": "string", "boolean": "boolean"}
_READ = {"integer": int, "number": float, "string": str, "boolean": "True".__eq__}
# ASCII digits alone: int() would also take 1_000, " 7" and other alphabets' digits.
GRAMMAR = {
    "integer": re.compile(r"-?[0-9]{1,18}"),
    "number": re.compile(r"-?[0-9]{1,18}(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?"),
    "string": re.compile(r"(?=.*\S)[^\x00-\x1f\x7f]+"),
    "boolean": re.compile(r"True|False"),
}
# A line of CSV by RFC 4180: a cell is quoted as a whole, or holds no quotation mark.
_QUOTED = re.compile(r'(?:"(?:[^"]|"")*+"|[^",]*+)(?:,(?:"(?:[^"]|"")*+"|[^",]*+))*+')
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_CSV = "a CSV table in UTF-8"
_BESIDE = "a quotation mark beside other signs of its cell"
_MOST = 20


def content(path: Path, file: str, expected: str = _CSV) -> bytes:
    """Bytes of a file; DataError if it is none: a pipe or a device would keep a reader waiting."""
    if not path.is_file():
        kinds = {"a folder": path.is_dir, "a pipe": path.is_fifo, "a socket": path.is_socket,
                 "a device": lambda: path.is_char_device() or path.is_block_device()}  # fmt: skip
        found = next((k for k, applies in kinds.items() if applies()), "no such file")
        raise DataError(problem(file, None, None, found, expected))
    try:
        return path.read_bytes()
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
        raise DataError(problem(file, None, None, found, expected)) from None


def lines(path: Path, file: str) -> list[list[str]]:
    """Cells of every line of a CSV file, the header first; a line break inside a cell is refused.

    The mark that some programs put at the start of UTF-8 is passed over.
    """
    raw = content(path, file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        found = f"byte {error.object[error.start]:#04x}, which is not UTF-8"
        raise DataError(problem(file, row, None, found, _CSV)) from None
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    for sign, name in _SEPARATORS.items():
        if sign in first and "," not in first:
            raise DataError(problem(file, 1, None, f"{name} between the cells", "commas"))
    return _cells(text, file)


def _cells(text: str, file: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    out: list[list[str]] = []
    try:
        for cells in reader:
            out.append(cells)
            if reader.line_num > len(out):
                found = "a line break inside a cell"
                raise DataError(problem(file, len(out), None, found, _CSV))
    except csv.Error as error:
        found = _BESIDE if "expected after" in str(error) else str(error)
        raise DataError(problem(file, len(out) + 1, None, found, _CSV)) from None
    if not out:
        raise DataError(problem(file, None, None, "an empty file", _CSV))
    for row, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if '"' in line and not _QUOTED.fullmatch(line):
            raise DataError(problem(file, row, None, _BESIDE, _CSV))
    return out


def parse(entry: dict[str, Any], cells: list[list[str]], file: str) -> pd.DataFrame:
    """The table of a file's cells with its types; DataError if it does not meet the schema."""
    fields = entry["schema"]["fields"]
    header, *rows = cells
    _check_header(header, [f["name"] for f in fields], file)
    columns, problems = _columns(fields, entry["schema"]["missingValues"], rows, file)
    refuse(problems, file)
    types = {f["name"]: _DTYPES[f["type"]] for f in fields}
    frame = pd.DataFrame({n: pd.array(v, dtype=types[n]) for n, v in columns.items()})
    unique = [f["name"] for f in fields if f.get("constraints", {}).get("unique")]
    for key in [entry["schema"].get("primaryKey", []), *([u] for u in unique)]:
        for i in frame.index[frame.duplicated(key)] if key else []:
            name = " + ".join(key)
            problems.append(problem(file, int(i) + 2, name, "a repeated key", "it once"))
    refuse(problems, file)
    return frame


def _check_header(found: list[str], want: list[str], file: str) -> None:
    if found != want:
        expected = "the columns " + ", ".join(want)
        wrong = [f"no column {c!r}" for c in want if c not in found]
        wrong += [f"a column {shown(c)}" for c in found if c not in want]
        text = "; ".join(wrong[:_MOST]) or "the columns " + ", ".join(found)
        raise DataError(problem(file, 1, None, text, expected))


def _columns(
    fields: list[dict[str, Any]], missing: list[str], rows: list[list[str]], file: str
) -> tuple[dict[str, list], list[str]]:
    """Values by column, and what is wrong with them."""
    columns: dict[str, list] = {f["name"]: [] for f in fields}
    problems = []
    for row, cells in enumerate(rows, start=2):
        if len(cells) != len(fields):
            found = "a blank row" if not cells else f"{len(cells)} cells"
            problems.append(problem(file, row, None, found, f"{len(fields)} cells in the row"))
            continue
        for field, cell in zip(fields, cells, strict=True):
            try:
                own = field.get("missingValues", missing)
                columns[field["name"]].append(_value(field, cell, own))
            except ValueError:
                expected = _expected(field)
                problems.append(problem(file, row, field["name"], shown(cell), expected))
    return columns, problems


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
        [KINDS[field["type"]], *(words[r].format(v) for r, v in rules.items() if r in words)]
    )


def _value(field: dict[str, Any], cell: str, missing: list[str]) -> Any:
    """What a cell holds, pd.NA if missing; ValueError if the column does not allow it."""
    rules = field.get("constraints", {})
    if cell in missing:
        if rules.get("required"):
            raise ValueError
        return pd.NA
    if not GRAMMAR[field["type"]].fullmatch(cell):
        raise ValueError
    value = _READ[field["type"]](cell)
    if "enum" in rules and value not in rules["enum"]:
        raise ValueError
    if field["type"] in ("integer", "number") and not (
        rules.get("minimum", -math.inf) <= value <= rules.get("maximum", math.inf)
        and math.isfinite(value)
    ):
        raise ValueError
    return value
