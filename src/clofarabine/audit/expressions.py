"""The language of the audit's rules: sums, counts and shares over named tables, and nothing else.

An expression is read into Python's syntax tree and every node is looked up in a short list; no
text is ever run as code. It may hold

- numbers, text in quotes, ``+ - * /``, comparisons, ``and``, ``or``, ``not``;
- ``table.column``: a column of a table of the data package, or of the tables added to it;
- ``this``: the population of the claim, such as a study or an event; ``printed`` and ``unit``: its
  number and unit; ``low``: the lower end, in the expression of the upper one;
- the functions of `FUNCTIONS`. Where one takes a condition, the columns of its table stand there by
  their bare names: ``sum(table1_studies.enrolled, target > 0)``.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from ..rounding import counts_printing

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.And: operator.and_,
    ast.Or: operator.or_,
}
_NODES = (ast.Expression, ast.Constant, ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.BoolOp,
          ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.Load, *_OPERATORS)  # fmt: skip


class ExpressionError(ValueError):
    """An expression that the language does not allow. The message: found, expected."""


class Missing(LookupError):
    """A number that an expression needs is not reported: the rule then says nothing."""


@dataclass(frozen=True)
class Scope:
    """What the names of an expression mean.

    tables : named tables. names : values of `this` and `low`. reported : what the report of the
    study `this` prints for a quantity. row : the table whose columns have bare names.
    """

    tables: Mapping[str, pd.DataFrame]
    names: Mapping[str, Any]
    reported: Callable[..., float | None] = lambda *_: None
    row: pd.DataFrame | None = field(default=None, repr=False)


@cache
def parse(text: str) -> ast.expr:
    """Syntax tree of an expression of the language.

    Raises
    ------
    ExpressionError
        If it is no expression, or holds anything that is not in the language.
    """
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        raise ExpressionError(f"found {text!r}, expected an expression") from None
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            what = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise ExpressionError(f"found {what!r}, expected sums, counts and comparisons")
        if isinstance(node, ast.Constant) and type(node.value) not in (int, float, str):
            raise ExpressionError(f"found {node.value!r}, expected a number or text")
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            raise ExpressionError(f"found {ast.unparse(node)!r}, expected one comparison at a time")
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
            if name not in FUNCTIONS or node.keywords:
                expected = f"one of {', '.join(FUNCTIONS)}, without keywords"
                raise ExpressionError(f"found {ast.unparse(node)!r}, expected {expected}")
    return tree.body


def evaluate(text: str, scope: Scope) -> Any:
    """Value of an expression.

    Raises
    ------
    ExpressionError
        If it is not in the language, or names what is not there.
    Missing
        If it needs a number that is not reported.
    """
    return _value(parse(text), scope)


def _value(node: ast.expr, scope: Scope) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return _named(name, scope)
        case ast.Attribute():
            frame, column = _column(node, scope)
            return frame[column]
        case ast.BinOp(left=a, op=op, right=b) | ast.Compare(left=a, ops=[op], comparators=[b]):
            return _OPERATORS[type(op)](_value(a, scope), _value(b, scope))
        case ast.BoolOp(op=op, values=values):
            out = _truth(_value(values[0], scope))
            for v in values[1:]:
                out = _OPERATORS[type(op)](out, _truth(_value(v, scope)))
            return out
        case ast.UnaryOp(op=ast.Not(), operand=a):
            value = _truth(_value(a, scope))
            return ~value if isinstance(value, pd.Series) else not value
        case ast.UnaryOp(op=ast.USub(), operand=a):
            return -_value(a, scope)
        case ast.Call(func=ast.Name(id=name), args=args):
            try:
                return FUNCTIONS[name](scope, *args)
            except TypeError:
                raise ExpressionError(
                    f"found {ast.unparse(node)!r}, expected {name} as `FUNCTIONS` describes it"
                ) from None
    raise ExpressionError(f"found {ast.unparse(node)!r}, expected a value")


def _named(name: str, scope: Scope) -> Any:
    if scope.row is not None and name in scope.row.columns:
        return scope.row[name]
    if name in scope.names:
        if pd.isna(scope.names[name]):
            raise Missing
        return scope.names[name]
    columns = [] if scope.row is None else scope.row.columns
    raise ExpressionError(f"found {name!r}, expected one of {', '.join([*scope.names, *columns])}")


def _truth(value: Any) -> Any:
    """A condition; what is missing does not meet it."""
    return value.fillna(False).astype(bool) if isinstance(value, pd.Series) else bool(value)


def _table(name: str, scope: Scope) -> pd.DataFrame:
    try:
        return scope.tables[name]
    except (KeyError, ValueError):
        raise ExpressionError(f"found {name!r}, expected a table of the data package") from None


def _column(node: ast.expr, scope: Scope) -> tuple[pd.DataFrame, str]:
    """Table and name of a column."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        raise ExpressionError(f"found {ast.unparse(node)!r}, expected table.column")
    frame = _table(node.value.id, scope)
    if node.attr not in frame.columns:
        expected = f"one of {', '.join(frame.columns)}"
        raise ExpressionError(f"found {ast.unparse(node)!r}, expected {expected}")
    return frame, node.attr


def _met(frame: pd.DataFrame, condition: ast.expr | None, scope: Scope) -> pd.Series:
    """Which rows of a table meet a condition."""
    if condition is None:
        return pd.Series(True, frame.index)
    return _truth(_value(condition, Scope(scope.tables, scope.names, scope.reported, frame)))


def _values(scope: Scope, column: ast.expr, condition: ast.expr | None = None) -> pd.Series:
    """Known values of a column in the rows that meet a condition."""
    frame, name = _column(column, scope)
    return frame[name][_met(frame, condition, scope)].dropna()


def _cell(scope: Scope, column: ast.expr, condition: ast.expr) -> Any:
    """The value of the only row that meets a condition."""
    frame, name = _column(column, scope)
    found = frame[name][_met(frame, condition, scope)]
    if len(found) != 1:
        what = f"{len(found)} rows where {ast.unparse(condition)}"
        raise ExpressionError(f"found {what}, expected one")
    if pd.isna(found.iloc[0]):
        raise Missing
    return found.iloc[0]


def _extreme(least: bool) -> Callable[..., Any]:
    def extreme(scope: Scope, column: ast.expr, condition: ast.expr | None = None,
                by: ast.expr | None = None) -> Any:  # fmt: skip
        if isinstance(column, ast.Call):
            values = _value(column, scope)
        elif by is None:
            values = _values(scope, column, condition)
        else:
            frame, name = _column(column, scope)
            met = frame[_met(frame, condition, scope)]
            groups = met.groupby(ast.unparse(by), sort=False)[name]
            return (groups.min() if least else groups.max()).dropna()
        if values.empty:
            raise Missing
        return values.min() if least else values.max()

    return extreme


def _at(least: bool) -> Callable[..., Any]:
    def at(scope: Scope, column: ast.expr, of: ast.expr, condition: ast.expr) -> Any:
        frame, name = _column(column, scope)
        values = _values(scope, of, condition)
        return frame.loc[values.idxmin() if least else values.idxmax(), name]

    return at


def _count(scope: Scope, table: ast.expr, condition: ast.expr | None = None) -> int:
    return int(_met(_table(ast.unparse(table), scope), condition, scope).sum())


def _names(scope: Scope, column: ast.expr, condition: ast.expr | None = None) -> str:
    return ", ".join(sorted(_values(scope, column, condition).unique()))


def _holds(scope: Scope, condition: ast.expr) -> bool:
    try:
        return bool(_value(condition, scope))
    except Missing:
        return False


def _median_rank(scope: Scope, patients: ast.expr) -> int:
    return max(int(binom.ppf(0.025, int(_value(patients, scope)), 0.5)), 1)


def _reported(scope: Scope, *args: ast.expr) -> float:
    value = scope.reported(scope.names["this"], *(_value(a, scope) for a in args))
    if value is None:
        raise Missing
    return value


def _possible(scope: Scope, percent: ast.expr, decimals: ast.expr, whole: ast.expr) -> Any:
    p, d, n = (np.asarray(_value(a, scope), float) for a in (percent, decimals, whole))
    first, last = counts_printing(p - 0.5 * 10.0**-d, p + 0.5 * 10.0**-d, n)
    fits = np.asarray(last >= first)
    return fits if scope.row is None else pd.Series(fits, scope.row.index)


# Function -> what it gives. The first argument is the scope, the others stand in the expression.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    # sum(column, condition)
    "sum": lambda s, *a: _values(s, *a).sum(),
    # count(table, condition): rows
    "count": _count,
    # distinct(column, condition): different values
    "distinct": lambda s, *a: _values(s, *a).nunique(),
    # fewest(column, condition): rows of the value of the column that has the fewest
    "fewest": lambda s, *a: _values(s, *a).value_counts().min(),
    # commonest(column, condition): the value that most rows have
    "commonest": lambda s, *a: _values(s, *a).mode()[0],
    # cell(column, condition): the value of the only such row
    "cell": _cell,
    # smallest(column, condition, by), largest(...): with `by`, one for each of its values
    "smallest": _extreme(True),
    "largest": _extreme(False),
    # at_smallest(column, of, condition), at_largest(...): value where another column is smallest
    "at_smallest": _at(True),
    "at_largest": _at(False),
    # names(column, condition): different values, in a list
    "names": _names,
    # share(part, whole): in percent
    "share": lambda s, a, b: 100 * _value(a, s) / _value(b, s),
    # rounded(a, decimals)
    "rounded": lambda s, a, d: round(float(_value(a, s)), int(_value(d, s))),
    # possible(percent, decimals, n): whether a count of n prints as the percentage (GRIM test)
    "possible": _possible,
    # higher(a, b): the larger of two
    "higher": lambda s, a, b: max(_value(a, s), _value(b, s)),
    # holds(condition): false where it needs a number that is not reported
    "holds": _holds,
    # listed(column, text): where the value is one of the names in a list "a; b"
    "listed": lambda s, a, b: _value(a, s).isin(_value(b, s).split("; ")),
    # median_rank(n): place among n values of the lower 95% limit of their median (Conover 1999)
    "median_rank": _median_rank,
    # known(column): where there is a value
    "known": lambda s, a: _value(a, s).notna(),
    # reported(quantity, population): what the study's own report prints
    "reported": _reported,
}
