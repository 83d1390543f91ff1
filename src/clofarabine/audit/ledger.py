"""Every number that the paper prints, as one ledger: a claim is a number (or a label) in its place.

Cells of tables come from the tables of data/published, numbers of the text from its prose table;
nothing is written down twice. The ledger is committed as claims.csv so that it can be read and
cited; `collect` makes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from ..tables import Tables, load_evidence, resource
from ..tables.paths import DATA
from ..tables.printed import read
from ..tables.store import Texts

# Sections in the order of the paper. The prose of a table's header, footnotes and caption belongs
# to the table.
SECTIONS = (
    "Abstract", "Key Summary Points", "Introduction", "Study Selection", "Study Characteristics",
    "Table 1",
    "Patient Characteristics", "Table 2", "Efficacy", "Figure 2 caption", "Sensitivity Analysis",
    "Publication Bias", "Safety", "Table 3", "Table 4", "Discussion", "Conclusions",
)  # fmt: skip

# Sections that repeat results which have their home elsewhere in the paper.
SUMMARIES = ("Abstract", "Key Summary Points", "Discussion", "Conclusions")

# Units of things that are counted: their number is exact, not rounded.
COUNTED = ("patients", "studies", "records", "reference", "regimens", "days", "cycles", "grade",
           "transplants", "year", "hours", "endpoints")  # fmt: skip

COLUMNS = ("id", "section", "locator", "quantity", "population", "printed", "value", "lower",
           "upper", "unit", "decimals")  # fmt: skip

TOTALS = {
    "enrolled": "enrolled",
    "exposed": "exposed",
    "rr_all": "R/R ALL",
    "other_all": "other leukaemia",
    "target": "target overall",
    "target_paediatric": "target paediatric",
    "target_adult": "target adult",
}
_PLACES = {
    "title_phase": "phase in the title",
    "title_disease": "disease in the title",
    "dose_min": "lowest dose",
    "dose_max": "highest dose",
    "infusion_hours": "length of the infusion",
}
_STUDY = {
    "enrolled": "patients enrolled",
    "exposed": "patients exposed",
    "rr_all": "patients with ALL",
    "other_all": "patients with other leukaemia",
    "target": "patients in the target population",
    "target_paediatric": "paediatric patients in the target population",
    "target_adult": "adult patients in the target population",
}


def _claim(
    id: str, section: str, locator: str, quantity: str, population: str, printed: object, unit: str
) -> dict[str, object]:
    """One row of the ledger; a label has no value."""
    text = str(printed)
    row = dict(zip(COLUMNS, (id, section, locator, quantity, population, text), strict=False))
    row |= {"value": pd.NA, "lower": pd.NA, "upper": pd.NA, "unit": unit, "decimals": pd.NA}
    if unit == "label":
        return row
    p = read(text)
    low, high = (p.lower, p.upper)
    if unit in COUNTED and p.upper - p.lower <= 1:
        low = high = p.value
    row |= {"value": p.value, "decimals": p.decimals}
    row["lower"] = pd.NA if low == float("-inf") else low
    row["upper"] = pd.NA if high == float("inf") else high
    return row


def _selection(t: Tables) -> Iterator[dict]:
    for r in t["selection"].itertuples():
        place = f"paragraph {r.paragraph}, sentence {r.sentence}"
        yield _claim(f"selection/{r.step}", r.section, place, r.step, r.kind, r.printed, r.unit)


def _table1(t: Tables) -> Iterator[dict]:
    total = t["table1_total"].iloc[0]
    for column, population in TOTALS.items():
        place = f"total row, {population}"
        yield _claim(
            f"table1/total/{column}", "Table 1", place, "patients", population, total[column],
            "patients",
        )  # fmt: skip
    regimens = t["table1_regimens"]
    for _, r in t["table1_studies"].iterrows():
        study = r["study"]
        for column, quantity, unit in (
            ("reference", "citation", "reference"), ("title_phase", "phase", "label"),
            ("title_disease", "disease", "label"), ("design", "design", "label"),
            ("phase", "phase", "label"),
            *((c, q, "patients") for c, q in _STUDY.items()),
        ):  # fmt: skip
            if not pd.isna(r[column]):
                id = f"table1/{study}/{column}"
                place = f"{study}, {_PLACES.get(column, _STUDY.get(column, column))}"
                yield _claim(id, "Table 1", place, quantity, study, r[column], unit)
        for _, g in regimens[regimens["study"] == study].iterrows():
            arm = g["regimen"] if pd.isna(g["cohort"]) else f"{g['regimen']}, cohort {g['cohort']}"
            ends = ("dose_min", "dose_max") if g["dose_min"] != g["dose_max"] else ("dose_min",)
            for column, quantity, unit in (
                *((e, "scheduled dose", "mg/m²") for e in ends if not pd.isna(g[e])),
                ("infusion_hours", "length of the infusion", "hours"),
                ("days", "scheduled treatment days", "days"),
            ):
                if not pd.isna(g[column]):
                    id = f"table1/{study}/{arm}/{column}"
                    place = f"{study}, {arm}, {_PLACES.get(column, column)}"
                    text = f"{g[column]:g}"
                    yield _claim(id, "Table 1", place, quantity, study, text, unit)


def _table2(t: Tables) -> Iterator[dict]:
    table = t["table2_characteristics"]
    for block, part in table.groupby("characteristic", sort=False):
        studies = part["studies"].iloc[0]
        if not pd.isna(studies):
            id = f"table2/{block}/studies"
            yield _claim(id, "Table 2", block, f"studies with {block}", "all", studies, "studies")
        for r in part.itertuples():
            key, place = f"table2/{block}/{r.level}", f"{block}, {r.level}"
            for column, quantity, text, unit in (
                ("n", f"{block}: {r.level}", str(r.n), "patients"),
                ("total", f"{block}: total", str(r.total), "patients"),
                ("percent", f"{block}: {r.level}", f"{r.percent:.1f}", "%"),
            ):
                id = f"{key}/{column}"
                yield _claim(id, "Table 2", f"{place}, {column}", quantity, "exposed", text, unit)


def _events(t: Tables, k: int) -> Iterator[dict]:
    section, table = f"Table {k}", t[f"table{k}_events"].dropna(subset="n")
    for r in t[f"table{k}_studies"].itertuples():
        study, key = r.study, f"table{k}/{r.study}"
        quantity = "patients in the safety report"
        yield _claim(f"{key}/N", section, f"{study}, N", quantity, study, r.n, "patients")
        for e in table[table["study"] == study].itertuples():
            n, _, percent = e.printed.rstrip(")%").partition(" (")
            for column, text, unit in (("n", n, "patients"), ("percent", percent, "%")):
                id, place = f"{key}/{e.event}/{column}", f"{study}, {e.event}, {column}"
                yield _claim(id, section, place, e.event, study, text, unit)


def _pooled(t: Tables) -> Iterator[dict]:
    for r in t["pooled_results"].itertuples():
        analysis = {"PAS": "primary", "PFT": "sensitivity"}[r.transformation]
        for column, tail in (
            ("estimate", ""), ("lower", ", lower limit"), ("upper", ", upper limit"),
        ):  # fmt: skip
            yield _claim(
                f"pooled/{r.endpoint}/{r.population}/{r.transformation}/{column}", r.section,
                f"paragraph {r.paragraph}, sentence {r.sentence}",
                f"{r.endpoint} rate, {analysis}{tail}", r.population,
                f"{getattr(r, column):g}", r.unit,
            )  # fmt: skip


def _prose(t: Tables) -> Iterator[dict]:
    for r in t["prose"].itertuples():
        section, place = r.section, f"paragraph {r.paragraph}, sentence {r.sentence}"
        for table in ("Table 1", "Table 2", "Table 3", "Table 4"):
            if section.startswith(f"{table} "):
                section, place = table, f"{section.removeprefix(table).strip()}, {r.paragraph}"
        yield _claim(r.id, section, place, r.quantity, r.population, r.printed, r.unit)


def collect(tables: Tables) -> pd.DataFrame:
    """Every number of the paper, one row each, in the order of its sections.

    Returns
    -------
    DataFrame with the columns of claims.csv. value, lower, upper: the number and the values that
    print so (NA: unbounded, or a label); a count is exact.
    """
    parts = (_prose(tables), _selection(tables), _table1(tables), _table2(tables),
             _pooled(tables), _events(tables, 3), _events(tables, 4))  # fmt: skip
    frame = pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS))
    twice = frame.loc[frame["id"].duplicated(), "id"]
    if len(twice):
        raise ValueError(f"claims: found {twice.iloc[0]!r} twice, expected each id once")
    order = frame["section"].map({s: i for i, s in enumerate(SECTIONS)})
    if order.isna().any():
        unknown = frame.loc[order.isna(), "section"].iloc[0]
        raise ValueError(f"claims: found section {unknown!r}, expected one of {SECTIONS}")
    for column in ("value", "lower", "upper"):
        frame[column] = frame[column].astype("Float64")
    frame["decimals"] = frame["decimals"].astype("Int64")
    text = frame.columns.difference(["value", "lower", "upper", "decimals"])
    frame[text] = frame[text].astype("string")
    return frame.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def refreshed() -> Texts:
    """claims.csv as it is, and in step with the tables that it is made from.

    No notebook reads the file: each collects the ledger anew.
    """
    path = DATA / resource("claims")["path"]
    text = collect(Tables()).to_csv(index=False, na_rep="NA", lineterminator="\n")
    return {path: (path.read_bytes() if path.is_file() else None, text.encode())}


@dataclass(frozen=True)
class Paper:
    """The paper's tables and, made from them, its ledger of claims."""

    tables: Tables

    @classmethod
    def load(cls) -> "Paper":
        """The paper as transcribed, with the evidence of this run (`reproduce --counts`)."""
        return cls(Tables(evidence=load_evidence()))

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The ledger, indexed by id."""
        return collect(self.tables).set_index("id")

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The ledger's rows by id."""
        return self.claims.to_dict("index")

    @cached_property
    def _stating(self) -> dict[tuple[str, str], list[str]]:
        out: dict[tuple[str, str], list[str]] = {}
        for id, c in self.rows.items():
            out.setdefault((c["quantity"], c["population"]), []).append(id)
        return out

    def stating(self, quantity: str, population: str) -> list[str]:
        """Ids of the claims that state this quantity of this population, in the paper's order."""
        return self._stating.get((quantity, population), [])

    @cached_property
    def _reports(self) -> dict[tuple[str, str, str | None], float]:
        own, later = self.tables["cross_checks"], self.tables["external_check"]
        found = {(r.study, r.quantity, r.population): float(r.printed)
                 for r in later[::-1].itertuples()}  # fmt: skip
        return found | {
            (r.study, r.quantity, None): read(r.printed).value
            for r in own[own["unit"] != "label"][::-1].itertuples()
        }

    def reported(self, study: str, quantity: str, population: str | None = None) -> float | None:
        """What the study's own report prints, None if it was not read.

        With a population, what the later report of the same patients prints of it.
        """
        key = (study, quantity, population)
        self.asked.add(key)
        return self._reports.get(key)

    @cached_property
    def asked(self) -> set[tuple[str, str, str | None]]:
        """Study, quantity and population of what rules asked of the reports so far."""
        return set()

    @cached_property
    def prose(self) -> pd.DataFrame:
        """The claims that stand in the text, not in a table's cell or the pooled results."""
        return self.claims.loc[self.tables["prose"]["id"]]
