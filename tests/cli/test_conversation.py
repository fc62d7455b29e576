"""Messages are delivered one after the other; an agent that never rests keeps none of them waiting without an end."""

from __future__ import annotations

from caxton.cli.conversation import Outcome, converse
from tests.agents.lab import lab
from tests.cli.command import GUESTS
from tests.conftest import Run


def test_an_agent_that_never_rests(run: Run) -> None:
    """What it owes is given up, each message once, and those that are left do not wait for it again."""

    async def main() -> None:
        found: list[Outcome] = []
        async with lab() as a:
            agent = await a.driver("agent", GUESTS["restless"])
            await agent.tell(b"")  # sets no timers, and takes its time
            await converse(agent, [b""] * 3, 0.0, 0.0, found.append)
        assert [outcome.restless for outcome in found] == [True, True, True]
        assert [outcome.error.code for outcome in found if outcome.error is not None] == ["ask.timeout"] * 3

    run(main())


def test_a_deferred_reply_is_waited_for_at_the_end(run: Run) -> None:
    """With an agent that rests a message is over when its turn is, though the reply is still owed."""

    async def main() -> None:
        found: list[Outcome] = []
        async with lab() as a:
            agent = await a.driver("agent", GUESTS["deferring"])
            await converse(agent, [b""] * 3, 0.0, 60.0, found.append)
        assert [outcome.restless for outcome in found] == [False] * 3
        assert [outcome.error.code for outcome in found if outcome.error is not None] == ["ask.timeout"] * 3

    run(main())
