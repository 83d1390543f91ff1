"""Arcsines of corrected counts: the scales against metafor, the search against enumeration."""

import json
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import need
from test_reconstruction import POOLED, plain, results

from clofarabine import corrected
from clofarabine import evidence_pieces as pieces
from clofarabine.reconstruction import Evidence, reconstruct, targets_of
from clofarabine.tables import load_evidence
from metaprop.counts.statement import Printed
from metaprop.effectsize import transform
from metaprop.method import Method

REML = Method("PAS", "REML", "wald", "harmonic", "age-groups")
R_ESCALC = """
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
d <- fromJSON(file("stdin"))
out <- lapply(c(only0 = "only0", all = "all"), function(to) {
  es <- escalc(measure = "PAS", xi = d$x, ni = d$n, add = 1/2, to = to)
  list(y = as.numeric(es$yi), v = as.numeric(es$vi))
})
cat(toJSON(out, digits = NA))
"""


@pytest.fixture(scope="module")
def evidence():
    frame = load_evidence()
    return {e: Evidence.read(frame, e) for e in pieces.ENDPOINTS}


def test_metafor_corrects_as_these_scales_do():
    n = np.repeat(np.arange(1, 8), 8)
    x = np.minimum(np.tile(np.arange(8), 7), n)
    done = subprocess.run(
        [need("Rscript"), "-e", R_ESCALC], capture_output=True, text=True, check=True,
        input=json.dumps({"x": x.tolist(), "n": n.tolist()}),
    )  # fmt: skip
    for to, es in json.loads(done.stdout).items():
        y, v = transform(x, n, f"PAS-{to}")
        np.testing.assert_allclose(y, es["y"], rtol=1e-12)
        np.testing.assert_allclose(v, es["v"], rtol=1e-12)


def test_anscombe_s_constants_even_out_the_variance():
    """1 / (4n + 2) is nearer the true variance of his arcsine than 1 / (4n) that of the plain one.

    Exact binomial variances for p from 0.2 to 0.8: what Anscombe (1948) chose the constants for.
    """
    from scipy.stats import binom

    n, p = 20, np.linspace(0.2, 0.8, 13)[:, None]
    chance = binom.pmf(np.arange(n + 1), n, p)
    worst = {}
    for scale in ("PAS", "PAS-anscombe"):
        y, v = transform(np.arange(n + 1), n, scale)
        mean = (chance * y).sum(1, keepdims=True)
        worst[scale] = np.abs((chance * (y - mean) ** 2).sum(1) / v[0] - 1).max()
    assert worst["PAS-anscombe"] < 0.02 < worst["PAS"]


@pytest.mark.parametrize("scale", corrected.CORRECTED)
def test_children_and_adults_against_enumeration(evidence, scale):
    """All rows narrowed, so that every vector can be tried: the primary numbers of both groups."""
    e, method = evidence["CR"], replace(REML, scale=scale)
    low, high = e.low.copy(), e.high.copy()
    at = e.labels.index("CLOFAL06952")
    low[at], high[at] = 55, 58
    low[e.adult], high[e.adult] = (0, 0), (9, 3)
    high[e.labels.index("Trioche 2012")] = 2
    narrow = replace(e, low=low, high=high)
    goals, child = targets_of(POOLED, "CR"), ~e.adult
    own = Printed(tuple(e.n[child].tolist()), method).by(goals["paediatric", "PAS"])
    x = plain(own, low[child], high[child])
    adults = np.indices(high[e.adult] - low[e.adult] + 1).reshape(2, -1).T
    whole = np.hstack([np.repeat(x, len(adults), 0), np.tile(adults, (len(x), 1))])
    overall = Printed(tuple(e.n.tolist()), method).by(goals["overall", "PAS"])
    value, ends = results(overall, whole), overall.rates
    whole = whole[((ends[:, :1] <= value) & (value < ends[:, 1:])).all(0)]
    kept = pieces.targets(POOLED, "CR", "PAS")
    found = reconstruct(narrow, kept, "CR", [method])[0]
    assert len(x)
    assert found.paediatric.tolist() == x.tolist()
    assert found.joint.tolist() == whole.tolist()


def test_what_corrections_leave_is_told(evidence, monkeypatch):
    """One estimator; the sentence names who is left, and who goes with the correction."""
    monkeypatch.setattr(pieces, "ESTIMATORS_ALONE", (REML, replace(REML, tau2_method="DL")))
    base = SimpleNamespace(evidence=evidence, pooled=POOLED)
    base.primary = list(pieces.pairs(evidence, POOLED, pieces.ESTIMATORS_ALONE, "PAS"))
    found = corrected.frame(base).set_index("source")
    assert found.loc["Anscombe 1948", ["primary", "all"]].tolist() == [["REML"], []]
    one = replace(REML, scale="PAS-anscombe")
    x = next(pieces.pairs(evidence, POOLED, [one], "PAS"))[1]
    at = evidence["CR"].labels.index("CLOFAL06952")
    assert found.loc["Anscombe 1948", "CR"] == f"{x[:, at].min()} to {x[:, at].max()}"
    told = corrected.facts(base, found.reset_index())
    assert told.facts["lost"] == "DerSimonian-Laird"
    assert told.facts["all"] == "no estimator"
    assert told.facts["primary"] == "REML"
    assert "REML" in corrected.table(found.reset_index()).text
