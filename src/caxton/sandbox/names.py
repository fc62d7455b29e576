"""The names of a module's functions: read in the compiling child, and hidden from Wasmtime.

Wasmtime writes the names of up to twenty frames, at full length, into a trap's message, and for that turns mangled ones
(C++'s, Rust's) into what they stand for, in the host's process: a name of 300 bytes can stand for gigabytes.
"""

from __future__ import annotations

import re
from typing import Final

from caxton.sandbox.binary_custom import read_function_names
from caxton.sandbox.binary_reader import Reader
from caxton.text import NAME_LIMIT, cut

MAX_FUNCTIONS: Final = 200_000
"""Functions beyond so many have no names."""

_NAMES: Final = b"name"
_HIDDEN: Final = b"nam_"
_HASH: Final = re.compile(r"h[0-9a-f]{16}", re.ASCII)
_SIZE: Final = re.compile(r"\d{1,3}", re.ASCII)
_RUST_PATH: Final = re.compile(r"_R((?:N[vt])*)C", re.ASCII)
_RUST_NAME: Final = re.compile(r"(?:s[0-9a-zA-Z]{0,16}_)?(\d{1,3})_?", re.ASCII)
_MOST_PARTS: Final = 32


def function_names(data: bytes) -> dict[int, str]:
    """The names of a binary's functions by their numbers, each at most 256 bytes long; of two sections the first."""
    reader = Reader(data, 8)
    for number, stop in reader.sections():
        if number == 0 and reader.name("replace") == "name":
            found = read_function_names(Reader(data, reader.pos, stop), range(MAX_FUNCTIONS))
            return {number: cut(short_name(name), NAME_LIMIT) for number, name in found.items()}
    return {}


def short_name(name: str) -> str:
    """A mangled name without its parameters: ``agent::Parser::next``.

    Only plain and nested names are read, in one pass; others stay as they are. Follows the Itanium C++ ABI, section
    5.1.2 "Names", which older Rust uses too, and Rust's own mangling (RFC 2603).
    """
    if not name.isascii():
        return name
    if name.startswith("_R"):
        return _of_rust(name)
    nested = name.startswith("_ZN")
    if not name.startswith("_Z"):
        return name
    at = 3 if nested else 2
    at += nested and name[at : at + 1] == "K"
    parts: list[str] = []
    while len(parts) < (_MOST_PARTS if nested else 1) and (size := _SIZE.match(name, at)) is not None:
        at = size.end() + int(size[0])
        parts.append(name[size.end() : at])
    if not parts or at > len(name) or (nested and name[at : at + 1] != "E") or name[at : at + 1] == "I":
        return name
    if len(parts) > 1 and _HASH.fullmatch(parts[-1]):
        parts.pop()
    return "::".join(parts)


def _of_rust(name: str) -> str:
    """A path from a crate's root down, where it has no types and no closures in it."""
    found = _RUST_PATH.match(name)
    if found is None or len(found[1]) > 2 * _MOST_PARTS:
        return name
    at, parts = found.end(), []
    for _ in range(len(found[1]) // 2 + 1):  # the crate, and a name for each level below it
        size = _RUST_NAME.match(name, at)
        if size is None:
            return name
        at = size.end() + int(size[1])
        parts.append(name[size.end() : at])
    return "::".join(parts) if at <= len(name) and name[at : at + 1] in ("", "C", "B", ".") else name


def with_hidden_names(data: bytes) -> bytes:
    """``data``, its name sections under another name. No offset changes."""
    reader = Reader(data, 8)
    hidden = bytearray()
    for number, _ in reader.sections():
        if number != 0:
            continue
        name = reader.skip_name()
        if data[name : reader.pos] == _NAMES:
            hidden = hidden or bytearray(data)
            hidden[name : name + len(_HIDDEN)] = _HIDDEN
    return bytes(hidden) if hidden else data
