"""The core module that stands between a component's code and the host's functions, where payloads stay in memory.

For the code, each of its functions is what the component model makes of a host call: it takes addresses and lengths,
and the address of the result. It hands all of that to the host as it is. The host reads what it needs in the memory,
writes the result there, and, as it has no allocator, answers how much it wants for the next piece of the result: this
module asks the code's own allocator, and tells the host where. What the host answers is the alignment above 32 bits,
the size below; 0 is the end. What it is given before the arguments is the place; all bits are set in the first call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from caxton.sandbox.component_writing import items
from caxton.sandbox.encoding import name, section, unsigned

HOST: Final = "host"
_MAGIC: Final = b"\0asm\x01\0\0\0"
_TYPE, _IMPORT, _FUNCTION, _EXPORT, _CODE = 1, 2, 3, 7, 10
_KINDS: Final = {"i": b"\x7f", "I": b"\x7e"}
_GET, _SET, _CALL, _I32, _I64 = b"\x20", b"\x21", b"\x10", b"\x41", b"\x42"
_UPPER: Final = _I64 + b"\x20" + b"\x88" + b"\xa7"  # i64.const 32, i64.shr_u, i32.wrap_i64
_LOWER: Final = b"\xa7"
_WIDEN: Final = b"\xad"
_END: Final = b"\x0b"


@dataclass(frozen=True, slots=True)
class Call:
    """A host call: the core function's parameters (``i`` of 32 bits, ``I`` of 64), and the number of the allocator.
    What its name has before a colon sets it apart."""

    name: str
    parameters: str
    realloc: int | None


def adapter(calls: Sequence[Call], reallocs: int) -> bytes:
    """The module. It imports ``host``: each call by its name, and the allocators by their numbers."""
    types = [_function("iiii", "i")]
    imports = [name(HOST) + name(str(number)) + b"\0\0" for number in range(reallocs)]
    functions, exports, codes = [], [], []
    for number, call in enumerate(calls):
        types += [_function(f"I{call.parameters}", "I"), _function(call.parameters, "")]
        imports.append(name(HOST) + name(call.name) + b"\0" + unsigned(2 * number + 1))
        functions.append(unsigned(2 * number + 2))
        exports.append(name(call.name) + b"\0" + unsigned(reallocs + len(calls) + number))
        code = b"\x01\x01" + _KINDS["I"] + _body(call, reallocs + number) + _END
        codes.append(unsigned(len(code)) + code)
    content = items(_TYPE, types) + items(_IMPORT, imports) + items(_FUNCTION, functions) + items(_EXPORT, exports)
    return _MAGIC + content + items(_CODE, codes) + _names(calls, reallocs + len(calls))


def _function(parameters: str, results: str) -> bytes:
    kinds = [b"".join(_KINDS[kind] for kind in side) for side in (parameters, results)]
    return b"\x60" + b"".join(unsigned(len(side)) + side for side in kinds)


def _body(call: Call, host: int) -> bytes:
    count = len(call.parameters)
    wanted = unsigned(count)
    ask = b"".join(_GET + unsigned(i) for i in range(count)) + _CALL + unsigned(host)
    begin = _I64 + b"\x7f" + ask
    if call.realloc is None:
        return begin + b"\x1a"
    allocate = _I32 + b"\0" + _I32 + b"\0" + _GET + wanted + _UPPER + _GET + wanted + _LOWER
    allocate += _CALL + unsigned(call.realloc) + _WIDEN
    again = _GET + wanted + b"\x50\x0d\x01" + allocate + ask + _SET + wanted + b"\x0c\0"
    return begin + _SET + wanted + b"\x02\x40\x03\x40" + again + _END + _END


def _names(calls: Sequence[Call], first: int) -> bytes:
    named = [unsigned(first + i) + name(call.name.partition(":")[2]) for i, call in enumerate(calls)]
    content = unsigned(len(named)) + b"".join(named)
    return section(0, name("name") + b"\x01" + unsigned(len(content)) + content)
