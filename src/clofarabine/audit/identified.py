"""The counts behind the pooled results, for the rules: given by the evidence, or what is left.

Two sentences of the paper rest on counts that it does not print. Each is judged once, here, by
`clofarabine.readings`; notebooks 02, 05 and 07 tell this judgement.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from metaprop.counts.tables import Counts
from metaprop.method import Method

from .. import evidence_pieces as pieces
from .. import readings
from ..reconstruction import METHODS, VARIED, Evidence
from .ledger import Paper

ENDPOINTS = pieces.ENDPOINTS


@dataclass(frozen=True, eq=False)
class Behind:
    """Evidence and identified sets of both endpoints.

    evidence : by endpoint. joint : vectors by endpoint and method, before CR and OR are held
    together.
    """

    evidence: dict[str, Evidence]
    joint: dict[str, dict[Method, Counts]]

    @cached_property
    def coupled(self) -> list[pieces.Coupled]:
        """(method, CR vectors, OR vectors) that fit together; the counts themselves where given."""
        cr, other = (self.joint[e] for e in ENDPOINTS)
        shared = {m: x for m, x in cr.items() if m in other}
        found = list(pieces.coupled(shared, other))
        if not found and all(self.given(e) is not None for e in ENDPOINTS):
            found = [(METHODS[0], *(self.given(e) for e in ENDPOINTS))]
        return found

    def given(self, endpoint: str) -> Counts | None:
        """The one vector that the evidence leaves, shape (1, rows); None if it leaves several."""
        own = self.evidence[endpoint]
        return own.low[None].copy() if (own.low == own.high).all() else None

    def vectors(self, endpoint: str) -> Counts:
        """Different vectors of one endpoint: coupled ones, or its own where none can be coupled."""
        i = 1 + ENDPOINTS.index(endpoint)
        found = [s[i] for s in self.coupled] or list(self.joint[endpoint].values())
        wide = len(self.evidence[endpoint].n)
        return np.unique(np.concatenate([*found, np.empty((0, wide), np.int32)]), axis=0)

    def pooled(self, endpoint: str, results: pd.DataFrame) -> tuple[Method, dict[str, float]]:
        """Given counts pooled by the method of the grid that gives most of the printed numbers.

        Returns the method and every number of `evidence_pieces.ids`, percent. Of methods that give
        as many the first in the order of the grid is taken.
        """
        x, goals = self.given(endpoint), pieces.targets(results, endpoint)
        values = [pieces.unrounded(self.evidence[endpoint], m, x, results, endpoint)[0]
                  for m in METHODS]  # fmt: skip
        hits = [int((pieces.excess(v[None], goals)[0] == 0).sum()) for v in values]
        best = int(np.argmax(hits))
        names = pieces.ids(results, endpoint)
        return METHODS[best], dict(zip(names, map(float, values[best]), strict=True))


class _Key:
    """Tables as the key of a cache: the same objects are the same key."""

    def __init__(self, *frames: pd.DataFrame) -> None:
        self.frames = frames

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.frames)))

    def __eq__(self, other: object) -> bool:
        mine = self.frames
        return isinstance(other, _Key) and all(
            a is b for a, b in zip(mine, other.frames, strict=True)
        )


def behind(paper: Paper) -> Behind:
    """What is known of the counts behind a paper's pooled results."""
    names = ("evidence", *(f"identified_set_{e.lower()}" for e in ENDPOINTS))
    return _behind(_Key(*(paper.tables[name] for name in names)))


@lru_cache(maxsize=4)
def _behind(key: _Key) -> Behind:
    frame, *sets = key.frames
    evidence = {e: Evidence.read(frame, e) for e in ENDPOINTS}
    joint = {}
    for e, table in zip(ENDPOINTS, sets, strict=True):
        rows = table[list(evidence[e].labels)].to_numpy(np.int32)
        groups = table.groupby(list(VARIED), sort=False).indices
        joint[e] = {Method("PAS", *key): rows[at] for key, at in groups.items()}
    return Behind(evidence, joint)


@lru_cache(maxsize=64)
def others(known: Behind, cr: float, or_: float, without: str) -> pd.DataFrame:
    """Readings of a sentence that gives both rates of the studies other than one.

    As `clofarabine.readings.others`: one formula must give both, from one pair of vectors.
    """
    return readings.others(known.evidence, known.coupled, {"CR": cr, "OR": or_}, without)


def egger(known: Behind, endpoint: str, printed: float, scales: tuple[str, ...]) -> pd.DataFrame:
    """Readings of a printed p value of Egger's test, as `clofarabine.readings.eggers`."""
    return readings.eggers(known.evidence[endpoint], known.vectors(endpoint), printed, scales)
