"""The numbers that README states, each from a derived table; ``make update`` writes them there."""

import re

import pandas as pd

from metaprop.heterogeneity import heterogeneity
from metaprop.method import Method

from . import identified, studies, summary
from . import identified_facts as facts
from .audit.verdicts import VERDICTS
from .tables import DataError, store
from .tables.paths import ROOT
from .tables.store import Texts

_TAG = re.compile(r"<!--([\w-]+)-->(.*?)<!--/-->", re.DOTALL)
README = ROOT / "README.md"


def values() -> dict[str, str]:
    """What stands between ``<!--name-->`` and ``<!--/-->``, by name."""
    out = _audited() | _answer()
    for endpoint in studies.ENDPOINTS:
        known = studies.load(endpoint, "overall")["kind"].eq("documented")
        out[f"documented-{endpoint}"] = str(int(known.sum()))
    out["rows"] = str(len(known))
    bounds = store.load("bounds").query("method == 'any'")
    for endpoint in studies.ENDPOINTS:
        own = bounds[bounds["endpoint"] == endpoint].set_index(["population", "quantity"])
        out[f"vectors-{endpoint}"] = str(own["vectors"].iloc[0])
        out[f"I2-{endpoint}"] = _range(own.loc[("paediatric", "I2")])
        new = own.loc[("paediatric", "pi_upper")]
        out[f"new-study-{endpoint}"] = _range(new)
        _, x, n = studies.identified(endpoint, "paediatric")
        known = heterogeneity(x, n, Method())
        low, high = 100 * known.i2_lower.min(), 100 * known.i2_upper.max()
        out[f"profile-{endpoint}"] = f"{low:.0f} to {high:.0f}"
    return out | _largest() | _pieces() | _overturned()


def _answer() -> dict[str, str]:
    """The pooled rates, percent, as printed and from documented counts."""
    known = summary.facts()
    out = {"studies": str(known["rows"]), "without": known["without"]}
    for e in studies.ENDPOINTS:
        own, low, high = (known[f"{e}_{end}"] for end in ("estimate", "lower", "upper"))
        out |= {
            f"printed-{e}": f"{known[f'{e}_printed_estimate']:.0f}",
            f"studies-{e}": str(known[f"{e}_known"]),
            f"own-{e}": f"{own:.0f}% [{low:.0f}, {high:.0f}]",
            f"wide-{e}": known[f"{e}_wide"],
            f"new-own-{e}": f"{known[f'{e}_pi_lower']:.0f} to {known[f'{e}_pi_upper']:.0f}",
        }
    return out


def _audited() -> dict[str, str]:
    """Claims, by verdict, by construction, discrepant labels; and the weightiest finding."""
    known = summary.facts()
    out = {name: str(known[name]) for name in ("claims", "built", "labels", "first")}
    return out | {v.replace(" ", "-"): str(known[v.replace(" ", "_")]) for v in VERDICTS}


def _range(bound: pd.Series) -> str:
    low, high = f"{bound['min']:.0f}", f"{bound['max']:.0f}"
    return low if low == high else f"{low} to {high}"


def _largest() -> dict[str, str]:
    """The largest row, and what is known of its count."""
    frame = studies.load("CR", "paediatric", "reconstructed")
    row = frame.loc[frame["n"].idxmax()]
    count = _range(row[["x_min", "x_max"]].rename({"x_min": "min", "x_max": "max"}))
    return {"largest": row["label"], "largest-n": str(row["n"]), "largest-CR": count}


def _pieces() -> dict[str, str]:
    """What the primary numbers leave of the largest row's CR, and what the later report says."""
    table = store.load("evidence_decomposition")
    every = identified.left(table, "base", "primary")
    rows, columns = (
        identified.plain(every).set_index("tau2_method"),
        ["cr_06952_min", "cr_06952_max"],
    )
    out = {"primary-DL": identified.span(*rows.loc["DL", columns])}
    for name, part in (("primary-all", rows), ("primary-grid", every)):
        out[name] = identified.span(part[columns[0]].min(), part[columns[1]].max())
    own = "scenario == @identified.LATER and row == @identified.LARGEST"
    report = store.load("scenarios").query(own)
    out |= {f"later-{e}": str(report[f"{e.lower()}_min"].iloc[0]) for e in studies.ENDPOINTS}
    for numbers in ("primary", "all"):
        fits = identified.plain(identified.left(table, identified.LATER, numbers))["tau2_method"]
        out[f"later-{numbers}"] = identified.listed(facts.named(fits), "no estimator")
    out["later-alone"] = facts.apart(table)["each"]
    alive = identified.plain(identified.left(table, "base", "all"))["tau2_method"]
    return out | {"tau2-left": identified.listed(facts.named(alive))}


def _overturned() -> dict[str, str]:
    """What overturns the range of the largest row that all numbers leave."""
    found = facts.overturned(store.load("breakdown"), "CR of").facts
    return {f"overturned-{k}": found[k] for k in ("patients", "numbers", "margin")}


def filled(text: str) -> str:
    """The text with every tagged number as the derived tables have it.

    Raises
    ------
    DataError
        On a tag that names no number.
    """
    known = values()

    def number(match: re.Match) -> str:
        if match[1] not in known:
            expected = f"one of {', '.join(known)}"
            raise DataError(f"README.md, <!--{match[1]}-->: found no such number, {expected}")
        return f"<!--{match[1]}-->{known[match[1]]}<!--/-->"

    return _TAG.sub(number, text)


def refreshed() -> Texts:
    """README.md as it is, and with its numbers in step with the derived tables."""
    found = README.read_bytes()
    return {README: (found, filled(found.decode()).encode())}
