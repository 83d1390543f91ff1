"""What the start page says: the answer in plain words, each number from a derived table."""

from functools import cache
from typing import Any

import pandas as pd
from IPython.display import Markdown

from . import documented, studies, text
from .audit import verdicts
from .parameters import WORDS
from .tables import store


@cache
def facts() -> dict[str, Any]:
    """Numbers and phrases of the start page by name.

    Rates in percent: ours from documented counts (``CR_estimate`` ...), the paper's
    (``CR_printed_estimate`` ...), and the extremes over all other methods (``CR_least``,
    ``CR_most``); ``claims`` and the other numbers of `audit.verdicts.counted`, and the ``first``,
    weightiest discrepant one; ``counts``, what is known of the unpublished counts; ``verdict``, the
    answer in words.
    """
    out: dict[str, Any] = {}
    results = store.load("primary_results").query("counts == 'documented'")
    paper = store.load("pooled_results").query("transformation == 'PAS'")
    other = store.load("sensitivity").query(
        "counts == 'documented' and population == 'paediatric' and rows == 'all rows'"
    )
    other = other.dropna(subset="estimate_min")
    for endpoint in studies.ENDPOINTS:
        own = results[results["endpoint"] == endpoint]
        values = own.set_index("quantity")["value"]
        out |= {f"{endpoint}_{q}": v for q, v in values.items()}
        row = paper.query("endpoint == @endpoint and population == 'paediatric'").iloc[0]
        out |= {f"{endpoint}_printed_{q}": row[q] for q in ("estimate", "lower", "upper")}
        methods = other[other["endpoint"] == endpoint]
        out[f"{endpoint}_least"] = methods["estimate_min"].min()
        out[f"{endpoint}_most"] = methods["estimate_max"].max()
        known = studies.load(endpoint)
        out[f"{endpoint}_known"] = int((known["kind"] == "documented").sum())
    out["sources"] = studies.sources()
    out["methods"] = len(methods)
    out["rows"], out["patients"] = len(known), int(known["n"].sum())
    audited = store.load("claims_verdicts").merge(store.load("claims"), on="id").set_index("id")
    out |= verdicts.counted(audited) | {"first": _first(audited)} | documented.facts()
    return out | {"counts": _counts(), "inside": _named(_inside(out)), "verdict": _verdict(out)}


def say(template: str) -> Markdown:
    """The sentence with the start page's facts."""
    return text.say(template, facts())


def _inside(found: dict[str, Any]) -> list[str]:
    """Endpoints, in words, whose printed rate lies in the interval from documented counts."""
    ends = ("{}_lower", "{}_printed_estimate", "{}_upper")
    values = {e: [found[end.format(e)] for end in ends] for e in studies.ENDPOINTS}
    return [WORDS["endpoint"][e] for e, v in values.items() if v == sorted(v)]


def _named(inside: list[str]) -> str:
    return f"for {' and for '.join(inside)}" if inside else "for neither"


def _verdict(found: dict[str, Any]) -> str:
    """The answer: whether documented counts speak against the paper, and how many numbers do."""
    inside, rows = _inside(found), found["rows"]
    said = (
        "Neither pooled rate of the paper lies",
        f"Of the paper's pooled rates only that for {''.join(inside)} lies",
        "Both pooled rates of the paper lie",
    )[len(inside)]
    known = [found[f"{e}_known"] for e in studies.ENDPOINTS]
    few = min(known) < rows
    return (
        f"{said} in the 95% interval of the counts that {found['sources']} document"
        + f"; only {known[0]} of {rows} studies have such a count of complete, and "
        f"{known[1]} of overall remissions"
        * few
        + ", so this is no confirmation" * (few and bool(inside))
        + f". Of the {found['claims']} numbers and labels in the paper, {found['discrepant']} do "
        f"not hold together with what they were checked against; the weightiest: {found['first']}."
    )


def _counts() -> str:
    """What is known of the counts that no report gives."""
    bounds = store.load("bounds").query("method == 'any'")
    if bounds.empty:
        return "No set of counts agrees with the reports and the paper's results at once."
    sets = bounds.groupby("endpoint", sort=False)["vectors"].first()
    if all(studies.all_known(e) for e in studies.ENDPOINTS):
        said = "Every count is documented; by a method tried the paper's pooled results come out."
    else:
        said = (
            f"If every documented count is exact and one of the methods tried gave all results, "
            f"{sets['CR']} sets of counts are possible for complete and {sets['OR']} for overall "
            "remission. With any of them the paper's pooled results come out, because they were "
            "chosen so: that confirms nothing."
        )
    upper = bounds.query("quantity == 'pi_upper' and population == 'paediatric'")
    most = upper.set_index("endpoint")["max"]
    return (
        f"{said} Over them the upper 95% prediction limit of a new study's rate in children "
        f"is at most {most['CR']:.0f}% (complete) and {most['OR']:.0f}% (overall)."
    )


def _first(audited: pd.DataFrame) -> str:
    """The weightiest finding among what is discrepant, in words."""
    wrong = audited[audited["verdict"] == "discrepant"]
    for claims in store.load("findings").sort_values("order")["claims"]:
        own = wrong[wrong.index.isin(claims.split("; "))]
        if len(own):
            return "{quantity}, printed {printed}, recomputed {recomputed}".format(**own.iloc[0])
    return "none"
