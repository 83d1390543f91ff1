"""Execute one notebook through papermill, and say where it failed."""

import json
import logging
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

from .errors import PipelineError
from .left import MARK, Left
from .warm import RUNNING, Warm, provisioner

# A widget lives as long as its kernel; what a notebook keeps is the picture beside it.
_LIVE = "application/vnd.jupyter.widget-view+json"

# What ipykernel calls itself.
SPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

# What went wrong is said once, by the error that ends the run.
_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.CRITICAL)

# As much of an exception's own text as anyone reads.
_LONGEST = 4000


# What the kernel says when it cannot send an output, in place of the output.
_LOST = "surrogates not allowed\n\nDuring handling of the above exception"
_NO_TEXT = "found text that UTF-8 cannot hold (a lone surrogate), expected Unicode text"


class _Stopped(RuntimeError):
    """The kernel answers no more since the cell with this index began."""

    def __init__(self, cell_index: int, what: str) -> None:
        super().__init__(what)
        self.cell_index = cell_index


_DIED = "the kernel died: it was killed, or memory ran out"


async def _no_interrupt() -> None:
    """Do nothing: no cell is running when a kernel is asked to end, and it would complain."""


class _Client(PapermillNotebookClient):
    """papermill's own client, which notes what runs on when the cells are done."""

    left: Left

    def papermill_execute_cells(self) -> None:
        super().papermill_execute_cells()
        self.left.note(self)


class _Engine(NBClientEngine):
    """papermill's own engine, with a kernel that is forked if it can be, and a call after cells."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, env: dict, on_cell: Callable[[], Any],
        warm: Warm | None, name: str, **kwargs: Any,
    ) -> None:  # fmt: skip
        complete = nb_man.cell_complete

        def counted(*args: Any, **kw: Any) -> None:
            complete(*args, **kw)
            on_cell()

        nb_man.cell_complete = counted
        client = _Client(
            nb_man, kernel_name=kernel_name, startup_timeout=60, timeout=None, log=_LOG
        )
        # Sockets in a folder of their own: no port that another user could reach, and no two
        # kernels that take each other's.
        sockets = tempfile.TemporaryDirectory(prefix="compendium-")
        manager = client.create_kernel_manager()
        manager.transport, manager.ip = "ipc", os.path.join(sockets.name, "kernel")
        manager._async_interrupt_kernel = _no_interrupt
        if warm is not None:
            manager.kernel_id = str(uuid.uuid4())
            manager.provisioner = provisioner(warm)(
                kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager
            )
        client.left = Left(sockets.name)
        RUNNING.append(manager)
        try:
            client.execute(env=env | {MARK: client.left.mark})
        except (DeadKernelError, CellTimeoutError) as error:
            states = [c.metadata.papermill.status for c in nb_man.nb.cells]
            begun = [i for i, s in enumerate(states) if s != nb_man.PENDING]
            # No cell has a time limit: what did not come in time is an output that was lost.
            what = _DIED if isinstance(error, DeadKernelError) else _NO_TEXT
            raise _Stopped(begun[-1], what) from None
        finally:
            RUNNING.remove(manager)
            client.left.end(name)
            sockets.cleanup()
            loop = ensure_event_loop()  # the one that the client made for this thread, and leaves
            if not loop.is_running():
                loop.run_until_complete(loop.shutdown_default_executor())
                loop.close()


papermill_engines.register("compendium", _Engine)


def execute(
    path: Path,
    parameters: dict[str, Any],
    env: dict[str, str],
    on_cell: Callable[[], Any],
    plain_errors: Collection[str] = (),
    warm: Warm | None = None,
) -> str:
    """Text of a notebook after its execution, without what differs between two runs.

    Parameters
    ----------
    path : Path
    parameters : dict
        Values for its parameters cell.
    env : dict
        The kernel's environment.
    on_cell : callable
        Called after each cell.
    plain_errors : collection of str
        Names of errors whose message says it all, so that no traceback follows it.
    warm : Warm, optional
        What the kernel is forked from; without it an ordinary one is started.

    Raises
    ------
    PipelineError
        Naming the notebook, the cell by its place in the notebook's file, and the error.
    """
    try:
        nb = execute_notebook(
            path, None, parameters, engine_name="compendium", progress_bar=False,
            env=env, on_cell=on_cell, warm=warm, name=path.stem,
        )  # fmt: skip
    except _Stopped as error:
        cell = _place(path, error.cell_index, parameters)
        raise PipelineError(f"{path.stem}, {cell}: {error}") from None
    except RuntimeError as error:
        raise PipelineError(f"{path.stem}: the kernel did not start: {error}") from None
    except PapermillExecutionError as error:
        cell = _place(path, error.cell_index, parameters)
        raise PipelineError(f"{path.stem}, {cell}: {_said(error, plain_errors)}") from None
    for i, cell in enumerate(nb.cells):
        if any(_LOST in "".join(o.get("text", "")) for o in cell.get("outputs", [])):
            raise PipelineError(f"{path.stem}, {_place(path, i, parameters)}: {_NO_TEXT}")
    return normalise(nb)


def _said(error: PapermillExecutionError, plain_errors: Collection[str]) -> str:
    """What a cell's error says, with its traceback where that helps."""
    if error.ename == "StdinNotImplementedError":
        return "found a call that asks for input, expected none: nobody is there to answer"
    if error.ename == "CellExecutionError" and not error.evalue.strip():  # its report was lost
        return f"an error, and {_NO_TEXT}"
    what = _cut(f"{error.ename}: {error.evalue}")
    if error.ename in plain_errors:
        return what
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback)).strip()
    return f"{what}\n{_cut(trace)}"


def _cut(text: str) -> str:
    """The text, without its middle if it is longer than anyone reads."""
    if len(text) <= 2 * _LONGEST:
        return text
    left_out = len(text) - 2 * _LONGEST
    return f"{text[:_LONGEST]}\n[{left_out} characters left out]\n{text[-_LONGEST:]}"


def _place(path: Path, index: int, parameters: dict[str, Any]) -> str:
    """Name a cell of the executed notebook, which has one more if parameters were set."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    tags = [c["metadata"].get("tags", []) for c in cells]
    added = next((i + 1 for i, t in enumerate(tags) if "parameters" in t), 0)
    if not parameters or index < added:
        return f"cell {index + 1}"
    return f"cell {index}" if index > added else "the parameters that were set"


def normalise(nb: nbformat.NotebookNode) -> str:
    """Text of a notebook without what differs between two runs of the same content."""
    # As JupyterLab has it when a kernel runs: opened there, the file is not changed by that alone.
    nb.metadata = {
        "kernelspec": SPEC,
        "language_info": nb.metadata.get("language_info", {"name": "python"}),
    }
    for cell in nb.cells:
        keep = {"tags": list(cell.metadata.get("tags", []))}
        if "jupyter" in cell.metadata:
            keep["jupyter"] = cell.metadata["jupyter"]
        cell.metadata = {k: v for k, v in keep.items() if v}
        if "injected-parameters" in keep["tags"]:
            cell.id = "injected-parameters"
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(_LIVE, None)
    nbformat.validate(nb)
    return nbformat.writes(nb)
