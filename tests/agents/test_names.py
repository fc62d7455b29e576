"""Names of agents: 1 to 64 of a-z 0-9 . _ -, starting with a letter or a digit."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.messages import agent_name
from caxton.testing import ECHO, call, perform
from tests.agents.lab import lab, numbers, refusal
from tests.conftest import Run

GOOD = ["a", "0", "a" * 64, "worker-1", "a.b_c-d", "9lives", "a..", "a--", "x" + "." * 63]
BAD = [
    "",
    "a" * 65,
    "A",
    "aB",
    ".a",
    "_a",
    "-a",
    "@user",
    "@host",
    "a b",
    " a",
    "a ",
    "a\n",
    "\na",
    "a\0",
    "ä",
    "а",  # noqa: RUF001 - Cyrillic
    "a/b",
    "../a",
    "a*",
    "a:b",
    "a\u202e",
    "1\u0660",
    "ａ",  # noqa: RUF001 - full width
]


@pytest.mark.parametrize("name", GOOD)
def test_good_names(run: Run, name: str) -> None:
    """An agent may be called so, found so, and addressed so."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            ref = await a.host.spawn(name, ECHO)
            assert (name, name) == (ref.name, a.host.agent(name).name)
            assert [1] == numbers(await perform(agent, call("ask", name, "x", 1_000)))

    run(main())


@pytest.mark.parametrize("name", [*BAD, None, 5, b"a", ["a"]])
def test_bad_names(run: Run, name: str) -> None:
    """agent.bad-name, in one safe line; nothing is spawned."""

    async def main() -> None:
        async with caxton.Host() as host:
            with pytest.raises(caxton.AgentError) as caught:
                await host.spawn(name, ECHO)
            assert "agent.bad-name" == caught.value.code
            assert str(caught.value).isprintable()
            assert 0 == host.statistics().agents

    run(main())


def test_addressing_a_bad_name(run: Run) -> None:
    """Is -3, once it is granted."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            found = await perform(agent, *(call("tell", name, "x") for name in BAD))
            assert [-3] * len(BAD) == numbers(found)

    run(main())


def test_a_name_is_taken_once(run: Run) -> None:
    """agent.exists while it lives; free again when it has stopped."""

    async def main() -> None:
        async with caxton.Host() as host:
            first = await host.spawn("a", ECHO)
            with pytest.raises(caxton.AgentError) as caught:
                await host.spawn("a", ECHO)
            assert "agent.exists" == caught.value.code
            assert b"x" == (await first.ask("x")).payload
            await first.stop()
            second = await host.spawn("a", ECHO)
            assert b"x" == (await second.ask("x")).payload
            with pytest.raises(caxton.AgentError) as stopped:
                await first.ask("x")
            assert "agent.stopped" == stopped.value.code

    run(main())


def test_two_spawns_of_one_name_at_once(run: Run) -> None:
    """One of them gets it, whichever module is loaded first."""

    async def main() -> None:
        async with caxton.Host() as host:
            found = await asyncio.gather(*(host.spawn("a", ECHO) for _ in range(5)), return_exceptions=True)
            codes = sorted(error.code for error in found if isinstance(error, caxton.AgentError))
            assert ["agent.exists"] * 4 == codes
            assert 1 == host.statistics().agents

    run(main())


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9._-]*", fullmatch=True))
def test_any_text_as_a_name(text: str) -> None:
    """Is one exactly when it keeps the rule."""
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    wanted = 1 <= len(text) <= 64 and set(text) <= allowed and text[0] not in "._-"
    assert (None if wanted else "agent.bad-name") == refusal(lambda: agent_name(text))
