"""Host calls that may wait: ``ask``, ``call_tool``, their handles, ``wait`` and ``sleep_ms``. They act at once."""

from __future__ import annotations

from typing import Final

from caxton import jsontext
from caxton.agents.ports import Answer
from caxton.agents.turn_base import TurnBase
from caxton.agents.waiting import Pending
from caxton.errors import NOT_FOUND, HostError, MessagingError, ToolError
from caxton.text import safe_name

MAX_VALUES: Final = 50_000
"""Values in a tool's arguments: they are read and checked on the event loop."""

MAX_TIMEOUT: Final = 366 * 86_400_000


class WaitingCalls(TurnBase):
    """The part of a turn's services that waits."""

    __slots__ = ()

    def _ask(self, to: str, payload: bytes) -> Pending:
        receiver = self._addressee(to)
        self._check_payload(payload)
        self.handles().check_room()
        self._outbox().admit(1, len(payload))
        return self.world.router.ask(self.owner.name, receiver, payload, self.deadline)

    def ask(self, to: str, payload: bytes, timeout: int) -> Answer:
        """Sends a request now and waits for its reply."""
        _check_timeout(timeout)
        receiver = self._addressee(to)
        if self.world.router.would_block(self.owner.name, (receiver,)):
            raise MessagingError("ask.cycle", f"{receiver} waits for this agent already")
        return self.handles().wait_for(self._ask(to, payload), timeout, _ask_timeout())

    def ask_start(self, to: str, payload: bytes, timeout: int) -> Answer:
        """Sends a request now; answers a handle."""
        _check_timeout(timeout)
        return self.handles().open(self._ask(to, payload), timeout, _ask_timeout())

    def _call(self, name: str, arguments: bytes) -> Pending:
        if not self.owner.spec.grants.may_call(name):
            raise ToolError("grant.denied", f"the tool {safe_name(name)} is not granted")
        if not self.world.tools.knows(name):
            raise ToolError("tool.unknown", f"there is no tool {safe_name(name)}")
        self._check_payload(arguments)
        if arguments.count(b",") > MAX_VALUES:
            raise ToolError("tool.bad-arguments", f"more than {MAX_VALUES} values")
        try:
            value = jsontext.loads(arguments)
        except jsontext.InvalidJson as error:
            raise ToolError("tool.bad-arguments", f"the arguments of {safe_name(name)}: {error}") from None
        if not isinstance(value, dict):
            raise ToolError("tool.bad-arguments", f"the arguments of {safe_name(name)} are a JSON object")
        self.handles().check_room()
        return self.world.tools.call(self.owner.name, name, value)

    def call_tool(self, name: str, arguments: bytes) -> Answer:
        """Calls a tool now and waits for its result, until shortly before the deadline."""
        return self.handles().wait_for(self._call(name, arguments), None, _tool_timeout())

    def tool_start(self, name: str, arguments: bytes, timeout: int) -> Answer:
        """Calls a tool now; answers a handle."""
        _check_timeout(timeout)
        return self.handles().open(self._call(name, arguments), timeout, _tool_timeout())

    def list_tools(self) -> Answer:
        """The granted tools."""
        return jsontext.dumps(
            [tool for tool in self.world.tools.describe() if self.owner.spec.grants.may_call(tool["name"])]
        )

    def cancel(self, handle: int) -> Answer:
        """Gives up a handle."""
        pending = self.handles().take(handle)
        if pending is None:
            return NOT_FOUND
        pending.cancel()
        return 0

    def sleep(self, milliseconds: int) -> Answer:
        """Waits."""
        _check_timeout(milliseconds)
        return self.handles().sleep(milliseconds)

    def wait(self, handles: tuple[int, ...], timeout: int) -> Answer:
        """Waits for the first of the handles; its outcome becomes the last result, its index the answer."""
        _check_timeout(timeout)
        return self.handles().wait(handles, timeout)


def _ask_timeout() -> MessagingError:
    return MessagingError("ask.timeout", "no reply in time")


def _tool_timeout() -> ToolError:
    return ToolError("tool.timeout", "the tool took too long")


def _check_timeout(timeout: int) -> None:
    if not 0 <= timeout <= MAX_TIMEOUT:
        raise HostError("config.invalid", "a time is 0 to 366 days, in milliseconds")
