"""The command line: ``python -m metaprop counts rows.csv printed.csv --out DIR``."""

import argparse
import sys
from pathlib import Path

LARGEST = 10**9  # vectors of a listing; memory ends before


def _size(text: str) -> int:
    """A number of vectors."""
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST):
        expected = f"a whole number of at least 0 and at most {LARGEST}"
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    from .printed.rounding import RULES

    parser = argparse.ArgumentParser(prog="python -m metaprop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    counts = commands.add_parser(
        "counts", help="which counts and methods can have printed these numbers",
        epilog="Exit status: 0 an answer was written, whatever it says (infeasible too); 2 input "
        "that cannot be read; 130 stopped.",
    )  # fmt: skip
    counts.add_argument("rows", type=Path, help="CSV: label, n, x_min, x_max (empty: 0 and n), any "
                        "group columns; at_most, if there is one, names the row whose count is "
                        "never smaller (complete responses: the row of all responses)")  # fmt: skip
    counts.add_argument("printed", type=Path, help="CSV: rows, scale, quantity, printed")
    counts.add_argument("--out", required=True, metavar="DIR", help="where files go")
    counts.add_argument("--rounding", choices=RULES, default=RULES[0])
    counts.add_argument(
        "--list-limit", type=_size, default=200_000, help="vectors of a method listed at the most"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 2 input that cannot be read, 130 stopped."""
    try:
        return _counts(_parser().parse_args(argv))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _counts(options: argparse.Namespace) -> int:
    from .printed import read, which
    from .printed.write import check, write

    folder = Path(options.out)
    try:
        if not options.out.strip():  # a path of nothing is the current folder
            raise read.BadInput("--out: found nothing, expected a folder")
        check(folder)
        rows = read.rows(options.rows)
        printed = read.printed(options.printed, rows)
        answer = which(rows, printed, rounding=options.rounding, list_limit=options.list_limit)
        written = write(answer, rows, folder)
    except (read.BadInput, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(answer.say())
    print("Written:", ", ".join(str(p) for p in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
