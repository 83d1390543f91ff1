"""A method in one sentence, and the calls of other software that do the same."""

import numpy as np
from numpy.typing import ArrayLike

from .effectsize import SCALES, choose
from .labels import INVERSE, SCALE, TAU2_METHOD
from .method import Method

_ITERATIVE = ("PM", "REML", "ML")
UNNAMED = ("DL2", "HM")  # estimators that metafor does not offer by name
_TEST = {"wald": "z", "t": "t", "hartung-knapp": "knha", "hartung-knapp-adhoc": "adhoc"}
_INTERVAL = {
    "wald": "Wald interval (normal quantile)",
    "t": "t interval (k - 1 degrees of freedom)",
    "hartung-knapp": "Hartung-Knapp interval (t, k - 1 degrees of freedom)",
    "hartung-knapp-adhoc": "Hartung-Knapp interval (t, k - 1), never narrower than the Wald "
    "standard error allows",
}
# The n at which the double arcsine is taken back, in R.
_OVERALL_N = {
    "harmonic": "1 / mean(1 / n)",
    "geometric": "exp(mean(log(n)))",
    "arithmetic": "mean(n)",
    "inverse-variance": "1 / (4 * fit$se^2)",
}


def predicts(k: int, method: Method) -> bool:
    """Whether the method gives a prediction interval for k rows: not under CE, nor with k < 3."""
    return method.tau2_method != "CE" and k > 2


def sentence(k: int, method: Method) -> str:
    """What was done to k rows, in one sentence."""
    choose("scale", method.scale, SCALES)
    back = f", taken back at the {INVERSE[method.inverse]}" if method.scale == "PFT" else ""
    if method.tau2_method == "CE":
        model, new = "under a common effect", "no prediction interval"
    else:
        model = f"with random effects, tau² by {TAU2_METHOD[method.tau2_method]}"
        new = "prediction interval by t with k - 2 degrees of freedom (Higgins 2009)"
        new = new if predicts(k, method) else "no prediction interval with fewer than three rows"
    return (
        f"Inverse-variance pooling of {k} rows on the {SCALE[method.scale]} scale{back}, {model}; "
        f"{_INTERVAL[method.ci_method]}; {new}; tau² interval by Q-profile."
    )


def _vector(values: ArrayLike) -> str:
    return f"c({', '.join(f'{v:.0f}' for v in np.asarray(values, float))})"


def metafor_call(x: ArrayLike, n: ArrayLike, method: Method) -> str:
    """R lines with metafor that pool x events among n patients, both of shape (k,)."""
    choose("scale", method.scale, SCALES)
    if method.tau2_method in UNNAMED:
        return "# metafor has no name for this estimator of tau²"
    k = np.shape(x)[-1]
    add = "1/2" if method.scale == "PLO" else "0"
    control = ", control=list(threshold=1e-12, tol=1e-12, maxiter=10000)"
    tight = control if method.tau2_method in _ITERATIVE else ""
    lines = [
        f"x <- {_vector(x)}",
        f"n <- {_vector(n)}",
        f'es <- escalc(measure="{method.scale}", xi=x, ni=n, add={add}, to="only0")',
        f'fit <- rma(yi, vi, data=es, method="{method.tau2_method}", '
        f'test="{_TEST[method.ci_method]}"{tight})',
    ]
    back = {"PLO": "transf.ilogit"}.get(method.scale, "transf.iarcsin")
    if method.scale == "PFT" and method.inverse in _OVERALL_N:
        lines.append(f"overall <- {_OVERALL_N[method.inverse]}")
        back = "function(y) transf.ipft(y, overall)"
    rule = ', pi.type="riley"' if predicts(k, method) else ""
    lines.append(f"predict(fit, transf={back}{rule})")
    if k > 1:
        fit = "fit" if method.tau2_method != "CE" else 'rma(yi, vi, data=es, method="DL")'
        lines.append(f"confint({fit})  # Q-profile limits of tau² and I²")
    return "\n".join(lines)


def meta_call(method: Method, study_ci: str = "exact") -> str:
    """R lines with meta's metaprop for x and n of the lines before, or why there are none.

    Written from meta's manual and source, and not run: it is not in Debian. Arguments of version 8
    and later, where HK-PR is the Hartung-Knapp standard error with k - 2 df (Partlett & Riley 2017)
    and HK the same with k - 1; before it HK meant the former.
    """
    if method.scale == "PFT" and method.inverse != "harmonic":
        return "# meta::metaprop takes the double arcsine back at the harmonic mean of n alone"
    if method.ci_method == "t":
        return "# the call of meta::metaprop for this interval is not written here"
    scale = {"PLO": "PLOGIT"}.get(method.scale, method.scale)
    own = {"exact": "CP", "wilson": "WS"}[study_ci]
    arguments = ["x", "n", f'sm="{scale}"', 'method="Inverse"', f'method.ci="{own}"']
    if method.tau2_method == "CE":
        arguments += ["common=TRUE", "random=FALSE"]
    else:
        knapp = method.ci_method != "wald"
        arguments += [f'method.tau="{method.tau2_method}"', 'method.tau.ci="QP"']
        arguments += [f'method.random.ci="{"HK" if knapp else "classic"}"']
        arguments += ["prediction=TRUE", f'method.predict="{"HK-PR" if knapp else "HTS"}"']
        if method.ci_method == "hartung-knapp-adhoc":
            arguments += ['adhoc.hakn.ci="se"', 'adhoc.hakn.pi="se"']
    return f"meta::metaprop({', '.join(arguments)})"


def r_call(x: ArrayLike, n: ArrayLike, method: Method, study_ci: str = "exact") -> str:
    """R lines that pool x events among n patients as the method does: metafor's, then meta's.

    Parameters
    ----------
    x, n : array_like, shape (k,)
        Counts.
    method : Method
        Its scale is a transformation: PAS, PFT or PLO.
    study_ci : {"exact", "wilson"}
        Interval of single rows.
    """
    return f"library(metafor)\n{metafor_call(x, n, method)}\n\n{meta_call(method, study_ci)}"
