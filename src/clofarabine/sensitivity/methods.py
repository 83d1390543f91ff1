"""The same rows, pooled in other ways."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from metaprop import labels
from metaprop.effectsize import INVERSES
from metaprop.method import CI_METHODS, LIKELIHOODS, MODELS, Method
from metaprop.pooling import pool
from metaprop.specifications import (
    BATCHED,
    BAYESIAN,
    ESTIMATORS,
    over_rows,
    pool_all,
    specification,
    specifications,
)

from .. import figures
from ..consequences import SMALL
from ..figures import sensitivity as draw
from ..show import table
from .everywhere import choices_of_rows
from .groups import by_group
from .rows import Rows, Shown, named, needs, text

CHOICES = {
    "rows": "rows",
    "scale": "model",
    "inverse": "way back from PFT",
    "tau2_method": "τ²",
    "ci_method": "interval",
}


def _beside(rows: Rows, scales: Sequence[str], ways: Sequence[str] = INVERSES) -> list[Method]:
    """The rows' method on other scales."""
    how = (rows.method.tau2_method, rows.method.ci_method)
    return [
        specification(scale, *how, inverse)
        for scale in scales
        for inverse in (ways if scale == "PFT" else ways[:1])
    ]


@needs(2)
def scales(rows: Rows) -> Shown:
    """Each transformation, and each way back from the double arcsine."""
    found = pool_all(rows.x, rows.n, _beside(rows, ("PAS", "PFT", "PLO")))
    shown = pd.DataFrame({"scale": named(found), "rate": text(found)})
    if len(rows.published):
        ends = [f"{r['estimate']:.0f} [{r['lower']:.0f}, {r['upper']:.0f}]"
                for _, r in rows.published.iterrows()]  # fmt: skip
        said = rows.published["scale"].map(labels.SCALE) + ", as published over all rows"
        shown = pd.concat([shown, pd.DataFrame({"scale": said, "rate": ends})], ignore_index=True)
    pft = found[found["scale"] == "PFT"].set_index("inverse")["estimate_min"]
    facts = {
        "low": pft.min(), "low_way": labels.INVERSE[pft.idxmin()],
        "high": pft.max(), "high_way": labels.INVERSE[pft.idxmax()],
    }  # fmt: skip
    return Shown((table(shown, {"rate": "percent [95% CI]"}),), facts)


@needs(2)
def estimators(rows: Rows) -> Shown:
    """Every estimator of tau² with every interval, on the method's scale."""
    methods = [replace(rows.method, tau2_method=t, ci_method=c)
               for t in ESTIMATORS for c in CI_METHODS]  # fmt: skip
    found = pool_all(rows.x, rows.n, methods)
    shown = found.assign(text=text(found)).pivot(
        index="tau2_method", columns="ci_method", values="text"
    )
    shown = shown.loc[list(ESTIMATORS), list(CI_METHODS)].rename(labels.TAU2_METHOD)
    width = (found["upper_max"] - found["lower_min"]).groupby(found["ci_method"]).mean()
    facts = {
        "low": found["estimate_min"].min(), "high": found["estimate_max"].max(),
        "wald": width["wald"], "hartung_knapp": width["hartung-knapp"],
    }  # fmt: skip
    return Shown((table(shown.rename_axis("τ² by"), labels.CI_METHOD),), facts)


@needs(2, one=True)
def likelihoods(rows: Rows) -> Shown:
    """The binomial likelihoods beside the method, and what the smallest rows weigh in it."""
    found = pool_all(rows.x, rows.n, [*specifications(LIKELIHOODS), rows.method])
    shown = pd.DataFrame({"model": named(found), "rate": text(found), "problem": found["problem"]})
    if shown["problem"].isna().all():
        shown = shown.drop(columns="problem")
    y, v = rows.effects()
    weight = 1 / (v + pool(y, v, rows.method.tau2_method).tau2)
    small, estimates = rows.n < SMALL, found["estimate_min"].dropna()
    facts = {
        "limit": SMALL, "small": small.sum(), "k": len(small), "answered": len(estimates),
        "weight": weight[small].sum() / weight.sum(), "spread": np.ptp(estimates),
        "patients": rows.n[small].sum() / rows.n.sum(), "scale": labels.SCALE[rows.method.scale],
    }  # fmt: skip
    return Shown((table(shown, {"rate": "percent [95% CI]"}),), facts)


def _all(rows: Rows) -> pd.DataFrame:
    """Every specification over every choice of rows; over many vectors those that batch."""
    models = MODELS if rows.one else BATCHED
    return over_rows(rows.x, rows.n, choices_of_rows(rows.frame), specifications(models))


@needs(2)
def curve(rows: Rows) -> Shown:
    """Every specification at once, as a curve."""
    asked = _all(rows)
    found = asked[asked["problem"].isna()]
    printed, width = rows.printed, found["upper_max"] - found["lower_min"]
    facts = {
        "name": rows.name, "k": len(rows.n), "all_rows": rows.all_rows, "asked": len(asked),
        "answered": len(found), "low": found["estimate_min"].min(),
        "high": found["estimate_max"].max(), "lower": found["lower_min"].min(),
        "upper": found["upper_max"].max(), "narrow": width.min(), "wide": width.max(),
        "vectors": 1 if rows.one else len(rows.x),
    }  # fmt: skip
    if printed:
        inside = found["estimate_min"].ge(printed["lower"])
        inside &= found["estimate_max"].le(printed["upper"])
        facts |= {"printed": printed["estimate"], "kept": inside.mean()}
        facts |= {"printed_width": printed["upper"] - printed["lower"]}
    return Shown((draw.curve(rows, found, CHOICES),), facts)


@needs(2)
def movers(rows: Rows) -> Shown:
    """What each choice moves when it alone changes."""
    found = _all(rows)
    found = found[found["problem"].isna()]
    middle = (found["estimate_min"] + found["estimate_max"]) / 2
    apart = {}
    for choice in CHOICES:
        # a scale other than PFT has no way back: beside the scales stands PFT by one of them
        held = {choice, "inverse"} if choice == "scale" else {choice}
        some = found["inverse"].isin(["none", INVERSES[0]]) | (choice != "scale")
        alike = middle[some].groupby([found.loc[some, c] for c in CHOICES if c not in held])
        apart[choice] = (alike.max() - alike.min()).max()
    moved = pd.Series(apart).rename(CHOICES).sort_values(ascending=False)
    facts = {"first": moved.index[0], "most": moved.iloc[0], "second": moved.index[1],
             "next": moved.iloc[1]}  # fmt: skip
    figure = draw.strips(rows, found.assign(middle=middle), CHOICES)
    return Shown((figures.draw(figure, "estimates_by_choice", draw.strips_caption(rows)),), facts)


@needs(2)
def choices(rows: Rows) -> Shown:
    """One choice changed at a time, below each other in one picture."""
    how, arcsine = rows.method, _beside(rows, ("PAS", "PFT", "PLO"))
    tables = {
        "Scale": pool_all(rows.x, rows.n, arcsine),
        "Estimator of τ²": pool_all(
            rows.x, rows.n, [replace(how, tau2_method=t) for t in ESTIMATORS]
        ),
        "Interval": pool_all(rows.x, rows.n, [replace(how, ci_method=c) for c in CI_METHODS]),
        "Likelihood": pool_all(rows.x, rows.n, specifications(LIKELIHOODS)),
        "Prior of τ": pool_all(rows.x, rows.n, specifications(BAYESIAN)),
    }
    pft, exact = tables["Scale"].query("scale == 'PFT'"), tables["Likelihood"]
    facts = {
        "low": pft["estimate_min"].min(), "high": pft["estimate_max"].max(),
        "likely_low": exact["estimate_min"].min(), "likely_high": exact["estimate_max"].max(),
    }  # fmt: skip
    for head, column, words in (
        ("Estimator of τ²", "tau2_method", labels.TAU2_METHOD),
        ("Interval", "ci_method", labels.CI_METHOD), ("Likelihood", "scale", labels.SCALE),
        ("Prior of τ", "scale", labels.SCALE),
    ):  # fmt: skip
        tables[head]["label"] = tables[head][column].map(words)
    tables["Scale"]["label"] = named(tables["Scale"])
    grouped = by_group(rows).dropna(subset="group")
    grouped["label"] = grouped["group"]
    tables |= {f"Only: {m}": part for m, part in grouped.groupby("moderator", sort=False)}
    parts = [p for head, t in tables.items() for p in (pd.DataFrame({"label": [head]}), t)]
    listed = pd.concat(parts, ignore_index=True)
    listed["note"] = "k = " + listed["k"].astype("string")
    return Shown((draw.choices(rows, listed),), facts)
