"""The numbers that vectors of counts give under a method, and whether they print as printed.

Where software differs in what it prints under one name, each meaning is tried: I² and H² from
tau² (metafor) or from Q (R meta), prediction limits with t on k - 2 or k - 1 degrees of freedom or
with the normal quantile (metafor's default).
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri, stdtrit

from .. import likelihood
from ..effectsize import Array, transform
from ..pooling import Pooled, pool, to_proportion
from .problem import Candidate, Counts, Problem, Result
from .read import GLMM

Values = dict[str, list[Array]]


def fitted(result: Result, candidate: Candidate, x: Counts) -> tuple[Pooled, Array]:
    """The pooled fit of each vector, and the weights (m, k) of the pooled rows."""
    scale, method = candidate.scale(result), candidate.method
    y, v = transform(x @ result.members.T, result.n, scale)
    v = np.array(np.broadcast_to(v, y.shape))
    fit = pool(y, v, method.tau2_method, method.ci_method)
    w = 1 / (v + fit.tau2[:, None])
    return fit, w / w.sum(1, keepdims=True)


def values(result: Result, candidate: Candidate, x: Counts) -> Values:
    """Every quantity of a pooled result for each vector of x (m, rows): a list of its meanings."""
    if candidate.scale(result) == GLMM:
        return _of_glmm(result, x)
    fit, weights = fitted(result, candidate, x)
    method = replace(candidate.method, scale=candidate.scale(result))
    with np.errstate(divide="ignore", over="ignore"):
        # identical effects have a Hartung-Knapp error of 0, which is an endless overall n
        se = np.maximum(fit.se, 1e-150)
        back = lambda e: to_proportion(e, se, result.n, method)  # noqa: E731
        out: Values = {
            "estimate": [back(fit.estimate)], "lower": [back(fit.lower)], "upper": [back(fit.upper)]
        }  # fmt: skip
        df = max(fit.k - 1, 1)
        out |= {"tau2": [fit.tau2], "Q": [fit.q], "p_Q": [fit.q_p]}
        out["I2"] = [fit.i2, 1 - df / np.maximum(fit.q, df)]
        out["H2"] = [fit.h2, fit.q / df]
        out["pi_lower"], out["pi_upper"] = [], []
        if fit.predicts:
            half = np.sqrt(fit.tau2 + fit.se**2)
            p = (1 + fit.level) / 2
            for t in (stdtrit(fit.k - 2, p), stdtrit(fit.k - 1, p), ndtri(p)):
                out["pi_lower"].append(back(fit.estimate - t * half))
                out["pi_upper"].append(back(fit.estimate + t * half))
    out["weight"] = list(weights.T)
    return out


def _of_glmm(result: Result, x: Counts) -> Values:
    """The same under the binomial-normal model; NaN where its likelihood has no finite maximum."""
    x, n = x @ result.members.T, np.array(result.n)
    inside = ((x > 0) & (x < n)).any(1)
    estimate, se, tau2 = np.full((3, len(x)), np.nan)
    if inside.any():
        own = x[inside]  # sizes for each vector: compiled code warns of what is broadcast
        fit = likelihood.glmm(own, np.tile(n, (len(own), 1)))
        estimate[inside], se[inside], tau2[inside] = fit.estimate, fit.se, fit.spread
    z = ndtri(0.975)
    out: Values = {"estimate": [expit(estimate)], "tau2": [tau2], "I2": []}
    out |= {"lower": [expit(estimate - z * se)], "upper": [expit(estimate + z * se)]}
    half, k = np.sqrt(tau2 + se**2), len(n)
    wide = [t * half for t in (stdtrit(k - 2, 0.975), stdtrit(k - 1, 0.975), z)] if k > 2 else []
    out["pi_lower"] = [expit(estimate - w) for w in wide]
    return out | {"pi_upper": [expit(estimate + w) for w in wide]}


def fits(result: Result, candidate: Candidate, x: Counts) -> NDArray[np.bool_]:
    """Which vectors of x give every printed number of a result."""
    found = values(result, candidate, x)
    keep = np.ones(len(x), bool)
    predicted = [q for q in ("pi_lower", "pi_upper") if q in result.limits]
    for quantity, (low, high) in result.limits.items():
        if quantity not in predicted:
            inside = [(low <= a) & (a < high) for a in found[quantity]]
            keep &= np.any(inside, axis=0) if inside else False
    if predicted:  # both limits in one meaning
        keep &= np.any(
            [
                np.all([_inside(found[q][j], result.limits[q]) for q in predicted], axis=0)
                for j in range(len(found["pi_lower"]))
            ]
            or [np.zeros(len(x), bool)],
            axis=0,
        )
    for at, ends in result.weights.items():
        keep &= _inside(found["weight"][at], ends)
    return keep


def consistent(result: Result, candidate: Candidate, x: Counts) -> dict[str, Array]:
    """Every quantity of vectors x that print as printed, (meanings, m); what has none is left out.

    NaN where a meaning of I², H² or of prediction limits is not the one that is printed.
    """
    out = {q: np.array(m) for q, m in values(result, candidate, x).items() if len(m)}
    predicted = [q for q in ("pi_lower", "pi_upper") if q in result.limits and q in out]
    for q in ("I2", "H2"):
        if q in result.limits and q in out:
            out[q] = np.where(_inside(out[q], result.limits[q]), out[q], np.nan)
    if predicted:
        fit = np.all([_inside(out[q], result.limits[q]) for q in predicted], axis=0)
        out |= {q: np.where(fit, out[q], np.nan) for q in ("pi_lower", "pi_upper")}
    return out


def _inside(value: Array, ends: tuple[float, float]) -> NDArray[np.bool_]:
    return (ends[0] <= value) & (value < ends[1])


def holds(problem: Problem, candidate: Candidate, x: Counts) -> NDArray[np.bool_]:
    """Which vectors of x, shape (m, rows), give everything that is printed."""
    keep = np.ones(len(x), bool)
    for i, allowed in enumerate(problem.allowed):
        keep &= allowed[x[:, i]]
    for factor, low, high in problem.sums:
        total = x @ factor
        keep &= (low <= total) & (total <= high)
    for result in problem.results:
        at = np.flatnonzero(keep)
        if len(at):
            keep[at] = fits(result, candidate, x[at])
    return keep
