"""The search against plain enumeration: the same vectors, always."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import need
from hypothesis import given, settings
from hypothesis import strategies as st

from clofarabine import consequences, reconstruction, studies
from clofarabine.reconstruction import ESTIMATORS, INTERVALS, METHODS, VARIED, Evidence, varied
from clofarabine.tables import store
from metaprop import pooling
from metaprop.counts import solve
from metaprop.counts.bounds import Constraint, Model
from metaprop.effectsize import INVERSES, back_transform, overall_n, transform
from metaprop.method import Method

POOLED = store.load("pooled_results")


def results(model, x):
    """Estimate and limits of each vector by the public functions, shape (3, vectors)."""
    y, v = transform(x, model.n, model.method.scale)
    fit = pooling.pool(y, v, model.method.tau2_method, model.method.ci_method)
    n = None
    if model.method.scale == "PFT" and model.method.inverse != "sin2":
        with np.errstate(divide="ignore"):  # identical effects have a Hartung-Knapp error of 0
            n = overall_n(model.n, model.method.inverse, fit.se)
        n = np.broadcast_to(n, len(x))
        flat = np.isinf(n)
        n = np.where(flat, 1e300, n)
    limits = (fit.estimate, fit.lower, fit.upper)
    return np.array([back_transform(y, model.method.scale, n) for y in limits])


def plain(model, printed, low, high):
    """Every vector of the box, tried one after the other."""
    grid = np.indices([b - a + 1 for a, b in zip(low, high, strict=True)])
    x = grid.reshape(len(low), -1).T + np.asarray(low)
    value = results(model, x)
    at = printed.printed
    keep = (at[:, :1] <= value) & (value < at[:, 1:])
    return x[keep.all(0)]


def rounded(values, decimals, scale):
    """A constraint as a paper would print these proportions."""
    half = 0.5 * 10.0**-decimals
    at = np.round(100 * np.asarray(values), decimals)
    pairs = [((a - half) / 100, (a + half) / 100) for a in at]
    return Constraint(scale, *pairs)


@st.composite
def problems(draw):
    k = draw(st.integers(1, 5))
    n = [draw(st.integers(1, 12)) for _ in range(k)]
    ends = [sorted((draw(st.integers(0, m)), draw(st.integers(0, m)))) for m in n]
    low, high = (np.array(e) for e in zip(*ends, strict=True))
    interval = draw(st.sampled_from(INTERVALS)) if k > 1 else "wald"
    scale = draw(st.sampled_from(["PAS", "PFT"]))
    tau2, inverse = draw(st.sampled_from(ESTIMATORS)), draw(st.sampled_from(INVERSES))
    model = Model(tuple(n), Method(scale, tau2, interval, inverse))
    if draw(st.booleans()):  # a vector of the box printed, so that something is found
        x = np.array([[draw(st.integers(a, b)) for a, b in ends]])
        printed = rounded(results(model, x)[:, 0], draw(st.integers(-1, 1)), scale)
    else:
        middle = sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
        width = draw(st.floats(0.001, 0.4))
        pairs = [(m - width, m + width) for m in (middle[1], middle[0], middle[2])]
        printed = Constraint(scale, *pairs)
    return model, printed, low, high


@settings(max_examples=600)
@given(problems())
def test_the_search_finds_what_plain_enumeration_finds(problem):
    model, printed, low, high = problem
    found, box = solve.identified_set(model, printed, low, high)
    assert found.tolist() == plain(model, printed, low, high).tolist()
    assert not box.any()


@pytest.mark.parametrize("tau2", ESTIMATORS)
@pytest.mark.parametrize("interval", INTERVALS)
def test_the_paper_s_own_problem(tau2, interval):
    """CR in children with the evidence for the largest row narrowed, so that all can be tried."""
    e = Evidence.read(store.load_evidence(), "CR")
    child = ~e.adult
    low, high = e.low[child].copy(), e.high[child].copy()
    i = e.labels.index("CLOFAL06952")
    low[i], high[i] = 20, 50
    model = Model(tuple(e.n[child].tolist()), Method("PAS", tau2, interval, "sin2"))
    printed = reconstruction.constraint(POOLED.iloc[0])
    found, _ = solve.identified_set(model, printed, low, high)
    empty = {("CE", "wald"), ("CE", "t"), ("SJ", "t")}  # nothing to compare, and rightly so
    assert bool(len(found)) == ((tau2, interval) not in empty)
    assert found.tolist() == plain(model, printed, low, high).tolist()


def test_the_ends_of_a_rounding_interval():
    """15.5 rounds to 16 and 16.5 does not: the lower end is in, the upper end out."""
    model = Model((10, 20, 30), Method("PAS", "DL", "wald", "sin2"))
    x = np.array([[3, 5, 9]], np.int32)
    own = np.empty(3)
    y, v = model.effects, model.v
    effects = np.array([y[i, x[0, i]] for i in range(3)])
    from metaprop import kernels
    from metaprop.counts import search

    tau2 = kernels.tau2_row(kernels.DL, effects, v)
    search.rate_limits(False, np.inf, effects, v, tau2, False, model.quantile, own)
    wide = [(v - 0.01, v + 0.01) for v in own]
    for j in range(3):
        for pair, inside in (
            ((own[j], own[j] + 0.01), True),
            ((own[j] - 0.01, own[j]), False),
            ((np.nextafter(own[j], 1), own[j] + 0.01), False),
            ((own[j] - 0.01, np.nextafter(own[j], 1)), True),
        ):
            pairs = [*wide[:j], pair, *wide[j + 1 :]]
            found, _ = solve.identified_set(model, Constraint("PAS", *pairs), x[0], x[0])
            assert bool(len(found)) is inside


def test_boxes_are_kept_apart():
    model = Model((4, 6, 9), Method("PAS", "DL", "wald", "sin2"))
    printed = Constraint("PAS", (0.2, 0.5), (0, 0.4), (0.3, 0.9))
    low = np.array([[0, 0, 3], [1, 2, 0], [4, 0, 0]])
    high = np.array([[4, 1, 5], [1, 6, 9], [4, 2, 9]])
    found, box = solve.identified_set(model, printed, low, high)
    for b in range(3):
        assert found[box == b].tolist() == plain(model, printed, low[b], high[b]).tolist()


def _brute_method(evidence, endpoint, method):
    """Joint set by enumeration: children first, then every count of adults for each."""
    targets = {
        (r["population"], r["transformation"]): reconstruction.constraint(r)
        for _, r in POOLED[POOLED["endpoint"] == endpoint].iterrows()
    }
    child = ~evidence.adult
    model = Model(tuple(evidence.n[child].tolist()), replace(method, scale="PAS"))
    double = model.by(scale="PFT")
    x = plain(model, targets["paediatric", "PAS"], evidence.low[child], evidence.high[child])
    value, at = results(double, x), targets["paediatric", "PFT"].printed
    x = x[((at[:, :1] <= value) & (value < at[:, 1:])).all(0)]
    adults = np.indices(
        [b - a + 1 for a, b in zip(evidence.low[~child], evidence.high[~child], strict=True)]
    )
    adults = adults.reshape(2, -1).T + evidence.low[~child]
    whole = np.hstack([np.repeat(x, len(adults), 0), np.tile(adults, (len(x), 1))])
    add = evidence.overall(method.rows)
    for scale in ("PAS", "PFT"):
        overall = Model(tuple((add @ evidence.n).tolist()), replace(method, scale=scale))
        value, at = results(overall, whole @ add.T), targets["overall", scale].printed
        whole = whole[((at[:, :1] <= value) & (value < at[:, 1:])).all(0)]
    return x, whole


@pytest.mark.parametrize(
    "method",
    [
        Method("PAS", "DL", "wald", "harmonic", "age-groups"),
        Method("PAS", "HS", "wald", "harmonic", "age-groups"),
        Method("PAS", "DL", "wald", "harmonic", "merged"),
        Method("PAS", "REML", "wald", "geometric", "age-groups"),
    ],
    ids=str,
)
def test_children_and_adults_together(method):
    e = Evidence.read(store.load_evidence(), "CR")
    i = e.labels.index("CLOFAL06952")
    low, high = e.low.copy(), e.high.copy()
    low[i], high[i] = 36, 50
    e = replace(e, low=low, high=high)
    found = reconstruction.reconstruct(e, POOLED, "CR", [method])[0]
    x, whole = _brute_method(e, "CR", method)
    assert found.paediatric.tolist() == x.tolist()
    assert sorted(found.joint.tolist()) == sorted(whole.tolist())


def test_every_vector_of_the_committed_set_prints_as_the_paper_does():
    """By construction, so no support for the paper; but a file that did not would be wrong."""
    for endpoint in studies.ENDPOINTS:
        table = store.load(f"identified_set_{endpoint.lower()}")
        evidence = Evidence.read(store.load_evidence(), endpoint)
        for key, part in table.groupby(list(VARIED)):
            method = Method("PAS", *key)
            x = part.drop(columns=list(VARIED)).to_numpy(np.int32)
            assert ((evidence.low <= x) & (x <= evidence.high)).all()
            for _, r in POOLED[POOLED["endpoint"] == endpoint].iterrows():
                counts, n, _ = consequences._of_population(evidence, method, x, r["population"])
                model = Model(tuple(n.tolist()), replace(method, scale=r["transformation"]))
                assert solve.meets(model, reconstruction.constraint(r), counts).all()


def test_coupling_is_what_its_definition_says():
    rng = np.random.default_rng(3)
    a, b = (rng.integers(0, 4, (60, 5)).astype(np.int32) for _ in range(2))
    fits = (a[:, None, :] <= b[None, :, :]).all(-1)
    cr, or_ = reconstruction.couple(a, b)
    assert cr.tolist() == fits.any(1).tolist()
    assert or_.tolist() == fits.any(0).tolist()
    none = np.empty((0, 5), np.int32)
    assert reconstruction.couple(a, none)[0].tolist() == [False] * 60


def test_the_medoid_is_nearest_to_all():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 9, (80, 6)).astype(np.int32)
    total = np.abs(x[:, None] - x[None]).sum((1, 2))
    best = sorted(x[total == total.min()].tolist())[0]
    assert reconstruction.medoid(x).tolist() == best
    assert reconstruction.medoid(x[::-1]).tolist() == best


def test_a_search_too_large_is_refused_with_its_size():
    e = Evidence.read(store.load_evidence(), "CR")
    child = ~e.adult
    n = e.n[child]
    model = Model(tuple(n.tolist()), Method("PAS", "DL", "wald", "sin2"))
    printed = reconstruction.constraint(POOLED.iloc[0])
    with pytest.raises(solve.TooLarge, match=r"found .* vectors to decide on, about .* nodes"):
        solve.identified_set(model, printed, np.zeros_like(n), n)
    grid, nodes = solve.search_size(model, printed, np.zeros_like(n), n)
    assert grid == np.prod(n.astype(object) + 1)
    assert 1e10 < nodes < grid


def test_the_estimated_size_is_near_the_true_one():
    e = Evidence.read(store.load_evidence(), "CR")
    child = ~e.adult
    model = Model(tuple(e.n[child].tolist()), Method("PAS", "DL", "wald", "sin2"))
    printed = reconstruction.constraint(POOLED.iloc[0])
    _, nodes = solve.search_size(model, printed, e.low[child], e.high[child])
    with pytest.raises(solve.TooLarge):
        solve.identified_set(model, printed, e.low[child], e.high[child], limit=nodes / 10)
    assert len(solve.identified_set(model, printed, e.low[child], e.high[child])[0])


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        ([0, 0], [3, 9], "row 1: found counts 0 to 9, expected a range within 0 to 5"),
        ([-1, 0], [3, 5], "row 0: found counts -1 to 3"),
        ([2, 0], [1, 5], "row 0: found counts 2 to 1"),
    ],
)
def test_impossible_evidence_is_refused(low, high, says):
    model = Model((3, 5), Method("PAS", "DL", "wald", "sin2"))
    printed = Constraint("PAS", (0, 1), (0, 1), (0, 1))
    with pytest.raises(ValueError, match=says):
        solve.identified_set(model, printed, low, high)


def test_hartung_knapp_needs_two_rows():
    model = Model((3,), Method("PAS", "DL", "hartung-knapp", "sin2"))
    printed = Constraint("PAS", (0, 1), (0, 1), (0, 1))
    with pytest.raises(ValueError, match="k = 1"):
        solve.identified_set(model, printed, [0], [3])


def test_a_cluster_gives_the_same_bytes():
    """Two worker processes on this machine, against the threads of this one."""
    distributed = pytest.importorskip("distributed")
    e = Evidence.read(store.load_evidence(), "OR")
    methods = [METHODS[0], METHODS[1]]
    here = reconstruction.reconstruct(e, POOLED, "OR", methods)
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        there = reconstruction.reconstruct(e, POOLED, "OR", methods, client=client)
    for a, b in zip(here, there, strict=True):
        assert a.joint.tobytes() == b.joint.tobytes()
        assert a.paediatric.tobytes() == b.paediatric.tobytes()
    assert len(here[1].joint)


def test_repair_finds_the_smallest_change():
    """A vector of the set with one count moved by two is two patients from the set, or less."""
    method = Method("PAS", "DL", "wald", "harmonic", "age-groups")
    e = Evidence.read(store.load_evidence(), "OR")
    x = reconstruction.reconstruct(e, POOLED, "OR", [method])[0].joint
    known = x[0].copy()
    held = replace(e, low=known, high=known)
    assert reconstruction.repair(held, POOLED, "OR", method)[0] == 0
    moved = known.copy()
    moved[e.labels.index("BIOV-111")] += 2
    distance, y = reconstruction.repair(replace(e, low=moved, high=moved), POOLED, "OR", method)
    assert 0 < distance <= 2
    assert (np.abs(y - moved).sum(1) == distance).all()
    far = np.where(np.arange(len(moved)) == 5, 0, moved)
    distance, y = reconstruction.repair(replace(e, low=far, high=far), POOLED, "OR", method, most=1)
    assert (distance, len(y)) == (2, 0)


def test_the_reference_is_a_member_and_below_its_partner():
    for population in studies.POPULATIONS:
        cr, or_ = (studies.load(e, population, "reconstructed") for e in studies.ENDPOINTS)
        assert (cr["x"] <= or_["x"]).all()
        for endpoint, table in (("CR", cr), ("OR", or_)):
            _, x, n = studies.identified(endpoint, population)
            assert table["x"].tolist() in x.tolist()
            assert table["n"].tolist() == n.tolist()
            assert (table["x_min"] == x.min(0)).all()
            known = studies.load(endpoint, population)["kind"] == "documented"
            assert (table["kind"] == np.where(known, "documented", "reconstructed")).all()


def test_documented_rows_have_no_other_counts():
    table = studies.load("OR")
    unknown = table[table["kind"] == "unknown"]
    assert unknown["x"].isna().all()
    assert (unknown["x_min"] < unknown["x_max"]).all()
    with pytest.raises(ValueError, match="endpoint: found 'PR', expected one of CR, OR"):
        studies.load("PR")


def test_bounds_are_attained_by_vectors_of_the_set():
    """The range of tau² and of a count recomputed for the first surviving method from the file."""
    bounds = store.load("bounds").set_index(["endpoint", "population", "quantity", "method"])
    methods, x, n = studies.identified("CR")
    first = Method("PAS", *methods.iloc[0])
    x = x[(methods == list(varied(first))).all(axis=1).to_numpy()]
    y, v = transform(x, n, "PAS")
    tau2 = pooling.pool(y, v, first.tau2_method).tau2
    r = bounds.loc[("CR", "paediatric", "tau2", str(first))]
    assert r["vectors"] == len(x)
    np.testing.assert_allclose([r["min"], r["max"]], [tau2.min(), tau2.max()], rtol=1e-10)
    i = studies.load()["label"].tolist().index("CLOFAL06952")
    r = bounds.loc[("CR", "paediatric", "count:CLOFAL06952", str(first))]
    assert (r["min"], r["max"]) == (x[:, i].min(), x[:, i].max())


def test_a_hidden_row_is_found_again_where_the_set_is_not_empty():
    method = Method("PAS", "DL", "wald", "harmonic", "age-groups")
    evidence = {"OR": Evidence.read(store.load_evidence(), "OR")}
    table = consequences.hidden_rows(evidence, POOLED, [method])
    assert set(table["row"]) == {"CLO-212", "BIOV-111", "CLO05908", "Lu 2016"}
    assert table["documented_among"].all()
    assert (table["vectors"] > 0).all()
    shifted = POOLED.assign(estimate=POOLED["estimate"] + 40)
    none = consequences.hidden_rows(evidence, shifted, [method])
    assert none["value"].isna().all()
    assert not none["documented_among"].any()


def test_method_evidence_counts_what_the_sets_hold():
    table = store.load("method_evidence").set_index(["endpoint", *VARIED]).sort_index()
    assert len(table) == 2 * len(METHODS)
    assert (table["n_coupled"] <= table["n_joint"]).all()
    for endpoint in studies.ENDPOINTS:
        vectors = store.load(f"identified_set_{endpoint.lower()}")
        sizes = vectors.groupby(list(VARIED)).size()
        joint = table.loc[endpoint, "n_joint"]
        assert joint[joint > 0].sort_index().tolist() == sizes.sort_index().tolist()
        coupled = studies.identified(endpoint)[0].groupby(list(VARIED)).size()
        n = table.loc[endpoint, "n_coupled"]
        assert n[n > 0].sort_index().tolist() == coupled.sort_index().tolist()


R_POOL = """
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
sets <- fromJSON(file("stdin"), simplifyVector = TRUE, simplifyDataFrame = FALSE)
out <- lapply(sets, function(d) lapply(c(PAS = "PAS", PFT = "PFT"), function(scale) {
  fit <- rma(measure = scale, xi = d$x, ni = d$n, method = "DL", add = 0)
  p <- if (scale == "PAS") predict(fit, transf = transf.iarcsin)
       else predict(fit, transf = transf.ipft.hm, targs = list(ni = d$n))
  100 * c(p$pred, p$ci.lb, p$ci.ub)
}))
cat(toJSON(out, digits = NA))
"""


def test_metafor_prints_the_paper_from_the_reference_counts():
    """The whole chain in the field's own software: DL, Wald, Miller's inverse at the harmonic mean.

    Both ends of rounding count as agreeing here, because R and this package may differ in the last
    digits of a value that lies halfway.
    """
    sets = {}
    for endpoint in studies.ENDPOINTS:
        method, _ = studies.reference(endpoint)
        assert varied(method)[:3] == ("DL", "wald", "harmonic")
        for population in studies.POPULATIONS:
            table = studies.load(endpoint, population, "reconstructed")
            counts = {"x": table["x"].tolist(), "n": table["n"].tolist()}
            sets[f"{endpoint} {population}"] = counts
    done = subprocess.run(
        [need("Rscript"), "-e", R_POOL], input=json.dumps(sets), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    for _, r in POOLED.iterrows():
        values = found[f"{r['endpoint']} {r['population']}"][r["transformation"]]
        for value, printed in zip(values, r[["estimate", "lower", "upper"]], strict=True):
            assert abs(value - printed) <= 0.5 + 1e-9


def test_a_supplement_that_contradicts_the_paper_is_told_so(tmp_path):
    """The command runs to its end, says which endpoint cannot stand, and what would repair it."""
    frame = store.load_evidence()
    for endpoint in studies.ENDPOINTS:
        x = studies.reference(endpoint)[1].copy()
        if endpoint == "CR":
            x[frame["row"].tolist().index("CLOFAL06952")] -= 9
        for end in ("min", "max"):
            frame[f"{endpoint.lower()}_{end}"] = x
    path = tmp_path / "supplement.csv"
    frame.to_csv(path, index=False, na_rep="NA")
    done = subprocess.run(
        [sys.executable, "-m", "clofarabine", "reproduce", "--only", "02", "--only", "03",
         "--counts", str(path), "--build", str(tmp_path / "build")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = {line[:2]: line for line in done.stdout.splitlines() if line[:4] in ("CR: ", "OR: ")}
    assert "agree" in said["OR"]
    assert "contradict" in said["CR"]
    distance = int(re.search(r"repair it is (\d+) patients", said["CR"])[1])
    assert 0 < distance <= 9
    text = (tmp_path / "build/selected/notebooks/02_reconstruction.ipynb").read_text("utf-8")
    assert "The evidence contradicts the printed pooled results" in text


def test_the_search_refuses_a_scale_whose_variances_depend_on_the_count():
    """On the logit it would take every variance at x = 0 and find nothing."""
    expected = "scale: found 'PLO', expected one of PAS, PFT, the scales that the search supports"
    with pytest.raises(ValueError, match=expected):
        Model((4, 6, 9), Method("PLO", "DL", "wald", "sin2"))
    with pytest.raises(ValueError, match=expected):
        Model((4, 6, 9), Method("PAS", "DL", "wald", "sin2")).by(scale="PLO")


@pytest.mark.parametrize("scale", ["PAS", "PFT"])
def test_a_hundred_percent_that_was_cut_off_is_found(scale):
    """Printed as 100 by truncation, the interval begins at 1 itself: every row is x = n."""
    n = np.array([4, 7])
    model = Model(tuple(n.tolist()), Method(scale, "DL", "wald", "harmonic"))
    hundred = (1.0, 1.01)
    everything = Constraint(scale, hundred, (0.0, 1.01), hundred)
    found, _ = solve.identified_set(model, everything, n * 0, n)
    grid = np.indices(n + 1).reshape(2, -1).T.astype(np.int32)
    assert found.tolist() == grid[solve.meets(model, everything, grid)].tolist()
    assert n.tolist() in found.tolist()
