"""How often the audit notices a wrong number: one is put wrong at a time, and all is judged again.

Two mistakes of a typist are tried: the last digit of a number goes up by one, or the number changes
places with its neighbour. Every fifth one is tried, for the time it takes: minutes. The table
data/sources/audit_error_rate.csv is written by ``python -m clofarabine.audit.error_rate``, and the
tests repeat a sample of it.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise

import pandas as pd

from ..tables import resource, store
from ..tables.paths import DATA, write_bytes
from ..tables.printed import read
from ..tables.store import Tables
from .ledger import Paper
from .verdicts import audit

# A mistake: its kind, and the text that stands in the place of each claim's.
Mistake = tuple[str, dict[str, str]]
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
EVERY = 5
_COLUMNS = ("claim", "mistake", "marked", "noticed")


def moved(printed: str) -> str:
    """The text with the last digit of its number one higher; a number word becomes digits."""
    if found := _NUMBER.search(printed):
        decimals = len(found[0].partition(".")[2])
        value = f"{float(found[0]) + 10**-decimals:.{decimals}f}"
        return printed[: found.start()] + value + printed[found.end() :]
    return f"{read(printed).value + 1:g}"


def mistakes(paper: Paper) -> Iterator[Mistake]:
    """Every mistake to try: each number moved, and each changed for the next of its kind."""
    for id, row in paper.rows.items():
        if row["unit"] != "label":
            yield "last digit", {id: moved(row["printed"])}
    for (a, first), (b, second) in pairwise(paper.rows.items()):
        same = first["section"] == second["section"] and first["unit"] == second["unit"]
        if same and first["unit"] != "label" and first["value"] != second["value"]:
            yield "neighbours", {a: second["printed"], b: first["printed"]}


def _number(text: str) -> float | int:
    value = read(text).value
    return int(value) if value.is_integer() else value


def _event(frame: pd.DataFrame, at: pd.Series, column: str, text: str) -> None:
    """A count or a percentage of Table 3 or 4, in its printed cell and beside it."""
    i = frame.index[at][0]
    n, _, percent = str(frame.loc[i, "printed"]).rstrip(")%").partition(" (")
    n, percent = (text, percent) if column == "n" else (n, text)
    frame.loc[i, "printed"] = f"{n} ({percent}%)"
    frame.loc[i, column] = _number(text)


def _set(tables: Tables, id: str, text: str) -> None:
    """Put a text in the place of a claim's, in the table that the claim is made from."""
    table, _, rest = id.partition("/")
    key, _, column = rest.rpartition("/")
    if table == "selection":
        frame = tables["selection"]
        frame.loc[frame["step"] == rest, "printed"] = text
    elif table == "pooled":
        frame = tables["pooled_results"]
        names = ["endpoint", "population", "transformation"]
        frame.loc[frame[names].agg("/".join, axis=1) == key, column] = _number(text)
    elif table == "table2":
        frame = tables["table2_characteristics"]
        own = frame["characteristic"].eq(key) if column == "studies" else (
            (frame["characteristic"] + "/" + frame["level"]).eq(key))  # fmt: skip
        frame.loc[own, column] = text if column == "studies" else _number(text)
    elif table in ("table3", "table4") and column == "N":
        frame = tables[f"{table}_studies"]
        frame.loc[frame["study"] == key, "n"] = _number(text)
    elif table in ("table3", "table4"):
        frame = tables[f"{table}_events"]
        _event(frame, (frame["study"] + "/" + frame["event"]).eq(key), column, text)
    elif table == "table1" and key == "total":
        tables["table1_total"].loc[0, column] = _number(text)
    elif table == "table1" and "/" not in key:
        frame = tables["table1_studies"]
        frame.loc[frame["study"] == key, column] = _number(text)
    elif table == "table1":
        frame = tables["table1_regimens"]
        cohort = (", cohort " + frame["cohort"]).fillna("")
        own = (frame["study"] + "/" + frame["regimen"] + cohort).eq(key)
        one_dose = frame.loc[own, "dose_min"].eq(frame.loc[own, "dose_max"]).all()
        both = ["dose_min", "dose_max"] if column == "dose_min" and one_dose else [column]
        frame.loc[own, both] = _number(text)
    else:
        frame = tables["prose"]
        frame.loc[frame["id"] == id, "printed"] = text


def with_printed(tables: Mapping[str, pd.DataFrame], texts: Mapping[str, str]) -> Paper:
    """The paper as it would be if the claims of these ids were printed so.

    Raises
    ------
    ValueError
        If a claim does not come out as it was to be.
    """
    changed = _Copied(tables)
    for id, text in texts.items():
        _set(changed, id, text)
    out = Paper(Tables({**tables, **changed}))
    printed = out.claims["printed"]
    for id, text in texts.items():
        if id not in printed.index or _comparable(printed[id]) != _comparable(text):
            found = printed.get(id, "no such claim")
            raise ValueError(f"{id}: found {found!r} after the change, expected {text!r}")
    return out


def _comparable(text: str) -> object:
    """A number without regard to zeros at its end, and the words beside it."""
    return text.strip("0123456789. "), read(text).value


class _Copied(Tables):
    """Copies of tables, made when first asked for."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, name: str) -> pd.DataFrame:
        self[name] = self._tables[name].copy()
        return self[name]


def _discrepant(paper: Paper) -> set[str]:
    verdicts = audit(paper)
    return set(verdicts.loc[verdicts["verdict"] == "discrepant", "id"])


def tried(wrong: Iterable[Mistake]) -> list[tuple[str, str, bool, bool]]:
    """What the audit makes of each mistake: claim, mistake, marked, noticed.

    marked : the number itself (of two, both) is discrepant. noticed : some number is discrepant
    that was not before.
    """
    paper = Paper.load()
    before = _discrepant(paper)
    rows = []
    for kind, texts in wrong:
        after = _discrepant(with_printed(paper.tables, texts))
        marked = set(texts) <= after
        rows.append((next(iter(texts)), kind, marked, bool(after - before)))
    return rows


def error_rate(ledger: pd.DataFrame, by: str) -> pd.DataFrame:
    """Mistakes tried and the share that the audit notices, by verdict or section of the number.

    Parameters
    ----------
    ledger : DataFrame
        As `summary.judged` gives it.
    by : str
        Column: "verdict" or "section".

    Returns
    -------
    DataFrame
        For each kind of mistake: tried, noticed (some number is newly discrepant), marked (the
        number itself is discrepant).
    """
    table = store.load("audit_error_rate").merge(ledger, left_on="claim", right_on="id")
    groups = table.groupby([by, "mistake"], sort=False)
    out = groups[["noticed", "marked"]].agg(lambda hit: f"{float(hit.mean()):.0%}")
    out.insert(0, "tried", groups.size())
    return out


def noticed(ledger: pd.DataFrame) -> dict[str, float | str]:
    """How many mistakes in numbers that agree with others are tried, and the shares noticed.

    blind : sections in which none of them is noticed, and those in which no moved digit is.
    """
    table = store.load("audit_error_rate").merge(ledger, left_on="claim", right_on="id")
    table = table[table["verdict"].isin(["reproduced", "consistent"])]
    share = table.groupby("mistake")["noticed"].mean()
    seen = table.groupby("section", sort=False)["noticed"].any()
    digits = table[table["mistake"] == "last digit"].groupby("section", sort=False)["noticed"].any()
    only = digits.index[~digits & seen.reindex(digits.index)]
    blind = [*seen.index[~seen], *(f"{section} (of moved digits)" for section in only)]
    return {"tried": len(table), "every": EVERY, "digit": float(share["last digit"]),
            "neighbours": float(share["neighbours"]),
            "blind": ", ".join(blind) or "none"}  # fmt: skip


def main() -> int:
    """Write the table of mistakes anew."""
    every = list(mistakes(Paper.load()))[::EVERY]
    parts = [every[i::2] for i in range(2)]
    with ProcessPoolExecutor(2) as pool:
        rows = [row for part in pool.map(tried, parts) for row in part]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    order = {(next(iter(t)), kind): i for i, (kind, t) in enumerate(every)}
    frame = frame.sort_values("claim", key=lambda _: [
        order[key] for key in zip(frame["claim"], frame["mistake"], strict=True)])  # fmt: skip
    text = frame.to_csv(index=False, lineterminator="\n")
    write_bytes(DATA / resource("audit_error_rate")["path"], text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
