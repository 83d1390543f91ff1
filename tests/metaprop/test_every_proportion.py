"""R metafor, run now, over every proportion data set of metadat and over generated nasty ones."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import need
from numpy.testing import assert_allclose

from metaprop import pooling
from metaprop.effectsize import SCALES, transform

METHODS = ("DL", "PM", "REML", "ML", "HE", "SJ", "HS", "CE")
LIKELIHOOD = ("REML", "ML")


def nasty():
    """Sets at the edges: what each is called, and its counts."""
    rng = np.random.default_rng(11)
    sets = {
        "all zero": ([0] * 4, [5, 9, 30, 2]),
        "all full": ([5, 9, 30, 2], [5, 9, 30, 2]),
        "one patient each": ([0, 1, 0, 1, 1], [1] * 5),
        "two rows": ([3, 11], [40, 20]),
        "two equal rows": ([3, 3], [40, 40]),
        "huge": ([10**8, 2 * 10**8, 4 * 10**8], [10**9] * 3),
        "huge beside small": ([10**8, 0, 2], [10**9, 3, 4]),
        "no heterogeneity": ([10, 20, 30, 40], [100, 200, 300, 400]),
    }
    for i in range(8):  # small rows far from large ones: the likelihood has two tops in some
        n = np.concatenate(
            [rng.integers(500, 5000, 2), rng.integers(2, 12, int(rng.integers(2, 7)))]
        )
        rate = np.where(n > 100, rng.uniform(0.1, 0.2), rng.uniform(0, 1, len(n)))
        sets[f"two tops {i}"] = (rng.binomial(n, rate).tolist(), n.tolist())
    for i in range(12):
        n = rng.integers(1, rng.choice([4, 40, 400]), int(rng.integers(2, 15)))
        sets[f"random {i}"] = (rng.binomial(n, rng.beta(0.5, 1.5, len(n))).tolist(), n.tolist())
    return sets


@pytest.fixture(scope="module")
def metafor_today(tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    frames = [pd.DataFrame({"set": s, "x": x, "n": n}) for s, (x, n) in nasty().items()]
    pd.concat(frames).to_csv(folder / "rows.csv", index=False)
    script = Path(__file__).parents[1] / "oracle" / "every.R"
    command = [need("Rscript"), script, folder / "rows.csv", folder / "out.json"]
    subprocess.run([str(c) for c in command], check=True, timeout=300)
    return json.loads((folder / "out.json").read_text())


def loglik(y, v, tau2, method):
    """Log-likelihood of tau², restricted for REML, but for a constant."""
    w = 1 / (v + tau2)
    mu = (w * y).sum() / w.sum()
    out = np.log(w).sum() - (w * (y - mu) ** 2).sum()
    return (out - np.log(w.sum()) if method == "REML" else out) / 2


def test_metadat_is_there(metafor_today):
    """Each way to write a proportion is met: events of patients, both arms, events and others."""
    some = {"pritz1997 xi", "debruin2009 xi", "nielweise2007 ai", "nielweise2007 ci", "bcg tpos"}
    assert {f"dat.{name}" for name in some} <= set(metafor_today)
    assert set(nasty()) <= set(metafor_today)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("method", METHODS)
def test_every_set_is_pooled_the_same(metafor_today, scale, method):
    """To 1e-6 of tau² and a five-hundredth of the standard error (metafor stops at a tau² of 1e-12
    where it should be 0: a thousandth of the variance of a row of a billion); where it climbs to
    another tau² ours is at least as likely. It leaves out nothing but fits it does not finish.
    """
    compared = 0
    for name, rows in metafor_today.items():
        want = rows["scales"][scale].get(method)
        if not want:
            assert method in ("PM", *LIKELIHOOD), name
            continue
        y, v = transform(rows["x"], rows["n"], scale)
        mine = pooling.pool(y, v, method)
        assert_allclose(mine.q, want["q"], rtol=1e-6, atol=1e-6, err_msg=name)
        near = abs(mine.tau2 - want["tau2"]) <= 1e-6 * mine.tau2 + 1e-9 * v.max() + 1e-11
        if not near:
            assert method in LIKELIHOOD, (name, float(mine.tau2), want["tau2"])
            tops = [loglik(y, v, t, method) for t in (float(mine.tau2), want["tau2"])]
            assert tops[0] >= tops[1] - 1e-9 * (1 + abs(tops[1])), (name, tops)
            continue
        compared += 1
        for key in ("estimate", "lower", "upper"):
            assert abs(getattr(mine, key) - want[key]) <= 2e-3 * mine.se, (name, key)
        assert_allclose([mine.se, mine.i2], [want["se"], want["i2"]], rtol=2e-3, atol=1e-6,
                        err_msg=name)  # fmt: skip
    assert compared > 0.85 * len(metafor_today)
