"""AssemblyScript: with Caxton's own pinned copy of its compiler, in the user's cache.

A project's own copy is never run, nor what its ``asconfig.json`` may name: a transform is a program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.config.kinds import bytes_
from caxton.errors import HostError
from caxton.text import safe_name
from caxton.toolchain.errors import failed
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.mappings import without_gaps

VERSION: Final = "0.28.20"
SOURCE: Final = "assembly/index.ts"

_ENTRY: Final = "caxton/abi.ts"
_ALIASES: Final = {
    "abort": "caxton/std/fail",
    "trace": "caxton/std/printed",
    "seed": "caxton/std/seed",
    "console": "caxton/std/output",
}
_LEVELS: Final = {"size": "-Osize", "speed": "-Ospeed", None: "-O"}
_MAP_SIZE: Final = 64 << 20
_STACK: Final = 32 << 10


class AssemblyScript(Language):
    """``assembly/index.ts``, with what it imports from the project and the sources in its ``node_modules``."""

    name = "assemblyscript"
    title = "AssemblyScript"
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"assemblyscript/caxton": "caxton"})
    options: ClassVar[Mapping[str, Option]] = MappingProxyType(
        {
            "stack": Option(
                bytes_(1 << 12, 16 << 20), _STACK, "room for what functions hold; deep recursion needs more"
            ),
        }
    )

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """Node.js and the compiler."""
        node = machine.node()
        compiler = machine.npm_package("assemblyscript", VERSION) / "bin" / "asc.js"
        # With this flag the compiler stays in the process that it was started in.
        return Tools((str(node), "--enable-source-maps", str(compiler)), f"assemblyscript {VERSION}")

    def build(self, task: Task, tools: Tools) -> None:
        """One command."""
        for needed in (SOURCE, _ENTRY):
            if not (task.folder / needed).is_file():
                raise HostError("config.invalid", f"there is nothing to build: no {needed}")
        settings = task.aside / "settings.json"
        settings.write_text("{}")
        command = [*tools.command, _ENTRY, "--config", str(settings), "--exportStart", "_initialize"]
        command += ["--runtime", "incremental", "--stackSize", str(task.options["stack"])]
        for name, place in _ALIASES.items():
            command += ["--use", f"{name}={place}"]
        if task.debug:
            command += ["--debug", "--sourceMap", f"./{task.name}.wasm.map"]
        if not task.debug or task.optimize is not None:
            command.append(_LEVELS[task.optimize])
        task.run([*command, "--outFile", str(task.output)], "the AssemblyScript compiler")
        if task.debug:
            _mend_map(task)


def _mend_map(task: Task) -> None:
    """A source map tells of the project's files and the compiler's own, by their names there, and of no others. What
    has no place has that of what is before it: the compiler gives none to the call that a ``throw`` becomes."""
    with open(task.source_map, "rb") as file:
        data = file.read(_MAP_SIZE + 1)
    if len(data) > _MAP_SIZE:
        raise failed("the AssemblyScript compiler", f"has written a source map of more than {_MAP_SIZE >> 20} MiB")
    found = json.loads(data)
    for name in found["sources"]:
        if not name.startswith("~lib/") and not (task.folder / name).resolve().is_relative_to(task.folder):
            raise HostError("config.invalid", f"the agent imports {safe_name(name)}, which lies outside of its project")
    found.pop("sourceRoot", None)  # the compiler names a folder that is not there
    found["mappings"] = without_gaps(found["mappings"])
    task.source_map.write_text(json.dumps(found), encoding="utf-8")


LANGUAGE: Final = AssemblyScript()
