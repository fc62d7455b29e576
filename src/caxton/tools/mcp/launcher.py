"""Runs one tool server, and ends it and everything that it started when the host is gone.

The host runs this file in a session of its own: ``python -I -S launcher.py LIFELINE PARENT GRACE COMMAND...``.
``LIFELINE`` is the reading end of a pipe whose other end only the host holds: it closes when the host closes it, and
also when the host is killed, since a kernel closes what a dead process held. ``PARENT`` is the host's process id,
``GRACE`` the seconds between asking processes to end and making them.

The server gets this process's standard streams as they are; nothing is copied on the way. It imports next to nothing:
it is started once for each server, and stays in memory as long as that.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_PATIENCE = 10.0


def _prctl(option: int, value: int) -> None:
    """Asks Linux's kernel for a service; elsewhere, or where it is refused, the pipe has to do."""
    if _LINUX:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(command: list[str]) -> int:
    """Starts the server in a process group of its own; answers its process id, which is the group's too."""
    launcher = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        # A launcher that was killed can end nothing any more; then the kernel ends the server at least.
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != launcher:
            os._exit(1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode("utf-8", "replace"))
        os._exit(126 if error.errno == errno.EACCES else 127)
    os._exit(127)


def _let_go_of_the_streams() -> None:
    """Only the server holds its standard streams, so that each closes when the server closes it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _reap(child: int, statuses: dict[int, int]) -> bool:
    """Collects whoever has ended; answers whether anybody is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        if pid == child:
            statuses[pid] = status


def _children() -> list[int]:
    """This process's children now: the server, and orphans of its making that the kernel has handed over."""
    found, me = [], str(os.getpid())
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit():
                with (
                    contextlib.suppress(OSError),
                    open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file,
                ):
                    if file.read().rpartition(")")[2].split()[1] == me:
                        found.append(int(name))
    return found


def _signal_all(child: int, number: int) -> None:
    """To the server's group, and to those who have left it but are children of ours."""
    with contextlib.suppress(OSError):
        os.killpg(child, number)
    for pid in _children():
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def _end(child: int, statuses: dict[int, int], grace: float) -> None:
    """Asks everybody to end, and soon makes them; returns when nobody is left."""
    now = time.monotonic()
    _signal_all(child, signal.SIGTERM)
    while _reap(child, statuses):
        passed = time.monotonic() - now
        if passed > grace:
            _signal_all(child, signal.SIGKILL)  # again and again: each death may hand over orphans
        if passed > grace + _PATIENCE:
            break
        time.sleep(0.005)


def main(lifeline: int, parent: int, grace: float, command: list[str]) -> int:
    """Runs ``command`` until it ends or the host is gone; answers the exit status, 128 + n for signal n."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    # For a host whose end of the pipe lives on in a fork of it. It says only that it is time to look at the parent:
    # the kernel sends it also when the thread that started this process ends.
    _prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
    os.set_inheritable(lifeline, False)
    child, statuses = _start(command), dict[int, int]()
    _let_go_of_the_streams()
    while _reap(child, statuses) and child not in statuses and os.getppid() == parent:
        ready, _, _ = select.select([lifeline, awake], [], [])
        if lifeline in ready or {signal.SIGTERM, signal.SIGINT} & set(os.read(awake, 4096)):
            break
    _end(child, statuses, grace)
    return os.waitstatus_to_exitcode(statuses.get(child, 0))


if __name__ == "__main__":
    _code = main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])
    os._exit(_code if _code >= 0 else 128 - _code)
