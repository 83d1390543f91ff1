"""Whether `metaprop.printed.which` finds what an independent program printed from known counts.

R metafor is the printer (data/validation/printed_by_metafor.csv, tests/oracle/printer.R): it shares
no code with this project. Here its values are rounded as a paper would, some counts are hidden, and
the tool is asked. Every trial is a function of its place in the design: the same wherever it runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import product
from math import prod

import numpy as np
import pandas as pd

from metaprop.method import Method
from metaprop.printed import Answer, which

from .tables import store

ESTIMATORS = ("DL", "PM", "REML", "ML", "HE", "SJ", "HS", "CE")
SCALES = ("PAS", "PFT", "PLO")
DECIMALS = (0, 1, 2)
HIDDEN = (0.25, 0.5, 1.0)  # share of the counts that the tool is not told
ENDS = ("estimate", "lower", "upper")
# A trial with more conceivable vectors, or patients in hidden rows, is not made: see `made`.
MOST_VECTORS, MOST_PATIENTS = 5 * 10**7, 400
_SEED = 2023


@dataclass(frozen=True)
class Trial:
    """One printed result and what the tool is told: its place in the design.

    data_set, scale, tau2_method : what metafor printed. decimals : of the printed percentages.
    hidden : share of the counts hidden. number : seed of the choice of rows.
    """

    data_set: str
    scale: str
    tau2_method: str
    decimals: int
    hidden: float
    number: int

    @property
    def method(self) -> Method:
        """The method that printed it."""
        return Method(self.scale, self.tau2_method)


def printers() -> list[Method]:
    """Every method that printed, Wald intervals throughout: what each trial chooses between."""
    return [Method(s, t) for s, t in product(SCALES, ESTIMATORS)]


def data_sets() -> list[str]:
    """Data sets that metafor printed, smallest first."""
    printed = store.load("printed_by_metafor")["data_set"].unique()
    rows = store.load("counts").groupby("data_set").size().loc[list(printed)]
    return sorted(rows.index, key=lambda name: (rows[name], name))


def design(sets: Sequence[str], repeats: int = 1) -> Iterator[Trial]:
    """Trials of a Latin square: each method of each data set under some decimals and shares.

    Of the combinations of decimals and share, each printed result gets `repeats`; neighbours in
    the list get other ones, so that all come up equally often in every data set.
    """
    conditions = list(product(DECIMALS, HIDDEN))
    for i, name in enumerate(sets):
        for j, (scale, tau2_method) in enumerate(product(SCALES, ESTIMATORS)):
            for r in range(repeats):
                at = (j + 5 * i + 2 * r) % len(conditions)
                number = (i * 100 + j) * 10 + r
                yield Trial(name, scale, tau2_method, *conditions[at], number)


def made(repeats: int = 1) -> list[Trial]:
    """Trials of the design over all data sets that are small enough for the notebook's time."""
    return [t for t in design(data_sets(), repeats) if _small(t)]


def _small(trial: Trial) -> bool:
    """Whether what is conceivable before the printed result is looked at is within the limits."""
    rows, hidden = told(trial)
    vectors = prod(int(w) for w in rows["x_max"] - rows["x_min"] + 1)
    return vectors <= MOST_VECTORS and rows["n"][hidden].sum() <= MOST_PATIENTS


def percent(value: float, decimals: int) -> str:
    """A percentage as a paper prints it, rounded half up."""
    return str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


@cache
def _counts(data_set: str) -> pd.DataFrame:
    counts = store.load("counts")
    return counts[counts["data_set"] == data_set].reset_index(drop=True)


def told(trial: Trial) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows as the tool is given them (label, n, x_min, x_max), and which of them are hidden."""
    counts = _counts(trial.data_set)
    k = len(counts)
    order = np.random.default_rng([_SEED, trial.number]).permutation(k)
    hidden = np.zeros(k, bool)
    hidden[order[: int(np.ceil(trial.hidden * k))]] = True
    x, n = (counts[c].to_numpy(int) for c in ("x", "n"))
    rows = pd.DataFrame({"label": counts["label"].astype(str), "n": n})
    rows["x_min"], rows["x_max"] = np.where(hidden, 0, x), np.where(hidden, n, x)
    return rows, hidden


def printed(trial: Trial) -> pd.DataFrame:
    """The three numbers as printed; the scale is not said."""
    table = store.load("printed_by_metafor").set_index(["data_set", "scale", "tau2_method"])
    values = table.loc[(trial.data_set, trial.scale, trial.tau2_method)]
    return as_printed({end: percent(float(values[end]), trial.decimals) for end in ENDS})


def as_printed(numbers: dict[str, str], scale: str = "") -> pd.DataFrame:
    """Printed numbers of all rows together as `which` reads them, a row a number."""
    frame = pd.DataFrame({"quantity": list(numbers), "printed": list(numbers.values())})
    frame.insert(0, "rows", "all")
    frame.insert(1, "scale", scale)
    return frame


def survives(answer: Answer, method: Method) -> bool:
    """Whether a method is among those that an answer leaves."""
    left = answer.methods
    same = (left["scale"] == method.scale) & (left["tau2_method"] == method.tau2_method)
    same &= left["ci_method"] == method.ci_method
    if method.scale == "PFT":
        same &= left["inverse"] == method.inverse
    return bool(same.any())


def tried(trial: Trial) -> dict[str, object]:
    """What the tool says of one trial, beside the truth that it was not told."""
    rows, hidden = told(trial)
    answer = which(rows, printed(trial), methods=printers())
    x = _counts(trial.data_set)["x"].to_numpy(int)
    ranges = answer.ranges.set_index("label").loc[rows["label"]]
    # nothing left: a range that holds no value
    low, high = (
        ranges[c].fillna(v).to_numpy(int) for c, v in (("x_min", 1), ("x_max", 0))
    )  # fmt: skip
    width = (high - low + 1) / (rows["n"].to_numpy() + 1)
    return {
        "data_set": trial.data_set,
        "scale": trial.scale,
        "tau2_method": trial.tau2_method,
        "decimals": trial.decimals,
        "hidden": trial.hidden,
        "hidden_rows": int(hidden.sum()),
        "true_method": survives(answer, trial.method),
        "true_counts": bool(((low <= x) & (x <= high)).all()),
        "others": len(answer.methods) - survives(answer, trial.method),
        "undecided": int((answer.methods["found"] == "undecided").sum()),
        "scales": answer.methods["scale"].nunique(),
        "width": 100 * float(np.median(width[hidden])),
        "single": int((low == high)[hidden].sum()),
        "exact": bool((ranges["certified"] == "exact").all()),
    }


def trials(repeats: int = 1) -> pd.DataFrame:
    """Every trial of the design, saved: a row each."""
    found = pd.DataFrame([tried(t) for t in made(repeats)])
    return store.save_derived("validation_trials", found)


def moved(trial: Trial) -> tuple[pd.DataFrame, str]:
    """The rows that the tool is told with one documented count moved by one, and which row."""
    rows, hidden = told(trial)
    draw = np.random.default_rng([_SEED, trial.number, 1])
    at = int(draw.choice(np.flatnonzero(~hidden)))
    x, n = int(rows.loc[at, "x_min"]), int(rows.loc[at, "n"])
    step = 1 if x == 0 else -1 if x == n else int(draw.choice((-1, 1)))
    rows.loc[at, ["x_min", "x_max"]] = x + step
    return rows, rows.loc[at, "label"]


def wrong_counts(repeats: int = 1) -> pd.DataFrame:
    """What one wrong documented count does to every second trial that has one, saved: a row each.

    Every second, because each takes as long as the trial itself.
    """
    found = []
    for trial in made(repeats)[::2]:
        if trial.hidden == 1:
            continue  # no count is documented
        rows, label = moved(trial)
        answer = which(rows, printed(trial), methods=printers())
        found.append(
            {
                "data_set": trial.data_set,
                "scale": trial.scale,
                "tau2_method": trial.tau2_method,
                "decimals": trial.decimals,
                "hidden": trial.hidden,
                "label": label,
                "empty_own": not survives(answer, trial.method),
                "empty_every": answer.methods.empty,
            }
        )
    return store.save_derived("validation_wrong_counts", pd.DataFrame(found))
