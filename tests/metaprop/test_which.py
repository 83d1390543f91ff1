"""What printed this? Against plain enumeration: the same vectors and methods, always."""

import pickle
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from metaprop import likelihood
from metaprop.counts import ranges, relax, witness
from metaprop.effectsize import INVERSES, transform
from metaprop.method import CI_METHODS, TAU2_METHODS, Method
from metaprop.pooling import pool_proportions
from metaprop.printed import outer, problem, quantities, read, solve, which
from metaprop.printed.rounding import RULES, interval, within
from metaprop.printed.values import consistent, values

MODES = {
    "half-up": (ROUND_HALF_UP,), "half-even": (ROUND_HALF_EVEN,), "truncation": (ROUND_DOWN,),
    "unknown": (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN),
}  # fmt: skip
SCALES = read.SUPPORTED
CASES = 150


def as_printed(value, decimals, mode):
    """A number as a paper prints it."""
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), mode))


def results(x, n, method):
    """Quantities of vectors x, a list of meanings each, from the public functions of pooling."""
    found = pool_proportions(x, n, method)
    fit, df = found.fit, max(len(n) - 1, 1)
    return {
        "estimate": [100 * found.estimate], "lower": [100 * found.lower],
        "upper": [100 * found.upper], "tau2": [fit.tau2], "Q": [fit.q], "p_Q": [fit.q_p],
        "I2": [100 * fit.i2, 100 * (1 - df / np.maximum(fit.q, df))], "H2": [fit.h2, fit.q / df],
    }  # fmt: skip


def grid_of(rows):
    """Every vector of counts between x_min and x_max."""
    low, high = rows["x_min"].to_numpy(), rows["x_max"].to_numpy()
    return np.indices(high - low + 1).reshape(len(low), -1).T + low


def plain(rows, printed, method, rule):
    """Every vector that prints as printed, tried one after the other as strings."""
    x = grid_of(rows)
    values = results(x, rows["n"].to_numpy(), method)
    keep = []
    for i in range(len(x)):
        for r in printed.itertuples():
            decimals = len(r.printed.partition(".")[2])
            wanted = Decimal(r.printed)
            shown = {
                Decimal(as_printed(v[i], decimals, m)) for v in values[r.quantity]
                for m in MODES[rule]
            }  # fmt: skip
            if wanted not in shown and not _clipped(r, method, values, i):
                break
        else:
            keep.append(x[i].tolist())
    return keep


def _clipped(r, method, values, i):
    """Whether a limit beyond 0 or 1 is printed as that end."""
    if not method.scale.startswith(("PLN", "PR")):
        return False
    value = values[r.quantity][0][i]
    low = r.quantity == "lower" and value < 0 and Decimal(r.printed) == 0
    return low or (r.quantity == "upper" and value > 100 and Decimal(r.printed) == 100)


@st.composite
def problems(draw):
    k = draw(st.integers(1, 4))
    n = [draw(st.integers(1, 9)) for _ in range(k)]
    ends = [sorted((draw(st.integers(0, m)), draw(st.integers(0, m)))) for m in n]
    rows = pd.DataFrame(ends, columns=["x_min", "x_max"])
    rows = rows.assign(label=[f"r{i}" for i in range(k)], n=n)
    scale = draw(st.sampled_from(SCALES))
    method = Method(
        scale, draw(st.sampled_from(list(TAU2_METHODS))),
        draw(st.sampled_from(CI_METHODS)) if k > 1 else "wald", draw(st.sampled_from(INVERSES)),
    )  # fmt: skip
    x = np.array([[draw(st.integers(a, b)) for a, b in ends]])
    with np.errstate(divide="ignore"):
        values = results(x, np.array(n), method)
    rule = draw(st.sampled_from(RULES))
    lines = []
    for quantity in draw(st.sets(st.sampled_from(list(values)), min_size=1, max_size=4)):
        value = draw(st.sampled_from(values[quantity]))[0]
        if np.isfinite(value):
            decimals = draw(st.integers(0, 2))
            shown = as_printed(value, decimals, draw(st.sampled_from(MODES[rule])))
            lines.append(("all", scale, quantity, shown.replace("-0", "0") if float(shown) == 0
                          else shown))  # fmt: skip
    return rows, pd.DataFrame(lines, columns=read.PRINTED_COLUMNS), method, rule, x[0].tolist()


@settings(max_examples=CASES, deadline=None, derandomize=True)
@given(problems())
def test_the_vectors_are_those_of_plain_enumeration(case):
    rows, printed, method, rule, true = case
    if not len(printed):
        return
    built = problem.build(read.check_rows(rows), read.check_printed(printed, rows), rule)
    found = solve.solve(built, problem.Candidate(method), 10**6)
    with np.errstate(divide="ignore"):
        wanted = plain(rows, printed, method, rule)
    assert true in wanted
    assert found.vectors.tolist() == wanted


def alone(built, candidate):
    """What is certain under one method, with nothing listed."""
    return witness.decided([solve.solve(built, candidate, 0)])[0]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(problems())
def test_no_range_is_too_narrow_where_vectors_are_not_listed(case):
    """Ends seen and certified are ends of the enumeration; bounds never lie inside it."""
    rows, printed, method, rule, _ = case
    if not len(printed):
        return
    built = problem.build(read.check_rows(rows), read.check_printed(printed, rows), rule)
    with np.errstate(divide="ignore"):
        wanted = np.array(plain(rows, printed, method, rule))
    with pytest.MonkeyPatch.context() as patch:
        for name, few in (("LOOK", 2), ("NODES", 3), ("STEPS", 50)):
            patch.setattr(witness, name, few)
        patch.setattr(ranges, "QUESTION", 20)
        found = alone(built, problem.Candidate(method))
        assert not found.empty
        for i in range(len(rows)):
            span = ranges.span([found], i)
            least, most = wanted[:, i].min(), wanted[:, i].max()
            assert span.low <= least <= most <= span.high
            if span.seen_low is not None:
                assert least <= span.seen_low <= span.seen_high <= most
    own, candidate = built.results[0], problem.Candidate(method)
    told = consistent(own, candidate, wanted)
    if found.vectors is None:
        for quantity, (low, high) in outer.bounds(found)[0].items():
            if quantity in told:
                least, most = ends(told[quantity])
                assert low <= least <= most <= high, quantity
    for few in (0, 3, 8):  # questions about each end
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ranges, "QUESTION", 20)
            patch.setattr(witness, "STEPS", 50)
            for name in ("WALKS", "QUESTIONS", "PROGRAMMES"):
                patch.setattr(quantities, name, few)
            table = quantities.table(built, [(candidate, found)])
        assert table["quantity"].tolist() == [q for q in quantities.TOLD if q in told]
        for r in table.itertuples():
            holds_ends(r, *ends(told[r.quantity]))


def ends(told):
    return float(np.nanmin(told)), float(np.nanmax(told))


def holds_ends(r, least, most):
    """A row of quantities.csv is true of the least and the most that there are."""
    hair = 1e-12 * (1 + abs(most))
    assert r.min - hair <= least <= most <= r.max + hair, r.quantity
    if not np.isnan(r.seen_min):
        assert least - hair <= r.seen_min <= r.seen_max <= most + hair, r.quantity
    if r.certified != "outer bound":
        near = float(r.certified.partition(" to ")[2] or 0) * (1 + 1e-9) + hair
        assert least - r.min <= r.seen_min - r.min <= near, r.quantity
        assert r.max - most <= r.max - r.seen_max <= near, r.quantity


@pytest.mark.parametrize("scale", ["PAS", "PFT"])
def test_ends_of_quantities_are_exact_without_a_listing(scale):
    """Walks and proofs close every gap to what is told; the listing has its ends within it."""
    method = Method(scale, "REML", "wald", "harmonic")
    rows, candidate = ROWS.assign(x_min=0, x_max=[20, 15, 30, 12]), problem.Candidate(method)
    printed = read.check_printed(lines(*printed_of(TRUE, method, decimals=0)), rows)
    built = problem.build(read.check_rows(rows), printed, "half-up")
    listed, without = solve.solve(built, candidate, 10**6), alone(built, candidate)
    assert listed.vectors is not None
    assert without.vectors is None
    table = quantities.table(built, [(candidate, without)])
    assert table["certified"].str.startswith("exact to ").all()
    told = consistent(built.results[0], candidate, listed.vectors)
    for r in table.itertuples():
        holds_ends(r, *ends(told[r.quantity]))
    with pytest.MonkeyPatch.context() as patch:  # questions that nothing answers change nothing
        patch.setattr(ranges, "QUESTION", 1)
        patch.setattr(witness, "STEPS", 0)
        patch.setattr(quantities, "PROGRAMMES", 0)
        unsure = quantities.table(built, [(candidate, without)])
    assert unsure["certified"].eq("outer bound").any()
    for r in unsure.itertuples():
        holds_ends(r, *ends(told[r.quantity]))
    both = quantities.table(built, [(candidate, without), (candidate, listed)])
    assert (both["min"] <= table["seen_min"]).all()
    assert (both["max"] >= table["seen_max"]).all()


def test_a_printed_quantity_is_where_it_was_printed():
    """Of two meanings of I² or of prediction limits those remain that print as printed."""
    method = Method("PLO", "REML", "wald", "none")
    told = values(problem.build(ROWS, lines(*printed_of(TRUE, method)), "half-up").results[0],
                  problem.Candidate(method), TRUE[None].astype(np.int32))  # fmt: skip
    rows = ROWS.assign(x_min=TRUE, x_max=TRUE)
    for quantity, meaning in (("I2", 1), ("pi_upper", 2)):
        value = 100 * told[quantity][meaning][0]
        shown = ("all", "PLO", quantity, as_printed(value, 1, ROUND_HALF_UP))
        answer = which(rows, lines(*printed_of(TRUE, method), shown), methods=[method])
        own = answer.quantities.set_index("quantity").loc[quantity]
        assert 100 * own["min"] == pytest.approx(value) == 100 * own["max"]
        assert len({round(100 * m[0], 1) for m in told[quantity]}) > 1


@st.composite
def two_outcomes(draw):
    """Two outcomes of the same rows, each printed on its own; the first is part of the second."""
    k, scale = draw(st.integers(1, 2)), draw(st.sampled_from(SCALES))
    n = [draw(st.integers(1, 5)) for _ in range(k)]
    method = Method(scale, draw(st.sampled_from(["DL", "ML", "SJ", "CE"])), "wald", "harmonic")
    more = np.array([[draw(st.integers(0, m)) for m in n]])
    less = np.array([[draw(st.integers(0, int(m))) for m in more[0]]])
    lines = []
    for outcome, x in (("less", less), ("more", more)):
        with np.errstate(divide="ignore"):
            value = results(x, np.array(n), method)["estimate"][0][0]
        shown = as_printed(value, draw(st.integers(0, 1)), ROUND_HALF_UP)
        lines.append((f"outcome={outcome}", scale, "estimate", shown))
    rows = pd.DataFrame({"n": n, "x_min": 0, "x_max": n})
    return rows, pd.DataFrame(lines, columns=read.PRINTED_COLUMNS), method


@settings(max_examples=60, deadline=None, derandomize=True)
@given(two_outcomes())
def test_a_count_at_most_another_is_plain_enumeration_of_pairs(case):
    one, printed, method = case
    k = len(one)
    with np.errstate(divide="ignore"):
        less, more = (
            np.array(plain(one, printed.iloc[[i]], method, "half-up")).reshape(-1, k)
            for i in (0, 1)
        )
    wanted = [[*a, *b] for a in less.tolist() for b in more.tolist() if np.all(np.less_equal(a, b))]
    rows = pd.concat([one.assign(label=[f"{o} {i}" for i in range(k)], outcome=o)
                      for o in ("less", "more")], ignore_index=True)  # fmt: skip
    rows["at_most"] = [f"more {i}" for i in range(k)] + [None] * k
    built = problem.build(read.check_rows(rows), read.check_printed(printed, rows), "half-up")
    found = solve.solve(built, problem.Candidate(method), 10**6)
    assert found.vectors.tolist() == wanted
    with pytest.MonkeyPatch.context() as patch:
        for name, few in (("LOOK", 2), ("NODES", 3)):
            patch.setattr(witness, name, few)
        found = alone(built, problem.Candidate(method))
        for i in range(2 * k):
            span, own = ranges.span([found], i), np.array(wanted)[:, i]
            assert (span.low, span.high) == (own.min(), own.max())


def decide(rows, printed, method, rule, programmes):
    """Of each row and count, whether a vector has at least that: what linear programmes say."""
    built = problem.build(read.check_rows(rows), read.check_printed(printed, rows), rule)
    with np.errstate(divide="ignore"):
        wanted = np.array(plain(rows, printed, method, rule))
    with pytest.MonkeyPatch.context() as patch:
        for name, few in (("LOOK", 1), ("NODES", 1), ("FIRST_PROGRAMMES", 0)):
            patch.setattr(witness, name, few)
        search = solve.solve(built, problem.Candidate(method), 0).search
    if search is None:  # so few vectors that they were listed
        return
    for row, n in enumerate(rows["n"]):
        for at in range(n + 1):
            domain = [d.copy() for d in search.domain]
            domain[row][:at] = False
            root = search.root(domain)
            if root is None:
                assert not (wanted[:, row] >= at).any()
                continue
            there, x = relax.Mixtures(search, root).ask(programmes, 0)
            if there is not None:
                assert there == (wanted[:, row] >= at).any()
            assert len(x) == bool(there)
            assert all(v in wanted.tolist() for v in x.tolist())
            yield there


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(problems(), st.sampled_from([3, 10, 300]))
def test_linear_programmes_answer_as_plain_enumeration(case, programmes):
    """Is there a vector with a count in some range? What they say is so."""
    rows, printed, method, rule, _ = case
    if len(printed):
        list(decide(rows, printed, method, rule, programmes))


@pytest.mark.parametrize("tau2_method", ["DL", "HS", "REML"])
def test_linear_programmes_decide(tau2_method):
    """Enough of them say yes or no to most questions, both ways; a single one does not."""
    method = Method(tau2_method=tau2_method)
    x, n = np.array([1, 4, 2, 6]), np.array([6, 9, 7, 8])
    rows = pd.DataFrame({"label": list("abcd"), "n": n, "x_min": 0, "x_max": n})
    found = pool_proportions(x, n, method)
    printed = pd.DataFrame(
        [
            ("all", "PAS", q, f"{100 * getattr(found, q):.0f}")
            for q in ("estimate", "lower", "upper")
        ],
        columns=["rows", "scale", "quantity", "printed"],
    )
    said = list(decide(rows, printed, method, "half-up", 200))
    assert {True, False} <= set(said)
    assert said.count(None) < len(said) / 3
    assert set(decide(rows, printed, method, "half-up", 1)) == {None}


ROWS = pd.DataFrame({
    "label": ["a", "b", "c", "d"], "n": [20, 15, 30, 12], "x_min": [4, 0, 5, 0],
    "x_max": [4, 15, 20, 12], "arm": ["x", "x", "y", "y"], "study": ["s", "t", "s", "u"],
})  # fmt: skip


def lines(*cells):
    return pd.DataFrame(cells, columns=read.PRINTED_COLUMNS)


def printed_of(x, method, selector="all", decimals=1):
    """What a method prints of counts x, for `ROWS`."""
    members = problem.chosen(selector, ROWS)
    found = pool_proportions(members @ x, members @ ROWS["n"].to_numpy(), method)
    values = {q: 100 * float(getattr(found, q)) for q in ("estimate", "lower", "upper")}
    return [
        (selector, method.scale, q, as_printed(v, decimals, ROUND_HALF_UP))
        for q, v in values.items()
    ]


TRUE = np.array([4, 6, 11, 1])


@pytest.mark.parametrize("scale", SCALES)
def test_the_true_method_and_counts_remain(scale):
    method = Method(scale, "DL", "wald", "harmonic")
    extra = [("label=b", "", "rate", "40"), ("all", "", "events", "22")]
    for selector in ("all", "arm=x", "all by study"):
        extra += printed_of(TRUE, method, selector)
    answer = which(ROWS, lines(*extra), methods=[method])
    assert answer.verdict == "unique"
    assert answer.ranges["x_min"].tolist() == TRUE.tolist()
    counts = answer.vectors[list("abcd")].drop_duplicates()  # R meta's zero cells: a second method
    assert counts.to_numpy().tolist() == [TRUE.tolist()]
    assert "Unique" in answer.say()


def test_weights_and_prediction_limits_are_used():
    method = Method("PLO", "REML", "hartung-knapp", "none")
    found = pool_proportions(TRUE, ROWS["n"], method)
    own = [("all", "PLO", q, as_printed(100 * getattr(found, q), 0, ROUND_HALF_UP))
           for q in ("pi_lower", "pi_upper")]  # fmt: skip
    without = which(ROWS, lines(*printed_of(TRUE, method, decimals=0)), methods=[method])
    both = which(ROWS, lines(*printed_of(TRUE, method, decimals=0), *own), methods=[method])
    weight = which(ROWS, lines(*printed_of(TRUE, method, decimals=0),
                               ("label=a", "PLO", "weight", "99")), methods=[method])  # fmt: skip
    assert 0 < both.methods["vectors"].sum() < without.methods["vectors"].sum()
    assert weight.verdict == "infeasible"
    assert "Infeasible" in weight.say()


def test_a_weight_belongs_to_the_outcome_of_its_row():
    rows = pd.concat([ROWS.assign(label=ROWS["label"] + o, outcome=o) for o in "12"])
    rows = rows.reset_index(drop=True).assign(at_most=[f"{c}2" for c in "abcd"] + [""] * 4)
    rows.loc[4:, ["x_min", "x_max"]] = np.array([[9, 8, 15, 3]] * 2).T  # of the second, all known
    method = Method("PLO", "DL", "wald", "none")
    told = [("outcome=1", *r[1:]) for r in printed_of(TRUE, method, decimals=0)]
    fit = pool_proportions(TRUE, ROWS["n"], method).fit
    _y, v = transform(TRUE, ROWS["n"], "PLO")
    share = 1 / (v + fit.tau2) / (1 / (v + fit.tau2)).sum()
    weight = ("label=b1", "PLO", "weight", as_printed(100 * share[1], 1, ROUND_HALF_UP))
    answer = which(rows, lines(*told, weight), methods=[method])
    own = answer.vectors[["a1", "b1", "c1", "d1"]].to_numpy()
    assert TRUE.tolist() in own.tolist()
    assert len(own) < len(which(rows, lines(*told), methods=[method]).vectors)
    with pytest.raises(read.BadInput, match="alone in 0 results"):
        which(rows, lines(told[0], ("label=b2", "PLO", "weight", "20")), methods=[method])


def test_a_scale_that_is_not_printed_is_searched_over_all():
    shown = printed_of(TRUE, Method("PFT", "REML", "wald", "harmonic"))
    blank = lines(*((a, "", c, d) for a, _, c, d in shown))
    methods = [Method(s, "REML", "wald", "harmonic") for s in SCALES]
    answer = which(ROWS, blank, methods=methods)
    assert "PFT" in set(answer.methods["scale"])
    assert answer.methods["found"].eq("all vectors").all()


def glmm_of(x, decimals=1):
    """What the binomial-normal model prints of counts x for `ROWS`, tau² too."""
    fit = likelihood.glmm(x, ROWS["n"])
    rates = dict(zip(("estimate", "lower", "upper"), fit.proportion(), strict=True))
    numbers = {q: 100 * float(r) for q, r in rates.items()} | {"tau2": float(fit.spread)}
    return {q: as_printed(v, decimals, ROUND_HALF_UP) for q, v in numbers.items()}


@pytest.mark.parametrize("scale", ["GLMM", ""])
def test_a_glmm_keeps_the_vectors_that_print_so(scale):
    shown = glmm_of(TRUE)
    rows = ROWS.assign(x_min=[4, 4, 9, 0], x_max=[4, 9, 13, 3])
    told = lines(*(("all", scale, q, v) for q, v in shown.items()))
    answer = which(rows, told)
    own = answer.vectors[answer.vectors["scale"] == "GLMM"][list("abcd")].to_numpy().tolist()
    assert own == [x.tolist() for x in grid_of(rows) if glmm_of(x) == shown]
    assert TRUE.tolist() in own
    assert answer.tried == 1 or not scale
    assert "GLMM was not tried" not in answer.say()
    one = which(rows, told, methods=[Method("GLMM", "ML", "wald", "none")])
    assert one.vectors[list("abcd")].to_numpy().tolist() == own


def test_a_glmm_beside_another_scale_counts(monkeypatch):
    """Printed on two scales, both must hold; with too many vectors it is said that none was fit."""
    method = Method("PLO", "DL", "wald", "none")
    other = [("all", "GLMM", q, v) for q, v in glmm_of(TRUE).items()]
    rows = ROWS.assign(x_min=[4, 4, 9, 0], x_max=[4, 9, 13, 3])
    told = lines(*printed_of(TRUE, method, decimals=0), *other)
    both = which(rows, told, methods=[method])
    alone = which(rows, told.iloc[:3], methods=[method])
    left = both.vectors[list("abcd")].to_numpy().tolist()
    assert TRUE.tolist() in left
    assert len(left) < len(alone.vectors)
    monkeypatch.setattr(solve, "GLMM_LIMIT", 1)
    few = which(rows, told, methods=[method])
    assert (few.verdict, few.tried, few.skipped) == ("undecided", 0, 1)
    assert few.say() == "Undecided: A GLMM was not tried: too many vectors are left to fit it to."


def test_without_a_finite_maximum_a_glmm_prints_nothing():
    rows = ROWS.assign(x_min=0, x_max=0)
    assert which(rows, lines(("all", "GLMM", "estimate", "0"))).verdict == "infeasible"


def test_known_counts_leave_the_methods_whose_sets_hold_them():
    """With every count known nothing is searched; a row set free is, and must say the same."""
    rows = pd.DataFrame({"label": list("abc"), "n": [40, 25, 60], "x_min": [12, 3, 25]})
    rows["x_max"] = rows["x_min"]
    told = [("all", "", q, v) for q, v in (("estimate", "28"), ("lower", "13"), ("upper", "46"))]
    printed = pd.DataFrame(told, columns=["rows", "scale", "quantity", "printed"])
    free = rows.assign(x_max=[14, 3, 25])
    alone, among = which(rows, printed), which(free, printed)
    names = ["scale", "tau2_method", "ci_method", "inverse"]
    own = among.vectors[(among.vectors[list("abc")] == rows["x_min"].to_numpy()).all(axis=1)]
    left = alone.methods[names].itertuples(index=False, name=None)
    assert list(left) == list(own[names].itertuples(index=False, name=None))
    assert 0 < len(own) < alone.tried


def test_what_says_nothing_is_too_little():
    answer = which(ROWS, lines(("all", "PAS", "lower", "<100")), methods=[Method()], list_limit=10)
    assert answer.verdict == "too little said"
    assert answer.vectors is None
    assert answer.ranges["certified"].eq("exact").all()


def test_what_the_search_cannot_decide_is_said(monkeypatch):
    for name, few in (("LOOK", 1), ("NODES", 1), ("FIRST", 0), ("STEPS", 0), ("AGAIN", 0),
                      ("FIRST_PROGRAMMES", 0)):  # fmt: skip
        monkeypatch.setattr(witness, name, few)
    for name, few in (("QUESTION", 1), ("PROGRAMMES", 0)):
        monkeypatch.setattr(ranges, name, few)
    method = Method("PLO", "REML", "hartung-knapp", "none")
    answer = which(ROWS, lines(*printed_of(TRUE, method, decimals=0)), methods=[method])
    assert answer.verdict == "undecided"
    assert answer.methods["found"].tolist() == ["undecided"]
    assert answer.ranges["certified"].tolist().count("exact") <= 1  # the row that is known
    assert answer.say().startswith("Undecided: no vector")
    assert ((answer.ranges["x_min"] <= TRUE) & (answer.ranges["x_max"] >= TRUE)).all()


class Cluster:
    """A stand-in for a Dask client: everything goes through pickle, as it does there."""

    def map(self, function, *columns, pure):
        assert pure is False
        run = pickle.loads(pickle.dumps(function))
        return [run(*pickle.loads(pickle.dumps(row))) for row in zip(*columns, strict=True)]

    def gather(self, futures):
        return pickle.loads(pickle.dumps(futures))


@pytest.mark.parametrize("limit", [10**6, 3])
def test_a_cluster_gives_the_same(limit):
    methods = [Method("PAS", t) for t in ("DL", "PM")]
    printed = lines(*printed_of(TRUE, methods[0], decimals=0))
    here = which(ROWS, printed, methods=methods, list_limit=limit)
    there = which(ROWS, printed, methods=methods, list_limit=limit, client=Cluster())
    assert here.say() == there.say()
    for name in ("methods", "ranges", "quantities"):
        assert getattr(here, name).to_csv() == getattr(there, name).to_csv()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("decimals", [0, 1])
def test_an_interval_is_what_rounds_to_the_number(rule, decimals):
    for tick in range(0, 400):
        value = Decimal(tick) / 200  # ties included
        for mode in MODES[rule]:
            low, high = interval(str(value.quantize(Decimal(1).scaleb(-decimals), mode)), rule)
            assert low <= float(value) < high
        if rule != "unknown":
            other = value.quantize(Decimal(1).scaleb(-decimals), MODES[rule][0]) + 1
            low, high = interval(str(other), rule)
            assert not low <= float(value) < high


def test_a_tie_of_counts_is_exact():
    assert within(1, 8, "13", "half-up")
    assert not within(1, 8, "13", "half-even")
    assert within(1, 8, "12", "half-even")
    assert within(1, 8, "12", "truncation")
    assert within(1, 8, "12", "unknown")
    assert within(1, 8, "13", "unknown")
    assert not within(1, 8, "12.4", "half-up")


def test_a_vector_of_one_method_serves_another(monkeypatch):
    """Methods without a vector of their own get one that another found, if it prints so there."""
    for name in ("LOOK", "NODES", "FIRST", "FIRST_PROGRAMMES", "AGAIN"):
        monkeypatch.setattr(witness, name, 0)
    methods = [Method("PAS", t) for t in ("DL", "PM", "CE")]
    printed = lines(*printed_of(TRUE, methods[0], decimals=0))
    built = problem.build(read.check_rows(ROWS), read.check_printed(printed, ROWS), "half-up")
    found = [solve.solve(built, problem.Candidate(m), 0) for m in methods]
    assert not any(len(o.seen) for o in found)
    found[0] = replace(found[0], seen=TRUE[None].astype(np.int32))
    for o, method in zip(witness.shared(found), methods, strict=True):
        own = values(built.results[0], problem.Candidate(method), TRUE[None].astype(np.int32))
        prints = all(a <= own[q][0][0] < b for q, (a, b) in built.results[0].limits.items())
        assert len(o.seen) == (prints and not o.empty)
    assert len(witness.shared(found)[1].seen) == 1


def test_a_walk_from_the_vector_of_another_method_finds_one(monkeypatch):
    """DerSimonian and Laird's vector does not print so under these; a vector near it does."""
    for name in ("LOOK", "NODES", "FIRST", "FIRST_PROGRAMMES", "AGAIN"):
        monkeypatch.setattr(witness, name, 0)
    monkeypatch.setattr(witness, "_FAR", np.inf)  # no walk has come near yet
    methods = [Method("PAS", t) for t in ("DL", "HE", "SJ")]
    rows = ROWS.assign(x_min=0, x_max=ROWS["n"])
    printed = lines(*printed_of(TRUE, methods[0], decimals=0))
    built = problem.build(read.check_rows(rows), read.check_printed(printed, rows), "half-up")
    found = [solve.solve(built, problem.Candidate(m), 0) for m in methods]
    found[0] = replace(found[0], seen=TRUE[None].astype(np.int32))
    assert [o.open for o in witness.shared(found)] == [False, True, True]
    for o, method in zip(witness.decided(found)[1:], methods[1:], strict=True):
        assert len(o.seen) > 0
        for x in o.seen:  # pooled and rounded as the paper would
            assert lines(*printed_of(x, method, decimals=0)).equals(printed)
    assert all(o.open for o in witness.decided(found[1:]))
