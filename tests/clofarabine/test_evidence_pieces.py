"""Evidence with pieces missing, breakdown, tiers and readings, against plain enumeration."""

import re
from dataclasses import replace
from itertools import combinations, product
from math import inf
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_reconstruction import limits, plain, problems, results

from clofarabine import (
    breakdown,
    headline,
    identified,
    identified_facts,
    inverse_n,
    primary_alone,
    readings,
    reconstruction,
    rounding,
    tiers,
    what_follows,
)
from clofarabine import evidence_pieces as pieces
from clofarabine.reconstruction import COMMON, METHODS, VARIED, Evidence, reconstruct
from clofarabine.tables import load_evidence, store
from metaprop.counts import solve
from metaprop.counts.statement import Printed
from metaprop.method import Method

POOLED = store.load("pooled_results")
DL = Method("PAS", "DL", "wald", "harmonic", "age-groups")
HS = Method("PAS", "HS", "wald", "harmonic", "age-groups")


@pytest.fixture(scope="module")
def evidence():
    frame = load_evidence()
    return {e: Evidence.read(frame, e) for e in pieces.ENDPOINTS}


@settings(max_examples=400)
@given(problems(), st.lists(st.booleans(), min_size=6, max_size=6))
def test_an_absent_number_is_an_interval_without_ends(problem, absent):
    """Any of the six ends may be missing, and all of them: the search finds what is there."""
    printed, low, high = problem
    ends = np.where(np.reshape(absent, (3, 2)), [-inf, inf], printed.rates)
    open_ = printed.by(limits(*(tuple(p) for p in ends)))
    found = solve.identified_set(open_, low, high)
    assert found.tolist() == plain(open_, low, high).tolist()


@pytest.mark.parametrize("name", ["CR paediatric PAS estimate", "CR overall PFT upper", "primary"])
def test_a_number_left_out_against_all_vectors(evidence, name):
    """The largest row narrowed, so that every vector of children and adults can be tried."""
    e = evidence["CR"]
    i = e.labels.index("CLOFAL06952")
    low, high = e.low.copy(), e.high.copy()
    low[i], high[i] = 44, 47
    low[e.adult], high[e.adult] = (3, 0), (5, 1)
    narrow = replace(e, low=low, high=high)
    only, without = ("PAS", ()) if name == "primary" else (None, (name,))
    goals = pieces.targets(POOLED, "CR", only, without)
    found = pieces.vectors(narrow, goals, "CR", [DL])[DL]
    values = np.indices(high - low + 1).reshape(len(low), -1).T + low
    ends = pieces.intervals(goals)
    for j in range(4):  # population and transformation in turn, so that few vectors are left
        part = pieces.unrounded(narrow, DL, values.astype(np.int32), POOLED, "CR")
        at = slice(3 * j, 3 * j + 3)
        keep = ((ends[at, 0] <= part[:, at]) & (part[:, at] < ends[at, 1])).all(1)
        values = values[keep]
    assert len(found)
    assert found.tolist() == values.tolist()


def test_unrounded_numbers_are_those_of_the_public_functions(evidence):
    table = store.load("identified_set_cr")
    x = table.drop(columns=list(VARIED)).to_numpy(np.int32)[:5]
    e = evidence["CR"]
    values = pieces.unrounded(e, DL, x, POOLED, "CR")
    keys = list(reconstruction.targets_of(POOLED, "CR"))
    for j, (population, scale) in enumerate(keys):
        rows = ~e.adult if population == "paediatric" else np.ones(len(e.n), bool)
        printed = Printed(tuple(e.n[rows].tolist()), Method(scale, "DL", "wald", "harmonic"))
        expected = 100 * results(printed, x[:, rows]).T
        np.testing.assert_allclose(values[:, 3 * j : 3 * j + 3], expected, rtol=1e-12)


def test_decomposition_holds_together():
    """All numbers leave no more than a part of them, and the base set is the same everywhere.

    The table is what the notebooks write: the reproduction compares it to the byte.
    """
    frame = store.load("evidence_decomposition")
    base = frame[frame["evidence"] == "base"].set_index(["numbers", "tau2_method"])
    alone = base[base["ci_method"].eq("wald") & base["rows"].eq("age-groups")]
    alone = alone[alone["inverse"].isin(["harmonic", "any"])]
    for tau2 in reconstruction.ESTIMATORS:
        whole = alone.loc[("all", tau2)]
        part = alone.xs(tau2, level="tau2_method").drop(index=["cr", "or"])
        assert (part["n_cr"] >= whole["n_cr"]).all()
        wide = part.dropna(subset=["cr_06952_min"])
        if whole["n_cr"] > 0:
            assert (wide["cr_06952_min"] <= whole["cr_06952_min"]).all()
            assert (wide["cr_06952_max"] >= whole["cr_06952_max"]).all()
    committed = store.load("method_evidence").query(
        "endpoint == 'CR' and n_coupled > 0 and rows in ('merged', 'age-groups')"
    )
    found = frame.query("evidence == 'base' and numbers == 'all' and n_cr > 0")
    counts = dict(zip(committed["tau2_method"], committed["n_coupled"], strict=True))
    assert dict(zip(found["tau2_method"], found["n_cr"], strict=True)) == counts
    number = frame["numbers"].str.startswith("without")
    assert frame.loc[number, "numbers"].nunique() == 24
    assert frame["evidence"].str.startswith("without documented").any()


def test_what_one_body_of_evidence_found_serves_another(evidence):
    """The same sets, whether the primary ones of another body are at hand or not."""
    first = pieces._Pieces(evidence, POOLED, {})
    _ = list(first.pairs((DL,), "PAS"))
    some = next(n for n in pieces.ids(POOLED, "CR") if "PFT" in n)
    name, other = next(b for b in pieces._documented(evidence) if "CLO05908 CR" in b[0])
    for body in (evidence, other):
        for numbers in (("PAS", None), (None, None), (None, some)):
            own = [
                dict(pieces._Pieces(body, POOLED, memory).pairs((DL,), *numbers))[DL]
                for memory in (first.memory.copy(), {})
            ]
            for e in pieces.ENDPOINTS:
                np.testing.assert_array_equal(own[0][e], own[1][e])
                assert len(own[0][e]), name


def test_the_primary_numbers_without_a_documented_count(evidence):
    """Less evidence leaves no less; told by its widest and its narrowest range."""
    whole = pieces._Pieces(evidence, POOLED, {})
    known = {m: len(s["CR"]) for m, s in whole.pairs((DL, HS), "PAS")}
    name, without = next(b for b in pieces._documented(evidence) if "CLO05908 CR" in b[0])
    numbers, rows = [], {}
    for n, m, s, _ in pieces._rows(pieces._Pieces(without, POOLED, {}), pieces.QUICK, False):
        if n != "primary":
            break
        numbers.append(n)
        rows[m] = len(s["CR"])
    assert len(numbers) == len(pieces.QUICK)
    assert all(rows[m] >= known[m] > 0 for m in known)
    frame = store.load("evidence_decomposition").query("evidence == 'base' and n_cr > 0")
    frame = frame[frame["numbers"] == "primary"]
    parts = [frame.assign(evidence=name), frame.assign(
        evidence="without documented X OR", cr_06952_min=0, cr_06952_max=99)]  # fmt: skip
    told = primary_alone.widest(pd.concat(parts)).facts
    assert (told["count"], told["CR"], told["least"]) == ("X OR", "0 to 99", "CLO05908 CR")
    assert told["tried"] == 2
    assert not primary_alone.widest(frame).facts


def test_primary_numbers_are_tried_under_the_whole_grid(evidence, monkeypatch):
    """And told apart from the usual interval and rows, where they leave more."""
    t = replace(DL, ci_method="t")
    with monkeypatch.context() as patched:
        patched.setattr(pieces, "METHODS", (DL, t))
        for name in ("GRID", "QUICK", "ESTIMATORS_ALONE"):
            patched.setattr(pieces, name, (DL,))
        patched.setattr(pieces, "_documented", lambda _evidence: ())
        for each, intervals in (((), ["wald"]), (("base",), ["wald", "t"])):
            found = pieces.decomposition({"base": evidence}, POOLED, each)
            by = found.groupby("numbers", sort=False)["ci_method"].agg(list)
            assert by["primary"] == intervals
            assert by["all"] == by["cr"] == ["wald"]
            assert found["numbers"].str.startswith("without").sum() == 24 * len(each)
    frame = store.load("evidence_decomposition").query("evidence == 'base'")
    usual = identified.plain(frame[frame["numbers"] == "primary"])
    wide = usual.query("tau2_method == 'DL'").assign(
        tau2_method="SJ", ci_method="t", cr_06952_min=1, cr_06952_max=40
    )
    base = SimpleNamespace(scenario="base", frame=load_evidence(), pooled=POOLED)
    told = identified_facts.primary(base, pd.concat([usual, wide])).facts
    low, high = told["CR_all"].split(" to ")
    assert int(low) > 1
    assert told["CR_grid"] == f"1 to {high}"
    assert told["other"] == "Sidik-Jonkman"
    assert "Sidik-Jonkman" in told["without"]


def test_both_ages_of_one_survey(evidence):
    """Ranges by hand from one vector; a report of both ages bounds the sum of two rows."""
    x = evidence["CR"].low[None].copy()
    row = evidence["CR"].labels.index
    x[0, [row("CLOFAL06952"), row("CLOFAL06952 adult")]] = 69, 21
    more = x.copy()
    more[0, [row("CLOFAL07263"), row("CLOFAL07263 adult")]] = 2, 1
    sets = [(DL, np.concatenate([x, more]), np.concatenate([x, more]))]
    base = SimpleNamespace(evidence=evidence, primary=sets, triples=sets)
    facts = primary_alone.within_survey(base).facts
    assert (facts["CR_children"], facts["CR_adults"]) == ("50", "25")
    assert (facts["most"], facts["sets"], facts["kept"]) == (2, 2, 1)
    assert (facts["large"], facts["small"]) == ("CLOFAL06952", "CLOFAL07263")


def test_misses_are_zero_for_what_is_kept(evidence):
    frame = pieces.misses(evidence, POOLED, [DL, HS])
    kept = frame["number"].str.contains("PAS")
    assert (frame.loc[kept, "missed_by"] == 0).all()
    assert (frame["together"] >= 0).all()
    assert (frame["min"] <= frame["max"]).all()
    every = pieces.misses(evidence, POOLED, [DL], only=None)
    assert (every["together"] == 0).all()


@given(st.integers(0, 2**31))
def test_the_cheapest_pair_is_the_cheapest(seed):
    rng = np.random.default_rng(seed)
    cr, or_ = (rng.integers(0, 4, (rng.integers(1, 20), 4)).astype(np.int32) for _ in range(2))
    a, b = rng.integers(0, 5, len(cr)).astype(float), rng.integers(0, 5, len(or_)).astype(float)
    for total in (True, False):
        join = (lambda u, v: u + v) if total else max
        pairs = [
            join(a[i], b[j])
            for i, j in product(range(len(cr)), range(len(or_)))
            if (cr[i] <= or_[j]).all()
        ]
        found = breakdown.cheapest(cr, a, or_, b, total)
        assert (found[0] if found else None) == (min(pairs) if pairs else None)


def test_moved_patients_are_counted_and_the_fixed_study_stays(evidence):
    search = breakdown._Search(evidence, POOLED, (DL, HS))
    sets = search.moved(1)
    fixed = evidence["CR"].labels.index("CLO-212")
    for e in pieces.ENDPOINTS:
        for m, x in sets[e].items():
            assert (search.patients(e, m, x) <= 1).all()
            assert (x[:, fixed] == evidence[e].low[fixed]).all()
    still = search.moved(0)
    base = search.widened()
    for e in pieces.ENDPOINTS:
        assert {m: x.tolist() for m, x in still[e].items()} == {
            m: x.tolist() for m, x in base[e].items()
        }


def test_a_margin_is_what_the_vector_needs(evidence):
    """The cheapest pair of REML needs its margin: a hair less leaves none, a hair more does."""
    own = tuple(m for m in COMMON if m.tau2_method == "REML")
    search = breakdown._Search(evidence, POOLED, own)
    ruled_out = breakdown.Headline("REML is ruled out", own)
    least = breakdown._fall(ruled_out, evidence, search.widened(0.01), search.points, False)[0]
    assert 0 < least <= 0.01
    narrow = search.widened(least - 1e-6)
    assert next(breakdown._pairs(ruled_out, evidence, narrow), None) is None
    assert next(breakdown._pairs(ruled_out, evidence, search.widened(least + 1e-6)), None)


@pytest.mark.parametrize("most", [1, 2])
def test_numbers_that_are_off_are_let_off_in_every_combination(evidence, most):
    """The sets against a search for each combination of so many numbers of one endpoint."""
    search = breakdown._Search({"CR": evidence["CR"]}, POOLED, (DL,))
    found, every, memory = search.off_by_one(most)["CR"][DL], [], {}
    for names in combinations(pieces.ids(POOLED, "CR"), most):
        goals = pieces.targets(POOLED, "CR", off=names)
        every.append(pieces.vectors(evidence["CR"], goals, "CR", [DL], memory=memory)[DL])
    assert found.tolist() == np.unique(np.concatenate(every), axis=0).tolist()
    assert search.off("CR", DL, found).max() == most


def test_the_range_under_test_is_the_one_that_readme_states(evidence):
    """Methods that are left beside the common ones are tested too, so that no range is wider."""
    table = store.load("method_evidence").query("endpoint == 'CR' and n_coupled > 0")
    left = [Method("PAS", *row) for row in table[list(VARIED)].itertuples(index=False)]
    methods = breakdown.searched(left)
    assert set(left) <= set(methods)
    sets = breakdown._Search(evidence, POOLED, methods).widened()
    names = [h.name for h in breakdown.headlines(evidence, sets)]
    assert f"CR of CLOFAL06952 is {headline.values()['largest-CR']}" in names


def test_ties_and_the_rules_they_fit():
    frame = pd.DataFrame(
        [(91, 112, 81.2, 1), (7, 112, 6.2, 1), (1, 8, 12.5, 1), (1, 8, 13, 0), (1, 40, 2, 0),
         (3, 40, 8, 0), (1, 3, 33.3, 1)],
        columns=["count", "n", "percent", "decimals"],
    )  # fmt: skip
    found = rounding.ties(frame)
    assert found["count"].tolist() == [91, 7, 1, 1, 3]
    assert found["half_up"].tolist() == [False, False, True, False, True]
    assert found["half_even"].tolist() == [True, True, False, True, True]
    assert found["truncated"].tolist() == [True, True, False, True, False]


def test_ties_of_the_paper_are_exact_and_fit_no_single_rule_by_assumption():
    """Every listed tie is one by hand; a percentage in between is not listed."""
    shares = rounding.printed_shares()
    found = rounding.ties(shares)
    assert len(found)
    rest = (1000 * found["count"].astype(int)) % found["n"].astype(int)
    assert (2 * rest == found["n"].astype(int)).all()
    other = shares.drop(found.index)
    assert ((2000 * other["count"]) % (2 * other["n"]) != other["n"]).all()


def test_one_sample_size_must_serve_both_endpoints():
    """DL's ranges overlap, those of PM are apart."""
    columns = ["endpoint", "tau2_method", "smallest", "largest"]
    rows = [("CR", "DL", 5, 9), ("OR", "DL", 8, 20), ("CR", "PM", 5, 7), ("OR", "PM", 8, 20)]
    sizes = SimpleNamespace(n=np.array([4, 4, 100]), adult=np.array([False, False, True]))
    found = inverse_n.facts(pd.DataFrame(rows, columns=columns), sizes)
    assert found["both"] == "DerSimonian-Laird"
    assert (found["CR_smallest"], found["OR_largest"]) == (5, 20)
    assert found["harmonic"] == 4
    assert found["CR_outside"] == "harmonic and geometric and arithmetic"


def test_a_free_sample_size_agrees_with_the_grid_at_its_means(evidence):
    """At the harmonic mean the vectors are those of the grid; the other means leave CR nothing."""
    sizes = inverse_n.means(evidence["CR"])
    for name, n in sizes.items():
        methods = [replace(DL, inverse=name), replace(HS, inverse=name)]
        table = inverse_n.fitting(evidence, POOLED, methods, np.array([n]))
        for e in pieces.ENDPOINTS:
            left = [len(f.paediatric) for f in reconstruct(evidence[e], POOLED, e, methods)]
            own = table[table["endpoint"] == e]
            assert own["smallest"].notna().tolist() == [m > 0 for m in left]
            assert (own["vectors"] >= left).all()
    words = inverse_n.facts(inverse_n.fitting(evidence, POOLED, [DL, HS]), evidence["CR"])
    assert words["CR_outside"] == "geometric and arithmetic"
    assert words["CR_smallest"] <= sizes["harmonic"] <= words["CR_largest"]


def test_what_one_question_found_serves_no_wider_one(evidence):
    """OR under all its numbers first: CR's partners are fewer than under OR's primary ones."""
    one = {e: pieces.targets(POOLED, e, "PAS") for e in pieces.ENDPOINTS}
    memory: dict = {}
    narrow = one | {"OR": pieces.targets(POOLED, "OR")}
    few = reconstruction.together(evidence, narrow, [DL], memory=memory)
    found = reconstruction.together(evidence, one, [DL], memory=memory)
    alone = reconstruction.together(evidence, one, [DL])
    assert len(few["CR"][DL]) < len(alone["CR"][DL])
    for e in pieces.ENDPOINTS:
        assert (found[e][DL] == alone[e][DL]).all()


def test_tiers_follow_the_table():
    assert tiers.tier_of(DL) == 1
    assert tiers.tier_of(replace(DL, rows="merged")) == 1
    assert tiers.tier_of(replace(DL, tau2_method="REML")) == 1
    assert tiers.tier_of(replace(DL, tau2_method="HE")) == 2
    assert tiers.tier_of(replace(DL, ci_method="hartung-knapp")) == 2
    assert tiers.tier_of(replace(DL, tau2_method="HM")) == 2  # one of several in its cell
    assert tiers.tier_of(replace(DL, inverse="geometric")) == 2
    assert tiers.tier_of(replace(DL, inverse="sin2")) == 3
    assert tiers.tier_of(replace(DL, tau2_method="HSk", inverse="geometric")) == 3
    table = tiers.by_tier(pd.DataFrame([DL, HS]), METHODS)
    assert table["methods"].sum() == len(METHODS)
    assert table["possible"].tolist() == [1, 1, 0]
    every = tiers.by_tier(pd.DataFrame([DL, replace(DL, tau2_method="REML"), HS]), METHODS)["which"]
    assert every[0].startswith("DerSimonian-Laird, REML (Wald, ")


def test_what_could_not_be_read_makes_no_tier():
    """A program without a source that was read is shown, and gives nothing."""
    known = store.load("software_defaults")
    blind = known[known["verified"] == "no"]
    assert len(blind)
    assert blind[["scale", "tau2_method", "ci_method", "tier"]].isna().all(axis=None)
    assert known.loc[known["verified"] != "no", "tier"].notna().all()
    text = tiers.defaults().text
    assert all(name in text for name in blind["software"])
    assert "DerSimonian-Laird  Wald" in text
    assert "wald" not in text
    facts = tiers.verified()
    assert facts["yes"] + facts["part"] == facts["defaults"] < len(known)


def test_scenarios_are_told_by_what_they_leave():
    """Ranges by hand from two made rows of the decomposition; nothing where nothing is left."""
    frame = store.load("evidence_decomposition")
    frame = frame[~frame["evidence"].str.startswith("id99")]
    usual = identified.plain(identified.left(frame, "base", "all"))
    two = usual[usual["tau2_method"].isin(["DL", "HM"])].assign(evidence="id99-383-of-15")
    told = what_follows.scenario_ranges(pd.concat([frame, two])).set_index("scenario")
    ends = usual[["cr_06952_min", "cr_06952_max"]]
    assert told.loc["base", "all"] == identified.span(ends.min().iloc[0], ends.max().iloc[1])
    own = two[["cr_06952_min", "cr_06952_max"]]
    row = told.loc["id99-383-of-15"]
    assert row["all"] == identified.span(own.min().iloc[0], own.max().iloc[1])
    assert row["estimators"] == "DerSimonian-Laird and Hartung-Makambi"
    assert pd.isna(told.loc["survey-2024", "all"])
    shown = what_follows.scenarios_shown(frame).text
    assert "survey as reported in 2024" in shown
    assert "with 15 patients" not in shown  # what was not searched
    assert told.loc["survey-2024", "estimators"] == "none"


def test_methods_are_shown_in_words():
    """No code of a method in what the last sections of notebook 02 show."""
    methods = store.load("method_evidence_scenarios")
    shown = what_follows.repairs(store.load("repairs")).text + what_follows.scenarios(methods).text
    shown += " ".join(what_follows.scenario_facts(methods).facts.values())
    assert "maximum likelihood, Wald, harmonic mean of n" in shown
    for code in ("/wald", "age-groups", "split:", *identified.scenarios()):
        assert code not in shown
    assert set(identified.scenarios()) < set(identified.SCENARIOS)
    assert not re.search(r"\b(ML|HS)\b", shown)


def test_readings_of_a_known_vector(evidence):
    """One vector with known answers: crude shares by hand, both numbers under one formula."""
    x = {e: evidence[e].high[None].copy() for e in pieces.ENDPOINTS}
    sets = [(DL, x["CR"], x["OR"])]
    rest = np.array(evidence["CR"].labels) != "CLO-212"
    share = {e: 100 * x[e][0, rest].sum() / evidence[e].n[rest].sum() for e in pieces.ENDPOINTS}
    printed = {e: float(np.floor(s + 0.5)) for e, s in share.items()}
    found = readings.others(evidence, sets, printed)
    crude = found.query("formula == 'crude share' and population == 'age-groups'").iloc[0]
    np.testing.assert_allclose([crude["cr_min"], crude["or_max"]], list(share.values()))
    assert crude["gives_both"]
    assert not readings.others(evidence, sets, {"CR": 1.0, "OR": 2.0})["gives_both"].any()


def test_heterogeneity_agrees_for_the_estimator_that_is_q(evidence):
    """Under DL I² from tau² is I² from Q; the documented rows do not depend on the set."""
    sets = list(pieces.pairs(evidence, POOLED, [DL]))
    frame = readings.heterogeneity(evidence, sets)
    wide = frame.pivot(index=["endpoint", "population", "counts"], columns="quantity", values="max")
    np.testing.assert_allclose(wide["I2 from tau2"], wide["I2 from Q"], rtol=1e-9)
    assert (wide["tau2 Q-profile, upper"] > wide["tau2"]).all()
    assert (frame["counts"] == "documented").sum() == 14


def test_where_no_method_is_possible_there_is_no_headline_and_one_sentence(evidence):
    none = breakdown.breakdown(evidence, POOLED.assign(estimate=POOLED["estimate"] + 40))
    assert none.empty
    assert identified_facts.overturned(none, "CR of").say("{patients}").data == identified.NONE


def test_the_readings_of_a_fall():
    row = pd.Series({"smallest": 1, "unit": "patients", "what": "falls at"})
    assert identified_facts.fall(row) == "1 patient"
    row = pd.Series({"smallest": 0.5, "unit": "points", "what": "more than"})
    assert identified_facts.fall(row) == "more than 0.5000 points"
    assert identified.span(31.2, 48) == "31 to 48"
    assert identified.listed(["DL", "ML", "HS"]) == "DL, ML and HS"
