"""Two tables as a user writes them, rows.csv and printed.csv, or an error that says where.

Every message names the file, the row (the header is row 1), the column, what was found and what
was expected. Cells are read as strings, so that "7.0" stays what it is.
"""

import csv
import re
from pathlib import Path

import pandas as pd

from ..effectsize import FURTHER, SCALES
from .rounding import is_number

ROW_COLUMNS = ("label", "n", "x_min", "x_max")
PRINTED_COLUMNS = ("rows", "scale", "quantity", "printed")
# Quantities of a pooled result, of one row, and of the counts themselves.
POOLED = (
    "estimate", "lower", "upper", "tau2", "I2", "H2", "Q", "p_Q", "pi_lower", "pi_upper",
)  # fmt: skip
SINGLE = ("weight", "rate", "rate_lower", "rate_upper")
QUANTITIES = (*POOLED, *SINGLE, "events")
LARGEST = 10**6  # patients of a row: a table has an entry for each count
# A column of the rows that may be there: the label of a row whose count is never smaller.
AT_MOST = "at_most"
SUPPORTED = (*SCALES, *(s for s in FURTHER if "-" not in s))
# A model of the counts that is fitted to vectors that were listed, and what it prints.
GLMM = "GLMM"
FITTED = ("estimate", "lower", "upper", "tau2", "pi_lower", "pi_upper")
# What R meta calls the same scales.
_ALIASES = {"PLOGIT": "PLO", "PRAW": "PR"}


class BadInput(ValueError):
    """A table that cannot be read; the message says file, row, column, found and expected."""


def _refuse(name: str, row: int | None, column: str, found: object, expected: str) -> None:
    at = "" if row is None else f", row {row + 2}"
    raise BadInput(f"{name}{at}, column {column}: found {found}, expected {expected}")


def load(path: Path) -> pd.DataFrame:
    """Every cell of a CSV file as a string; a byte order mark is no part of it.

    Raises
    ------
    BadInput
        On a file that is missing, not UTF-8, empty or separated by semicolons.
    """
    path = Path(path)
    if not path.is_file():
        there = "a folder" if path.is_dir() else "no regular file"
        found = there if path.exists() else "no such file"
        raise BadInput(f"{path.name or path}: found {found}, expected a CSV file")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path.name}: found bytes that are not UTF-8, expected UTF-8") from None
    except pd.errors.EmptyDataError:
        raise BadInput(f"{path.name}: found an empty file, expected a header and rows") from None
    except pd.errors.ParserError as error:
        detail = str(error).rpartition(":")[2].strip() or str(error)
        detail = re.sub(r"(?<=starting at row )\d+", lambda m: str(int(m[0]) + 1), detail)
        raise BadInput(f"{path.name}: found {detail}, expected one cell per column") from None
    if len(frame.columns) == 1 and ";" in str(frame.columns[0]):
        raise BadInput(
            f"{path.name}, row 1: found columns separated by semicolons, expected commas"
        )
    if not isinstance(frame.index, pd.RangeIndex):
        raise BadInput(f"{path.name}: found more cells in a row than columns, expected as many")
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [line for line in csv.reader(file) if line]
    header = [c.strip() for c in cells[0]]
    twice = [c for i, c in enumerate(header) if c in header[:i]]
    if twice:
        _refuse(path.name, -1, twice[0], "this column twice", "each column once")
    for i, line in enumerate(cells):  # pandas fills what is missing, and renames a second column
        if len(line) < len(header):
            _refuse(path.name, i - 1, header[len(line)], "no cell", "one cell per column")
    frame.columns = header
    return frame.apply(lambda column: column.str.strip())


def _columns(frame: pd.DataFrame, needed: tuple[str, ...], name: str) -> None:
    missing = [c for c in needed if c not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise BadInput(
            f"{name}, row 1, column {missing[0]}: found the columns {found}, "
            f"expected {', '.join(needed)}"
        )
    if not len(frame):
        raise BadInput(f"{name}: found no rows below the header, expected at least one")


def _whole(value: object) -> int | None:
    """A whole number from a cell, or None."""
    text = str(value).strip()
    if text.endswith(".0"):
        text = text[:-2]
    return int(text) if text.isascii() and text.isdigit() else None


def check_rows(frame: pd.DataFrame, name: str = "rows") -> pd.DataFrame:
    """Rows with n, x_min and x_max as whole numbers and every other column as strings.

    An empty x_min is 0 and an empty x_max is n. A column at_most, if there is one, names for a row
    another whose count is never smaller (complete responses, all responses), or nothing.
    """
    _columns(frame, ROW_COLUMNS, name)
    out = frame.reset_index(drop=True).copy()
    numbers: dict[str, list[int]] = {c: [] for c in ("n", "x_min", "x_max")}
    for i, row in out.iterrows():
        default = {"x_min": 0, "x_max": numbers["n"][-1] if numbers["n"] else 0}
        for column in ("n", "x_min", "x_max"):
            cell = row[column]
            empty = pd.isna(cell) or str(cell).strip() == ""
            value = default.get(column) if empty else _whole(cell)
            if value is None:
                _refuse(name, i, column, "nothing" if empty else repr(cell), "a whole number")
            numbers[column].append(value)
            default["x_max"] = numbers["n"][-1]
        n, low, high = (numbers[c][-1] for c in ("n", "x_min", "x_max"))
        if not 1 <= n <= LARGEST:
            _refuse(name, i, "n", n, f"at least 1 patient and at most {LARGEST}")
        if high > n:
            _refuse(name, i, "x_max", high, f"at most n = {n}")
        if low > high:
            _refuse(name, i, "x_min", low, f"at most x_max = {high}")
    for column, values in numbers.items():
        out[column] = values
    out["label"] = out["label"].astype(str)
    for i, label in out["label"].items():
        if not label:
            _refuse(name, i, "label", "nothing", "a name")
    twice = out["label"].duplicated()
    if twice.any():
        i = int(twice.to_numpy().argmax())
        _refuse(name, i, "label", repr(out["label"][i]), "each label once")
    for column in out.columns.difference(ROW_COLUMNS):
        out[column] = out[column].fillna("").astype(str)
    known = set(out["label"])
    for i, (label, other) in enumerate(zip(out["label"], out.get(AT_MOST, ()), strict=False)):
        if other and (other == label or other not in known):
            _refuse(name, i, AT_MOST, repr(other), "the label of another row, or nothing")
    return out


def _scale(cell: object) -> str:
    text = "" if pd.isna(cell) else str(cell).strip()
    return _ALIASES.get(text, text)


def check_printed(frame: pd.DataFrame, rows: pd.DataFrame, name: str = "printed") -> pd.DataFrame:
    """Printed numbers of which each is of a known quantity, scale and set of rows."""
    _columns(frame, PRINTED_COLUMNS, name)
    out = frame.reset_index(drop=True).copy()
    out["scale"] = [_scale(c) for c in out["scale"]]
    for i, r in out.iterrows():
        if r["scale"] not in ("", *SUPPORTED, GLMM):
            _refuse(name, i, "scale", repr(r["scale"]), _SCALES)
        if r["quantity"] not in QUANTITIES:
            _refuse(name, i, "quantity", repr(r["quantity"]), f"one of {', '.join(QUANTITIES)}")
        if r["scale"] == GLMM and r["quantity"] not in (*FITTED, "events"):
            _refuse(name, i, "quantity", r["quantity"], f"one of {', '.join(FITTED)} of a GLMM")
        if not isinstance(r["printed"], str):
            _refuse(name, i, "printed", repr(r["printed"]), 'a string such as "7.0"')
        if not is_number(r["printed"]):
            _refuse(name, i, "printed", repr(r["printed"]), "a number such as 7, 7.0 or <0.001")
        if r["quantity"] == "events" and set(r["printed"]) & set(".-−"):
            _refuse(name, i, "printed", repr(r["printed"]), "a whole number of events")
        _selector(r, rows, name, i)
    twice = out.duplicated(["rows", "scale", "quantity"])
    if twice.any():
        i = int(twice.to_numpy().argmax())
        _refuse(name, i, "quantity", out["quantity"][i], "each quantity of these rows once")
    return out


_SCALES = f"one of {', '.join((*SUPPORTED, GLMM))} or nothing"


def _selector(r: pd.Series, rows: pd.DataFrame, name: str, i: int) -> None:
    """Refuse a choice of rows that chooses none, or one row where a pooled result is meant."""
    which, merged = split(r["rows"])
    if merged is not None and merged not in rows.columns:
        _refuse(name, i, "rows", repr(r["rows"]), f"a column of the rows after 'by', {_list(rows)}")
    single = r["quantity"] in SINGLE
    if single and not (which.startswith("label=") and merged is None):
        _refuse(name, i, "rows", repr(r["rows"]), f"label=... for the quantity {r['quantity']}")
    if which == "all":
        return
    column, equals, value = which.partition("=")
    if not equals:
        _refuse(name, i, "rows", repr(r["rows"]), "all, column=value or label=...")
    if column not in rows.columns:
        _refuse(name, i, "rows", repr(r["rows"]), f"a column of the rows, {_list(rows)}")
    if value not in set(rows[column].astype(str)):
        known = ", ".join(dict.fromkeys(rows[column].astype(str)))
        _refuse(name, i, "rows", repr(r["rows"]), f"a value of {column}: {known}")


def _list(rows: pd.DataFrame) -> str:
    return f"one of {', '.join(map(str, rows.columns))}"


def split(selector: str) -> tuple[str, str | None]:
    """What a choice of rows is made of: "all by study" is all rows, those of a study added up."""
    which, by, column = str(selector).strip().partition(" by ")
    return which.strip(), column.strip() if by else None


def rows(path: Path) -> pd.DataFrame:
    """The rows of a meta-analysis from rows.csv: label, n, x_min, x_max and any group columns."""
    return check_rows(load(path), Path(path).name)


def printed(path: Path, own: pd.DataFrame) -> pd.DataFrame:
    """The printed numbers from printed.csv (rows, scale, quantity, printed) about rows `own`."""
    return check_printed(load(path), own, Path(path).name)
