"""An agent's own key-value state: its turns see their writes, commit them, and are held to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import caxton
from caxton.agents.held import ITEM_COST, Draft, Held, TimerEntry
from caxton.errors import LimitError
from caxton.testing import act, call, perform
from tests.agents.lab import KIB, failure, lab, numbers
from tests.conftest import Run


def test_a_turn_sees_its_own_writes(run: Run) -> None:
    """Put, get, overwrite, delete, list: before anything is committed."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("state_put", "old", "1"))
            found = await perform(
                agent,
                call("state_get", "k"),
                call("state_put", "k", "one"),
                call("state_get", "k"),
                call("state_put", "k", "two!"),
                call("state_get", "k"),
                call("state_keys", ""),
                call("state_delete", "old"),
                call("state_get", "old"),
                call("state_delete", "old"),
                call("state_keys", ""),
                call("state_put", "empty", ""),
                call("state_get", "empty"),
            )
            assert [-1, 0, 3, 0, 4] == numbers(found)[:5]
            assert (b"one", b"two!") == (found[2].data, found[4].data)
            assert ["k", "old"] == found[5].json
            assert [0, -1, -1] == numbers(found)[6:9]
            assert ["k"] == found[9].json
            assert (0, b"") == found[11]

    run(main())


def test_the_next_turn_sees_what_was_committed(run: Run) -> None:
    """And nothing of a turn that failed."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await perform(agent, call("state_put", "a", "1"), call("state_put", "b", "2"))
            await failure(agent, call("state_put", "a", "x"), call("state_delete", "b"), act("trap"))
            found = await perform(agent, call("state_get", "a"), call("state_get", "b"))
            assert [b"1", b"2"] == [result.data for result in found]

    run(main())


def test_agents_do_not_share_state(run: Run) -> None:
    """The same key in another agent is another value."""

    async def main() -> None:
        async with lab() as a:
            one, two = await a.drivers("one", "two")
            await perform(one, call("state_put", "k", "of one"))
            assert [-1] == numbers(await perform(two, call("state_get", "k")))

    run(main())


def test_keys_are_listed_in_order_by_prefix(run: Run) -> None:
    """Any text is a key, also an empty one."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            keys = ["", "a", "a.b", "a.c", "b", "ä", "🙂", 'quote"', "line\nfeed"]
            await perform(agent, *(call("state_put", key, key) for key in reversed(keys)))
            every, some, none = await perform(
                agent, call("state_keys", ""), call("state_keys", "a"), call("state_keys", "zzz")
            )
            assert sorted(keys) == every.json
            assert ["a", "a.b", "a.c"] == some.json
            assert (2, []) == (none.number, none.json)

    run(main())


def test_a_key_that_is_no_text(run: Run) -> None:
    """Is -3 for every call."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            found = await perform(
                agent,
                call("state_put", b"\xff", "x"),
                call("state_get", b"\xed\xa0\x80"),
                call("state_delete", b"\xc0\xaf"),
                call("state_keys", b"\xf5"),
            )
            assert [-3] * 4 == numbers(found)
            assert 0 == agent.statistics().held

    run(main())


def test_values_are_bytes(run: Run) -> None:
    """Every byte, and a whole megabyte of them."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            value = bytes(range(256)) * 3_000
            await perform(agent, call("state_put", "k", value))
            assert value == (await perform(agent, call("state_get", "k")))[0].data

    run(main())


def test_the_limit_is_exact_to_the_byte(run: Run) -> None:
    """Each item counts its key, its value and 256 bytes; one byte too many is -4, limit.held."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": KIB})
            room = KIB - 256 - len("kä".encode())
            found = await perform(
                agent,
                call("state_put", "kä", bytes(room + 1)),
                call("result_info"),
                call("state_put", "kä", bytes(room)),
                call("state_put", "", ""),
                call("state_put", "kä", bytes(room - 256)),
                call("state_put", "", ""),
                call("state_put", "", "x"),
                call("state_put", "kä", ""),
                call("state_put", "", "x"),
            )
            assert [-4, 0, -4, 0, 0, -4, 0, 0] == [found[at].number for at in (0, 2, 3, 4, 5, 6, 7, 8)]
            assert "limit.held" == found[1].json["code"]
            assert 256 + 3 + 256 + 1 == agent.statistics().held

    run(main())


def test_what_was_refused_has_not_happened(run: Run) -> None:
    """The old value stays, in this turn and after it."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": 300})
            found = await perform(
                agent, call("state_put", "k", "v"), call("state_put", "k", bytes(100)), call("state_get", "k")
            )
            assert [0, -4, 1] == numbers(found)
            assert b"v" == (await perform(agent, call("state_get", "k")))[0].data

    run(main())


def test_a_turn_that_failed_gives_its_room_back(run: Run) -> None:
    """Nothing of what it would have held counts."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": KIB})
            for ending in (act("trap"), act("finish", 1)):
                await failure(agent, call("state_put", "k", bytes(700)), ending)
                assert 0 == agent.statistics().held
            assert [0] == numbers(await perform(agent, call("state_put", "k", bytes(700))))

    run(main())


def test_state_timers_and_subscriptions_share_the_limit(run: Run) -> None:
    """One sum for all that an agent holds."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": 3 * 256 + 10})
            found = await perform(
                agent,
                call("state_put", "k", "123"),
                call("set_timer", 1_000, 0, "456"),
                call("subscribe", "abcd"),
                call("subscribe", "abc"),
                call("subscribe", "abc"),
                call("state_put", "l", ""),
            )
            assert [0, 1, -4, 0, 0, -4] == numbers(found)
            assert 3 * 256 + 4 + 3 + 3 == agent.statistics().held
            await perform(agent, call("unsubscribe", "abc"), call("cancel_timer", 1), call("state_delete", "k"))
            assert 0 == agent.statistics().held

    run(main())


def test_the_default_limit_is_32_mib(run: Run) -> None:
    """A value larger than that is refused, one that fits is not."""

    async def main() -> None:
        async with caxton.Host() as host:
            assert (await _put(host, 32 << 20), await _put(host, (32 << 20) - 257)) == (-4, 0)

    async def _put(host: caxton.Host, size: int) -> int:
        guest = f"""(module
          (import "caxton" "state_put" (func $put (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 600)
          (data (i32.const 0) "k")
          (func (export "handle_message") (param i32 i32) (result i32)
            (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const {size})))
          (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))"""
        agent = await host.spawn("agent", guest)
        try:
            await agent.ask("")
            return 0
        except caxton.AgentFailed:
            return -4
        finally:
            await agent.stop()

    run(main())


# ---- against a model ------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["", "a", "ab", "ä"])
PATTERNS = st.sampled_from(["a", "a.*", "ü.>"])
LIMIT = 1_400


class HeldMachine(RuleBasedStateMachine):
    """Turns that change what is held, commit or fail; beside them a plain dict of everything."""

    @initialize()
    def begin(self) -> None:
        self.held = Held(LIMIT)
        self.draft: Draft | None = None
        self.committed: dict[tuple[str, Any], bytes] = {}
        self.seen: dict[tuple[str, Any], bytes] = {}

    def cost(self, items: dict[tuple[str, Any], bytes]) -> int:
        return sum(
            len(value) + ITEM_COST + (len(str(key).encode()) if kind != "timer" else 0)
            for (kind, key), value in items.items()
        )

    def turn(self) -> Draft:
        if self.draft is None:
            self.draft = Draft(self.held)
            self.seen = dict(self.committed)
        return self.draft

    def changes(self, key: tuple[str, Any], value: bytes) -> bool:
        """Whether the model allows it; then it has it."""
        wanted = self.seen | {key: value}
        if self.cost(wanted) > max(LIMIT, self.cost(self.seen)):
            return False
        self.seen = wanted
        return True

    @rule(key=KEYS, size=st.integers(0, 600))
    def put(self, key: str, size: int) -> None:
        draft = self.turn()
        try:
            draft.put(key, bytes(size))
            done = True
        except LimitError:
            done = False
        assert self.changes(("state", key), bytes(size)) is done

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        draft = self.turn()
        assert (self.seen.pop(("state", key), None) is not None) is draft.delete(key)

    @rule(pattern=PATTERNS, wanted=st.booleans())
    def subscribe(self, pattern: str, wanted: bool) -> None:
        draft = self.turn()
        if not wanted:
            draft.subscribe(pattern, wanted=False)
            self.seen.pop(("topic", pattern), None)
            return
        try:
            draft.subscribe(pattern, wanted=True)
            done = True
        except LimitError:
            done = False
        assert (("topic", pattern) in self.seen or self.changes(("topic", pattern), b"")) is done

    @rule(size=st.integers(0, 300))
    def set_timer(self, size: int) -> None:
        draft = self.turn()
        try:
            number = draft.set_timer(10, 0, bytes(size))
        except LimitError:
            assert not self.changes(("timer", "refused"), bytes(size))
            return
        assert self.changes(("timer", number), bytes(size))

    @rule(data=st.data())
    def cancel_timer(self, data: st.DataObject) -> None:
        draft = self.turn()
        timers = [key for kind, key in self.seen if kind == "timer"]
        if timers:
            number = data.draw(st.sampled_from(timers))
            assert draft.has_timer(number)
            draft.cancel_timer(number)
            del self.seen["timer", number]
            assert not draft.has_timer(number)

    @rule(data=st.data())
    def timer_fires(self, data: st.DataObject) -> None:
        timers = list(self.held.timers)
        if timers:
            number = data.draw(st.sampled_from(timers))
            self.held.drop_timer(number)
            del self.committed["timer", number]
            self.seen.pop(("timer", number), None)

    @rule()
    def commit(self) -> None:
        draft, self.draft = self.turn(), None
        self.held.draft = None
        for key, value in draft.values.items():
            self.held.delete_state(key) if value is None else self.held.put_state(key, value)
        for pattern, wanted in draft.subscriptions.items():
            (self.held.add_subscription if wanted else self.held.drop_subscription)(pattern)
        for number, entry in draft.timers.items():
            if entry is None:
                self.held.drop_timer(number)
            else:
                self.held.add_timer(number, TimerEntry(entry.delay, entry.period, entry.payload))
        self.committed = self.seen

    @rule()
    def fail(self) -> None:
        self.draft = None
        self.held.draft = None

    @invariant()
    def sums_agree(self) -> None:
        if not hasattr(self, "held"):
            return
        assert self.cost(self.committed) == self.held.used
        assert self.held.used <= LIMIT
        if self.draft is not None:
            keys = sorted(key for kind, key in self.seen if kind == "state")
            assert keys == self.draft.keys("")
            assert all(self.seen["state", key] == self.draft.value(key) for key in keys)


TestHeld = HeldMachine.TestCase
TestHeld.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@given(st.lists(st.tuples(KEYS, st.integers(0, 400)), max_size=20))
@settings(deadline=None)
def test_clearing_leaves_nothing(items: list[tuple[str, int]]) -> None:
    """What an agent held is gone when it is."""
    held = Held(1 << 20)
    for key, size in items:
        held.put_state(key, bytes(size))
        held.add_timer(size, TimerEntry(10, 0, bytes(size))) if size not in held.timers else None
        held.add_subscription(key)
    held.clear()
    assert (0, {}, {}, set()) == (held.used, held.state, held.timers, held.subscriptions)


@pytest.mark.parametrize("limit", [0, 255])
def test_no_room_at_all(run: Run, limit: int) -> None:
    """An agent that may hold nothing can do everything else."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent", limits={"held": limit})
            found = await perform(
                agent,
                call("state_put", "", ""),
                call("set_timer", 10, 0, ""),
                call("subscribe", "a"),
                call("defer"),
                act("count"),
            )
            assert [-4, -4, -4, -4, 1] == numbers(found)

    run(main())
