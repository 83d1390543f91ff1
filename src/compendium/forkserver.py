"""A process that has imported what notebooks import, and forks a kernel from itself on request.

Started by `warm.Warm` as a script of its own: forkserver.py DESCRIPTOR MODULE ... It needs nothing
but the standard library and ipykernel, has one thread, and ends with the pipeline.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # this folder; not by -P, of which a kernel would take its own folder as unsafe

import builtins
import contextlib
import errno
import gc
import importlib
import json
import logging
import os
import random
import signal
import socket
import time
import types
import warnings
from collections.abc import Iterable
from typing import Any

_CHILD = {signal.SIGCHLD}

# What every kernel imports when it starts.
KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "sqlite3")


def _reap(*_: object) -> None:
    """Let go of the kernels that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _fork(control: socket.socket) -> bool:
    """Fork; in the server answer with a descriptor of the kernel, in the kernel return True."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD)  # not reaped before its descriptor is open
    with warnings.catch_warnings():
        # BLAS has threads of its own, and ends them before a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _CHILD)
        return True
    descriptor = os.pidfd_open(pid)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CHILD)
    socket.send_fds(control, [str(pid).encode()], [descriptor])
    os.close(descriptor)
    return False


def is_news(record: logging.LogRecord) -> bool:
    """Whether a log record says more than that a kernel that ends has closed its sockets."""
    error = record.exc_info[1] if record.exc_info else None
    return getattr(error, "errno", None) != errno.ENOTSOCK


def _kernel(request: dict[str, Any]) -> None:
    """Be the kernel that was asked for, until it is told to end."""
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    server = os.getppid()
    os.environ.clear()
    os.environ.update(request["env"], JPY_PARENT_PID=str(server))
    time.tzset()
    os.chdir(request["cwd"])
    random.seed()
    if numpy := sys.modules.get("numpy"):  # as in a process of its own: another state each time
        numpy.random.seed()
    sys.argv = ["ipykernel_launcher", *request["arguments"]]
    app = IPKernelApp.instance(parent_handle=server)
    app.initialize(request["arguments"])
    logging.getLogger("tornado.general").addFilter(is_news)
    app.start()


def _import(modules: Iterable[str]) -> None:
    """Import modules as a kernel does: pandas asks for one, to know how wide a table may be."""
    builtins.get_ipython = lambda: types.SimpleNamespace(kernel=None, config={"IPKernelApp": {}})
    for name in modules:
        with contextlib.suppress(Exception):  # the notebook that needs it will say what is wrong
            importlib.import_module(name)
    del builtins.get_ipython


def _get_ready() -> None:
    """Have numba, if it was imported, make what its first call makes: half a second of a kernel."""
    if numba := sys.modules.get("numba"):
        numba.njit(lambda x: x)(1.0)


def main(descriptor: int, modules: list[str]) -> None:
    """Import, then fork a kernel for each line that arrives."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pipeline's to answer
    signal.signal(signal.SIGCHLD, _reap)
    # As ipykernel has it by the time that a cell imports matplotlib.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # A kernel imports its debugger, which would say that it sees no frozen modules.
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    _import((*KERNEL, *modules))
    _get_ready()
    gc.freeze()  # what is shared stays shared
    requests = control.makefile("rb")
    for line in requests:
        if _fork(control):
            requests.close()
            control.close()
            _kernel(json.loads(line))
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
