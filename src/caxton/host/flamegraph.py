"""A flame graph: one picture of a profile. How wide a function is tells how often it was on the stack.

The picture is plain SVG without scripts and without anything from elsewhere; what stands in it was escaped.
"""

from __future__ import annotations

import html
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from caxton.text import safe_name

WIDTH: Final = 1200
ROW: Final = 18
MAX_DEPTH: Final = 200
"""Functions that are drawn above each other; deeper stacks are cut off at the top."""

_EDGE: Final = 10
_HEAD: Final = 44
_NARROW: Final = 0.4
"""Pixels below which a function is not drawn: so a picture has some thousands of boxes in a row at most."""

_CHARACTER: Final = 7.0
_MAX_BOXES: Final = 50_000


@dataclass(slots=True)
class Node:
    """A function as it was called from those below it. ``count``: samples in which it was there."""

    name: str
    count: int = 0
    callees: dict[str, Node] = field(default_factory=dict)


def call_tree(data: bytes) -> Node:
    """The samples of a profile (Firefox's processed format), put together; its root stands for all of them."""
    root = Node("all")
    for thread in json.loads(data)["threads"]:
        stacks = _stacks(thread)
        for stack in thread["samples"]["stack"]:
            _add(root, stacks, stack)
    return root


def _stacks(thread: dict[str, Any]) -> list[tuple[int | None, str]]:
    """Of each stack, the one that it goes on from, and its innermost function."""
    names, functions = thread["stringArray"], thread["funcTable"]["name"]
    frames = [names[functions[function]] for function in thread["frameTable"]["func"]]
    table = thread["stackTable"]
    return [(prefix, frames[frame]) for prefix, frame in zip(table["prefix"], table["frame"], strict=True)]


def _add(root: Node, stacks: list[tuple[int | None, str]], stack: int | None) -> None:
    path: list[str] = []
    while stack is not None:
        stack, name = stacks[stack]
        path.append(name)
    root.count += 1
    node = root
    for name in path[: -MAX_DEPTH - 1 : -1]:  # the outermost is the last
        below = node.callees.get(name)
        if below is None:
            below = node.callees[name] = Node(name)
        below.count += 1
        node = below


def flamegraph(data: bytes, title: str) -> str:
    """The picture of a profile, as SVG."""
    root = call_tree(data)
    boxes = list(_boxes(root))
    depth = max((level for _, _, level, _ in boxes), default=0)
    height = _HEAD + (depth + 1) * ROW + _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        '<g font-family="monospace" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_EDGE}" y="20" font-size="15">{_escaped(title)}</text>',
        f'<text x="{_EDGE}" y="37" fill="#555">{root.count:,} samples</text>',
        *(_box(root, node, left, level, width, height) for node, left, level, width in boxes),
        "</g></svg>\n",
    ]
    return "\n".join(parts)


def _boxes(root: Node) -> Iterator[tuple[Node, float, int, float]]:
    """What is drawn: function, left edge, row, width; the root first."""
    if not root.count:
        return
    scale = (WIDTH - 2 * _EDGE) / root.count
    waiting: list[tuple[Node, float, int]] = [(root, float(_EDGE), 0)]
    for _ in range(_MAX_BOXES):
        if not waiting:
            return
        node, left, level = waiting.pop()
        yield node, left, level, node.count * scale
        for below in sorted(node.callees.values(), key=lambda one: one.name):
            if below.count * scale >= _NARROW:
                waiting.append((below, left, level + 1))
            left += below.count * scale


def _box(root: Node, node: Node, left: float, level: int, width: float, height: int) -> str:
    top = height - _EDGE - (level + 1) * ROW
    name = safe_name(node.name)
    fits = int((width - 6) / _CHARACTER)
    label = name if len(name) <= fits else f"{name[: fits - 2]}.." if fits > 4 else ""
    text = f'<text x="{left + 3:.1f}" y="{top + 13}">{_escaped(label)}</text>' if label else ""
    share = 100 * node.count / root.count
    place = f'x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}"'
    return (
        f"<g><title>{_escaped(name)}: {node.count:,} samples, {share:.1f} %</title>"
        f'<rect {place} rx="2" fill="{_colour(name)}"/>{text}</g>'
    )


def _colour(name: str) -> str:
    """A warm colour, the same for the same function wherever it is called."""
    digest = zlib.crc32(name.encode("utf-8", "replace"))
    return f"hsl({digest % 50},{60 + digest // 50 % 25}%,{66 + digest // 1250 % 12}%)"


def _escaped(text: str) -> str:
    """Text for XML, which has no place for some characters, escaped or not."""
    return html.escape(safe_name(text).replace("\ufffe", "?").replace("\uffff", "?"))
