"""Notebook 02: what the primary numbers leave of both ages of a survey, and without a count.

Numbers of sentences, as in `identified_facts`.
"""

from typing import Any

import numpy as np
import pandas as pd

from . import studies
from .identified import Body, Part, left, plain, span
from .tables import store


def within_survey(base: Body) -> Part:
    """What the primary numbers leave of the children and of the adults of the largest study.

    CR_children, CR_adults and so on: ranges in percent over every estimator's sets. sets, kept :
    CR sets under all numbers, and those whose rows of the other study of mixed ages hold no more
    responders than its later report counts (its response counts partial remissions too).
    """
    if not (base.primary and base.triples):
        return Part({})
    first = base.evidence["CR"]
    mixed = [s for s in dict.fromkeys(first.study) if first.study.count(s) > 1]
    size = {s: int(first.n[[i for i, t in enumerate(first.study) if t == s]].sum())
            for s in mixed}  # fmt: skip
    large, small = sorted(mixed, key=size.__getitem__, reverse=True)
    out: dict[str, Any] = {"large": large, "small": small, "patients": size[small]}
    for i, e in enumerate(studies.ENDPOINTS):
        x = np.concatenate([pair[i] for _, *pair in base.primary])
        for who, row in (("children", large), ("adults", f"{large} adult")):
            at = first.labels.index(row)
            share = 100 * x[:, at] / first.n[at]
            out[f"{e}_{who}"] = span(share.min(), share.max())
    report = store.load("external_check").set_index(["study", "population", "quantity"])["printed"]
    most = round(report[small, "all ages", "CR+CRp+PR"] * size[small] / 100)
    cr = np.unique(np.concatenate([x for _, x, _ in base.triples]), axis=0)
    at = [i for i, s in enumerate(first.study) if s == small]
    kept = int((cr[:, at].sum(1) <= most).sum())
    return Part(out | {"most": most, "sets": len(cr), "kept": kept})


def without_documented(pieces: pd.DataFrame) -> pd.DataFrame:
    """The primary numbers with each documented count left out: CR and OR of the largest row.

    Parameters
    ----------
    pieces : DataFrame
        As evidence_decomposition.csv.

    Returns
    -------
    DataFrame
        out, the count left out; CR, OR: smallest to largest count over the usual estimators, a
        dash where none is possible.
    """
    records = []
    for name in pieces["evidence"].unique():
        if name.startswith("without documented ") and len(
            own := plain(left(pieces, name, "primary"))
        ):
            ends = [span(own[f"{e}_06952_min"].min(), own[f"{e}_06952_max"].max())
                    for e in ("cr", "or")]  # fmt: skip
            records.append((name.removeprefix("without documented "), *ends))
    return pd.DataFrame(records, columns=["out", "CR", "OR"])


def widest(pieces: pd.DataFrame) -> Part:
    """The documented count without which the primary numbers leave the widest CR range."""
    table = without_documented(pieces)
    if table.empty:
        return Part({})
    ends = table["CR"].str.split(" to ")
    width = ends.str[-1].astype(int) - ends.str[0].astype(int)
    first, last = table.loc[width.idxmax()], table.loc[width.idxmin()]
    return Part({"count": first["out"], "CR": first["CR"], "OR": first["OR"],
                 "least": last["out"], "least_CR": last["CR"], "tried": len(table)})  # fmt: skip
