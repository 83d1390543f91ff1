"""Where the tests spend their time: CPU seconds by file, with every process that a file starts.

All of them run in one process, one after the other. `benchmarks/run.py tests` writes this alone.
"""

import ast
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

TITLE = "The tests"
HERE, ROOT = Path(__file__).parent, Path(__file__).parents[1]
SHOWN = 15
COLLECTING = "collecting, imports included"
_TICKS = os.sysconf("SC_CLK_TCK")
_SUBREAPER = 36  # prctl: processes that lose their parent become ours, and none is lost
RUN = """
import sys
sys.path.insert(0, {here!r})
import pytest, tests
sys.exit(pytest.main(["-q", "-n", "0", *{paths!r}], plugins=[tests.Clock({pid}, {log!r})]))
"""


def _spent(root: int) -> float:
    """CPU seconds of a process and all below it, with those that ended."""
    ticks, below = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        pid = int(folder.name)
        ticks[pid] = sum(map(int, fields[11:15]))  # own and of children waited for
        below.setdefault(int(fields[1]), []).append(pid)
    waiting, total = [root], 0
    while waiting:
        pid = waiting.pop()
        total += ticks.get(pid, 0)
        waiting += below.get(pid, [])
    return total / _TICKS


class Clock:
    """A plugin of pytest that writes CPU seconds and number of tests by file."""

    def __init__(self, root: int, log: str) -> None:
        self.root, self.log = root, Path(log)
        self.seconds, self.tests = Counter(), Counter()
        self.what, self.last = COLLECTING, _spent(root)

    def _turn_to(self, what: str) -> None:
        """Book what was spent since the last turn."""
        now = _spent(self.root)
        self.seconds[self.what] += now - self.last
        self.what, self.last = what, now

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        file = nodeid.partition("::")[0]
        self.tests[file] += 1
        if file != self.what:
            self._turn_to(file)

    def pytest_sessionfinish(self) -> None:
        self._turn_to("")
        self.log.write_text(json.dumps([self.seconds, self.tests]))


def run(paths: Sequence[str] = ()) -> tuple[dict[str, float], dict[str, int]]:
    """CPU seconds and number of tests by file; a test that fails ends the benchmark."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        code = RUN.format(here=str(HERE), paths=list(paths), pid=os.getpid(), log=str(log))
        child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=sys.stderr)
        while (ended := os.wait())[0] != child.pid:
            pass
        child.returncode = os.waitstatus_to_exitcode(ended[1])
        if child.returncode:
            raise SystemExit("the tests failed: found nothing to measure")
        return tuple(json.loads(log.read_text()))


def _checks(file: Path) -> int:
    """Number of assertions that a test file holds: assert, raises, assert_allclose and the like."""
    found = 0
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        name = called.rpartition(".")[2]
        found += isinstance(node, ast.Assert) or name == "raises" or name.startswith("assert_")
    return found


def main(paths: Sequence[str] = ()) -> str:
    seconds, tests = run(paths)
    checks = {f: _checks(ROOT / f) for f in tests}
    collecting = seconds.pop(COLLECTING)
    order = sorted(seconds, key=seconds.get, reverse=True)
    rest = order[SHOWN:]
    lines = [
        f"{sum(tests.values()):,} tests in {len(tests)} files with {sum(checks.values()):,} "
        f"assertions: {collecting + sum(seconds.values()):.0f} CPU seconds, of which",
        f"{collecting:.0f} for collecting them, which each process of `make test` does for itself.",
        "",
        "| file | tests | assertions | CPU seconds |",
        "|---|--:|--:|--:|",
        *(f"| {f} | {tests[f]} | {checks[f]} | {seconds[f]:.1f} |" for f in order[:SHOWN]),
        f"| {len(rest)} others | {sum(tests[f] for f in rest)} | {sum(checks[f] for f in rest)} "
        f"| {sum(seconds[f] for f in rest):.1f} |",
        "",
    ]
    return "\n".join(lines)
