"""The search against plain enumeration: the same vectors, always."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import need
from hypothesis import given, settings
from hypothesis import strategies as st

from clofarabine import consequences, identified_shown, reconstruction, studies
from clofarabine.corrected import CORRECTED
from clofarabine.figures import reconstruction as pictures
from clofarabine.reconstruction import (
    ESTIMATORS,
    INTERVALS,
    METHODS,
    NUMBERS,
    VARIED,
    Evidence,
    varied,
)
from clofarabine.tables import load_evidence, paths, store
from metaprop import pooling
from metaprop.counts import solve
from metaprop.counts import vectors as counts_vectors
from metaprop.counts.statement import Printed
from metaprop.counts.vectors import below, medoid
from metaprop.effectsize import INVERSES, back_transform, overall_n, transform
from metaprop.method import Method

POOLED = store.load("pooled_results")


def results(printed, x):
    """Estimate and limits of each vector by the public functions, shape (3, vectors)."""
    y, v = transform(x, printed.n, printed.method.scale)
    fit = pooling.pool(y, v, printed.method.tau2_method, printed.method.ci_method)
    n = None
    if printed.method.scale == "PFT" and printed.method.inverse != "sin2":
        with np.errstate(divide="ignore"):  # identical effects have a Hartung-Knapp error of 0
            n = overall_n(printed.n, printed.method.inverse, fit.se)
        n = np.broadcast_to(n, len(x))
        flat = np.isinf(n)
        n = np.where(flat, 1e300, n)
    limits = (fit.estimate, fit.lower, fit.upper)
    return np.array([back_transform(y, printed.method.scale, n) for y in limits])


def plain(printed, low, high):
    """Every vector of the box, tried one after the other."""
    grid = np.indices([b - a + 1 for a, b in zip(low, high, strict=True)])
    x = grid.reshape(len(low), -1).T + np.asarray(low)
    value = results(printed, x)
    at = printed.rates
    keep = (at[:, :1] <= value) & (value < at[:, 1:])
    return x[keep.all(0)]


def limits(*pairs):
    """Intervals of estimate, lower and upper."""
    return dict(zip(NUMBERS, pairs, strict=True))


def rounded(values, decimals):
    """Intervals as a paper would print these proportions."""
    half = 0.5 * 10.0**-decimals
    at = np.round(100 * np.asarray(values), decimals)
    return limits(*(((a - half) / 100, (a + half) / 100) for a in at))


@st.composite
def problems(draw):
    k = draw(st.integers(1, 5))
    n = [draw(st.integers(1, 12)) for _ in range(k)]
    ends = [sorted((draw(st.integers(0, m)), draw(st.integers(0, m)))) for m in n]
    low, high = (np.array(e) for e in zip(*ends, strict=True))
    interval = draw(st.sampled_from(INTERVALS)) if k > 1 else "wald"
    scale = draw(st.sampled_from(["PAS", "PFT", *CORRECTED]))
    tau2, inverse = draw(st.sampled_from(ESTIMATORS)), draw(st.sampled_from(INVERSES))
    printed = Printed(tuple(n), Method(scale, tau2, interval, inverse))
    if draw(st.booleans()):  # a vector of the box printed, so that something is found
        x = np.array([[draw(st.integers(a, b)) for a, b in ends]])
        own = rounded(results(printed, x)[:, 0], draw(st.integers(-1, 1)))
    else:
        middle = sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
        width = draw(st.floats(0.001, 0.4))
        own = limits(*((m - width, m + width) for m in (middle[1], middle[0], middle[2])))
    return printed.by(own), low, high


@settings(max_examples=600)
@given(problems())
def test_the_search_finds_what_plain_enumeration_finds(problem):
    printed, low, high = problem
    found = solve.identified_set(printed, low, high)
    assert found.tolist() == plain(printed, low, high).tolist()


@pytest.mark.parametrize("tau2", ESTIMATORS)
@pytest.mark.parametrize("interval", INTERVALS)
def test_the_paper_s_own_problem(tau2, interval):
    """CR in children with the evidence for the largest row narrowed, so that all can be tried."""
    e = Evidence.read(load_evidence(), "CR")
    child = ~e.adult
    low, high = e.low[child].copy(), e.high[child].copy()
    i = e.labels.index("CLOFAL06952")
    low[i], high[i] = 20, 50
    method = Method("PAS", tau2, interval, "sin2")
    printed = Printed(tuple(e.n[child].tolist()), method, reconstruction.limits(POOLED.iloc[0]))
    found = solve.identified_set(printed, low, high)
    empty = {("CE", "wald"), ("CE", "t"), ("SJ", "t")}  # nothing to compare, and rightly so
    assert bool(len(found)) == ((tau2, interval) not in empty)
    assert found.tolist() == plain(printed, low, high).tolist()


def test_the_ends_of_a_rounding_interval():
    """15.5 rounds to 16 and 16.5 does not: the lower end is in, the upper end out."""
    printed = Printed((10, 20, 30), Method("PAS", "DL", "wald", "sin2"))
    x = np.array([[3, 5, 9]], np.int32)
    own = results(printed, x)[:, 0]
    wide = [(v - 0.01, v + 0.01) for v in own]
    for j in range(3):
        for pair, inside in (
            ((own[j], own[j] + 0.01), True),
            ((own[j] - 0.01, own[j]), False),
            ((np.nextafter(own[j], 1), own[j] + 0.01), False),
            ((own[j] - 0.01, np.nextafter(own[j], 1)), True),
        ):
            given = printed.by(limits(*wide[:j], pair, *wide[j + 1 :]))
            assert bool(len(solve.identified_set(given, x[0], x[0]))) is inside


@settings(max_examples=60)
@given(problems(), st.data())
def test_rows_whose_joint_counts_are_given(problem, data):
    """Only the given vectors of some rows, in any order, with every count of the others."""
    printed, low, high = problem
    rows = data.draw(st.permutations(range(len(low))))[: max(1, len(low) - 1)]
    grid = np.indices(high[rows] - low[rows] + 1).reshape(len(rows), -1).T + low[rows]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    vectors = rng.permutation(grid)[: max(1, int(0.8 * len(grid)))].astype(np.int32)
    found = solve.identified_set(printed, low, high, given=(rows, vectors))
    among = set(map(tuple, vectors.tolist()))
    every = plain(printed, low, high)
    assert found.tolist() == [v.tolist() for v in every if tuple(v[rows].tolist()) in among]


@settings(max_examples=60)
@given(problems(), st.data())
def test_pooled_rows_that_add_rows_up(problem, data):
    """The first pooled row is two rows: every way to split its counts is found."""
    printed, low, high = problem
    members = np.eye(len(low), dtype=np.int32)
    part = data.draw(st.integers(0, int(low[0])))
    members = np.hstack([members, members[:, :1]])
    low, high = np.append(low, 0), np.append(high, part)
    low[0], high[0] = low[0] - part, high[0] - part
    found = solve.identified_set(printed, low, high, members=members)
    grid = np.indices(high - low + 1).reshape(len(low), -1).T + low
    keep = solve.meets(printed, (grid @ members.T).astype(np.int32))
    assert found.tolist() == grid[keep].tolist()


def _brute_method(evidence, endpoint, method):
    """Joint set by enumeration: children first, then every count of adults for each."""
    targets = reconstruction.targets_of(POOLED, endpoint)
    child = ~evidence.adult
    own = Printed(tuple(evidence.n[child].tolist()), method).by(targets["paediatric", "PAS"])
    double = own.by(targets["paediatric", "PFT"], scale="PFT")
    x = plain(own, evidence.low[child], evidence.high[child])
    value, at = results(double, x), double.rates
    x = x[((at[:, :1] <= value) & (value < at[:, 1:])).all(0)]
    adults = np.indices(
        [b - a + 1 for a, b in zip(evidence.low[~child], evidence.high[~child], strict=True)]
    )
    adults = adults.reshape(2, -1).T + evidence.low[~child]
    whole = np.hstack([np.repeat(x, len(adults), 0), np.tile(adults, (len(x), 1))])
    add = evidence.overall(method.rows)
    for scale in ("PAS", "PFT"):
        overall = Printed(tuple((add @ evidence.n).tolist()), replace(method, scale=scale))
        overall = overall.by(targets["overall", scale])
        value, at = results(overall, whole @ add.T), overall.rates
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
    e = Evidence.read(load_evidence(), "CR")
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
        evidence = Evidence.read(load_evidence(), endpoint)
        for key, part in table.groupby(list(VARIED)):
            method = Method("PAS", *key)
            x = part.drop(columns=list(VARIED)).to_numpy(np.int32)
            assert ((evidence.low <= x) & (x <= evidence.high)).all()
            for _, r in POOLED[POOLED["endpoint"] == endpoint].iterrows():
                counts, n, _ = consequences._of_population(evidence, method, x, r["population"])
                own = replace(method, scale=r["transformation"])
                printed = Printed(tuple(n.tolist()), own, reconstruction.limits(r))
                assert solve.meets(printed, counts).all()


@pytest.mark.parametrize("cells", [2**22, 0], ids=["grid", "one by one"])
def test_below_is_what_every_pair_says(cells, monkeypatch):
    monkeypatch.setattr(counts_vectors, "_GRID", cells)
    rng = np.random.default_rng(3)
    for _ in range(300):
        rows, wide = int(rng.integers(1, 6)), rng.integers(1, 6, 2)
        start = rng.integers(0, 5, (2, 1, rows))
        a, b = (
            (s + rng.integers(0, w, (rng.integers(1, 40), rows))).astype(np.int32)
            for s, w in zip(start, wide, strict=True)
        )
        fits = (a[:, None, :] <= b[None, :, :]).all(-1)
        cr, or_ = below(a, b)
        assert cr.tolist() == fits.any(1).tolist()
        assert or_.tolist() == fits.any(0).tolist()
    assert below(a, b[:0])[0].tolist() == [False] * len(a)


def test_the_medoid_is_nearest_to_all():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 9, (80, 6)).astype(np.int32)
    total = np.abs(x[:, None] - x[None]).sum((1, 2))
    best = sorted(x[total == total.min()].tolist())[0]
    assert medoid(x).tolist() == best
    assert medoid(x[::-1]).tolist() == best


def test_a_search_too_large_is_refused_with_its_size():
    e = Evidence.read(load_evidence(), "CR")
    child = ~e.adult
    n = e.n[child]
    method = Method("PAS", "DL", "wald", "sin2")
    printed = Printed(tuple(n.tolist()), method, reconstruction.limits(POOLED.iloc[0]))
    with pytest.raises(solve.TooLarge, match=r"found .* vectors to decide on, about .* nodes"):
        solve.identified_set(printed, np.zeros_like(n), n)
    search = solve._search(printed, np.zeros_like(n), n, None, None)
    nodes = search.nodes(search.root(search.domain))
    assert solve.NODE_LIMIT < nodes < np.prod(n.astype(object) + 1)


def test_the_estimated_size_is_near_the_true_one(monkeypatch):
    """A part of a search in random order says how large the whole is, within a factor of two."""
    e = Evidence.read(load_evidence(), "CR")
    child = ~e.adult
    method = Method("PAS", "DL", "wald", "sin2")
    printed = Printed(tuple(e.n[child].tolist()), method, reconstruction.limits(POOLED.iloc[0]))
    low, high = e.low[child], e.high[child]
    search = solve._search(printed, low, high, None, None)
    nodes = search.nodes(search.root(search.domain))  # a search that ends is counted
    root = search.root(search.domain, deep=False)
    assert 0.5 < search.nodes(root, budget=int(nodes / 5)) / nodes < 2
    with pytest.raises(solve.TooLarge):
        solve.identified_set(printed, low, high, limit=nodes / 10)
    assert len(solve.identified_set(printed, low, high))


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        ([0, 0], [3, 9], "row 1: found counts 0 to 9, expected a range within 0 to 5"),
        ([-1, 0], [3, 5], "row 0: found counts -1 to 3"),
        ([2, 0], [1, 5], "row 0: found counts 2 to 1"),
    ],
)
def test_impossible_evidence_is_refused(low, high, says):
    printed = Printed((3, 5), Method("PAS", "DL", "wald", "sin2"))
    with pytest.raises(ValueError, match=says):
        solve.identified_set(printed, low, high)


def test_hartung_knapp_needs_two_rows():
    printed = Printed((3,), Method("PAS", "DL", "hartung-knapp", "sin2"))
    with pytest.raises(ValueError, match="k = 1"):
        solve.identified_set(printed, [0], [3])


def test_a_cluster_gives_the_same_bytes():
    """Two worker processes on this machine, against the threads of this one."""
    distributed = pytest.importorskip("distributed")
    e = Evidence.read(load_evidence(), "OR")
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
    e = Evidence.read(load_evidence(), "OR")
    x = reconstruction.reconstruct(e, POOLED, "OR", [method])[0].joint
    known = x[0].copy()
    held = replace(e, low=known, high=known)
    assert consequences.repair(held, POOLED, "OR", method)[0] == 0
    moved = known.copy()
    moved[e.labels.index("BIOV-111")] += 2
    distance, y = consequences.repair(replace(e, low=moved, high=moved), POOLED, "OR", method)
    assert 0 < distance <= 2
    assert (np.abs(y - moved).sum(1) == distance).all()
    far = np.where(np.arange(len(moved)) == 5, 0, moved)
    distance, y = consequences.repair(replace(e, low=far, high=far), POOLED, "OR", method, most=1)
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
    evidence = {"OR": Evidence.read(load_evidence(), "OR")}
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
    frame = load_evidence()
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


def test_a_scale_that_is_not_searched_is_refused():
    expected = "scale: found 'GLMM', expected one of PAS, PFT, PLO, PLN, PR, the scales that"
    with pytest.raises(ValueError, match=expected):
        Printed((4, 6, 9), Method("GLMM", "DL", "wald", "sin2"))
    with pytest.raises(ValueError, match=expected):
        Printed((4, 6, 9), Method("PAS", "DL", "wald", "sin2")).by(scale="GLMM")


@pytest.mark.parametrize("scale", ["PAS", "PFT"])
def test_a_hundred_percent_that_was_cut_off_is_found(scale):
    """Printed as 100 by truncation, the interval begins at 1 itself: every row is x = n."""
    n = np.array([4, 7])
    own = limits((1.0, 1.01), (0.0, 1.01), (1.0, 1.01))
    printed = Printed(tuple(n.tolist()), Method(scale, "DL", "wald", "harmonic"), own)
    found = solve.identified_set(printed, n * 0, n)
    grid = np.indices(n + 1).reshape(2, -1).T.astype(np.int32)
    assert found.tolist() == grid[solve.meets(printed, grid)].tolist()
    assert n.tolist() in found.tolist()


def test_the_grid_of_methods_draws_every_method_that_leaves_a_vector(tmp_path, monkeypatch):
    """Hartung-Makambi and Hunter-Schmidt with k / (k - 1) too; what is not drawn leaves none."""
    (tmp_path / "figures").mkdir()
    monkeypatch.setenv(paths.OUTPUT_VARIABLE, str(tmp_path))
    methods = pd.read_csv(paths.DATA / "derived" / "method_evidence.csv")
    seen = []
    draw = pictures.method_grid
    monkeypatch.setattr(pictures, "method_grid", lambda m: seen.append(m) or draw(m))
    picture = identified_shown.method_grid(SimpleNamespace(methods=methods))
    left = methods[["n_paediatric", "n_joint", "n_coupled"]].gt(0).any(axis=1)
    (drawn,) = seen
    assert set(methods.index[left]) <= set(drawn.index)
    for _, own in drawn.groupby(["tau2_method", "ci_method"]):
        assert left[own.index].any()
    said = picture.caption.split("Not drawn")[1]
    pairs = [frame.groupby(["tau2_method", "ci_method"]).ngroups for frame in (methods, drawn)]
    named = re.findall(rf"\b({'|'.join(set(methods['tau2_method']))})\b", said)
    assert len(named) == pairs[0] - pairs[1] > 0
    for code in ("HM", "HSk"):
        assert f"<!-- {code}, Wald -->" in picture.svg
    empty = methods.assign(n_paediatric=0, n_joint=0, n_coupled=0)
    nothing = identified_shown.method_grid(SimpleNamespace(methods=empty))
    assert nothing.data == identified_shown.NONE
