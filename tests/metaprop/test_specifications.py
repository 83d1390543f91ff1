"""Specifications run one by one against the functions they name, over one vector and over many."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from clofarabine import sensitivity as sn
from clofarabine import studies
from metaprop import bayes, likelihood, pooling
from metaprop import effectsize as pr
from metaprop import specifications as mv
from metaprop.method import CI_METHODS, Method

X, N = np.array([7, 6, 0, 2, 11]), np.array([61, 65, 4, 43, 26])
LABELS = list("abcde")
MANY = np.array([X, [7, 6, 0, 3, 11], [7, 5, 0, 2, 12]])


def test_every_specification_is_there_once():
    all_of_them = mv.specifications()
    assert len(set(all_of_them)) == len(all_of_them)
    # 7 tau² x 3 intervals on PAS, PLO and PFT with 5 inverses, 2 likelihoods, 2 Bayesian models
    assert len(all_of_them) == 7 * 3 * (1 + 1 + 5) + 2 + 2
    assert not any(s.tau2_method == "CE" for s in all_of_them)


@pytest.mark.parametrize("tau2", ["DL", "REML"])
@pytest.mark.parametrize("interval", CI_METHODS)
@pytest.mark.parametrize("inverse", pr.INVERSES)
def test_a_double_arcsine_specification(tau2, interval, inverse):
    how = mv.specification("PFT", tau2, interval, inverse)
    fit = pooling.pool(*pr.transform(X, N, "PFT"), tau2, interval)
    n = None if inverse == "sin2" else pr.overall_n(N, inverse, fit.se)
    want = pr.back_transform([fit.estimate, fit.lower, fit.upper], "PFT", n)
    assert_allclose(mv.pooled_rate(X, N, how), want, rtol=1e-12)


def test_the_other_models():
    rate = {m: mv.pooled_rate(X, N, Method(m)) for m in mv.MODELS if m != "PFT"}
    assert_allclose(rate["GLMM"], likelihood.glmm(X, N).proportion())
    assert_allclose(rate["beta-binomial"], likelihood.beta_binomial(X, N).proportion())
    fit = pooling.pool(*pr.transform(X, N, "PLO"))
    assert_allclose(rate["PLO"], 1 / (1 + np.exp(-np.stack([fit.estimate, fit.lower, fit.upper]))))
    mu = bayes.posterior(*pr.transform(X, N, "PAS"), "half-cauchy", mv.PRIOR_SCALE).mu
    assert_allclose(rate["Bayes half-cauchy"], np.sin([mu.median, mu.lower, mu.upper]) ** 2)


def test_a_range_is_the_smallest_and_largest_of_the_vectors():
    how = mv.specifications()
    together = mv.pool_all(MANY, N, how)
    apart = [mv.pool_all(x, N, how) for x in MANY]
    for name in ("estimate", "lower", "upper"):
        values = np.stack([a[f"{name}_min"] for a in apart])
        assert_allclose(together[f"{name}_min"], values.min(0), rtol=1e-9)
        assert_allclose(together[f"{name}_max"], values.max(0), rtol=1e-9)
    assert (apart[0]["estimate_min"] == apart[0]["estimate_max"]).all()


def test_what_has_no_answer_says_why():
    found = mv.pool_all([0, 0, 0], [4, 9, 2], mv.specifications()).set_index("scale")
    assert found.loc["GLMM", "problem"].startswith("glmm: found no event in any row")
    assert np.isnan(found.loc["GLMM", "estimate_min"])
    assert found.loc["PAS", "problem"].isna().all()
    assert (found.loc["PAS", "estimate_min"] == 0).all()


def test_multiverse_counts_no_choice_twice():
    how = mv.specifications(("PAS",))
    subsets = {"all": N > 0, "again": N > 1, "n >= 5": N >= 5, "one": N > 64}
    found = mv.over_rows(X, N, subsets, how)
    assert found["rows"].value_counts().to_dict() == {"all": len(how), "n >= 5": len(how)}
    assert found.groupby("rows")["k"].first().to_dict() == {"all": 5, "n >= 5": 4}
    with pytest.raises(ValueError, match="found none with two rows"):
        mv.over_rows(X, N, {"one": N > 64}, how)


@pytest.mark.parametrize("x", [X, MANY])
def test_merged_rows_are_added_up(x):
    """The second and the last row are of one study; merging nothing is no further choice."""
    how = [mv.specification()]
    subsets = {"all": N > 0, "merged": mv.merged(["s", "t", "u", "v", "t"])}
    found = mv.over_rows(x, N, subsets, how).set_index("rows")
    together = np.delete(x, 4, -1)
    together[..., 1] += x[..., 4]
    want = mv.pool_all(together, [61, 91, 4, 43], how)
    assert found.loc["merged", "k"] == 4
    for column in mv.RANGES:
        assert_allclose(found.loc["merged", column], want[column][0], rtol=1e-12)
    alone = mv.over_rows(x, N, {"all": N > 0, "merged": mv.merged(LABELS)}, how)
    assert alone["rows"].tolist() == ["all"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scale": "log"}, "scale: found 'log', expected one of PAS, PFT, PLO"),
        ({"inverse": "mean"}, "inverse: found 'mean', expected one of harmonic"),
        ({"tau2_method": "EB"}, "tau2_method: found 'EB', expected one of DL"),
        ({"ci_method": "z"}, "ci_method: found 'z', expected one of wald"),
    ],
)
def test_parameters_are_checked(change, says):
    with pytest.raises(ValueError, match=says):
        mv.specification(**change)
    with pytest.raises(ValueError, match="model: found 'probit', expected one of PAS"):
        mv.specifications(("probit",))


def test_everywhere_runs_over_the_identified_sets():
    """Each cell is what its specification gives on the vectors of rows.identified."""
    found = sn.everywhere()
    assert found.columns[:4].tolist() == ["endpoint", "population", "counts", "vectors"]
    for endpoint in studies.ENDPOINTS:
        for population in studies.POPULATIONS:
            _, x, n = studies.identified(endpoint, population)
            fit = pooling.pool(*pr.transform(x, n, "PAS"))
            cell = found.query(
                "endpoint == @endpoint and population == @population and rows == 'all rows' and "
                "counts == 'reconstructed' and scale == 'PAS' and tau2_method == 'DL' and "
                "ci_method == 'wald'"
            ).iloc[0]
            limits = 100 * pr.back_transform([fit.estimate, fit.lower, fit.upper], "PAS")
            assert_allclose(cell[mv.RANGES[::2]].tolist(), limits.min(1), rtol=1e-9)
            assert_allclose(cell[mv.RANGES[1::2]].tolist(), limits.max(1), rtol=1e-9)
    assert set(found.query("counts == 'documented'")["population"]) == {"paediatric"}
    merged = found.query("rows == 'studies merged'")
    assert set(merged["population"]) == {"overall"}
    assert set(merged["k"]) == {12}
