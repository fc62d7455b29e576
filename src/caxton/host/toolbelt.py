"""What a Python program says to a host about tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

from caxton.host.tooling import Tooling, server_settings
from caxton.tools.functions import make_tool
from caxton.tools.policy.approval import Approvals
from caxton.tools.settings import Start

F = TypeVar("F", bound=Callable[..., Any])


class Toolbelt:
    """The part of ``Host`` that is about tools."""

    _tooling: Tooling

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(
        self, function: None = None, /, *, name: str | None = None, description: str | None = None
    ) -> Callable[[F], F]: ...

    def tool(self, function: Any = None, /, *, name: str | None = None, description: str | None = None) -> Any:
        """Makes a typed Python function a tool that agents can be granted::

            @host.tool
            def add(a: int, b: int) -> int: ...

            @host.tool(name="time.now")
            async def now() -> str: ...

        Raises:
            HostError: ``config.invalid``, the name is taken or will not do, or a type is not JSON's.
        """

        def register(found: F) -> F:
            self._tooling.registry.add_function(make_tool(found, name, description))
            return found

        return register if function is None else register(function)

    def stub(self, name: str, answer: bytes) -> None:
        """Makes a tool known that takes any arguments and always gives the same JSON: to try an agent with, where the
        real tool is not at hand.

        Raises:
            HostError: ``config.invalid``, the name will not do or is taken, or ``answer`` is no JSON.
        """
        self._tooling.registry.add_stub(name, answer)

    def add_server(
        self,
        name: str,
        command: Sequence[str] | None = None,
        *,
        url: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        headers: Mapping[str, str] | None = None,
        start: Start = "lazy",
        timeout: float | str = 60.0,
        pin: bool | None = None,
        arguments: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Adds an MCP server, before the host is entered; its tools are ``name.tool``. See
        ``caxton.tools.settings`` for what the arguments mean.

        Raises:
            HostError: ``config.invalid``.
        """
        server = server_settings(
            name,
            command,
            url,
            env=env,
            cwd=cwd,
            headers=headers,
            start=start,
            timeout=timeout,
            pin=pin,
            arguments=arguments,
        )
        self._tooling.add_server(server)

    @property
    def approvals(self) -> Approvals:
        """The calls that wait for a person's consent (``Rule(approve="ask")``): list, approve and refuse them."""
        return self._tooling.approvals
