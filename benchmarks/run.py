"""Run the benchmarks that are here, one after the other, and write RESULTS.md.

Each module beside this one has a TITLE and a main() that returns Markdown. ROUNDS=1 is quick.
Names after the command choose some: run.py fits pipeline; the others' results are kept.
"""

import importlib
import platform
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ORDER = ("fits", "search", "printed", "pipeline", "tests")
HEAD = """# Measured

Written by `make bench`: every comparison in one run, side by side, on one machine. Ratios carry
over to other machines, seconds do not.
"""


def main(chosen: list[str]) -> None:
    """Write the sections of RESULTS.md, those not chosen as they were."""
    path = HERE / "RESULTS.md"
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    sections = dict(re.findall(r"^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", old, re.M | re.S))
    for name in ORDER:
        if (HERE / f"{name}.py").is_file() and (not chosen or name in chosen):
            module = importlib.import_module(name)
            print(f"{module.TITLE} ...", file=sys.stderr)
            machine = (
                f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
            )
            sections[name] = f"## {module.TITLE}\n\n{module.main()}\n{machine}.\n\n"
    text = "".join(f"<!-- {n} -->\n{sections[n]}" for n in ORDER if n in sections)
    path.write_text(f"{HEAD}\n{text.rstrip()}\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1:])
