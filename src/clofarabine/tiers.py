"""How likely a method is as software would have it: its defaults, its options, anything else.

The paper names two transformations and no software. A method counts as a default where a program
gives it once the transformation is chosen and nothing else is; `data/sources/software_defaults.csv`
says which program and where that is documented. Rows of the overall population are the analyst's
choice under every program, so that they have no part in a tier.
"""

from functools import cache

import pandas as pd

from metaprop.labels import CI_METHOD, INVERSE, TAU2_METHOD
from metaprop.method import Method

from .readings import rows_in_words
from .reconstruction import VARIED
from .tables import store

TIERS = {1: "software default", 2: "documented option", 3: "other"}
# Transformations that the paper names.
SCALES = ("PAS", "PFT")


@cache
def _documented() -> dict[tuple[str, ...], int]:
    """The first tier in which some program gives an estimator, interval and inverse."""
    table = store.load("software_defaults")
    table = table[table["scale"].isin(SCALES)].fillna({"inverse": "none"})
    return table.groupby(["tau2_method", "ci_method", "inverse"])["tier"].min().to_dict()


def tier_of(method: Method) -> int:
    """The tier of a method, a key of `TIERS`: the first that some program gives it."""
    return int(_documented().get((method.tau2_method, method.ci_method, method.inverse), 3))


def _words(method: Method) -> str:
    """The fields of a method that the grid varies, in words."""
    return ", ".join(
        (TAU2_METHOD[method.tau2_method], CI_METHOD[method.ci_method], INVERSE[method.inverse],
         rows_in_words(method.rows))
    )  # fmt: skip


def by_tier(survivors: pd.DataFrame, methods: tuple[Method, ...]) -> pd.DataFrame:
    """How many methods of each tier are possible: tier, methods, possible, which.

    survivors : one row a method that leaves a vector, with the method's columns.
    """
    alive = {Method("PAS", *row) for row in survivors[list(VARIED)].itertuples(index=False)}
    records = []
    for tier, name in TIERS.items():
        own = [m for m in methods if tier_of(m) == tier]
        left = [_words(m) for m in own if m in alive]
        records.append((tier, name, len(own), len(left), "; ".join(left) or pd.NA))
    return pd.DataFrame(records, columns=["tier", "name", "methods", "possible", "which"])
