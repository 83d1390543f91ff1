"""What a notebook has left running when its last cell is done: named, and ended with its kernel."""

import ast
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import psutil

# Given to a kernel, with a value of its own: whatever it starts carries it on, orphans too.
MARK = "COMPENDIUM_KERNEL"

# Threads that would keep the kernel alive; all others end with it.
_THREADS = (
    "[t.name for t in __import__('threading').enumerate()"
    " if not t.daemon and t is not __import__('threading').main_thread()]"
)
_HELPER = "multiprocessing.resource_tracker"  # ends by itself


class Left:
    """Processes and threads of one notebook: note them after its cells, end them after its kernel.

    Parameters
    ----------
    mark : str
        Value of the variable MARK in the kernel's environment, no other kernel's.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._processes: dict[psutil.Process, str] = {}
        self._threads: list[str] = []

    def note(self, client: Any) -> None:
        """What runs beside the kernel of an nbclient, and the threads that would not end."""
        kernel = client.km.provisioner.pid
        below = []
        with contextlib.suppress(psutil.Error):
            below = psutil.Process(kernel).children(recursive=True)
        for process in {*below, *self._marked()}:
            if process.pid != kernel and (command := _command(process)):
                self._processes[process] = command
        asked = client.kc.execute("", silent=True, user_expressions={"left": _THREADS})
        said = client.wait_for_reply(asked)["content"].get("user_expressions", {}).get("left", {})
        names = ast.literal_eval(said["data"]["text/plain"]) if "data" in said else []
        self._threads = [f"the thread {name}" for name in names]

    def end(self, notebook: str) -> None:
        """Kill what still runs, and say in one line what was left."""
        self._processes |= {p: c for p in self._marked() if (c := _command(p))}
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(list(self._processes), timeout=5)
        names = [_short(n) for n in (*self._processes.values(), *self._threads)]
        if names:
            from tqdm import tqdm  # which moves its bar out of the way

            line = f"{notebook} left running, ended with its kernel: {', '.join(sorted(names))}"
            tqdm.write(line, file=sys.stderr)

    def _marked(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):  # another user's, or just gone
                if process.environ().get(MARK) == self.mark:
                    yield process


def _command(process: psutil.Process) -> str:
    """Command of a process, "" if it has ended or ends by itself."""
    command = ""
    with contextlib.suppress(psutil.Error):
        if process.status() != psutil.STATUS_ZOMBIE:
            command = " ".join(process.cmdline()) or process.name()
    return "" if _HELPER in command else command


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
