"""Lists of bytes that Python hands out are freed, which componentize-py 0.25.1 forgets.

Its runtime copies such a list into memory of its own and names that to the adapter (``wit_dylib_pop_list``), which
copies it to where the component model wants it and frees nothing: each answer in bytes stays for ever. So a function
stands between the two. What is handed out it gives to the runtime at once, to be freed when the call ends: the adapter
does the same with its own copies (``wit_dylib_dealloc_bytes``, whose last argument asks for that).

Other lists have no memory of their own: their address is 0.
"""

from __future__ import annotations

from typing import Final

from caxton.sandbox.encoding import name, section, sized, vector
from caxton.toolchain.merging.parts import FUNC, PREAMBLE
from caxton.toolchain.merging.wiring import Alias, Bundle, Made, Wiring

_POP: Final = "wit_dylib_pop_list"
_FREE: Final = "wit_dylib_dealloc_bytes"
_ENV: Final = "env"

# What this module is in text stands in its test (test_lists.py).
_I32: Final = b"\x7f"
_TYPES: Final = [
    b"\x60" + vector([_I32] * 3) + vector([_I32]),
    b"\x60" + vector([_I32] * 5) + vector([]),
]
_IMPORTS: Final = [
    name(_ENV) + name(_POP) + b"\0\0",
    name(_ENV) + name(_FREE) + b"\0\1",
    name(_ENV) + name("memory") + b"\2\0\0",
]
_LOCALS: Final = vector([b"\1" + _I32])
_CODE: Final = bytes.fromhex(
    "2000 2001 2002 1000 2103"  # size = pop(call, type, to)
    "2002 280200 0440"  # if what lies at `to` is no 0
    "2000 2002 280200 2003 4101 4101 1001"  # free(call, it, size, 1, 1)
    "0b 2003 0b"
)
_BETWEEN: Final = b"".join(
    [
        PREAMBLE,
        section(1, vector(_TYPES)),
        section(2, vector(_IMPORTS)),
        section(3, vector([b"\0"])),
        section(7, vector([name(_POP) + b"\0\2"])),
        section(10, vector([sized(_LOCALS + _CODE)])),
    ]
)


def free_lists(wiring: Wiring) -> None:
    """Puts that function in place of the runtime's wherever both are given to a module; elsewhere nothing changes."""
    for made in [item for item in wiring.instances if isinstance(item, Made)]:
        number = made.arguments.get(_ENV)
        given = wiring.instances[number] if number is not None else None
        if isinstance(given, Bundle) and {_POP, _FREE} <= given.exports.keys():
            changed = Made(made.number, made.module, {**made.arguments, _ENV: _with_between(wiring, given)})
            wiring.instances[made.number] = changed
            wiring.items[wiring.items.index(made)] = changed


def _with_between(wiring: Wiring, given: Bundle) -> int:
    """The number of what is given, with the function that stands between."""
    between = Made(len(wiring.instances), len(wiring.modules), {_ENV: given.number})
    wiring.modules.append(_BETWEEN)
    function = len(wiring.spaces[FUNC])
    wiring.spaces[FUNC].append(Alias(FUNC, between.number, _POP))
    bundle = Bundle(between.number + 1, {**given.exports, _POP: (FUNC, function)})
    wiring.instances += [between, bundle]
    return bundle.number
