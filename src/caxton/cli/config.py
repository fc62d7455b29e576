"""``caxton config``: what is wrong with a configuration file, and the JSON Schema of such files."""

from __future__ import annotations

from pathlib import Path

from caxton.cli import output
from caxton.config.load import examine
from caxton.config.pages import help_lines
from caxton.config.problems import ConfigProblems
from caxton.config.schema import schema_text
from caxton.config.settings import Configuration
from caxton.errors import HostError, exit_status
from caxton.text import safe, safe_name


def check(path: Path, *, json: bool) -> int:
    """Prints every mistake of the file, in the order of its lines; answers the exit status, which is 0 where there is
    none.

    Raises:
        Unwritable: standard output takes nothing.
    """
    configuration, problems = examine(path)
    error = ConfigProblems(problems) if problems else None
    if json:
        found = {"ok": error is None, "file": str(path), "problems": [problem.as_json() for problem in problems]}
        found |= {"agents": None, "servers": None} if configuration is None else _counts(configuration)
        output.put_json(found | {"error": None if error is None else output.error_object(error)})
    elif configuration is not None:
        output.put(f"ok: {_many(configuration)}\n".encode())
    else:
        lines = (safe(str(problem), 4096) for problem in problems)
        output.put("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    if error is None:
        return 0
    count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''}"
    output.complain(HostError(error.code, f"{safe_name(str(path))}: {count}"), "config")
    return exit_status(error.code)


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
