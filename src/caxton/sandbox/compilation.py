"""Compiling a module, in a process of its own: the host's end. What the child does is in compiler.py."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Final

from caxton.errors import LimitError, ModuleError
from caxton.sandbox.engine import Settings
from caxton.sandbox.facts import Facts
from caxton.sandbox.warmth import TOO_COSTLY, Allowance

COMPILE_SECONDS: Final = 120.0
COMPILE_BYTES: Final = 4 << 30
AHEAD_SECONDS: Final = 80.0
"""Of those seconds, what running a module's initialisation ahead may take, with compiling it for that."""

_LOOK_EVERY: Final = 0.1
_MAX_HEADER: Final = 64 << 20
_MAX_CODE: Final = 1 << 30

_SIZE: Final = 8


def framed(*parts: bytes) -> bytes:
    """Several pieces as one, for a child."""
    return b"".join(len(part).to_bytes(_SIZE, "little") + part for part in parts)


# The child loads this room only: `caxton/__init__` would bring in the whole host.
_BOOT: Final = """
import sys, types, json
paths = json.loads(sys.argv[1])
sys.path[:] = paths["path"]
package = types.ModuleType("caxton")
package.__path__ = [paths["package"]]
sys.modules["caxton"] = package
from caxton.sandbox.compiler import main
main()
"""


class _Child:
    """One child process with one module to work on. ``run`` blocks; ``stop`` ends it from another thread.

    ``turn``: held while the child lives, so that not too many are at work at once.
    """

    _task: ClassVar[str]

    def __init__(
        self,
        data: bytes,
        settings: Settings,
        *,
        allowance: Allowance | None = None,
        seconds: float = COMPILE_SECONDS,
        memory: int = COMPILE_BYTES,
        turn: threading.Semaphore | None = None,
    ) -> None:
        self._turn = turn or threading.Semaphore()
        self._data = data
        self._settings = settings
        self._allowance = allowance
        self._ahead = False  # the child has begun to run the module's initialisation
        self._failed_ahead = False
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ends the child. ``run`` then raises."""
        self._stopped.set()
        if self._process is not None:
            self._process.kill()

    def _command(self) -> list[str]:
        paths = {"path": [p for p in sys.path if p], "package": str(Path(__file__).parent.parent)}
        return [sys.executable, "-I", "-S", "-c", _BOOT, json.dumps(paths)]

    def _run(self) -> tuple[bytes, bytes]:
        while not self._turn.acquire(timeout=_LOOK_EVERY):
            if self._stopped.is_set():
                raise ModuleError("module.too-complex", "it was stopped")
        try:
            answer = self._run_child()
            if answer is None and self._ahead and not self._stopped.is_set():
                self._allowance, self._failed_ahead = None, True
                answer = self._run_child()
        finally:
            self._turn.release()
        if answer is None:
            raise ModuleError(
                "module.too-complex",
                f"reading or compiling it took more than {self._seconds:g} s or {self._memory >> 20} MiB"
                if not self._stopped.is_set()
                else "it was stopped",
            )
        return answer

    def _run_child(self) -> tuple[bytes, bytes] | None:
        with self._started() as process:
            self._process = process
            timer = threading.Timer(self._seconds, process.kill)
            timer.daemon = True
            timer.start()
            try:
                if self._stopped.is_set():
                    process.kill()
                answer = self._exchange(process)
            finally:
                timer.cancel()
                process.kill()
                with contextlib.suppress(BrokenPipeError):  # what it was to read, and was ended before
                    assert process.stdin is not None
                    process.stdin.close()
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if k in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH")}
        try:
            return subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:  # no descriptors, no processes, no memory
            why = f"no process can be started to compile in: {error.strerror or error}"
            raise LimitError("limit.host", why) from None

    def _exchange(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes] | None:
        assert process.stdin is not None
        assert process.stdout is not None
        request = {
            "task": self._task,
            "length": len(self._data),
            "features": sorted(self._settings.features),
            "reservation": self._settings.reservation,
            "allowance": None if self._allowance is None else [self._allowance.fuel, self._allowance.seconds],
            "profiled": self._settings.profiled,
            "dumpable": self._settings.dumpable,
            "memory": self._memory,
            "seconds": self._seconds,
        }
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.write(self._data)
            process.stdin.flush()
            header = self._header(process, process.stdout)
            if header is None:
                return None
            if "error" in header:
                raise ModuleError(header["error"], header["message"])
            if header["facts"] > _MAX_HEADER or header["code"] > _MAX_CODE:
                return None
            facts, code = process.stdout.read(header["facts"]), process.stdout.read(header["code"])
        except (BrokenPipeError, ValueError, KeyError, TypeError):  # it broke off, or what it says makes no sense
            return None
        if len(facts) != header["facts"] or len(code) != header["code"]:
            return None
        return facts, code

    def _header(self, process: subprocess.Popen[bytes], stream: Any) -> Any:
        """What the answer begins with; before it the child may announce that it runs the module's initialisation."""
        timer: threading.Timer | None = None
        try:
            for _ in range(3):
                line = stream.readline(_MAX_HEADER)
                if not line.endswith(b"\n"):
                    return None
                header = json.loads(line)
                if "ahead" not in header:
                    return header
                self._ahead = True
                if header["ahead"]:
                    timer = threading.Timer(AHEAD_SECONDS, process.kill)
                    timer.daemon = True
                    timer.start()
                elif timer is not None:
                    timer.cancel()
            return None
        finally:
            if timer is not None:
                timer.cancel()


class Compilation(_Child):
    """Compiles one module. ``run`` blocks; ``stop`` ends it from another thread."""

    _task = "compile"

    def run(self) -> tuple[Facts, bytes]:
        """The module's facts and its compiled code.

        Raises:
            ModuleError: ``module.invalid``; ``module.too-complex`` where it took more than the limits.
            LimitError: ``limit.host``, no process can be started.
        """
        header, code = self._run()
        facts = Facts.from_json(header)
        if self._failed_ahead:
            facts = replace(facts, warmth=TOO_COSTLY)
        return facts, code


class Description(_Child):
    """Reads one module, without compiling it. ``run`` blocks; ``stop`` ends it from another thread."""

    _task = "describe"

    def run(self) -> dict[str, Any]:
        """What ``description.describe`` says.

        Raises:
            ModuleError: ``module.invalid``, nothing can be said of it; ``module.too-complex`` as for compiling.
            LimitError: ``limit.host``, no process can be started.
        """
        found: dict[str, Any] = json.loads(self._run()[0])
        if self._failed_ahead and found.get("facts"):
            found["facts"]["warmth"] = asdict(TOO_COSTLY)
        return found


class LineReading(_Child):
    """Reads the debug information beside one module. ``run`` blocks; ``stop`` ends it from another thread."""

    _task = "lines"

    def __init__(self, module: bytes, companion: bytes, settings: Settings, **options: Any) -> None:
        super().__init__(framed(module, companion), settings, **options)

    def run(self) -> tuple[str, str]:
        """The table of lines (lines.py) and, where it is empty, why.

        Raises:
            ModuleError: the module cannot be read; ``module.too-complex``, it took more than the limits.
            LimitError: ``limit.host``, no process can be started.
        """
        answer, lines = self._run()
        return lines.decode(), str(json.loads(answer)["why"])


class PlaceReading(_Child):
    """Finds out where the frames of a core dump lie in their module's source. ``run`` blocks."""

    _task = "places"

    def __init__(self, frames: list[dict[str, Any]], module: bytes, companion: bytes, settings: Settings) -> None:
        super().__init__(framed(json.dumps(frames).encode(), module, companion), settings)

    def run(self) -> list[dict[str, Any]]:
        """What ``coredump_reader.places`` says.

        Raises:
            ModuleError: the module cannot be read; ``module.too-complex``, it took more than the limits.
            LimitError: ``limit.host``, no process can be started.
        """
        found: list[dict[str, Any]] = json.loads(self._run()[0])
        return found
