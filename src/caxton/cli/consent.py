"""Asks the person at the terminal whether a call may be made (``approve = "ask"``), one call at a time.

Where nobody can be asked, since standard input or standard error is no terminal, calls are refused. Programs decide in
Python (``Host.approvals``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from caxton.cli.person import Person
from caxton.errors import CaxtonError
from caxton.tools.policy.approval import Approvals, Request

_NOBODY: Final = "there is nobody to ask"
_NO: Final = "refused at the terminal"


class Consent:
    """Shows on standard error each call that waits, and hands on what the person answers."""

    def __init__(self, approvals: Approvals) -> None:
        self._approvals = approvals
        self._waiting: deque[Request] = deque()
        self._shown: Request | None = None
        self._hinted = False
        self._person = Person(self._answered, self._gone)
        approvals.on_request = self._take

    def _take(self, request: Request) -> None:
        self._waiting.append(request)
        # Not yet: whoever asks has still to begin to wait.
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Shows the next call that still waits. One that was shown keeps its place until it is answered, also where
        who asked has given up meanwhile: else the answer to it would be taken for another's."""
        if not self._person.there:
            self._gone()
            return
        still = {one.id for one in self._approvals.pending()}
        if self._shown is not None:
            if self._shown.id not in still and not self._hinted:
                self._hinted = True
                self._person.note("caxton: the call above was given up, and others wait: press Enter")
            return
        while self._waiting and self._waiting[0].id not in still:
            self._waiting.popleft()
        if self._waiting:
            self._shown = one = self._waiting.popleft()
            more = " (there is more)" if one.cut else ""
            self._person.ask(
                f"caxton: {one.agent} asks to call {one.tool} with {one.arguments}{more}",
                # Once more, below all that an agent can choose the length of.
                f"caxton: by {one.rule}; SHA-256 of the arguments {one.sha256[:16]}...",
                f"caxton: may {one.agent} call {one.tool}? [y/N]",
            )

    def _answered(self, yes: bool) -> None:
        shown, self._shown, self._hinted = self._shown, None, False
        if shown is not None:
            self._answer(shown, yes, _NO)
        self._next()

    def _answer(self, request: Request, yes: bool, why: str) -> None:
        with contextlib.suppress(CaxtonError):  # who asked has given up meanwhile
            if yes:
                self._approvals.approve(request.id, request.sha256)
            else:
                self._approvals.refuse(request.id, why)

    def _gone(self) -> None:
        if self._shown is not None:
            self._answer(self._shown, False, _NOBODY)
            self._shown = None
        while self._waiting:
            self._answer(self._waiting.popleft(), False, _NOBODY)

    def close(self) -> None:
        """Asks no more: what still waits is refused, and what comes."""
        self._person.close()
        self._gone()
