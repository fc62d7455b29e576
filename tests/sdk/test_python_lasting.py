"""What a Python agent's build leaves in memory is shared by its instances; an agent can do with it what it likes."""

from __future__ import annotations

from functools import cache
from typing import Final

from caxton.sandbox.component_binary import read_outline
from caxton.toolchain.merging.immortal import with_immortals
from tests.sandbox.guests import Box
from tests.sdk.projects import built

SOURCE: Final = """
import random
import sys

from caxton_agent import Message

BUILT = random.random()
TABLE = {"a": [1, 2, 3]}
TEXT = "built"


class Thing:
    pass


ONE = Thing()


def handle(message: Message) -> str:
    global TABLE, TEXT, ONE
    if message.text == "immortal":
        those = TABLE, TABLE["a"], handle, handle.__code__, Thing, ONE, Message, sys, [], Thing()
        return "".join("ny"[sys._is_immortal(one)] for one in those)
    if message.text == "change":
        TABLE["a"].append(4)
        TABLE["b"] = TABLE.pop("a")[1:]
        TEXT += "!" * 3
        ONE.name, Thing.more = "one", ONE
        return f"{TABLE} {TEXT} {ONE.more.name}"
    if message.text == "drop":
        TABLE = TEXT = ONE = None
        for _ in range(20_000):
            Thing().it = [Thing()]
        return str(TABLE)
    return str(random.random())
"""


@cache
def module() -> bytes:
    """The agent, built once."""
    return built("python", {"src/agent.py": SOURCE})[0]


def test_what_the_build_has_left_is_immortal_and_what_comes_later_is_not() -> None:
    """The last two are made in the turn."""
    with Box() as box:
        assert box.ask(box.spawn(module()), "immortal").payload == b"yyyyyyyynn"


def test_it_can_be_changed_and_dropped() -> None:
    """Names, lists, classes; each instance has its own."""
    with Box() as box:
        one, other = box.spawn(module()), box.spawn(module())
        for agent in (one, other):
            assert box.ask(agent, "change").payload == b"{'b': [2, 3, 4]} built!!! one"
        assert box.ask(one, "drop").payload == b"None"


def test_what_the_rehearsal_has_drawn_is_not_what_agents_draw() -> None:
    """Instances differ, and an instance is begun once."""
    with Box() as box:
        drawn = {box.ask(box.spawn(module()), "draw").payload for _ in range(3)}
    assert len(drawn) == 3


def test_nothing_of_the_making_is_left() -> None:
    """One module for CPython and all that it is linked with, and no map."""
    assert len(read_outline(module()).instances) == 2
    assert with_immortals(module()) == module()
