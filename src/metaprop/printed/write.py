"""The answer as files in a folder; only files of these names are replaced, each as a whole."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from ..plots.counts import count_spans
from .answer import Answer

TABLES = ("methods", "ranges", "quantities", "vectors")
FIGURE = "counts.svg"


def write(answer: Answer, rows: pd.DataFrame, folder: Path) -> list[Path]:
    """Write methods.csv, ranges.csv, quantities.csv, vectors.csv where listed, and counts.svg.

    A file of an earlier answer that this one does not have is removed; no other file is touched.

    Raises
    ------
    NotADirectoryError, PermissionError
        With the folder's name.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder.name}: found a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in TABLES:
        table, path = getattr(answer, name), folder / f"{name}.csv"
        if table is None:
            path.unlink(missing_ok=True)
            continue
        _replace(path, lambda temporary, t=table: t.to_csv(temporary, index=False))
        written.append(path)
    path = folder / FIGURE
    if len(answer.ranges):
        figure = count_spans(
            answer.ranges.assign(n=rows["n"].to_numpy()),
            f"{answer.verdict.capitalize()}: counts that print these numbers",
        )
        with mpl.rc_context({"svg.hashsalt": "metaprop", "svg.fonttype": "none"}):
            _replace(path, lambda t: figure.savefig(t, format="svg", metadata={"Date": None}))
        written.append(path)
    else:
        path.unlink(missing_ok=True)
    return written


def _replace(path: Path, save: Callable[[Path], None]) -> None:
    """Write beside the file, then rename: a reader sees the old file or the new one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        save(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
