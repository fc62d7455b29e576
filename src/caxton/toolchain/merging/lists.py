"""Lists of bytes that Python hands out are freed, which componentize-py 0.25.1 forgets.

Its runtime copies such a list into memory of its own and names that to the adapter (``wit_dylib_pop_list``), which
copies it to where the component model wants it and frees nothing: each answer in bytes stays for ever. So a function
stands between the two. What is handed out it gives to the runtime at once, to be freed when the call ends: the adapter
does the same with its own copies (``wit_dylib_dealloc_bytes``, whose last argument asks for that).

Other lists have no memory of their own: their address is 0.
"""

from __future__ import annotations

from typing import Final

import wasmtime

from caxton.toolchain.merging.parts import FUNC
from caxton.toolchain.merging.wiring import Alias, Bundle, Made, Wiring

_POP: Final = "wit_dylib_pop_list"
_FREE: Final = "wit_dylib_dealloc_bytes"
_ENV: Final = "env"

_BETWEEN: Final = f"""\
(module
  (import "{_ENV}" "{_POP}" (func $pop (param i32 i32 i32) (result i32)))
  (import "{_ENV}" "{_FREE}" (func $free (param i32 i32 i32 i32 i32)))
  (import "{_ENV}" "memory" (memory 0))
  (func $pop_list (export "{_POP}") (param $call i32) (param $type i32) (param $to i32) (result i32)
    (local $size i32)
    (local.set $size (call $pop (local.get $call) (local.get $type) (local.get $to)))
    (if (i32.load (local.get $to)) (then
      (call $free (local.get $call) (i32.load (local.get $to)) (local.get $size) (i32.const 1) (i32.const 1))))
    (local.get $size)))"""


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
    wiring.modules.append(bytes(wasmtime.wat2wasm(_BETWEEN)))
    function = len(wiring.spaces[FUNC])
    wiring.spaces[FUNC].append(Alias(FUNC, between.number, _POP))
    bundle = Bundle(between.number + 1, {**given.exports, _POP: (FUNC, function)})
    wiring.instances += [between, bundle]
    return bundle.number
