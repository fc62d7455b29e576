"""Whatever the SDK and its foundations raise becomes an error of the contract."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import anyio
import httpx2
import mcp
import mcp_types
import pytest
from pydantic import BaseModel, ValidationError

from caxton.errors import ToolError
from caxton.tools.mcp.errors import describe, tool_error

FOUNDATIONS = (mcp, mcp_types, httpx2, anyio)


def same(data: bytes) -> bytes:
    """No secrets here."""
    return data


def modules(package: Any) -> Iterator[Any]:
    """A package and what is in it, as far as it can be imported here."""
    yield package
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None):
        if any(part in ("__main__", "cli", "trio", "_trio", "pytest_plugin") for part in info.name.split(".")):
            continue
        try:
            yield importlib.import_module(info.name)
        except ImportError:
            continue


def error_classes() -> list[type[Exception]]:
    """Every error that these packages define."""
    found = {
        thing
        for package in FOUNDATIONS
        for module in modules(package)
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, Exception) and thing.__module__.startswith(package.__name__)
    }
    return sorted(found, key=lambda kind: f"{kind.__module__}.{kind.__name__}")


def made(kind: type[Exception]) -> Exception:
    """An error of that class, whatever its constructor wants."""
    error = kind.__new__(kind)
    BaseException.__init__(error, "hello \x1b")
    if isinstance(error, mcp.MCPError):
        error.error = mcp_types.ErrorData(code=1, message="hello \x1b")
    return error


def test_there_are_many() -> None:
    """The walk finds what it looks for."""
    names = {kind.__name__ for kind in error_classes()}
    assert {"MCPError", "ResumptionError", "ConnectTimeout", "ClosedResourceError", "OAuthFlowError"} <= names
    assert {"UrlElicitationRequiredError", "InputRequiredRoundsExceededError", "UnexpectedClaimedResult"} <= names


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_an_error(kind: type[Exception]) -> None:
    """Becomes a ``ToolError`` that can be printed, alone or in groups."""
    error = made(kind)
    grouped = BaseExceptionGroup("", [asyncio.CancelledError(), ExceptionGroup("", [error])])
    for one in (error, grouped):
        found = tool_error("s.tool", one, same)
        assert isinstance(found, ToolError)
        assert found.code in ("tool.failed", "tool.bad-arguments")
        assert found.message.startswith("s.tool: ")
        assert found.message.isprintable()
        assert describe(one, same)


def test_a_validation_error_quotes_nothing() -> None:
    """It would quote what the server has sent."""

    class Model(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"number": "canary"})
    assert "s.tool: it answered what is no Model" == tool_error("s.tool", caught.value, same).message


def test_secrets_are_taken_out() -> None:
    """Before the text is cut."""
    redact = lambda data: data.replace(b"canary", b"[secret]")  # noqa: E731
    for error in (mcp.MCPError(1, "a canary"), RuntimeError("a canary"), httpx2.ConnectError("a canary")):
        assert tool_error("s.tool", error, redact).message.endswith("a [secret]")


def test_an_error_that_cannot_be_told() -> None:
    """Costs nothing either."""

    class BadError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert "s.tool: BadError: (it cannot be told)" == tool_error("s.tool", BadError(), same).message


def test_why_a_connection_has_closed() -> None:
    """Says more than that it has."""
    error = mcp.MCPError(mcp_types.CONNECTION_CLOSED, "Connection closed")
    found = tool_error("s.tool", error, same, closed="it ended with status 3")
    assert "s.tool: the server has gone: it ended with status 3" == found.message


def test_a_server_that_uses_the_code_of_a_closed_connection() -> None:
    """While the connection stands it is an error like any other."""
    found = tool_error("s.tool", mcp.MCPError(mcp_types.CONNECTION_CLOSED, "quota exceeded"), same)
    assert ("tool.failed", "s.tool: quota exceeded") == (found.code, found.message)
    assert found.payload is not None
    assert {"content": [{"type": "text", "text": "quota exceeded"}], "isError": True} == json.loads(found.payload)
