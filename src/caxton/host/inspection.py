"""Looking at a module without starting it: what it is made of, and whether it could be an agent."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from caxton.agents.spec import Limits
from caxton.errors import CaxtonError, ModuleError
from caxton.host.dumps import MAX_DUMP, find_places, is_dump
from caxton.sandbox import component
from caxton.sandbox.compilation import Description
from caxton.sandbox.core_abi import IMPORTS
from caxton.sandbox.engine import Settings
from caxton.sandbox.facts import Facts
from caxton.sandbox.files import read_module
from caxton.sandbox.module import CAXTON_ALLOC, MALLOC, WINDOW, allocator, check_exports, check_imports
from caxton.sandbox.warmth import Allowance, Warmth

ALLOCATORS: Final = {CAXTON_ALLOC: "caxton_alloc", MALLOC: "malloc", WINDOW: "window"}
"""Where messages are placed: by the guest's own exports, by C's, or in pages that the host adds to the memory."""

_SIGNATURES: Final = {(row.module, row.name): row.signature for row in IMPORTS}


@dataclass(frozen=True, slots=True)
class Inspection:
    """A module that could be read.

    ``contents`` is JSON-ready (sandbox/description.py tells of it); names in it are the module's own: escape them.
    Each of the load checks has passed (None), failed, or is left out since one before it has failed: ``valid``,
    ``imports``, ``exports``, ``buffer``, in this order.
    """

    contents: dict[str, Any]
    checks: dict[str, CaxtonError | None]
    allocator: str | None
    warmth: Warmth | None = None
    """How its instances begin; None where it is no agent."""

    @property
    def error(self) -> CaxtonError | None:
        """Why the module is no agent; None when it may be one."""
        return next((error for error in self.checks.values() if error is not None), None)

    @property
    def abi(self) -> str | None:
        """Which of the two ABIs the module keeps; None where it is no agent."""
        if self.error is not None:
            return None
        return "component" if self.contents["kind"] == "component" else "core"

    def as_json(self) -> dict[str, Any]:
        """The whole as JSON-ready data."""
        error = self.error
        return {
            "abi": self.abi,
            "problem": None if error is None else {"code": error.code, "message": error.message},
            "valid": self.checks["valid"] is None,
            "allocator": self.allocator,
            "warm_start": None if self.warmth is None else self.warmth.as_json(),
            **self.contents,
        }


async def inspect_module(path: str | os.PathLike[str], limits: Limits | None = None) -> Inspection:
    """Reads a module, binary or text, in a process of its own.

    Raises:
        ModuleError: ``module.not-found``, ``module.too-large``; ``module.invalid``, it is no WebAssembly;
            ``module.too-complex``.
    """
    limits = limits or Limits()
    stopped = threading.Event()
    description: Description | None = None
    try:
        size = MAX_DUMP if is_dump(path) else int(limits.module_size)
        data = await asyncio.to_thread(read_module, path, size, stopped=stopped.is_set)
        description = Description(data, Settings(), allowance=Allowance.within(limits.fuel, float(limits.deadline)))
        found = await asyncio.to_thread(description.run)
    finally:
        stopped.set()
        if description is not None:
            description.stop()
    if found["coredump"] is not None:
        await asyncio.to_thread(find_places, path, found["coredump"], limits)
    return _judge(found)


def _judge(found: dict[str, Any]) -> Inspection:
    facts, why = found.pop("facts"), found.pop("error")
    for item in found["imports"]:
        item["known"] = _is_known(item)
    checks: dict[str, CaxtonError | None] = {}
    checks["valid"] = None if why is None else ModuleError("module.invalid", why)
    if why is not None:
        return Inspection(found, checks, None)
    if found["coredump"] is not None:
        checks["exports"] = ModuleError("module.missing-export", "this is a core dump, and no module that runs")
        return Inspection(found, checks, None)
    known = Facts.from_json(json.dumps(facts).encode())
    if known.places is not None:
        return _judge_component(found, checks, known)
    place: list[int] = []
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("imports", lambda: check_imports(known)),
        ("exports", lambda: check_exports(known)),
        ("buffer", lambda: place.append(allocator(known))),
    )
    for name, check in steps:
        try:
            check()
            checks[name] = None
        except CaxtonError as error:
            checks[name] = error
            break
    if not place:
        return Inspection(found, checks, None)
    return Inspection(found, checks, ALLOCATORS[place[0]], known.warmth)


def _is_known(item: dict[str, Any]) -> bool:
    signature = item.pop("signature", None)
    if signature is None:
        return component.knows(item["module"], item["name"])
    return bool(_SIGNATURES.get((item["module"], item["name"])) == signature)


def _judge_component(found: dict[str, Any], checks: dict[str, CaxtonError | None], known: Facts) -> Inspection:
    for name, check in (("imports", component.check_imports), ("exports", component.check_exports)):
        try:
            check(known)
            checks[name] = None
        except CaxtonError as error:
            checks[name] = error
            return Inspection(found, checks, None)
    checks["buffer"] = None
    return Inspection(found, checks, "realloc", known.warmth)
