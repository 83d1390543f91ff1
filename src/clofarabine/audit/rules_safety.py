"""The Safety paragraph and the abstract, held against Tables 3 and 4."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from scipy.stats import kendalltau

from ..tables import store
from .checks import Check, compare
from .ledger import Paper
from .rule_table import Applied, Named


def _named(paper: Paper, cells: pd.DataFrame) -> Named:
    """The tables that rules may name, with these cells in place of Tables 3 and 4."""
    named = Named(paper)
    known = cells[cells["kind"] != "missing"].rename(columns={"n": "N"})
    known["n"] = known["x"].fillna(known["x_min"] - 1)  # "> 30" is printed as 30
    known["rate"] = 100 * known["x"] / known["N"]
    for k in (3, 4):
        named[f"table{k}"] = known[known["table"] == k]
    return named


def text_checks(table: pd.DataFrame) -> Iterator[Check]:
    """The numbers of the Safety paragraph, each under the readings that its words allow.

    The rules are those of audit_rules.csv; the verdict of a claim is that of `verdicts`, and the
    readings say under which of them it holds.

    Parameters
    ----------
    table : DataFrame
        As `safety.cells` gives it.
    """
    paper = Paper.load()
    applied = Applied(paper, _named(paper, table))
    for _, check in applied.checks("readings"):
        yield check
    ranges = {}
    for rule in applied.rules:
        if rule.quantity.startswith("grade 3-4 range"):
            end = "smallest" if rule.quantity.endswith("minimum") else "largest"
            for event in applied.populations(rule):
                for id in applied.claims(rule, event):
                    ranges[id] = (rule, event, f"{end} {event} rate of ")
    for id in paper.prose.index.intersection(ranges, sort=False):
        rule, event, words = ranges[id]
        says, value, _, _ = applied.result(rule, event)
        check = compare(paper, id, words + says, value)
        yield replace(check, recomputed=f"{value:.2f}")


def orderings(table: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """Ranks of the grade 3-4 events by every criterion that "most frequent" could mean.

    Parameters
    ----------
    table : DataFrame
        As `safety.cells` gives it.
    rates : DataFrame
        As `safety.pooled` gives it.

    Returns
    -------
    DataFrame, one row per event in the order of the Safety paragraph
        event, text and abstract (printed rank; missing where not named), then the ranks by pooled
        rate, largest rate, smallest rate, rate over all patients together, studies reporting (1 =
        most frequent, ties share their mean) and alphabet.
    """
    fourth = table[(table["table"] == 4) & (table["kind"] == "count")]
    first = rates[(rates["table"] == 4) & (rates["model"] != "GLMM")]
    by = fourth.assign(rate=fourth["x"].astype(float) / fourth["n"]).groupby("event")
    values = pd.DataFrame(
        {
            "pooled rate": first.set_index("event")["estimate_min"],
            "largest rate": by["rate"].max(),
            "smallest rate": by["rate"].min(),
            "all patients together": by["x"].sum().astype(float) / by["n"].sum(),
            "studies reporting": by.size(),
        }
    )
    ranks = values.astype(float).rank(ascending=False)
    ranks["alphabet"] = ranks.index.to_series().str.lower().rank()
    orders = store.load("event_orders").pivot(index="event", columns="section", values="rank")
    ranks.insert(0, "text", orders["Safety"])
    ranks.insert(1, "abstract", orders["Abstract"])
    return ranks.sort_values("text").rename_axis("event").reset_index()


def agreement(ranks: pd.DataFrame) -> pd.DataFrame:
    """How far each criterion of `orderings` gives the printed orders.

    Returns
    -------
    DataFrame
        criterion, kendall_text (Kendall's tau-b with the order of the Safety paragraph) and
        top_abstract (how many of the events the abstract names are the first by the criterion;
        out of as many as it names).
    """
    named = ranks["abstract"].notna()
    rows = []
    for criterion in ranks.columns[3:]:
        rank = ranks[criterion].astype(float)
        tau = kendalltau(ranks["text"].astype(float), rank).statistic
        first = rank.nsmallest(int(named.sum()), keep="all").index
        rows.append((criterion, float(tau), int(named[first].sum())))
    return pd.DataFrame(rows, columns=["criterion", "kendall_text", "top_abstract"])
