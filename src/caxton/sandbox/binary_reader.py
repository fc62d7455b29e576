"""A cursor over the bytes of a hostile WebAssembly binary: integers, names, counts and section headers.

Nothing here allocates more than the bytes at hand justify: a count is refused when fewer bytes are left than it
announces.
"""

from collections.abc import Iterator
from typing import Final

MAX_NAME_BYTES: Final = 100_000
"""The longest name, in bytes; browsers and wasmtime's parser stop at the same length."""

MAX_SECTIONS: Final = 100_000
"""The most sections, custom ones included, of one binary."""


class MalformedBinary(ValueError):
    """The bytes are no WebAssembly binary that Caxton can read.

    `offset` is the byte at which reading stopped, counted from the binary's start; `reason` says what is wrong there.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        return f"at byte {self.offset:#x}: {self.reason}"


class Reader:
    """Reads forward from `pos` and never past `end`; every method raises `MalformedBinary` where the bytes are wrong.

    Integers are LEB128 as the core specification bounds it (binary format, section "Integers"): padding is allowed up
    to ceil(bits / 7) bytes, since linkers pad; longer encodings, and bits beyond the integer's width, are refused.
    """

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else end

    def byte(self) -> int:
        """The next byte."""
        pos = self.pos
        if pos >= self.end:
            raise MalformedBinary(pos, "unexpected end")
        self.pos = pos + 1
        return self.data[pos]

    def u32(self) -> int:
        """An unsigned integer of 32 bits."""
        pos = self.pos
        # Nearly every integer of a module is one byte long; that path decides how fast a module is read.
        if pos < self.end and (first := self.data[pos]) < 0x80:
            self.pos = pos + 1
            return first
        return self.unsigned(32)

    def unsigned(self, bits: int) -> int:
        """An unsigned integer of `bits` bits."""
        start = self.pos
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= bits:
                raise MalformedBinary(start, f"an integer of {bits} bits is encoded in too many bytes")
        if value >> bits:
            raise MalformedBinary(start, f"an integer does not fit {bits} bits")
        return value

    def type_index(self) -> int:
        """A type index where a heap type is expected: a signed integer of 33 bits that is not negative."""
        start = self.pos
        value = self.unsigned(32)
        if self.data[self.pos - 1] & 0x40:
            raise MalformedBinary(start, "a negative type index")
        return value

    def count(self, limit: int, what: str) -> int:
        """The length of a list of `what`, each a byte or more; refused beyond `limit` or beyond the bytes left."""
        start = self.pos
        value = self.u32()
        if value > limit:
            raise MalformedBinary(start, f"{value} {what}, more than the {limit} that are allowed")
        if value > self.end - self.pos:
            raise MalformedBinary(start, f"{value} {what} in {self.end - self.pos} bytes")
        return value

    def name(self, errors: str = "strict") -> str:
        """A length and so many bytes of UTF-8; `errors="replace"` reads what is not UTF-8 as U+FFFD."""
        pos = self.skip_name()
        try:
            return str(self.data[pos : self.pos], "utf-8", errors)
        except UnicodeDecodeError as error:
            raise MalformedBinary(pos + error.start, "a name is not UTF-8") from None

    def skip_name(self) -> int:
        """Walk over a name; returns where its first byte stands."""
        start = self.pos
        size = self.u32()
        if size > MAX_NAME_BYTES:
            raise MalformedBinary(start, f"a name of {size} bytes, longer than {MAX_NAME_BYTES}")
        if size > self.end - self.pos:
            raise MalformedBinary(start, "a name runs past the end")
        self.pos += size
        return self.pos - size

    def sections(self) -> Iterator[tuple[int, int]]:
        """Walk over the sections: yield each one's id and end.

        Meanwhile `pos` is at the section's first byte and `end` at its end; the walk goes on there, whatever was read.
        """
        last = self.end
        for _ in range(MAX_SECTIONS):
            if self.pos >= last:
                return
            kind = self.byte()
            start = self.pos
            size = self.u32()
            stop = self.pos + size
            if stop > last:
                raise MalformedBinary(start, f"a section of {size} bytes where {last - self.pos} are left")
            self.end = stop
            yield kind, stop
            self.pos, self.end = stop, last
        if self.pos < last:
            raise MalformedBinary(self.pos, f"more than {MAX_SECTIONS} sections")
