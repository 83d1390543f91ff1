"""Command line: ``python -m clofarabine``."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    import pandas as pd


def _value(text: str) -> tuple[str, object]:
    """name=value as a parameter; the value is read as YAML, so that 0.9 is a number."""
    name, sep, value = text.partition("=")
    if not sep or not name:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected name=value")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        raise argparse.ArgumentTypeError(f"found {text!r}, value is not readable") from None


def _jobs(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clofarabine",
        description="Run the notebooks of the compendium and compare what they give.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    reproduce = commands.add_parser(
        "reproduce", help="run the notebooks into build/ and compare with the committed outputs"
    )
    update = commands.add_parser("update", help="run the notebooks and refresh what is committed")
    run = commands.add_parser("run", help="run a notebook over a grid of parameters")
    run.add_argument("--grid", required=True, type=Path, metavar="FILE",
                     help="YAML: notebook, and parameters with a list of values each")  # fmt: skip
    report = commands.add_parser("report", help="run the notebooks and write build/report.html")
    for p in (reproduce, update, run, report):
        p.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N",
                       help="notebooks at a time (default: one a processor)")  # fmt: skip
        p.add_argument("--no-cache", action="store_true", help="run every notebook again")
    reproduce.add_argument("--only", action="append", metavar="NOTEBOOK",
                           help="run this notebook alone, e.g. 03; may be repeated")  # fmt: skip
    reproduce.add_argument("--counts", type=Path, metavar="FILE.csv",
                           help="counts to take the place of the evidence, such as the paper's "
                           "supplement; columns as in data/sources/evidence.csv")  # fmt: skip
    for p in (reproduce, run):
        p.add_argument("--build", type=Path, metavar="FOLDER",
                       help="where the outputs go (default: build)")  # fmt: skip
    reproduce.add_argument("-p", action="append", type=_value, default=[], metavar="NAME=VALUE",
                           dest="parameters", help="set a parameter of the notebooks")  # fmt: skip
    return parser


def _reproduce(args: argparse.Namespace) -> int:
    from compendium import compare
    from compendium import run as pipeline

    from .tables import store

    steps = [pipeline.step(n) for n in args.only] if args.only else list(pipeline.FLOW)
    steps.sort(key=pipeline.FLOW.index)
    parameters = dict(args.parameters)
    if args.counts:
        store.load_evidence(counts=args.counts)  # a bad file is refused before anything runs
    build = (args.build or pipeline.BUILD).resolve()
    with pipeline.workspace(build):
        runs = pipeline.run_all(
            steps, parameters, build=build, jobs=args.jobs, cache=not args.no_cache,
            counts=args.counts,
        )  # fmt: skip
        whole = not (parameters or args.only or args.counts)
        target = pipeline.assemble(runs, build, "" if whole else "selected")
    ran = sum(not r.cached for r in runs)
    print(f"{ran} of {len(runs)} notebooks run now, the others unchanged since an earlier run.")
    if parameters or args.counts:
        print(f"Outputs are in {pipeline.display_name(target)}; with parameters or counts set")
        print("there is nothing committed to compare them with.")
        if args.counts and (target / "derived" / "repairs.csv").is_file():
            path = target / "derived" / "repairs.csv"
            _contradictions(store.read_table(store.resource("repairs"), path))
        return 0
    results = compare.compare(runs)
    print(compare.report(results, runs))
    return 0 if all(r.same for r in results) else 1


def _contradictions(repairs: "pd.DataFrame") -> None:
    """Say for each endpoint whether the given counts can stand with the published results."""
    for endpoint, part in repairs[repairs["scenario"] == "base"].groupby("endpoint"):
        nearest = part.sort_values("smallest_change", kind="stable").iloc[0]
        if nearest["smallest_change"] == 0:
            print(f"{endpoint}: the counts agree with the published pooled results.")
        else:
            change, more = nearest["smallest_change"], nearest["example"]
            print(
                f"{endpoint}: the counts contradict the published pooled results under every "
                f"method that fits the primary reports; the smallest change that would repair it "
                f"is {change} patients" + (f" ({more})." if isinstance(more, str) else " or more.")
            )


def _update(args: argparse.Namespace) -> int:
    from compendium import codecheck, compare, publish
    from compendium import run as pipeline

    from . import headline
    from .audit import ledger
    from .tables import store

    root, build = store.ROOT, pipeline.BUILD
    with pipeline.workspace(build):
        seen = {str(s.path.relative_to(root)): publish.digest(s.path) for s in pipeline.FLOW}
        runs = pipeline.run_all(pipeline.FLOW, build=build, jobs=args.jobs, cache=not args.no_cache)
        pipeline.assemble(runs, build)
        with store.derived_from(build):
            texts = (
                ledger.refreshed()
                | store.refreshed()
                | codecheck.refreshed(build / "figures")
                | headline.refreshed()
            )
        left = publish.publish(
            root, compare.outputs(runs), staging=build / pipeline.STAGING, seen=seen,
            texts={str(p.relative_to(root)): t for p, t in texts.items()},
        )  # fmt: skip
        pipeline.say_left(left, root)
    print(f"{len(runs)} notebooks, their figures and derived tables are up to date.")
    return 0


def _run(args: argparse.Namespace) -> int:
    from compendium import grid
    from compendium import run as pipeline

    plan = grid.read(args.grid)
    build = (args.build or pipeline.BUILD).resolve()
    with pipeline.workspace(build):
        summary = grid.run(plan, build=build, jobs=args.jobs, cache=not args.no_cache)
    failed = int(summary["state"].eq("failed").sum())
    shown = summary.drop(columns=["notebook"] if failed else ["notebook", "error"])
    print(shown.to_string(index=False, max_colwidth=100, na_rep="", float_format="{:.4g}".format))
    print(
        f"{len(summary) - failed} of {len(summary)} runs finished; their notebooks and tables are"
    )
    print(f"in {pipeline.display_name(build / 'grid' / plan.name)}.")
    return 1 if failed else 0


def _report(args: argparse.Namespace) -> int:
    from compendium import html_report as report
    from compendium import run as pipeline

    with pipeline.workspace(pipeline.BUILD):
        runs = pipeline.run_all(
            pipeline.FLOW, build=pipeline.BUILD, jobs=args.jobs, cache=not args.no_cache
        )
        path = report.write(runs, pipeline.BUILD / "report.html")
    print(f"{len(runs)} notebooks and the ledger are in {pipeline.display_name(path)}.")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 if all is well, 1 if an output differs or a run fails, 2 if misspelt."""
    args = _parser().parse_args(argv)
    from compendium.publish import PublishError
    from compendium.run import PipelineError

    from .tables.store import DataError

    try:
        commands = {"reproduce": _reproduce, "update": _update, "run": _run, "report": _report}
        return commands[args.command](args)
    except (PipelineError, DataError, PublishError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that may not be written to
        print(f"error: {error.filename or 'writing'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
