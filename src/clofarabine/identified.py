"""The body of evidence of notebook 02 with its identified sets, computed and saved."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown

from metaprop.method import Method

from . import breakdown, consequences, inverse_n, reconstruction, studies, text
from . import evidence_pieces as ep
from .reconstruction import COMMON, METHODS, Evidence, Found
from .tables import load_evidence, store

LATER = "survey-2024"
LARGEST = "CLOFAL06952"
# Scenarios as tables name them; the counts come from the reports that scenarios.csv names.
SCENARIOS = {
    "base": "evidence as documented",
    "suo-best-response": "Suo 2013 with best responses",
    LATER: "survey as reported in 2024",
    f"{LATER} with suo-best-response": "survey of 2024, Suo 2013 with best responses",
    "id99-383-of-16": "ID99-383 with 16 patients",
    "id99-383-of-15": "ID99-383 with 15 patients",
    "id99-383-of-9": "ID99-383 with 9 patients",
}
CONTRADICTS = (
    "**The evidence contradicts the printed pooled results**: no vector of counts meets them under "
    "any method. The table of smallest changes says by how much."
)
NONE = "Nothing to show here: no vector of counts meets the printed results."
REPLACED = (
    f"The file of counts given has a count for {LARGEST}, which takes the place of the survey's: "
    "there is nothing to hold against it."
)


@dataclass(frozen=True)
class Part:
    """Numbers by name for the sentences of a section; without any, one sentence in their place."""

    facts: dict
    none: str = NONE

    def say(self, template: str) -> Markdown:
        """The sentence with its numbers, or what there is to say without them."""
        return text.say(template, self.facts) if self.facts else text.say(self.none)


@dataclass(frozen=True)
class Body:
    """A body of evidence, and what all printed numbers leave of it.

    scenario : its name. frame : the evidence file. found : identified sets by endpoint, of the
    paediatric ones only how many vectors they have. sets : the coupled ones. limits : ranges over
    them, as bounds.csv.
    """

    scenario: str
    frame: pd.DataFrame
    evidence: dict[str, Evidence]
    pooled: pd.DataFrame
    found: dict[str, list[Found]]

    @cached_property
    def sets(self) -> dict:
        """Coupled vectors by endpoint and method."""
        return consequences.coupled(self.found["CR"], self.found["OR"])

    @property
    def alive(self) -> list[Method]:
        """Methods that leave a vector."""
        return [m for m, _ in self.sets["CR"]]

    @cached_property
    def limits(self) -> pd.DataFrame:
        """Ranges of every unpublished quantity."""
        return consequences.bounds(self.evidence, self.sets)

    @cached_property
    def methods(self) -> pd.DataFrame:
        """How many vectors each method leaves, as method_evidence.csv."""
        return consequences.method_evidence(self.found)

    @cached_property
    def triples(self) -> list[ep.Coupled]:
        """(method, CR vectors, OR vectors) under all printed numbers."""
        pairs = zip(self.sets["CR"], self.sets["OR"], strict=True)
        return [(m, x, y) for (m, x), (_, y) in pairs]

    @cached_property
    def primary(self) -> list[ep.Coupled]:
        """(method, CR vectors, OR vectors) under the primary numbers, one method an estimator."""
        return list(ep.pairs(self.evidence, self.pooled, ep.ESTIMATORS_ALONE, "PAS"))

    @cached_property
    def sample_sizes(self) -> pd.DataFrame:
        """Sample sizes of the way back that fit the double arcsine numbers in children."""
        return inverse_n.fitting(self.evidence, self.pooled, ep.QUICK)

    def save(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, written as a derived table where the evidence is the base case."""
        if self.scenario == "base":
            store.save_derived(name, frame)
        return frame


def evidence_of(scenario: str) -> tuple[pd.DataFrame, dict[str, Evidence]]:
    """The evidence of a scenario: its file, and by endpoint."""
    frame = load_evidence(scenario)
    return frame, {e: Evidence.read(frame, e) for e in studies.ENDPOINTS}


def _small(found: list[Found]) -> list[Found]:
    """Identified sets whose paediatric ones keep their size alone: their counts hold half a GB."""
    return [replace(f, paediatric=np.empty((len(f.paediatric), 0), np.int32)) for f in found]


def body(scenario: str = "base") -> Body:
    """The evidence of a scenario with its identified sets, saved if it is the base case.

    The base case is searched under every method of the grid, a scenario under the common ones.
    """
    frame, evidence = evidence_of(scenario)
    pooled = store.load("pooled_results")
    grid = METHODS if scenario == "base" else COMMON
    found = {e: _small(reconstruction.reconstruct(evidence[e], pooled, e, grid)) for e in evidence}
    out = Body(scenario, frame, evidence, pooled, found)
    out.save("method_evidence", out.methods)
    for e in studies.ENDPOINTS:
        vectors = consequences.vectors(found[e], evidence[e])
        out.save(f"identified_set_{e.lower()}", vectors)
    out.save("bounds", out.limits)
    return out


def survey_replaced() -> bool:
    """Whether a file of counts has taken the place of the survey's counts in their scenario."""
    report = store.load("scenarios").query("scenario == @LATER and row == @LARGEST").iloc[0]
    used = load_evidence(LATER).set_index("row").loc[LARGEST]
    ends = [f"{e.lower()}_{end}" for e in studies.ENDPOINTS for end in ("min", "max")]
    return bool((used[ends] != report[ends]).any())


def in_words(scenario: str) -> str:
    """What a table calls a scenario: its words, or its name where the data hold a new one."""
    return SCENARIOS.get(scenario, scenario)


def scenarios() -> list[str]:
    """Names of the scenarios beside the base case."""
    return store.load("scenarios")["scenario"].drop_duplicates().tolist()


def pieces(base: Body) -> pd.DataFrame:
    """The evidence of the body and of every scenario, piece by piece; saved."""
    bodies = {base.scenario: base.evidence}
    bodies |= {name: evidence_of(name)[1] for name in scenarios() if name not in bodies}
    return base.save("evidence_decomposition", ep.decomposition(bodies, base.pooled))


def fragile(base: Body) -> pd.DataFrame:
    """The smallest disturbance that overturns each headline; saved."""
    return base.save("breakdown", breakdown.breakdown(base.evidence, base.pooled, base.alive))


def span(low: float, high: float, form: str = ".0f") -> str:
    """A range in words, or the one value."""
    a, b = f"{low:{form}}", f"{high:{form}}"
    return a if a == b else f"{a} to {b}"


def listed(names: Iterable[str], none: str = "none") -> str:
    """Names in a sentence."""
    names = list(dict.fromkeys(names))
    head, last = ", ".join(names[:-1]), "".join(names[-1:])
    return f"{head} and {last}" if head else last or none


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the usual kind: Wald, harmonic mean or no inverse, a row per age group."""
    usual = table["inverse"].isin(["any", "harmonic"]) & (table["ci_method"] == "wald")
    return table[usual & (table["rows"] == "age-groups")]


def left(table: pd.DataFrame, evidence: str, numbers: str, endpoint: str = "cr") -> pd.DataFrame:
    """Rows of the decomposition that leave a vector of the endpoint."""
    own = table[(table["evidence"] == evidence) & (table["numbers"] == numbers)]
    return own[own[f"n_{endpoint}"].fillna(0) > 0]
