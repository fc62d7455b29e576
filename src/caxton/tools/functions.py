"""Python functions as tools.

A tool's schema comes from its function's annotations, through pydantic; so do the checks of its arguments. A coroutine
function runs on the event loop; a plain one on a thread, so that it may block.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caxton import jsontext
from caxton.agents.waiting import Pending
from caxton.errors import CaxtonError, HostError, ToolError
from caxton.messages import AgentName
from caxton.text import safe, safe_name
from caxton.tools.threads import Threads

if TYPE_CHECKING:
    from pydantic import BaseModel

RESULT_LIMIT: Final = 8 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_log = logging.getLogger("caxton.tools")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that agents may be granted."""

    name: str
    description: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    schema: dict[str, Any]
    is_async: bool


def check_name(name: str) -> str:
    """``name``, if a tool may have it.

    Raises:
        HostError: ``config.invalid``.
    """
    if not _NAME.fullmatch(name):
        raise HostError("config.invalid", f"{safe_name(name)!r} is no name for a tool")
    return name


def make_tool(function: Callable[..., Any], name: str | None = None, description: str | None = None) -> Tool:
    """A tool from a typed function.

    Raises:
        HostError: ``config.invalid``, the name will not do or the annotations cannot be told as a JSON schema.
    """
    label = check_name(name or str(getattr(function, "__name__", "")))
    arguments, schema = _arguments(label, function)
    return Tool(
        name=label,
        description=description if description is not None else inspect.getdoc(function) or "",
        function=function,
        arguments=arguments,
        schema=schema,
        is_async=inspect.iscoroutinefunction(function),
    )


def _arguments(label: str, function: Callable[..., Any]) -> tuple[type[BaseModel], dict[str, Any]]:
    # Not at the top: pydantic is slow to import, and a host without such tools needs none of it.
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticUserError

    fields: dict[str, Any] = {}
    try:
        for parameter in inspect.signature(function, eval_str=True).parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise HostError("config.invalid", f"the tool {label} takes {parameter}: name each parameter")
            annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
            default = ... if parameter.default is parameter.empty else parameter.default
            # Under an alias: a parameter may be called `copy`, `schema` or `_x`, which mean something to a model.
            fields[f"p{len(fields)}"] = (annotation, Field(default, alias=parameter.name))
        model = create_model(f"{label} arguments", __config__=ConfigDict(extra="forbid"), **fields)
        return model, model.model_json_schema()
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        raise HostError("config.invalid", f"the tool {label}: {safe(str(error), 500)}") from None


class FunctionTools:
    """The tools of one host (the ``Tools`` of agents/ports.py)."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._stubs: dict[str, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads: Threads | None = None

    def add(self, tool: Tool) -> None:
        """Makes a tool known.

        Raises:
            HostError: ``config.invalid``, there is one of that name.
        """
        self._check_new(tool.name)
        self._tools[tool.name] = tool

    def add_stub(self, name: str, answer: bytes) -> None:
        """Makes a tool known that takes any arguments and always gives the same JSON, ``answer``.

        Raises:
            HostError: ``config.invalid``, the name will not do or is taken, or ``answer`` is no JSON.
        """
        self._check_new(check_name(name))
        try:
            jsontext.loads(answer)
        except jsontext.InvalidJson as error:
            raise HostError("config.invalid", f"the answer of {name}: {error}") from None
        self._stubs[name] = answer

    def _check_new(self, name: str) -> None:
        if self.knows(name):
            raise HostError("config.invalid", f"there is a tool {name} already")

    def knows(self, name: str) -> bool:
        """Whether there is such a tool."""
        return name in self._tools or name in self._stubs

    def describe(self) -> list[dict[str, Any]]:
        """Every tool as MCP lists one: name, description, inputSchema."""
        return [
            {"name": tool.name, "description": tool.description, "inputSchema": tool.schema}
            for tool in self._tools.values()
        ] + [{"name": name, "description": "", "inputSchema": {"type": "object"}} for name in self._stubs]

    def call(self, agent: AgentName, name: str, arguments: dict[str, Any]) -> Pending:
        """Starts a call.

        Raises:
            ToolError: ``tool.bad-arguments``.
        """
        if name in self._stubs:
            stubbed = Pending()
            stubbed.resolve(self._stubs[name])
            return stubbed
        from pydantic import ValidationError

        tool = self._tools[name]
        try:
            model = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ToolError("tool.bad-arguments", f"{name}: {safe_name(where)}: {first['msg']}") from None
        values = {str(info.alias): getattr(model, field) for field, info in type(model).model_fields.items()}
        pending = Pending()
        task = asyncio.get_running_loop().create_task(self._run(agent, tool, values, pending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        pending.on_cancel(lambda: _cancel(task))
        return pending

    async def _run(self, agent: AgentName, tool: Tool, values: dict[str, Any], pending: Pending) -> None:
        try:
            if tool.is_async:
                result = await tool.function(**values)
            else:
                result = await self._on_thread(agent, tool.function, values)
            pending.resolve(_encode(tool.name, result))
        except asyncio.CancelledError:
            pending.resolve(ToolError("tool.failed", f"{tool.name} was cancelled"))
            raise
        except CaxtonError as error:
            pending.resolve(error if isinstance(error, ToolError) else ToolError("tool.failed", error.message))
        except (Exception, SystemExit) as error:  # a tool that exits ends its call, not the host
            pending.resolve(ToolError("tool.failed", f"{tool.name}: {type(error).__name__}: {_said(error)}"))
            _log.warning("the tool %s failed", tool.name, exc_info=True)

    async def _on_thread(self, agent: AgentName, function: Callable[..., Any], values: dict[str, Any]) -> Any:
        if self._threads is None:
            self._threads = Threads()
        context = contextvars.copy_context()
        return await self._threads.call(agent, functools.partial(context.run, _called, function, values))

    async def close(self) -> None:
        """Cancels the calls that still run. A plain function cannot be stopped: it is not waited for."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._threads is not None:
            self._threads.close()


def _called(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Calls a plain function. No future can hold a ``StopIteration``: nobody would ever hear of it."""
    try:
        return function(**values)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error


def _said(error: BaseException) -> str:
    try:
        return safe(str(error), 1000)
    except Exception:  # its __str__ is the tool's too
        return "(it cannot be told)"


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _encode(name: str, result: Any) -> bytes:
    """A result as JSON: models and dataclasses through pydantic, the rest as it is."""
    from pydantic_core import PydanticSerializationError, to_json

    try:
        data = to_json(result, inf_nan_mode="constants")
        jsontext.loads(data)
    except (PydanticSerializationError, jsontext.InvalidJson, ValueError, RecursionError) as error:
        raise ToolError("tool.failed", f"{name} returned what is no JSON: {safe(str(error), 200)}") from None
    if len(data) > RESULT_LIMIT:
        raise ToolError("tool.failed", f"{name} returned more than {RESULT_LIMIT} bytes")
    return data
