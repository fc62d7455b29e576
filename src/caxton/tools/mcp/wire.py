"""What a link knows of its transport, beside the streams that the SDK uses."""

from __future__ import annotations

import asyncio
from typing import Literal


class Wire:
    """One connection's transport. ``over`` is set when nothing more will come, and ``reason`` then says why.

    Attributes:
        trouble: what went wrong last, though the connection goes on; "" if nothing.
        expired: it is over because the server has forgotten the session: another one may be begun at once.
    """

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.reason = ""
        self.trouble = ""
        self.expired = False

    def end(self, reason: str) -> Literal[False]:
        """Nothing more will come."""
        if not self.over.is_set():
            self.reason = reason
            self.over.set()
        return False

    @property
    def stuck(self) -> bool:
        """Whether the server does not read what it is sent."""
        return False
