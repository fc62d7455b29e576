"""Components, written anew with changes; follows the component model's Binary.md."""

from __future__ import annotations

from dataclasses import dataclass, field

from caxton.sandbox.component_scopes import COMPONENT, Scope
from caxton.sandbox.encoding import section, vector


@dataclass(slots=True)
class Changes:
    """What becomes of one component. ``sections``: what stands in place of a section, by where its content begins;
    ``behind``: what comes behind all of them."""

    sections: dict[int, bytes] = field(default_factory=dict)
    behind: bytes = b""


def with_changes(data: bytes, scope: Scope, changes: dict[Scope, Changes]) -> bytes:
    """A component's bytes, without its preamble, after changes to it and to components inside it."""
    ours = changes.get(scope, Changes())
    parts: list[bytes] = []
    for at in scope.sections:
        if at.start in ours.sections:
            parts.append(ours.sections[at.start])
        elif at.number == COMPONENT:
            preamble = data[at.start : at.start + 8]
            parts.append(section(COMPONENT, preamble + with_changes(data, scope.inner[at.start], changes)))
        else:
            parts.append(section(at.number, data[at.start : at.end]))
    return b"".join(parts) + ours.behind


def items(number: int, content: list[bytes]) -> bytes:
    """A section of so many items; nothing where there are none."""
    return section(number, vector(content)) if content else b""
