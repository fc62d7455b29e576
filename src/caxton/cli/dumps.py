"""What ``caxton inspect`` shows of a core dump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from caxton.text import safe, safe_name

MOST_FRAMES: Final = 64


def dump_parts(dump: dict[str, Any]) -> Iterator[RenderableType]:
    """The page's part about the dump; names in it are made safe."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(dump):
        table.add_row(name, Text(safe(value)))
    yield Text("\nCore dump", "bold")
    yield table
    for thread in dump["threads"]:
        yield Text(f"\nStack of {safe_name(thread['name'])}", "bold")
        for frame in thread["frames"][:MOST_FRAMES]:
            yield Text(f"  {_frame(frame)}")
        if len(thread["frames"]) > MOST_FRAMES:
            yield Text(f"  ... and {len(thread['frames']) - MOST_FRAMES:,} more (--json has them)")


def _rows(dump: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "process", safe_name(dump["process"] or "unknown")
    if dump["ended"] is not None:
        yield "ended", f"{dump['ended']['code']}: {dump['ended']['message']}"
    yield "modules", ", ".join(map(safe_name, dump["modules"])) or "none"
    yield "module beside it", dump["beside"] or "none of that name, or another one"
    for number, instance in enumerate(dump["instances"]):
        yield f"instance {number}", f"{instance['memories']:,} memories, {instance['globals']:,} globals"
    frames = [frame for thread in dump["threads"] for frame in thread["frames"]]
    missing, values = sum(one["missing"] for one in frames), sum(one["locals"] + one["stack"] for one in frames)
    yield "locals", f"{values:,}, of which {missing:,} are missing"
    if dump["problem"] is not None:
        yield "damaged", dump["problem"]


def _frame(frame: dict[str, Any]) -> str:
    name = frame.get("name")
    label = f"function {frame['function']}" if name is None else safe_name(name)
    if frame.get("file") is None:
        return f"{label} (at 0x{frame['offset']:x} in it)"
    column = f":{frame['column']}" if frame["column"] else ""
    return f"{label} ({safe_name(frame['file'])}:{frame['line']}{column})"
