"""A second way into a component, by which payloads cross as bytes in its memory.

Through Wasmtime's API a ``list<u8>`` is a tagged value for each byte, and a text is copied many times. So the compiling
child adds, behind everything else, what the component itself has no name for: the function behind ``handle`` once more,
with a type of the same layout in which a payload is its case, its address and its length; the allocator; and what frees
a result. The host then writes and reads payloads where they lie (shim_component.c). Where the function is one of a
component inside the component, it is added there, and handed out. Follows the component model's Binary.md and its
canonical ABI.

Where a component is made in a way that this cannot be done to, it is left as it is.
"""

from __future__ import annotations

from typing import Final

from caxton.sandbox.component_binary import Outline
from caxton.sandbox.component_calls import DIRECT, DIRECT_FREE, DIRECT_HANDLE, DIRECT_REALLOC
from caxton.sandbox.component_scopes import ALIAS, CANON, EXPORT, MAX_DEPTH, TYPE, Lift, Made, Part, Scope
from caxton.sandbox.component_writing import Changes, items, with_changes
from caxton.sandbox.encoding import name, signed, unsigned

_STRING, _U32, _U8 = b"\x73", b"\x79", b"\x7d"
_OPTIONAL: Final = 7


def with_direct_entry(data: bytes, outline: Outline, handle: str, short: str) -> bytes | None:
    """The component with the second way in; None where it cannot have one."""
    root = outline.root
    if any(key.startswith(DIRECT) for key in root.exports):
        return None
    wanted = handle if handle in root.exports else short
    found = _find(root, root.exports.get(wanted), [])
    if found is None:
        return None
    outer, scope, lift = found
    options = lift.options
    if not options.plain or options.realloc is None or not outline.is_main_memory(scope, options.memory):
        return None
    keys = [DIRECT_HANDLE, DIRECT_REALLOC, *([DIRECT_FREE] if options.free is not None else [])]
    changes = {scope: Changes(behind=_lifts(scope, lift, wanted == short) + _exports(scope, keys))}
    for around, instance in outer:
        aliases = [b"\x01\0" + unsigned(instance) + name(key) for key in keys]
        changes[around] = Changes(behind=items(ALIAS, aliases) + _exports(around, keys))
    return data[:8] + with_changes(data, root, changes)


def _find(
    scope: Scope, function: int | None, outer: list[tuple[Scope, int]]
) -> tuple[list[tuple[Scope, int]], Scope, Lift] | None:
    """Where a function is lifted, and, of each component around that, the instance inside it that exports it."""
    if function is None or function >= len(scope.functions):
        return None
    found = scope.functions[function]
    if isinstance(found, Lift):
        return outer, scope, found
    if not isinstance(found, Part) or found.instance >= len(scope.instances) or len(outer) > MAX_DEPTH:
        return None
    made = scope.instances[found.instance]
    if not isinstance(made, Made):
        return None
    return _find(made.scope, made.scope.exports.get(found.name), [*outer, (scope, found.instance)])


def _lifts(scope: Scope, lift: Lift, short: bool) -> bytes:
    options = lift.options
    assert options.realloc is not None
    types = _types(scope.types, short)
    last = scope.types + len(types) - 1
    canon = [_lift(lift, last - 2), _plain(options.realloc, last - 1)]
    if options.free is not None:
        canon.append(_plain(options.free, last))
    return items(TYPE, types) + items(CANON, canon)


def _types(first: int, short: bool) -> list[bytes]:
    """The types that are added; the last three are those of the functions."""

    def ours(number: int) -> bytes:
        return signed(first + number)

    realloc = b"\x40\x04" + b"".join(name(key) + _U32 for key in "abcd") + b"\0" + _U32
    free = b"\x40\x01" + name("a") + _U32 + b"\x01\0"
    if short:
        return [b"\x40\x02" + name("p") + _U32 + name("n") + _U32 + b"\0" + _U32, realloc, free]
    fields = [_U8, _STRING, ours(0), *[ours(1)] * _OPTIONAL, _STRING, ours(3), ours(4)]
    return [
        b"\x70" + _STRING,
        b"\x6b" + _STRING,
        b"\x6f\x02" + _STRING + _STRING,
        b"\x70" + ours(2),
        b"\x6f\x03" + _U8 + _U32 + _U32,
        b"\x6f" + unsigned(len(fields)) + b"".join(fields),
        b"\x40\x01" + name("m") + ours(5) + b"\0" + _U32,
        realloc,
        free,
    ]


def _lift(lift: Lift, kind: int) -> bytes:
    assert lift.options.memory is not None
    assert lift.options.realloc is not None
    options = b"\x03\0\x03" + unsigned(lift.options.memory) + b"\x04" + unsigned(lift.options.realloc)
    return b"\0\0" + unsigned(lift.core) + options + unsigned(kind)


def _plain(core: int, kind: int) -> bytes:
    return b"\0\0" + unsigned(core) + b"\0" + unsigned(kind)


def _exports(scope: Scope, keys: list[str]) -> bytes:
    """Names for functions that are added to it, the first ones that are."""
    first = len(scope.functions)
    return items(EXPORT, [b"\0" + name(key) + b"\x01" + unsigned(first + i) + b"\0" for i, key in enumerate(keys)])
