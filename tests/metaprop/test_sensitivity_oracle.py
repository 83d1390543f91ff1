"""R metafor on influence, moderators and exact likelihoods; published values where there are any.

The values are in metafor.json under "sensitivity", written by oracle/sensitivity.R with the
stopping rules of test_oracle.py.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from metaprop import effectsize as pr
from metaprop import influence, likelihood, moderators

PINNED = json.loads((Path(__file__).parents[1] / "oracle" / "metafor.json").read_text())[
    "sensitivity"
]
CLOSED = {"rtol": 1e-9, "atol": 1e-10}
# metafor's REML stops within 1e-14 absolute, which for small tau² is up to 1e-8 relative.
ITERATIVE = {"rtol": 1e-7, "atol": 1e-8}
SETS = list(PINNED["diagnostics"])
FITS = {"DL": ("DL", "wald"), "REML": ("REML", "wald"), "knha": ("DL", "hartung-knapp")}


CASES = [(name, scale, fit) for name in SETS for scale in pr.SCALES for fit in FITS]


def read(name, scale, fit):
    rows = PINNED["diagnostics"][name]
    y, v = pr.transform(rows["x"], rows["n"], scale)
    return y, v, *FITS[fit], rows[scale][fit], ITERATIVE if fit == "REML" else CLOSED


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_leave_one_out(case):
    y, v, tau2, interval, want, tolerance = read(*case)
    mine = influence.leave_one_out(y, v, tau2, interval)
    for name, value in want["leave1out"].items():
        assert_allclose(getattr(mine, name), value, **tolerance, err_msg=name)


@pytest.mark.parametrize("case", [c for c in CASES if c[2] != "knha"], ids="-".join)
def test_cumulative(case):
    """metafor's first cumulative row is NA under Hartung-Knapp, so that Wald alone is compared."""
    y, v, tau2, interval, want, tolerance = read(*case)
    mine = influence.cumulative(y, v, tau2, interval)
    for name, value in want["cumul"].items():
        if name == "i2":  # one row has no I²; metafor prints NA or 0 by release
            assert_allclose(mine.i2[1:], value[1:], **tolerance)
        else:
            assert_allclose(getattr(mine, name), value, **tolerance, err_msg=name)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_influence(case):
    """metafor sets residuals below 100 machine epsilons to zero, hence the absolute tolerance."""
    y, v, tau2, interval, want, tolerance = read(*case)
    mine = influence.influence(y, v, tau2, interval)
    names = {
        "rstudent": "rstudent", "dffits": "dffits", "cook": "cook.d", "cov_ratio": "cov.r",
        "tau2_deleted": "tau2.del", "q_deleted": "QE.del", "hat": "hat", "dfbetas": "dfbetas",
    }  # fmt: skip
    for name, theirs in names.items():
        assert_allclose(getattr(mine, name), want["influence"][theirs], **tolerance, err_msg=name)
    assert mine.flagged.tolist() == want["influence"]["flagged"]
    assert_allclose(mine.baujat_x, want["baujat"]["x"], **tolerance)
    assert_allclose(mine.baujat_y, want["baujat"]["y"], **tolerance)


@pytest.mark.parametrize("name", PINNED["regression"])
@pytest.mark.parametrize("interval", ["wald", "hartung-knapp", "hartung-knapp-adhoc"])
def test_meta_regression(name, interval):
    """Closed forms; a year beside an intercept costs metafor's QR up to six digits, hence 1e-7."""
    rows = PINNED["regression"][name]
    mine = moderators.meta_regression(rows["y"], rows["v"], rows["X"], interval)
    for key, value in rows[interval].items():
        assert_allclose(getattr(mine, key), value, rtol=1e-7, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("method", ["DL", "REML"])
@pytest.mark.parametrize("by", ["ethnicity", "sens"])
def test_subgroups(method, by):
    rows, want = PINNED["subgroups"]["rows"], PINNED["subgroups"][method][by]
    y, v = pr.transform(rows["x"], rows["n"], "PAS")
    mine = moderators.subgroups(y, v, want["group"], method)
    tolerance = CLOSED if method == "DL" else ITERATIVE
    assert sorted(mine.names) == sorted(want["names"])
    for name, part in zip(mine.names, mine.parts, strict=True):
        at = want["names"].index(name)
        for key in ("estimate", "se", "tau2"):
            assert_allclose(getattr(part, key), want[key][at], **tolerance, err_msg=f"{name} {key}")
    assert_allclose([mine.q, mine.p], [want["q"], want["p"]], **tolerance)


@pytest.mark.parametrize("name", [n for n in PINNED["glmm"] if n != "edges"])
def test_binomial_normal(name):
    """lme4 climbs without derivatives to 1e-10 in its parameters and differentiates the deviance
    numerically for the standard error: 1e-6 and 1e-5 are what that leaves.
    """
    want = PINNED["glmm"][name]
    mine = likelihood.glmm(want["x"], want["n"])
    assert_allclose(mine.estimate, want["estimate"], rtol=1e-6)
    assert_allclose(mine.spread, want["tau2"], rtol=1e-6)
    assert_allclose(mine.se, want["se"], rtol=1e-5)
    assert_allclose([mine.lower, mine.upper], [want["lower"], want["upper"]], rtol=1e-5)


def test_gauss_hermite_fails_where_rows_are_small_and_empty():
    """On the rows of "edges" (n = 1 to 400, x = 0 twice, tau about 6) the 25 nodes of lme4 are too
    few: tau² differs in the third digit. test_exact.py holds our likelihood against scipy's.
    """
    want = PINNED["glmm"]["edges"]
    mine = likelihood.glmm(want["x"], want["n"])
    assert 1e-3 < abs(mine.spread / want["tau2"] - 1) < 1e-2


@pytest.mark.parametrize(
    ("arm", "estimate", "se", "tau2", "rate"),
    [
        ("control", -3.50, 0.26, 0.81, (0.029, 0.018, 0.048)),
        ("treated", -4.81, 0.36, 0.83, (0.008, 0.004, 0.016)),
    ],
)
def test_stijnen_2010_as_published(arm, estimate, se, tau2, rate):
    """Stijnen et al. 2010 (Stat Med 29:3046), Table II: catheter infections, binomial-normal."""
    rows = PINNED["glmm"][f"stijnen2010_{arm}"]
    mine = likelihood.glmm(rows["x"], rows["n"])
    assert round(float(mine.estimate), 2) == estimate
    assert round(float(mine.se), 2) == se
    assert round(float(mine.spread), 2) == tau2
    assert tuple(round(float(p), 3) for p in mine.proportion()) == rate


def test_raudenbush_2009_as_published():
    """Raudenbush 2009 (Handbook of Research Synthesis, ch. 16), Table 16.2: weeks of contact."""
    rows = PINNED["regression"]["raudenbush2009"]
    mine = moderators.meta_regression(rows["y"], rows["v"], rows["X"])
    assert_allclose(mine.tau2, 0.0)
    assert_allclose(mine.coefficients, [0.407, -0.157], atol=5e-4)
    assert_allclose(mine.coefficients / mine.se, [4.68, -4.39], atol=5e-3)
    assert_allclose(mine.qe, 16.57, atol=5e-3)
    assert np.ndim(mine.qe) == 0
