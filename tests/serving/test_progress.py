"""What an agent emits reaches the client while the agent works."""

from __future__ import annotations

import asyncio

from caxton.serving.asking import MOST_PARTS
from caxton.serving.server import PROGRESS_LIMIT
from caxton.testing import DRIVER, call
from tests.conftest import Run
from tests.serving.agents import LONG, answer, log, told
from tests.serving.clients import Lab, connected, eras, text_of


class Heard:
    """The progress that a client has heard of."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float | None, str | None]] = []
        self.more = asyncio.Event()

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.found.append((progress, total, message))
        self.more.set()

    async def until(self, count: int) -> None:
        """Waits for so many."""
        while len(self.found) < count:
            self.more.clear()
            await self.more.wait()


@eras
def test_parts_are_progress(run: Run, era: str) -> None:
    """Each part is a notification, in order, numbered from one, while the turn goes on; then comes the reply."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            heard = Heard()
            steps = told(
                call("emit", "one"), call("emit", "zwei ü"), call("sleep_ms", 100), call("emit", "3"), answer("!")
            )
            asking = asyncio.ensure_future(client.call_tool("driver", steps, progress_callback=heard))
            await heard.until(2)
            assert not asking.done()
            await lab.elapse(0.1)
            assert "!" == text_of(await asking)
            await heard.until(3)
            assert [(1.0, None, "one"), (2.0, None, "zwei ü"), (3.0, None, "3")] == heard.found

    run(main())


@eras
def test_who_does_not_ask_is_told_nothing(run: Run, era: str) -> None:
    """Without a progress token the parts are dropped."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            assert "!" == text_of(await client.call_tool("driver", told(call("emit", "one"), answer("!"))))

    run(main())


@eras
def test_a_long_part_is_cut(run: Run, era: str) -> None:
    """Progress is for a status line: at most 4 KiB of a part."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            heard = Heard()
            steps = told(call("emit", "ü" * 10_000, read=False), answer("!"))
            assert "!" == text_of(await client.call_tool("driver", steps, progress_callback=heard))
            await heard.until(1)
            message = heard.found[0][2] or ""
            assert PROGRESS_LIMIT - 4 <= len(message.encode()) <= PROGRESS_LIMIT
            assert message.endswith("…")

    run(main())


def test_too_many_parts(run: Run) -> None:
    """Of parts that come faster than they are told, the oldest give way; the reply comes all the same."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, "legacy") as client:
            heard = Heard()
            emits = [call("emit", str(number), read=False) for number in range(1_000)]
            steps = told(*emits, log("done"), answer("!"))
            assert "!" == text_of(await client.call_tool("driver", steps, progress_callback=heard))
            await heard.until(1)
            messages = [message for _, _, message in heard.found]
            assert "999" == messages[-1]
            assert MOST_PARTS <= len(messages) <= 1_000
            numbers = [progress for progress, _, _ in heard.found]
            assert sorted(set(numbers)) == numbers

    run(main())


@eras
def test_progress_of_two_calls(run: Run, era: str) -> None:
    """Each client callback hears of its own call alone."""

    async def main() -> None:
        async with Lab() as lab, connected(lab, era) as client:
            await lab.host.spawn("other", DRIVER)
            one, two = Heard(), Heard()
            slow = told(call("emit", "a"), call("sleep_ms", LONG), answer("late"))
            first = asyncio.ensure_future(client.call_tool("driver", slow, progress_callback=one))
            await one.until(1)
            second = asyncio.ensure_future(
                client.call_tool("driver", told(call("emit", "b"), answer("!")), progress_callback=two)
            )
            await lab.elapse(60.0)
            await first
            await second
            assert ["a"] == [message for _, _, message in one.found]
            assert set(two.found) <= {(1.0, None, "b")}

    run(main())
