"""Remove from a build folder what runs wrote there, by their own lists; name what stays.

Needs the standard library only: `make clean` works without the environment.
"""

import fcntl
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src" / "compendium"))
sys.dont_write_bytecode = True
from publish import MANIFEST, PublishError, recover, remove, remove_empty  # noqa: E402

# Lists of what was written into a build folder: by runs, by notebooks that were opened by hand, by
# `make report` and `make report-pdf`, by `python -m metaprop counts`.
LISTS = (
    MANIFEST,
    *(f"{folder}/{MANIFEST}" for folder in ("selected", "grid/*", "runs/*", "interactive")),
    "report.sha256",
    "report-pdf.sha256",
    "*/counts.sha256",
)
MARKER = ".clofarabine"  # in every build folder, also one within another


def clean(build: Path) -> None:
    """Remove every file that a list of outputs below the folder names, and what a kill left."""
    for line in recover(build / ".staging"):
        print(line)
    for work in (build / "runs").glob(".*-*"):
        if (work / ".unfinished").is_file():
            shutil.rmtree(work)
    for place in LISTS:
        for path in build.glob(place):
            try:
                remove(path)
            except PublishError as error:
                print(error)
    for name in (MARKER, ".lock"):
        (build / name).unlink(missing_ok=True)
    remove_empty(build)
    if build.exists():
        names = sorted(p.name for p in build.iterdir())
        print(f"left in {build}, no run lists it as written: {', '.join(names)}")


def main(build: Path) -> int:
    """Clean a build folder that no run is using, after those within it."""
    if not build.is_dir():
        return 0
    status = max((main(m.parent) for m in sorted(build.glob(f"*/{MARKER}"))), default=0)
    with (build / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"error: {build}: found a run that is using it", file=sys.stderr)
            return 1
        clean(build)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
