"""The project: its notebooks in order, what flows between them, and where its files lie.

A project states all this once, in a file (`read`). What only the project can say, such as which
values a parameter may have, it hands over as functions (`Hooks`).
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import PipelineError
from .files import need_file, shown

if TYPE_CHECKING:
    import pandas as pd

# Files that are also written by hand: what an update found, and what is to be.
Texts = dict[Path, tuple[bytes | None, bytes]]


@dataclass(frozen=True)
class Step:
    """A notebook and what flows through it: derived tables in, derived tables and figures out.

    ``takes`` says in words how long a run takes on an idle machine with two cores.
    """

    name: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    takes: str = ""
    folder: Path = Path("notebooks")

    @property
    def path(self) -> Path:
        """The notebook's file."""
        return self.folder / f"{self.name}.ipynb"


@dataclass(frozen=True)
class Ledger:
    """What a project's page says beside its notebooks.

    Attributes
    ----------
    title : str
        Title of the page.
    paper : dict
        author, year, reference and doi of the paper.
    rows : DataFrame
        A row per claim: id, section, locator, quantity, population, printed, unit, check (its
        rule), verdict, reason, caveat, recomputed, evidence.
    verdicts : dict
        What each verdict means, in the order in which they are shown.
    """

    title: str
    paper: dict[str, Any]
    rows: "pd.DataFrame"
    verdicts: dict[str, str]


def _accept(_: Any) -> None:
    """Nothing to object to."""


@dataclass(frozen=True)
class Hooks:
    """What only the project can say; whatever is left out does nothing.

    Attributes
    ----------
    check_parameters : callable
        Given values by name, raises ValueError on one that no notebook takes.
    check_counts : callable
        Given a file of counts (``--counts``), raises one of the project's plain errors if it is
        none, and returns a sentence on what it holds.
    counts_say : callable
        Given the folder of a run's derived tables, the lines to say at the end of a run with
        counts of its own.
    texts : callable
        Given the folder that holds a run's derived tables, the text files that an update refreshes.
    table_title : callable
        What a derived table is, in a phrase, by its name.
    ledger : callable
        Given the files of derived tables by name, the ledger that the HTML report shows.
    """

    check_parameters: Callable[[dict[str, Any]], None] = _accept
    check_counts: Callable[[Path], str] = lambda _: ""
    counts_say: Callable[[Path], list[str]] = lambda _: []
    texts: Callable[[Path], Texts] = lambda _: {}
    table_title: Callable[[str], str] = str
    ledger: Callable[[dict[str, Path]], Ledger] | None = None


@dataclass(frozen=True)
class Project:
    """Notebooks, folders and hooks of one compendium; folders and patterns are below its root.

    ``preload`` names modules that are imported once, before kernels are forked (`warm`): those that
    the notebooks import, none that prints or starts a thread when it is imported.
    """

    name: str
    root: Path
    steps: tuple[Step, ...]
    notebooks: str = "notebooks"
    derived: str = "data/derived"
    figures: str = "figures"
    inputs: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    output_variable: str = "COMPENDIUM_OUTPUT"
    counts_variable: str = "COMPENDIUM_COUNTS"
    plain_errors: tuple[str, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)

    @property
    def build(self) -> Path:
        """Where runs are kept if no other folder is asked for."""
        return self.root / "build"

    @property
    def marker(self) -> str:
        """File that says of a folder that it is one of this project's build folders."""
        return f".{self.name}"

    def shown(self, path: Path) -> str:
        """Path as messages show it."""
        return shown(path, self.root)

    def committed_tables(self) -> dict[str, Path]:
        """Files of the committed derived tables, by name."""
        return {p.stem: p for p in sorted((self.root / self.derived).glob("*.csv"))}

    def step(self, name: str, place: str = "") -> Step:
        """The step with this name, or the only one whose name starts so ("03").

        A message on a name that is none begins with ``place``.
        """
        found = [s for s in self.steps if s.name == name]
        found = found or [s for s in self.steps if s.name.startswith(name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(s.name for s in self.steps)
        raise PipelineError(f"{place}notebook: found {name!r}, expected one of {names}")


def read(path: Path, hooks: Hooks | None = None) -> Project:
    """Project that a file states.

    Raises
    ------
    PipelineError
        If the file is no TOML, or has a key that a project has not.
    """
    file = path.name
    need_file(path, file, "the project file (TOML)")
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{file}: not readable as TOML: {error}") from None
    root = path.resolve().parent
    folder = root / stated.get("notebooks", "notebooks")
    lists = {k: tuple(v) if isinstance(v, list) else v for k, v in stated.items()}
    try:
        steps = tuple(
            Step(folder=folder, **{k: tuple(v) if isinstance(v, list) else v for k, v in s.items()})
            for s in lists.pop("notebook", ())
        )
        return Project(root=root, steps=steps, hooks=hooks or Hooks(), **lists)
    except TypeError as error:  # a key too many or too few
        raise PipelineError(f"{file}: {str(error).partition(') ')[2] or error}") from None
