"""The rules that a table can say: data/sources/audit_rules.csv, applied to the claims they name.

A row names the claims it speaks of (quantity, population, where they stand), the expression that
recomputes them, what agreement is worth, and how the result is told. To audit another paper is to
write such a table. What no table can say is a function in one of the modules ``rules_*``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from ..tables import DataError
from ..tables.printed import read
from .checks import Check, compare, compare_label
from .expressions import ExpressionError, Missing, Scope, evaluate, parse
from .ledger import Paper

FILE = "data/sources/audit_rules.csv"
_EXPRESSIONS = ("when", "expression", "upper", "caveat_when")
_TEXTS = ("says", "caveat")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class TableRule:
    """One row of the table; line: its line in the file. Other fields as its columns."""

    line: int
    rule: str
    quantity: str
    population: str
    where: str
    when: str | None
    expression: str
    upper: str | None
    kind: str
    test: str
    says: str
    caveat: str | None
    caveat_when: str | None


def _wrong(line: int, column: str, error: ExpressionError) -> DataError:
    return DataError(f"{FILE}, row {line}, column {column}: {error}")


def table_rules(table: pd.DataFrame) -> list[TableRule]:
    """Rows of the table as rules.

    Raises
    ------
    DataError
        With file, row, column, what was found and what was expected, if an expression is not in
        the language of `expressions`.
    """
    rules = []
    for line, row in enumerate(table.to_dict("records"), start=2):
        cells = {c: None if pd.isna(v) else str(v) for c, v in row.items()}
        for column in (*_EXPRESSIONS, *_TEXTS):
            text = cells[column] or ""
            parts = _PLACEHOLDER.findall(text) if column in _TEXTS else [text] if text else []
            for part in parts:
                try:
                    parse(part)
                except ExpressionError as error:
                    raise _wrong(line, column, error) from None
        rules.append(TableRule(line, **cells))
    return rules


def _with_rates(events: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Reported cells of a table of events: with N, the patients of the study, and the rate."""
    known = events.dropna(subset="n").copy()
    known["N"] = known["study"].map(sizes.set_index("study")["n"])
    known["rate"] = 100 * known["n"].astype(float) / known["N"].astype(float)
    return known


class Named(dict[str, pd.DataFrame]):
    """The tables that expressions may name.

    Beside those of the data package: ``reports`` (cross_checks, each number with its value),
    ``ledger`` (every claim), ``text`` (those that stand in the text), ``table3`` and ``table4``
    (the reported cells, with N and the rate in percent).
    """

    def __init__(self, paper: Paper) -> None:
        super().__init__()
        self._paper = paper

    def __missing__(self, name: str) -> pd.DataFrame:
        tables = self._paper.tables
        if name in ("table3", "table4"):
            self[name] = _with_rates(tables[f"{name}_events"], tables[f"{name}_studies"])
        elif name == "reports":
            frame = tables["cross_checks"].query("unit != 'label'")
            self[name] = frame.assign(value=[read(p).value for p in frame["printed"]])
        elif name in ("ledger", "text"):
            frame = self._paper.claims if name == "ledger" else self._paper.prose
            self[name] = frame.reset_index()
        else:
            return tables[name]
        return self[name]


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{float(value):g}"


class Applied:
    """The rules of the table, ready to be asked about claims of one paper."""

    def __init__(self, paper: Paper, named: Mapping[str, pd.DataFrame] | None = None) -> None:
        self.paper = paper
        self.named = Named(paper) if named is None else named
        self.rules = table_rules(paper.tables["audit_rules"])

    def _scope(self, **names: Any) -> Scope:
        return Scope(self.named, names, self.paper.reported)

    def _value(self, rule: TableRule, column: str, scope: Scope) -> Any:
        try:
            return evaluate(getattr(rule, column), scope)
        except ExpressionError as error:
            raise _wrong(rule.line, column, error) from None

    def _text(self, rule: TableRule, column: str, scope: Scope) -> str:
        def fill(match: re.Match) -> str:
            try:
                return _shown(evaluate(match[1], scope))
            except ExpressionError as error:
                raise _wrong(rule.line, column, error) from None

        return _PLACEHOLDER.sub(fill, getattr(rule, column))

    def populations(self, rule: TableRule) -> set[str]:
        """Populations that a rule speaks of: one, or every value of a column."""
        name, dot, column = rule.population.partition(".")
        if not dot:
            return {rule.population}
        frame = self.named[name]
        if column not in frame.columns:
            expected = f"a population, or table.column with one of {', '.join(frame.columns)}"
            error = ExpressionError(f"found {rule.population!r}, expected {expected}")
            raise _wrong(rule.line, "population", error)
        return set(frame[column].dropna())

    def result(
        self, rule: TableRule, population: str, **claim: Any
    ) -> tuple[str, Any, Any, str] | None:
        """What a rule gives for a population: text, both ends and caveat; None if not reported.

        claim : `printed` and `unit`, for rules that speak of the number itself. A rule of a label
        gives the label as both ends.
        """
        scope = self._scope(this=population, **claim)
        try:
            if rule.when and not self._value(rule, "when", scope):
                return None
            low = self._value(rule, "expression", scope)
            low = low if isinstance(low, str) else float(low)
            ends = self._scope(this=population, low=low)
            high = float(self._value(rule, "upper", ends)) if rule.upper else low
            noted = rule.caveat and not (
                rule.caveat_when and not self._value(rule, "caveat_when", scope)
            )
            caveat = self._text(rule, "caveat", scope) if noted else ""
            return self._text(rule, "says", scope), low, high, caveat
        except Missing:
            return None

    def claims(self, rule: TableRule, population: str) -> list[str]:
        """Ids of the claims that a rule speaks of for one population."""
        ids = self.paper.stating(rule.quantity, population)
        if rule.where == "text":
            return [id for id in ids if id in self.paper.prose.index]
        return [id for id in ids if fnmatchcase(id, rule.where)]

    def checks(self, name: str) -> Iterator[tuple[TableRule, Check]]:
        """Every check of the rules of this name, in the order of the table."""
        for rule in self.rules:
            if rule.rule != name:
                continue
            for population in sorted(self.populations(rule)):
                for id in self.claims(rule, population):
                    if check := self._check(rule, population, id):
                        yield rule, check

    def _check(self, rule: TableRule, population: str, id: str) -> Check | None:
        claim = self.paper.rows[id]
        found = self.result(rule, population, printed=claim["value"], unit=claim["unit"])
        if found is None:
            return None
        says, low, high, caveat = found
        if isinstance(low, str):
            return compare_label(self.paper, id, says, low, kind=rule.kind, caveat=caveat)
        return compare(self.paper, id, says, low, high, kind=rule.kind, caveat=caveat)


def checks(paper: Paper, name: str) -> Iterator[Check]:
    """Every check that the table's rules of this name make of a paper."""
    for _, check in Applied(paper).checks(name):
        yield check
