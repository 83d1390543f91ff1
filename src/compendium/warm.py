"""Kernels that start at once: forked from a process that has imported everything (`forkserver`).

Where a process cannot be forked and watched so, or COMPENDIUM_FORK=0 is set, kernels are started
the ordinary way. A notebook gives the same either way; nothing passes from one kernel to another,
because each is a copy of a process in which no notebook ever ran.
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Self

SWITCH = "COMPENDIUM_FORK"

# For GNU's C library: what is freed goes back to the machine. Else much of it stays with a kernel
# that once held many arrays of some MB, in pieces that no larger one fits into.
FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**20),
}

RUNNING: list[Any] = []  # managers of the kernels that run


def stop_all(jobs: Iterable[Future]) -> None:
    """Kill the kernels that run, and any that is just starting, until all these jobs have ended.

    The call that waits for a killed kernel ends with an error.
    """
    waiting = set(jobs)
    while waiting:
        for manager in list(RUNNING):
            process = getattr(manager.provisioner, "process", None)
            if process is not None:
                process.kill()
        waiting = wait(waiting, timeout=0.1).not_done


def possible() -> bool:
    """Whether kernels can be forked here, and nobody has said that they should not."""
    return os.environ.get(SWITCH) != "0" and hasattr(os, "fork") and hasattr(os, "pidfd_open")


class Forked:
    """A process that another one forked, with as much of Popen as a kernel's manager asks for."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._descriptor = descriptor

    def poll(self) -> int | None:
        """None while it runs, then 0: how it ended only its parent is told."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self._ended(timeout) is None:
            raise subprocess.TimeoutExpired("kernel", timeout or 0)
        return 0

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._descriptor], [], [], timeout)[0]:
            self.returncode = 0
            os.close(self._descriptor)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Warm:
    """A process that has imported modules, for as long as a block lasts; started when needed."""

    def __init__(self, modules: Iterable[str] = ()) -> None:
        self.modules = tuple(modules)
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if it was started; a kernel that waits for it is started elsewhere."""
        if self._process:
            self._process.kill()  # it may be importing, and `fork` wait for that with the lock
        with self._lock:
            if self._control and self._process:
                self._control.close()
                self._process.wait()
                self._control = None

    def start(self) -> None:
        """Start the process if it does not run yet; it imports while the caller goes on."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        if self._process or not possible():
            return
        self._control, theirs = socket.socketpair()
        with theirs:
            script = str(Path(__file__).with_name("forkserver.py"))
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, script, str(theirs.fileno()), *self.modules],
                stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True,
                env=os.environ | FRUGAL,
            )  # fmt: skip

    def fork(self, arguments: list[str], env: dict[str, str], cwd: str) -> Forked | None:
        """A kernel with these arguments, environment and folder; None if it has to be started."""
        request = json.dumps({"arguments": arguments, "env": env, "cwd": cwd}) + "\n"
        with self._lock:
            self._start()
            if not self._control:
                return None
            try:
                self._control.sendall(request.encode())
                pid, descriptors, _, _ = socket.recv_fds(self._control, 20, 1)
            except OSError:
                return None
            return Forked(int(pid), descriptors[0]) if descriptors else None


def provisioner(warm: Warm) -> Any:
    """Class of kernel provisioner that forks from a warm process, or starts an ordinary kernel."""
    from jupyter_client.provisioning import LocalProvisioner

    class Provisioner(LocalProvisioner):
        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
            at = cmd.index("ipykernel_launcher") if "ipykernel_launcher" in cmd else len(cmd)
            env, cwd = kwargs.get("env") or dict(os.environ), kwargs.get("cwd") or os.getcwd()
            forked = None
            if at < len(cmd):  # it may still be importing: nobody else has to wait for that
                forked = await asyncio.to_thread(warm.fork, cmd[at + 1 :], env, str(cwd))
            if forked is None:
                return await super().launch_kernel(cmd, **kwargs)
            self.process, self.cwd = forked, cwd
            self.pid = self.pgid = forked.pid
            return self.connection_info

    return Provisioner
