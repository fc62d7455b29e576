"""``caxton config``: what is wrong with a configuration file, and the JSON Schema of such files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from caxton.cli import output
from caxton.config.absent import absent_directories, absent_modules, absent_programs, absent_secrets
from caxton.config.load import examine
from caxton.config.pages import help_lines
from caxton.config.problems import ConfigProblems, Problem, by_line
from caxton.config.schema import schema_text
from caxton.config.settings import Configuration
from caxton.errors import HostError, exit_status
from caxton.text import safe, safe_name


def check(path: Path, *, strict: bool = False, json: bool) -> int:
    """Prints every mistake of the file, in the order of its lines, and what is said in vain or not there as warnings;
    answers the exit status, which is 0 where there is no mistake.

    Args:
        path: the file.
        strict: warnings are mistakes, too.
        json: print one object.

    Raises:
        Unwritable: standard output takes nothing.
    """
    configuration, problems = examine(path)
    warnings = [] if configuration is None else _warnings(configuration)
    if strict and warnings:
        configuration, problems, warnings = None, warnings, []
    error = ConfigProblems(problems) if problems else None
    if json:
        found = {"ok": error is None, "file": str(path), "problems": [problem.as_json() for problem in problems]}
        found |= {"agents": None, "servers": None} if configuration is None else _counts(configuration)
        found["warnings"] = [one.as_json() for one in warnings]
        output.put_json(found | {"error": None if error is None else output.error_object(error)})
    elif configuration is not None:
        output.put(f"ok: {_many(configuration)}\n".encode())
        warn(warnings, "config")
    else:
        lines = (safe(str(problem), 4096) for problem in problems)
        output.put("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    if error is None:
        return 0
    count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''}"
    output.complain(HostError(error.code, f"{safe_name(str(path))}: {count}"), "config")
    return exit_status(error.code)


def _warnings(configuration: Configuration) -> list[Problem]:
    """All of them: what the file says in vain, and what this machine does not have now, as it may be built, installed
    or set later."""
    found: list[Problem] = [*configuration.warnings, *absent_directories(configuration)]
    found += [*absent_modules(configuration), *absent_programs(configuration)]
    with contextlib.suppress(HostError):  # the file of secrets has gone since it was looked at
        found += absent_secrets(configuration)
    return by_line(found)


def warn(warnings: Iterable[Problem], verb: str) -> None:
    """Prints warnings on standard error."""
    for one in warnings:
        output.say(safe(f"caxton {verb}: warning: {one}", 4096))


def schema() -> int:
    """Prints the JSON Schema of configuration files; answers the exit status, 0.

    Raises:
        Unwritable: standard output takes nothing.
    """
    output.put(schema_text().encode())
    return 0


def keys() -> int:
    """Prints every key and every variable with its meaning; answers the exit status, 0.

    Raises:
        Unwritable: standard output takes nothing.
    """
    output.put("".join(f"{line}\n" for line in help_lines()).encode())
    return 0


def _counts(configuration: Configuration) -> dict[str, int]:
    return {"agents": len(configuration.agents), "servers": len(configuration.tools.servers)}


def _many(configuration: Configuration) -> str:
    agents, servers = _counts(configuration).values()
    return f"{agents} agent{'s' * (agents != 1)}, {servers} tool server{'s' * (servers != 1)}"
