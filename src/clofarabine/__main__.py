"""Command line: ``python -m clofarabine``. The only place where compendium and clofarabine meet.

Everything is imported when it is needed: Ctrl-C is answered from the first moment.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from compendium.steps import Ledger, Project, Texts

ROOT = Path(__file__).resolve().parents[2]


def _check_parameters(parameters: dict[str, Any]) -> None:
    """Refuse a value that no notebook takes, and a table that none can read."""
    from . import parameters as choices

    choices.check(parameters)
    if isinstance(table := parameters.get("table"), str):
        from .tables import evidence

        evidence.load_counts(table)


def _check_counts(path: Path) -> str:
    """Refuse a file of counts that cannot take the place of the evidence; what a good one holds."""
    from .tables import evidence

    after, given = evidence.load_evidence(counts=path), evidence.given_counts(path)
    known = [int((after[f"{e}_min"] == after[f"{e}_max"]).sum()) for e in ("cr", "or")]
    stay = "; the others stay as the studies' reports say" * (len(given) < len(after))
    return (
        f"{path.name} speaks of {len(given)} of {len(after)} rows{stay}. {known[0]} rows have a "
        f"documented CR count with it, {known[1]} an OR count."
    )


def _counts_say(derived: Path) -> list[str]:
    """For each endpoint, whether the given counts can stand with the published results."""
    from .tables import resource, store

    path = derived / "repairs.csv"
    if not path.is_file():
        return []
    repairs = store.read_table(resource("repairs"), path)
    base = repairs[repairs["scenario"] == "base"]
    return [_repair(str(endpoint), part) for endpoint, part in base.groupby("endpoint")]


def _repair(endpoint: str, repairs: "pd.DataFrame") -> str:
    """Sentence on the smallest change after which counts and published results agree."""
    nearest = repairs.sort_values("smallest_change", kind="stable").iloc[0]
    change, more = nearest["smallest_change"], nearest["example"]
    if change == 0:
        return f"{endpoint}: the counts agree with the published pooled results."
    return (
        f"{endpoint}: the counts contradict the published pooled results under every method that "
        f"fits the primary reports; the smallest change that would repair it is {change} patients"
        + (f" ({more})." if isinstance(more, str) else " or more.")
    )


def _texts(build: Path) -> "Texts":
    """Text files that are also written by hand, in step with the derived tables of a run."""
    from . import headline
    from .audit import ledger
    from .tables import store
    from .tables.paths import derived_from

    with derived_from(build):
        return ledger.refreshed() | store.refreshed() | headline.refreshed()


def _table_title(name: str) -> str:
    """Title of a derived table, from the codebook."""
    from .tables import resource

    return resource(name)["title"]


def ledger_of(verdicts: "pd.DataFrame") -> "Ledger":
    """Every claim of the paper with its verdict, as the report shows them."""
    from compendium.steps import Ledger

    from .audit.verdicts import VERDICTS
    from .tables import resource, store

    fields = resource("claims_verdicts")["schema"]["fields"]
    described = next(f["description"] for f in fields if f["name"] == "verdict")
    meaning = dict(p.split(": ", 1) for p in described.split("; "))
    return Ledger(
        title="A reproduction of the clofarabine meta-analysis",
        paper=store.load("citations").iloc[0].to_dict(),
        rows=store.load("claims").merge(verdicts, on="id", validate="one_to_one"),
        verdicts={v: meaning[v] for v in VERDICTS},
    )


def _ledger(tables: dict[str, Path]) -> "Ledger":
    """The ledger with the verdicts of a run."""
    from .tables import resource, store

    name = "claims_verdicts"
    return ledger_of(store.read_table(resource(name), tables[name]))


def project() -> "Project":
    """The notebooks of this compendium, with what only its own modules can say of them."""
    from compendium import steps

    hooks = steps.Hooks(
        check_parameters=_check_parameters,
        check_counts=_check_counts,
        counts_say=_counts_say,
        texts=_texts,
        table_title=_table_title,
        ledger=_ledger,
    )
    return steps.read(ROOT / "compendium.toml", hooks)


def main(argv: list[str] | None = None) -> int:
    """Run a command; 0 if all is well, 1 if an output differs or a run fails, 2 if misspelt."""
    try:
        from compendium import cli, errors

        try:
            return cli.main(project(), argv)
        except errors.PipelineError as error:  # the project file itself
            print(f"error: {error}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
