"""Every number of the paper with a verdict: a registry of rules, and what they say of each claim.

A verdict is earned, never assumed: a claim that no rule speaks of is an error. Discrepant is what
cannot hold together with the numbers named beside it. Where a second meaning of a word in the paper
or a report, or a circumstance of a patient that the reports leave open, would let it hold, it is
consistent, and its caveat says "holds only if".
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from ..tables.store import Tables
from . import rules_pooled_results, rules_primary_reports, rules_tables, rules_text
from .checks import RULES, Check, Rule, registered
from .ledger import Paper

# Their rules enter the registry when imported; of two that say the same the first is told.
_MODULES = (rules_tables, rules_pooled_results, rules_text, rules_primary_reports)

VERDICTS = ("reproduced", "consistent", "discrepant", "transcribed", "not reproducible")

# Verdict that agreement speaks for, by the kind of check.
_VERDICT_OF_KIND = {
    "computed": "reproduced",
    "bound": "consistent",
    "constraint": "consistent",
    "unpublished": "not reproducible",
    "input": "transcribed",
}
_RANK = ("discrepant", "reproduced", "consistent", "not reproducible", "transcribed")
# In the reason of a claim that the search for counts was made to meet, and of what repeats it.
_CONSTRUCTED = "by construction"


class Unchecked(ValueError):
    """A claim that no rule checks."""


@dataclass(frozen=True)
class Finding:
    """A check, the rule that made it, and the verdict it speaks for."""

    check: Check
    rule: str
    verdict: str


@registered("Data that would allow a check", "needs", waits=True)
def needs(paper: Paper) -> Iterator[Check]:
    """Claims that nothing printed can check, and which data would."""
    table = paper.tables["needs"]
    wanted = {(r["quantity"], r["population"]): r for _, r in table.iterrows()}
    kinds = {"transcribed": "input", "not reproducible": "unpublished"}
    for id, c in paper.rows.items():
        for key in ((c["quantity"], c["population"]), (c["quantity"], "any")):
            if key in wanted:
                r = wanted[key]
                reason = f"would take {r['needs']}"
                yield Check(id, reason, c["printed"], "", True, kinds[r["verdict"]])
                break


def _place(rule: Rule) -> int:
    names = [m.__name__ for m in _MODULES]
    module = rule.checks.__module__
    return names.index(module) if module in names else len(names)


def findings(paper: Paper) -> list[Finding]:
    """Every check of every rule; a repetition speaks for the verdict of the claim it repeats."""
    found, repeats = [], []
    for name, r in sorted(RULES.items(), key=lambda item: _place(item[1])):
        for c in r.checks(paper):
            if not c.agrees:
                found.append(Finding(c, name, "discrepant"))
            elif c.kind.startswith("repeats:"):
                repeats.append((c, name))
            else:
                found.append(Finding(c, name, _VERDICT_OF_KIND[c.kind]))
    own: dict[str, list[Finding]] = {}
    for f in found:
        own.setdefault(f.check.claim, []).append(f)
    checked = {f.check.claim for f in found if f.rule != "needs"}
    for c, name in repeats:
        original = own.get(c.kind.removeprefix("repeats:"))
        if original and c.claim not in checked:
            there = judge(original)
            because = f"{c.rule}, {there['verdict']} there: {there['reason']}"
            if there["verdict"] == "discrepant":
                c = replace(c, recomputed=there["recomputed"])
            found.append(Finding(replace(c, rule=because), name, there["verdict"]))
    return found


def _reason(verdict: str, found: list[Finding]) -> str:
    """One line: what was done and what came out."""
    c = found[0].check
    if verdict == "discrepant":
        return f"printed {c.printed}, recomputed {c.recomputed} ({c.rule})"
    if verdict in ("transcribed", "not reproducible") or c.kind.startswith("repeats:"):
        return c.rule
    if c.kind == "constraint":
        return f"used as a constraint, so that agreement is {_CONSTRUCTED}: {c.rule}"
    return f"{c.recomputed} ({c.rule})"


def judge(found: list[Finding]) -> dict[str, str]:
    """The verdict of one claim from all that the rules say of it."""
    verdict = min((f.verdict for f in found), key=_RANK.index)
    mine = [f for f in found if f.verdict == verdict]
    mine.sort(key=lambda f: " to " in f.check.recomputed)  # a value says more than a range
    return {
        "verdict": verdict,
        "recomputed": mine[0].check.recomputed or "NA",
        "evidence": "; ".join(dict.fromkeys(f.check.rule for f in mine)),
        "reason": _reason(verdict, mine),
        "caveat": "; ".join(dict.fromkeys(f.check.caveat for f in found if f.check.caveat)) or "NA",
        "check": mine[0].rule,
    }


def audit(paper: Paper) -> pd.DataFrame:
    """A verdict for every claim, in the order of the ledger.

    Returns
    -------
    DataFrame with columns id, verdict, recomputed, evidence, reason, caveat, check.

    Raises
    ------
    Unchecked
        If there is a claim that no rule speaks of; there is no verdict by default.
    """
    by_claim: dict[str, list[Finding]] = {}
    for f in findings(paper):
        by_claim.setdefault(f.check.claim, []).append(f)
    left = [id for id in paper.claims.index if id not in by_claim]
    if left:
        raise Unchecked(f"claims: found no check of {len(left)}: {', '.join(left)}, expected one")
    rows = [{"id": id, **judge(by_claim[id])} for id in paper.claims.index]
    return pd.DataFrame(rows).replace("NA", pd.NA)


def counted(ledger: pd.DataFrame) -> dict[str, int]:
    """How many claims there are, by verdict; how many of them labels, how many by construction.

    Returns
    -------
    dict
        claims; each verdict, with an underscore for a blank; labels, the discrepant ones; built, by
        construction: a constraint of the search for counts, or what repeats one.
    """
    n = ledger["verdict"].value_counts()
    labels = ledger["verdict"].eq("discrepant") & ledger["unit"].eq("label")
    return {
        "claims": len(ledger),
        **{v.replace(" ", "_"): int(n.get(v, 0)) for v in VERDICTS},
        "labels": int(labels.sum()),
        "built": int(ledger["reason"].str.contains(_CONSTRUCTED).sum()),
    }


def of(claim: str, **tables: pd.DataFrame) -> dict[str, object]:
    """The verdict of one claim by all rules: verdict, recomputed, evidence, reason, caveat, check.

    Parameters
    ----------
    claim : str
        Id of the claim.
    **tables
        Tables in place of those of the data package, such as the bounds of a running notebook.
    """
    verdicts = audit(Paper(Tables(**tables))).set_index("id")
    if claim not in verdicts.index:
        raise KeyError(f"claim: found {claim!r}, expected an id of claims.csv")
    return verdicts.loc[claim].to_dict()
