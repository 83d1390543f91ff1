"""Specifications run one by one against the functions they name, over one vector and over many."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from clofarabine import bayes, exact, pooling
from clofarabine import proportions as pr
from clofarabine import sensitivity as sn

X, N = np.array([7, 6, 0, 2, 11]), np.array([61, 65, 4, 43, 26])
LABELS = list("abcde")
MANY = np.array([X, [7, 6, 0, 3, 11], [7, 5, 0, 2, 12]])


def percent(rate):
    return 100 * np.asarray(rate)


def test_every_specification_is_there_once():
    all_of_them = sn.specifications()
    assert len(set(all_of_them)) == len(all_of_them)
    # 7 tau² x 3 intervals on PAS, PLO and PFT with 5 inverses, 2 likelihoods, 2 Bayesian models
    assert len(all_of_them) == 7 * 3 * (1 + 1 + 5) + 2 + 2
    assert not any(s.tau2 == "FE" for s in all_of_them)


@pytest.mark.parametrize("tau2", ["DL", "REML"])
@pytest.mark.parametrize("interval", pooling.INTERVALS)
@pytest.mark.parametrize("inverse", pr.INVERSES)
def test_a_double_arcsine_specification(tau2, interval, inverse):
    how = sn.specification("PFT", inverse, tau2, interval)
    fit = pooling.pool(*pr.transform(X, N, "PFT"), tau2, interval)
    n = None if inverse == "sin2" else pr.overall_n(N, inverse, fit.se)
    want = pr.back_transform([fit.estimate, fit.lower, fit.upper], "PFT", n)
    assert_allclose(sn.pooled_rate(X, N, how), want, rtol=1e-12)


def test_the_other_models():
    rate = {m: sn.pooled_rate(X, N, sn.Specification(m)) for m in sn.MODELS if m != "PFT"}
    assert_allclose(rate["GLMM"], exact.glmm(X, N).proportion())
    assert_allclose(rate["beta-binomial"], exact.beta_binomial(X, N).proportion())
    fit = pooling.pool(*pr.transform(X, N, "PLO"))
    assert_allclose(rate["PLO"], 1 / (1 + np.exp(-np.stack([fit.estimate, fit.lower, fit.upper]))))
    mu = bayes.posterior(*pr.transform(X, N, "PAS"), "half-cauchy", sn.PRIOR_SCALE).mu
    assert_allclose(rate["Bayes half-cauchy"], np.sin([mu.median, mu.lower, mu.upper]) ** 2)


def test_a_range_is_the_smallest_and_largest_of_the_vectors():
    how = sn.specifications()
    together = sn.pool_all(MANY, N, how)
    apart = [sn.pool_all(x, N, how) for x in MANY]
    for name in ("estimate", "lower", "upper"):
        values = np.stack([a[f"{name}_min"] for a in apart])
        assert_allclose(together[f"{name}_min"], values.min(0), rtol=1e-9)
        assert_allclose(together[f"{name}_max"], values.max(0), rtol=1e-9)
    assert (apart[0]["estimate_min"] == apart[0]["estimate_max"]).all()


def test_what_has_no_answer_says_why():
    found = sn.pool_all([0, 0, 0], [4, 9, 2], sn.specifications()).set_index("model")
    assert found.loc["GLMM", "problem"].startswith("glmm: found no event in any row")
    assert np.isnan(found.loc["GLMM", "estimate_min"])
    assert found.loc["PAS", "problem"].isna().all()
    assert (found.loc["PAS", "estimate_min"] == 0).all()


def test_multiverse_counts_no_choice_twice():
    how = sn.specifications(("PAS",))
    subsets = {"all": N > 0, "again": N > 1, "n >= 5": N >= 5, "one": N > 64}
    found = sn.multiverse(X, N, subsets, how)
    assert found["rows"].value_counts().to_dict() == {"all": len(how), "n >= 5": len(how)}
    assert found.groupby("rows")["k"].first().to_dict() == {"all": 5, "n >= 5": 4}
    with pytest.raises(ValueError, match="found none with two rows"):
        sn.multiverse(X, N, {"one": N > 64}, how)


@pytest.mark.parametrize("x", [X, MANY])
def test_merged_rows_are_added_up(x):
    """The second and the last row are of one study; merging nothing is no further choice."""
    how = [sn.specification()]
    subsets = {"all": N > 0, "merged": sn.merged(["s", "t", "u", "v", "t"])}
    found = sn.multiverse(x, N, subsets, how).set_index("rows")
    together = np.delete(x, 4, -1)
    together[..., 1] += x[..., 4]
    want = sn.pool_all(together, [61, 91, 4, 43], how)
    assert found.loc["merged", "k"] == 4
    for column in sn.RANGES:
        assert_allclose(found.loc["merged", column], want[column][0], rtol=1e-12)
    alone = sn.multiverse(x, N, {"all": N > 0, "merged": sn.merged(LABELS)}, how)
    assert alone["rows"].tolist() == ["all"]


@pytest.mark.parametrize("x", [X, MANY])
@pytest.mark.parametrize("model", ["PAS", "PFT", "PLO"])
def test_without_each(x, model):
    """The overall n of the double arcsine is that of the rows that remain."""
    how = sn.specification(model)
    found = sn.without_each(x, N, LABELS, how)
    for i in range(len(N)):
        rest = sn.pooled_rate(np.delete(x, i, -1), np.delete(N, i), how)
        low, high = percent(rest).reshape(3, -1).min(1), percent(rest).reshape(3, -1).max(1)
        assert_allclose(found.loc[i, ["estimate_min", "lower_min", "upper_min"]].tolist(), low)
        assert_allclose(found.loc[i, ["estimate_max", "lower_max", "upper_max"]].tolist(), high)
    assert found["label"].tolist() == LABELS
    assert (found["k"] == 4).all()


@pytest.mark.parametrize("x", [X, MANY])
@pytest.mark.parametrize("model", ["PAS", "PFT"])
def test_by_year(x, model):
    how = sn.specification(model)
    found = sn.by_year(x, N, LABELS, [2013, pd.NA, 2004, 2013, 2001], how)
    assert found["label"].tolist() == ["e", "c", "a", "d", "b"]
    assert found["year"].fillna(0).tolist() == [2001, 2004, 2013, 2013, 0]
    order = [4, 2, 0, 3, 1]
    for j in (2, 5):
        rate = percent(sn.pooled_rate(x[..., order[:j]], N[order[:j]], how)).reshape(3, -1)
        assert_allclose(found["upper_max"].iloc[j - 1], rate[2].max())
        assert_allclose(found["estimate_min"].iloc[j - 1], rate[0].min())


@pytest.mark.parametrize("x", [X, MANY])
def test_by_group(x):
    groups = {"kind": ["u", "u", "v", "v", "v"], "same": ["s"] * 5, "gap": ["s", pd.NA] + ["t"] * 3}
    found = sn.by_group(x, N, groups, sn.specification())
    kind = found[found["moderator"] == "kind"]
    assert kind[["group", "k", "patients"]].values.tolist() == [["u", 2, 126], ["v", 3, 73]]
    rate = percent(sn.pooled_rate(x[..., 2:], N[2:], sn.specification())).reshape(3, -1)
    assert_allclose(kind["estimate_max"].iloc[1], rate[0].max())
    assert (kind["p_min"] <= kind["p_max"]).all()
    problems = found.set_index("moderator")["problem"]
    assert "found 's' in all rows" in problems["same"]
    assert "missing group" in problems["gap"]


@pytest.mark.parametrize("x", [X, MANY])
def test_by_regression(x):
    """On five rows of which one has no year; the slope is per year."""
    years = [2006, 2007, pd.NA, 2016, 2013]
    found = sn.by_regression(x, N, {"year": years, "flat": [1] * 5, "none": [pd.NA] * 5})
    keep = [0, 1, 3, 4]
    from clofarabine.moderators import meta_regression

    design = np.column_stack([np.ones(4), [2006, 2007, 2016, 2013]])
    fit = meta_regression(*pr.transform(x[..., keep], N[keep], "PAS"), design)
    assert_allclose(found["slope_max"][0], np.max(fit.coefficients[..., 1]), rtol=1e-7)
    assert_allclose(found["p_min"][0], np.min(fit.p[..., 1]), rtol=1e-6)
    assert found["k"].tolist() == [4, 5, 0]
    assert found["problem"].str.contains("one value in all rows").fillna(False).tolist() == [
        False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transformation": "log"}, "transformation: found 'log', expected one of PAS, PFT, PLO"),
        ({"inverse": "mean"}, "inverse: found 'mean', expected one of harmonic"),
        ({"tau2": "EB"}, "tau2: found 'EB', expected one of DL"),
        ({"interval": "z"}, "interval: found 'z', expected one of wald"),
    ],
)
def test_parameters_are_checked(change, says):
    with pytest.raises(ValueError, match=says):
        sn.specification(**change)
    with pytest.raises(ValueError, match="model: found 'probit', expected one of PAS"):
        sn.specifications(("probit",))
