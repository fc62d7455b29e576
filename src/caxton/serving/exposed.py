"""Which agents are tools, and what becomes of a tool's arguments on their way to the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from caxton import jsontext
from caxton.errors import HostError, ToolError
from caxton.messages import agent_name
from caxton.text import safe, safe_name
from caxton.tools.policy.keywords import BadSchema
from caxton.tools.policy.schema import Checker, input_checker

TEXT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"message": {"type": "string", "description": "What the agent is to be told."}},
    "required": ["message"],
    "additionalProperties": False,
}
"""The input schema of an agent that has none of its own: the message is the payload."""

_SAID: Final = 300


@dataclass(frozen=True, slots=True)
class Exposed:
    """An agent that is a tool of the same name.

    Attributes:
        agent: its name. It need not run yet; it is listed while it does.
        description: what a model or a person reads to decide whether to call it.
        input_schema: a JSON Schema (by default of draft 2020-12) whose root has ``"type": "object"``. The agent gets
            the arguments as JSON, once they have been checked against it. None: the tool takes
            ``{"message": "..."}``, and the agent gets that text.

    Raises:
        AgentError: ``agent.bad-name``.
        HostError: ``config.invalid``, the schema is none, or refers to what is not in it.
    """

    agent: str
    description: str
    input_schema: Mapping[str, Any] | None = None
    _checker: Checker | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        agent_name(self.agent)
        if not self.description.strip():
            object.__setattr__(self, "description", f"The agent {self.agent}.")
        if self.input_schema is not None:
            schema = _copied(self.agent, self.input_schema)
            object.__setattr__(self, "input_schema", schema)
            object.__setattr__(self, "_checker", _checker(self.agent, schema))

    @property
    def schema(self) -> dict[str, Any]:
        """The tool's input schema."""
        return TEXT_SCHEMA if self.input_schema is None else dict(self.input_schema)

    def payload(self, arguments: dict[str, Any] | None) -> bytes:
        """What the agent is told. Checking takes bounded time, whatever the arguments are.

        Raises:
            ToolError: ``tool.bad-arguments``, with the path to what is wrong.
        """
        given = {} if arguments is None else arguments
        data = _encoded(given)
        if self._checker is None:
            return _text(given)
        fault = self._checker.fault(given)
        if fault is not None:
            raise ToolError("tool.bad-arguments", fault)
        return data


ExposedSource: TypeAlias = Sequence[Exposed] | Callable[[], Sequence[Exposed]]
"""The exposed agents: some, or a function that tells them whenever they are wanted."""


def table(source: ExposedSource) -> dict[str, Exposed]:
    """The exposed agents by name.

    Raises:
        HostError: ``config.invalid``, one is named twice.
    """
    found = source() if callable(source) else source
    named = {one.agent: one for one in found}
    if len(named) != len(found):
        raise HostError("config.invalid", "an agent is exposed twice")
    return named


def _bad(path: str, why: str) -> ToolError:
    return ToolError("tool.bad-arguments", f"{safe_name(path)}: {safe(why, _SAID)}")


def _encoded(arguments: dict[str, Any]) -> bytes:
    """The arguments as JSON that is as strict as everything that an agent gets: a client's own is read by others."""
    try:
        data = jsontext.dumps(arguments)
        jsontext.loads(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise _bad("$", str(error)) from None
    return data


def _text(arguments: dict[str, Any]) -> bytes:
    for key in arguments:
        if key != "message":
            raise _bad(f"$.{key}", "there is no such argument")
    message = arguments.get("message")
    if not isinstance(message, str):
        raise _bad("$.message", "a text is required")
    return message.encode("utf-8")


def _copied(agent: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found = jsontext.loads(jsontext.dumps(dict(schema)))
    except (ValueError, TypeError, RecursionError) as error:
        raise _unusable(agent, str(error)) from None
    if not isinstance(found, dict) or found.get("type") != "object":
        raise _unusable(agent, 'its "type" is not "object"')
    return found


def _unusable(agent: str, why: str) -> HostError:
    return HostError("config.invalid", f"the input schema of {agent}: {safe(why, _SAID)}")


def _checker(agent: str, schema: dict[str, Any]) -> Checker:
    try:
        return input_checker(schema)
    except BadSchema as error:
        raise _unusable(agent, str(error)) from None
