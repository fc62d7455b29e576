"""The agents of a configuration file."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caxton.errors import CaxtonError, ModuleError
from caxton.sandbox.files import read_module
from caxton.text import safe_name

if TYPE_CHECKING:
    from caxton.config import AgentSettings, Configuration
    from caxton.host.runtime import Host
    from caxton.host.tooling import Tooling


_log: Final = logging.getLogger("caxton.config")


def look_around(configuration: Configuration, added: Tooling) -> None:
    """Logs what a configuration says in vain, now that the host begins.

    What a program has added by now is known, its agents excepted: those come later, so that a name which no agent of
    the file has is worth a word and no warning.

    Raises:
        HostError: ``config.invalid``: a secret is not there.
    """
    from caxton.config.absent import absent_directories, check_secrets

    check_secrets(configuration)
    for one in configuration.warnings:
        if one.comes == "tool" and added.may_have(one.glob):
            continue
        _log.log(logging.INFO if one.comes == "agent" else logging.WARNING, "%s", one)
    for other in absent_directories(configuration):
        _log.warning("%s", other)


async def start_agents(host: Host, configuration: Configuration) -> None:
    """Starts every agent, one after the other: the first that does not start ends it.

    Raises:
        CaxtonError: as for ``Host.spawn``, of the agent that did not start; its name is in the message.
    """
    for agent in configuration.agents:
        place = configuration.module_of(agent)
        try:
            module = place if agent.sha256 is None else await asyncio.to_thread(_stored, place, agent)
            await host.spawn(
                agent.name,
                module,
                limits=agent.limits,
                grants=agent.grants,
                restart=agent.restart,
                params=agent.params,
                features=agent.features,
                warm=agent.warm,
            )
        except CaxtonError as error:
            error.message = f"agents.{agent.name}: {error.message}"
            raise


def _stored(place: Path, agent: AgentSettings) -> bytes:
    """A stored module, if it is what its name says."""
    data = read_module(place, int(agent.limits.module_size))
    if hashlib.sha256(data).hexdigest() != agent.sha256:
        raise ModuleError("module.invalid", f"{safe_name(str(place))} is not the module of that hash")
    return data
