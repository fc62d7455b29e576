"""Deny by default: what is not granted is -2, there or not; what is granted and not there is -9."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.agents.grants import Grants
from caxton.testing import ECHO, Step, call, perform
from tests.agents.lab import lab, meta, numbers
from tests.conftest import Run

DENIED, UNKNOWN = -2, -9


def every_reach(name: str) -> list[Step]:
    """Each call that reaches out of the agent."""
    return [
        call("tell", name, "x"),
        call("send_envelope", meta("inform", receiver=name), "x"),
        call("ask", name, "x", 1_000),
        call("ask_start", name, "x", 1_000),
        call("call_tool", name, "{}"),
        call("tool_start", name, "{}", 1_000),
        call("publish", name, "x"),
        call("subscribe", name),
    ]


def test_nothing_is_granted_by_default(run: Run) -> None:
    """Whether it is there or not: nobody learns by trying what there is."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", peers=(), tools=(), topics=())
            await a.host.spawn("there", ECHO)

            @a.host.tool(name="there")
            def tool() -> int:
                return 1

            for name in ("there", "nowhere", "agent"):
                found = await perform(agent, *every_reach(name))
                assert [DENIED] * 8 == numbers(found)
            texts = [
                [result.text.replace(name, "?") for result in await perform(agent, *every_reach(name))]
                for name in ("there", "nowhere")
            ]
            assert texts[0] == texts[1]
            (tools,) = await perform(agent, call("list_tools"))
            assert [] == tools.json

    run(main())


def test_what_is_granted_can_be_reached(run: Run) -> None:
    """And what is not there is -9 then."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", peers=["there", "nowhere"], tools=["there", "nowhere"], topics=["there"])
            await a.host.spawn("there", ECHO)

            @a.host.tool(name="there")
            def tool() -> int:
                return 1

            found = numbers(await perform(agent, *every_reach("there")))
            assert [0, 0, 1, 1] == [found[at] for at in (0, 1, 2, 4)]
            assert found[3] > 0
            assert found[5] > 0
            assert [0, 0] == found[6:]
            found = numbers(await perform(agent, *every_reach("nowhere")))
            assert [UNKNOWN] * 6 + [DENIED] * 2 == found

    run(main())


def test_each_grant_is_for_its_own_kind(run: Run) -> None:
    """A peer is no tool, a tool no topic."""

    async def main() -> None:
        async with lab() as a:
            await a.host.spawn("x", ECHO)
            for kind in ("peers", "tools", "topics"):
                given = {name: ["x"] if name == kind else [] for name in ("peers", "tools", "topics")}
                agent = await a.driver("agent", peers=given["peers"], tools=given["tools"], topics=given["topics"])
                found = numbers(await perform(agent, *every_reach("x")))
                allowed = {"peers": range(4), "tools": range(4, 6), "topics": range(6, 8)}[kind]
                assert [at not in allowed for at in range(8)] == [number == DENIED for number in found]
                await agent.stop()

    run(main())


def test_services_and_spawn_grant_nothing_yet(run: Run) -> None:
    """They are for features to come."""

    async def main() -> None:
        async with lab() as a:
            await a.host.spawn("x", ECHO)
            agent = await a.host.spawn(
                "agent", caxton.testing.DRIVER, grants=caxton.Grants(services=["*"], spawn=["*"])
            )
            assert [DENIED] * 8 == numbers(await perform(agent, *every_reach("x")))

    run(main())


def test_every_receiver_must_be_granted(run: Run) -> None:
    """One that is not spoils the whole envelope; nobody gets it."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", peers=["friend-*"])
            await a.drivers("friend-1", "friend-2", "foe")
            found = await perform(
                agent,
                call("send_envelope", meta("inform", receiver=["friend-1", "foe"]), "x"),
                call("send_envelope", meta("inform", receiver=["friend-1", "friend-3"]), "x"),
                call("send_envelope", meta("inform", receiver=["friend-1", "friend-2"]), "y"),
            )
            assert [DENIED, UNKNOWN, 0] == numbers(found)
            await a.settle()
            assert (["y"], ["y"], []) == (a.texts("friend-1"), a.texts("friend-2"), a.texts("foe"))

    run(main())


def test_replying_needs_no_grant(run: Run) -> None:
    """To whoever asked: by the response, by hand, or later."""

    async def main() -> None:
        async with lab() as a:
            asker = await a.driver("asker")
            await a.driver("agent", peers=())
            await perform(
                asker,
                call(
                    "send_envelope",
                    meta("request", receiver="agent", reply_with="q"),
                    caxton.testing.program(
                        call("send_envelope", meta("agree", in_reply_to="q"), "a"), call("tell", "asker", "b")
                    ),
                ),
            )
            await a.settle()
            assert ["a"] == a.texts("asker")

    run(main())


def test_in_reply_to_is_no_way_around_the_grants(run: Run) -> None:
    """An envelope that only says that it is a reply is not one."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", peers=())
            await a.driver("other")
            for token in ("q", "", "u1", "u2"):
                envelope = meta("inform", receiver="other", in_reply_to=token)
                assert [DENIED] == numbers(await perform(agent, call("send_envelope", envelope, "x")))

    run(main())


def test_a_grant_of_topics_covers_patterns(run: Run) -> None:
    """A subscription is granted when every topic that it stands for is."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", topics=["news.*", "own.>", "log-*.x"])
            table = {
                "news.a": 0,
                "news.*": 0,
                "news.a.b": DENIED,
                "news.>": DENIED,
                "news": DENIED,
                "*.a": DENIED,
                ">": DENIED,
                "*": DENIED,
                "own.a.b.c": 0,
                "own.*": 0,
                "own.>": 0,
                "own.*.>": 0,
                "own": DENIED,
                "log-1.x": 0,
                "log-1.y": DENIED,
                "log-*.x": -3,
                "*.x": DENIED,
            }
            found = await perform(agent, *(call("subscribe", topic) for topic in table))
            assert table == dict(zip(table, numbers(found), strict=True))

    run(main())


def test_context_tells_the_grants(run: Run) -> None:
    """A guest can see what it may reach."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", peers=["a-*"], tools=["t.*"], topics=["n.>"])
            (context,) = await perform(agent, call("context"))
            assert {"tools": ["t.*"], "peers": ["a-*"], "topics": ["n.>"], "services": [], "spawn": []} == context.json[
                "grants"
            ]

    run(main())


@pytest.mark.parametrize(
    ("globs", "name", "wanted"),
    [
        (["*"], "anything", True),
        ([], "anything", False),
        (["worker-*"], "worker-1", True),
        (["worker-*"], "worker", False),
        (["worker-?"], "worker-10", False),
        (["worker-[12]"], "worker-2", True),
        (["worker-[12]"], "worker-3", False),
        (["a", "b"], "b", True),
        (["a.b"], "axb", False),
        (["A"], "a", False),
        (["a"], "a\n", False),
        (["*"], "a\nb", True),
        (["("], "(", True),
    ],
)
def test_globs(globs: list[str], name: str, wanted: bool) -> None:
    """As in a shell, on the whole name; case counts."""
    assert wanted is Grants(peers=globs).may_address(name)
    assert wanted is Grants(tools=globs).may_call(name)


@pytest.mark.parametrize("wrong", ["worker-*", [1], [None], None, 5, ["x" * 257], [["a"]], b"ab", {"a": 1}.values()])
def test_what_is_no_list_of_globs(wrong: object) -> None:
    """Is config.invalid: a single text too, which would be a list of letters."""
    for kind in ("tools", "peers", "topics", "services", "spawn"):
        with pytest.raises(caxton.HostError) as caught:
            Grants(**{kind: wrong})  # type: ignore[arg-type]
        assert "config.invalid" == caught.value.code
        assert kind in str(caught.value)


@given(st.lists(st.text(max_size=20), max_size=4), st.text(max_size=20))
def test_no_glob_and_no_name_is_an_error(globs: list[str], name: str) -> None:
    """Matching answers for every text; an exact name matches itself where it has no wildcards."""
    grants = Grants(tools=globs, peers=globs, topics=globs)
    assert grants.may_call(name) is grants.may_address(name)
    grants.may_use_topic(name)
    if name in globs and not set(name) & set("*?["):
        assert grants.may_call(name)
