"""``caxton build``: from a project to ``NAME.wasm``, which appears complete or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from caxton.toolchain.files import MAP_SIZE, read_bounded, read_output, write_whole
from caxton.toolchain.language import Task
from caxton.toolchain.links import refuse_links_out
from caxton.toolchain.machine import Machine
from caxton.toolchain.optimize import find_wasm_opt
from caxton.toolchain.optimize import optimize as optimize_module
from caxton.toolchain.places import project_cache
from caxton.toolchain.project import Project, load_project
from caxton.toolchain.sections import is_core, is_debug, without


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
        HostError: ``config.invalid``, the project lacks something, or has a link that leads out of it;
            ``storage.failed``, the module cannot be written.
        ToolchainError: ``toolchain.missing``, ``toolchain.failed``.
    """
    began = time.monotonic()
    project = load_project(folder)
    refuse_links_out(project.folder, frozenset({project.module.name, f"{project.module.name}.map"}))
    machine = machine or Machine()
    tools = project.language.find(machine, project.folder)
    optimizer = find_wasm_opt(machine) if optimize and not project.language.makes_components else None
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
        data = read_output(task.output, f"the {project.language.title} toolchain")
        compiled = len(data)
        data = _finished(task, data, optimizer)
        target = module or project.module
        source_map = _place_map(task, target)
        write_whole(target, data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Built(project, target, source_map, tools.version, compiled, len(data), time.monotonic() - began)


def _finished(task: Task, data: bytes, optimizer: tuple[str, ...] | None) -> bytes:
    """The module as it is handed on: without debug information if none is wanted, and optimised.

    Components stay as they are: their toolchains have options of their own for both.
    """
    if not is_core(data):
        return data
    if not task.debug:
        data = without(data, is_debug)
    if optimizer is None or task.optimize is None:
        return data
    place = task.aside.parent / "optimizing"
    place.mkdir()
    source_map = task.source_map if task.debug and task.source_map.is_file() else None
    return optimize_module(optimizer, data, task.optimize, place, debug=task.debug, source_map=source_map)


def _place_map(task: Task, target: Path) -> Path | None:
    """Puts the source map beside the module; without one, an older one goes: it would tell of other lines."""
    place = target.with_name(target.name + ".map")
    if task.debug and task.source_map.is_file():
        write_whole(place, read_bounded(task.source_map, MAP_SIZE, "the source map"))
        return place
    with contextlib.suppress(OSError):
        place.unlink()
    return None
