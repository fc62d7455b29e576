"""``merged_inside``: the same for components inside a component, which other toolchains write."""

from __future__ import annotations

from caxton.sandbox.binary_reader import MalformedBinary
from caxton.sandbox.component_binary import read_outline
from caxton.sandbox.component_scopes import COMPONENT, Scope
from caxton.sandbox.encoding import section
from caxton.toolchain.merging.component import merged


def merged_inside(component: bytes) -> bytes:
    """The component with one core module in place of many in itself and in each component inside it; where that cannot
    be done, they are as they were."""
    try:
        root = read_outline(component).root
    except MalformedBinary:
        return component
    return _merged(component, root, component[:8])


def _merged(data: bytes, scope: Scope, preamble: bytes) -> bytes:
    parts = [preamble]
    for at in scope.sections:
        content = data[at.start : at.end]
        if at.number == COMPONENT:
            content = _merged(data, scope.inner[at.start], content[:8])
        parts.append(section(at.number, content))
    return merged(b"".join(parts))
