"""The Safety paragraph and the abstract, held against Tables 3 and 4."""

from collections.abc import Iterator

import pandas as pd
from scipy.stats import kendalltau

from ..tables import store
from ..tables.printed import read
from .rules_tables import Check


def text_checks(table: pd.DataFrame) -> Iterator[Check]:
    """The numbers of the Safety paragraph, each under the readings that its words allow."""
    prose = store.load("prose").set_index("id")
    known = table[table["kind"] != "missing"]
    third = known[known["table"] == 3]
    readings = {
        "saf-1-1-1": {"studies with any cell in Table 3": third["study"].nunique()},
        "saf-1-2-1": {
            "studies with a cell under Serious TEAE": (third["event"] == "Serious TEAE").sum(),
            "the same, above zero": (
                third["event"].eq("Serious TEAE") & third["x_min"].gt(0)
            ).sum(),
        },
        "saf-1-2-2": {
            f"studies with a cell under {e}": (third["event"] == e).sum()
            for e in ("Any TEAE", "Related TEAE")
        },
    }
    for claim, rules in readings.items():
        printed = prose.loc[claim, "printed"]
        for rule, value in rules.items():
            agrees = read(printed).value == value
            yield Check(claim, rule, printed, str(int(value)), bool(agrees))
    rates = 100 * known["x"] / known["n"]
    for claim, r in prose[prose["quantity"].str.startswith("grade 3-4 range")].iterrows():
        low = r["quantity"].endswith("minimum")
        part = rates[(known["table"] == 4) & (known["event"] == r["population"])]
        at = part.idxmin() if low else part.idxmax()
        cell = known.loc[at]
        rule = f"{'smallest' if low else 'largest'} {r['population']} rate of Table 4, "
        rule += f"{cell['study']}: {cell['x']} of {cell['n']}"
        agrees = read(r["printed"]).agrees(float(part[at]))
        yield Check(claim, rule, r["printed"], f"{part[at]:.2f}", bool(agrees))


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
