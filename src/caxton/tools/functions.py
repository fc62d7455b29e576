"""Python functions as tools.

A tool's schema comes from its function's annotations, through pydantic; so do the checks of its arguments. A coroutine
function runs on the event loop; a plain one on a thread, so that it may block.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caxton import jsontext
from caxton.errors import CaxtonError, HostError, ToolError
from caxton.messages import AgentName
from caxton.text import quoted, safe, safe_name
from caxton.tools.provider import RESULT_LIMIT, Call, ToolInfo
from caxton.tools.threads import Threads

if TYPE_CHECKING:
    from pydantic import BaseModel

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_SAID: Final = 1 << 16
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
        raise HostError("config.invalid", f"{quoted(name)} is no name for a tool")
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
    """The functions of one host (a ``Provider``)."""

    is_prompt = False

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._threads: Threads | None = None

    def add(self, tool: Tool) -> None:
        """Makes a tool known. There must be none of that name."""
        self._tools[tool.name] = tool

    def names(self) -> Iterable[str]:
        """The names of all of them."""
        return self._tools.keys()

    def owns(self, name: str) -> bool:
        """Whether there is such a function."""
        return name in self._tools

    async def tools(self) -> Sequence[ToolInfo]:
        """All of them."""
        return [ToolInfo(tool.name, tool.description, tool.schema) for tool in self._tools.values()]

    async def call(self, call: Call) -> bytes:
        """Calls a function: a coroutine here, a plain one on a thread.

        Raises:
            ToolError: ``tool.bad-arguments``, ``tool.failed``.
        """
        tool = self._tools[call.tool]
        values = _checked(tool, call.arguments)
        try:
            if tool.is_async:
                result = await tool.function(**values)
            else:
                result = await self._on_thread(call.agent, tool.function, values)
        except CaxtonError as error:
            raise error if isinstance(error, ToolError) else ToolError("tool.failed", error.message) from error
        except (Exception, SystemExit) as error:  # a tool that exits ends its call, not the host
            _log.warning("the tool %s failed", tool.name, exc_info=True)
            raise ToolError("tool.failed", f"{tool.name}: {type(error).__name__}: {_said(error)}") from None
        return _encode(tool.name, result)

    async def _on_thread(self, agent: AgentName, function: Callable[..., Any], values: dict[str, Any]) -> Any:
        if self._threads is None:
            self._threads = Threads()
        context = contextvars.copy_context()
        return await self._threads.call(agent, functools.partial(context.run, _called, function, values))

    async def close(self) -> None:
        """Takes no more calls. A plain function cannot be stopped: it is not waited for."""
        if self._threads is not None:
            self._threads.close()


def _checked(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """The values that the function gets."""
    from pydantic import ValidationError

    try:
        model = tool.arguments.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ToolError("tool.bad-arguments", f"{tool.name}: {safe_name(where)}: {first['msg']}") from None
    return {str(info.alias): getattr(model, field) for field, info in type(model).model_fields.items()}


def _called(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Calls a plain function. What would mean something else to whoever waits for it becomes an error like any other:
    no future can hold a ``StopIteration``, and the rest would end the caller's task, or the host."""
    try:
        return function(**values)
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, StopIteration):
            raise
        raise RuntimeError(f"the function raised {type(error).__name__}") from error


def _said(error: BaseException) -> str:
    try:
        return str(error)[:_SAID]  # whole, as far as anybody will see: secrets are still to be taken out of it
    except Exception:  # its __str__ is the tool's too
        return "(it cannot be told)"


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
