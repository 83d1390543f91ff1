"""A true vector planted in problems too large to enumerate: no proof may leave it out."""

import os
from decimal import ROUND_HALF_UP

import numpy as np
import pandas as pd
import pytest
from test_which import MODES, as_printed

from metaprop.counts import ranges, relax, sums, witness
from metaprop.counts.statement import Printed
from metaprop.effectsize import INVERSES
from metaprop.method import CI_METHODS, TAU2_METHODS, Method
from metaprop.pooling import pool_proportions
from metaprop.printed import outer, problem, quantities, read, solve, which
from metaprop.printed.problem import PERCENT, Candidate, Result
from metaprop.printed.rounding import RULES, interval
from metaprop.printed.values import consistent, holds, values

SEEDS = range(int(os.environ.get("PLANTED", "20")))  # thousands were run; a few dozens stay
CASES = 15  # of a tree of linear programmes, along the true vector
MORE = ("tau2", "I2", "H2", "Q", "p_Q", "pi_lower", "pi_upper")


def rows_of(g):
    """10 to 14 rows, some known, some in a range, some free; and the true counts."""
    k, p = int(g.integers(10, 15)), g.choice([0.02, 0.1, 0.3, 0.5, 0.9])
    n = g.integers(2, g.choice([20, 60, 200, 500]) + 1, k)
    logit = np.log(p / (1 - p)) + g.choice([0, 0.3, 1, 2]) * g.standard_normal(k)
    x = g.binomial(n, 1 / (1 + np.exp(-logit)))
    kind = g.random(k)
    low = np.where(kind < 0.3, x, np.where(kind < 0.6, g.integers(0, x + 1), 0))
    high = np.where(kind < 0.3, x, np.where(kind < 0.6, g.integers(x, n + 1), n))
    rows = pd.DataFrame({"label": [f"r{i}" for i in range(k)], "n": n, "x_min": low, "x_max": high})
    rows["arm"] = g.choice(["u", "v"], k)
    rows["study"] = [f"s{i // 2}" if g.random() < 0.3 else f"t{i}" for i in range(k)]
    if g.random() > 0.25:
        selectors = (["all"], ["all by study"], ["all", "arm=u"], ["arm=v"])
        return rows, x, selectors[g.choice(4, p=[0.55, 0.15, 0.15, 0.15])]
    more = rows.assign(label=rows["label"] + "+", x_min=0, x_max=n, outcome="more", at_most="")
    both = pd.concat([rows.assign(outcome="less", at_most=more["label"]), more], ignore_index=True)
    x = np.concatenate([x, x + g.binomial(n - x, 0.3)])
    return both, x, ["outcome=less", "outcome=more"]


def printed_of(g, rows, x, selector, scale, candidate, rule):
    """Lines of what a method prints of the true counts, a random choice, rounded by the rule."""
    members = problem.chosen(selector, rows)
    if len(members) < 2:
        return []
    own = Result(selector, scale, members, tuple((members @ rows["n"].to_numpy()).tolist()))
    with np.errstate(all="ignore"):
        told = values(own, candidate, x[None])
    rates = ["estimate", "lower", "upper"]
    names = rates if g.random() < 0.7 else list(g.choice(rates, 2, replace=False))
    names += list(g.choice(MORE, g.choice([0, 0, 1, 3]), replace=False))
    lines, meaning = [], int(g.integers(3))
    mode = lambda: MODES[rule][g.integers(len(MODES[rule]))]  # noqa: E731
    for q in names:
        many = told[q]
        value = many[meaning if q.startswith("pi") else g.integers(len(many))][0] if many else 1e99
        if np.isfinite(value) and abs(value) < 1e6:
            decimals = int(g.integers(3)) + 2 * (q in ("tau2", "p_Q"))
            shown = as_printed((100 if q in PERCENT else 1) * value, decimals, mode())
            lines.append((selector, scale, q, shown.lstrip("-") if float(shown) == 0 else shown))
    if selector == "all" and g.random() < 0.2:
        i = int(g.integers(len(rows)))
        share = as_printed(100 * told["weight"][i][0], 1, mode())
        lines.append((f"label=r{i}", scale, "weight", share))
    return lines


def planted(seed):
    """Rows, what is printed of them, the rule, the method and the true counts."""
    g = np.random.default_rng(seed)
    rows, x, selectors = rows_of(g)
    scales = g.choice(read.SUPPORTED, 1 + (g.random() < 0.3), replace=False)
    tau2, ci = g.choice(list(TAU2_METHODS)), g.choice(CI_METHODS)
    zero = ((rows["x_min"] == 0) | (rows["x_max"] == rows["n"])).any()
    meta = bool(zero and set(scales) & set(problem.UNBOUNDED) and g.random() < 0.5)
    candidate = Candidate(Method(scales[0], tau2, ci, g.choice(INVERSES)), meta)
    rows, rule, lines = read.check_rows(rows), str(g.choice(RULES)), []
    for selector in selectors:
        for scale in scales:
            lines += printed_of(g, rows, x, selector, scale, candidate, rule)
    if g.random() < 0.2:
        which_ = selectors[0].split(" by ")[0]
        total = int(problem.chosen(which_, rows).any(0) @ x)
        lines.append((which_, "", "events", str(total)))
    printed = pd.DataFrame(lines, columns=read.PRINTED_COLUMNS)
    return rows, read.check_printed(printed, rows), rule, candidate, x.astype(np.int32)


def inside(mixtures, state, x, tau2):
    """Whether the true counts, with their tau², are in a case of the tree: plain arithmetic."""
    pooled = [int(mixtures.tables[t].target.members[i] @ x) for t, i in mixtures.merged]
    own = mixtures.x == np.array([*x, *pooled])[mixtures.block]
    sums, constants, open_ = mixtures.sums(state)
    if own.sum() < len(mixtures.counts) or not open_[own].all():
        return False
    for piece, t in zip(state.pieces, tau2, strict=False):
        low, high = piece.own.tau2[piece.p]
        if not low * (1 - 1e-8) - 1e-14 <= t <= high * (1 + 1e-8) + 1e-14:
            return False
    return bool((sums[:, own].sum(1) + constants >= -1e-9).all())


def descend(mixtures, x, tau2):
    """Follow the true vector down the tree: no case with it may be closed or left without it."""
    stack = [mixtures.whole]
    assert inside(mixtures, stack[0], x, tau2)
    for _ in range(CASES):
        state = stack.pop()
        none, mixture = mixtures.solve(state)
        assert not none
        if mixture is None:
            return
        cases = mixtures.after(state, mixture)
        if not cases:  # one vector is left
            assert mixtures.counts_near(mixture).tolist() == x.tolist()
            return
        own = [inside(mixtures, c, x, tau2) for c in cases]
        for case in [c for c, true in zip(cases, own, strict=True) if not true][:3]:
            mixtures.solve(case)  # its proof is tried on the cases with the true vector too
        stack += [c for c, true in zip(cases, own, strict=True) if true]
        assert stack


@pytest.mark.parametrize("seed", SEEDS)
def test_no_proof_leaves_out_the_truth(seed):
    """Tables, linear programmes and bounds, over all counts, those near the truth, and itself."""
    rows, printed, rule, candidate, x = planted(seed)
    if not len(printed):
        return
    built = problem.build(rows, printed, rule)
    with np.errstate(all="ignore"):
        told = [consistent(r, candidate, x[None]) for r in built.results]
        assert holds(built, candidate, x[None]).all()
    search = solve.search(built, candidate)
    for near in (10**6, 3, 0):
        domain = [d & (abs(np.arange(len(d)) - c) <= near)
                  for d, c in zip(search.domain, x, strict=True)]  # fmt: skip
        root = search.root(domain)
        assert root is not None
        assert all(d[c] for d, c in zip(root[0], x, strict=True))
        for own, meanings in zip(
            outer.bounds(witness.Outcome(None, x, x, x[:0], search, root)), told, strict=True
        ):
            for quantity, (low, high) in own.items():
                told_so = meanings.get(quantity, np.empty(0))
                assert not ((told_so < low) | (told_so > high)).any(), quantity
        descend(relax.Mixtures(search, root), x, [t["tau2"][0][0] for t in told])


@pytest.mark.parametrize("seed", SEEDS[:: max(1, len(SEEDS) // 5)])
def test_the_whole_tool_keeps_the_truth(seed, monkeypatch):
    rows, printed, rule, candidate, x = planted(seed)
    for name, few in (("NODES", 10**5), ("STEPS", 500), ("FIRST", 2000), ("FIRST_PROGRAMMES", 10)):
        monkeypatch.setattr(witness, name, few)
    for name, few in (("QUESTION", 2000), ("PROGRAMMES", 10)):
        monkeypatch.setattr(ranges, name, few)
    for name in ("WALKS", "QUESTIONS", "PROGRAMMES"):
        monkeypatch.setattr(quantities, name, 3)
    answer = which(rows, printed, rounding=rule, methods=[candidate.method], list_limit=300)
    for result in problem.build(rows, printed, rule).results:
        known = answer.quantities.query("rows == @result.rows").set_index(["scale", "quantity"])
        with np.errstate(all="ignore"):
            meanings = consistent(result, candidate, x[None])
        for quantity in (q for q in quantities.TOLD if q in meanings):
            own, r = meanings[quantity], known.loc[candidate.scale(result), quantity]
            hair = 1e-12 * (1 + abs(own))
            assert not ((own < r["min"] - hair) | (own > r["max"] + hair)).any(), quantity
    own = answer.methods["scale"].str.contains("-meta") == candidate.meta_zero
    assert own.any()
    told = answer.ranges
    assert ((told["x_min"] <= x) & (told["x_max"] >= x)).all()


@pytest.mark.parametrize("seed", range(40))
def test_the_n_of_an_inverse_variance_way_back_is_in_its_range(seed):
    """It is that of the standard error, of whatever interval; printed numbers enclose it."""
    g = np.random.default_rng(seed)
    n = g.integers(5, 80, 8)
    x = g.binomial(n, g.choice([0.05, 0.3, 0.8]))
    method = Method("PFT", g.choice(["DL", "SJ"]), CI_METHODS[seed % 4], "inverse-variance")
    found, decimals = pool_proportions(x, n, method), int(g.integers(3))
    limits = {
        q: interval(as_printed(100 * getattr(found, q), decimals, ROUND_HALF_UP), percent=True)
        for q in ("estimate", "lower", "upper")
    }
    printed = Printed(tuple(n.tolist()), method, limits)
    low, high = printed.sizes(lambda e: sums._standard_errors(e, printed.quantile))
    assert low <= 1 / (4 * float(np.squeeze(found.fit.se)) ** 2) <= high
    assert high < 2 * low or decimals < 2
