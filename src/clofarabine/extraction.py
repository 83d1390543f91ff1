"""Notebook 01: what the paper prints, as tables, figures and named facts."""

import pandas as pd

from metaprop.plots.style import Picture

from . import figures
from .audit import rules_tables
from .audit.ledger import Paper

FEW = 5  # patients; a study that brings fewer is called small
OVERLAPPING = "Other characteristics"  # the one block of Table 2 whose levels overlap
UNPRINTED = "in no printed row"

STUDY_HEADINGS = {
    "rr_all": "R/R ALL",
    "other_all": "other leukaemia",
    "target_paediatric": "target, paediatric",
    "target_adult": "target, adult",
}
CHECK_HEADINGS = {"claim": "where", "rule": "recomputed from"}
STUDY_CAPTION = "Table 1: the studies, and their patients (R/R: relapsed or refractory)"
DESIGN_CAPTION = "Patients by design of the study"
PATIENT_CAPTION = "Table 2: patients with each characteristic, as printed"
EVENT_CAPTION = "Table {k}: patients with the event, as printed; – is not reported, and not zero"
POOLED_CAPTION = "The pooled results as printed, with their 95% confidence intervals"
FLOW_CAPTION = "The steps of the selection, recomputed"
CHECKS_CAPTION = "Numbers of the flow and of Tables 1–4, recomputed from other printed numbers"

_WORDS = {
    "CR": "complete remission",
    "OR": "overall remission",
    "PAS": "arcsine (PAS)",
    "PFT": "Freeman-Tukey double arcsine (PFT)",
}


def selection_figure(paper: Paper) -> Picture:
    """Figure 1 of the paper, redrawn from the counts in its text, and saved."""
    steps = paper.tables["selection"]
    text = steps["printed"] + " " + steps["unit"] + "\n" + steps["step"]
    remaining = text[steps["kind"].eq("remaining") & steps["unit"].ne("patients")].tolist()
    remaining[-1] += f", {steps['printed'].iloc[-1]} patients"
    excluded = ["excluded: " + t for t in text[steps["kind"].eq("excluded")]]
    return figures.show(
        figures.selection_flow(remaining, excluded),
        "figure1_selection",
        "Figure 1 of the paper, redrawn: selection of studies. Left: what remained after each "
        "step. Right: what was excluded. Counts of records, studies and patients from the Results "
        "text.",
    )


def characteristics(paper: Paper) -> pd.DataFrame:
    """Table 2 with what its blocks leave out: characteristic, level, n, total, percent, unknown.

    Where the levels of a block exclude each other and add up to less than its total, the rest is a
    row of its own. percent is of the total; unknown is True where a level is not a characteristic.
    """
    parts = []
    for block, part in paper.tables["table2_characteristics"].groupby("characteristic", sort=False):
        unknown = part["level"].str.contains("unknown|missing", case=False)
        part = part[["characteristic", "level", "n", "total"]].assign(unknown=unknown)
        total = int(part["total"].mode()[0])  # one total of Table 2 is a misprint
        rest = 0 if block == OVERLAPPING else total - int(part["n"].sum())
        if rest:
            part.loc[part.index[-1] + 0.5] = [block, UNPRINTED, rest, total, True]
        parts.append(part)
    out = pd.concat(parts, ignore_index=True)
    return out.assign(percent=(100 * out["n"] / out["total"]).astype(float))


def characteristics_figure(paper: Paper) -> Picture:
    """Table 2 of the paper as a picture, its percentages recomputed, and saved."""
    return figures.show(
        figures.characteristics(characteristics(paper)),
        "table2_characteristics",
        "Table 2 of the paper as a picture: patients with each characteristic, in percent of the "
        "block's total (n / total beside each bar), recomputed from the counts. A total counts the "
        "patients of the studies that report the block, unknown included (grey, hatched); "
        f"“{UNPRINTED}” is what the printed rows leave of the total. The levels of "
        f"“{OVERLAPPING}” overlap.",
    )


def flow(paper: Paper) -> pd.DataFrame:
    """The checks of the selection; columns as in `checks`."""
    return rules_tables.frame(rules_tables.selection(paper))


def checks(paper: Paper) -> pd.DataFrame:
    """Every sum, difference and percentage of the flow and of Tables 1-4: one row a check.

    Columns: claim (id of the printed number), rule, printed, recomputed, agrees.
    """
    return rules_tables.all_tables(paper)


def located(paper: Paper, found: pd.DataFrame) -> pd.DataFrame:
    """The checks with the place in the paper instead of the id of the claim."""
    return found.assign(claim=[_place(paper, c) for c in found["claim"]])


def _place(paper: Paper, claim: str) -> str:
    row = paper.rows[claim]
    return f"{row['section']}, {row['locator']}"


def studies(paper: Paper) -> pd.DataFrame:
    """Table 1: the studies, and the patients that each brings."""
    columns = ["study", "reference", "sponsorship", "design", "regimen", "enrolled"]
    return paper.tables["table1_studies"][[*columns, *STUDY_HEADINGS]]


def by_design(paper: Paper) -> pd.DataFrame:
    """Studies and patients by design of the study."""
    table = paper.tables["table1_studies"]
    columns = ["enrolled", "target_paediatric", "target_adult"]
    out = table.groupby("design")[columns].sum()
    out.insert(0, "studies", table["design"].value_counts())
    return out


def events(paper: Paper, k: int) -> pd.DataFrame:
    """Table 3 or 4 as it is printed: studies down, events across, missing where not reported."""
    cells = paper.tables[f"table{k}_events"]
    wide = cells.pivot(index="study", columns="event", values="printed")
    wide = wide[list(dict.fromkeys(cells["event"]))].rename_axis(columns=None)
    n = paper.tables[f"table{k}_studies"].set_index("study")["n"]
    wide.insert(0, "N", n)
    return wide.loc[n.index]


def pooled(paper: Paper) -> pd.DataFrame:
    """The pooled results as printed, in percent, codes in words."""
    columns = ["endpoint", "population", "transformation", "estimate", "lower", "upper"]
    table = paper.tables["pooled_results"][columns]
    table = table.replace({"endpoint": _WORDS, "transformation": _WORDS})
    limits = {"estimate": "estimate (%)", "lower": "lower limit (%)", "upper": "upper limit (%)"}
    return table.rename(columns=limits)


def facts(paper: Paper, found: pd.DataFrame) -> dict[str, object]:
    """What the notebook's sentences state, by name.

    Parameters
    ----------
    paper : Paper
    found : DataFrame
        The checks of `checks`.
    """
    wrong = found[~found["agrees"]]
    steps = flow(paper)
    places = [_place(paper, c) for c in wrong["claim"].drop_duplicates()]
    return {
        "numbers": int(paper.claims["value"].notna().sum()),
        "checks": len(found),
        "agree": len(found) - len(wrong),
        "wrong": len(wrong),
        "wrong_numbers": len(places),
        "places": "; ".join(places) or "none",
        "steps": len(steps),
        "steps_agree": int(steps["agrees"].sum()),
        **_study_facts(paper),
        **_patient_facts(paper),
        **_event_facts(paper),
        **_pooled_facts(paper),
    }


def _study_facts(paper: Paper) -> dict[str, object]:
    table = paper.tables["table1_studies"]
    patients = table["target_paediatric"]
    largest = table.loc[patients.idxmax()]
    return {
        "studies": len(table),
        "enrolled": int(table["enrolled"].sum()),
        "paediatric": int(patients.sum()),
        "largest": largest["study"],
        "largest_n": int(largest["target_paediatric"]),
        "share": float(largest["target_paediatric"] / patients.sum()),
        "small": int((patients < FEW).sum()),
        "few": FEW,
    }


def _patient_facts(paper: Paper) -> dict[str, object]:
    """The block of Table 2 that is known of the fewest patients."""
    table = characteristics(paper)
    blocks = table.groupby("characteristic", sort=False)
    total = blocks["total"].agg(lambda t: t.mode()[0])
    unknown = table["n"].where(table["unknown"], 0).groupby(table["characteristic"]).sum()
    known = (total - unknown)[total.index]
    least = known.idxmin()
    return {
        "least_known": least,
        "least_known_n": int(known[least]),
        "least_unknown_n": int(unknown[least]),
        "least_total": int(total[least]),
    }


def _event_facts(paper: Paper) -> dict[str, object]:
    tables = {k: paper.tables[f"table{k}_events"]["printed"] for k in (3, 4)}
    return {
        "cells": sum(len(t) for t in tables.values()),
        "not_reported": sum(int(t.isna().sum()) for t in tables.values()),
        "not_reported_share": float(pd.concat(tables).isna().mean()),
    }


def _pooled_facts(paper: Paper) -> dict[str, object]:
    """Smallest and largest estimate of each endpoint, over populations and transformations."""
    table = paper.tables["pooled_results"].groupby("endpoint")["estimate"]
    ends = {f"{e.lower()}_low": float(v) for e, v in table.min().items()}
    return ends | {f"{e.lower()}_high": float(v) for e, v in table.max().items()}
