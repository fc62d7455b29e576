"""Calling the tools that the agent was granted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wit_world.imports import host

from caxton_agent.asking import Pending
from caxton_agent.crossing import call, clean, milliseconds
from caxton_agent.messages import as_text


def list_tools() -> list[dict[str, Any]]:
    """The tools that this agent may call: ``name``, ``description``, ``inputSchema``."""
    found: list[dict[str, Any]] = json.loads(call(host.list_tools))
    return found


def call_tool(name: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """Calls a tool; arguments and result are values of JSON.

    Raises:
        HostError: it may not be called, is not there, or has failed.
    """
    return json.loads(call_tool_json(name, json.dumps(arguments or {})))


def call_tool_json(name: str, arguments: str) -> str:
    """The same, with arguments and result as JSON text."""
    return call(host.call_tool, clean(name), clean(arguments))


def tool_start(name: str, arguments: Mapping[str, Any] | None = None, timeout: float | None = None) -> Pending[Any]:
    """Calls a tool without waiting.

    Raises:
        HostError: it may not be called, or is not there.
    """
    started = _start(name, json.dumps(arguments or {}), timeout)
    return Pending(started, lambda found: json.loads(as_text(found.payload.value)))


def tool_start_json(name: str, arguments: str, timeout: float | None = None) -> Pending[str]:
    """The same, with arguments and result as JSON text."""
    return Pending(_start(name, arguments, timeout), lambda found: as_text(found.payload.value))


def _start(name: str, arguments: str, timeout: float | None) -> int:
    return call(host.tool_start, clean(name), clean(arguments), milliseconds(timeout))
