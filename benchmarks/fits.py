"""Random-effects fits per second: this package, R metafor, statsmodels and PyMARE, side by side."""

import json
import os
import shutil
import statistics
import subprocess
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator
from statsmodels.stats.meta_analysis import combine_effects

from clofarabine.tables import store
from metaprop import effectsize, kernels, pooling

TITLE = "Random-effects fits per second"
ROUNDS = int(os.environ.get("ROUNDS", "5"))
# Sets of 12 studies that each tool gets in a round: some seconds' worth in all. PyMARE
# gets two batches, because the larger one leaves the processor's cache.
SETS = {"clofarabine": 200_000, "statsmodels": 300, "R": 300}


def sets(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Effects and variances, shape (count, k), of studies as large as the paper's."""
    rng = np.random.default_rng(2023)
    studies = store.load("table1_studies")
    n = studies["target_paediatric"].to_numpy(int)
    p = 1 / (1 + np.exp(-rng.normal(-1, 0.7, (count, len(n)))))
    return effectsize.transform(rng.binomial(n, p), n, "PAS")


def _timed(call, count: int) -> tuple[float, np.ndarray]:
    with np.errstate(invalid="ignore"):  # statsmodels takes roots of what it has no use for
        start = time.perf_counter()
        tau2 = call()
        return count / (time.perf_counter() - start), np.asarray(tau2)


def _ours(method, y, v):
    return _timed(lambda: pooling.pool(y, v, tau2_method=method).tau2, len(y))


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


def _compiled_share(method, y, v) -> float:
    """Share of `pool` that the compiled rows take, both threaded alike."""
    code, out = getattr(kernels, method), np.empty((len(y), 6))
    shares = []
    for _ in range(ROUNDS):
        whole = len(y) / _ours(method, y, v)[0]
        start = time.perf_counter()
        pooling._each_row(partial(kernels.pool_rows, code), y, v, out)
        shares.append((time.perf_counter() - start) / whole)
    return statistics.median(shares)


def _row(name: str, rates: list[float], ours: list[float] | None, agree: str) -> str:
    cells = [name, f"{statistics.median(rates):,.0f}"]
    if ours:  # round by round, so that what slows the machine slows both
        ratios = [a / b for a, b in zip(ours, rates, strict=True)]
        cells.append(f"{statistics.median(ratios):,.0f} ({min(ratios):,.0f}–{max(ratios):,.0f})")
    else:
        cells.append("1")
    return "| " + " | ".join([*cells, agree]) + " |"


def main() -> str:
    """Run all tools in turn, round by round, and return the table as Markdown."""
    y, v = sets(SETS["clofarabine"])
    lines = [f"Sets of {y.shape[1]} studies, arcsine transformed; median of {ROUNDS} rounds,",
             "in brackets the smallest and largest ratio of a round. Same tau² to what the default "
             "stopping rules of the iterative ones leave.", ""]  # fmt: skip
    for method in ("DL", "REML"):
        tools = {"this package": (_ours, SETS["clofarabine"])}
        batches = (20_000, 200_000) if method == "DL" else (300,)  # its REML is a loop
        tools |= {f"PyMARE, batch of {b:,}": (_pymare, b) for b in batches}
        if method == "DL":  # statsmodels has no REML
            tools["statsmodels, loop"] = (_statsmodels, SETS["statsmodels"])
        if shutil.which("Rscript"):
            tools["R metafor, loop"] = (_metafor, SETS["R"])
        _ours(method, y[:10], v[:10])  # compiles
        rates, agree = {name: [] for name in tools}, {"this package": ""}
        for _ in range(ROUNDS):
            for name, (run, count) in tools.items():
                rate, tau2 = run(method, y[:count], v[:count])
                rates[name].append(rate)
                if name == "this package":
                    reference = tau2
                else:
                    close = np.isclose(np.maximum(tau2, 0), reference[:count], rtol=5e-3, atol=5e-5)
                    agree[name] = f"{close.sum()} of {count}"
        lines += [f"| {method} | fits per second | times slower than this package | same tau² |",
                  "|---|--:|--:|--:|"]  # fmt: skip
        ours = rates["this package"]
        share = _compiled_share(method, y, v)
        lines += [_row(n, r, None if r is ours else ours, agree[n]) for n, r in rates.items()]
        lines += [
            "",
            f"Of this package's time with {method}, {share:.0%} is the compiled fit; the rest",
            "checks the input and adds limits, p of Q, I² and H², which PyMARE's fit has not.",
            "",
        ]
    packages = [f"{p} {version(p)}" for p in ("numpy", "numba", "statsmodels", "pymare")]
    said = getattr(_metafor, "versions", "no R")
    lines.append("Versions: " + ", ".join([*packages, said]) + ".")
    return "\n".join(lines)


if __name__ == "__main__":
    print(Path(__file__).stem, main(), sep="\n")
