"""The command line of a project: reproduce, update, run, report.

Libraries are imported when a command begins, so that a misspelt option is refused at once.
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from .errors import PipelineError
from .steps import Project, Step

if TYPE_CHECKING:
    import pandas as pd

    from .run import Run


def _value(text: str) -> tuple[str, object]:
    """name=value as a parameter; the value is read as YAML, so that 0.9 is a number."""
    name, sep, value = text.partition("=")
    if not sep or not name:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected name=value")
    try:
        return name, yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise argparse.ArgumentTypeError(f"found {text[:60]!r}, value is not readable") from None


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least 1")
    return int(text)


def _named(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("found nothing, expected a name")
    return text


def _path(text: str) -> Path:
    return Path(_named(text))


def parser(name: str) -> argparse.ArgumentParser:
    """What the command line of a project of this name takes."""
    top = argparse.ArgumentParser(
        prog=f"python -m {name}",
        description="Run the notebooks of the compendium and compare what they give.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    reproduce = commands.add_parser(
        "reproduce", help="run the notebooks into build/ and compare with the committed outputs"
    )
    update = commands.add_parser("update", help="run the notebooks and refresh what is committed")
    run = commands.add_parser("run", help="run a notebook over a grid of parameters")
    run.add_argument("--grid", required=True, type=_path, metavar="FILE",
                     help="YAML: notebook, and parameters with a list of values each")  # fmt: skip
    report = commands.add_parser("report", help="run the notebooks and write build/report.html")
    for p in (reproduce, update, run, report):
        p.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N",
                       help="notebooks at a time (default: one a processor)")  # fmt: skip
        p.add_argument("--no-cache", action="store_true", help="run every notebook again")
    reproduce.add_argument("--only", action="append", type=_named, metavar="NOTEBOOK",
                           help="run this notebook alone, e.g. 03; may be repeated")  # fmt: skip
    for p in (reproduce, report):
        p.add_argument("--counts", type=_path, metavar="FILE.csv",
                       help="counts to take the place of the evidence, such as the paper's "
                       "supplement: columns row, cr, or, or those of evidence.csv")  # fmt: skip
    reproduce.add_argument("--verbose", action="store_true",
                           help="list every output, and when each notebook ran")  # fmt: skip
    for p in (reproduce, run):
        p.add_argument("--build", type=_path, metavar="FOLDER",
                       help="where the outputs go (default: build)")  # fmt: skip
    reproduce.add_argument("-p", action="append", type=_value, default=[], metavar="NAME=VALUE",
                           dest="parameters", help="set a parameter of the notebooks")  # fmt: skip
    return top


def ran(now: int, total: int) -> str:
    """Sentence that says how many of the notebooks were run."""
    if now == 0:
        return "None was run: nothing changed."
    if now < total:
        return f"{now} of {total} notebooks were run; the others are unchanged."
    return f"All {total} notebooks were run." if total > 1 else "The notebook was run."


def times(runs: "list[Run]") -> list[str]:
    """Line for each notebook that was run: when it began and ended, in seconds."""
    return [
        f"{r.step.name}: {r.seconds[0]:.1f} s to {r.seconds[1]:.1f} s" for r in runs if r.seconds
    ]


def _counts(project: Project, path: Path | None) -> None:
    """Refuse a bad file of counts before anything runs, and say what a good one holds."""
    from .files import need_file

    if path is not None:
        need_file(path, project.shown(path), "a CSV table in UTF-8")
        print(project.hooks.check_counts(path), flush=True)


def _same_counts(project: Project, steps: list[Step]) -> None:
    """Refuse notebooks that would read a table made of other counts than they are given."""
    made = {table for s in steps for table in s.writes}
    for s in steps:
        for table in (t for t in s.reads if t not in made):
            maker = next((m for m in project.steps if table in m.writes), None)
            if maker:
                makes = f"which {maker.name} makes of the counts"
                add = f"add --only {maker.name.partition('_')[0]}"
                raise PipelineError(f"--counts: {s.name} reads {table}.csv, {makes}: {add}")


def _reproduce(project: Project, args: argparse.Namespace) -> int:
    from . import compare, schedule, workspace

    steps = [project.step(n) for n in dict.fromkeys(args.only or ())] or list(project.steps)
    steps.sort(key=project.steps.index)
    parameters = dict(args.parameters)
    twice = [n for n, times in Counter(n for n, _ in args.parameters).items() if times > 1]
    if twice:
        raise PipelineError(f"-p {twice[0]}: found it again, expected each parameter once")
    _counts(project, args.counts)
    if args.counts:
        _same_counts(project, steps)
    build = (args.build or project.build).resolve()
    with workspace.workspace(project, build):
        runs = schedule.run_all(
            project, steps, parameters, build=build, jobs=args.jobs, cache=not args.no_cache,
            counts=args.counts,
        )  # fmt: skip
        whole = not (parameters or args.only or args.counts)
        target = workspace.assemble(project, runs, build, "" if whole else "selected")
    print(ran(sum(not r.cached for r in runs), len(runs)))
    for line in times(runs) if args.verbose else ():
        print(line)
    if parameters or args.counts:
        print(f"Outputs are in {project.shown(target)}; with parameters or counts set")
        print("there is nothing committed to compare them with.")
        for line in project.hooks.counts_say(target / "derived") if args.counts else ():
            print(line)
        return 0
    results = compare.compare(runs, project)
    print(compare.report(results, verbose=args.verbose))
    return 0 if all(r.same for r in results) else 1


def _update(project: Project, args: argparse.Namespace) -> int:
    from . import codecheck, compare, publish, schedule, workspace

    root, build = project.root, project.build
    with workspace.workspace(project, build):
        seen = {str(s.path.relative_to(root)): publish.digest(s.path) for s in project.steps}
        runs = schedule.run_all(
            project, project.steps, build=build, jobs=args.jobs, cache=not args.no_cache
        )
        workspace.assemble(project, runs, build)
        texts = project.hooks.texts(build) | codecheck.refreshed(project, build / "figures")
        left = publish.publish(
            root, compare.outputs(runs, project), staging=build / workspace.STAGING, seen=seen,
            texts={str(p.relative_to(root)): t for p, t in texts.items()},
        )  # fmt: skip
        workspace.say_left(project, left, root)
    print(f"{len(runs)} notebooks, their figures and derived tables are up to date.")
    return 0


def _run(project: Project, args: argparse.Namespace) -> int:
    from . import grid, workspace

    plan = grid.read(project, args.grid)
    build = (args.build or project.build).resolve()
    with workspace.workspace(project, build):
        summary = grid.run(project, plan, build=build, jobs=args.jobs, cache=not args.no_cache)
    failed = int(summary["state"].eq("failed").sum())
    last = ["state", "error"] if failed else ["state"]
    folder = project.shown(build / "grid" / plan.name)
    print(_fitting(summary, list(plan.points[0]), last))
    print(
        f"{len(summary) - failed} of {len(summary)} runs finished; their notebooks and tables are"
    )
    print(f"in {folder}, all columns of this table in its summary.csv.")
    return 1 if failed else 0


def _fitting(summary: "pd.DataFrame", first: list[str], last: list[str], width: int = 80) -> str:
    """The table in lines that fit, without the quantities that do not; first and last always."""
    quantities = [c for c in summary if c not in {*first, *last, "notebook", "error"}]
    while True:
        shown = summary[[*first, *quantities, *last]]
        text = shown.to_string(
            index=False, max_colwidth=100, na_rep="", float_format="{:.4g}".format
        )
        if not quantities or len(text.partition("\n")[0]) <= width:
            return text
        quantities.pop()


def _report(project: Project, args: argparse.Namespace) -> int:
    from . import html_report, schedule, workspace

    _counts(project, args.counts)
    build, name = project.build, "report-with-counts.html" if args.counts else "report.html"
    with workspace.workspace(project, build):
        runs = schedule.run_all(
            project, project.steps, build=build, jobs=args.jobs, cache=not args.no_cache,
            counts=args.counts,
        )  # fmt: skip
        note = f"With the counts of {args.counts.name}." if args.counts else ""
        path = html_report.write(project, runs, build / name, note)
    print(f"{len(runs)} notebooks and the ledger are in {project.shown(path)}.")
    return 0


COMMANDS = {"reproduce": _reproduce, "update": _update, "run": _run, "report": _report}


def main(project: Project, argv: list[str] | None = None) -> int:
    """Run a command; 0 if all is well, 1 if an output differs or a run fails, 2 if misspelt."""
    args = parser(project.name).parse_args(argv)
    if sys.stderr.isatty():
        print("loading the libraries", file=sys.stderr)
    try:
        from .publish import PublishError

        try:
            return COMMANDS[args.command](project, args)
        except (PipelineError, PublishError) as error:
            print(f"error: {error}", file=sys.stderr)
        except OSError as error:  # a full disk, a folder that may not be written to
            print(f"error: {error.filename or 'writing'}: {error.strerror}", file=sys.stderr)
        except ValueError as error:
            if type(error).__name__ not in project.plain_errors:
                raise
            print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return 130
    return 1
