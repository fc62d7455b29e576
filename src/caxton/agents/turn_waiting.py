"""Host calls that may wait: ``ask``, ``call_tool``, their handles, ``wait`` and ``sleep_ms``. They act at once."""

from __future__ import annotations

from typing import Final

from caxton.agents.arguments import tool_arguments
from caxton.agents.ports import Answer, ToolRequest
from caxton.agents.turn_base import TurnBase
from caxton.agents.waiting import Pending
from caxton.errors import NOT_FOUND, CaxtonError, HostError, MessagingError, ToolError

MAX_TIMEOUT: Final = 366 * 86_400_000


class WaitingCalls(TurnBase):
    """The part of a turn's services that waits."""

    __slots__ = ()

    _message: int | None = None  # by which calls of tools are known

    def _ask(self, to: str, payload: bytes) -> Pending:
        receiver = self._addressee(to)
        self._check_payload(payload)
        self._check_room()
        self._outbox().admit(1, len(payload))
        return self.world.router.ask(self.owner.name, receiver, payload, self.deadline)

    def ask(self, to: str, payload: bytes, timeout: int) -> Answer:
        """Sends a request now and waits for its reply."""
        _check_timeout(timeout)
        receiver = self._addressee(to)
        if self.world.router.would_block(self.owner.name, (receiver,)):
            raise MessagingError("ask.cycle", f"{receiver} waits for this agent already")
        return self.handles().wait_for(self._ask(to, payload), timeout, _ASK_TIMEOUT)

    def ask_start(self, to: str, payload: bytes, timeout: int) -> Answer:
        """Sends a request now; answers a handle."""
        _check_timeout(timeout)
        return self.handles().open(self._ask(to, payload), timeout, _ASK_TIMEOUT)

    def _call(self, name: str, arguments: bytes) -> Pending:
        owner = self.owner
        grants = owner.spec.grants
        self.world.tools.check(owner.name, grants, name)
        try:
            self._check_payload(arguments)
            value = tool_arguments(name, arguments)
            self._check_room()
        except CaxtonError as error:
            self.world.tools.refused(owner.name, name, error.code)
            raise
        request = ToolRequest(owner.name, grants, name, value, len(arguments), self._next_key(), self.deadline)
        return self.world.tools.call(request)

    def tool_refused(self, name: str, error: CaxtonError) -> None:
        """Notes a call that is not made for ``error``, unless the name alone is a reason."""
        self.world.tools.check(self.owner.name, self.owner.spec.grants, name)
        self.world.tools.refused(self.owner.name, name, error.code)

    def _next_key(self) -> str:
        """The idempotency key of the turn's next call: by agent, message and number, so that a turn that is run again
        makes the same ones. A turn 0 counts as a message: an agent that starts anew means its calls anew."""
        self._calls += 1
        if self._message is None:
            self._message = self.world.router.next_id() if self.delivery is None else self.delivery.id
        return self.world.router.call_key(self.owner.name, self._message, self._calls)

    def call_tool(self, name: str, arguments: bytes) -> Answer:
        """Calls a tool now and waits for its result, until shortly before the deadline."""
        return self.handles().wait_for(self._call(name, arguments), None, _TOOL_TIMEOUT)

    def tool_start(self, name: str, arguments: bytes, timeout: int) -> Answer:
        """Calls a tool now; answers a handle."""
        _check_timeout(timeout)
        return self.handles().open(self._call(name, arguments), timeout, _TOOL_TIMEOUT)

    def list_tools(self) -> Answer:
        """The granted tools."""
        answer = self.world.tools.describe(self.owner.spec.grants)
        return self.handles().wait_for(answer, None, _TOOL_TIMEOUT) if isinstance(answer, Pending) else answer

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


_ASK_TIMEOUT: Final = MessagingError("ask.timeout", "no reply in time")
_TOOL_TIMEOUT: Final = ToolError("tool.timeout", "the tool took too long")


def _check_timeout(timeout: int) -> None:
    if not 0 <= timeout <= MAX_TIMEOUT:
        raise HostError("config.invalid", "a time is 0 to 366 days, in milliseconds")
