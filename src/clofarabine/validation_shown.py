"""Tables, sentences and the picture of notebook 08."""

import pandas as pd
from IPython.display import Markdown

from . import validation, validation_published
from .figures import Picture
from .figures import validation as pictures
from .show import Table, cell, table
from .tables import store
from .text import say

_CONDITION = ["hidden", "decimals"]
_HEADINGS = {
    "hidden": "counts hidden, %",
    "decimals": "decimals",
    "trials": "trials",
    "true_method": "true method left",
    "true_counts": "true counts in range",
    "others": "other methods left (median)",
    "width": "width of a hidden count's range, % of 0 to n (median)",
    "single": "hidden counts with one value left",
    "exact": "trials with exact ranges",
}


class Facts(dict[str, object]):
    """Numbers by name, for the sentences of the notebook."""

    def say(self, template: str) -> Markdown:
        """The sentence with these numbers filled in, shown."""
        return say(template, self)


def _by_condition(found: pd.DataFrame, **how: str) -> pd.DataFrame:
    grouped = found.groupby(_CONDITION)
    out = grouped.agg(trials=("data_set", "size"), **{c: (c, h) for c, h in how.items()})
    out = out.reset_index()
    out["hidden"] = (100 * out["hidden"]).round().astype(int)
    return out


def trials_table(found: pd.DataFrame) -> Table:
    """What the tool said in the trials, by share hidden and decimals."""
    shown = _by_condition(
        found, true_method="sum", true_counts="sum", others="median", width="median", single="sum",
        exact="sum",
    )  # fmt: skip
    total = found.groupby(_CONDITION)["hidden_rows"].sum().to_numpy()
    shown["single"] = [f"{a} of {b}" for a, b in zip(shown["single"], total, strict=True)]
    return table(shown, _HEADINGS, "What the tool said, by what it was told")


def data_sets_table() -> Table:
    """The data sets with their sizes and sources."""
    counts = store.load("counts").groupby("data_set").agg(
        k=("n", "size"), n=("n", "sum"), x=("x", "sum")
    )  # fmt: skip
    known = store.load("data_sets").set_index("data_set")
    names = validation.data_sets()
    shown = known.loc[names, ["what", "source"]].join(counts)[["what", "k", "n", "x", "source"]]
    headings = {"data_set": "data set", "k": "rows", "n": "patients", "x": "events"}
    return table(shown, headings, "Data sets of R metadat")


def told_figure(found: pd.DataFrame) -> Picture:
    """Methods left and widths of ranges, by decimals and share hidden."""
    return pictures.told(found, pictures.CAPTION.format(**facts(found)))


def facts(found: pd.DataFrame) -> Facts:
    """Numbers of the sentences on the trials."""
    middle = found.groupby(_CONDITION)[["others", "width"]].median()
    few, many = min(validation.HIDDEN), max(validation.HIDDEN)
    coarse, fine = min(validation.DECIMALS), max(validation.DECIMALS)
    whole = found.loc[found["hidden"] == many, "data_set"].unique()
    fails = found[~found["true_method"] | ~found["true_counts"]]
    return Facts(
        {
            "trials": len(found),
            "sets": found["data_set"].nunique(),
            "printers": len(validation.printers()),
            "others": len(validation.printers()) - 1,
            "survived": int(found["true_method"].sum()),
            "covered": int(found["true_counts"].sum()),
            "failed": ", ".join(sorted(set(fails["data_set"]))) or "none",
            "few": 100 * few,
            "rows_whole": int(store.load("counts")["data_set"].value_counts()[whole].max()),
            "coarse": coarse,
            "fine": fine,
            "others_coarse": middle["others"][(many, coarse)],
            "others_fine": middle["others"][(many, fine)],
            "others_few": middle["others"][(few, fine)],
            "width_coarse": middle["width"][(many, coarse)],
            "width_fine": middle["width"][(many, fine)],
            "width_few": middle["width"][(few, fine)],
            "unique": int((found["others"] == 0).sum()),
            "one_scale": int((found["scales"] == 1).sum()),
            "exact": int(found["exact"].sum()),
            "untried": _listed(
                [n for n in validation.data_sets() if n not in set(found["data_set"])]
            ),
            "vectors": cell(float(validation.MOST_VECTORS)),
            "patients": validation.MOST_PATIENTS,
        }
    )


def wrong_table(found: pd.DataFrame) -> Table:
    """How often one wrong documented count leaves nothing."""
    shown = _by_condition(found, empty_own="mean", empty_every="mean")
    shown[["empty_own", "empty_every"]] *= 100
    headings = _HEADINGS | {
        "empty_own": "nothing left, true method alone, %",
        "empty_every": "nothing left, every method tried, %",
    }
    return table(shown, headings, "One documented count moved by one", decimals=0)


def wrong_facts(found: pd.DataFrame) -> Facts:
    """Numbers of the sentence on wrong counts, in percent of trials by decimals."""
    share = 100 * found.groupby("decimals")[["empty_own", "empty_every"]].mean()
    own, every = ([f"{v:.0f}%" for v in share[c]] for c in ("empty_own", "empty_every"))
    return Facts(
        {
            "trials": len(found),
            "decimals": _listed([str(d) for d in share.index]),
            "own": _listed(own),
            "every": _listed(every),
        }
    )


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:]))) or "none"


def published_table(found: pd.DataFrame) -> Table:
    """What is printed, what the authors state, what the tool leaves."""
    titles = store.load("published_analyses").set_index("analysis")["title"]
    shown = found.assign(analysis=found["analysis"].map(titles))
    headings = {
        "analysis": "published result",
        "numbers": "told",
        "printed": "printed, %",
        "recomputed": "stated method gives, %",
        "stated": "stated method",
        "stated_left": "among those left",
        "methods": "methods left",
        "left": "which",
    }
    long = shown["methods"] > _MOST_NAMED
    shown.loc[long, "left"] = "too many to name here"
    return table(shown[list(headings)], headings, "Published results with public counts")


_MOST_NAMED = 6


def published_facts(found: pd.DataFrame) -> Facts:
    """Numbers of the sentences on published results: the last answer on each decides."""
    last = found.groupby("analysis", sort=False).last()
    titles = store.load("published_analyses").set_index("analysis")["title"]
    missed = last.index[~last["stated_left"]]
    alone = last["stated_left"] & (last["left"] == last["stated"])
    rates = found[found["numbers"] == "rates"].set_index("analysis")
    wrong = rates.index[~rates["stated_left"] & (rates["methods"] > 0)]
    return Facts(
        {
            "results": len(last),
            "named": int(last["stated_left"].sum()),
            "alone": int(alone.sum()),
            "missed": "; ".join(titles[missed]) or "none",
            "misnamed": _listed(titles[wrong].tolist()),
            "nothing": int((last["methods"] == 0).sum()),
            "refused": _refused(titles[last.index[~last["stated_tried"]]].tolist()),
        }
    )


def _refused(names: list[str]) -> str:
    """A sentence on the results whose stated scale is not searched; none if all are."""
    if not names:
        return ""
    return f"The tool does not search the stated model of {_listed(names)}, and refuses it by name."


def rounding_facts() -> Facts:
    """Numbers of the sentence on a limit that an article rounded twice."""
    both = "aki2020 article", "aki2020 output"
    return Facts(validation_published.rounded_twice(*both, "lower"))


def sources_table() -> Table:
    """Where each published result and its method stand."""
    shown = store.load("published_analyses")
    columns = ["title", "software", "stated", "source", "locator", "address"]
    headings = {"title": "published result", "stated": "method stated by", "locator": "place"}
    return table(shown[columns], headings, "What was read")
