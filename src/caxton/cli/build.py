"""``caxton build``: a project's module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caxton.cli import output
from caxton.cli.options import invalid
from caxton.config.problems import ConfigProblems
from caxton.errors import CaxtonError
from caxton.text import safe, safe_name
from caxton.toolchain import Built, Machine, ToolchainError
from caxton.toolchain import build as make

GOALS: Final = ("size", "speed")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built, and how."""

    folder: Path
    debug: bool = False
    optimize: str | None = None
    install: bool = False


def goal(text: str | None) -> str | None:
    """What ``--optimize`` says.

    Raises:
        HostError: ``config.invalid``.
    """
    if text is None or text in GOALS:
        return text
    raise invalid(f"--optimize: {safe_name(repr(text))} is not size or speed")


def build(order: Order, *, json: bool) -> int:
    """Builds, and says what came of it; answers the exit status, 0.

    Raises:
        CaxtonError: ``config.invalid``, the project; ``toolchain.missing``, ``toolchain.failed``, ``storage.failed``.
    """
    try:
        built = carry_out(order)
    except CaxtonError as error:
        explain(error)
        raise
    if json:
        output.put_json(as_json(built))
    else:
        output.put(f"{told(built)}\n".encode("utf-8", "backslashreplace"))
    return 0


def carry_out(order: Order) -> Built:
    """Builds.

    Raises:
        CaxtonError: as ``build``.
    """
    machine = Machine(install=order.install)
    return make(order.folder, debug=order.debug, optimize=order.optimize, machine=machine)


def explain(error: CaxtonError) -> None:
    """What belongs above the line that an error gets: a compiler's output, all mistakes of ``agent.toml``."""
    if isinstance(error, ToolchainError) and error.output:
        output.say(error.output)
    elif isinstance(error, ConfigProblems) and len(error.problems) > 1:
        for problem in error.problems:
            output.say(safe(str(problem)))


def told(built: Built) -> str:
    """What was built, in a line."""
    sizes = f"{built.compiled:,} bytes compiled, now {built.size:,}"
    if built.size < built.compiled:
        sizes += f" (-{100 * (1 - built.size / built.compiled):.0f} %)"
    return safe(f"{built.module.name}: {sizes}; {built.project.language.title}, {built.seconds:.1f} s")


def as_json(built: Built) -> dict[str, object]:
    """What was built: JSON-ready."""
    return {
        "ok": True,
        "module": str(built.module),
        "source_map": None if built.source_map is None else str(built.source_map),
        "language": built.project.language.name,
        "toolchain": built.toolchain,
        "size_before": built.compiled,
        "size": built.size,
        "seconds": round(built.seconds, 3),
        "error": None,
    }
