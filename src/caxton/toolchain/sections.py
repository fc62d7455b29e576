"""A module's custom sections: what a toolchain leaves there for others, and taking it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader

_CORE: Final = b"\0asm\x01\0\0\0"
_CUSTOM: Final = 0
_FEATURES: Final = "target_features"
_MOST_FEATURES: Final = 1_000
_USED: Final = ord("+")
_LINES: Final = frozenset({".debug_line", ".debug_str", ".debug_line_str"})
_DEBUG: Final = frozenset({"name", "sourceMappingURL", "external_debug_info", "build_id"})


def is_core(data: bytes) -> bool:
    """Whether it is a core module, and no component."""
    return data.startswith(_CORE)


def is_stale(name: str) -> bool:
    """Whether a section is one that optimising leaves behind: DWARF, but for its lines and their files."""
    return name.startswith(".debug_") and name not in _LINES


def is_debug(name: str) -> bool:
    """Whether a custom section tells of source and names, and nothing else."""
    return name in _DEBUG or name.startswith((".debug_", "reloc..debug_"))


def without(data: bytes, unwanted: Callable[[str], bool]) -> bytes:
    """A core module without the custom sections of such names; what cannot be read is left as it is."""
    kept = bytearray(data[: len(_CORE)])
    at = len(_CORE)
    try:
        for name, _, stop in _sections(data):
            if name is None or not unwanted(name):
                kept += data[at:stop]
            at = stop
    except MalformedBinary:
        return data
    return bytes(kept)


def target_features(data: bytes) -> frozenset[str] | None:
    """The features that a module's compiler says it has used; None where it does not say.

    The section ``target_features`` of the WebAssembly tool conventions (Linking.md).
    """
    try:
        for name, reader, _ in _sections(data):
            if name == _FEATURES:
                return frozenset(_features(reader))
    except MalformedBinary:
        pass
    return None


def _features(reader: Reader) -> Iterator[str]:
    for _ in range(min(reader.u32(), _MOST_FEATURES)):
        is_used = reader.byte() == _USED
        name = reader.name("replace")
        if is_used:
            yield name


def _sections(data: bytes) -> Iterator[tuple[str | None, Reader, int]]:
    """Each section: its name if it is a custom one, a reader of what follows the name, and where it ends."""
    reader = Reader(data, len(_CORE))
    for number, stop in reader.sections():
        name = reader.name("replace") if number == _CUSTOM else None
        yield name, Reader(data, reader.pos, stop), stop
