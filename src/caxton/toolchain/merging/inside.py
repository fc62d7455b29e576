"""``merged_inside``: the same for components inside a component, which other toolchains write."""

from __future__ import annotations

from collections.abc import Callable

from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.component_binary import read_outline
from caxton.sandbox.component_scopes import COMPONENT, Scope
from caxton.sandbox.encoding import section
from caxton.toolchain.merging.component import merged
from caxton.toolchain.merging.wiring import Wiring


def merged_inside(component: bytes, mend: Callable[[Wiring], None] | None = None) -> bytes:
    """The component with one core module in place of many in itself and in each component inside it; where that cannot
    be done, they are as they were. ``mend`` may change how the modules are linked."""
    try:
        root = read_outline(component).root
    except MalformedBinary:
        return component
    return _merged(component, root, component[:8], mend)


def _merged(data: bytes, scope: Scope, preamble: bytes, mend: Callable[[Wiring], None] | None) -> bytes:
    parts = [preamble]
    for at in scope.sections:
        content = data[at.start : at.end]
        if at.number == COMPONENT:
            content = _merged(data, scope.inner[at.start], content[:8], mend)
        parts.append(section(at.number, content))
    return merged(b"".join(parts), mend)
