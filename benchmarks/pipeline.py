"""The pipeline's wall time and memory against its floor and against notebook-by-notebook tools."""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import nbformat

from clofarabine.__main__ import project
from compendium import run

PROJECT = project()
TITLE = "The pipeline"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
JOBS = os.cpu_count() or 1

FLOOR = """
import sys
from pathlib import Path
from compendium.schedule import run_all
from compendium.steps import Project, Step
here = Path({folder!r})
steps = tuple(Step(f"n{{i}}", folder=here) for i in range({count}))
run_all(Project("empty", here, steps), steps, build=here / "build", jobs={jobs})
"""


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


# Kernels started the ordinary way, as the floor's are.
ORDINARY = {"COMPENDIUM_FORK": "0"}


def _run(*commands: list[str], cwd: Path, env: dict[str, str]) -> tuple[float, int]:
    """Seconds that commands take one after the other, and the peak of their memory in bytes."""
    peak, start = 0, time.perf_counter()
    for command in commands:
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | env,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.2)
        drain.join()
        if process.returncode:
            raise RuntimeError(f"{command}: status {process.returncode}")
    return time.perf_counter() - start, peak


def _contestants(folder: Path) -> dict[str, list[list[str]]]:
    python, names = sys.executable, [s.path for s in PROJECT.steps]
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")])
    empty.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for i in range(len(names)):
        nbformat.write(empty, folder / f"n{i}.ipynb")
    floor = FLOOR.format(folder=str(folder), count=len(names), jobs=JOBS)
    build = str(folder / "full")
    whole = [python, "-m", "clofarabine", "reproduce", "--build", build, "--jobs"]
    return {
        "floor: as many empty notebooks": [[python, "-c", floor]],
        f"pipeline, {JOBS} jobs": [[*whole, str(JOBS), "--no-cache"]],
        f"pipeline, {JOBS} jobs, kernels not forked": [[*whole, str(JOBS), "--no-cache"]],
        "pipeline, 1 job": [[*whole, "1", "--no-cache"]],
        "pipeline, nothing changed": [[*whole, str(JOBS)]],
        "papermill, notebook by notebook": [
            [python, "-m", "papermill", str(p), str(folder / p.name)] for p in names
        ],
        "jupyter execute, notebook by notebook": [
            [python, "-m", "jupyter", "execute", str(p), f"--output={folder / p.stem}"]
            for p in names
        ],
    }


def _profile() -> list[str]:
    """Where the time goes: each notebook alone, cell by cell."""
    lines = ["| notebook | seconds | starting the kernel | slowest cell |", "|---|--:|--:|--:|"]
    tables = PROJECT.committed_tables()
    for step in PROJECT.steps:
        marks = [time.perf_counter()]
        with tempfile.TemporaryDirectory() as build:
            run.run_step(
                PROJECT, step, tables, build=Path(build),
                on_cell=lambda m=marks: m.append(time.perf_counter()),
            )  # fmt: skip
        cells = [b - a for a, b in itertools.pairwise(marks)]
        slowest = max(range(1, len(cells)), key=cells.__getitem__)
        lines.append(
            f"| {step.name} | {marks[-1] - marks[0]:.1f} | {cells[0]:.1f} "
            f"| {cells[slowest]:.1f} (cell {slowest + 1}) |"
        )
    return lines


def main() -> str:
    """Time every contestant in turn, round by round, and return the tables as Markdown."""
    seconds, peaks = {}, {}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            for name, commands in _contestants(Path(folder)).items():
                ordinary = "floor" in name or "not forked" in name
                env = ORDINARY if ordinary else {}
                took, peak = _run(*commands, cwd=PROJECT.root, env=env)
                seconds.setdefault(name, []).append(took)
                peaks.setdefault(name, []).append(peak)
    floor = next(iter(seconds.values()))
    lines = [
        f"{len(PROJECT.steps)} notebooks, {JOBS} processors, median of {ROUNDS} rounds; brackets:",
        "the smallest and largest ratio. Memory: peak of all processes together.",
        "",
        "| | seconds | times the floor | memory, MB |",
        "|---|--:|--:|--:|",
    ]
    for name, took in seconds.items():
        ratios = [a / b for a, b in zip(took, floor, strict=True)]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        memory = statistics.median(peaks[name]) / 1e6
        lines.append(f"| {name} | {statistics.median(took):.1f} | {spread} | {memory:.0f} |")
    lines += ["", "Where the time goes, each notebook alone, in seconds:", "", *_profile(), ""]
    packages = ("papermill", "nbclient", "ipykernel", "jupyter-client")
    lines.append("Versions: " + ", ".join(f"{p} {version(p)}" for p in packages) + ".")
    return "\n".join(lines)
