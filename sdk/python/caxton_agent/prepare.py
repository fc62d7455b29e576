"""What happens once, when the agent is built: its modules are imported, and what is in memory then is kept."""

from __future__ import annotations

import contextlib
import gc
import importlib
from collections.abc import Iterable
from typing import Final

from caxton_agent import lasting, machine, nesting, output
from caxton_agent.entry import Agent

ALWAYS: Final = (
    *("_strptime", "encodings.ascii", "encodings.cp1252", "encodings.latin_1", "encodings.unicode_escape"),
    *("encodings.utf_16", "encodings.utf_16_le", "encodings.utf_32", "encodings.utf_8_sig", "traceback", "_colorize"),
)
"""Modules that Python itself imports late."""

_ASYNC: Final = 0x80 | 0x100 | 0x200
"""Coroutines, those that are made of generators, and async generators (``inspect.CO_COROUTINE`` and so on)."""


def prepare(module: str, late: Iterable[str]) -> None:
    """Imports the agent, and what it would import later: where it runs there are no files to import from.

    Args:
        module: the agent's module.
        late: modules that its sources name anywhere, in a function, say.

    Raises:
        TypeError: it has no function ``handle``, or one that is async.
    """
    output.install_logging()
    nesting.install()
    handle = getattr(importlib.import_module(module), "handle", None)
    if not callable(handle):
        raise TypeError(f"src/{module}.py must have a function named handle")
    if getattr(getattr(handle, "__code__", None), "co_flags", 0) & _ASYNC:
        raise TypeError("handle is async: write it without async, host calls wait")
    Agent.handle = staticmethod(handle)
    for name in (*ALWAYS, *late):
        with contextlib.suppress(Exception):  # it is for another system, say: the agent will see, if it comes so far
            importlib.import_module(name)
    output.keep_sources()
    machine.end_imports()
    # What is there now is never collected, so that no collection writes to it: instances share these pages.
    lasting.rehearse()
    lasting.mark()
    gc.collect()
    gc.freeze()
