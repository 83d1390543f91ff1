"""R metafor, the reference of the field, on our rows and on published proportions.

metafor.json is written by oracle/metafor.R with stopping rules so tight that its iterative
estimates no longer move in double precision.
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import need
from numpy.testing import assert_allclose

from clofarabine.tables import load_evidence
from metaprop import effectsize as pr
from metaprop import pooling, small_study, trimfill
from metaprop.method import TAU2_METHODS

HERE = Path(__file__).parents[1] / "oracle"
REFERENCE = json.loads((HERE / "metafor.json").read_text())
PINNED = REFERENCE["sets"]
# The two that metafor has under no name of their own.
UNNAMED = ("DL2", "HM")
NAMED = [m for m in TAU2_METHODS if m not in UNNAMED]
ITERATIVE = ("PM", "REML", "ML")
SCALES = ("PAS", "PFT", "PLO")


@pytest.fixture(scope="module", params=PINNED)
def reference(request):
    return request.param, PINNED[request.param]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", NAMED)
def test_metafor_pools_the_same(reference, scale, method):
    """Closed forms to 1e-10; iterative ones to 1e-8, the error of metafor's own last step (its
    tau² moves by at most 1e-14 absolute, which for small tau² is up to 1e-9 relative).
    """
    _, rows = reference
    want = rows[scale][method]
    tight = {"rtol": 1e-8 if method in ITERATIVE else 1e-10, "atol": 1e-11}
    y, v = pr.transform(rows["x"], rows["n"], scale)
    assert_allclose(y, rows[scale]["y"], rtol=1e-12)
    assert_allclose(v, rows[scale]["v"], rtol=1e-12)
    wald = pooling.pool(y, v, method)
    for name in ("tau2", "estimate", "se", "q", "q_p"):
        assert_allclose(getattr(wald, name), want[name], **tight, err_msg=name)
    assert_allclose([wald.lower, wald.upper], want["wald"], **tight)
    assert_allclose([wald.i2, wald.h2], [want["i2"], want["h2"]], **tight)
    if method == "CE":
        return
    for key, interval in (("t", "t"), ("hk", "hartung-knapp"), ("adhoc", "hartung-knapp-adhoc")):
        fit = pooling.pool(y, v, method, interval)
        assert_allclose([fit.lower, fit.upper], want[key], **tight)
    assert_allclose(wald.prediction("k-2"), want["pi_k2"], **tight)
    assert_allclose(wald.prediction("k-1"), want["pi_k1"], **tight)


@pytest.mark.parametrize("scale", SCALES)
def test_the_two_step_estimator_is_metafors_generalised_q(reference, scale):
    """With weights 1 / (v + tau²) of DerSimonian and Laird (DerSimonian & Kacker 2007)."""
    _, rows = reference
    y, v = pr.transform(rows["x"], rows["n"], scale)
    mine = pooling.pool(y, v, "DL2").tau2
    assert_allclose(mine, max(rows[scale]["two_step"], 0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_hartung_and_makambi_as_they_print_it(reference, scale):
    """tau² = Q² / ((2 (k - 1) + Q) c), c the divisor of DerSimonian and Laird."""
    _, rows = reference
    y, v = pr.transform(rows["x"], rows["n"], scale)
    w, q = 1 / v, pooling.pool(y, v).q
    c = w.sum() - (w**2).sum() / w.sum()
    assert_allclose(pooling.pool(y, v, "HM").tau2, q**2 / ((2 * (len(y) - 1) + q) * c))


@pytest.mark.parametrize("method", NAMED)
def test_metafor_goes_back_the_same(reference, method):
    _, rows = reference
    y, v = pr.transform(rows["x"], rows["n"], "PFT")
    fit = pooling.pool(y, v, method)
    n = pr.overall_n(rows["n"], "harmonic")
    mine = pr.back_transform([fit.estimate, fit.lower, fit.upper], "PFT", n)
    assert_allclose(mine, rows["PFT"][method]["harmonic"], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scale", SCALES)
def test_metafor_profiles_q_the_same(reference, scale):
    """metafor's root finder stops at 1e-14 absolute; its search cannot go beyond tau² = 100."""
    _, rows = reference
    want = np.minimum(rows[scale]["tau2_interval"], 100)
    mine = np.minimum(pooling.tau2_interval(*pr.transform(rows["x"], rows["n"], scale)), 100)
    assert_allclose(mine, want, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("scale", SCALES)
def test_metafor_regresses_the_same(reference, scale):
    """regtest(model = "lm") tests the slope on the standard error: Egger's intercept, reworded."""
    _, rows = reference
    mine = small_study.egger(*pr.transform(rows["x"], rows["n"], scale))
    want = rows[scale]["egger"]
    assert_allclose([mine.statistic, mine.p], [want["statistic"], want["p"]], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_metafor_tests_asymmetry_the_same(reference, scale):
    """Closed forms throughout. lm and rma solve by QR, which on sizes from 2 to 400 with their
    squares leaves up to 1e-9 of the coefficient; p values of large statistics magnify that.
    """
    _, rows = reference
    want = rows[scale]["small_study"]
    x, n = rows["x"], rows["n"]
    for name, key in (
        ("Thompson-Sharp", "thompson_sharp"), ("Macaskill", "macaskill"), ("Peters", "peters"),
    ):  # fmt: skip
        mine = small_study.run(name, x, n, scale)
        got, expected = [mine.statistic, mine.p], [want[key]["statistic"], want[key]["p"]]
        assert_allclose(got, expected, rtol=1e-7, atol=1e-9, err_msg=name)
    assert_allclose(
        small_study.run("Peters", x, n, scale).estimate, want["peters"]["estimate"], rtol=1e-8
    )
    rank = small_study.run("Begg-Mazumdar", x, n, scale)
    assert_allclose([rank.estimate, rank.p], [want["rank"]["tau"], want["rank"]["p"]], rtol=1e-10)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", ["DL", "CE"])
@pytest.mark.parametrize("estimator", ["L0", "R0"])  # Q0: test_small_study
def test_metafor_trims_and_fills_the_same(reference, scale, method, estimator):
    """Counts exactly; what is pooled from them as closed forms are, to 1e-10."""
    _, rows = reference
    y, v = pr.transform(rows["x"], rows["n"], scale)
    for side in ("auto", "left", "right"):
        want = rows[scale]["small_study"]["trimfill"][f"{estimator} {method} {side}"]
        mine = trimfill.trim_and_fill(y, v, estimator, method, None if side == "auto" else side)
        assert int(mine.k0) == want["k0"]
        assert {-1: "left", 1: "right"}[int(mine.side)] == want["side"]
        se = np.nan if want["se"] == "NaN" else want["se"]
        pooled = [mine.estimate, mine.lower, mine.upper, mine.tau2]
        expected = [want[key] for key in ("estimate", "lower", "upper", "tau2")]
        assert_allclose([se, *pooled], [mine.se, *expected], rtol=1e-10, atol=1e-11)
        if estimator == "R0":
            assert_allclose(mine.p, want["p"], rtol=1e-12)


def test_miller_1978_as_published():
    """Miller 1978 (Am Stat 32:138): four proportions, unweighted mean back to 0.3164, weighted
    (common effect) to 0.3595, at the harmonic mean of n.
    """
    x, n = [3, 6, 10, 1], [11, 17, 21, 6]
    y, v = pr.transform(x, n, "PFT")
    assert_allclose(np.round(2 * y, 4), [1.1391, 1.2888, 1.5253, 0.9515])
    h = pr.overall_n(n, "harmonic")
    assert round(float(pr.back_transform(y.mean(), "PFT", h)), 4) == 0.3164
    fit = pooling.pool(y, v, "CE")
    assert round(float(pr.back_transform(fit.estimate, "PFT", h)), 4) == 0.3595


def test_the_pinned_rows_are_the_documented_ones():
    """The reference was computed on the rows that the evidence file documents today."""
    rows = load_evidence().query("population == 'paediatric'")
    for endpoint in ("cr", "or"):
        part = rows[rows[f"{endpoint}_min"] == rows[f"{endpoint}_max"]]
        pinned = PINNED[f"clofarabine_{endpoint}"]
        assert part["row"].tolist() == pinned["study"]
        assert part[f"{endpoint}_min"].tolist() == pinned["x"]


def _close(a, b, path=""):
    # lme4 climbs without derivatives: another release may come to rest 1e-5 away
    tolerance = {"rtol": 1e-4 if "/glmm/" in path else 1e-7, "atol": 1e-10, "err_msg": path}
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for k in a:
            _close(a[k], b[k], f"{path}/{k}")
    elif isinstance(a, list) and a and not isinstance(a[0], str):
        assert_allclose(np.array(a, float), np.array(b, float), **tolerance)
    elif isinstance(a, float):
        assert_allclose(a, b, **tolerance)
    else:
        assert a == b, path


def test_metafor_today_gives_the_pinned_values(tmp_path):
    """The live run: another metafor release may stop an iteration one step apart, hence 1e-7."""
    out = tmp_path / "live.json"
    subprocess.run([need("Rscript"), str(HERE / "metafor.R"), str(out)], check=True)
    live = json.loads(out.read_text())
    _close(*({k: v for k, v in d.items() if k != "versions"} for d in (REFERENCE, live)))
