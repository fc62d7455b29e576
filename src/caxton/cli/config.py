"""``caxton config``: what is wrong with a configuration file, and the JSON Schema of such files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from caxton.cli import output
from caxton.config.load import examine
from caxton.config.pages import help_lines
from caxton.config.problems import ConfigProblems, key_text
from caxton.config.schema import schema_text
from caxton.config.settings import Configuration
from caxton.errors import HostError, exit_status
from caxton.text import safe, safe_name
from caxton.tools.mcp.process import CannotStartError, environment, find
from caxton.tools.settings import StdioServer


def check(path: Path, *, json: bool) -> int:
    """Prints every mistake of the file, in the order of its lines; answers the exit status, which is 0 where there is
    none.

    Raises:
        Unwritable: standard output takes nothing.
    """
    configuration, problems = examine(path)
    error = ConfigProblems(problems) if problems else None
    absent = [] if configuration is None else list(_absent(configuration))
    if json:
        found = {"ok": error is None, "file": str(path), "problems": [problem.as_json() for problem in problems]}
        found |= {"agents": None, "servers": None} if configuration is None else _counts(configuration)
        found["warnings"] = [{"key": key, "message": message} for key, message in absent]
        output.put_json(found | {"error": None if error is None else output.error_object(error)})
    elif configuration is not None:
        output.put(f"ok: {_many(configuration)}\n".encode())
        for key, message in absent:
            output.say(f"caxton config: warning: {safe_name(str(path))}: {key}: {message}")
    else:
        lines = (safe(str(problem), 4096) for problem in problems)
        output.put("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    if error is None:
        return 0
    count = f"{len(problems)} mistake{'s' if len(problems) > 1 else ''}"
    output.complain(HostError(error.code, f"{safe_name(str(path))}: {count}"), "config")
    return exit_status(error.code)


def _absent(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """What the file names and this machine does not have, now: it may be built or installed later, so no mistake."""
    for agent in configuration.agents:
        module = configuration.module_of(agent)
        if not module.is_file():
            key = "module" if agent.module is not None else "sha256"
            yield key_text(("agents", agent.name, key)), f"there is no file {safe_name(str(module))}"
    for server in configuration.tools.servers:
        if isinstance(server, StdioServer):
            try:
                find(server.command, server.cwd, environment(server.env))
            except CannotStartError as error:
                yield key_text(("tools", server.name, "command")), safe_name(str(error))


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
