"""The pipeline's wall time and memory against its floor and against notebook-by-notebook tools.

ROUNDS rounds of the pipeline and its floor; once (PEERS=0: not at all) what takes minutes.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import curves
import nbformat

from clofarabine.__main__ import project

PROJECT = project()
TITLE = "The pipeline"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
PEERS = os.environ.get("PEERS") != "0"
JOBS = os.cpu_count() or 1
NUMBERS = (1, 4, 8)  # notebooks of the growth curve

# What the machinery alone does: empty notebooks, no library preloaded.
EMPTY = """
from pathlib import Path
from compendium.schedule import run_all
from compendium.steps import Project, Step
here = Path({folder!r})
steps = tuple(Step(f"n{{i}}", folder=here) for i in range({count}))
run_all(Project("empty", here, steps), steps, build=here / "build", jobs={jobs}, cache=False)
"""
# Kernels started the ordinary way, as the floor's are.
ORDINARY = {"COMPENDIUM_FORK": "0"}
Record = dict[str, tuple[float, float]]


def _memory(root: int) -> int:
    """Bytes of a process and all its descendants, shared pages counted once."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    family, total = {root}, 0
    while more := {p for p, parent in parents.items() if parent in family} - family:
        family |= more
    for pid in family:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(x.split()[1]) * 1024 for x in rollup.splitlines() if x.startswith("Pss:"))
    return total


def _run(commands: list[list[str]], env: dict[str, str]) -> tuple[float, int, str]:
    """Seconds that commands take in turn, the peak of their memory in bytes, and what they say."""
    peak, said, start = 0, [], time.perf_counter()
    for command in commands:
        process = subprocess.Popen(
            command, cwd=PROJECT.root, env=os.environ | env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        drain = threading.Thread(target=lambda p=process: said.append(p.stdout.read()))
        drain.start()
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.1)
        drain.join()
        if process.returncode:
            raise RuntimeError(f"{command}: status {process.returncode}\n{said[-1]}")
    return time.perf_counter() - start, peak, "".join(said)


def _empty(folder: Path, count: int) -> list[str]:
    """Command that runs as many empty notebooks, which it makes."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for i in range(count):
        nbformat.write(nb, folder / f"n{i}.ipynb")
    return [sys.executable, "-c", EMPTY.format(folder=str(folder), count=count, jobs=JOBS)]


def _papermill(paths: list[Path], folder: Path) -> list[list[str]]:
    return [
        [sys.executable, "-m", "papermill", str(p), str(folder / f"out-{p.name}")] for p in paths
    ]


def _contestants(folder: Path) -> dict[str, tuple[list[list[str]], dict[str, str]]]:
    """What runs in every round: commands and environment by name, the floor first."""
    whole = [sys.executable, "-m", "clofarabine", "reproduce", "--build", str(folder / "full")]
    return {
        FLOOR: ([_empty(folder, len(PROJECT.steps))], ORDINARY),
        WHOLE: ([[*whole, "--jobs", str(JOBS), "--no-cache", "--verbose"]], {}),
        "pipeline, nothing changed": ([[*whole, "--jobs", str(JOBS)]], {}),
    }


def _peers(folder: Path) -> dict[str, tuple[list[list[str]], dict[str, str]]]:
    """What runs once, because it takes minutes."""
    paths, build = [s.path for s in PROJECT.steps], str(folder / "once")
    whole = [sys.executable, "-m", "clofarabine", "reproduce", "--build", build, "--no-cache"]
    jupyter = [sys.executable, "-m", "jupyter", "execute"]
    return {
        f"pipeline, {JOBS} jobs, kernels not forked": ([[*whole, "--jobs", str(JOBS)]], ORDINARY),
        "pipeline, 1 job": ([[*whole, "--jobs", "1"]], {}),
        "papermill, notebook by notebook": (_papermill(paths, folder), {}),
        "jupyter execute, notebook by notebook": (
            [[*jupyter, str(p), f"--output={folder / p.stem}"] for p in paths], {},
        ),
    }  # fmt: skip


FLOOR, WHOLE = "floor: as many empty notebooks", f"pipeline, {JOBS} jobs"


def record(said: str) -> Record:
    """When each notebook began and ended, in seconds, as `reproduce --verbose` prints it."""
    lines = re.findall(r"^(\w+): ([\d.]+) s to ([\d.]+) s$", said, re.M)
    return {name: (float(a), float(b)) for name, a, b in lines}


def critical(took: Record) -> list[str]:
    """Names of the notebooks of which each waits for the one before, the longest such chain."""
    writer = {t: s.name for s in PROJECT.steps for t in s.writes}
    before = {s.name: {writer[t] for t in s.reads if t in writer} for s in PROJECT.steps}

    def longest(name: str) -> tuple[float, list[str]]:
        own = took[name][1] - took[name][0]
        seconds, path = max((longest(b) for b in before[name]), default=(0.0, []))
        return seconds + own, [*path, name]

    return max(longest(s.name) for s in PROJECT.steps)[1]


def _path(took: Record, floor: float) -> list[str]:
    """Where the time goes, as a table and a drawing of the critical path."""
    chain = critical(took)
    curves.bars("pipeline", took, set(chain), floor)
    end = max(b for _, b in took.values())
    seconds = sum(took[n][1] - took[n][0] for n in chain)
    lines = ["When each notebook ran, in seconds; on the critical path each waits for the one "
             "before.", "", "| notebook | began | ended | took | critical path |",
             "|---|--:|--:|--:|---|"]  # fmt: skip
    for name, (a, b) in took.items():
        lines.append(f"| {name} | {a:.1f} | {b:.1f} | {b - a:.1f} | {'yes' * (name in chain)} |")
    return [
        *lines, "",
        f"The critical path takes {seconds:.1f} of {end:.1f} s: at these times no order of the "
        "notebooks ends sooner.", "", "![When each notebook ran](pipeline.svg)", "",
    ]  # fmt: skip


def _growth() -> list[str]:
    """The machinery alone, by the number of notebooks, forked and not, beside papermill."""
    ways: dict[str, list[float]] = {"kernels forked": [], "not forked": [], "papermill": []}
    for count in NUMBERS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            command = _empty(folder, count)
            paths = [folder / f"n{i}.ipynb" for i in range(count)]
            ways["kernels forked"].append(_run([command], {})[0])
            ways["not forked"].append(_run([command], ORDINARY)[0])
            ways["papermill"].append(_run(_papermill(paths, folder), {})[0])
    curves.lines("notebooks", "empty notebooks", "seconds", NUMBERS, ways)
    head = " | ".join(ways)
    lines = [f"| empty notebooks | {head} |", "|--:|--:|--:|--:|"]
    for i, count in enumerate(NUMBERS):
        lines.append(f"| {count} | {' | '.join(f'{w[i]:.1f}' for w in ways.values())} |")
    return [
        "The machinery alone, in seconds:", "", *lines, "",
        "![Seconds by the number of empty notebooks](notebooks.svg)", "",
    ]  # fmt: skip


def main() -> str:
    """Time every contestant in turn, round by round, and return the tables as Markdown."""
    seconds: dict[str, list[float]] = {}
    peaks: dict[str, list[int]] = {}
    took: Record = {}
    for r in range(ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            ways = _contestants(Path(name))
            if PEERS and r == 0:
                ways |= _peers(Path(name))
            for way, (commands, env) in ways.items():
                wall, peak, said = _run(commands, env)
                print(f"  {way}: {wall:.1f} s", file=sys.stderr)
                seconds.setdefault(way, []).append(wall)
                peaks.setdefault(way, []).append(peak)
                if way == WHOLE and wall == min(seconds[way]):
                    took = record(said)
    floors = seconds[FLOOR]
    lines = [
        f"{len(PROJECT.steps)} notebooks, {JOBS} processors, median of {ROUNDS} rounds (what took "
        "minutes: once). Brackets:",
        "the smallest and largest ratio. Memory: peak of all processes together.",
        "",
        "| | seconds | times the floor | memory, MB |",
        "|---|--:|--:|--:|",
    ]
    for way, walls in seconds.items():
        ratios = [a / b for a, b in zip(walls, floors, strict=False)]
        spread = f"{statistics.median(ratios):.2f}"
        if len(ratios) > 1:
            spread += f" ({min(ratios):.2f}–{max(ratios):.2f})"
        memory = statistics.median(peaks[way]) / 1e6
        lines.append(f"| {way} | {statistics.median(walls):.1f} | {spread} | {memory:.0f} |")
    lines += ["", *_path(took, statistics.median(floors)), *_growth()]
    packages = ("papermill", "nbclient", "ipykernel", "jupyter-client")
    lines.append("Versions: " + ", ".join(f"{p} {version(p)}" for p in packages) + ".")
    return "\n".join(lines)
