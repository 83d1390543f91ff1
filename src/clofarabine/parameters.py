"""The choices that the notebooks share as parameters: what each may be, and in words."""

from typing import Any, get_args

from metaprop import labels
from metaprop.effectsize import INVERSES, SCALES, choose
from metaprop.method import Tau2Method
from metaprop.specifications import INTERVALS

from .studies import COUNTS, ENDPOINTS, POPULATIONS

CHOICES: dict[str, tuple[str, ...]] = {
    "endpoint": ENDPOINTS,
    "population": POPULATIONS,
    "scale": SCALES,
    "tau2_method": get_args(Tau2Method),
    "ci_method": INTERVALS,
    "inverse": INVERSES,
    "counts": COUNTS,
    "study_ci": tuple(labels.STUDY_CI),
}
NAMES = {
    "endpoint": "Endpoint",
    "population": "Patients",
    "scale": "Transformation",
    "tau2_method": "tau² estimator",
    "ci_method": "Confidence interval",
    "inverse": "Back to percent",
    "counts": "Counts",
    "study_ci": "Intervals of rows",
}
WORDS: dict[str, dict[str, str]] = {
    "endpoint": {"CR": "complete remission", "OR": "overall remission"},
    "population": {"paediatric": "children", "overall": "children and adults"},
    "scale": labels.SCALE,
    "tau2_method": labels.TAU2_METHOD,
    "ci_method": labels.CI_METHOD,
    "inverse": labels.INVERSE,
    "counts": {"documented": "documented alone", "reconstructed": "with reconstructed ones"},
    "study_ci": labels.STUDY_CI,
}


def check(parameters: dict[str, Any]) -> None:
    """Refuse a choice or a threshold that no notebook takes; other parameters pass.

    Raises
    ------
    ValueError
        With the valid values.
    """
    for name, value in parameters.items():
        if name in CHOICES:
            choose(name, value, CHOICES[name])
    share = parameters.get("threshold", 50.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 100:
        raise ValueError(f"threshold: found {share!r}, expected percent, above 0 and below 100")
