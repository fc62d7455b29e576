"""Reading core dumps, by whomever they were written. Runs in the compiler's child process.

The format is that of the tool conventions; see coredump.py. A dump is as hostile as a module: what is listed is
bounded, and reading stops at the first error, which is told.
"""

from __future__ import annotations

import json
from typing import Any, Final

from caxton.sandbox.binary import read_binary
from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.binary_types import FuncType
from caxton.sandbox.component_binary import read_outline
from caxton.sandbox.lines import Lines, function_bodies, pack_companion, pack_lines
from caxton.text import NAME_LIMIT, TEXT_LIMIT, cut

MAX_FRAMES: Final = 10_000
MAX_LISTED: Final = 1_000
"""Modules, instances, threads, and indices of an instance that are listed, of each."""

_MAX_OURS: Final = 64 << 10
_VALUES: Final = {0x01: 0, 0x7C: 8, 0x7D: 4, 0x7E: None, 0x7F: None}
"""What a value is: missing, or a number of so many bytes; None: in LEB128."""


class BadDump(ValueError):
    """What follows is no core dump; the text says why."""


def read_core_dump(data: bytes) -> dict[str, Any] | None:
    """What a binary tells as a core dump, JSON-ready; None where it is none. ``problem``: where reading stopped."""
    found: dict[str, Any] = {
        "process": None, "modules": [], "instances": [], "threads": [], "ended": None, "problem": None
    }  # fmt: skip
    reader = Reader(data, 8)
    readers = {
        "core": _core,
        "coremodules": _modules,
        "coreinstances": _instances,
        "corestack": _stack,
        "caxton": _ours,
    }
    is_dump = False
    for number, stop in reader.sections():
        if number != 0:
            continue
        name = reader.name("replace")
        is_dump = is_dump or name == "core"
        if name not in readers or found["problem"] is not None:
            continue
        try:
            readers[name](Reader(data, reader.pos, stop), found)
        except (MalformedBinary, BadDump) as error:
            found["problem"] = cut(f"{name}: {error}", NAME_LIMIT)
    return found if is_dump else None


def _tag(reader: Reader) -> None:
    if reader.byte() != 0:
        raise BadDump("an entry of an unknown form")


def _name(reader: Reader) -> str:
    return cut(reader.name("replace"), NAME_LIMIT)


def _core(reader: Reader, found: dict[str, Any]) -> None:
    _tag(reader)
    found["process"] = _name(reader)


def _modules(reader: Reader, found: dict[str, Any]) -> None:
    for _ in range(_listed(reader)):
        _tag(reader)
        found["modules"].append(_name(reader))


def _instances(reader: Reader, found: dict[str, Any]) -> None:
    for _ in range(_listed(reader)):
        _tag(reader)
        instance: dict[str, Any] = {"module": reader.u32()}
        for kind in ("memories", "globals"):
            count = reader.u32()
            if count > reader.end - reader.pos:
                raise BadDump(f"more {kind} than there are bytes")
            instance[kind] = count
            for _ in range(count):
                reader.u32()
        found["instances"].append(instance)


def _listed(reader: Reader) -> int:
    count = reader.u32()
    if count > MAX_LISTED:
        raise BadDump(f"{count:,} entries, more than the {MAX_LISTED:,} that are read")
    return count


def _stack(reader: Reader, found: dict[str, Any]) -> None:
    if len(found["threads"]) == MAX_LISTED:
        raise BadDump("too many threads")
    _tag(reader)
    frames: list[dict[str, int]] = []
    found["threads"].append({"name": _name(reader), "frames": frames})
    room = MAX_FRAMES - sum(len(thread["frames"]) for thread in found["threads"])
    count = reader.u32()
    if count > room:
        raise BadDump(f"{count:,} frames, more than the {MAX_FRAMES:,} that are read")
    for _ in range(count):
        _tag(reader)
        frame = {"instance": reader.u32(), "function": reader.u32(), "offset": reader.u32()}
        frame["locals"], missing = _values(reader)
        frame["stack"], more = _values(reader)
        frames.append(frame | {"missing": missing + more})


def _values(reader: Reader) -> tuple[int, int]:
    """How many values there are, and how many of them are missing."""
    count = reader.u32()
    if count > reader.end - reader.pos:
        raise BadDump("more values than there are bytes")
    missing = 0
    for _ in range(count):
        kind = reader.byte()
        if kind not in _VALUES:
            raise BadDump(f"a value of the unknown type {kind:#04x}")
        size = _VALUES[kind]
        missing += kind == 0x01
        if size is None:
            _skip_number(reader)
        else:
            reader.pos += size
            if reader.pos > reader.end:
                raise BadDump("a value runs past the end")
    return count, missing


def _skip_number(reader: Reader) -> None:
    for _ in range(10):
        if reader.byte() < 0x80:
            return
    raise BadDump("a number is too long")


def _ours(reader: Reader, found: dict[str, Any]) -> None:
    content = reader.data[reader.pos : reader.end]
    try:
        said = json.loads(content) if len(content) <= _MAX_OURS else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadDump("it does not say why it ended")
    texts = {key: said.get(key) for key in ("code", "message", "sha256")}
    found["ended"] = {key: cut(text, TEXT_LIMIT) if isinstance(text, str) else None for key, text in texts.items()}


def places(frames: list[dict[str, Any]], module: bytes, imported: int, companion: bytes) -> list[dict[str, Any]]:
    """Of each frame, the function's name, and file, line and column, as far as ``module`` or ``companion`` tells."""
    packed = pack_lines(module)
    if companion and not Lines(packed).has_places:
        packed = pack_companion(module, companion)[0] or packed
    lines, bodies = Lines(packed), function_bodies(module)
    found = []
    for frame in frames:
        index = frame["function"] - imported
        place = lines.find(bodies[index] + frame["offset"]) if 0 <= index < len(bodies) else None
        file, line, column = place or (None, None, None)
        name = lines.function(frame["function"])
        found.append({"name": name, "file": file, "line": line, "column": column})
    return found


def places_in_component(frames: list[dict[str, Any]], component: bytes) -> list[dict[str, Any]]:
    """The same for a component, where ``module`` of a frame is the number of one of its core modules."""
    outline = read_outline(component)
    found: list[dict[str, Any]] = [dict.fromkeys(("name", "file", "line", "column")) for _ in frames]
    for number in {frame["module"] for frame in frames} & set(range(len(outline.modules))):
        code = component[outline.modules[number].start : outline.modules[number].end]
        imported = sum(isinstance(item.what, FuncType) for item in read_binary(code, sha256="").imports)
        which = [at for at, frame in enumerate(frames) if frame["module"] == number]
        for at, place in zip(which, places([frames[at] for at in which], code, imported, b""), strict=True):
            found[at] = place
    return found
