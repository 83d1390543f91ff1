"""The Bayesian model: what the prior does, and what the studies say of each other."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from metaprop import bayes, bayes_binomial
from metaprop.effectsize import back_transform, transform
from metaprop.method import PRIORS
from metaprop.specifications import PRIOR_SCALE

from .. import figures, studies
from ..figures import sensitivity as draw
from ..show import table
from .rows import Rows, Shown, needs

# A prior of half and of twice the scale stands beside the one in use.
STEPS = (0.5, 1.0, 2.0)
# The rate around which the notebook says how far studies lie apart under the prior.
CENTRE = 0.2
# Log odds per radian of the arcsine at that rate: the prior of the binomial model says the same.
LOG_ODDS = 2 / np.sqrt(CENTRE * (1 - CENTRE))
BINOMIAL = "half-normal, binomial counts"


def percent(s: bayes.Summary) -> np.ndarray:
    """Median and limits as rates in percent, shape (3, ...)."""
    return 100 * back_transform([s.median, s.lower, s.upper], "PAS")


def binomial_percent(s: bayes.Summary) -> np.ndarray:
    """The same of log odds."""
    return 100 * expit(np.array([s.median, s.lower, s.upper]))


def binomial(rows: Rows, scale: float) -> bayes_binomial.BinomialPosterior | None:
    """Posterior with binomial counts; none where there are too many patients for its grid."""
    try:
        return bayes_binomial.posterior(rows.x, rows.n, scale)
    except bayes_binomial.TooCoarse:
        return None


def _text(values: np.ndarray, decimals: int) -> str:
    mid, low, high = (f"{v:.{decimals}f}" for v in values)
    return f"{mid} [{low}, {high}]"


@needs(2, one=True)
def posteriors(rows: Rows) -> Shown:
    """The pooled rate and tau under each prior, at each scale of it."""
    y, v = transform(rows.x, rows.n, "PAS")
    lines, medians, upper = [], [], []
    for prior in PRIORS:
        for scale in (PRIOR_SCALE * s for s in STEPS):
            p = bayes.posterior(y, v, prior, scale)
            mu, new = percent(p.mu), percent(p.predicted)
            spread = _text(np.array([p.tau.median, p.tau.lower, p.tau.upper]), 2)
            lines.append([f"{prior}({scale:g} rad)", _text(mu, 1), _text(new, 1), spread])
            medians.append(mu[0])
            upper.append(new[2])
    exact = []
    for scale in (PRIOR_SCALE * LOG_ODDS * s for s in STEPS):
        if (b := binomial(rows, scale)) is None:
            continue
        mu, new = binomial_percent(b.mu), binomial_percent(b.predicted)
        spread = _text(np.array([b.tau.median, b.tau.lower, b.tau.upper]) / LOG_ODDS, 2)
        name = f"half-normal({scale:g} log odds), counts binomial"
        lines.append([name, _text(mu, 1), _text(new, 1), spread])
        exact.append(mu[0])
    middle = ndtri(0.75) * PRIOR_SCALE
    at = np.arcsin(np.sqrt(CENTRE)) + ndtri(0.975) * middle * np.array([-1, 1])
    around = 100 * back_transform(at, "PAS")
    names = ["prior of τ", "pooled rate, %", "rate of a new study, %", "τ, radians"]
    facts = {
        "scale": PRIOR_SCALE, "low": min(medians), "high": max(medians), "new_low": min(upper),
        "new_high": max(upper), "median": middle, "centre": 100 * CENTRE,
        "spread_low": around[0], "spread_high": around[1], "log_odds": PRIOR_SCALE * LOG_ODDS,
        "binomial": f"the median is {min(exact):.1f} to {max(exact):.1f} percent" if exact
        else "there are too many patients for the grid of the posterior",
    }  # fmt: skip
    shown = table(pd.DataFrame(lines, columns=names), caption="Median [95% credible interval]")
    return Shown((shown,), facts)


@needs(2, one=True)
def tau(rows: Rows) -> Shown:
    """Prior and posterior of tau."""
    y, v = transform(rows.x, rows.n, "PAS")
    found = {p: bayes.posterior(y, v, p, PRIOR_SCALE) for p in PRIORS}
    shown = dict(found)
    if exact := binomial(rows, PRIOR_SCALE * LOG_ODDS):
        in_radians = replace(exact, grid=exact.grid / LOG_ODDS, density=exact.density * LOG_ODDS)
        shown[BINOMIAL] = in_radians
    figure = draw.tau(rows, shown)
    half = found["half-normal"].tau
    facts = {"median": half.median, "lower": half.lower, "upper": half.upper}
    return Shown((figures.draw(figure, "posterior_of_tau", draw.TAU),), facts)


@needs(2, one=True)
def shrinkage(rows: Rows) -> Shown:
    """Each study's own rate, and what the others make of it."""
    y, v = transform(rows.x, rows.n, "PAS")
    post = bayes.posterior(y, v, "half-normal", PRIOR_SCALE)
    median, lower, upper = percent(post.theta)
    own = 100 * rows.x / rows.n
    lines = rows.frame[["label", "n", "kind"]].assign(
        own=own, median=median, lower=lower, upper=upper, weight=100 * post.shrinkage
    )
    names = ("pooled rate", "rate of a new study")
    whole = pd.DataFrame(
        [[name, *percent(s)] for name, s in zip(names, (post.mu, post.predicted), strict=True)],
        columns=["label", "median", "lower", "upper"],
    )
    most = lines.loc[(lines["own"] - lines["median"]).abs().idxmax()]
    facts = {
        "label": studies.quoted(most["label"]), "own": most["own"], "median": most["median"],
        "lower": whole["lower"][1], "upper": whole["upper"][1],
    }  # fmt: skip
    return Shown((draw.shrinkage(rows, lines, whole),), facts)
