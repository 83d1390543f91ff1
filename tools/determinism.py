"""Run the whole pipeline N times under changing conditions; every output has the same bytes.

Usage: determinism.py N. If any differ it names the conditions and the files, and ends with 1.
"""

import hashlib
import itertools
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

CONDITIONS = {
    "PYTHONHASHSEED": ["0", "1", "4242", "random"],
    "TZ": ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"],
    "LANG": ["C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8", "ja_JP.EUC-JP"],
    "umask": ["022", "077", "002"],
    "cwd": ["project", "elsewhere", "/"],
    "threads": ["1", "2", "7"],
    "jobs": ["1", "2", "8"],
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ROOT = Path(__file__).resolve().parents[1]


def conditions() -> Iterator[dict[str, str]]:
    """All values of each condition in an order that mixes them, the same every time."""
    shuffle = random.Random(1).sample  # noqa: S311  # an order, not a secret
    cycles = {k: itertools.cycle(shuffle(v, len(v))) for k, v in CONDITIONS.items()}
    while True:
        yield {k: next(c) for k, c in cycles.items()}


def outputs(build: Path) -> dict[str, str]:
    """Hash of each output of a run."""
    return {
        str(p.relative_to(build)): hashlib.sha256(p.read_bytes()).hexdigest()
        for kind in ("notebooks", "derived", "figures")
        for p in sorted((build / kind).iterdir())
    }


def reproduce(
    condition: dict[str, str], folder: Path, prefix: Iterable[str] = ()
) -> subprocess.CompletedProcess:
    """What the pipeline says when it is run once under a condition, into folder/build."""
    elsewhere = folder / "else where"
    elsewhere.mkdir()
    cwd = {"project": ROOT, "elsewhere": elsewhere}.get(condition["cwd"], Path("/"))
    env = {**os.environ, **{k: condition[k] for k in ("PYTHONHASHSEED", "TZ", "LANG")}}
    env |= {"LC_ALL": condition["LANG"], **dict.fromkeys(THREADS, condition["threads"])}
    return subprocess.run(  # noqa: S603
        [*prefix, sys.executable, "-m", "clofarabine", "reproduce", "--no-cache",
         "--jobs", condition["jobs"], "--build", folder / "build"],
        cwd=cwd, env=env, umask=int(condition["umask"], 8), capture_output=True, text=True,
    )  # fmt: skip


def run(condition: dict[str, str], folder: Path) -> dict[str, str]:
    """Run the pipeline once under a condition and return the hashes of its outputs."""
    done = reproduce(condition, folder)
    if "outputs are identical" not in done.stdout:
        sys.exit(f"{condition}: the pipeline did not end well\n{done.stdout}{done.stderr}")
    return outputs(folder / "build")


def main(n: int) -> int:
    """Compare n runs with the first; 0 if all are the same."""
    first, bad = None, 0
    for condition in tqdm(itertools.islice(conditions(), n), total=n, unit="run"):
        with tempfile.TemporaryDirectory() as folder:
            found = run(condition, Path(folder))
        first = first or found
        differ = sorted(f for f in first.keys() | found.keys() if first.get(f) != found.get(f))
        if differ:
            bad += 1
            print(f"{condition}: other bytes in {', '.join(differ)}")
    print(f"{n - bad} of {n} runs gave the same bytes in all {len(first)} outputs.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
