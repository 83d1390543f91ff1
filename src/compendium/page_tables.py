"""Tables of a page: every head with its scope, every frame with a name, long ones folded.

A table wider than its column scrolls in its frame; the stylesheet draws a shadow where more is to
be seen, stacks rows on a telephone where they are marked so, and lets words break in print.
"""

import html
import re
from collections import Counter

from bs4 import BeautifulSoup, Tag

LONG = 12  # rows; a longer table is folded
WIDE = 8  # columns; words of a wider table break on paper
WORD = 40  # characters; an address as long as this breaks too
_PARTS = re.compile(r"<h[1-6][^>]*>(?P<heading>.*?)</h[1-6]>|<table.*?</table>", re.DOTALL)
_MARKUP = re.compile(r"<[^>]+>")


class Names:
    """Names of a page's regions, each given once."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def new(self, name: str) -> str:
        """The name, with a number if another region has it already."""
        self._given[name] += 1
        n = self._given[name]
        return name if n == 1 else f"{name} ({n})"


def plain(markup: str) -> str:
    """Text of a piece of HTML."""
    return html.unescape(_MARKUP.sub("", markup)).strip()


def only_table(text: str) -> str:
    """The table of an output that is one table in wrappers of its own; else the text as it is."""
    soup = BeautifulSoup(text, "html.parser")
    tables = soup.find_all("table")
    if len(tables) != 1:
        return text
    for style in soup.find_all("style"):
        style.decompose()
    alone = soup.get_text(strip=True) == tables[0].get_text(strip=True)
    return str(tables[0]) if alone else text


def framed(text: str, name: str, names: Names) -> str:
    """A table that can be read without seeing it, in a frame that scrolls.

    Parameters
    ----------
    text : str
        HTML of one table.
    name : str
        What the frame is called if the table has no caption.
    names : Names
        The names that the page's regions have already.
    """
    table = BeautifulSoup(text, "html.parser").table
    for cell in table.find_all(["th", "td"]):
        _plain_cell(cell)
    columns = max((len(row.find_all(["th", "td"])) for row in table.find_all("tr")), default=0)
    longest = max((len(word) for word in table.get_text(" ").split()), default=0)
    table.attrs = {"class": "dense"} if columns > WIDE or longest > WORD else {}
    caption = table.caption
    if caption is not None:
        caption.attrs = {}
        name = caption.get_text(" ", strip=True)
    own = html.escape(names.new(first_sentence(name)))
    frame = f'<div class="wide" tabindex="0" role="region" aria-label="{own}">{table}</div>'
    rows = len(table.select("tbody tr"))
    if rows <= LONG:
        return frame
    return f'<details class="long"><summary>{own}: {rows} rows</summary>{frame}</details>'


def _plain_cell(cell: Tag) -> None:
    """One cell: a scope if it is a head, a class for its side, no style of its own."""
    style, scope = str(cell.get("style", "")), cell.get("scope")
    spans = {k: v for k, v in cell.attrs.items() if k in ("colspan", "rowspan")}
    in_head = cell.find_parent("thead") is not None
    if cell.name == "th" and not cell.get_text(strip=True):
        cell.name = "td"
    own = {"scope": scope or ("col" if in_head else "row")} if cell.name == "th" else {}
    cell.attrs = own | spans
    if re.search(r"text-align:\s*right", style):
        cell["class"] = "r"


def first_sentence(text: str, least: int = 1) -> str:
    """What comes before the first full stop that ends a sentence, with this many words at least."""
    parts = re.split(r"(?<=[^.\s]{2})[.;]\s+(?=[A-Z0-9])", text.strip())
    n = 1
    while n < len(parts) and len(" ".join(parts[:n]).split()) < least:
        n += 1
    return ". ".join(parts[:n]).rstrip(".")


def all_framed(body: str, names: Names) -> str:
    """The body of a page with every table in a frame, called as its caption or as its heading."""
    heading = "Table"

    def part(m: re.Match) -> str:
        nonlocal heading
        if m["heading"] is not None:
            heading = plain(m["heading"])
            return m[0]
        return framed(m[0], heading, names)

    return _PARTS.sub(part, body)
