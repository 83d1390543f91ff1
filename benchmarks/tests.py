"""Where the tests spend their time: CPU seconds by file, with every process that a file starts.

They run as `make test` runs them. `benchmarks/run.py tests` writes this alone.
"""

import ast
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import clock

TITLE = "The tests"
HERE, ROOT = Path(__file__).parent, Path(__file__).parents[1]
SHOWN = 15
OUTLIVED = "the process that hands them out and what outlives its parent"
_SUBREAPER = 36  # prctl: processes that lose their parent become ours, and none is lost


def run(paths: Sequence[str] = ()) -> tuple[Counter, Counter, float]:
    """CPU seconds and number of tests by file, and seconds on the wall.

    A test that fails ends the benchmark.
    """
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before, began = clock.spent(os.getpid()), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        jobs = str(os.cpu_count())
        command = [sys.executable, "-m", "pytest", "-q", "-n", jobs, "-p", "clock", *paths]
        env = os.environ | {"CLOCK": folder, "PYTHONPATH": str(HERE)}
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=sys.stderr)
        while (ended := os.wait())[0] != child.pid:
            pass
        child.returncode = os.waitstatus_to_exitcode(ended[1])
        wall, whole = time.monotonic() - began, clock.spent(os.getpid()) - before
        if child.returncode:
            raise SystemExit("the tests failed: found nothing to measure")
        seconds, tests = Counter(), Counter()
        for log in Path(folder).glob("*.json"):
            own = json.loads(log.read_text())
            seconds.update(own[0])
            tests.update(own[1])
    seconds[OUTLIVED] = whole - sum(seconds.values())
    return seconds, tests, wall


def _checks(file: Path) -> int:
    """Number of assertions that a test file holds: assert, raises, assert_allclose and the like."""
    found = 0
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        name = called.rpartition(".")[2]
        found += isinstance(node, ast.Assert) or name == "raises" or name.startswith("assert_")
    return found


def main(paths: Sequence[str] = ()) -> str:
    seconds, tests, wall = run(paths)
    checks = {f: _checks(ROOT / f) for f in tests if f.endswith(".py")}
    total = sum(seconds.values())
    collecting, outlived = seconds.pop(clock.COLLECTING), seconds.pop(OUTLIVED)
    order = sorted(seconds, key=seconds.get, reverse=True)
    rest = order[SHOWN:]
    sums = [sum(own.get(f, 0) for f in rest) for own in (tests, checks, seconds)]
    lines = [
        f"{sum(tests.values()):,} tests in {len(tests)} files with {sum(checks.values()):,} "
        f"assertions: {total:.0f} CPU seconds in {wall:.0f}, of which {collecting:.0f}",
        f"for collecting them in each process and {outlived:.0f} for {OUTLIVED}.",
        "",
        "| file | tests | assertions | CPU seconds |",
        "|---|--:|--:|--:|",
        *(f"| {f} | {tests[f]} | {checks.get(f, '')} | {seconds[f]:.1f} |" for f in order[:SHOWN]),
        f"| {len(rest)} others | {sums[0]} | {sums[1]} | {sums[2]:.1f} |",
        "",
    ]
    return "\n".join(lines)
