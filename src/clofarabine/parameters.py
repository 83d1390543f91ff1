"""The choices that the notebooks share as parameters, and what each may be."""

from typing import Any

from metaprop.effectsize import INVERSES, SCALES, choose
from metaprop.method import CI_METHODS, TAU2_METHODS

from .studies import COUNTS, ENDPOINTS, POPULATIONS

CHOICES: dict[str, tuple[str, ...]] = {
    "endpoint": ENDPOINTS,
    "population": POPULATIONS,
    "scale": SCALES,
    "tau2_method": tuple(TAU2_METHODS),
    "ci_method": CI_METHODS,
    "inverse": INVERSES,
    "counts": COUNTS,
}


def check(parameters: dict[str, Any]) -> None:
    """Refuse a value that no notebook takes; parameters that are not choices pass.

    Raises
    ------
    ValueError
        With the valid values.
    """
    for name, value in parameters.items():
        if name in CHOICES:
            choose(name, value, CHOICES[name])
