"""Writing WebAssembly binaries: integers, constants, sections.

Follows the core specification 3.0, binary format. Encodings are the shortest ones, so equal content is equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

FUNCREF: Final = b"\x70"
END: Final = b"\x0b"
_I32_CONST: Final = b"\x41"
_REF_NULL: Final = b"\xd0"
_REF_FUNC: Final = b"\xd2"
_CONSTANTS: Final = {"f32": (b"\x43", 4), "f64": (b"\x44", 8), "v128": (b"\xfd\x0c", 16)}


def unsigned(value: int) -> bytes:
    """An unsigned LEB128 integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """A signed LEB128 integer."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def name(text: str) -> bytes:
    """A length and so many bytes of UTF-8."""
    return sized(text.encode())


def sized(content: bytes) -> bytes:
    """Bytes with their number before them."""
    return unsigned(len(content)) + content


def vector(items: Sequence[bytes]) -> bytes:
    """Items with their number before them."""
    return unsigned(len(items)) + b"".join(items)


def section(number: int, content: bytes) -> bytes:
    """A section with its header."""
    return bytes([number]) + sized(content)


def address(value: int) -> bytes:
    """The constant expression of an unsigned 32-bit address."""
    return _I32_CONST + signed(value - (1 << 32) if value & (1 << 31) else value) + END


def number(kind: str, bits: bytes) -> bytes:
    """The constant expression of a number of type ``kind``, whose bytes are ``bits``, little end first."""
    if kind in ("i32", "i64"):
        return (_I32_CONST if kind == "i32" else b"\x42") + signed(int.from_bytes(bits, "little", signed=True)) + END
    opcode, size = _CONSTANTS[kind]
    assert len(bits) == size
    return opcode + bits + END


def reference(function: int | None, heap: bytes) -> bytes:
    """The constant expression of a function, or of null of the heap type ``heap``."""
    if function is None:
        return _REF_NULL + heap + END
    return _REF_FUNC + unsigned(function) + END


def functions(indices: Iterable[int]) -> bytes:
    """A vector of function indices."""
    return vector([unsigned(index) for index in indices])
