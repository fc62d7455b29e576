"""What a configuration names and this machine does not have, now.

A file may be checked on another machine than the one that it is for, and what is not there may be built, installed or
set later: so these are warnings, until a host needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from caxton.config.problems import ConfigProblems, Problem, by_line
from caxton.config.settings import Configuration
from caxton.errors import HostError
from caxton.text import safe_name
from caxton.tools.mcp.process import CannotStartError, environment, find
from caxton.tools.secrets import Secrets
from caxton.tools.settings import StdioServer


def absent_modules(configuration: Configuration) -> Iterator[Problem]:
    """Agents' modules: without one the host does not start."""
    for agent in configuration.agents:
        module = configuration.module_of(agent)
        if module.is_file():
            continue
        key = "module" if agent.module is not None else "sha256"
        what = "is no regular file" if module.exists() else "there is no file"
        yield configuration.places.problem(_said(module, what), "", "agents", agent.name, key)


def absent_programs(configuration: Configuration) -> Iterator[Problem]:
    """Programs of servers: without one, calls of the server's tools fail."""
    for server in configuration.tools.servers:
        if isinstance(server, StdioServer):
            try:
                find(server.command, server.cwd, environment(server.env))
            except CannotStartError as error:
                yield configuration.places.problem(safe_name(str(error)), "", "tools", server.name, "command")


def absent_directories(configuration: Configuration) -> Iterator[Problem]:
    """Directories that are none. That of the data is made where there is nothing; those of rules are not."""
    data = configuration.host.data
    if data.exists() and not data.is_dir():
        yield configuration.places.problem(_said(data, "is no directory"), "", "host", "data")
    for agent in configuration.agents:
        for glob, rule in agent.grants.rules.items():
            if rule.root is not None and not Path(rule.root).is_dir():
                what = "is no directory" if os.path.lexists(rule.root) else "there is no directory"
                where = ("agents", agent.name, "rules", glob, "root")
                yield configuration.places.problem(_said(Path(rule.root), what), "", *where)


def _said(path: Path, what: str) -> str:
    shown = safe_name(str(path))
    return f"{what} {shown}" if what.startswith("there") else f"{shown} {what}"


def absent_secrets(configuration: Configuration, variables: Mapping[str, str] | None = None) -> list[Problem]:
    """Secrets that are not there or too short, each at every place that names it; nothing of their values.

    Args:
        configuration: the file's.
        variables: the environment; by default the process's.
    """
    if not configuration.secrets:
        return []
    # Read without a mistake before; what has become of it since is a mistake of now.
    secrets = Secrets.from_environment_and_file(
        configuration.tools.secrets, os.environ if variables is None else variables
    )
    found, faults = [], dict[str, str]()
    for name, where in configuration.secrets:
        if name not in faults:
            try:
                secrets.get(name)
                faults[name] = ""
            except HostError as error:
                faults[name] = error.message
        if faults[name]:
            found.append(configuration.places.problem(faults[name], "", *where))
    return by_line(found)


def check_secrets(configuration: Configuration) -> None:
    """Returns if all secrets are there.

    Raises:
        ConfigProblems: ``config.invalid``: the first place that names one which is not.
        HostError: ``config.invalid``: the file of secrets cannot be read any more.
    """
    found = absent_secrets(configuration)
    if found:
        raise ConfigProblems(found)
