"""Random-effects fits per second: this package and its peers, side by side."""

import json
import os
import shutil
import statistics
import subprocess
import time
import tracemalloc
from importlib.metadata import version
from pathlib import Path

import curves
import numpy as np
import pimeta
from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator
from statsmodels.stats.meta_analysis import combine_effects

from clofarabine.tables import store
from metaprop import effectsize, pooling

TITLE = "Random-effects fits per second"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
# Sets of studies that tools get in a round, some seconds' worth in all. Batches come in two sizes,
# because the larger one leaves the processor's cache.
BATCHES, LOOP, SLOW_LOOP = (20_000, 200_000), 300, 30
MANY = 1_000_000  # fits of which the memory is shown
SIZES, STUDIES = (1, 100, 10_000, 1_000_000), (3, 12, 50, 200)  # of the growth curves
_SECONDS = 0.2  # a batch is fitted again and again for so long; the fastest counts


def sets(count: int, k: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Effects and variances of studies as large as the paper's, (count, k); k = 0: as many."""
    rng = np.random.default_rng(2023)
    n = store.load("table1_studies")["target_paediatric"].to_numpy(int)
    n = rng.choice(n, k) if k else n
    p = 1 / (1 + np.exp(-rng.normal(-1, 0.7, (count, len(n)))))
    return effectsize.transform(rng.binomial(n, p), n, "PAS")


def _timed(call, count: int) -> tuple[float, np.ndarray]:
    """Fits per second of the fastest call, and what it gives."""
    best, end = float("inf"), time.perf_counter() + _SECONDS
    with np.errstate(invalid="ignore"):  # statsmodels takes roots of what it has no use for
        while True:
            start = time.perf_counter()
            tau2 = call()
            now = time.perf_counter()
            best = min(best, now - start)
            if now > end:
                return count / best, np.asarray(tau2)


def _ours(method, y, v):
    return _timed(lambda: pooling.pool(y, v, tau2_method=method).tau2, len(y))


def _everything(method, y, v):
    def call():
        fit = pooling.pool(y, v, tau2_method=method)
        return (fit.tau2, fit.lower, fit.upper, fit.q_p, fit.i2, fit.h2)[0]

    return _timed(call, len(y))


def _pymare(method, y, v):
    if method == "REML":
        estimator = VarianceBasedLikelihoodEstimator(method="REML")
    else:
        estimator = DerSimonianLaird()
    one = np.ones((y.shape[1], 1))
    return _timed(lambda: estimator.fit(y.T, v=v.T, X=one).params_["tau2"].ravel(), len(y))


def _statsmodels(_method, y, v):
    return _timed(
        lambda: [combine_effects(a, b, method_re="dl").tau2 for a, b in zip(y, v, strict=True)],
        len(y),
    )


def _pimeta(method, y, v):
    return _timed(
        lambda: [
            float(pimeta.rma(yi=a, vi=b, method=method).tau2) for a, b in zip(y, v, strict=True)
        ],
        len(y),
    )


R_LOOP = """
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
d <- fromJSON(file("stdin"))
fit <- function() sapply(seq_len(nrow(d$y)), function(i)
  rma(d$y[i, ], d$v[i, ], method = d$method)$tau2)
seconds <- system.time(tau2 <- fit())[["elapsed"]]
cat(toJSON(list(rate = nrow(d$y) / seconds, tau2 = tau2,
  versions = paste0("R ", getRversion(), ", metafor ", packageVersion("metafor"))),
  auto_unbox = TRUE, digits = NA))
"""


def _metafor(method, y, v):
    given = json.dumps({"y": y.tolist(), "v": v.tolist(), "method": method})
    done = subprocess.run(
        ["Rscript", "-e", R_LOOP], input=given, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    _metafor.versions = said["versions"]
    return said["rate"], np.array(said["tau2"])


def _tools(method: str) -> dict[str, tuple]:
    """What is timed with an estimator: function, sets, and the row of this package it faces."""
    tools = {}
    batches = BATCHES if method == "DL" else BATCHES[-1:]
    for count in batches:
        own = f"this package, batch of {count:,}"
        tools[own] = (_ours, count, own)
        tools[f"{own}, all results asked for"] = (_everything, count, own)
        if method == "DL":
            tools[f"PyMARE, batch of {count:,}"] = (_pymare, count, own)
    if method == "DL":  # statsmodels has no REML
        tools["statsmodels, loop"] = (_statsmodels, LOOP, own)
    else:
        tools["PyMARE, a loop of its own"] = (_pymare, LOOP, own)
    tools["pimeta, loop"] = (_pimeta, SLOW_LOOP, own)
    if shutil.which("Rscript"):
        tools["R metafor, loop"] = (_metafor, LOOP, own)
    return tools


def _compared(method: str, y: np.ndarray, v: np.ndarray) -> list[str]:
    """Table of all tools with one estimator, measured in turn, round by round."""
    tools, agree = _tools(method), {}
    rates: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(ROUNDS):
        reference = pooling.pool(y, v, tau2_method=method).tau2
        for name, (run, count, _own) in tools.items():
            rate, tau2 = run(method, y[:count], v[:count])
            rates[name].append(rate)
            close = np.isclose(np.maximum(tau2, 0), reference[:count], rtol=5e-3, atol=5e-5)
            agree[name] = f"{close.sum():,} of {count:,}"
    lines = [f"| {method} | fits per second | times slower than this package | same tau² |",
             "|---|--:|--:|--:|"]  # fmt: skip
    for name, (_run, _count, own) in tools.items():
        # round by round, so that what slows the machine slows both
        ratios = [a / b for a, b in zip(rates[own], rates[name], strict=True)]
        ratio = f"{_short(statistics.median(ratios))} ({_short(min(ratios))}–{_short(max(ratios))})"
        cells = [name, f"{statistics.median(rates[name]):,.0f}", "1" if own == name else ratio]
        lines.append("| " + " | ".join([*cells, "" if own == name else agree[name]]) + " |")
    return [*lines, ""]


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.1f}"


def _peak(call) -> float:
    """Largest memory beyond the input while a call runs, in MB."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def _memory() -> str:
    y, v = sets(MANY)
    one = np.ones((y.shape[1], 1))
    own = _peak(lambda: pooling.pool(y, v))
    other = _peak(lambda: DerSimonianLaird().fit(y.T, v=v.T, X=one))
    given = (y.nbytes + v.nbytes) / 1e6
    return (
        f"Memory for {MANY:,} DL fits beside the input of {given:.0f} MB, at its peak: "
        f"{own:.0f} MB, PyMARE {other:.0f} MB."
    )


def _growth() -> list[str]:
    """DL by the number of sets and of studies, as a table each and a drawing."""
    y, v = sets(max(SIZES))
    ways = {"this package": _ours, "PyMARE": _pymare, "statsmodels": _statsmodels}
    lines = []
    for name, label, at in (("fits-sets", "sets", SIZES), ("fits-k", "studies", STUDIES)):
        rates: dict[str, list[float | None]] = {w: [] for w in ways}
        for size in at:
            a, b = (y[:size], v[:size]) if label == "sets" else sets(BATCHES[0], size)
            for way, run in ways.items():
                few = min(len(a), LOOP) if way == "statsmodels" else len(a)
                skip = few < len(a) and label == "sets"  # a loop's rate does not grow
                rates[way].append(None if skip else run("DL", a[:few], b[:few])[0])
        curves.lines(name, label, "DL fits per second", at, rates)
        lines += [f"| {label} | {' | '.join(ways)} |", "|--:|--:|--:|--:|"]
        for i, size in enumerate(at):
            cells = ("" if r[i] is None else f"{r[i]:,.0f}" for r in rates.values())
            lines.append(f"| {size:,} | {' | '.join(cells)} |")
        what = f"DL fits per second by the number of {label}"
        lines += ["", f"![{what}]({name}.svg)", ""]
    return lines


def main() -> str:
    """Run all tools in turn, round by round, and return the tables as Markdown."""
    y, v = sets(BATCHES[-1])
    lines = [
        f"Sets of {y.shape[1]} studies, arcsine transformed; median of {ROUNDS} rounds,",
        "in each the fastest call; in brackets the smallest and largest ratio of a round. Same",
        "tau² to what the default stopping rules of the iterative ones leave. A fit is tau² and",
        "the pooled effect with its standard error, as PyMARE has it; all results add limits,",
        "p of Q, I² and H².",
        f"This package uses {os.cpu_count()} processors from {pooling._SPLIT:,} sets on.",
        "",
    ]
    for method in ("DL", "REML"):
        lines += _compared(method, y, v)
    growth = _growth()
    lines += [_memory(), "", f"DL with more sets (of {y.shape[1]} studies), and with more studies "
              f"(in {BATCHES[0]:,} sets), in fits per second:", "", *growth]  # fmt: skip
    packages = [f"{p} {version(p)}" for p in ("numpy", "numba", "statsmodels", "pymare", "pimeta")]
    said = getattr(_metafor, "versions", "no R")
    lines.append("Versions: " + ", ".join([*packages, said]) + ".")
    return "\n".join(lines)


if __name__ == "__main__":
    print(Path(__file__).stem, main(), sep="\n")
