"""TypeScript: checked by its own compiler, then built as JavaScript is (``esbuild`` takes the types away)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.config.kinds import FLAG
from caxton.errors import HostError
from caxton.toolchain.language import Option, Task, Tools
from caxton.toolchain.languages.javascript import JavaScript
from caxton.toolchain.machine import Machine

TYPESCRIPT: Final = "7.0.2"


class TypeScript(JavaScript):
    """``src/agent.ts``, with what it imports from the project and its ``node_modules``."""

    name = "typescript"
    title = "TypeScript"
    options: ClassVar[Mapping[str, Option]] = MappingProxyType(
        {**JavaScript.options, "check": Option(FLAG, True, "check the types, as tsconfig.json says")}
    )
    source: ClassVar[str] = "src/agent.ts"

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """What JavaScript needs, and the compiler."""
        found = super().find(machine, project)
        package = machine.npm_package("typescript", TYPESCRIPT, project)
        version = f"typescript {machine.npm_version(package)}, {found.version}"
        return replace(found, version=version, more={**found.more, "tsc": package / "bin" / "tsc"})

    def build(self, task: Task, tools: Tools) -> None:
        """Check, bundle, embed."""
        if task.options["check"]:
            if not (task.folder / "tsconfig.json").is_file():
                raise HostError("config.invalid", "there is no tsconfig.json: add one, or set check = false")
            command = [str(tools.more["node"]), str(tools.more["tsc"]), "--noEmit", "--pretty", "false"]
            task.run([*command, "--project", "tsconfig.json"], "the TypeScript compiler")
        super().build(task, tools)


LANGUAGE: Final = TypeScript()
