"""Types of imports and exports as text, so that they can be compared, kept and shown."""

from __future__ import annotations

from caxton.sandbox.binary_types import ExternType, FuncType, GlobalType, MemoryType, TableType


def function(parameters: str = "", results: str = "") -> str:
    """The signature of a function, from the names of its types, separated by blanks."""
    return f"func ({parameters}) -> ({results})"


def signature(what: ExternType) -> str:
    """The type of an import or export in one line, such as ``func (i32 i32) -> (i32)``."""
    match what:
        case FuncType(params, results):
            return function(" ".join(params), " ".join(results))
        case MemoryType():
            return "memory"
        case TableType():
            return "table"
        case GlobalType():
            return "global"
        case _:
            return "tag"
