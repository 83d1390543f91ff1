"""What each model says of the rate of a new study, and of a threshold for it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import logit

from metaprop import bayes, labels
from metaprop.effectsize import transform
from metaprop.method import LIKELIHOODS, Method
from metaprop.prediction import new_study as predict
from metaprop.prediction import threshold_effect
from metaprop.specifications import PRIOR_SCALE, specification, specifications

from ..parameters import check
from ..show import table
from .prior import LOG_ODDS, binomial, binomial_percent, percent
from .rows import Rows, Shown, needs, nothing


def _range(values: object, unit: str = "") -> str:
    ends = [f"{v:.0f}" for v in (np.min(values), np.max(values))]
    return "–".join(dict.fromkeys(ends)) + unit


def _methods(method: Method) -> list[Method]:
    """The method's estimator and interval on each scale, and the likelihoods of the counts."""
    how = method.tau2_method, method.ci_method, "harmonic"
    scales = [specification(s, *how) for s in ("PAS", "PFT", "PLO")]
    return [*scales, *specifications(LIKELIHOODS)]


def _posteriors(rows: Rows, share: float) -> list[tuple[Sequence[object], float]]:
    """Lines of the two Bayesian models under the half-normal prior, and their chance."""
    p = bayes.posterior(*transform(rows.x, rows.n, "PAS"), "half-normal", PRIOR_SCALE)
    b = binomial(rows, PRIOR_SCALE * LOG_ODDS)
    at = float(threshold_effect(share, rows.n, 0.0, Method("PAS")))
    found = [("Bayes, arcsine", percent(p.predicted), p.below(at))]
    if b:
        ends = binomial_percent(b.predicted)
        found.append(("Bayes, counts binomial", ends, b.below(float(logit(share)))))
    out = []
    for name, ends, below in found:
        text = f"[{ends[1]:.0f}, {ends[2]:.0f}]"
        out.append(((name, "posterior, half-normal prior", text, f"{100 * below:.0f}"), below))
    return out


@needs(3)
def new_study(rows: Rows, threshold: float) -> Shown:
    """Prediction interval and the chance of a rate below the threshold (percent), by model."""
    check({"threshold": threshold})
    lines, chances, problems = [], [], []
    for method in _methods(rows.method):
        name = labels.SCALE[method.scale]
        try:
            found = predict(rows.x, rows.n, method, threshold / 100)
        except (ValueError, ArithmeticError) as error:
            problems.append((name, str(error).partition(";")[0], "", ""))
            continue
        if found is not None:
            low, high = (_range(100 * e) for e in (found.lower, found.upper))
            shown = f"[{low}, {high}]", _range(100 * found.below)
            lines.append((name, found.rule, *shown))
            chances.append(found.below)
    if rows.one:
        for line, below in _posteriors(rows, threshold / 100):
            lines.append(line)
            chances.append(np.asarray(below))
    if not lines:
        return nothing("None of these models predicts a new study from these rows.")
    names = ("model", "rule", "rate of a new study, % [95%]", f"chance below {threshold:g}%, %")
    facts = {
        "threshold": threshold, "models": len(lines),
        "least": min(c.min() for c in chances), "most": max(c.max() for c in chances),
    }  # fmt: skip
    return Shown((table(pd.DataFrame(lines + problems, columns=names)),), facts)
