"""What is known of the counts: by the evidence, by a file that replaces it, or of other studies."""

import os
import re
from pathlib import Path
from typing import Any

import pandas as pd

from . import paths, schema, store
from .description import resource
from .schema import DataError, problem


def load_evidence(scenario: str = "base", counts: str | Path | None = None) -> pd.DataFrame:
    """What is known of each row's counts, as intervals; a documented count has min = max.

    Parameters
    ----------
    scenario : str
        "base", or a scenario of data/sources/scenarios.csv, whose rows replace the base case's.
    counts : path, optional
        A file of counts whose rows replace the base case's (`given_counts`). Left out, it is the
        file that the pipeline was given (``reproduce --counts``), if it was given one.

    Returns
    -------
    DataFrame, one row per row of the meta-analysis, in the order of Table 1, adults last.
    """
    frame = store.load("evidence")
    if scenario != "base":
        table = store.load("scenarios")
        names = ["base", *table["scenario"].drop_duplicates()]
        if scenario not in names:
            raise DataError(f"scenario: found {scenario!r}, expected one of {', '.join(names)}")
        frame = _replaced(frame, table[table["scenario"] == scenario].drop(columns="scenario"))
    counts = counts or os.environ.get(paths.COUNTS_VARIABLE)
    return _replaced(frame, given_counts(counts)) if counts else frame


def _replaced(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    columns = list(frame.columns)
    frame = frame.set_index("row")
    frame.loc[rows["row"]] = rows.set_index("row")[frame.columns]
    return frame.reset_index()[columns]


def given_counts(path: str | Path) -> pd.DataFrame:
    """Rows of evidence that a user's file gives, such as the counts of the paper's supplement.

    Parameters
    ----------
    path : path
        A CSV file with the columns row, cr, or: documented counts, NA where the file has none and
        what the evidence says stays. Or one with the columns of evidence.csv. It need not have
        every row of the meta-analysis: those that it leaves out stay as they are.

    Raises
    ------
    DataError
        With file, row, column, what was found and what was expected, one line a problem.
    """
    base, entry = store.load("evidence"), resource("evidence")
    path, file = user_file(path)
    cells = schema.lines(path, file)
    if set(cells[0]) & {"cr", "or"}:
        return _documented(base, cells, file)
    if not set(cells[0]) & {"cr_min", "cr_max", "or_min", "or_max"}:
        found = "; ".join(f"no column {c!r}" for c in ("row", "cr", "or") if c not in cells[0])
        expected = "the columns row, cr, or (or those of evidence.csv)"
        raise DataError(problem(file, 1, None, found, expected))
    frame = store.read_table(entry, path)
    known = set(base["row"])
    schema.refuse(
        (
            problem(file, int(i) + 2, "row", repr(row), f"one of {', '.join(base['row'])}")
            for i, row in frame["row"].items()
            if row not in known
        ),
        file,
    )
    return frame


def _documented(base: pd.DataFrame, cells: list[list[str]], file: str) -> pd.DataFrame:
    """Rows of evidence with the counts of a file that has row, cr, or alone."""
    count = {"type": "integer", "constraints": {"minimum": 0}}
    label = {"type": "string", "constraints": {"required": True, "enum": list(base["row"])}}
    kinds = {"row": label, "cr": count, "or": count}
    order = cells[0] if sorted(cells[0]) == sorted(kinds) else list(kinds)
    fields = [{"name": c, **kinds[c]} for c in order]
    table = {"fields": fields, "missingValues": ["NA"], "primaryKey": ["row"]}
    given = schema.parse({"schema": table}, cells, file)
    if given.empty:
        raise DataError(problem(file, None, None, "no rows", "at least one"))
    out = base.set_index("row").loc[given["row"]].reset_index()
    problems = []
    for e in ("cr", "or"):
        known = given[e].notna()
        for end in ("min", "max"):
            out[f"{e}_{end}"] = given[e].where(known, out[f"{e}_{end}"])
        out[f"{e}_source"] = out[f"{e}_source"].mask(known, file)
        where = pd.Series([f"row {i + 2}" for i in range(len(given))], dtype="string")
        out[f"{e}_locator"] = out[f"{e}_locator"].mask(known, where)
        for i in given.index[(given[e] > out["n"]).fillna(False)]:
            expected = f"at most n = {out.loc[i, 'n']}"
            problems.append(problem(file, int(i) + 2, e, str(given.loc[i, e]), expected))
    for i in out.index[out["cr_min"] > out["or_max"]]:
        column, most = ("cr", "at most or = {or_max}") if pd.notna(given.loc[i, "cr"]) else (
            "or", "at least cr = {cr_min}")  # fmt: skip
        found = str(given.loc[i, column])
        problems.append(problem(file, int(i) + 2, column, found, most.format(**out.loc[i])))
    schema.refuse(problems, file)
    return out


_COUNTS: dict[str, dict[str, Any]] = {
    # A label is text whatever it looks like: NA is a label too.
    "label": {"type": "string", "missingValues": [], "constraints": {"required": True}},
    "x": {"type": "integer", "constraints": {"required": True, "minimum": 0}},
    "n": {"type": "integer", "constraints": {"required": True, "minimum": 1}},
    "year": {"type": "integer"},
    "sponsorship": {"type": "string"},
    "design": {"type": "string"},
    "regimen": {"type": "string"},
}
_MISSING = ["NA", ""]
# A number with a leading zero is a code, such as 007.
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def load_counts(path: str | Path) -> pd.DataFrame:
    """Another meta-analysis: one row a study, with label, x (events), n (patients), moderators.

    Parameters
    ----------
    path : path
        A CSV file; a relative path is looked for as `user_file` says. Any further columns are
        moderators, where NA and an empty cell are missing. A moderator is a whole number (Int64)
        or a number (Float64) if every cell that is not missing is one, else text (string); year
        has to be a whole number, and sponsorship, design and regimen are text. A label is text as
        it stands: NA, nan, True and 007 are labels, nothing and blanks are not.

    Raises
    ------
    DataError
        With file, row, column, what was found and what was expected, one line a problem.
    """
    path, file = user_file(path)
    cells = schema.lines(path, file)
    header = cells[0]
    _check_names(header, file)
    rows = [r for r in cells[1:] if len(r) == len(header)]
    fields = []
    for i, name in enumerate(header):
        known = _COUNTS.get(name) or {"type": _type([r[i] for r in rows])}
        fields.append({"name": name, **known})
    missing = {"missingValues": ["NA"]}
    fields = [f if f["name"] not in ("x", "n") else f | missing for f in fields]
    table = {"fields": fields, "missingValues": _MISSING, "primaryKey": ["label"]}
    frame = schema.parse({"schema": table}, cells, file)
    if frame.empty:
        raise DataError(problem(file, None, None, "no rows", "at least one"))
    schema.refuse(_beyond(frame, file), file)
    return frame


def _check_names(header: list[str], file: str) -> None:
    """Refuse a header without label, x, n, or with a name that is blank, padded or repeated."""
    wrong = [f"no column {c!r}" for c in ("label", "x", "n") if c not in header]
    wrong += [
        f"a column {schema.shown(c)}"
        for i, c in enumerate(header)
        if c in header[:i] or c != c.strip() or not schema.GRAMMAR["string"].fullmatch(c)
    ]
    if wrong:
        expected = "the columns label, x, n and further ones, each with a name of its own"
        raise DataError(problem(file, 1, None, "; ".join(wrong[:20]), expected))


def _type(cells: list[str]) -> str:
    """Type of a moderator by its cells."""
    known = [c for c in cells if c not in _MISSING]
    if known and all(_WHOLE.fullmatch(c) for c in known):
        return "integer"
    number = schema.GRAMMAR["number"]
    if known and all(number.fullmatch(c) and not re.match(r"-?0[0-9]", c) for c in known):
        return "number"
    return "string"


def _beyond(frame: pd.DataFrame, file: str) -> list[str]:
    """Problems that one cell alone does not show."""
    problems = [
        problem(file, int(i) + 2, "x", str(frame.loc[i, "x"]), f"at most n = {frame.loc[i, 'n']}")
        for i in frame.index[frame["x"] > frame["n"]]
    ]
    for name in frame.columns.difference(list(_COUNTS)):
        if frame[name].dtype == "string":
            padded = frame[name].str.strip().ne(frame[name]).fillna(False)
            for i in frame.index[padded]:
                found = schema.shown(frame.loc[i, name])
                problems.append(problem(file, int(i) + 2, name, found, "no blanks around it"))
    return problems


def user_file(path: str | Path) -> tuple[Path, str]:
    """A file that a user names, and its name in messages.

    A relative path is looked for where the process works (for a notebook in JupyterLab, its own
    folder), in the notebooks' folder and in the project's.

    Raises
    ------
    DataError
        Where it is in none of these folders: each is named.
    """
    path = Path(path)
    looked = paths.places(path)
    for place in looked:
        if place.exists():
            return place, paths.display_name(place)
    if len(looked) == 1:
        found = "no such file"
    else:
        size = len(path.parts)
        names = (paths.display_name(p.parents[size - 1]) for p in looked)
        folders = ["the project's folder" if name == "." else name for name in names]
        found = f"no such file in {', '.join(folders)}"
    raise DataError(problem(str(path), None, None, found, "a CSV table in UTF-8"))
