"""The services of one turn: what its guest may ask of the host (the ``Services`` of ports.py)."""

from __future__ import annotations

from caxton.agents.turn_base import World
from caxton.agents.turn_keeping import KeepingCalls
from caxton.agents.turn_messages import MessageCalls
from caxton.agents.turn_waiting import WaitingCalls


class Turn(MessageCalls, KeepingCalls, WaitingCalls):
    """One turn, with everything that its guest may ask for."""

    __slots__ = ()


__all__ = ["Turn", "World"]
