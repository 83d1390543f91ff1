"""The numbers that the sentences of notebook 06 name, by section.

Each function takes what `safety` gives and returns named facts, rates in percent.
"""

from typing import Any

import pandas as pd

from .audit.rules_safety import agreement
from .tables import store

Facts = dict[str, Any]

# A rate from below RARE to above COMMON percent says nothing; I² above HIGH percent is high.
RARE, COMMON, HIGH = 2, 50, 75
LEVEL = 0.05  # of a p value

_TEXT = {"serious": "saf-1-2-1", "treatment": "saf-1-2-2"}


def _listed(names: list[str], nothing: str = "none") -> str:
    return ", ".join(names) if names else nothing


def denominators(cells: pd.DataFrame) -> Facts:
    """Who was counted: studies, patients, and how many of them are not the target population."""
    studies = store.load("table1_studies").set_index("study")
    sizes = cells.drop_duplicates("study").set_index("study")["n"]
    mixed = studies.index[studies["regimen"] != "monotherapy"]
    checked = store.load("cross_checks").set_index(["study", "quantity"])
    surveys = sizes.index[studies.loc[sizes.index, "design"] == "post-marketing survey"]
    return {
        "studies": len(sizes),
        "patients": sizes.sum(),
        "all_enrolled": (sizes == studies.loc[sizes.index, "enrolled"]).sum(),
        "mixed": len(mixed),
        "mixed_patients": sizes[mixed].sum(),
        "combined": checked.loc[("CLOFAL06790", "patients on combination"), "printed"],
        "combined_of": sizes["CLOFAL06790"],
        "target": studies["target"].sum(),
        "surveys": _listed(list(surveys)),
        "survey_patients": sizes[surveys].sum(),
    }


def gaps(cells: pd.DataFrame) -> Facts:
    """How much of Table 4 is not reported, and which event most studies report."""
    fourth = cells[cells["table"] == 4]
    reported = (fourth["kind"] != "missing").groupby(fourth["event"], sort=False).sum()
    studies = fourth["study"].nunique()
    return {
        "cells": len(fourth),
        "empty": (fourth["kind"] == "missing").sum(),
        "studies": studies,
        "events": len(reported),
        "most": reported.idxmax(),
        "most_studies": reported.max(),
        "by_half": (reported > studies / 2).sum(),
    }


def precision(cells: pd.DataFrame, limits: pd.DataFrame) -> Facts:
    """How wide the intervals of the single cells are, in percentage points."""
    width = limits["exact_upper"] - limits["exact_lower"]
    wider = width - (limits["wilson_upper"] - limits["wilson_lower"])
    smallest = cells.loc[cells["n"].idxmin()]
    fourth = limits[limits["table"] == 4]
    top = limits.loc[fourth.groupby("event")["rate"].idxmax(), "study"]
    return {
        "cells": len(limits),
        "wider": (wider > 0).sum(),
        "wider_by": wider.max(),
        "width": width.median(),
        "smallest": smallest["study"],
        "smallest_n": smallest["n"],
        "smallest_width": width[limits["study"] == smallest["study"]].median(),
        "largest_rates": (top == smallest["study"]).sum(),
        "events": len(top),
    }


def first_model(pooled: pd.DataFrame) -> pd.DataFrame:
    """The rates on the transformed scale, one row an event, a bound taken over all its counts."""
    return pooled[(pooled["model"] != "GLMM") & (pooled["bound"] != "left out")]


def second_model(pooled: pd.DataFrame) -> pd.DataFrame:
    """The rates by the GLMM, one row an event, a bound taken over all its counts."""
    return pooled[(pooled["model"] == "GLMM") & (pooled["bound"] != "left out")]


def _span(lower: float, upper: float) -> str:
    return f"{lower:.0f}% to {upper:.0f}%"


def foretold(rate: pd.Series) -> str:
    """The prediction interval of a row of `safety.pooled` in words, or why there is none."""
    if pd.notna(rate["prediction_lower"]):
        return _span(rate["prediction_lower"], rate["prediction_upper"])
    return "none, as there are too few studies" if rate["k"] < 3 else "none under this model"


def rates(pooled: pd.DataFrame) -> Facts:
    """Pooled rates: that of the event most studies report, and how far all of them spread.

    The event is a grade 3-4 event where one is pooled, and one of Table 3 otherwise.
    """
    every, other = (f(pooled).set_index("event") for f in (first_model, second_model))
    severe = every[every["table"] == 4]
    name = (severe if len(severe) else every)["k"].idxmax()
    most, glmm = every.loc[name], other.loc[name]
    predicted = severe.dropna(subset="prediction_lower")
    wide = (predicted["prediction_lower"] < RARE) & (predicted["prediction_upper"] > COMMON)
    apart = (other["estimate_min"] - every["estimate_min"]).abs()
    furthest = apart.idxmax()
    return {
        "most": name,
        "k": most["k"],
        "estimate": f"{most['estimate_min']:.0f}%"
        if most["bound"] == "none"
        else _span(most["estimate_min"], most["estimate_max"]),
        "lower": most["lower"],
        "upper": most["upper"],
        "i2": most["i2_max"],
        "prediction": foretold(most),
        "glmm_prediction": foretold(glmm),
        "events": len(every),
        "severe": len(severe),
        "predicted": len(predicted),
        "wide": wide.sum(),
        "heterogeneous": (severe["i2_min"] > HIGH).sum(),
        "apart": apart.max(),
        "apart_event": furthest,
        "apart_first": every.loc[furthest, "estimate_min"],
        "apart_second": other.loc[furthest, "estimate_min"],
        **{"rare": RARE, "common": COMMON, "high": HIGH},
    }


def bound(cells: pd.DataFrame, every_count: pd.DataFrame) -> Facts:
    """The cell that prints a bound, and what the pooled rate is over the counts it allows.

    Parameters
    ----------
    cells, every_count : DataFrame
        As `safety.cells` and `safety.pooled` with min_studies = 1 give them.
    """
    cell = cells[cells["kind"] == "bound"].iloc[0]
    variants = every_count[
        (every_count["event"] == cell["event"]) & (every_count["model"] != "GLMM")
    ].set_index("bound")
    over, left = variants.loc["all its counts"], variants.loc["left out"]
    return {
        **cell[["study", "event", "x_min", "x_max", "n"]],
        "low": over["estimate_min"],
        "high": over["estimate_max"],
        "without": left["estimate_min"],
        "open": over["estimate_max"] - over["estimate_min"],
        "ci_width": over["upper"] - over["lower"],
    }


def designs(compared: pd.DataFrame) -> Facts:
    """How many comparisons of two kinds of study there are, on how few studies, and what p says."""
    done = compared.dropna(subset="p")
    clear = done[done["p_holm"] < LEVEL]
    smallest = done.loc[done["p"].idxmin()]
    return {
        "questions": compared["by"].nunique(),
        "possible": len(compared),
        "comparisons": len(done),
        "fewest": done[["k_first", "k_second"]].min(axis=None),
        "most": done[["k_first", "k_second"]].max(axis=None),
        "unadjusted": (done["p"] < LEVEL).sum(),
        "adjusted": len(clear),
        "adjusted_events": _listed(list(dict.fromkeys(clear["event"])), "no event"),
        "level": LEVEL,
        "smallest": smallest["event"],
        **{f"smallest_{c}": smallest[c] for c in ("p", "p_holm", "first", "second", "t", "df")},
        **{f"smallest_{c}_kind": smallest[f"{c}_kind"] for c in ("first", "second")},
    }


def reports(cells: pd.DataFrame) -> Facts:
    """Cells of the tables beside what the studies' own reports give for them."""
    checked = store.load("cross_checks").set_index(["study", "quantity"])["printed"]
    found: Facts = {"biov_evaluable": checked["BIOV-111", "patients evaluable"]}
    for name, study, event in (
        ("survey", "CLOFAL06952", "Any TEAE"),
        ("lu", "Lu 2016", "ALAT increase"),
        ("biov", "BIOV-111", "Febrile neutropenia"),
    ):
        cell = cells[(cells["study"] == study) & (cells["event"] == event)].iloc[0]
        found |= {f"{name}_x": cell["x"], f"{name}_n": cell["n"]}
        found |= {f"{name}_rate": 100 * cell["x"] / cell["n"]}
        found |= {f"{name}_own": checked[study, event]}
    return found


def text(checks: pd.DataFrame) -> Facts:
    """How many ends of the ranges Table 4 gives, and the two counts of studies as read."""
    ranges = checks[checks["claim"].str.startswith("saf-1-3-")]
    found: Facts = {"ends": len(ranges), "ends_agree": (ranges["agrees"] == "True").sum()}
    for name, claim in _TEXT.items():
        read = checks[checks["claim"] == claim]
        found[f"{name}_printed"] = read["printed"].iloc[0]
        found[f"{name}_wide"], found[f"{name}_narrow"] = read["recomputed"]
    return found


def frequency(ranks: pd.DataFrame) -> Facts:
    """How well criteria of frequency, and the alphabet, give the printed orders."""
    fit = agreement(ranks).set_index("criterion")
    of_frequency = fit.drop("alphabet")
    best = of_frequency["kendall_text"].idxmax()
    named = ranks["abstract"].notna().sum()
    by = ranks.set_index("event")[of_frequency.index]
    firsts = (by == 1).sum(axis=1)
    return {
        "criteria": len(of_frequency),
        "exact": (of_frequency["kendall_text"] > 1 - 1e-9).sum(),
        "best": best,
        "best_kendall": fit.loc[best, "kendall_text"],
        "alphabet_kendall": fit.loc["alphabet", "kendall_text"],
        "named": named,
        "top_by": _listed(list(fit.index[fit["top_abstract"] == named]), "no criterion"),
        "events": len(ranks),
        "diarrhea_pooled": by.loc["Diarrhea", "pooled rate"],
        "diarrhea_together": by.loc["Diarrhea", "all patients together"],
        "top": firsts.idxmax(),
        "top_first": firsts.max(),
    }
