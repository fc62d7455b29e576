"""All built-in tools as one provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from caxton.errors import CaxtonError, ToolError
from caxton.text import safe_name
from caxton.tools.builtin.completions import Completions
from caxton.tools.builtin.files import Files
from caxton.tools.builtin.http import Http
from caxton.tools.builtin.memory import Memory
from caxton.tools.builtin.network import Network
from caxton.tools.provider import Call, ToolInfo
from caxton.tools.settings import BUILT_IN, ToolSettings

_SECONDS: Final = 30.0
"""What a call may take that works on files or notes."""

_Answer = Callable[[Call, Any], Awaitable[bytes]]


def _same(text: str) -> str:
    return text


class BuiltinTools:
    """The built-in tools of one host (a ``Provider``).

    Args:
        settings: how they are set up.
        expand: puts secrets into a text that names them; it is called when the secret is needed, and what it answers
            is not kept.
        redact: takes secrets out of what a model's endpoint says, where it is cut.
        clock: seconds since the epoch; notes are stamped with it.
        network: where names and connections of ``http.fetch`` come from.
    """

    is_prompt = False

    def __init__(
        self,
        settings: ToolSettings,
        *,
        expand: Callable[[str], str] = _same,
        redact: Callable[[bytes], bytes] = bytes,
        clock: Callable[[], float] = time.time,
        network: Network | None = None,
    ) -> None:
        self._network = network or Network()
        self._files = Files(settings.fs)
        self._memory = Memory(settings.memory, clock)
        self._completions = Completions(settings.llm, expand, redact) if settings.llm is not None else None
        http = Http(settings.http, self._network)
        self._tools: dict[str, tuple[_Answer, float]] = {
            "http.fetch": (http.fetch, settings.http.timeout),
            "fs.read": (self._files.read, _SECONDS),
            "fs.write": (self._files.write, _SECONDS),
            "fs.list": (self._files.entries, _SECONDS),
            "memory.put": (self._memory.put, _SECONDS),
            "memory.search": (self._memory.search, _SECONDS),
            "memory.delete": (self._memory.delete, _SECONDS),
        }
        if self._completions is not None and settings.llm is not None:
            self._tools["llm.complete"] = (self._completions.complete, settings.llm.timeout)

    def owns(self, name: str) -> bool:
        """Whether a tool of that name would be a built-in one."""
        return name.partition(".")[0] in BUILT_IN

    async def tools(self) -> Sequence[ToolInfo]:
        """Those that are set up: ``llm.complete`` only with an endpoint."""
        from caxton.tools.builtin import arguments

        return [
            ToolInfo(name, arguments.description(model), arguments.schema(model))
            for name, model in arguments.MODELS.items()
            if name in self._tools
        ]

    async def call(self, call: Call) -> bytes:
        """Makes a call.

        Raises:
            ToolError: ``tool.unknown``, ``tool.bad-arguments``, ``grant.denied``, ``tool.failed``, ``tool.timeout``.
            LimitError: ``limit.budget``, a quota is used up.
            HostError: ``storage.failed``, of the memory's database.
        """
        if call.tool not in self._tools:
            raise ToolError("tool.unknown", f"there is no tool {safe_name(call.tool)}")
        from caxton.tools.builtin import arguments

        answer, seconds = self._tools[call.tool]
        parsed = arguments.parse(call.tool, arguments.MODELS[call.tool], call.arguments)
        limit = seconds if call.timeout is None else min(call.timeout, seconds)
        try:
            async with asyncio.timeout(limit) as timer:
                return await answer(call, parsed)
        except CaxtonError:
            raise
        except TimeoutError:
            if not timer.expired():
                raise ToolError("tool.failed", f"{call.tool}: a time limit of somebody else's") from None
            raise ToolError("tool.timeout", f"{call.tool} took more than {limit:g} s") from None

    async def close(self) -> None:
        """Closes connections and the database, and lets threads go."""
        await self._network.close()
        await self._files.close()
        await self._memory.close()
        if self._completions is not None:
            await self._completions.close()
