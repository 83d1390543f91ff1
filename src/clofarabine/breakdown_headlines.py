"""The headlines of the reconstruction that `breakdown` tests, and what speaks against each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from metaprop import influence, pooling, small_study
from metaprop.counts.tables import Counts
from metaprop.counts.vectors import below
from metaprop.effectsize import Array, back_transform, transform
from metaprop.method import Method

from .evidence_pieces import ENDPOINTS
from .reconstruction import Evidence, varied

Sets = dict[str, dict[Method, Counts]]
# Which vectors of a set speak against a headline: (evidence, method, vectors) -> mask.
Mask = Callable[[Evidence, Method, Counts], np.ndarray]


@dataclass(frozen=True)
class Headline:
    """A conclusion, and what a vector or a method must be to overturn it.

    name : the conclusion. methods : those that may overturn it. cr, or_ : which vectors do; None
    where every vector does, which is so where a method is said to be ruled out.
    """

    name: str
    methods: tuple[Method, ...]
    cr: Mask | None = None
    or_: Mask | None = None

    def against(self, evidence: dict[str, Evidence], sets: Sets) -> Iterator[tuple]:
        """(method, CR vectors, OR vectors) that speak against it, before they are coupled."""
        for m in self.methods:
            both = []
            for e, mask in zip(ENDPOINTS, (self.cr, self.or_), strict=True):
                x = sets[e].get(m, np.empty((0, len(evidence[e].n)), np.int32))
                both.append(x[mask(evidence[e], m, x)] if mask and len(x) else x)
            if all(map(len, both)):
                yield m, *both


def _children(evidence: Evidence, x: Counts) -> tuple[Array, Array]:
    """Effects and sampling variances of the paediatric rows on the arcsine scale."""
    child = ~evidence.adult
    return transform(x[:, child], evidence.n[child], "PAS")


def outside(row: str, low: int, high: int) -> Mask:
    """Vectors whose count of a row leaves low..high."""

    def mask(evidence: Evidence, _method: Method, x: Counts) -> np.ndarray:
        column = x[:, evidence.labels.index(row)]
        return (column < low) | (column > high)

    return mask


def i2_below(percent: float) -> Mask:
    """Vectors whose I² in children, from tau², is below a percentage."""

    def mask(evidence: Evidence, method: Method, x: Counts) -> np.ndarray:
        return 100 * pooling.pool(*_children(evidence, x), method.tau2_method).i2 < percent

    return mask


def prediction_below(percent: float) -> Mask:
    """Vectors whose upper prediction limit in children (t with k - 2) is below a percentage."""

    def mask(evidence: Evidence, method: Method, x: Counts) -> np.ndarray:
        upper = pooling.pool(*_children(evidence, x), method.tau2_method).prediction()[1]
        return 100 * back_transform(upper, "PAS") < percent

    return mask


def egger_prints(p: float, decimals: int = 2) -> Mask:
    """Vectors whose p of Egger's test (paediatric rows, arcsine) prints as p."""

    def mask(evidence: Evidence, _method: Method, x: Counts) -> np.ndarray:
        value = small_study.egger(*_children(evidence, x)).p
        return np.abs(value - p) <= 0.5 * 10.0**-decimals

    return mask


def others_print(percent: float, without: str = "CLO-212") -> Mask:
    """Vectors whose random-effects estimate without a study (paediatric, arcsine) prints so."""

    def mask(evidence: Evidence, method: Method, x: Counts) -> np.ndarray:
        rest = influence.leave_one_out(*_children(evidence, x), method.tau2_method, "wald")
        i = np.array(evidence.labels)[~evidence.adult].tolist().index(without)
        value = 100 * back_transform(rest.estimate[..., i], "PAS")
        return np.abs(value - percent) <= 0.5

    return mask


def headlines(evidence: dict[str, Evidence], sets: Sets) -> list[Headline]:
    """The conclusions under test; the range of the largest row is that of the sets given.

    I² of 75% is where the Cochrane Handbook (10.10.2) begins to call it considerable; an upper
    prediction limit of 50% is a rate in a new study of one patient in two.
    """
    methods = tuple(sets["CR"])
    own = lambda *names: tuple(m for m in methods if any(n in varied(m) for n in names))  # noqa: E731
    row = "CLOFAL06952"
    i = evidence["CR"].labels.index(row)
    found = np.concatenate([x[:, i] for _, x, _ in coupled(evidence, sets)])
    low, high = int(found.min()), int(found.max())
    ends = f"{low}" if low == high else f"{low} to {high}"
    other = tuple(m for m in methods if m.inverse != "harmonic")
    return [
        Headline("REML is ruled out", own("REML")),
        Headline("Paule-Mandel is ruled out", own("PM")),
        Headline("Hartung-Knapp is ruled out", own("hartung-knapp")),
        Headline("merged rows are ruled out", own("merged")),
        Headline("inverses other than the harmonic mean are ruled out", other),
        Headline(f"CR of {row} is {ends}", methods, cr=outside(row, low, high)),
        Headline("I² of CR in children is at least 75%", methods, cr=i2_below(75)),
        Headline("prediction for CR in children reaches 50%", methods, cr=prediction_below(50)),
        Headline("Egger's p (arcsine, children) does not print as 0.58", methods,
                 cr=egger_prints(0.58)),
        Headline("no one method gives its counts and 17% CR with 28% OR elsewhere", methods,
                 cr=others_print(17), or_=others_print(28)),
    ]  # fmt: skip


def coupled(evidence: dict[str, Evidence], sets: Sets) -> Iterator[tuple]:
    """(method, CR vectors, OR vectors) with a partner of the other endpoint."""
    for m, x, y in Headline("every method", tuple(sets["CR"])).against(evidence, sets):
        a, b = below(x, y)
        if a.any():
            yield m, x[a], y[b]
