"""Host calls of components whose arguments and results stay in the component's memory.

Through Wasmtime's API, what a host call is given and what it answers are trees of tagged values, with one for each byte
of a ``list<u8>``. So the compiling child changes what the component imports: the same functions, with addresses and
lengths for parameters. The component's own code notices nothing: between it and them stands a module
(component_adapter.py), whose functions are what the component model would have made of the host's. Types are compared
as the component declares them, and whatever lies in the memory is checked in the shim.

Where a component is made in a way that this cannot be done to, it is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from caxton.sandbox.binary_reader import MalformedBinary, Reader
from caxton.sandbox.component_adapter import Call
from caxton.sandbox.component_binary import Outline
from caxton.sandbox.component_calls import FLAT, HOST, VERSION
from caxton.sandbox.component_declarations import Span, exported_functions, find_type
from caxton.sandbox.component_renumbering import Lowered, renumbered
from caxton.sandbox.component_scopes import CANON, LOWER, MAX_COUNT, Imported, Made, Part, Scope
from caxton.sandbox.component_sections import read_canon
from caxton.sandbox.component_writing import Changes, with_changes
from caxton.sandbox.encoding import name, section, unsigned

_INTERFACE: Final = f"{HOST}@{VERSION}"
_NUMBERS: Final = {"i": b"\x79", "I": b"\x77"}


@dataclass(frozen=True, slots=True)
class _Use:
    """A component that calls the host, and the instances, its own and of the components around it, that it is given."""

    scope: Scope
    lowered: dict[tuple[int, int], Lowered]
    given: list[tuple[Scope, Imported]]


def with_flat_calls(data: bytes, outline: Outline) -> bytes | None:
    """The component with such host calls; None where it has none, or cannot have them."""
    try:
        use = _find_use(data, outline)
        if use is None:
            return None
        changes: dict[Scope, Changes] = {scope: Changes() for scope, _ in use.given}
        for scope, imported in use.given:
            _change_type(data, scope, imported, changes[scope])
        changes[use.scope].sections.update(renumbered(data, use.scope, use.lowered))
    except MalformedBinary:
        return None
    return data[:8] + with_changes(data, outline.root, changes)


def _find_use(data: bytes, outline: Outline) -> _Use | None:
    found: _Use | None = None
    for scope in _scopes(outline.root):
        lowered = _lowered(data, outline, scope)
        if not lowered:
            continue
        if found is not None or scope.lends:
            raise MalformedBinary(0, "several components call the host, or its modules are not its own")
        given = next(instance for instance in scope.instances if _is_host(instance))
        assert isinstance(given, Imported)
        found = _Use(scope, lowered, _given(outline.root, scope, given))
    return found


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for inner in scope.inner.values():
        yield from _scopes(inner)


def _is_host(instance: object) -> bool:
    return isinstance(instance, Imported) and instance.name == _INTERFACE


def _lowered(data: bytes, outline: Outline, scope: Scope) -> dict[tuple[int, int], Lowered]:
    """The functions of the host that a component makes core functions of: by section and place in it."""
    found: dict[tuple[int, int], Lowered] = {}
    for at in scope.sections:
        if at.number != CANON:
            continue
        reader = Reader(data, at.start, at.end)
        for place in range(reader.count(MAX_COUNT, "items")):
            kind, function, options = read_canon(reader)
            if kind != LOWER or function >= len(scope.functions):
                continue
            part = scope.functions[function]
            if not isinstance(part, Part) or part.name not in FLAT or part.instance >= len(scope.instances):
                continue
            if not _is_host(scope.instances[part.instance]):
                continue
            if not options.plain or not outline.is_main_memory(scope, options.memory):
                raise MalformedBinary(at.start, "a host call that crosses in another way")
            found[at.start, place] = Lowered(function, Call(part.name, FLAT[part.name], options.realloc))
    return found


def _given(root: Scope, scope: Scope, imported: Imported) -> list[tuple[Scope, Imported]]:
    """Where the host's instance comes from: through each component around, from outside."""
    found = [(scope, imported)]
    while scope is not root:
        makers = [
            (around, made)
            for around in _scopes(root)
            for made in around.instances
            if isinstance(made, Made) and made.scope is scope
        ]
        if len(makers) != 1:
            raise MalformedBinary(0, "it is instantiated more than once")
        scope, made = makers[0]
        instance = scope.instances[made.arguments[imported.name]] if imported.name in made.arguments else None
        if not isinstance(instance, Imported) or instance.name != _INTERFACE:
            raise MalformedBinary(0, "what it calls is not the host")
        imported = instance
        found.append((scope, imported))
    return found


def _change_type(data: bytes, scope: Scope, imported: Imported, changes: Changes) -> None:
    """Gives the functions of the imported instance parameters that are numbers."""
    whole = find_type(data, scope, imported.type)
    found: dict[Span, str] = {}
    for key, span in exported_functions(data, whole).items():
        if key in FLAT and found.setdefault(span, FLAT[key]) != FLAT[key]:
            raise MalformedBinary(span[0], "a type of several functions that are not alike")
    at = next(at for _, at in scope.type_sections if at.start <= whole[0] < at.end)
    parts, done = [], at.start
    for span in sorted(found):
        parts += [data[done : span[0]], _function(found[span])]
        done = span[1]
    changes.sections[at.start] = section(at.number, b"".join(parts) + data[done : at.end])


def _function(parameters: str) -> bytes:
    """The type of such a function: with the place of a piece of the result before its parameters."""
    kinds = [_NUMBERS[kind] for kind in f"I{parameters}"]
    named = [name(chr(ord("a") + i)) + kind for i, kind in enumerate(kinds)]
    return b"\x40" + unsigned(len(named)) + b"".join(named) + b"\0" + _NUMBERS["I"]
