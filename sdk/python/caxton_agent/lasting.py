"""What the build leaves in memory stays untouched, as far as that can be: instances share what none of them writes to.

CPython writes to what it only reads: it counts references, and notes in its own code what an instruction has met. So
before the memory is kept, the SDK's own way of a turn is walked until nothing new is noted, and a map is made of the
objects that last. ``caxton build`` takes the map out again, and makes these objects immortal (PEP 683): nobody counts
references to them any more.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType, SimpleNamespace
from typing import Final

from wit_world.imports import types

from caxton_agent import entry, machine

_TIMES: Final = 64
_WORD: Final = 4
_MARK: Final = b"\2gnitsal si tahw"
"""The other way round: as it is here it must not be found in memory."""

chart: Final = bytearray()
"""The map: a mark, where ``type`` lies, the length of what follows, and a bit for each eight bytes of memory."""


def rehearse() -> None:
    """Goes through turns without the agent's function and without a host, and leaves everything as it was."""
    handle, host, streams = entry.Agent.handle, machine.host, (sys.stdin, sys.stdout, sys.stderr)
    envelope = types.Envelope(
        *(types.Performative.REQUEST, "", ["", ""], "", "", None, None, None, None, None, "", [("", "")]),
        types.Payload_Text(""),
    )
    world = entry.WitWorld()
    try:
        entry.Agent.handle = staticmethod(lambda message: message.text)
        machine.host = SimpleNamespace(random=bytes)
        for _ in range(_TIMES):
            machine.Machine.begun = False
            world.handle(envelope)
    finally:
        machine.Machine.begun = False
        entry.Agent.handle, machine.host = staticmethod(handle), host
        sys.stdin, sys.stdout, sys.stderr = streams


def mark() -> None:
    """Draws the map: of whatever can be reached from a module."""
    size = max(map(id, gc.get_objects())) // 64 + 1
    start = len(_MARK) + 2 * _WORD
    chart.extend(bytes(start + size))
    # Piece by piece: nowhere else in memory do all three stand together.
    for at, piece in ((0, _MARK[::-1]), (16, id(type).to_bytes(_WORD, "little")), (20, size.to_bytes(_WORD, "little"))):
        chart[at : at + len(piece)] = piece
    left: list[object] = [sys.modules]
    while left:
        found = left.pop()
        place, bit = start + id(found) // 64, 1 << (id(found) // 8 % 8)
        if place < len(chart) and not chart[place] & bit:
            chart[place] |= bit
            left += gc.get_referents(found)
            if isinstance(found, CodeType):
                left += (found.co_consts, found.co_names, found.co_filename, found.co_name, found.co_qualname)
