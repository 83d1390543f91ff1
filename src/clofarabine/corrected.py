"""Notebook 02: the primary numbers as arcsines of corrected counts.

R meta and Stata's metan leave the arcsine uncorrected (github.com/guido-s/meta, R/metaprop.R,
commit 025947f, Continuity correction; SSC, metan_proportion.sthlp 4.07, transform). metafor does
unless `add` is given (help of escalc 3.8-1, arguments add and to, and Note). OpenMeta[Analyst]
gives it 0.5, only where a count is 0, by default (github.com/bwallace/OpenMeta-analyst-,
src/R/openmetar/R/binary_methods.r, commit 166f5bb, compute.for.one.bin.study and defaults); whether
one-arm rates take that way is not said there. Anscombe's constants make the variance more even
(Anscombe 1948). The double arcsine stays uncorrected.
"""

from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd

from . import evidence_pieces as ep
from . import studies
from .identified import LARGEST, Body, Part, listed, span
from .identified_facts import named
from .identified_shown import Shown, shown

# What each scale adds to events and to non-events, and who offers it.
CORRECTED = {
    "PAS-only0": ("1/2 in rows without an event or without a non-event",
                  "metafor, option; perhaps a default of OpenMeta[Analyst]"),
    "PAS-all": ("1/2 in every row", "metafor, option"),
    "PAS-anscombe": ("3/8 in every row, variance 1 / (4n + 2)", "Anscombe 1948"),
}  # fmt: skip


def frame(base: Body) -> pd.DataFrame:
    """What each correction leaves, one row each.

    Searched with Wald's interval, the harmonic mean and a row per age group: the whole grid would
    take over a minute of a processor. All numbers are tried where the primary ones leave a vector.

    Returns
    -------
    DataFrame
        added, source; primary, all: estimators of tau² that leave a vector, in words; CR, OR: range
        of the largest row under the primary numbers, missing where nothing is left.
    """
    at, records = base.evidence["CR"].labels.index(LARGEST), []
    for scale, (added, source) in CORRECTED.items():
        record: dict = {"added": added, "source": source}
        methods = [replace(m, scale=scale) for m in ep.ESTIMATORS_ALONE]
        for name, only in (("primary", "PAS"), ("all", None)):
            sets = list(ep.pairs(base.evidence, base.pooled, methods, only))
            methods = [m for m, *_ in sets]
            record[name] = named(m.tau2_method for m in methods)
            for j, e in enumerate(studies.ENDPOINTS if only and sets else ()):
                x = np.concatenate([pair[j][:, at] for _, *pair in sets])
                record[e] = span(x.min(), x.max())
        records.append(record)
    return pd.DataFrame(records, columns=["added", "source", "primary", *studies.ENDPOINTS, "all"])


def table(found: pd.DataFrame) -> Shown:
    """The corrections and what they leave."""
    names = {"added": "added to events and to non-events", "source": "who offers it"}
    names |= {c: f"estimators, {c} numbers" for c in ("primary", "all")}
    names |= {e: f"{e} of {LARGEST}, primary" for e in studies.ENDPOINTS}
    found = found.assign(primary=found["primary"].map(listed), all=found["all"].map(listed))
    return shown(found, names, "Arcsine of corrected counts: what the printed numbers leave")


def facts(base: Body, found: pd.DataFrame) -> Part:
    """Estimators that some correction leaves (primary numbers, all numbers), and those that go."""
    usual = named(m.tau2_method for m, *_ in base.primary)
    out = {name: list(chain(*found[name])) for name in ("primary", "all")}
    lost = [word for word in usual if word not in out["primary"]]
    parts = {name: listed(words, "no estimator") for name, words in out.items()}
    return Part(parts | {"lost": listed(lost)} if usual else {})
