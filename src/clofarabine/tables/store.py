"""The tables of the data package: read and validated by name, saved as described."""

import os
from functools import cache
from pathlib import Path

import pandas as pd

from . import schema
from .description import codebook, resource
from .paths import DATA, OUTPUT_VARIABLE, display_name, output_dir, write_bytes
from .rules import cross_checks
from .schema import DataError

# What an update makes of files that are also written by hand: what it found, and what is to be.
Texts = dict[Path, tuple[bytes | None, bytes]]


def path_of(name: str) -> Path:
    """File of a table; a derived one comes from the running pipeline's own outputs if there."""
    path = DATA / resource(name)["path"]
    base = os.environ.get(OUTPUT_VARIABLE)
    if path.parent.name == "derived" and base:
        return Path(base) / "derived" / path.name
    return path


def read_table(entry: dict, path: Path) -> pd.DataFrame:
    """The table of one file, validated against its description and read with its types.

    One reader does both, so that what was checked is what is returned.
    """
    file = display_name(path)
    frame = schema.parse(entry, schema.lines(path, file), file)
    schema.refuse(cross_checks(entry, frame, file, Tables()), file)
    return frame


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


def cited() -> dict[str, str]:
    """Author and year of each source, by its key."""
    c = load("citations")
    return dict(zip(c["key"], c["author"] + " " + c["year"].astype(str), strict=True))


def save_derived(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A derived table as it was written: with the columns of its description, and validated.

    Numbers are written with 12 significant digits: enough for any reader, and the same bytes
    wherever the last bits of the arithmetic differ.
    """
    columns = [f["name"] for f in resource(name)["schema"]["fields"]]
    if list(frame.columns) != columns:
        found = f"columns {list(frame.columns)}"
        raise DataError(schema.problem(name, 1, None, found, f"{columns}"))
    text = frame.to_csv(index=False, na_rep="NA", float_format="%.12g", lineterminator="\n")
    path = output_dir("derived") / Path(resource(name)["path"]).name
    write_bytes(path, text.encode())
    return read_table(resource(name), path)


_MARK = "<!-- below: written from datapackage.json by make update -->\n"


def refreshed() -> Texts:
    """data/README.md as it is, and in step with datapackage.json below the mark."""
    path = DATA / "README.md"
    found = path.read_bytes()
    head = found.decode().partition(_MARK)[0]
    return {path: (found, (head + _MARK + "\n" + codebook()).encode())}
