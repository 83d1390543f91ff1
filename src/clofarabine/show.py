"""Tables as people read them, for every notebook. Imports nothing of the other modules."""

import html
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import pandas as pd

DASH = "–"
_POWERS = {6: "million", 9: "billion", 12: "trillion", 15: "quadrillion", 18: "quintillion"}
# A count, percentage, interval or bound that stands as text: 5 (7.0%), > 30 (> 79%), 646 to 656.
_FIGURES = re.compile(r"([<>≤≥−-] ?)?\d[\d.,]*\b(?!-)[\d\s.,()%<>≤≥\[\]–−]*(to [\d.,%\s]+)?")
_NOWRAP = ";white-space:nowrap"
_DENSE = 9  # columns from which on cells are set closely, and numbers wrap: "22 (36.1%)"
_ADDRESS = 30  # letters of a word that may break anywhere, as an address does
_CELL = {
    "left": "padding:0.2em 0.6em;text-align:left",
    "right": f"padding:0.2em 0.6em;text-align:right{_NOWRAP}",
}


@dataclass(frozen=True)
class Displayed:
    """What a notebook displays: HTML, and text where no HTML is shown."""

    text: str
    html: str = field(repr=False)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}


class Table(Displayed):
    """A table; its text is aligned."""


def table(
    frame: pd.DataFrame,
    headings: Mapping[str, str] = {},
    caption: str = "",
    decimals: int = 1,
) -> Table:
    """The frame as a table to read: headings in words, missing as a dash, no running index.

    Parameters
    ----------
    frame : DataFrame
        An index with a name becomes the first column, a running one is not shown. A first column of
        text heads its row.
    headings : mapping
        Heading by column; without one the column's name stands, its underscores as blanks.
    caption : str
        Stands above.
    decimals : int
        Of numbers that are not whole by type; a million and more is put into words.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = [headings.get(c, str(c).replace("_", " ")) for c in frame.columns]
    columns = [frame.iloc[:, i] for i in range(len(names))]
    rows = list(zip(*([cell(v, decimals) for v in c] for c in columns), strict=True))
    sides = ["right" if _numeric(c) else "left" for c in columns]
    if columns and any(isinstance(v, str) for v in columns[0]):
        sides[0] = "left"  # a label is a label, whatever it looks like
    return Table(_plain(names, rows, sides, caption), _html(names, rows, sides, caption))


def cell(value: object, decimals: int = 1) -> str:
    """A value as a table shows it: yes, no, a dash if missing, a number, or the text itself."""
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return DASH
    if not isinstance(value, Real):
        return str(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = _large(value) if abs(value) >= 999_999.5 else _small(value, decimals)
    return text.replace("-", "−")


def _small(value: Real, decimals: int) -> str:
    """Number below a million; what would be rounded to nothing is shown as a bound."""
    if isinstance(value, Integral):
        return f"{value:,}" if abs(value) >= 10_000 else f"{value}"
    text = f"{value:,.{decimals}f}" if abs(value) >= 10_000 else f"{value:.{decimals}f}"
    if value and not float(text.replace(",", "")):
        least = f"{10.0**-decimals:.{decimals}f}"
        return f"< {least}" if value > 0 else f"> -{least}"
    return text.removeprefix("-") if not value else text


def _large(value: Real) -> str:
    """Number from a million on, in words to one decimal."""
    for power, word in _POWERS.items():
        text = f"{value / 10**power:.1f}"
        if abs(float(text)) < 1000:
            return f"{text} {word}"
    return f"{value:.1e}"


def _numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, or text that is read as one; or nothing but dashes."""
    values = [v for v in column if not (pd.api.types.is_scalar(v) and pd.isna(v))]
    return len(column) > 0 and all(
        _FIGURES.fullmatch(v) is not None
        if isinstance(v, str)
        else isinstance(v, Real) and not pd.api.types.is_bool(v)
        for v in values
    )


def _plain(names: list[str], rows: list[tuple], sides: list[str], caption: str) -> str:
    lines = [tuple(names), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    text = [
        "  ".join(
            t.rjust(w) if side == "right" else t.ljust(w)
            for t, w, side in zip(line, widths, sides, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([caption, *text] if caption else text)


def _heading(text: str) -> str:
    """A heading, which may break after a slash too."""
    return html.escape(text).replace("/", "/<wbr>")


def _together(text: str, side: str) -> str:
    """A cell of figures whose interval stays in one line: "16 [8, 28]" wraps before its bracket."""
    return text.replace(", ", ",\u00a0") if side == "right" else text


def _breaks(text: str) -> str:
    """Style of a cell with a word so long that the table would not fit a page."""
    longest = max(map(len, text.split()), default=0)
    return ";overflow-wrap:anywhere;min-width:12em" if longest > _ADDRESS else ""


def _html(names: list[str], rows: list[tuple], sides: list[str], caption: str) -> str:
    """HTML with a scope on every heading; wide tables wrap and, if need be, scroll, by keyboard."""
    name, styles, size = html.escape(caption or "table"), [_CELL[side] for side in sides], ""
    if len(names) >= _DENSE:
        styles = [s.removesuffix(_NOWRAP).replace("0.6em", "0.25em") for s in styles]
        size = ";font-size:0.85em"
    out = [
        f'<div role="region" aria-label="{name}" tabindex="0" style="overflow-x:auto">',
        f'<table style="border-collapse:collapse;margin:0.5em 0{size}">',
    ]
    if caption:
        style = "caption-side:top;text-align:left;font-weight:bold;padding:0.2em 0.6em"
        out.append(f'<caption style="{style}">{html.escape(caption)}</caption>')
    heads = (
        f'<th scope="col" style="{s.removesuffix(_NOWRAP)}">{_heading(n)}</th>'
        for n, s in zip(names, styles, strict=True)
    )
    out.append("<thead><tr>" + "".join(heads) + "</tr></thead>")
    out.append("<tbody>")
    for row in rows:
        cells = [
            f'<td style="{s}{_breaks(t)}">{html.escape(_together(t, side))}</td>'
            for t, s, side in zip(row, styles, sides, strict=True)
        ]
        if sides and sides[0] == "left":
            style = f"{styles[0]};font-weight:normal{_NOWRAP * (len(row[0]) < 20)}"
            cells[0] = f'<th scope="row" style="{style}">{html.escape(row[0])}</th>'
        out.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*out, "</tbody>", "</table>", "</div>"])
