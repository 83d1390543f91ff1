"""What follows from the identified set in notebook 02: heterogeneity, prediction, unused results.

Numbers of the sentences, and tables and figures with their captions, section by section.
"""

import numpy as np
import pandas as pd

from metaprop.effectsize import choose
from metaprop.labels import CI_METHOD, INVERSE, SCALE, TAU2_METHOD
from metaprop.method import Method
from metaprop.plots import counts as draw
from metaprop.plots.style import Picture

from . import consequences, reconstruction, studies, text, tiers
from . import evidence_pieces as ep
from . import readings as reading
from .audit.ledger import Paper
from .audit.rules_pooled_results import other_studies
from .figures import show
from .identified import LARGEST, NONE, Body, Part, evidence_of, in_words, left, listed, plain, span
from .identified import scenarios as named
from .identified_shown import TAU2, Shown, ends, shown
from .reconstruction import COMMON, METHODS
from .show import table
from .tables import store
from .tables.printed import read


def heterogeneity_frame(base: Body) -> pd.DataFrame:
    """tau², I² both ways and their intervals over the union of what the primary numbers leave."""
    if not base.primary:
        return pd.DataFrame()
    table = reading.heterogeneity(base.evidence, base.primary)
    table = table[table["population"] == "paediatric"]
    kind = np.where(table["counts"] == "documented", "documented", "primary numbers")
    return (
        table.assign(counts=kind)
        .groupby(["endpoint", "counts", "quantity"], sort=False)
        .agg(min=("min", "min"), max=("max", "max"))
    )


def heterogeneity(base: Body) -> Shown:
    """tau² and I² both ways with their intervals: documented rows, and the sceptic's union."""
    frame = heterogeneity_frame(base)
    if frame.empty:
        return text.say(NONE)
    frame = frame.reset_index()
    decimals = np.where(frame["quantity"].str.startswith("tau2"), ".3f", ".0f")
    pairs = zip(frame["min"], frame["max"], decimals, strict=True)
    frame["value"] = [span(a, b, d) for a, b, d in pairs]
    frame = frame.pivot(index=["endpoint", "counts"], columns="quantity", values="value")
    share = ["I2 from tau2", "I2 from Q", "I2 Q-profile, lower", "I2 Q-profile, upper"]
    frame = frame[["tau2", "tau2 Q-profile, lower", "tau2 Q-profile, upper", *share]]
    names = {c: c.replace("tau2", "tau²").replace("I2", "I², %,") for c in frame}
    caption = "Heterogeneity in children: range over the sets; Q-profile limits (95%) by set"
    return table(frame.reset_index(), names | {"tau2": "tau²"}, caption)


def prediction_frame(base: Body) -> pd.DataFrame:
    """Limits of prediction over the same union, by endpoint and quantity."""
    sets = {e: [(m, pair[i]) for m, *pair in base.primary] for i, e in enumerate(studies.ENDPOINTS)}
    table = consequences.bounds(base.evidence, sets)
    table = table[(table["method"] == "any") & (table["population"] == "paediatric")]
    return table.set_index(["endpoint", "quantity"])[["min", "max"]]


def prediction(base: Body) -> Shown:
    """Unpublished results over the union of what the primary numbers leave."""
    if not base.primary:
        return text.say(NONE)
    names = {
        "hk_lower": "Hartung-Knapp, lower", "hk_upper": "Hartung-Knapp, upper",
        "pi_lower": "prediction (t, k-2), lower", "pi_upper": "prediction (t, k-2), upper",
        "pi_k1_lower": "prediction (t, k-1), lower", "pi_k1_upper": "prediction (t, k-1), upper",
        "estimate_n5": "pooled without rows n < 5",
    }  # fmt: skip
    frame = prediction_frame(base).reset_index()
    frame = frame[frame["quantity"].isin(names)].replace({"quantity": names})
    frame["value"] = ends(frame["min"], frame["max"], ".1f")
    frame = frame.pivot(index="quantity", columns="endpoint", values="value").loc[[*names.values()]]
    caption = "Children, percent: range over what the primary numbers leave, every estimator"
    return table(frame.reset_index().rename_axis(columns=None), {}, caption)


def spread(base: Body) -> Part:
    """Heterogeneity and prediction in words, over the union that a sceptic accepts."""
    if not base.primary:
        return Part({})
    found, new = heterogeneity_frame(base), prediction_frame(base)
    out = {}
    for e in studies.ENDPOINTS:
        at = found.loc[e, "primary numbers"]
        for key, name in (("tau2", "I2 from tau2"), ("Q", "I2 from Q")):
            out[f"{e}_{key}"] = span(*at.loc[name])
        out[f"{e}_low"] = at.loc["I2 Q-profile, lower", "min"]
        out[f"{e}_high"] = at.loc["I2 Q-profile, upper", "max"]
        out[f"{e}_new_low"] = span(*new.loc[(e, "pi_lower")])
        out[f"{e}_new_high"] = span(*new.loc[(e, "pi_upper")])
    return Part(out)


def _rates_of_others() -> dict[str, str]:
    """The rates in the studies other than CLO-212 as printed, by endpoint."""
    prose = store.load("prose").set_index("id")["printed"]
    return {"CR": prose["dis-2-2-2"], "OR": prose["dis-2-2-5"]}


def others(base: Body, primary: bool = False) -> pd.DataFrame:
    """Formulas under which the rates of the studies other than CLO-212 are judged."""
    numbers = {e: read(text).value for e, text in _rates_of_others().items()}
    sets = base.primary if primary else base.triples
    return reading.others(base.evidence, sets, numbers)


def readings(base: Body) -> Shown:
    """Formulas that give at least one number of the sentence on the other studies."""
    if not base.alive:
        return text.say(NONE)
    frame = others(base)
    frame = frame[frame["gives_cr"] | frame["gives_or"]]
    frame = frame.assign(
        CR=ends(frame["cr_min"], frame["cr_max"], ".1f"),
        OR=ends(frame["or_min"], frame["or_max"], ".1f"),
        population=frame["population"].map(reading.rows_in_words),
    ).replace({"formula": TAU2_METHOD, "scale": SCALE | {"none": "–"}})
    names = {f"gives_{e}": f"gives {e.upper()}" for e in ("cr", "or")} | {"population": "rows"}
    columns = ["formula", "scale", "population", "CR", "OR", "gives_cr", "gives_or", "gives_both"]
    caption = "The other studies, percent: formulas that give one of the two numbers or both"
    none = "No formula gives either number."
    return shown(frame[columns], names, caption, none=none)


def checks(base: Body) -> Shown:
    """Rates of the others, each by itself, against what is printed; `sentence` judges both."""
    if not base.alive:
        return text.say(NONE)
    frame = other_studies(Paper(store.Tables(bounds=base.limits)))
    return show(
        draw.intervals(
            frame.assign(label=frame["endpoint"] + ", " + frame["reading"]),
            "rate in the other studies (percent)",
            "Published comparison with CLO-212 against the identified set",
        ),
        "identified_checks",
        "Rate in the studies other than CLO-212. Grey band with a black line: the printed value "
        "and what rounds to it. Orange: the range over the identified set of all numbers, every "
        "method left. A printed value outside the orange range does not follow from these counts "
        "under that reading, if the evidence, the method and the rounding are as assumed; the "
        "table above also has formulas that the pooled results rule out.",
    )


def sentence(base: Body) -> Part:
    """Which readings give both numbers of the sentence, under all numbers and the primary ones."""
    if not base.alive:
        return Part({})
    out: dict = {**_rates_of_others()}
    for name, use in (("all", False), ("primary", True)):
        table = others(base, use)
        out[name] = listed(reading.in_words(table[table["gives_both"]]))
    return Part(out)


def egger(base: Body) -> Part:
    """Under which reading Egger's printed p is reached."""
    if not base.alive:
        return Part({})
    printed = store.load("prose").set_index("id").loc["bias-1-1-1", "printed"]
    x = np.unique(np.concatenate([cr for _, cr, _ in base.triples]), axis=0)
    scales = base.pooled["transformation"].unique()
    own = reading.eggers(base.evidence["CR"], x, read(printed).value, scales)
    reached = listed(reading.in_words(own[own["reaches"]]), "no reading")
    return Part({"printed": printed, "ranges": "; ".join(reading.spans(own)), "reached": reached})


def position(base: Body) -> Part:
    """Where the arcsine estimate of CR in children sits in what prints as it does."""
    table = ep.misses(base.evidence, base.pooled, base.alive, None) if base.alive else None
    if table is None:
        return Part({})
    own = table[table["number"] == "CR paediatric PAS estimate"]
    low, high = own["min"].min(), own["max"].max()
    printed = own["printed"].iloc[0]
    return Part({"low": low, "high": high, "from": printed - 0.5, "to": printed + 0.5})


def hidden_rows(base: Body, methods: str = "surviving") -> pd.DataFrame:
    """Each documented count hidden and looked for from the rest; saved for the surviving methods.

    methods : "surviving", or "all" (slow).
    """
    choose("hidden_methods", methods, ("surviving", "all"))
    tried = _usual(base) if methods == "surviving" else METHODS
    table = consequences.hidden_rows(base.evidence, base.pooled, tried)
    return base.save("hidden_rows", table) if methods == "surviving" else table


def hidden(found: pd.DataFrame) -> Picture:
    """Each documented count hidden, and what the rest leaves."""
    label = found["endpoint"] + " of " + found["row"]
    return show(
        draw.strips(
            found.assign(label=label, mark=found["documented"]),
            "count",
            "Each documented count hidden, and what the rest then leaves",
            "vectors",
        ),
        "identified_hidden",
        "One strip per hidden count: the values that the published results leave when it is not "
        "known, darker where more vectors of all rows have it. Diamond: the documented count.",
    )


def _usual(base: Body) -> list[Method]:
    """Surviving methods, those of the published evidence where none is left."""
    if base.alive:
        return base.alive
    return consequences.surviving(store.load("evidence"), base.pooled)


def widths(table: pd.DataFrame) -> pd.DataFrame:
    """One row a hidden count: what was found of it."""
    label = table["endpoint"] + " of " + table["row"]
    return table.assign(label=label).groupby("label", sort=False).agg(
        n=("n", "first"), documented=("documented", "first"), lowest=("value", "min"),
        highest=("value", "max"), values=("value", "nunique"), among=("documented_among", "first"),
    )  # fmt: skip


def hidden_facts(table: pd.DataFrame) -> Part:
    """The hidden rows in words."""
    width = widths(table)
    share = 100 * (width["values"] / (width["n"] + 1)).median()
    return Part({"among": int(width["among"].sum()), "rows": len(width), "share": share})


def scenario_methods(base: Body) -> pd.DataFrame:
    """What each scenario leaves under the common methods, as method_evidence_scenarios.csv."""
    frames = []
    for name in named():
        _, evidence = evidence_of(name)
        found = {e: reconstruction.reconstruct(evidence[e], base.pooled, e, COMMON)
                 for e in evidence}  # fmt: skip
        part = consequences.method_evidence(found)
        frames.append(part.assign(scenario=name)[["scenario", *part.columns]])
    return base.save("method_evidence_scenarios", pd.concat(frames, ignore_index=True))


def scenarios(methods: pd.DataFrame) -> Shown:
    """Methods that each scenario leaves."""
    some = methods[methods["n_coupled"] > 0]
    codes = {"tau2_method": TAU2_METHOD, "ci_method": CI_METHOD, "inverse": INVERSE}
    some = some.replace(codes)
    words = {"rows": reading.rows_in_words, "scenario": in_words}
    some = some.assign(**{column: some[column].map(f) for column, f in words.items()})
    columns = ["scenario", "endpoint", "tau2_method", "ci_method", "inverse", "rows", "n_coupled"]
    caption = "Scenarios: common methods that leave a vector under all numbers"
    names = TAU2 | {"ci_method": "interval", "n_coupled": "vectors"}
    return shown(some[columns], names, caption, none="No scenario leaves a vector.")


def scenario_ranges(pieces: pd.DataFrame) -> pd.DataFrame:
    """What each body of evidence leaves of the largest row: scenario, primary, all, estimators.

    pieces : as evidence_decomposition.csv. primary, all : CR counts under these numbers over the
    usual estimators, missing where none is possible; estimators : those under all numbers.
    """
    bodies, records = pieces["evidence"].drop_duplicates(), []
    for name in bodies[~bodies.str.startswith("without ")]:
        record = {"scenario": name}
        for numbers in ("primary", "all"):
            own = plain(left(pieces, name, numbers))
            record["estimators"] = listed(own["tau2_method"].map(TAU2_METHOD))
            if len(own):
                record[numbers] = span(own["cr_06952_min"].min(), own["cr_06952_max"].max())
        records.append(record)
    return pd.DataFrame(records, columns=["scenario", "primary", "all", "estimators"])


def scenarios_shown(pieces: pd.DataFrame) -> Shown:
    """The same as a table."""
    names = {c: f"CR of {LARGEST}, {c} numbers" for c in ("primary", "all")}
    names["estimators"] = "estimators, all numbers"
    ranges = scenario_ranges(pieces)
    ranges["scenario"] = ranges["scenario"].map(in_words)
    return shown(ranges, names, "What each scenario leaves")


def repairs_frame(base: Body) -> pd.DataFrame:
    """How far each scenario is from the printed results, saved as repairs.csv."""
    usual = _usual(base)
    parts = [
        consequences.repairs(name, evidence_of(name)[1], base.pooled, usual)
        for name in ("base", *named())
    ]
    return base.save("repairs", pd.concat(parts, ignore_index=True))


def repairs(found: pd.DataFrame) -> Shown:
    """Smallest change of the counts that lets the printed results hold."""
    away = found[found["smallest_change"] > 0]
    methods = [tiers.in_words(*m.split("/")) for m in away["method"]]
    away = away.assign(method=methods, scenario=away["scenario"].map(in_words))
    headings = {"smallest_change": "patients", "nearest": "vectors"}
    caption = "Smallest change of the counts after which all numbers of an endpoint hold"
    none = "No count has to change: all numbers of both endpoints hold in every scenario."
    return shown(away, headings, caption, none=none)


def scenario_facts(table: pd.DataFrame) -> Part:
    """Which scenarios leave no vector."""
    table = table.assign(scenario=table["scenario"].map(in_words))
    total = table.groupby("scenario", sort=False)["n_coupled"].sum()
    some = table[table["n_coupled"] > 0].groupby("scenario", sort=False)["tau2_method"].unique()
    words = [f"{name} ({listed([TAU2_METHOD[code] for code in m])})" for name, m in some.items()]
    return Part({"empty": listed(total.index[total == 0]), "some": listed(words)})
