"""The answer as files in a folder; only what an earlier answer wrote is replaced or removed."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from ..plots.counts import count_spans
from .answer import Answer

TABLES = ("methods", "ranges", "quantities", "vectors")
FIGURE = "counts.svg"
MANIFEST = "counts.sha256"  # what is ours, as sha256sum writes it
_LINE = "[0-9a-f]{64}  .+"


def write(answer: Answer, rows: pd.DataFrame, folder: Path) -> list[Path]:
    """Write methods.csv, ranges.csv, quantities.csv, vectors.csv where listed, and counts.svg.

    A file of an earlier answer that this one does not have is removed. No other file is touched:
    counts.sha256 lists which are ours.

    Raises
    ------
    NotADirectoryError, PermissionError
        With the folder's name.
    FileExistsError
        If a file of one of these names is not what an earlier answer wrote; nothing is written.
    """
    folder = Path(folder)
    check(folder)
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
    lines = "".join(f"{_digest(p)}  {p.name}\n" for p in written)
    _replace(folder / MANIFEST, lambda temporary: temporary.write_text(lines, encoding="utf-8"))
    return written


def check(folder: Path) -> None:
    """Refuse a folder in which the answer would take the place of somebody's file."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotADirectoryError(f"{folder.name}: found a file, expected a folder")
    listed, names = folder / MANIFEST, (*(f"{t}.csv" for t in TABLES), FIGURE)
    ours = listed.read_bytes().decode(errors="replace").splitlines() if listed.is_file() else []
    own = [path for path in (folder / name for name in names) if path.is_file()]
    known = {p for p in own if f"{_digest(p)}  {p.name}" in ours}
    if ours and all(re.fullmatch(_LINE, e) and e.split("  ")[1] in names for e in ours):
        known.add(listed)
    for path in (*(folder / name for name in names), listed):
        if os.path.lexists(path) and path not in known:
            raise FileExistsError(
                f"{path}: found a file that no earlier answer wrote, expected none: "
                "name another folder, or move it"
            )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
