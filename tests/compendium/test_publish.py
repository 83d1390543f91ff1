"""A set of files is written as one, whatever fails and whenever; nobody's own file is lost."""

import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import interruptible
from toys import files

from compendium import publish
from compendium.publish import MANIFEST, PublishError, digest, recover

OLD = {"n/a.ipynb": b"a", "f/gone.svg": b"gone", "f/same.svg": b"same"}
NEW = {"n/a.ipynb": b"A", "f/same.svg": b"same", "f/new.svg": b"new", "d/e/new.csv": b"new"}
TEXTS = {"README.md": (b"text 1", b"text 2")}
OWN = {"n/mine.ipynb": b"mine", "f/poster.png": b"poster", "f/.ipynb_checkpoints/a": b"checkpoint"}


@pytest.fixture
def tree(tmp_path):
    """A project with outputs of an earlier run and a user's own files."""
    root = tmp_path / "project"
    for name, content in (OWN | {"README.md": b"text 1"}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    publish.publish(root, OLD, staging=root / "build" / ".staging")
    return root


def _publish(root, outputs=NEW, **more):
    return publish.publish(root, outputs, staging=root / "build" / ".staging", texts=TEXTS, **more)


def _content(root):
    return {n: c for n, c in files(root).items() if not n.startswith("build/")}


def _is_old(root):
    listed = publish.manifest_text({n: publish._sha256(c) for n, c in OLD.items()}).encode()
    return _content(root) == OWN | OLD | {"README.md": b"text 1", MANIFEST: listed}


def _is_new(root):
    listed = publish.manifest_text({n: publish._sha256(c) for n, c in NEW.items()}).encode()
    return _content(root) == OWN | NEW | {"README.md": b"text 2", MANIFEST: listed}


def test_all_is_replaced_and_what_is_not_listed_stays(tree):
    assert _is_old(tree)
    assert _publish(tree) == []
    assert _is_new(tree)
    assert not (tree / "build" / ".staging").exists()


def test_sha256sum_reads_the_manifest(tree):
    _publish(tree)
    check = ["sha256sum", "--strict", "-c", MANIFEST]
    done = subprocess.run(check, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.count(": OK\n") == len(NEW)
    (tree / "f" / "new.svg").write_bytes(b"other")
    assert subprocess.run(check, cwd=tree, capture_output=True).returncode == 1


CALLS = ("replace", "fsync", "unlink")


@pytest.mark.parametrize("call", CALLS)
def test_a_failure_at_any_call_leaves_the_tree_old_or_to_be_finished(tree, monkeypatch, call):
    """The n-th call fails, for every n until none does."""
    real, outcomes = getattr(os, call), []
    for n in range(1, 100):
        count = 0

        def fail(*args, n=n, **kwargs):
            nonlocal count
            count += 1
            if count == n:
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(os, call, fail)
            try:
                _publish(tree)
            except OSError:
                pending = (tree / "build" / ".staging" / publish.JOURNAL).exists()
                outcomes.append(pending)
                assert pending or _is_old(tree) or _is_new(tree)
            else:
                break
        if outcomes[-1]:
            said = recover(tree / "build" / ".staging")
            assert said == ["finished the writing of files that was interrupted"]
            assert _is_new(tree)
        recover(tree / "build" / ".staging")
        assert not (tree / "build" / ".staging").exists()
        if _is_new(tree):  # back to the start
            (tree / "README.md").write_bytes(b"text 1")
            publish.publish(tree, OLD, staging=tree / "build" / ".staging")
        assert _is_old(tree)
    assert _is_new(tree)
    assert True in outcomes, "no call failed in the middle of the swap"
    assert len(outcomes) == n - 1


KILLED = """
import os, pathlib, signal
from compendium import publish
count, real = 0, os.replace
def replace(*args):
    global count
    count += 1
    if count == {n}:
        os.kill(os.getpid(), signal.{signal})
    real(*args)
os.replace = replace
root = pathlib.Path("project")
publish.publish(root, {new!r}, staging=root / "build" / ".staging", texts={texts!r})
"""


def _killed(tree, n, how):
    code = KILLED.format(n=n, signal=how, new=NEW, texts=TEXTS)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tree.parent, capture_output=True, preexec_fn=interruptible
    )


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
def test_a_kill_at_any_rename_is_finished_by_the_next_start(tree, n):
    """The first rename is the journal's, the sixth and last the manifest's."""
    assert _killed(tree, n, "SIGKILL").returncode == -signal.SIGKILL
    assert not _is_new(tree)
    said = recover(tree / "build" / ".staging")
    assert bool(said) == (n > 1)
    assert _is_old(tree) if n == 1 else _is_new(tree)
    assert not (tree / "build" / ".staging").exists()


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM"])
def test_a_polite_stop_waits_for_the_swap(tree, how):
    assert _killed(tree, 3, how).returncode != 0
    assert _is_new(tree)


def test_an_interrupted_swap_is_finished_where_the_project_was_moved_to(tree):
    _killed(tree, 3, "SIGKILL")
    moved = tree.rename(tree.parent / "some where else")
    assert recover(moved / "build" / ".staging")
    assert _is_new(moved)


def test_what_was_changed_after_the_kill_is_left_and_named(tree):
    _killed(tree, 2, "SIGKILL")
    (tree / "n" / "a.ipynb").write_bytes(b"edited")
    (said,) = recover(tree / "build" / ".staging")
    assert said.endswith("changed since and left as it is: n/a.ipynb")
    assert (tree / "n" / "a.ipynb").read_bytes() == b"edited"
    assert (tree / "f" / "new.svg").read_bytes() == b"new"


def test_a_damaged_staged_file_is_not_taken(tree):
    _killed(tree, 2, "SIGKILL")
    (staged,) = (tree / "build" / ".staging").glob(f"*-{publish._sha256(b'A')}")
    staged.write_bytes(b"A, damaged")
    with pytest.raises(PublishError, match="found it damaged"):
        recover(tree / "build" / ".staging")
    assert (tree / "n" / "a.ipynb").read_bytes() == b"a"


def test_an_output_of_old_that_someone_changed_stays_and_is_named(tree):
    (tree / "f" / "gone.svg").write_bytes(b"my version")
    assert _publish(tree) == ["f/gone.svg"]
    assert (tree / "f" / "gone.svg").read_bytes() == b"my version"
    assert "gone" not in (tree / MANIFEST).read_text()


IN_THE_WAY = {
    "a user's file": lambda root: (root / "f" / "new.svg").write_bytes(b"mine"),
    "a folder": lambda root: (root / "f" / "new.svg").mkdir(),
    "a link to nothing": lambda root: (root / "f" / "new.svg").symlink_to("nowhere"),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_is_in_the_way_is_named_before_anything_is_written(tree, case):
    IN_THE_WAY[case](tree)
    before = files(tree)
    with pytest.raises(PublishError, match=r"f/new\.svg: found something that no run wrote"):
        _publish(tree)
    assert files(tree) == before
    assert digest(tree / "f" / "new.svg") is not None


@pytest.mark.parametrize("name", ["n/a.ipynb", "README.md"])
def test_what_was_edited_during_the_run_is_not_overwritten(tree, name):
    seen = {"n/a.ipynb": digest(tree / "n" / "a.ipynb")}
    (tree / name).write_bytes(b"edited")
    before = files(tree)
    with pytest.raises(PublishError, match=f"{name}: was changed during the run; nothing was"):
        _publish(tree, seen=seen)
    assert files(tree) == before


@pytest.mark.parametrize(
    "line", ["<<<<<<< HEAD", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/passwd", "0  f/a.svg"]
)
def test_a_manifest_that_is_none_is_refused(tree, line):
    outside = tree.parent / "outside"
    outside.write_bytes(b"outside")
    line = line.replace("0" * 64, digest(outside))
    path = tree / MANIFEST
    path.write_text(path.read_text() + line + "\n")
    before = files(tree)
    with pytest.raises(PublishError, match=r"outputs\.sha256, row 4: found .* expected a SHA-256"):
        _publish(tree)
    assert files(tree) == before
    assert outside.exists()


def test_the_journal_knows_no_absolute_path(tree):
    _killed(tree, 2, "SIGKILL")
    text = (tree / "build" / ".staging" / publish.JOURNAL).read_text()
    assert json.loads(text)["root"] == ".."
    assert str(tree.parent) not in text


def test_a_users_file_among_the_staged_ones_stays(tree):
    own = tree / "build" / ".staging" / "mine"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    _publish(tree)
    recover(own.parent)
    assert own.read_bytes() == b"mine"
    assert list(own.parent.iterdir()) == [own]
