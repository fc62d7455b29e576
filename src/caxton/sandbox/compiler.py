"""Compiling a module, in a process of its own.

A compilation cannot be stopped from inside the process that does it, and a few hundred KiB of WebAssembly can make it
take minutes and gigabytes. So a child process parses, validates and compiles, under limits of time and memory, and the
host only ever reads the finished, authenticated result. The child's end is ``main``; ``Compilation`` is the host's.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

from caxton.errors import CaxtonError, LimitError, ModuleError
from caxton.sandbox import engine
from caxton.sandbox.binary import Kind, read_binary
from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.dump_facts import DumpFacts
from caxton.sandbox.lines import Lines, pack_lines
from caxton.sandbox.names import with_hidden_names
from caxton.sandbox.native import ffi, take_bytes, take_error, wasmtime
from caxton.sandbox.signature import signature
from caxton.sandbox.warmth import NOTHING, TOO_COSTLY, Warmth

COMPILE_SECONDS: Final = 120.0
COMPILE_BYTES: Final = 4 << 30
AHEAD_SECONDS: Final = 80.0
"""Of those seconds, what running a module's initialisation ahead may take, with compiling it for that."""

_LOOK_EVERY: Final = 0.1
_MAX_NAME: Final = 2048
_MAX_HEADER: Final = 64 << 20
_MAX_CODE: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Facts:
    """What the load checks need to know of a module, so that nothing in the host parses a guest's bytes.

    ``imports``: (module, name, signature); ``exports``: name to signature (signature.py); ``memory``: (minimum,
    maximum or None, is 64-bit, is shared) of the exported memory, pages; ``memories``, ``tables``: minima, of the
    module's own. ``lines``: its functions' names and where its code comes from (lines.py), ``has_lines``: that
    it says so; only compiling finds that out. ``dump``: what core dumps need (dumpable.py), where it is made for them.
    ``external_debug_info``, ``source_map``: where it says that debug information lies; names of its own making.
    """

    sha256: str
    size: int
    imports: tuple[tuple[str, str, str], ...]
    exports: dict[str, str]
    memory: tuple[int, int | None, bool, bool] | None
    memories: tuple[int, ...]
    tables: tuple[int, ...]
    has_start: bool
    has_dwarf: bool
    lines: str = ""
    has_lines: bool = False
    external_debug_info: str | None = None
    source_map: str | None = None
    warmth: Warmth = NOTHING
    places: tuple[tuple[int, int, int], ...] | None = None
    direct: bool = False
    dump: DumpFacts | None = None

    @property
    def has_initialisation(self) -> bool:
        """Whether there is anything to do in turn 0."""
        return self.has_start or "_initialize" in self.exports or "caxton_init" in self.exports

    @classmethod
    def from_json(cls, text: bytes | memoryview) -> Facts:
        """The facts that ``as_json`` wrote."""
        found = json.loads(bytes(text))
        found["imports"] = tuple((m, n, s) for m, n, s in found["imports"])
        found["memory"] = tuple(found["memory"]) if found["memory"] else None
        found["warmth"] = Warmth.from_mapping(found["warmth"])
        found["dump"] = DumpFacts.from_mapping(found["dump"])
        found["memories"], found["tables"] = tuple(found["memories"]), tuple(found["tables"])
        if found["places"] is not None:
            found["places"] = tuple((number, index, pages) for number, index, pages in found["places"])
        return cls(**found)

    def as_json(self) -> bytes:
        """The facts as JSON."""
        return json.dumps(asdict(self)).encode()


# ---- the child ------------------------------------------------------------------------------------------------------


def to_binary(data: bytes) -> bytes:
    """A module as binary, whether it comes as binary or as text.

    Raises:
        ModuleError: ``module.invalid``, it is neither.
    """
    if data.lstrip()[:1] == b"(" or data[:2] == b";;":
        data = _assemble(data)
    if data[:4] != b"\0asm":
        raise ModuleError("module.invalid", "neither WebAssembly nor its text format")
    return data


def _assemble(data: bytes) -> bytes:
    vector = ffi.new("wasm_byte_vec_t *")
    why = take_error(wasmtime.wasmtime_wat2wasm(data, len(data), vector))
    if why is not None:
        raise ModuleError("module.invalid", f"the text is no WebAssembly: {first_line(why)}")
    return take_bytes(vector)


def first_line(text: str) -> str:
    """The beginning of a message of Wasmtime's, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:3]) if lines else text


def _missing_features(data: bytes, enabled: frozenset[str]) -> list[str]:
    """Which proposals that are off would make the module valid; none where it is invalid with all of them."""
    others = [name for name in (*engine.FEATURES, *engine.REFUSED) if name not in enabled]
    alone = [name for name in others if engine.accepts(data, enabled | {name}) is None]
    if alone:
        return alone
    if engine.accepts(data, enabled.union(others)) is not None:
        return []
    return [name for name in others if engine.accepts(data, enabled.union(others) - {name}) is not None]


def invalid(data: bytes, why: str, enabled: frozenset[str]) -> ModuleError:
    """The error for a module that is not valid: which feature that is off it uses, or ``why`` it is not."""
    for name in _missing_features(data, enabled):
        hint = f'; ask for it with features = ["{name}"]' if name in engine.FEATURES else ""
        return ModuleError("module.invalid", f"the module uses {name}, which is off{hint}")
    return ModuleError("module.invalid", f"not valid WebAssembly: {first_line(why)}")


def read_facts(data: bytes) -> Facts:
    """The facts of a binary.

    Raises:
        ModuleError: ``module.invalid``, it cannot be read, or is a component.
    """
    try:
        info = read_binary(data)
    except MalformedBinary as error:
        raise ModuleError("module.invalid", f"not valid WebAssembly: {error}") from None
    if info.kind is Kind.COMPONENT:
        raise ModuleError("module.invalid", "this is a component; only core modules can be agents yet")
    memory = next((export.what for export in info.exports if export.name == "memory"), None)
    return Facts(
        sha256=info.sha256,
        size=info.size,
        imports=tuple((item.module, item.name, signature(item.what)) for item in info.imports),
        exports={item.name: signature(item.what) for item in info.exports},
        memory=_memory(memory),
        memories=tuple(item.minimum for item in info.memories),
        tables=tuple(item.minimum for item in info.tables),
        has_start=info.has_start,
        has_dwarf=info.has_dwarf,
        external_debug_info=_short(info.external_debug_info),
        source_map=_short(info.source_mapping_url),
    )


def _short(name: str | None) -> str | None:
    return None if name is None else name[:_MAX_NAME]


def _memory(what: Any) -> tuple[int, int | None, bool, bool] | None:
    if what is None or not hasattr(what, "page_size"):
        return None
    return (what.minimum, what.maximum, what.memory64, what.shared)


def compile_here(data: bytes, settings: engine.Settings, warm_fuel: int = 0) -> tuple[Facts, bytes]:
    """Compiles in this process, without limits: facts, and what ``wasmtime_module_deserialize`` takes.

    ``warm_fuel``: what its initialisation may use, which is then run, and its outcome compiled; 0: it is not.

    Raises:
        ModuleError: ``module.invalid``; ``module.too-complex``, the compiler does not take it.
    """
    data = to_binary(data)
    if data[4:8] == b"\x0d\x00\x01\x00":
        from caxton.sandbox.component_compiler import compile_component

        return compile_component(data, settings)
    compiler = engine.compiling_engine(settings)
    why = engine.accepts(data, settings.features)
    if why is not None:
        raise invalid(data, why, settings.features)
    lines = pack_lines(data)
    facts = replace(read_facts(data), lines=lines, has_lines=Lines(lines).has_places)
    if warm_fuel:
        facts, data = warmed(data, facts, settings.features, warm_fuel)
    elif settings.dumpable:
        from caxton.sandbox.dumpable import make_dumpable  # which plain modules do not need

        made = make_dumpable(data, len(facts.imports))
        facts, data = replace(facts, dump=made.facts, warmth=replace(NOTHING, shift=made.shift)), made.binary
    source = ffi.from_buffer(with_hidden_names(data))
    found = ffi.new("wasmtime_module_t **")
    why = take_error(wasmtime.wasmtime_module_new(compiler.pointer, source, len(data), found))
    if why is not None:
        # It is valid: what it is beyond is a limit of the compiler's.
        raise ModuleError("module.too-complex", f"the module cannot be compiled: {first_line(why)}")
    vector = ffi.new("wasm_byte_vec_t *")
    why = take_error(wasmtime.wasmtime_module_serialize(found[0], vector))
    if why is not None:
        raise ModuleError("module.invalid", f"the module cannot be kept: {first_line(why)}")
    return facts, take_bytes(vector)


def warmed(data: bytes, facts: Facts, features: frozenset[str], fuel: int) -> tuple[Facts, bytes]:
    """A valid module with its initialisation done, where it has one, and where that may be run ahead."""
    if not facts.has_initialisation:
        return facts, data
    from caxton.sandbox.freeze.warm import warm_up  # which plain modules do not need

    _announce(ahead=True)
    try:
        attempt = warm_up(data, facts, features, fuel)
    finally:
        _announce(ahead=False)
    return replace(facts, warmth=attempt.warmth), attempt.binary


_in_child = False


def _announce(*, ahead: bool) -> None:
    """Tells the host that a guest is about to run here, or has: if that ends this child, another one compiles alone."""
    if _in_child:
        sys.stdout.buffer.write(json.dumps({"ahead": ahead}).encode() + b"\n")
        sys.stdout.buffer.flush()


def _limit_this_process(memory: int, seconds: float) -> None:
    cpus = os.cpu_count() or 1
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: int(seconds * cpus) + 1,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for which, limit in wanted.items():
        _, hard = resource.getrlimit(which)
        ceiling = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # Two of them are raised again, for the one instance of a component that is tried (component_places.py).
        raised = which in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (ceiling, hard if raised else ceiling))


def _end_with_parent(stream: BinaryIO) -> None:
    """Ends this process when the host's end of the pipe closes: the host is gone, or has lost interest."""

    def watch() -> None:
        stream.read(1)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def _compile(data: bytes, settings: engine.Settings, warm_fuel: int) -> tuple[bytes, bytes]:
    facts, code = compile_here(data, settings, warm_fuel)
    return facts.as_json(), code


def _describe(data: bytes, settings: engine.Settings, warm_fuel: int) -> tuple[bytes, bytes]:
    from caxton.sandbox.description import describe

    return json.dumps(describe(data, settings.features, warm_fuel)).encode(), b""


def _read_lines(data: bytes, settings: engine.Settings, warm_fuel: int) -> tuple[bytes, bytes]:
    from caxton.sandbox.lines import pack_companion

    module, companion = _unframed(data, 2)
    module = to_binary(module)
    read_facts(module)
    lines, why = pack_companion(module, companion)
    return json.dumps({"why": why}).encode(), lines.encode()


def _read_places(data: bytes, settings: engine.Settings, warm_fuel: int) -> tuple[bytes, bytes]:
    from caxton.sandbox.coredump_reader import places

    frames, module, companion = _unframed(data, 3)
    module = to_binary(module)
    found = places(json.loads(frames), module, len(read_facts(module).imports), companion)
    return json.dumps(found).encode(), b""


_SIZE: Final = 8


def framed(*parts: bytes) -> bytes:
    """Several pieces as one, for a child."""
    return b"".join(len(part).to_bytes(_SIZE, "little") + part for part in parts)


def _unframed(data: bytes, count: int) -> list[bytes]:
    parts, at = [], 0
    for _ in range(count):
        size = int.from_bytes(data[at : at + _SIZE], "little")
        at += _SIZE
        parts.append(data[at : at + size])
        at += size
    return parts


_TASKS: Final = {"compile": _compile, "describe": _describe, "lines": _read_lines, "places": _read_places}


def main() -> None:
    """The child: one request on standard input, one answer on standard output."""
    global _in_child
    _in_child = True
    stream = sys.stdin.buffer
    request = json.loads(stream.readline(_MAX_HEADER))
    _limit_this_process(request["memory"], request["seconds"])
    data = stream.read(request["length"])
    _end_with_parent(stream)
    settings = engine.Settings(
        frozenset(request["features"]), request["reservation"], request["profiled"], request["dumpable"]
    )
    try:
        facts, code = _TASKS[request["task"]](data, settings, request["warm_fuel"])
        header = {"facts": len(facts), "code": len(code)}
        parts = [json.dumps(header).encode() + b"\n", facts, code]
    except CaxtonError as error:
        parts = [json.dumps({"error": error.code, "message": error.message}).encode() + b"\n"]
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
    os._exit(0)


# ---- the host's end -------------------------------------------------------------------------------------------------

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
        settings: engine.Settings,
        *,
        warm_fuel: int = 0,
        seconds: float = COMPILE_SECONDS,
        memory: int = COMPILE_BYTES,
        turn: threading.Semaphore | None = None,
    ) -> None:
        self._turn = turn or threading.Semaphore()
        self._data = data
        self._settings = settings
        self._warm_fuel = warm_fuel
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
                self._warm_fuel, self._failed_ahead = 0, True
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
            "warm_fuel": self._warm_fuel,
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

    def __init__(self, module: bytes, companion: bytes, settings: engine.Settings, **options: Any) -> None:
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

    def __init__(
        self, frames: list[dict[str, Any]], module: bytes, companion: bytes, settings: engine.Settings
    ) -> None:
        super().__init__(framed(json.dumps(frames).encode(), module, companion), settings)

    def run(self) -> list[dict[str, Any]]:
        """What ``coredump_reader.places`` says.

        Raises:
            ModuleError: the module cannot be read; ``module.too-complex``, it took more than the limits.
            LimitError: ``limit.host``, no process can be started.
        """
        found: list[dict[str, Any]] = json.loads(self._run()[0])
        return found
