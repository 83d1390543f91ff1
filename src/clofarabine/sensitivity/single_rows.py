"""What single rows do: one less, one more, and the usual diagnostics."""

import numpy as np
import pandas as pd

from metaprop import influence
from metaprop.effectsize import Array, transform
from metaprop.pooling import pool
from metaprop.robustness import by_year, without_each

from .. import studies
from ..figures import sensitivity as draw
from ..show import table
from .rows import Rows, Shown, needs

# Diagnostics of the panel: title by name.
PANELS = {
    "rstudent": "residual",
    "dffits": "DFFITS",
    "cook": "Cook's D",
    "cov_ratio": "cov. ratio",
    "tau2_deleted": "τ² without",
    "hat": "hat",
    "dfbetas": "DFBETAS",
}


@needs(3)
def leave_one_out(rows: Rows) -> Shown:
    """The pooled rate without each row in turn, and as rows are added by year."""
    dropped = without_each(rows.x, rows.n, rows.labels, rows.method)
    added = by_year(rows.x, rows.n, rows.labels, rows.frame["year"], rows.method)
    notes = ("k = " + dropped["k"].astype(str), added["year"].astype("string").fillna("no year"))
    parts = [
        pd.DataFrame({"label": ["Left out"]}), dropped.assign(note=notes[0]),
        pd.DataFrame({"label": ["Added, by year"]}), added.assign(note=notes[1]),
    ]  # fmt: skip
    base = rows.base
    ends = ("estimate_min", "estimate_max")
    shift = pd.concat([(dropped[e] - base[e]).abs() for e in ends], axis=1).max(axis=1)
    far = shift.idxmax()
    facts = {
        "label": studies.quoted(dropped["label"][far]), "low": dropped["estimate_min"][far],
        "high": dropped["estimate_max"][far], "all_low": base["estimate_min"],
        "all_high": base["estimate_max"], "others": shift.drop(far).max(),
        "lower": dropped["lower_min"][far], "upper": dropped["upper_max"][far],
    }  # fmt: skip
    picture = draw.leave_one_out(rows, pd.concat(parts, ignore_index=True), base["estimate_min"])
    return Shown((picture,), facts)


def _measured(rows: Rows) -> influence.Influence:
    return influence.influence(*rows.effects(), rows.method.tau2_method, rows.method.ci_method)


@needs(3)
def diagnostics(rows: Rows) -> Shown:
    """Influence of each row: a picture, or over many vectors a table of ranges."""
    found = _measured(rows)
    flagged = np.atleast_2d(found.flagged)
    names = np.array(rows.labels, object)
    facts = {
        "always": studies.quoted(*names[flagged.all(0)]) or "no row",
        "never": int((~flagged.any(0)).sum()), "k": len(names),
    }  # fmt: skip
    if not rows.one:
        return Shown((table(_ranges(rows, found), decimals=2),), facts)
    fit, far = pool(*rows.effects(), rows.method.tau2_method), np.abs(found.rstudent).argmax()
    facts |= {"far": studies.quoted(names[far]), "without": found.tau2_deleted[far]}
    facts |= {"tau2": float(fit.tau2)}
    cuts = influence.cutoffs(len(names))
    none = {"cov_ratio": 1.0, "tau2_deleted": float(fit.tau2), "hat": 1 / len(names)}
    panels = {n: (title, none.get(n, 0.0), cuts.get(n, ())) for n, title in PANELS.items()}
    values = {name: getattr(found, name) for name in PANELS}
    frame = rows.frame[["label", "kind"]].assign(**values)
    return Shown((draw.influence_panel(rows, frame, panels),), facts)


def _ranges(rows: Rows, found: influence.Influence) -> pd.DataFrame:
    """Smallest and largest value of each diagnostic over the vectors, as text."""
    frame = pd.DataFrame({"row": rows.labels, "patients": rows.n})
    for name, title in PANELS.items():
        values: Array = np.broadcast_to(getattr(found, name), rows.x.shape)
        ends = zip(values.min(0), values.max(0), strict=True)
        frame[title] = [f"{a:.2f} to {b:.2f}".replace(" ", "\u00a0") for a, b in ends]
    return frame.assign(
        **{"% of vectors that flag it": (100 * found.flagged.mean(0)).round().astype(int)}
    )


@needs(3, one=True)
def baujat(rows: Rows) -> Shown:
    """Misfit of each row against its influence."""
    found = _measured(rows)
    frame = rows.frame[["label", "kind"]].assign(x=found.baujat_x, y=found.baujat_y)
    return Shown((draw.baujat(rows, frame),))


@needs(2, one=True)
def radial(rows: Rows) -> Shown:
    """Each row's standardised effect against its precision."""
    y, v = rows.effects()
    fit = pool(y, v, rows.method.tau2_method)
    across, up = influence.radial(y, v, fit.tau2)
    marks = np.array([1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99])
    scale = pd.Series(transform(marks, 100, rows.method.scale)[0], index=marks.astype(str))
    frame = rows.frame[["label", "kind"]].assign(x=across, z=up)
    return Shown((draw.radial(rows, frame, float(fit.estimate), scale),))
