"""What is published reaches whoever is subscribed, by topics with wildcards, and nobody else."""

from __future__ import annotations

import pytest

from caxton.testing import act, call, perform
from tests.agents.lab import failure, lab, numbers
from tests.conftest import Run


def test_subscribers_get_what_is_published(run: Run) -> None:
    """Each once, with the topic in a header, from the publisher; others get nothing."""

    async def main() -> None:
        async with lab() as a:
            publisher, one, two, _ = await a.drivers("publisher", "one", "two", "three")
            await perform(one, call("subscribe", "news.today"), call("subscribe", "news.*"), call("subscribe", ">"))
            await perform(two, call("subscribe", "news.tomorrow"), call("subscribe", "news"))
            assert [0] == numbers(await perform(publisher, call("publish", "news.today", "rain")))
            await a.settle()
            (got,) = a.received("one")
            assert ("inform", "publisher", "one", "rain", {"caxton-topic": "news.today"}) == (
                got.envelope["performative"],
                got.envelope["sender"],
                got.envelope["receiver"],
                got.text,
                got.envelope["headers"],
            )
            assert ([], []) == (a.texts("two"), a.texts("three"))

    run(main())


@pytest.mark.parametrize(
    ("pattern", "topic", "wanted"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", "a.b", False),
        ("a.b", "a", False),
        ("*", "a", True),
        ("*", "a.b", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("*.b", "a.c", False),
        ("*.*", "a.b", True),
        (">", "a", True),
        (">", "a.b.c", True),
        ("a.>", "a", False),
        ("a.>", "a.b", True),
        ("a.>", "a.b.c.d", True),
        ("a.>", "b.c", False),
        ("a.*.>", "a.b", False),
        ("a.*.>", "a.b.c", True),
        ("a.*.c", "a.b.c", True),
        ("a.*.c", "a.b.d", False),
    ],
)
def test_wildcards(run: Run, pattern: str, topic: str, wanted: bool) -> None:
    """``*`` is one token, ``>`` one or more at the end."""

    async def main() -> None:
        async with lab() as a:
            publisher, subscriber = await a.drivers("publisher", "subscriber")
            await perform(subscriber, call("subscribe", pattern))
            await perform(publisher, call("publish", topic, "x"))
            await a.settle()
            assert (["x"] if wanted else []) == a.texts("subscriber")

    run(main())


@pytest.mark.parametrize(
    ("text", "as_topic", "as_pattern"),
    [
        ("a.b-c_D/1", True, True),
        ("a", True, True),
        ("", False, False),
        (".", False, False),
        ("a.", False, False),
        (".a", False, False),
        ("a..b", False, False),
        ("a b", False, False),
        ("a\tb", False, False),
        ("a\0", False, False),
        ("ä", False, False),
        ("*", False, True),
        ("a.*", False, True),
        ("a*", False, False),
        (">", False, True),
        ("a.>", False, True),
        (">.a", False, False),
        ("a>", False, False),
        ("**", False, False),
        ("x" * 256, True, True),
        ("x" * 257, False, False),
        (".".join("a" * 16), True, True),
        (".".join("a" * 17), False, False),
    ],
)
def test_what_a_topic_is(run: Run, text: str, as_topic: bool, as_pattern: bool) -> None:
    """Printable tokens between single dots, 256 characters and 16 tokens at most; anything else is -3."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", topics=(">", "*", "a.>", text[:256]))
            found = await perform(agent, call("publish", text, "x"), call("subscribe", text), call("unsubscribe", text))
            granted = [0 if as_topic else -3, 0 if as_pattern else -3, 0 if as_pattern else -3]
            # What no grant can cover is denied before it is looked at.
            assert all(number in (wanted, -2) for number, wanted in zip(numbers(found), granted, strict=True))
            if as_topic or as_pattern:
                assert granted == numbers(found)

    run(main())


def test_a_publisher_does_not_get_its_own(run: Run) -> None:
    """Being subscribed to what one publishes is no loop."""

    async def main() -> None:
        async with lab() as a:
            (agent,) = await a.drivers("agent")
            await perform(agent, call("subscribe", ">"), call("publish", "a", "x"))
            await perform(agent, call("publish", "a", "y"))
            await a.settle()
            assert [] == a.texts("agent")

    run(main())


def test_unsubscribing(run: Run) -> None:
    """Ends one pattern, not the others; -1 for what was not subscribed to."""

    async def main() -> None:
        async with lab() as a:
            publisher, agent = await a.drivers("publisher", "agent")
            found = await perform(
                agent,
                call("subscribe", "a.*"),
                call("subscribe", "a.b"),
                call("unsubscribe", "a.*"),
                call("unsubscribe", "a.*"),
                call("unsubscribe", "never"),
            )
            assert [0, 0, 0, -1, -1] == numbers(found)
            await perform(publisher, call("publish", "a.b", "1"), call("publish", "a.c", "2"))
            await a.settle()
            assert ["1"] == a.texts("agent")
            assert [0, -1] == numbers(await perform(agent, call("unsubscribe", "a.b"), call("unsubscribe", "a.b")))
            await perform(publisher, call("publish", "a.b", "3"))
            await a.settle()
            assert ["1"] == a.texts("agent")

    run(main())


def test_subscribing_again_after_unsubscribing_in_one_turn(run: Run) -> None:
    """The last word counts."""

    async def main() -> None:
        async with lab() as a:
            publisher, agent = await a.drivers("publisher", "agent")
            await perform(agent, call("subscribe", "a"), call("unsubscribe", "a"), call("subscribe", "a"))
            await perform(publisher, call("publish", "a", "1"))
            await perform(agent, call("unsubscribe", "a"), call("subscribe", "a"), call("unsubscribe", "a"))
            await perform(publisher, call("publish", "a", "2"))
            await a.settle()
            assert ["1"] == a.texts("agent")
            assert 0 == agent.statistics().held

    run(main())


def test_a_subscription_ends_with_its_agent(run: Run) -> None:
    """Whoever takes the name afterwards gets nothing; no dead letters are made for who is gone."""

    async def main() -> None:
        async with lab() as a:
            publisher, agent = await a.drivers("publisher", "agent")
            await perform(agent, call("subscribe", ">"))
            await agent.stop()
            await a.driver("agent")
            await perform(publisher, call("publish", "a", "x"))
            await a.settle()
            assert ([], []) == (a.texts("agent"), a.dead())

    run(main())


def test_a_subscription_survives_a_crash(run: Run) -> None:
    """It is the agent's, not the instance's."""

    async def main() -> None:
        async with lab() as a:
            publisher, agent = await a.drivers("publisher", "agent")
            await perform(agent, call("subscribe", "a"))
            await failure(agent, act("trap"))
            await perform(publisher, call("publish", "a", "x"))
            await a.settle()
            assert ["x"] == a.texts("agent")

    run(main())


def test_publishing_to_nobody(run: Run) -> None:
    """Is no error."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            assert [0] == numbers(await perform(agent, call("publish", "a.b.c", "x")))
            assert [] == a.dead()

    run(main())


def test_one_full_subscriber_does_not_hinder_the_others(run: Run) -> None:
    """What it could not take is a dead letter."""

    async def main() -> None:
        async with lab() as a:
            publisher, two = await a.drivers("publisher", "two")
            one = await a.driver("one", limits={"mailbox_bytes": 1})
            for agent in (one, two):
                await perform(agent, call("subscribe", "a")) if agent is two else await agent.tell("")
            await a.settle()
            a.logs.clear()
            a.host.router.subscribe(one._agent.name, "a")
            await perform(publisher, call("publish", "a", "long"))
            await a.settle()
            assert ([], ["long"]) == (a.texts("one"), a.texts("two"))
            assert [("one", "mailbox.full", "long")] == a.dead()

    run(main())
