"""Run the benchmarks that are here, one after the other, and write RESULTS.md.

Each module beside this one has a TITLE and a main() that returns Markdown. ROUNDS=1 is quick.
Names after the command choose some: run.py fits pipeline; the others' results are kept.
"""

import importlib
import os
import platform
import re
import sys
from pathlib import Path

import curves

HERE = Path(__file__).parent
ORDER = ("fits", "search", "printed", "pipeline", "tests")
HEAD = """# Measured

Written by `make bench`: every comparison in one run, side by side, on one machine, which each
section names. Ratios carry over to other machines, seconds do not.
"""


def _first(path: str, pattern: str) -> str:
    """First match in a file of /proc, "" where there is none (another system)."""
    try:
        found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.M)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def machine() -> str:
    """Processor, memory and Python, and how busy the machine was beside this; no host's name."""
    cpu = _first("/proc/cpuinfo", r"^model name\s*:(.*)$") or platform.machine()
    memory = int(_first("/proc/meminfo", r"^MemTotal:\s*(\d+) kB") or 0) / 2**20
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} processors ({cpu}), {memory:.0f} GB"
    )


def busy(before: float) -> str:
    """A sentence on the load when the section began: what else ran makes its seconds larger."""
    if before < 0.5:
        return "Nothing else ran when this began."
    return f"Load when this began: {before:.1f}, the machine was shared; seconds are too large."


def main(chosen: list[str]) -> None:
    """Write the sections of RESULTS.md, those not chosen as they were."""
    path = HERE / "RESULTS.md"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    sections = dict(re.findall(r"^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", old, re.M | re.S))
    load = os.getloadavg()[0]
    for name in ORDER:
        if (HERE / f"{name}.py").is_file() and (not chosen or name in chosen):
            module = importlib.import_module(name)
            print(f"{module.TITLE} ...", file=sys.stderr)
            body = f"## {module.TITLE}\n\n{module.main()}"
            sections[name] = f"{body}\n{machine()}.\n{busy(load)}\n\n"
    drawn = {n: curves.search(t) if n == "search" else "" for n, t in sections.items()}
    text = "".join(f"<!-- {n} -->\n{_with(sections[n], drawn[n])}" for n in ORDER if n in sections)
    path.write_text(f"{HEAD}\n{text.rstrip()}\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


def _with(section: str, drawing: str) -> str:
    """A section with the link to its drawing at the end, once."""
    return f"{section.replace(drawing, '').rstrip()}\n\n{drawing}" if drawing else section


if __name__ == "__main__":
    main(sys.argv[1:])
