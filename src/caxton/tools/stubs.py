"""Tools that always give the same answer: to try an agent with, where the real tool is not at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from caxton import jsontext
from caxton.errors import HostError
from caxton.tools.provider import Call, ToolInfo


class Stubs:
    """The stubs of one host (a ``Provider``)."""

    is_prompt = True

    def __init__(self) -> None:
        self._answers: dict[str, bytes] = {}

    def add(self, name: str, answer: bytes) -> None:
        """Makes a tool known that takes any arguments and gives ``answer``. There must be none of that name.

        Raises:
            HostError: ``config.invalid``, ``answer`` is no JSON.
        """
        try:
            jsontext.loads(answer)
        except jsontext.InvalidJson as error:
            raise HostError("config.invalid", f"the answer of {name}: {error}") from None
        self._answers[name] = answer

    def owns(self, name: str) -> bool:
        """Whether there is such a stub."""
        return name in self._answers

    def names(self) -> Iterable[str]:
        """All of them."""
        return self._answers

    async def tools(self) -> Sequence[ToolInfo]:
        """All of them."""
        return [ToolInfo(name, "", {"type": "object"}) for name in self._answers]

    async def call(self, call: Call) -> bytes:
        """The answer."""
        return self._answers[call.tool]

    async def close(self) -> None:
        """There is nothing to end."""
