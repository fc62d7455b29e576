"""``caxton build``: from a project to ``NAME.wasm``, which appears complete or not at all."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.toolchain.errors import failed
from caxton.toolchain.files import write_whole
from caxton.toolchain.language import Task
from caxton.toolchain.machine import Machine
from caxton.toolchain.places import project_cache
from caxton.toolchain.project import Project, load_project

OUTPUT_SIZE: Final = 512 << 20
"""Bytes that a compiler's module may have. Whether an agent may be so large is for the host's limits to say."""

_MAGIC: Final = b"\0asm"


@dataclass(frozen=True, slots=True)
class Built:
    """A module that was built.

    Attributes:
        project: what it was built from.
        module: the file.
        source_map: the file beside it, where the toolchain has written one.
        toolchain: which one it was; for people.
        compiled: bytes of the module as the compiler made it.
        size: bytes of the module now.
        seconds: what it took.
    """

    project: Project
    module: Path
    source_map: Path | None
    toolchain: str
    compiled: int
    size: int
    seconds: float


def build(
    folder: Path,
    *,
    debug: bool = False,
    optimize: str | None = None,
    machine: Machine | None = None,
    module: Path | None = None,
) -> Built:
    """Builds the project in a folder; blocks for as long as its compiler takes (ten minutes a step at most).

    Args:
        debug: keep debug information.
        optimize: ``size`` or ``speed``.
        module: where the module goes, if not to ``NAME.wasm`` in the project.

    Raises:
        ConfigProblems: ``agent.toml`` has mistakes.
        HostError: ``config.invalid``, the project lacks something; ``storage.failed``, the module cannot be written.
        ToolchainError: ``toolchain.missing``, ``toolchain.failed``.
    """
    began = time.monotonic()
    project = load_project(folder)
    machine = machine or Machine()
    tools = project.language.find(machine, project.folder)
    cache = project_cache(project.folder, project.language.name)
    aside = Path(tempfile.mkdtemp(prefix="caxton-build-"))
    try:
        (aside / "work").mkdir()
        task = Task(
            folder=project.folder,
            name=project.name,
            options=project.options,
            output=aside / f"{project.name}.wasm",
            cache=cache,
            aside=aside / "work",
            debug=debug,
            optimize=optimize,
            machine=machine,
        )
        project.language.build(task, tools)
        data = _read(task.output, project.language.title)
        compiled = len(data)
        target = module or project.module
        source_map = _place_map(task, target)
        write_whole(target, data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Built(project, target, source_map, tools.version, compiled, len(data), time.monotonic() - began)


def _read(output: Path, title: str) -> bytes:
    """What the compiler has left, if it is a module."""
    what = f"the {title} toolchain"
    try:
        with open(output, "rb") as file:
            data = file.read(OUTPUT_SIZE + 1)
    except OSError:
        raise failed(what, "has written no module") from None
    if len(data) > OUTPUT_SIZE:
        raise failed(what, f"has written a module of more than {OUTPUT_SIZE >> 20} MiB")
    if not data.startswith(_MAGIC):
        raise failed(what, "has written something that is no WebAssembly")
    return data


def _place_map(task: Task, target: Path) -> Path | None:
    """Puts the source map beside the module; without one, an older one goes: it would tell of other lines."""
    place = target.with_name(target.name + ".map")
    if task.debug and task.source_map.is_file():
        write_whole(place, task.source_map.read_bytes())
        return place
    place.unlink(missing_ok=True)
    return None
