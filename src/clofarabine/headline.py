"""The numbers that README states, each from a derived table; ``make update`` writes them there."""

import re

from . import data, rows
from .data import ROOT, write_bytes

_TAG = re.compile(r"<!--([\w-]+)-->(.*?)<!--/-->", re.DOTALL)
README = ROOT / "README.md"


def values() -> dict[str, str]:
    """What stands between ``<!--name-->`` and ``<!--/-->``, by name."""
    verdicts = data.load("claims_verdicts")["verdict"]
    out = {"claims": str(len(verdicts))}
    out |= {f"claims-{v.replace(' ', '-')}": str(n) for v, n in verdicts.value_counts().items()}
    for endpoint in rows.ENDPOINTS:
        known = rows.load(endpoint, "overall")["kind"].eq("documented")
        out[f"documented-{endpoint}"] = str(int(known.sum()))
    out["rows"] = str(len(known))
    return out


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
            raise data.DataError(f"README.md, <!--{match[1]}-->: found no such number, {expected}")
        return f"<!--{match[1]}-->{known[match[1]]}<!--/-->"

    return _TAG.sub(number, text)


def refresh() -> None:
    """Bring the numbers of README.md in step with the derived tables."""
    write_bytes(README, filled(README.read_text(encoding="utf-8")).encode())
