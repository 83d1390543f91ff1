"""A plugin of pytest: each process that runs tests writes its CPU seconds by file.

What a file starts counts with it. The folder that CLOCK names takes one file a process.
"""

import json
import os
from collections import Counter
from pathlib import Path

COLLECTING = "collecting, imports included"
_TICKS = os.sysconf("SC_CLK_TCK")


def spent(root: int) -> float:
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
    """CPU seconds and number of tests by file, of one process."""

    def __init__(self, folder: str) -> None:
        self.log = Path(folder) / f"{os.getpid()}.json"
        self.seconds, self.tests = Counter(), Counter()
        self.what, self.last = COLLECTING, 0.0

    def _turn_to(self, what: str) -> None:
        """Book what was spent since the last turn."""
        now = spent(os.getpid())
        # Less than before: a process that an earlier file paid for has left this one's family.
        self.seconds[self.what] += max(now - self.last, 0.0)
        self.what, self.last = what, now

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        file = nodeid.partition("::")[0]
        self.tests[file] += 1
        if file != self.what:
            self._turn_to(file)

    def pytest_sessionfinish(self) -> None:
        self._turn_to("")
        self.log.write_text(json.dumps([self.seconds, self.tests]))


def pytest_configure(config) -> None:
    """Only where tests run: in each worker, or in the one process."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Clock(os.environ["CLOCK"]))
