"""Rules that join the columns of a table, or two tables; the tables are given, not read."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from .schema import problem


def cross_checks(
    entry: dict[str, Any], frame: pd.DataFrame, file: str, tables: Mapping[str, pd.DataFrame]
) -> Iterator[str]:
    """Every problem of a table that its single cells do not show, a line each."""
    for key in entry["schema"].get("foreignKeys", []):
        column, other = key["fields"][0], key["reference"]
        if other["resource"] == entry["name"]:
            continue
        known = set(tables[other["resource"]][other["fields"][0]].dropna())
        for i, value in frame[column].dropna().items():
            if value not in known:
                expected = f"a key of {other['resource']}"
                yield problem(file, int(i) + 2, column, repr(value), expected)
    columns = set(frame.columns)
    if {"cr_min", "or_max", "row"} <= columns:
        yield from _check_evidence(frame, file, tables["table1_studies"])
    if {"printed", "relation", "n", "percent"} <= columns:
        yield from _check_printed(frame, file)


def _check_evidence(frame: pd.DataFrame, file: str, table1: pd.DataFrame) -> Iterator[str]:
    if frame.empty:
        yield problem(file, None, None, "no rows", "at least one")
    studies = table1.set_index("study")
    for i, r in frame.iterrows():
        line = int(i) + 2
        want = r["study"] + (" adult" if r["population"] == "adult" else "")
        if r["row"] != want:
            yield problem(file, line, "row", repr(r["row"]), repr(want))
        n = int(studies.loc[r["study"], f"target_{r['population']}"])
        part = "scenario" in frame and 0 < r["n"] < n  # a scenario may leave patients out
        if r["n"] != n and not part:
            most = "at most " * ("scenario" in frame)
            yield problem(file, line, "n", str(r["n"]), f"{most}{n}, as in Table 1")
        for low, high in (
            ("cr_min", "cr_max"), ("or_min", "or_max"), ("cr_min", "or_max"),
            ("cr_max", "n"), ("or_max", "n"),
        ):  # fmt: skip
            if r[low] > r[high]:
                yield problem(file, line, low, str(r[low]), f"at most {high} = {r[high]}")


_CELL = re.compile(r"(> )?(\d+) \((?:> )?(\d+(?:\.\d+)?)%?\)")


def _check_printed(frame: pd.DataFrame, file: str) -> Iterator[str]:
    for i, r in frame.iterrows():
        if pd.isna(r["printed"]):
            want = (pd.NA, pd.NA, pd.NA)
        elif m := _CELL.fullmatch(r["printed"]):
            want = (">" if m[1] else "=", int(m[2]), float(m[3]))
        else:
            expected = "a count and a percentage, as in 5 (7.0%)"
            yield problem(file, int(i) + 2, "printed", repr(r["printed"]), expected)
            continue
        for column, value in zip(("relation", "n", "percent"), want, strict=True):
            if pd.isna(r[column]) != pd.isna(value) or (not pd.isna(value) and r[column] != value):
                expected = f"{value}, as the printed cell says"
                yield problem(file, int(i) + 2, column, str(r[column]), expected)
