"""JavaScript: bundled by ``esbuild``, then made a component with the QuickJS engine in it by ``componentize-qjs``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, ClassVar, Final

from caxton.config.kinds import FLAG
from caxton.errors import HostError
from caxton.text import safe_name
from caxton.toolchain.errors import failed
from caxton.toolchain.files import read_output
from caxton.toolchain.language import Language, Option, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.mappings import line_beginnings
from caxton.toolchain.merging.inside import merged_inside
from caxton.toolchain.merging.stacks import bound_stacks
from caxton.toolchain.places import wit_file

ESBUILD: Final = "0.28.2"
COMPONENTIZE: Final = "0.4.5"
BUNDLE_SIZE: Final = 32 << 20
"""Bytes that a bundle may have, and what esbuild says about it."""

_ENTRY: Final = "caxton/entry.js"
_BUNDLE: Final = "bundle.js"
"""Its name is in what QuickJS says of an exception's place: the SDK looks for it (stack.js)."""


class JavaScript(Language):
    """``src/agent.js``, with what it imports from the project and its ``node_modules``."""

    name = "javascript"
    title = "JavaScript"
    makes_components = True
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({"javascript/caxton": "caxton"})
    options: ClassVar[Mapping[str, Option]] = MappingProxyType(
        {"minify": Option(FLAG, False, "make the source small; names in stacks become short, places stay right")}
    )
    source: ClassVar[str] = "src/agent.js"

    def sdk_files(self, sdk: Path) -> Mapping[str, Path]:
        """The SDK, and the WIT package."""
        return {**super().sdk_files(sdk), "caxton/agent.wit": wit_file()}

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """Node.js, esbuild and componentize-qjs."""
        node = machine.node()
        bundler = machine.npm_package("esbuild", ESBUILD, project) / "bin" / "esbuild"
        package = machine.npm_package("componentize-qjs", COMPONENTIZE, project)
        version = f"componentize-qjs {machine.npm_version(package)}"
        more = {"node": node, "esbuild": bundler}
        return Tools((str(node), str(package / "bin" / "componentize-qjs")), version, more=more)

    def build(self, task: Task, tools: Tools) -> None:
        """Bundle, then embed."""
        for needed in (self.source, _ENTRY, "caxton/agent.wit"):
            if not (task.folder / needed).is_file():
                raise HostError("config.invalid", f"there is nothing to build: no {needed}")
        self._bundle(task, tools)
        engine = [] if task.optimize == "speed" else ["--opt-size"]
        command = [*tools.command, "--wit", "caxton/agent.wit", "--world", "agent", "--sync", "--stub-wasi", *engine]
        command += ["--js", str(task.aside / _BUNDLE), "--module-root", str(task.aside), "--output", str(task.output)]
        task.run(command, "componentize-qjs")
        task.output.write_bytes(merged_inside(read_output(task.output, "componentize-qjs"), bound_stacks))

    def _bundle(self, task: Task, tools: Tools) -> None:
        """One file of all that the agent imports, with a map back to the sources in its first line."""
        bundled, inputs = task.aside / "bundled.js", task.aside / "inputs.json"
        settings = task.folder / "tsconfig.json"
        command = [str(tools.more["node"]), str(tools.more["esbuild"]), _ENTRY, "--bundle", "--format=esm"]
        command += ["--platform=neutral", "--main-fields=module,main", "--target=es2023", "--charset=utf8"]
        command += [f"--alias:caxton:project=./{self.source}", "--external:caxton:agent/*", "--log-level=warning"]
        command += ["--sourcemap=external", "--sources-content=false", f"--metafile={inputs}", f"--outfile={bundled}"]
        command += [f"--tsconfig={settings}"] if settings.is_file() else ["--tsconfig-raw={}"]
        command += ["--minify"] if task.options["minify"] or task.optimize == "size" else []
        task.run(command, "esbuild")
        _check_inputs(task.folder, _read_json(inputs)["inputs"])
        places = json.dumps(_places(task, _read_json(bundled.with_name(bundled.name + ".map"))))
        first = f"globalThis.__caxton_map = {places}; ".encode()
        (task.aside / _BUNDLE).write_bytes(first + _read(bundled))


def _check_inputs(folder: Path, inputs: Mapping[str, Any]) -> None:
    """A project is bundled of its own files: nothing else of this machine gets into a module that others will see."""
    for name in inputs:
        if not (folder / name).resolve().is_relative_to(folder):
            raise HostError("config.invalid", f"the agent imports {safe_name(name)}, which lies outside of its project")


def _places(task: Task, found: Mapping[str, Any]) -> dict[str, Any]:
    """What leads from a place in the bundle to one in a source, as the SDK wants it (stack.js)."""
    sources = [os.path.relpath(task.aside / name, task.folder) for name in found["sources"]]
    begins = line_beginnings(found["mappings"])
    lines = found["mappings"].split(";")
    return {"sources": [PurePath(name).as_posix() for name in sources], "lines": lines, "begins": begins}


def _read(path: Path) -> bytes:
    with open(path, "rb") as file:
        data = file.read(BUNDLE_SIZE + 1)
    if len(data) > BUNDLE_SIZE:
        raise failed("esbuild", f"has made more than {BUNDLE_SIZE >> 20} MiB of the agent")
    return data


def _read_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_read(path))
    return found


LANGUAGE: Final = JavaScript()
