"""Risk of bias of the studies: the table of data/sources/risk_of_bias.csv, for people to read."""

import pandas as pd

from .tables import store

ALL = "all"
# Marks of the forest plot: what is asked of each study, and what an answer looks like.
LETTERS = {
    "comparison group": "G",
    "prospective": "P",
    "all evaluated": "E",
    "remissions reported": "R",
}
SIGNS = {"yes": "+", "in part": "±", "no": "−", "not assessed": "?"}
MARKS_NOTE = ", ".join(f"{letter} {question}" for question, letter in LETTERS.items())
MARKS_NOTE += f" ({', '.join(f'{sign} {answer}' for answer, sign in SIGNS.items())})"
MARKS_CAPTION = (
    "Right, by what published text says: is there a comparison group (G), was the study "
    "prospective (P), was everyone evaluated who was enrolled or registered (E), are remissions "
    "reported (R): + yes, ± in part, − no, ? not assessed."
)
CAPTION = (
    "Risk of bias: what published text answers (whether remissions are reported is a question of "
    "the JBI checklist, the others are asked besides; all evaluated: everyone who was enrolled or "
    "registered)"
)


def studies() -> pd.DataFrame:
    """Answers by study, one column a question that any study has an answer to."""
    frame = store.load("risk_of_bias").query("study != @ALL")
    wide = frame.pivot(index="study", columns="question", values="answer")
    order = frame["study"].drop_duplicates()
    return wide.reindex(index=order, columns=list(LETTERS)).rename_axis(None, axis="columns")


def grounds() -> pd.DataFrame:
    """What every answer on a study rests on, for those that were given, with source and locator."""
    frame = store.load("risk_of_bias").query("study != @ALL and answer != 'not assessed'")
    return frame.replace({"source": store.cited()}).reset_index(drop=True)


def whole() -> pd.DataFrame:
    """Questions asked of all studies together, and the domains of the certainty of the evidence."""
    frame = store.load("risk_of_bias").query("study == @ALL")
    frame = frame.replace({"source": store.cited()})
    return frame.drop(columns=["study"]).reset_index(drop=True)


def facts() -> dict[str, int]:
    """Numbers of the sentence: cells by answer, studies without a comparison group."""
    wide, together = studies(), whole()
    asked = ~together["question"].str.contains("GRADE")
    return {
        "studies": len(wide), "cells": int(wide.size),
        "given": int(wide.ne("not assessed").to_numpy().sum()),
        "uncontrolled": int(wide["comparison group"].eq("no").sum()),
        "retrospective": int(wide["prospective"].eq("no").sum()),
        "incomplete": int(wide["all evaluated"].eq("no").sum()),
        "questions": int(together.loc[asked, "answer"].eq("not assessed").sum()),
    }  # fmt: skip


def marks(names: pd.Series) -> dict[str, list[str]]:
    """Signs for a forest plot by letter, for the studies in this order."""
    wide = studies().reindex(names)
    return {
        letter: [SIGNS.get(a, "?") for a in wide[question]] for question, letter in LETTERS.items()
    }
