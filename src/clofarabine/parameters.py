"""The choices that the notebooks share as parameters, and what each may be."""

from typing import Any

from metaprop.effectsize import INVERSES, SCALES, choose
from metaprop.pooling import INTERVALS, TAU2

from .studies import COUNTS, ENDPOINTS, POPULATIONS

CHOICES: dict[str, tuple[str, ...]] = {
    "endpoint": ENDPOINTS,
    "population": POPULATIONS,
    "transformation": SCALES,
    "tau2": tuple(TAU2),
    "interval": INTERVALS,
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
