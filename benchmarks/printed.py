"""What printed this: the search against enumeration per scale, ranges against a listing, growth."""

import os
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from metaprop.counts import ranges, witness
from metaprop.method import Method
from metaprop.pooling import pool_proportions
from metaprop.printed import problem, quantities, read, solve, which
from metaprop.printed.answer import EXACT
from metaprop.printed.values import holds

TITLE = "What printed this?"
EXAMPLES = Path(__file__).parent.parent / "data" / "examples"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
N = (24, 40, 18, 60, 33, 12, 50, 28, 90, 45)
X = (5, 12, 2, 20, 6, 4, 9, 8, 31, 10)


def built(scale: str, free: int, k: int) -> tuple[problem.Problem, problem.Candidate]:
    """k rows of made-up counts, the first ones free, printed under REML at 0 decimals."""
    n, x = (np.resize(a, k) for a in (N, X))
    method = Method(scale, "REML", "wald", "harmonic")
    found = pool_proportions(x, n, method)
    rows = pd.DataFrame({"label": [f"r{i}" for i in range(k)], "n": n, "x_min": x, "x_max": x})
    rows.loc[: free - 1, "x_min"] = 0
    rows.loc[: free - 1, "x_max"] = n[:free]
    lines = [("all", scale, q, f"{100 * getattr(found, q):.0f}")
             for q in ("estimate", "lower", "upper")]  # fmt: skip
    printed = pd.DataFrame(lines, columns=read.PRINTED_COLUMNS)
    return problem.build(read.check_rows(rows), read.check_printed(printed, rows), "half-up"), (
        problem.Candidate(method)
    )


def _median(call) -> tuple[float, object]:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def plain(own: problem.Problem, candidate: problem.Candidate) -> int:
    """How many vectors of the grid print as printed, every one tried by batched pooling."""
    grid = np.indices(own.high - own.low + 1).reshape(len(own.n), -1).T + own.low
    return int(holds(own, candidate, grid.astype(np.int32)).sum())


def _scales() -> list[str]:
    lines = ["| scale | grid | vectors | enumeration, s | search, s | ratio |",
             "|---|--:|--:|--:|--:|--:|"]  # fmt: skip
    for scale in read.SUPPORTED:
        own, candidate = built(scale, 4, 6)
        slow, wanted = _median(lambda o=own, c=candidate: plain(o, c))
        fast, found = _median(lambda o=own, c=candidate: solve.solve(o, c, 10**7))
        assert len(found.vectors) == wanted
        grid = int(np.prod(own.high - own.low + 1))
        cells = (scale, f"{grid:,}", f"{wanted:,}", f"{slow:.2f}", f"{fast:.3f}",
                 f"{slow / fast:.0f}")  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _ranges(own: problem.Problem, candidate: problem.Candidate) -> tuple[int, int]:
    """How many ends of ranges there are, and how many of them are exact."""
    found = witness.decided([solve.solve(own, candidate, 0)])
    spans = [ranges.span(found, i) for i in range(len(own.n))]
    exact = sum((s.low == s.seen_low) + (s.high == s.seen_high) for s in spans)
    return 2 * len(spans), exact


def _growth() -> list[str]:
    lines = ["| rows | free | scale | ranges, s | times a listing | ends | exact ends |",
             "|--:|--:|---|--:|--:|--:|--:|"]  # fmt: skip
    for k, free in ((6, 4), (10, 4), (10, 7), (10, 10), (20, 20), (30, 30)):
        for scale in ("PAS", "PLO"):
            own, candidate = built(scale, free, k)
            seconds, (ends, exact) = _median(lambda o=own, c=candidate: _ranges(o, c))
            listing, found = _median(lambda o=own, c=candidate: solve.solve(o, c, 10**7))
            ratio = "too large" if found.vectors is None else f"{seconds / listing:.1f}"
            lines.append(f"| {k} | {free} | {scale} | {seconds:.2f} | {ratio} | {ends} | {exact} |")
    return lines


def _paper() -> list[str]:
    """The example of this repository with every documented row set free, under all methods."""
    rows = read.rows(EXAMPLES / "printed_rows.csv").assign(x_min=0)
    rows["x_max"] = rows["n"]
    printed = read.printed(EXAMPLES / "printed_numbers.csv", rows)
    start, busy = time.perf_counter(), time.process_time()
    answer = which(rows, printed)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    found = answer.methods["found"]
    told = answer.ranges.assign(n=rows["n"])
    wide = (told["x_max"] - told["x_min"]).sum() / told["n"].sum()
    seen = (told["seen_max"] - told["seen_min"]).sum() / told["n"].sum()
    ends = (told["x_min"] == told["seen_min"]).sum() + (told["x_max"] == told["seen_max"]).sum()
    return [
        f"The paper's children, CR, every documented row set free ({len(rows)} rows, "
        f"{float((rows['n'] + 1.0).prod()):.1g} vectors), {answer.tried} methods: {seconds:.0f} s, "
        f"{busy:.0f} s of processor time. {answer.tried - len(found)} methods are proved "
        f"impossible, {(found == 'a witness').sum()} have a vector that was found, "
        f"{(found == 'undecided').sum()} are undecided. {ends} of {2 * len(rows)} ends are exact; "
        f"the certified ranges cover {100 * wide:.0f}% of 0 to n, what was seen {100 * seen:.0f}%."
    ]


def _listing() -> list[str]:
    own, candidate = built("PAS", 5, 8)
    listed, found = _median(lambda: solve.solve(own, candidate, 10**7))
    without, (ends, exact) = _median(lambda: _ranges(own, candidate))
    size = "more than the limit" if found.vectors is None else f"{len(found.vectors):,}"
    (open_,) = witness.decided([solve.solve(own, candidate, 0)])
    asked, told = _median(lambda: quantities.table(own, [(candidate, open_)]))
    closed = told["certified"].str.startswith(EXACT).sum()
    return [
        f"Five free rows of eight, PAS: a listing ({size} vectors) takes {listed:.2f} s, the "
        f"ranges without it {without:.2f} s ({exact} of {ends} ends exact), those of the estimate, "
        f"tau², I² and prediction limits {asked:.2f} s ({closed} of {len(told)} closed)."
    ]


def main() -> str:
    """The section of RESULTS.md."""
    built("PAS", 2, 4)
    solve.solve(*built("PAS", 2, 4), 10**6)  # compiled before it is timed
    _ranges(*built("PAS", 3, 4))
    parts = [
        f"Median of {ROUNDS} rounds, {os.cpu_count()} processors, REML with Wald intervals, "
        "made-up counts printed at 0 decimals.",
        "",
        *_scales(),
        "",
        *_listing(),
        "",
        "Ranges without listing, as rows are added and set free:",
        "",
        *_growth(),
        "",
        *_paper(),
        "",
        f"numba {version('numba')}, numpy {version('numpy')}.",
    ]
    return "\n".join(parts)
