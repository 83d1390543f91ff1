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

# Folders below a build folder into which runs write, each with a list of what they wrote.
PLACES = ("selected", "grid/*", "runs/*")


def clean(build: Path) -> None:
    """Remove every file that a list of outputs below the folder names, and what a kill left."""
    for line in recover(build / ".staging"):
        print(line)
    for work in (build / "runs").glob(".*-*"):
        if (work / ".unfinished").is_file():
            shutil.rmtree(work)
    for place in (MANIFEST, "report.sha256", *(f"{f}/{MANIFEST}" for f in PLACES)):
        for path in build.glob(place):
            try:
                remove(path)
            except PublishError as error:
                print(error)
    for name in (".clofarabine", ".lock"):
        (build / name).unlink(missing_ok=True)
    remove_empty(build)
    if build.exists():
        names = sorted(p.name for p in build.iterdir())
        print(f"left in {build}, no run lists it as written: {', '.join(names)}")


def main(build: Path) -> int:
    """Clean a build folder that no run is using."""
    if not (build / ".lock").is_file():
        return 0
    with (build / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"error: {build}: found a run that is using it", file=sys.stderr)
            return 1
        clean(build)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
