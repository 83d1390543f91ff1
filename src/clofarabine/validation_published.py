"""Published results with public counts: whether the tool names the method that they state."""

from decimal import Decimal

import numpy as np
import pandas as pd
from scipy.special import expit

from metaprop import labels, likelihood
from metaprop.method import Method
from metaprop.pooling import pool_proportions
from metaprop.printed import Answer, which
from metaprop.printed.read import GLMM, SUPPORTED

from .tables import store
from .validation import ENDS, as_printed, percent, survives

# Scales that only other people's results may be on; R meta has its own rule for counts of 0 and n.
_SHORT = {
    **labels.SCALE,
    "PR": "raw proportion",
    "PR-meta": "raw proportion (R meta)",
    "PLN": "log",
    "PLN-meta": "log (R meta)",
}


def words(scale: str, tau2_method: str, ci_method: str) -> str:
    """A method in a few words: "logit, REML, Wald"."""
    scale = _SHORT.get(scale, scale)
    tau2 = labels.TAU2_METHOD.get(tau2_method, tau2_method)
    return ", ".join((scale, tau2, labels.CI_METHOD.get(ci_method, ci_method)))


def in_percent(analysis: str) -> dict[str, str]:
    """Printed numbers of an analysis by quantity, proportions moved to percent digit by digit."""
    table = store.load("published")
    out = {}
    for _, row in table[table["analysis"] == analysis].iterrows():
        shift = 2 if row["unit"] == "proportion" else 0
        out[row["quantity"]] = format(Decimal(row["printed"]).scaleb(shift), "f")
    return out


def rows_of(data_set: str) -> pd.DataFrame:
    """Rows with every count documented, as `which` takes them."""
    counts = store.load("counts")
    part = counts[counts["data_set"] == data_set]
    frame = pd.DataFrame({"label": part["label"].astype(str), "n": part["n"].astype(int)})
    frame["x_min"] = frame["x_max"] = part["x"].astype(int)
    return frame.reset_index(drop=True)


def recomputed(rows: pd.DataFrame, stated: pd.Series, numbers: dict[str, str]) -> str:
    """What this package gives by the stated method, with the decimals of the printed numbers."""
    x, n = rows["x_min"].to_numpy(), rows["n"].to_numpy()
    if stated["scale"] == "GLMM":
        fit = likelihood.glmm(x, n)
        ends = expit([fit.estimate, fit.lower, fit.upper])
    else:
        fit = pool_proportions(x, n, Method(*stated[["scale", "tau2_method", "ci_method"]]))
        ends = np.array([fit.estimate, fit.lower, fit.upper])
    values = dict(zip(ENDS, (100 * ends).tolist(), strict=True))
    return together({q: percent(values[q], _decimals(numbers[q])) for q in ENDS if q in numbers})


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def together(numbers: dict[str, str]) -> str:
    """Printed numbers as a reader sees them: "12.3 (7.3 to 20.0)"."""
    if "lower" not in numbers:
        return numbers["estimate"]
    return "{estimate} ({lower} to {upper})".format(**numbers)


def rounded_twice(article: str, output: str, end: str) -> dict[str, object]:
    """Whether an article's number is the software's printed one rounded once more.

    article, output : keys of the two analyses, of the same counts by the same method.
    """
    stated = store.load("published_analyses").set_index("analysis").loc[article]
    rows = rows_of(stated["data_set"])
    method = Method(*stated[["scale", "tau2_method", "ci_method"]])
    fit = pool_proportions(rows["x_min"], rows["n"], method)
    exact = 100 * float(getattr(fit, end))
    first, second = in_percent(output)[end], in_percent(article)[end]
    again = percent(float(first), _decimals(second))
    once = percent(exact, _decimals(second))
    verdict = "is" if again == second != once else "is not"
    return {"article": second, "output": first, "exact": exact, "once": once, "verdict": verdict}


def _left(answer: Answer) -> str:
    """The methods that an answer leaves, in words, each once."""
    cells = answer.methods[["scale", "tau2_method", "ci_method"]].itertuples(index=False)
    return "; ".join(dict.fromkeys(words(*c) for c in cells)) or "none"


def asked(stated: pd.Series, numbers: dict[str, str]) -> dict[str, object]:
    """What the tool says of one printed result when every count is known and no method is."""
    rows = rows_of(stated["data_set"])
    answer = which(rows, as_printed(numbers))
    true = Method(*stated[["scale", "tau2_method", "ci_method"]])
    return {
        "analysis": stated["analysis"],
        "numbers": "rates and tau²" if "tau2" in numbers else "rates",
        "printed": together(numbers),
        "recomputed": recomputed(rows, stated, numbers),
        "stated": words(*stated[["scale", "tau2_method", "ci_method"]]),
        "stated_tried": stated["scale"] in (*SUPPORTED, GLMM),
        "stated_left": survives(answer, true),
        "methods": len(answer.methods),
        "left": _left(answer),
    }


def published() -> pd.DataFrame:
    """Every published result, from its rates alone and with tau² where printed; saved."""
    found = []
    for _, stated in store.load("published_analyses").iterrows():
        numbers = in_percent(stated["analysis"])
        first = asked(stated, {q: v for q, v in numbers.items() if q != "tau2"})
        found.append(first)
        if "tau2" in numbers:  # one more number leaves nothing where nothing was left
            more = asked(stated, numbers) if first["methods"] else first
            found.append(more | {"numbers": "rates and tau²"})
    return store.save_derived("validation_published", pd.DataFrame(found))
