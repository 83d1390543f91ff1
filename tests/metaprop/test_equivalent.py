"""The printed R lines give what is printed beside them."""

import subprocess

import numpy as np
import pytest
from conftest import need
from numpy.testing import assert_allclose

from metaprop.effectsize import INVERSES, SCALES
from metaprop.equivalent import UNNAMED, meta_call, metafor_call, r_call, sentence
from metaprop.heterogeneity import heterogeneity
from metaprop.method import CI_METHODS, TAU2_METHODS, Method
from metaprop.pooling import pool_proportions

X, N = [7, 6, 0, 2, 11], [61, 65, 4, 43, 26]
# Every estimator, scale, interval and inverse once at least; metafor advises against knha with CE.
METHODS = [
    *(Method(s, t) for s in SCALES for t in TAU2_METHODS if t not in UNNAMED),
    *(Method("PFT", "DL", "wald", i) for i in INVERSES),
    *(Method(s, "REML", c) for s in SCALES for c in CI_METHODS[1:]),
]


def _r(blocks: list[str]) -> list[np.ndarray]:
    """Numbers of `predict` and of `confint` that each block of lines prints in R."""
    last = "ends <- if (is.null(p$pi.lb)) c(NaN, NaN) else c(p$pi.lb, p$pi.ub)\n"
    last += "cat(p$pred, p$ci.lb, p$ci.ub, ends, fit$tau2, fit$I2, fit$QE, q$random[3, 2:3],"
    last += ' q$random[1, 2:3], "\\n")'
    script = ["suppressPackageStartupMessages(library(metafor)); options(digits=15)"]
    for block in blocks:
        lines = [line.partition("#")[0] for line in block.splitlines()]
        assert lines[-2].startswith("predict(")
        assert lines[-1].startswith("confint(")
        script += [*lines[:-2], f"p <- {lines[-2]}"]
        tight = lines[-1].rstrip().removesuffix(")") + ", control=list(tol=1e-12, maxiter=10000))"
        script += [f"q <- {tight}", last]
    done = subprocess.run([need("Rscript"), "-"], input="\n".join(script), capture_output=True,
                          text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [
        np.array([float(v.replace("NA", "nan")) for v in row.split()])
        for row in done.stdout.splitlines()
    ]


def _numbers(x: list[int], n: list[int], method: Method) -> list[float]:
    found, more = pool_proportions(x, n, method), heterogeneity(x, n, method)
    return [
        found.estimate, found.lower, found.upper, found.pi_lower, found.pi_upper,
        more.tau2, 100 * more.i2, more.q, 100 * more.i2_lower, 100 * more.i2_upper,
        more.tau2_lower, more.tau2_upper,
    ]  # fmt: skip


def test_the_lines_give_the_numbers():
    rows = _r([metafor_call(X, N, m) for m in METHODS])
    for method, row in zip(METHODS, rows, strict=True):
        want = _numbers(X, N, method)
        assert_allclose(row, want, rtol=1e-6, atol=1e-9, err_msg=str(method))


def test_two_rows_have_no_prediction_interval():
    (row,) = _r([metafor_call([3, 9], [20, 30], Method())])
    want = np.array(_numbers([3, 9], [20, 30], Method()))
    known = np.isfinite(want)
    assert list(np.flatnonzero(~known)) == [3, 4]
    assert_allclose(row[known], want[known], rtol=1e-6, atol=1e-9)
    assert "no prediction interval with fewer than three rows" in sentence(2, Method())


def test_meta_has_no_other_inverse_and_says_so():
    assert "harmonic mean of n alone" in meta_call(Method("PFT", inverse="sin2"))
    assert 'sm="PFT"' in meta_call(Method("PFT"))


@pytest.mark.parametrize(
    ("method", "parts"),
    [
        (Method("PLO", "REML"), ['sm="PLOGIT"', 'method.tau="REML"', 'method.predict="HTS"']),
        (Method(tau2_method="CE"), ["common=TRUE", "random=FALSE"]),
        (
            Method(ci_method="hartung-knapp-adhoc"),
            ['method.random.ci="HK"', 'adhoc.hakn.ci="se"', 'method.predict="HK-PR"'],
        ),
    ],
)
def test_meta_is_asked_for_the_same(method, parts):
    line = r_call(X, N, method, "wilson").splitlines()[-1]
    assert all(p in line for p in [*parts, 'method="Inverse"', 'method.ci="WS"'])


def test_a_model_without_a_scale_has_no_such_line():
    with pytest.raises(ValueError, match="scale: found 'GLMM', expected one of PAS"):
        r_call(X, N, Method("GLMM", "ML", "wald", "none"))
