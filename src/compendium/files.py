"""Small helpers for files: names as messages show them, and hashes of regular files."""

import hashlib
from pathlib import Path

from .errors import PipelineError


def shown(path: Path, root: Path) -> str:
    """Path as messages show it: below the root where it lies there."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def need_file(path: Path, place: str, expected: str) -> None:
    """Refuse what is no regular file: nothing, a folder, or a pipe that a reader would wait for.

    Parameters
    ----------
    path : Path
    place : str
        What the message begins with: the file, or the option that names it.
    expected : str
        What should have been there.

    Raises
    ------
    PipelineError
        With what was found and expected.
    """
    if path.is_file():
        return
    found = "no such file"
    if path.is_dir():
        found = "a folder"
    elif path.exists():
        found = "a pipe or a device"
    raise PipelineError(f"{place}: found {found}, expected {expected}")


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
