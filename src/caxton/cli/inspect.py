"""``caxton inspect``: what a module is made of, and whether it could be an agent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from caxton.cli import interrupts, output
from caxton.cli.dumps import dump_parts
from caxton.host.inspection import Inspection, inspect_module
from caxton.text import safe, safe_name

MOST_ROWS: Final = 100
"""Imports, exports and custom sections on a page, of each."""

_BUFFERS: Final = {
    "caxton_alloc": "caxton_alloc and caxton_free",
    "malloc": "malloc and free",
    "window": "none; the host adds pages to the memory",
}


def inspect(module: Path, *, json: bool) -> int:
    """Prints what is known of the module; answers the exit status, 0.

    Raises:
        CaxtonError: the file cannot be read, or is no WebAssembly.
    """
    found = interrupts.run(inspect_module(module))
    if json:
        output.put_json({"ok": True, "module": str(module), **found.as_json()})
    else:
        output.put_table(_page(found))
    return 0


def _page(found: Inspection) -> RenderableType:
    contents = found.contents
    parts: list[RenderableType] = [_summary(found)]
    if contents["coredump"] is not None:
        return Group(*parts, *dump_parts(contents["coredump"]))
    imports = [
        (f"{safe_name(item['module'])}.{safe_name(item['name'])}", item["type"], "yes" if item["known"] else "no")
        for item in contents["imports"]
    ]
    exports = [(safe_name(item["name"]), item["type"]) for item in contents["exports"]]
    sections = [(safe_name(item["name"]), f"{item['size']:,}") for item in contents["custom_sections"]]
    parts += _listed("Imports", ("name", "type", "the host has it"), imports)
    parts += _listed("Exports", ("name", "type"), exports)
    parts += _listed("Custom sections", ("name", "bytes"), sections)
    return Group(*parts)


def _summary(found: Inspection) -> Table:
    contents, error = found.contents, found.error
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    valid = found.checks["valid"]
    rows: list[tuple[str, str]] = [
        ("format", f"{contents['kind']}" + (", from its text" if contents["format"] == "text" else "")),
        ("ABI", found.abi or f"none: {error}"),
        ("valid", "yes" if valid is None else f"no: {valid.message}"),
        ("size", f"{contents['size']:,} bytes"),
        ("SHA-256", contents["sha256"]),
    ]
    rows += _insides(found) if contents["kind"] == "core module" else _inside_component(found)
    rows.append(("debug information", _debug(contents["debug"])))
    rows += [(f"made by ({name})", ", ".join(tools)) for name, tools in contents["producers"].items()]
    for name, value in rows:
        table.add_row(name, Text(safe_line(value)))
    return table


def _insides(found: Inspection) -> list[tuple[str, str]]:
    contents = found.contents
    buffer = _BUFFERS[found.allocator] if found.allocator is not None else "unknown"
    return [
        ("functions", f"{contents['functions']:,} ({contents['code_size']:,} bytes of code)"),
        ("memories", "; ".join(contents["memories"]) or "none"),
        ("tables", "; ".join(contents["tables"]) or "none"),
        ("data", f"{contents['data_size']:,} bytes"),
        ("start function", "yes" if contents["start"] else "no"),
        ("allocator", buffer),
        ("warm start", _warm_start(found)),
    ]


def _inside_component(found: Inspection) -> list[tuple[str, str]]:
    contents = found.contents
    modules = next((item["count"] for item in contents["sections"] if item["name"] == "core module"), 0)
    return [
        ("core modules", f"{modules} at the top"),
        ("memories", "; ".join(contents["memories"]) or "none"),
        ("tables", "; ".join(contents["tables"]) or "none"),
    ]


def _warm_start(found: Inspection) -> str:
    warmth = found.warmth
    if warmth is None:
        return "unknown"
    if warmth.state == "plain":
        return "not needed: there is nothing to initialise"
    if not warmth.is_warm:
        return f"no: {warmth.reason}"
    seen = [what for what, there in (("the time", warmth.time), ("random numbers", warmth.random)) if there]
    shared = f"; all instances share the {' and '.join(seen).removeprefix('the ')} that it saw" if seen else ""
    return f"yes: it takes {warmth.fuel:,} units of fuel once, and leaves {warmth.size:,} bytes{shared}"


def _debug(debug: dict[str, Any]) -> str:
    found = [name for name, there in (("DWARF", debug["dwarf"]), ("function names", debug["names"])) if there]
    if debug["source_map"] is not None:
        found.append(f"source map at {debug['source_map']}")
    if debug["external"] is not None:
        found.append(f"DWARF at {debug['external']}")
    return ", ".join(found) or "none"


def safe_line(text: str) -> str:
    """A line that may have names from a module in it."""
    return safe(text)


def _listed(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[RenderableType]:
    if not rows:
        return [Text(f"\n{title}: none")]
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column == "bytes" else "left")
    for row in rows[:MOST_ROWS]:
        table.add_row(*map(Text, map(safe_line, row)))
    parts: list[RenderableType] = [Text(f"\n{title}", "bold"), table]
    if len(rows) > MOST_ROWS:
        parts.append(Text(f"... and {len(rows) - MOST_ROWS:,} more (--json has them)"))
    return parts
