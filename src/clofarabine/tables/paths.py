"""Where files lie, and how they are written. No other module knows.

A notebook that the pipeline runs reads derived tables from, and writes into, the folder that
``CLOFARABINE_OUTPUT`` names. Opened by hand it reads the committed tables and writes beside them,
into build/interactive, which lists what they wrote.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"
INTERACTIVE = ROOT / "build" / "interactive"  # outputs of notebooks that are opened by hand

OUTPUT_VARIABLE = "CLOFARABINE_OUTPUT"

# A file of counts that takes the place of the evidence in every notebook of a run.
COUNTS_VARIABLE = "CLOFARABINE_COUNTS"


def output_dir(kind: str) -> Path:
    """Folder for outputs of a kind ("figures", "derived"), made if it is not there."""
    base = os.environ.get(OUTPUT_VARIABLE)
    folder = (Path(base) if base else INTERACTIVE) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def derived_from(folder: Path) -> Iterator[None]:
    """A context in which derived tables are read from folder/derived, not the committed ones."""
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


def places(path: Path) -> list[Path]:
    """Where a file that a user names may lie, in the order in which it is looked for.

    JupyterLab runs a notebook in its own folder, the command line where it was typed; a relative
    path may also be meant from the notebooks' folder or from the project's.
    """
    if path.is_absolute():
        return [path]
    return list(dict.fromkeys(f / path for f in (Path.cwd(), ROOT / "notebooks", ROOT)))


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
    if path.is_relative_to(INTERACTIVE):  # `make clean` removes what is listed; the last line holds
        with (INTERACTIVE / "outputs.sha256").open("a", encoding="utf-8") as listed:
            listed.write(
                f"{hashlib.sha256(content).hexdigest()}  {path.relative_to(INTERACTIVE)}\n"
            )
