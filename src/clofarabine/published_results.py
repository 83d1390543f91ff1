"""The paper's pooled results beside ours: sections of notebook 03 that belong to this paper alone.

A section that has nothing to show (another table was given, or no set of counts agrees with the
published results) has no heading and no sentence; the first of them says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from metaprop import labels
from metaprop.heterogeneity import heterogeneity
from metaprop.method import Method
from metaprop.pooling import DEFAULT

from . import documented as weight
from . import figures, primary, studies
from .parameters import WORDS
from .reconstruction import VARIED, Evidence
from .show import DASH
from .show import table as to_table
from .tables import load_evidence, printed, store
from .text import say

_ENDS = ("estimate", "lower", "upper")
FIGURE2 = {
    "a": ("CR", "paediatric"),
    "b": ("CR", "overall"),
    "c": ("OR", "paediatric"),
    "d": ("OR", "overall"),
}


@dataclass(frozen=True)
class Section:
    """A part of the notebook, or the sentence in its place.

    why : that sentence, empty where another section has said it; None where there is something to
    show. views : pooled results by the name of their figure. captions : what goes before their
    captions. frame, caption : a table as people read it. facts : numbers for sentences.
    """

    why: str | None = None
    views: Mapping[str, primary.View] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    frame: pd.DataFrame | None = None
    caption: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def show(self, above: primary.View | None = None) -> None:
        """Display the section: figures, each with its method, and the table; or why there is none.

        Figures are saved under their names. One that stands above already is not shown twice.
        """
        if self.why is not None:
            display(*([Markdown(self.why)] if self.why else []))
            return
        for name, view in self.views.items():
            picture = figures.show(view.figure, name, self.captions.get(name, "") + view.caption)
            if above is not None and view.caption == above.caption:
                display(Markdown(f"*{view.facts['title']}*: the forest plot above."))
                continue
            display(picture)
            display(view.equivalent)
        if self.frame is not None:
            display(to_table(self.frame, caption=self.caption))

    def say(self, template: str) -> Markdown | None:
        """The sentence with the section's facts; nothing where the section is empty."""
        return None if self.why is not None else say(template, self.facts)


def _published(scale: str = "PAS") -> pd.DataFrame:
    table = store.load("pooled_results")
    return table[table["transformation"] == scale].set_index(["endpoint", "population"])


def documented(table: str | Path | None = None) -> Section:
    """Both endpoints in children from documented counts alone, beside the published results."""
    if table is not None:
        return Section("No published results belong to this table: there is nothing beside it.")
    views = {e: primary.view(e) for e in studies.ENDPOINTS}
    facts, inside = {}, []
    for e, v in views.items():
        paper = _published().loc[(e, "paediatric")]
        facts |= {f"{e}_{k}": x for k, x in v.facts.items()}
        facts |= {f"{e}_printed_{k}": paper[k] for k in _ENDS}
        facts[f"{e}_all_patients"] = int(studies.load(e)["n"].sum())
        inside += [e] if v.facts["lower"] <= paper["estimate"] <= v.facts["upper"] else []
    words = [WORDS["endpoint"][e] for e in inside]
    facts["inside"] = " and ".join(words) if inside else "neither endpoint"
    facts["whose"] = f"counts that stand in {studies.sources()}"
    weak = "a weak test, but one that could have failed"
    known = all(map(studies.all_known, studies.ENDPOINTS))
    facts["test"] = "a test that could have failed" if known else weak
    adults = [studies.load(e, "overall")["x"].iloc[len(studies.load(e)) :] for e in views]
    none = not any(x.notna().any() for x in adults)
    facts["only"] = (
        "no report gives the adults' counts" if none else "as in the paper's main result"
    )
    facts |= weight.facts()
    return Section(views={f"forest_documented_{e.lower()}": v for e, v in views.items()},
                   facts=facts)  # fmt: skip


def figure2(table: str | Path | None = None) -> Section:
    """The four panels of the paper's Figure 2 with reconstructed counts."""
    if table is not None:
        return Section("")
    if not studies.possible():
        return Section(
            "No set of counts agrees with the evidence and the published results at once, so there "
            "is none to show."
        )
    views, captions, known = {}, {}, [e for e in studies.ENDPOINTS if studies.all_known(e)]
    for letter, (e, p) in FIGURE2.items():
        name = f"figure2{letter}_{e.lower()}_{p}"
        views[name] = primary.view(e, p, counts="reconstructed")
        how = (
            "every count is documented"
            if e in known
            else "at the reference counts agreement is by construction"
        )
        captions[name] = f"Figure 2{letter.upper()} of the paper, redrawn; {how}. "
    words = [WORDS["endpoint"][e] for e in known]
    given = f"For {' and '.join(words)} every count is documented: there the two can disagree. "
    facts = {"but_given": given if known else "", "how": labels.words(DEFAULT)}
    return Section(views=views, captions=captions, facts=facts)


def _over_methods(endpoint: str, population: str, scale: str) -> pd.DataFrame:
    """Pooled results of every vector, each by the method under which it stands; one row each."""
    methods, x, n = studies.identified(endpoint, population)
    parts = []
    for how, rows in methods.groupby(list(VARIED), sort=False).indices.items():
        method = replace(Method(**dict(zip(VARIED, how, strict=True))), scale=scale)
        own, size = x[rows], n
        if population == "overall":  # a method may pool the age groups of a study as one row
            add = Evidence.read(load_evidence(), endpoint).overall(method.rows)
            own, size = own @ add.T, add @ n
        parts.append(pd.DataFrame(primary.quantities(own, size, method)))
    return pd.concat(parts, ignore_index=True)


def _range(low: float, high: float) -> str:
    """Two numbers as a range, or as one where they print alike."""
    ends = f"{low:.1f}", f"{high:.1f}"
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def _interval(estimate: str, lower: str, upper: str) -> str:
    return f"{estimate} [{lower}, {upper}]"


def _ours(endpoint: str, population: str, scale: str) -> str:
    """From documented counts: 12.0 [3.5, 24.5]; or a dash where a row of adults has no count."""
    if population != "paediatric" and not studies.all_known(endpoint):
        return DASH
    value = primary.view(endpoint, population, Method(scale)).result["value"]
    return _interval(*(f"{value[e]:.1f}" for e in _ENDS))


def beside(table: str | Path | None = None) -> Section:
    """Each of the paper's pooled results beside ours, documented and reconstructed."""
    if table is not None:
        return Section("")
    rows, possible = [], studies.possible()
    known = {e: studies.all_known(e) for e in studies.ENDPOINTS}
    agree = {True: [], False: []}  # by whether every count is documented
    for r in store.load("pooled_results").itertuples():
        key = r.endpoint, r.population, r.transformation
        paper = [f"{getattr(r, e):.0f}" for e in _ENDS]
        ranges, verdict = DASH, DASH
        if possible:
            over = _over_methods(*key)[list(_ENDS)]
            ends = over.min(), over.max()
            fits = all(
                printed.read(p).agrees(end[e]) for p, e in zip(paper, _ENDS, strict=True)
                for end in ends
            )  # fmt: skip
            agree[known[r.endpoint]].append(fits)
            ranges = _interval(*(_range(*pair) for pair in zip(*ends, strict=True)))
            how = "agrees" if known[r.endpoint] else "agrees, by construction"
            verdict = how if fits else "does not agree"
        rows.append((
            WORDS["endpoint"][r.endpoint], WORDS["population"][r.population],
            WORDS["scale"][r.transformation], _interval(*paper), _ours(*key), ranges, verdict,
        ))  # fmt: skip
    names = (
        "endpoint", "patients", "transformation", "printed in the paper",
        "documented counts alone", "reconstructed counts, range", "verdict on them",
    )  # fmt: skip
    caption = "Pooled rate in percent with its 95% confidence interval"
    facts = {"outcome": _outcome(agree[True], agree[False])}
    return Section(frame=pd.DataFrame(rows, columns=names), caption=caption, facts=facts)


def _outcome(given: list[bool], reconstructed: list[bool]) -> str:
    """What agreement with the printed results is worth, for either kind of counts."""
    said = []
    if reconstructed:
        said.append(
            f"With reconstructed counts {sum(reconstructed)} of {len(reconstructed)} printed "
            "results come out, **by construction**: they are what the counts were chosen by, so "
            "this confirms nothing about the paper."
        )
    if given:
        said.append(
            f"Where every count is documented {sum(given)} of {len(given)} printed results come "
            "out. The counts were not chosen by them, so they could have disagreed; the method was."
        )
    return " ".join(said) or "No counts agree with all of them at once, so none are reconstructed."


def unprinted(table: str | Path | None = None) -> Section:
    """What the paper does not print of its pooled results: bounds over the identified set."""
    if table is not None or not studies.possible():
        return Section("")
    bounds = store.load("bounds").query("method == 'any'")
    bounds = bounds.set_index(["endpoint", "population", "quantity"])
    rows = []
    for e, p in FIGURE2.values():
        _, x, n = studies.identified(e, p)
        profile = heterogeneity(x, n, Method())
        ends = [bounds.loc[(e, p, q)] for q in ("I2", "pi_lower", "pi_upper")]
        i2, low, high = (_range(b["min"], b["max"]) for b in ends)
        outer = f"[{100 * profile.i2_lower.min():.0f}, {100 * profile.i2_upper.max():.0f}]"
        different = len(np.unique(x, axis=0))  # methods share some
        rows.append((WORDS["endpoint"][e], WORDS["population"][p], i2, outer, low, high, different))
    names = ("endpoint", "patients", "I² (from tau²), %", "I², 95% Q-profile, %",
             "prediction (t, k − 2), lower %", "upper %", "possible sets of counts")  # fmt: skip
    caption = (
        "Bounds over all possible sets of counts, each pooled by the method it was found under"
    )
    return Section(frame=pd.DataFrame(rows, columns=names), caption=caption)


def save(table: str | Path | None = None) -> None:
    """Save every primary result as the derived table primary_results; not with another table."""
    if table is None:
        store.save_derived("primary_results", primary.results())
