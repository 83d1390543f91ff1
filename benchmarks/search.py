"""The identified-set search against plain enumeration, and its cost as evidence is taken away."""

import os
import statistics
import time
from importlib.metadata import version

import numpy as np

from clofarabine import reconstruction
from clofarabine.reconstruction import METHODS, Evidence
from clofarabine.tables import load_evidence, store
from metaprop import effectsize, pooling
from metaprop.counts import solve
from metaprop.counts.statement import Printed
from metaprop.method import Method

TITLE = "The identified set"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
POOLED = store.load("pooled_results")
CHUNK = 200_000
# Documented rows in the order in which they are set free, from small to large.
FREED = ("CLO05908", "Suo 2013", "Lu 2016", "CLO-212", "BIOV-111")


def problem(endpoint: str, tau2: str, free: tuple[str, ...] = ()):
    """The paediatric arcsine result and the ranges of its counts, with some rows unknown."""
    e = Evidence.read(load_evidence(), endpoint)
    child = ~e.adult
    low, high = e.low.copy(), e.high.copy()
    for row in free:
        i = e.labels.index(row)
        low[i], high[i] = 0, e.n[i]
    row = POOLED.query("endpoint == @endpoint and population == 'paediatric'").iloc[0]
    method = Method("PAS", tau2, "wald", "sin2")
    printed = Printed(tuple(e.n[child].tolist()), method, reconstruction.limits(row))
    return printed, low[child], high[child]


def enumerate_all(printed, low, high) -> int:
    """Vectors that print as stated, by trying every one with the package's batched pooling."""
    shape = high - low + 1
    count, found = int(np.prod(shape)), 0
    at = printed.rates
    for start in range(0, count, CHUNK):
        index = np.arange(start, min(start + CHUNK, count))
        x = np.stack(np.unravel_index(index, shape), axis=-1) + low
        fit = pooling.pool(*effectsize.transform(x, printed.n, "PAS"), printed.method.tau2_method)
        rates = [effectsize.back_transform(y, "PAS") for y in (fit.estimate, fit.lower, fit.upper)]
        value = np.array(rates)
        found += int(((at[:, :1] <= value) & (value < at[:, 1:])).all(0).sum())
    return found


def _seconds(call) -> tuple[float, object]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _against_enumeration() -> list[str]:
    lines = [
        "| CR, children, arcsine, Wald | vectors tried | found | enumeration / search |",
        "|---|---|---|---|",
    ]
    for tau2 in ("DL", "REML"):
        args = problem("CR", tau2)
        solve.identified_set(*args)  # compiled before it is timed
        ratios = []
        for _ in range(ROUNDS):
            ours, x = _seconds(lambda a=args: solve.identified_set(*a))
            plain, count = _seconds(lambda a=args: enumerate_all(*a))
            assert count == len(x)
            ratios.append(plain / ours)
        grid = int(np.prod(args[2] - args[1] + 1))
        spread = f"{statistics.median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f})"
        lines.append(f"| {tau2} | {grid:,} | {len(x):,} | {spread} |")
    return lines


def _growth() -> list[str]:
    lines = [
        "| documented rows set free (CR, DL) | grid, relative | time, relative | found |",
        "|---|---|---|---|",
    ]
    first = None
    for k in range(len(FREED) + 1):
        args = problem("CR", "DL", FREED[:k])
        grid = float(np.prod((args[2] - args[1] + 1).astype(float)))
        name = ", ".join(FREED[:k]) or "none"
        try:
            runs = [
                _seconds(lambda a=args: solve.identified_set(*a))
                for _ in range(ROUNDS if k < 3 else 1)
            ]
        except solve.TooLarge as refusal:
            lines.append(f"| {name} | {grid / first[0]:,.3g} | refused: {refusal} | |")
            continue
        seconds = min(s for s, _ in runs)
        first = first or (grid, seconds)
        found = len(runs[0][1])
        ratio = f"{seconds / first[1]:,.3g}"
        lines.append(f"| {name} | {grid / first[0]:,.3g} | {ratio} | {found:,} |")
    return lines


def main() -> str:
    """The section of RESULTS.md."""
    evidence = {e: Evidence.read(load_evidence(), e) for e in ("CR", "OR")}

    def both() -> None:
        for e in evidence:
            reconstruction.reconstruct(evidence[e], POOLED, e)

    both()
    whole = [_seconds(both)[0] for _ in range(ROUNDS)]
    return "\n".join(
        [
            "Plain enumeration pools every vector with the package's own batched functions. Both",
            "give the same vectors.",
            "",
            *_against_enumeration(),
            "",
            f"The whole problem ({len(METHODS)} methods, both endpoints, children and adults) took "
            f"{min(whole):.1f} to {max(whole):.1f} s on {os.cpu_count()} processors.",
            "",
            *_growth(),
            "",
            f"numba {version('numba')}, numpy {version('numpy')}.",
        ]
    )
