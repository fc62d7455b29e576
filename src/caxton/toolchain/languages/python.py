"""Python: CPython itself, with the agent already imported, as a component; by ``componentize-py``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from caxton.errors import HostError
from caxton.text import safe_name
from caxton.toolchain.errors import Install, ToolchainError, missing
from caxton.toolchain.files import find, read_output
from caxton.toolchain.language import Language, Task, Tools
from caxton.toolchain.machine import Machine
from caxton.toolchain.merging.component import merged
from caxton.toolchain.merging.immortal import with_immortals
from caxton.toolchain.merging.lists import free_lists
from caxton.toolchain.merging.stacks import bound_stacks
from caxton.toolchain.merging.wiring import Wiring
from caxton.toolchain.places import wit_file

COMPONENTIZE: Final = "0.25.1"
INSTALL: Final = Install(anywhere='pip install "caxton[python]"')
SOURCE_SIZE: Final = 4 << 20
"""Bytes of one source file that are searched for imports; a larger one is imported all the same."""

_MORE: Final = re.compile(r"\n\s*\n(?:Caused by|Stack backtrace):")
"""What componentize-py says after the agent's traceback."""

_TRACEBACK: Final = "Traceback (most recent call last):"
_RAISED: Final = re.compile(r"^\S.*", re.MULTILINE)
"""What was raised: in a traceback the first line that is not set in."""

_LINE: Final = 600
_MODULE: Final = "agent"
_SDK: Final = "caxton_agent"
_MOUNTS: Final = {"/0/": "", "/1/": "src/", "/2/": "packages/"}
"""Where the folders of Python's path lie when the agent is imported; the SDK knows this too (output.py)."""

_MAIN: Final = """\
import sys

sys.dont_write_bytecode = True  # the project's folder stays as it is

from {sdk}.prepare import prepare
from {sdk}.entry import WitWorld

prepare({module!r}, {late!r})
"""


class Python(Language):
    """``src/agent.py``, with what it imports from ``src/``, ``packages/`` and Python's own library."""

    name = "python"
    title = "Python"
    makes_components = True
    sdk: ClassVar[Mapping[str, str]] = MappingProxyType({f"python/{_SDK}": _SDK})

    def sdk_files(self, sdk: Path) -> Mapping[str, Path]:
        """The SDK, and the WIT package."""
        return {**super().sdk_files(sdk), f"{_SDK}/agent.wit": wit_file()}

    def find(self, machine: Machine, project: Path | None = None) -> Tools:
        """componentize-py, which carries its own CPython."""
        found = machine.program("componentize-py")
        if found is None:
            raise missing("componentize-py", INSTALL)
        version = ".".join(map(str, machine.version(found, "--version") or ()))
        return Tools((str(found),), f"componentize-py {version}".strip(), more={"version": version})

    def build(self, task: Task, tools: Tools) -> None:
        """Imports the agent inside WebAssembly, and keeps the memory that this leaves."""
        for needed in (f"src/{_MODULE}.py", f"{_SDK}/agent.wit"):
            if not (task.folder / needed).is_file():
                raise HostError("config.invalid", f"there is nothing to build: no {needed}")
        main = task.aside / "main"
        _copy(task.folder / _SDK, main / _SDK)
        sources = find(task.folder / "src", (".py",))
        late = sorted(_imports(sources))
        (main / "caxton_main.py").write_text(_MAIN.format(sdk=_SDK, module=_MODULE, late=late), encoding="utf-8")
        command = [*tools.command, "--quiet", "--wit-path", f"{_SDK}/agent.wit", "--world", "agent", "componentize"]
        # In this order: the SDK names files by it (output.py).
        for place in (main, task.folder / "src", task.folder / "packages"):
            command += ["--python-path", str(place)] if place.is_dir() else []
        command += ["caxton_main", "--stub-wasi", "--output", str(task.output)]
        try:
            task.run(command, "componentize-py", {"VIRTUAL_ENV": str(_no_environment(task.aside))})
        except ToolchainError as error:
            raise _explained(error) from None
        made = with_immortals(read_output(task.output, "componentize-py"))
        task.output.write_bytes(merged(made, _mend if tools.more["version"] == COMPONENTIZE else bound_stacks))


def _mend(wiring: Wiring) -> None:
    """What is mended in this version alone: one that frees lists itself must not free them twice."""
    free_lists(wiring)
    bound_stacks(wiring)


def _explained(error: ToolchainError) -> ToolchainError:
    """Of componentize-py's own words those of the agent: its traceback, with files named as in the project."""
    text = _MORE.split(error.output.partition("AssertionError: ")[2])[0].rstrip()
    if not text:
        return error
    for mount, folder in _MOUNTS.items():
        text = text.replace(f'File "{mount}', f'File "{folder}')
    raised = _RAISED.search(text.rpartition(_TRACEBACK)[2])
    line = raised[0] if raised else text.splitlines()[-1]
    return ToolchainError(error.code, f"the agent cannot be imported: {line[:_LINE]}", text)


def _copy(package: Path, place: Path) -> None:
    """The SDK alone, away from whatever else lies in the project's folder."""
    for path in find(package, (".py",)):
        copied = place / path.relative_to(package)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(path.read_bytes())


def _no_environment(aside: Path) -> Path:
    """A virtual environment with nothing in it: componentize-py would take packages out of the one that it finds."""
    made = aside / "environment"
    (made / "lib" / "python3" / "site-packages").mkdir(parents=True)
    return made


def _imports(sources: Iterable[Path]) -> set[str]:
    """The modules that some sources name in import statements, wherever these stand."""
    found: set[str] = set()
    for path in sources:
        with open(path, "rb") as file:
            text = file.read(SOURCE_SIZE + 1)
        if len(text) > SOURCE_SIZE:
            continue
        try:
            tree = ast.parse(text, filename=safe_name(path.name))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the build will say so
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return found


LANGUAGE: Final = Python()
