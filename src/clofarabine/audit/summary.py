"""What notebook 07 shows of the audit: tables for people and the numbers of its sentences."""

from typing import Any

import pandas as pd

from .. import tables
from .checks import RULES
from .ledger import Paper
from .verdicts import VERDICTS, Finding, counted


def judged(paper: Paper, verdicts: pd.DataFrame) -> pd.DataFrame:
    """The ledger with its verdicts, in the order of the paper; where: section and place in it."""
    ledger = paper.claims.reset_index().merge(verdicts, on="id", validate="one_to_one")
    return ledger.assign(where=ledger["section"] + ", " + ledger["locator"])


def facts(ledger: pd.DataFrame) -> dict[str, Any]:
    """The numbers of the sentences that open and close the notebook, by name.

    Those of `verdicts.counted`; findings; `conclusions`: the findings that touch what the paper
    concludes; and the phrases of `_pooled`, which depend on what is known of the counts.
    """
    numbers = counted(ledger)
    wrong = discrepancies(ledger)
    first = wrong.index[wrong["weight"] == "what the paper concludes"].unique()
    cells = ledger[ledger["section"].str.startswith("Table")]["verdict"]
    first_table = ledger["section"].eq("Table 1") & ledger["verdict"].eq("discrepant")
    with_reports = ledger["check"].map(lambda name: RULES[name].subject).eq("reports")
    against = first_table & with_reports
    facts_alone = ledger["check"].ne("labels")  # which report a reference means is no fact from it
    reports = with_reports & facts_alone & ledger["verdict"].eq("reproduced")
    return {
        **numbers,
        "findings": wrong.index.nunique(),
        "unexplained": int((wrong.index == "").sum()),
        "conclusions": len(first),
        "named": "; ".join(f"*{name}*" for name in first) or "none",
        **_pooled(ledger, numbers["built"]),
        "tables_all": len(cells),
        "tables_sound": int(cells.isin(["reproduced", "consistent"]).sum()),
        "tables_discrepant": int((cells == "discrepant").sum()),
        "tables_unchecked": int(cells.isin(["transcribed", "not reproducible"]).sum()),
        "from_reports": int(reports.sum()),
        "against_reports": int(against.sum()),
    }


def _states(ledger: pd.DataFrame) -> pd.Series:
    """What each claim states, and of whom."""
    both = zip(ledger["quantity"], ledger["population"], strict=True)
    return pd.Series(list(both), index=ledger.index)


def _pooled(ledger: pd.DataFrame, built: int) -> dict[str, str]:
    """What is said of the pooled numbers and their repetitions: by construction, or from counts.

    by_construction, rests, rates, searching : phrases; empty where there is nothing of the kind.
    """
    states = _states(ledger)
    mine = states.isin(set(states[ledger["id"].str.startswith("pooled/")]))
    mine &= ledger["check"].isin(["pooled", "repetitions", "limits"])
    n = ledger.loc[mine, "verdict"].value_counts()
    given, wrong = (int(n.get(v, 0)) for v in ("reproduced", "discrepant"))
    rests = [
        (built, f"**{built}** pooled numbers and their repetitions agree by construction. They are "
                "no evidence for the paper; they say that counts exist which give all of them."),
        (given, f"**{given}** pooled numbers and their repetitions are reproduced: pooled from the "
                "counts that the evidence gives for every row."),
        (wrong, f"**{wrong}** pooled numbers and their repetitions cannot hold together with the "
                "counts that the evidence gives."),
    ]  # fmt: skip
    rates = [
        (built, "The pooled rates are what some set of counts gives, but which counts is not "
                "published."),
        (given, "Pooled rates that are reproduced follow from the given counts."),
        (wrong, "Pooled rates that are discrepant do not follow from the given counts."),
    ]  # fmt: skip
    searched = int(
        (ledger["verdict"].eq("discrepant") & ledger["check"].eq("unused_results")).sum()
    )
    searching = f"Measured against counts that are searched for, not printed: {searched} of the "
    searching += "discrepant numbers; such a finding falls with the documented counts or the "
    searching += "methods of notebook 02."
    return {
        "by_construction": f" ({built} of them by construction)" if built else "",
        "rests": " ".join(text for k, text in rests if k),
        "rates": " ".join(text for k, text in rates if k),
        "searching": searching if searched and built else "",
    }


def by_section(ledger: pd.DataFrame) -> pd.DataFrame:
    """Claims of each section, by verdict."""
    counts = pd.crosstab(ledger["section"], ledger["verdict"])
    counts = counts.loc[ledger["section"].unique(), [v for v in VERDICTS if v in counts]]
    return counts.assign(all=counts.sum(axis=1)).rename_axis(index="section", columns=None)


def discrepancies(ledger: pd.DataFrame) -> pd.DataFrame:
    """Discrepant claims by finding, the weightiest first, each with the reason why it matters.

    Returns
    -------
    DataFrame, indexed by finding ("" where findings.csv does not speak of the claim)
        weight, where, printed, recomputed, compared with, why it matters.
    """
    told = tables.load("findings").sort_values("order")
    told = told.assign(id=told["claims"].str.split("; ")).explode("id").set_index("id")
    own = ledger["id"].where(~ledger["id"].str.startswith("pooled/"), "pooled/*")
    found = ledger.assign(state=_states(ledger)).merge(
        told[["order", "finding", "weight", "why"]], left_on=own, right_index=True, how="left"
    )
    # A repetition belongs to the finding of what it repeats.
    first = found.dropna(subset="finding").drop_duplicates("state").set_index("state")
    repeats = found["finding"].isna() & found["check"].eq("repetitions")
    for column in ("order", "finding", "weight", "why"):
        of_original = found["state"].map(first[column])
        found[column] = found[column].where(~repeats, of_original)
    wrong = found[found["verdict"] == "discrepant"].sort_values("order", kind="stable")
    wrong = wrong.fillna({"finding": "", "weight": "", "why": ""})
    names = {"evidence": "compared with", "why": "why it matters"}
    columns = ["weight", "where", "printed", "recomputed", *names.values()]
    return wrong.rename(columns=names).set_index("finding")[columns]


def once(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table with what stands in the line above left out of the named columns."""
    out = frame.reset_index()
    same = pd.Series(True, out.index)
    for column in columns:
        same &= frame.reset_index()[column].pipe(lambda c: c.eq(c.shift()).fillna(False))
        out[column] = out[column].mask(same, "")
    return out


def with_caveat(ledger: pd.DataFrame) -> pd.DataFrame:
    """Claims that agree, and what a reader should know about them all the same."""
    notes = ledger[ledger["caveat"].notna() & (ledger["verdict"] != "discrepant")]
    return notes.set_index("where")[["printed", "verdict", "caveat"]]


def limits_of_medians(ledger: pd.DataFrame) -> dict[str, Any]:
    """Limits of medians that look like ranges: how many, and whether ranges they can be.

    limits : how many; printed : how often they stand there. everyone, responders : the largest
    survival of all patients and of the responders, who are among them. place : where the second
    lies ("beyond" or "within").
    """
    caveats = ledger["check"].eq("medians") & ledger["caveat"].notna()
    results = ledger[caveats & ledger["section"].eq("Efficacy")].set_index("quantity")["value"]
    ends = {
        "everyone": "median OS, upper limit",
        "responders": "median OS of responders, upper limit",
    }
    found = {name: float(results.get(quantity, float("nan"))) for name, quantity in ends.items()}
    place = "beyond" if found["responders"] > found["everyone"] else "within"
    limits = ledger.loc[caveats, ["quantity", "population", "printed"]].drop_duplicates()
    return {"limits": len(limits), "printed": int(caveats.sum()), "place": place, **found}


def by_rule(found: list[Finding], subject: str) -> pd.DataFrame:
    """The rules on one subject: what each compares, by which tests, and how many disagree."""
    rows, table = {}, tables.load("audit_rules")
    for name, rule in RULES.items():
        if rule.subject == subject:
            mine = [f.check for f in found if f.rule == name]
            question = (rule.checks.__doc__ or "").strip().splitlines()[0]
            wrong = sum(not c.agrees for c in mine)
            tests = {*rule.tests, *table.loc[table["rule"] == name, "test"]}
            rows[rule.title] = (
                question,
                ", ".join(sorted(tests)),
                len({c.claim for c in mine}),
                len(mine),
                wrong,
            )
    names = ["what it compares", "tests", "claims", "checks", "disagree"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("rule")


def reports_read(paper: Paper) -> pd.DataFrame:
    """Every number read in the studies' reports, and what became of it.

    Parameters
    ----------
    paper : Paper
        After `verdicts.findings` has asked its rules.

    Returns
    -------
    DataFrame, one row a number
        study, quantity, printed, source; use: "printed in the paper too", "asked by a rule", or
        "the paper prints nothing of it".
    """
    own, later = paper.tables["cross_checks"], paper.tables["external_check"]
    rules = paper.tables["audit_rules"].to_csv(quotechar="|")
    found = pd.concat([own.assign(population=None), later.astype({"printed": str})])
    uses = []
    for r in found.itertuples():
        stated = bool(r.population is None and paper.stating(r.quantity, r.study))
        together = f"population == '{r.population}' and unit == '{r.unit}'"  # as GRIM takes them
        named = f"quantity == '{r.quantity}'" in rules or together in rules
        asked = (r.study, r.quantity, r.population) in paper.asked or named
        uses.append("printed in the paper too" if stated else
                    "asked by a rule" if asked else "the paper prints nothing of it")  # fmt: skip
    return found.assign(use=uses)[["study", "quantity", "printed", "unit", "source", "use"]]


def reports_unused(read: pd.DataFrame) -> dict[str, Any]:
    """How many numbers of the reports are read, held against the paper, and of no use to it."""
    n = read["use"].value_counts()
    unused = read[read["use"] == "the paper prints nothing of it"]
    names = (f"{s} ({', '.join(part['quantity'])})" for s, part in unused.groupby("study"))
    return {"read": len(read), "stated": int(n.get("printed in the paper too", 0)),
            "asked": int(n.get("asked by a rule", 0)), "unused": len(unused),
            "names": "; ".join(names)}  # fmt: skip


def wanted(ledger: pd.DataFrame) -> pd.DataFrame:
    """Claims that nothing printed can check, counted by the data that would allow it.

    Raises
    ------
    DataError
        If needs.csv does not speak of one of them.
    """
    table = tables.load("needs")
    needs = {(r.quantity, r.population): r.needs for r in table.itertuples()}
    unchecked = ledger["verdict"].isin(["transcribed", "not reproducible"])
    left = ledger[ledger["check"].map(lambda name: RULES[name].waits) & unchecked]
    told = []
    for q, p in zip(left["quantity"], left["population"], strict=True):
        keys = (q, p), (q, "any"), (q.split(", ")[0], p)  # a limit of a median waits as that does
        if not (found := [needs[key] for key in keys if key in needs]):
            expected = f"one for {q!r} of {p!r}"
            raise tables.DataError(f"data/sources/needs.csv: found no row, expected {expected}")
        told.append(found[0])
    return left.assign(needs=told).groupby(["verdict", "needs"]).size().to_frame("claims")


def documented(evidence: pd.DataFrame) -> pd.DataFrame:
    """Rows and patients whose count is documented, by endpoint and population."""
    rows = []
    for endpoint in ("cr", "or"):
        known = evidence[f"{endpoint}_min"] == evidence[f"{endpoint}_max"]
        for population, part in evidence.groupby("population", sort=False):
            has = known[part.index]
            n = part["n"]
            share = f"{float(n[has].sum() / n.sum()):.0%}"
            rows.append((endpoint.upper(), population, int(has.sum()), len(part),
                         int(n[has].sum()), int(n.sum()), share))  # fmt: skip
    names = ["endpoint", "population", "rows documented", "of rows", "patients in them",
             "of patients", "share"]  # fmt: skip
    return pd.DataFrame(rows, columns=names).set_index(["endpoint", "population"])


def of_abstract(ledger: pd.DataFrame) -> pd.DataFrame:
    """The numbers of the abstract, each with its verdict and reason."""
    head = ledger[(ledger["section"] == "Abstract") & (ledger["quantity"] != "confidence level")]
    columns = ["quantity", "population", "printed", "unit", "verdict", "reason"]
    return head[columns].set_index("quantity")


def listed(ledger: pd.DataFrame, verdict: str) -> pd.DataFrame:
    """Every claim of one verdict, or all of them.

    Raises
    ------
    ValueError
        If there is no such verdict.
    """
    if verdict not in (*VERDICTS, "all"):
        raise ValueError(f"verdict: found {verdict!r}, expected one of {', '.join(VERDICTS)}, all")
    rows = ledger if verdict == "all" else ledger[ledger["verdict"] == verdict]
    return rows.set_index("where")[["printed", "unit", "verdict", "reason"]]
