"""Tables of leave-one-out, cumulative, subgroups and regression against the pooling they repeat."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from metaprop import effectsize as pr
from metaprop import moderators
from metaprop import robustness as sn
from metaprop import specifications as mv

X, N = np.array([7, 6, 0, 2, 11]), np.array([61, 65, 4, 43, 26])
LABELS = list("abcde")
MANY = np.array([X, [7, 6, 0, 3, 11], [7, 5, 0, 2, 12]])


def percent(rate):
    return 100 * np.asarray(rate)


@pytest.mark.parametrize("x", [X, MANY])
@pytest.mark.parametrize("model", ["PAS", "PFT", "PLO"])
def test_without_each(x, model):
    """The overall n of the double arcsine is that of the rows that remain."""
    how = mv.specification(model)
    found = sn.without_each(x, N, LABELS, how)
    for i in range(len(N)):
        rest = mv.pooled_rate(np.delete(x, i, -1), np.delete(N, i), how)
        low, high = percent(rest).reshape(3, -1).min(1), percent(rest).reshape(3, -1).max(1)
        assert_allclose(found.loc[i, ["estimate_min", "lower_min", "upper_min"]].tolist(), low)
        assert_allclose(found.loc[i, ["estimate_max", "lower_max", "upper_max"]].tolist(), high)
    assert found["label"].tolist() == LABELS
    assert (found["k"] == 4).all()


@pytest.mark.parametrize("x", [X, MANY])
@pytest.mark.parametrize("model", ["PAS", "PFT"])
def test_by_year(x, model):
    how = mv.specification(model)
    found = sn.by_year(x, N, LABELS, [2013, pd.NA, 2004, 2013, 2001], how)
    assert found["label"].tolist() == ["e", "c", "a", "d", "b"]
    assert found["year"].fillna(0).tolist() == [2001, 2004, 2013, 2013, 0]
    order = [4, 2, 0, 3, 1]
    for j in (2, 5):
        rate = percent(mv.pooled_rate(x[..., order[:j]], N[order[:j]], how)).reshape(3, -1)
        assert_allclose(found["upper_max"].iloc[j - 1], rate[2].max())
        assert_allclose(found["estimate_min"].iloc[j - 1], rate[0].min())


@pytest.mark.parametrize("x", [X, MANY])
def test_by_group(x):
    groups = {"kind": ["u", "u", "v", "v", "v"], "same": ["s"] * 5, "gap": ["s", pd.NA] + ["t"] * 3}
    groups |= {"each": list("abcde")}
    found = sn.by_group(x, N, groups, mv.specification())
    kind = found[found["moderator"] == "kind"]
    assert kind[["group", "k", "patients"]].values.tolist() == [["u", 2, 126], ["v", 3, 73]]
    rate = percent(mv.pooled_rate(x[..., 2:], N[2:], mv.specification())).reshape(3, -1)
    assert_allclose(kind["estimate_max"].iloc[1], rate[0].max())
    assert (kind["p_min"] <= kind["p_max"]).all()
    y, v = pr.transform(x, N, "PAS")
    fit = moderators.meta_regression(y, v, np.column_stack([np.ones(5), [0, 0, 1, 1, 1]]))
    assert_allclose(kind["common_max"], np.max(fit.qm_p), rtol=1e-9)
    each = found[found["moderator"] == "each"]  # as many groups as rows: no tau² in common
    assert each["common_max"].isna().all()
    assert each["p_max"].between(0, 1).all()
    problems = found.drop_duplicates("moderator").set_index("moderator")["problem"]
    assert "found 's' in all rows" in problems["same"]
    assert "missing group" in problems["gap"]


@pytest.mark.parametrize("x", [X, MANY])
def test_by_regression(x):
    """On five rows of which one has no year; the slope is per year."""
    years = [2006, 2007, pd.NA, 2016, 2013]
    covariates = {"year": years, "flat": [1] * 5, "none": [pd.NA] * 5}
    found = sn.by_regression(x, N, covariates, mv.specification())
    keep = [0, 1, 3, 4]
    design = np.column_stack([np.ones(4), [2006, 2007, 2016, 2013]])
    fit = moderators.meta_regression(*pr.transform(x[..., keep], N[keep], "PAS"), design)
    assert_allclose(found["slope_max"][0], np.max(fit.coefficients[..., 1]), rtol=1e-7)
    assert_allclose(found["p_min"][0], np.min(fit.p[..., 1]), rtol=1e-6)
    assert found["k"].tolist() == [4, 5, 0]
    assert found["problem"].str.contains("one value in all rows").fillna(False).tolist() == [
        False, True, True,
    ]  # fmt: skip
