"""Replace a set of files as one: all of them, or none, or the rest at the next start.

The files are staged and verified in a folder beside, a journal says what is to go where, and then
each is renamed into its place. What is killed before the journal is there has changed nothing; what
is killed after it is finished by `recover`. A folder's outputs.sha256 (as sha256sum writes it)
lists what was written there; nothing else is ever removed. This module knows files and hashes only.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MANIFEST = "outputs.sha256"
JOURNAL = "journal.json"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_STAGED = re.compile(r"\d+-[0-9a-f]{64}|journal\.(json|new)")
_OTHER = "not a file"


class PublishError(RuntimeError):
    """A set of files that cannot be written; nothing of it was."""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest(path: Path) -> str | None:
    """Hash of a file, None if there is nothing at its place, "not a file" for anything else."""
    if path.is_file():
        return _sha256(path.read_bytes())
    return _OTHER if os.path.lexists(path) else None


def manifest_text(hashes: dict[str, str]) -> str:
    """Hashes by path as ``sha256sum -c`` reads them."""
    return "".join(f"{h}  {name}\n" for name, h in sorted(hashes.items()))


def read_manifest(path: Path) -> dict[str, str]:
    """Hash of each file that a manifest lists, by its path below the manifest's folder.

    Raises
    ------
    PublishError
        With the row of the first line that is none of a manifest.
    """
    listed: dict[str, str] = {}
    if not path.exists():
        return listed
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for row, line in enumerate(lines[:-1] if lines[-1] == "" else lines, start=1):
        match = _LINE.fullmatch(line)
        name = PurePosixPath(match[2] if match else "..")
        if not match or name.is_absolute() or ".." in name.parts:
            expected = "expected a SHA-256, two spaces and a path below the folder"
            raise PublishError(f"{path}, row {row}: found {line[:80]!r}, {expected}")
        listed[match[2]] = match[1]
    return listed


def remove(manifest: Path) -> None:
    """Remove what a manifest lists and is still as it was written, and itself; all else stays."""
    for name, written in read_manifest(manifest).items():
        if digest(manifest.parent / name) == written:
            (manifest.parent / name).unlink()
    manifest.unlink(missing_ok=True)
    remove_empty(manifest.parent)


def remove_empty(folder: Path) -> None:
    """Remove the folders in a folder, and itself, in which there is nothing."""
    for path in [*sorted(folder.rglob("*"), reverse=True), folder]:
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):  # something is in it
                path.rmdir()


def publish(
    root: Path,
    outputs: dict[str, bytes],
    *,
    staging: Path,
    manifest: str = MANIFEST,
    texts: dict[str, tuple[bytes | None, bytes]] | None = None,
    seen: dict[str, str | None] | None = None,
) -> list[str]:
    """Make the outputs those of a folder, and say what was left in place.

    Parameters
    ----------
    root : Path
        The folder; paths are relative to it.
    outputs : dict
        Content by path. The folder's manifest lists them; a file that it listed before and that is
        none of them is removed if it is still as it was written.
    staging : Path
        A folder for the new files until they are all there; on the same disk.
    manifest : str
        File in root that lists the outputs.
    texts : dict, optional
        Files that are written by hand and here: what was found and what is to be, by path.
    seen : dict, optional
        `digest` of files that the outputs were made from, by path.

    Returns
    -------
    list of str
        Paths that were written here once, are no outputs any more and have been changed by
        someone, and outputs that someone changed in the last moment: both are as they were.

    Raises
    ------
    PublishError
        If a file is in the way that was not written here, or was changed since it was read.
        Nothing is written then.
    """
    texts = texts or {}
    read = dict(seen or {})
    read |= {n: None if old is None else _sha256(old) for n, (old, _) in texts.items()}
    listed = read_manifest(root / manifest)
    new = {name: _sha256(content) for name, content in outputs.items()}
    files = outputs | {n: made for n, (_, made) in texts.items()}
    files[manifest] = manifest_text(new).encode()
    changes, left = [], []
    for name in sorted(listed.keys() - files.keys()):
        found = digest(root / name)
        if found == listed[name]:
            changes.append((name, found, None))
        elif found is not None:
            left.append(name)
    for name, content in files.items():  # the manifest last
        found, made = digest(root / name), _sha256(content)
        if name in read and found != read[name]:
            raise PublishError(f"{root / name}: was changed during the run; nothing was written")
        ours = name in read or name in listed or name == manifest
        if found == _OTHER or (not ours and found not in (None, made)):
            raise PublishError(
                f"{root / name}: found something that no run wrote where an output is to be, "
                "expected nothing; nothing was written"
            )
        if found != made:
            changes.append((name, found, made))
    if changes:
        _stage(root, staging, changes, files)
        with _deferred():
            _begin(root, staging, changes)
            left += _swap(staging)
    return left


def recover(staging: Path) -> list[str]:
    """Finish what was killed in the middle, and say so in lines; none if there was nothing."""
    if not (staging / JOURNAL).is_file():
        _discard(staging)
        return []
    with _deferred():
        left = _swap(staging)
    stays = f"; changed since and left as it is: {', '.join(left)}" if left else ""
    return [f"finished the writing of files that was interrupted{stays}"]


def _stage(root: Path, staging: Path, changes: list, files: dict[str, bytes]) -> None:
    _discard(staging)
    staging.mkdir(parents=True, exist_ok=True)
    for number, (name, _, new) in enumerate(changes):
        folder = (root / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "found no right to write", str(folder))
        if folder.stat().st_dev != staging.stat().st_dev:
            raise PublishError(f"{folder}: found it on another disk than {staging}, expected one")
        if new:
            _write(staging / f"{number}-{new}", files[name])
    _sync(staging)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != content:
        raise PublishError(f"{path}: found other bytes than were written")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _begin(root: Path, staging: Path, changes: list) -> None:
    """Write the journal, whose paths are relative: from here on the new files are to be."""
    where = os.path.relpath(root.resolve(), staging.parent.resolve())
    _write(staging / "journal.new", json.dumps({"root": where, "changes": changes}).encode())
    os.replace(staging / "journal.new", staging / JOURNAL)
    _sync(staging)


def _swap(staging: Path) -> list[str]:
    """Do what the journal says and is not done yet; what is neither old nor new is left."""
    journal = json.loads((staging / JOURNAL).read_text(encoding="utf-8"))
    root = Path(os.path.normpath(staging.parent.resolve() / journal["root"]))
    left, folders = [], set()
    for number, (name, old, new) in enumerate(journal["changes"]):
        target, staged = root / name, staging / f"{number}-{new}"
        found = digest(target)
        if found == new:
            continue
        if found != old:
            left.append(name)
            continue
        if new is None:
            os.unlink(target)
        else:
            if digest(staged) != new:
                raise PublishError(f"{staged}: found it damaged; removing its folder gives it up")
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, target)
        folders.add(target.parent)
    for folder in folders:
        _sync(folder)
    _discard(staging)
    return left


def _discard(staging: Path) -> None:
    """Remove a journal that is done, then what was staged; anything else stays."""
    if staging.is_dir():
        for path in sorted(staging.iterdir(), key=lambda p: p.name != JOURNAL):
            if _STAGED.fullmatch(path.name):
                os.unlink(path)
        with contextlib.suppress(OSError):  # something else is in it
            staging.rmdir()


@contextlib.contextmanager
def _deferred() -> Iterator[None]:
    """Hold Ctrl-C and a polite kill back until the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {s: signal.signal(s, lambda number, _: caught.append(number)) for s in signals}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
    for number in caught[:1]:
        signal.raise_signal(number)
