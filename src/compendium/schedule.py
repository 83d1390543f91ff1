"""Run steps in the order of what flows between them, some at a time, with a bar of progress."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from . import notebooks
from .run import Run, find_all, run_step
from .steps import Project, Step
from .warm import Warm, stop_all

# How far, how long, and what is under way: no guess of when it ends, which swings with each cell.
BAR = "{desc}: |{bar}| {n_fmt}/{total_fmt} {unit}, {elapsed}{postfix}"


class _Progress:
    """A bar over the cells of all notebooks that names those under way and how far each is."""

    def __init__(self, totals: dict[str, int]) -> None:
        self.totals, self.done = totals, Counter[str]()
        self.running: list[str] = []
        from tqdm import tqdm

        self.bar = tqdm(
            total=sum(totals.values()), unit="cells", desc="notebooks", file=sys.stderr,
            bar_format=BAR,
        )  # fmt: skip

    def show(self) -> None:
        """Draw the bar, on a terminal only; a log gets a line when something happens."""
        if sys.stderr.isatty():
            self.bar.refresh()

    def _say(self) -> None:
        now = (f"{n.partition('_')[0]} {self.done[n]}/{self.totals[n]}" for n in self.running)
        self.bar.set_postfix_str("  ".join(now), refresh=False)

    def start(self, name: str) -> None:
        """Count a notebook among those under way."""
        self.running.append(name)
        self._say()

    def cell(self, name: str) -> None:
        """Count one more cell of a notebook."""
        self.done[name] += 1
        self._say()
        self.bar.update()

    def end(self, name: str) -> None:
        """Count all that is left of a notebook, such as one that an earlier run had finished."""
        self.running.remove(name)
        self._say()
        self.bar.update(self.totals[name] - self.done[name])
        self.done[name] = self.totals[name]


def run_all(
    project: Project,
    steps: Iterable[Step],
    parameters: dict[str, Any] | None = None,
    *,
    build: Path,
    jobs: int = 1,
    cache: bool = True,
    counts: Path | None = None,
    warm: Warm | None = None,
) -> list[Run]:
    """Run steps, each as soon as the tables it reads are there, at most ``jobs`` at a time.

    Tables of steps that are left out are the committed ones. Results are in the order of the steps
    whatever order they finished in; the first failure stops what runs and what has not started.
    Kernels are forked from ``warm``, or from a process that this call starts and ends if there are
    two notebooks or more.
    """
    steps = list(steps)
    tables = project.committed_tables()
    if cache and not parameters:  # a notebook of which there is a run was checked before it
        nothing = {s.name: {} for s in steps}
        found = find_all(project, steps, tables, nothing, build=build, counts=counts)
        if found:
            return found
    for s in steps:
        notebooks.check(s.path)
    given = notebooks.own_parameters(project, steps, parameters)
    # One notebook alone starts an ordinary kernel sooner: it imports what it needs and no more.
    own = nullcontext(warm) if warm or len(steps) < 2 else Warm(project.preload)
    with own as warm:
        if warm:
            warm.start()
        from . import kernel  # noqa: F401  # papermill, which takes a second; meanwhile warm imports

        start = partial(run_step, project, build=build, cache=cache, counts=counts, warm=warm)
        own_end = getattr(own, "close", None)  # not of a process that others use, too
        return _in_order(steps, given, tables, start, jobs, own_end)


def _in_order(
    steps: list[Step],
    given: dict[str, dict[str, Any]],
    tables: dict[str, Path],
    start: Callable[..., Run],
    jobs: int,
    before_stop: Callable[[], Any] | None = None,
) -> list[Run]:
    """Start each step as soon as the tables it reads are there, with the parameters it is given."""
    waiting, done = list(steps), {}
    running: dict[Future, Step] = {}
    began: dict[str, float] = {}
    zero = time.perf_counter()
    # papermill adds a cell to a notebook whose parameters are set
    progress = _Progress({s.name: notebooks.cells(s.path) + bool(given[s.name]) for s in steps})
    tick = 1 if sys.stderr.isatty() else None
    with progress.bar, ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                unfinished = {t for s in [*waiting, *running.values()] for t in s.writes}
                ready = [s for s in waiting if not unfinished & set(s.reads)]
                for s in ready[: jobs - len(running)]:
                    waiting.remove(s)
                    progress.start(s.name)
                    began[s.name] = time.perf_counter() - zero
                    on_cell = partial(progress.cell, s.name)
                    running[pool.submit(start, s, tables, given[s.name], on_cell=on_cell)] = s
                for job in wait(running, timeout=tick, return_when=FIRST_COMPLETED).done:
                    s = running.pop(job)
                    run = job.result()
                    if not run.cached:
                        seconds = (began[s.name], time.perf_counter() - zero)
                        run = replace(run, seconds=seconds)
                    done[s.name] = run
                    tables |= {t: run.table(t) for t in s.writes}
                    progress.end(s.name)
                progress.show()
        except BaseException:  # a cell that failed, or Ctrl-C: the others need not go on
            if before_stop:
                before_stop()
            stop_all(running)
            raise
    return [done[s.name] for s in steps]
