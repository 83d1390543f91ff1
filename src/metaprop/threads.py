"""Parts of an array side by side, in threads that stay: a fit of a millisecond cannot start any."""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

# Parts that wait for a thread: what to call, with what, and where the answer goes.
_Part = tuple[Callable[..., Any], tuple, Future]
_waiting: "queue.SimpleQueue[_Part]" = queue.SimpleQueue()
_threads: list[threading.Thread] = []


def _forget() -> None:
    """In a copy of this process none of the threads runs."""
    global _waiting
    _waiting = queue.SimpleQueue()
    _threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _work(waiting: "queue.SimpleQueue[_Part]") -> None:
    while True:
        call, arguments, future = waiting.get()
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # it is raised where the answer is awaited
            future.set_exception(error)


def side_by_side(call: Callable[..., Any], parts: Sequence[tuple]) -> None:
    """Call with each part's arguments, the first here, the others in threads of their own.

    The call lets go of the interpreter's lock. Raises what it raised.
    """
    while len(_threads) < len(parts) - 1:
        thread = threading.Thread(target=_work, args=(_waiting,), name="metaprop", daemon=True)
        thread.start()
        _threads.append(thread)
    futures: list[Future] = [Future() for _ in parts[1:]]
    for part, future in zip(parts[1:], futures, strict=True):
        _waiting.put((call, part, future))
    try:
        call(*parts[0])
    finally:
        for future in futures:
            future.result()
