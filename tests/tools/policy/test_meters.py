"""Rates, concurrency and budgets hold for each agent and tool, all of a call's rules or none, whatever the order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from caxton.agents.rules import Rule
from caxton.errors import CaxtonError, LimitError, ToolError
from caxton.tools.policy.meters import Meters, Ticket


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def meters(clock: Clock) -> Meters:
    """Meters by that clock."""
    return Meters(clock)


def _rules(glob: str = "*", **values: Any) -> tuple[tuple[str, Rule], ...]:
    return ((glob, Rule(**values)),)


def _code(meters: Meters, *arguments: Any) -> str | None:
    try:
        meters.admit(*arguments).done()
    except CaxtonError as error:
        return error.code
    return None


def test_without_rules_everything_is_admitted(meters: Meters) -> None:
    """And nothing is counted."""
    for _ in range(100):
        meters.admit("a", "t", ()).done(10**9, 10**9)
    assert 0 == len(meters)


def test_a_rate_is_a_bucket(meters: Meters, clock: Clock) -> None:
    """As many at once as the rate names, then one each time its share of the period has passed."""
    rules = _rules(rate="4/s")
    assert [None] * 4 + ["rate.exceeded"] == [_code(meters, "a", "t", rules) for _ in range(5)]
    clock.now += 0.24
    assert "rate.exceeded" == _code(meters, "a", "t", rules)
    clock.now += 0.01
    assert [None, "rate.exceeded"] == [_code(meters, "a", "t", rules) for _ in range(2)]
    clock.now += 3600
    assert [None] * 4 + ["rate.exceeded"] == [_code(meters, "a", "t", rules) for _ in range(5)]


def test_a_burst_is_the_bucket_s_size(meters: Meters, clock: Clock) -> None:
    """Smaller or larger than the rate."""
    rules = _rules(rate="60/m", burst=2)
    assert [None, None, "rate.exceeded"] == [_code(meters, "a", "t", rules) for _ in range(3)]
    clock.now += 1
    assert [None, "rate.exceeded"] == [_code(meters, "a", "t", rules) for _ in range(2)]


@pytest.mark.parametrize(
    ("rate", "when"), [("10/s", "101 ms"), ("1/s", "1001 ms"), ("1/m", "61 s"), ("5/h", "721 s"), ("1/d", "86401 s")]
)
def test_a_refusal_says_when_to_try_again(meters: Meters, clock: Clock, rate: str, when: str) -> None:
    """Late enough: the same call is admitted then. It names the rule."""
    rules = _rules("t*", rate=rate, burst=1)
    meters.admit("a", "t", rules)
    with pytest.raises(ToolError) as caught:
        meters.admit("a", "t", rules)
    assert f't: more often than rules."t*".rate allows; try again in {when}' == caught.value.message
    assert caught.value.retryable
    number, unit = when.split()
    clock.now += float(number) / (1000 if unit == "ms" else 1)
    meters.admit("a", "t", rules)


def test_a_clock_that_goes_back_gives_nothing(meters: Meters, clock: Clock) -> None:
    """Time that passes twice counts once."""
    rules = _rules(rate="1/s")
    meters.admit("a", "t", rules)
    for _ in range(3):
        clock.now -= 0.9
        assert "rate.exceeded" == _code(meters, "a", "t", rules)
        clock.now += 0.9
    assert "rate.exceeded" == _code(meters, "a", "t", rules)


def test_agents_and_tools_are_counted_apart(meters: Meters) -> None:
    """A glob's limit is each tool's own."""
    rules = _rules(calls=1)
    assert [None] * 3 == [_code(meters, agent, tool, rules) for agent, tool in (("a", "t"), ("b", "t"), ("a", "u"))]
    assert "limit.budget" == _code(meters, "a", "t", rules)


def test_concurrency(meters: Meters) -> None:
    """So many at the same time; a ticket gives back once, however often it is told."""
    rules = _rules(concurrency=2)
    first, second = (meters.admit("a", "t", rules) for _ in range(2))
    with pytest.raises(ToolError, match=r"2 calls are going on .*try again when one has ended") as caught:
        meters.admit("a", "t", rules)
    assert "rate.exceeded" == caught.value.code
    first.done()
    first.done()
    third = meters.admit("a", "t", rules)
    assert "rate.exceeded" == _code(meters, "a", "t", rules)
    second.done()
    third.done()


def test_a_budget_of_calls(meters: Meters, clock: Clock) -> None:
    """It does not come back, and it is no matter of waiting."""
    rules = _rules(calls=2)
    assert [None, None, "limit.budget"] == [_code(meters, "a", "t", rules) for _ in range(3)]
    clock.now += 1e6
    with pytest.raises(LimitError, match=r'the budget rules."\*".calls is used up') as caught:
        meters.admit("a", "t", rules)
    assert not caught.value.retryable


def test_a_budget_of_bytes(meters: Meters) -> None:
    """Arguments must fit; a result that goes beyond is delivered, and the last."""
    rules = _rules(bytes=100)
    assert "limit.budget" == _code(meters, "a", "t", rules, 101)
    ticket = meters.admit("a", "t", rules, 60)
    assert "limit.budget" == _code(meters, "a", "t", rules, 41)
    meters.admit("a", "t", rules, 0).done(result_bytes=-1_000)
    assert "limit.budget" == _code(meters, "a", "t", rules, 41)
    ticket.done(result_bytes=1_000_000)
    assert "limit.budget" == _code(meters, "a", "t", rules, 0)


def test_a_budget_that_is_used_up_exactly(meters: Meters) -> None:
    """Not a byte is left, so not even a call without arguments is admitted."""
    rules = _rules(bytes=100)
    meters.admit("a", "t", rules, 40).done(result_bytes=60)
    assert "limit.budget" == _code(meters, "a", "t", rules, 0)


def test_a_budget_of_tokens(meters: Meters) -> None:
    """Charged when the call has ended; an endpoint that says it used less than nothing gives nothing back."""
    rules = _rules(tokens=10)
    meters.admit("a", "t", rules).done(tokens=9)
    meters.admit("a", "t", rules).done(tokens=-1000)
    meters.admit("a", "t", rules).done(tokens=10**400)
    assert "limit.budget" == _code(meters, "a", "t", rules)


@pytest.mark.parametrize("rule", [Rule(calls=0), Rule(bytes=0), Rule(tokens=0)], ids=["calls", "bytes", "tokens"])
def test_a_budget_of_nothing_admits_nothing(meters: Meters, rule: Rule) -> None:
    """Zero is a limit like any other."""
    assert "limit.budget" == _code(meters, "a", "t", (("*", rule),))


def test_all_rules_or_none(meters: Meters) -> None:
    """When one refuses, the others have lost nothing."""
    plenty, little = ("t*", Rule(rate="10/h", calls=10, concurrency=10, bytes=100)), ("t", Rule(concurrency=1))
    going = meters.admit("a", "t", (plenty, little), 1)
    for _ in range(50):
        assert "rate.exceeded" == _code(meters, "a", "t", (plenty, little), 1)
    going.done()
    for _ in range(9):
        assert _code(meters, "a", "t", (plenty, little), 1) is None
    assert "limit.budget" == _code(meters, "a", "t", (plenty, little), 1)


def test_a_budget_is_told_before_a_rate(meters: Meters) -> None:
    """Where both refuse, the one for which waiting would not help."""
    rules = (("*", Rule(rate="1/h")), ("t", Rule(calls=1)))
    assert [None, "limit.budget"] == [_code(meters, "a", "t", rules) for _ in range(2)]


def test_the_longest_wait_is_told(meters: Meters) -> None:
    """Of several rates that refuse."""
    rules = (("*", Rule(rate="1/s")), ("t", Rule(rate="1/h")), ("?", Rule(rate="1/m")))
    meters.admit("a", "t", rules)
    with pytest.raises(ToolError, match=r'rules\."t"\.rate allows; try again in 3601 s'):
        meters.admit("a", "t", rules)


def test_a_rule_that_was_changed_goes_on_counting(meters: Meters) -> None:
    """Under the new limits, with the calls of before."""
    meters.admit("a", "t", _rules(calls=2)).done()
    assert [None, None, "limit.budget"] == [_code(meters, "a", "t", _rules(calls=3, rate="2/s")) for _ in range(3)]
    assert "rate.exceeded" == _code(meters, "a", "t", _rules(calls=9, rate="1/s"))


def test_an_agent_that_has_ended_is_forgotten(meters: Meters) -> None:
    """Nothing is kept of it, and calls of its that still run do not count for another of its name."""
    rules = _rules(concurrency=1, calls=1)
    going = meters.admit("a", "t", rules)
    meters.admit("b", "t", rules)
    meters.forget("a")
    meters.forget("nobody")
    assert 1 == len(meters)
    again = meters.admit("a", "t", rules)
    going.done(5, 5)
    assert "limit.budget" == _code(meters, "a", "t", rules)
    again.done()


class Metering(RuleBasedStateMachine):
    """Any order of calls, ends and passing time keeps what the rules promise."""

    tickets: Bundle[Ticket] = Bundle("tickets")

    @initialize(
        per_second=st.integers(1, 50),
        burst=st.none() | st.integers(1, 20),
        concurrency=st.none() | st.integers(1, 5),
        calls=st.none() | st.integers(0, 40),
        size=st.none() | st.integers(0, 300),
    )
    def begin(
        self, per_second: int, burst: int | None, concurrency: int | None, calls: int | None, size: int | None
    ) -> None:
        """Two rules for one tool."""
        self.clock = Clock()
        self.meters = Meters(self.clock)
        self.rate, self.capacity = per_second, burst or per_second
        self.concurrency, self.calls, self.size = concurrency, calls, size
        first = Rule(rate=f"{per_second}/s", burst=burst, bytes=size)
        self.ours = (("*", first), ("t", Rule(concurrency=concurrency, calls=calls)))
        self.admitted = self.active = self.bytes = 0
        self.passed = 0.0
        self.level = float(self.capacity)

    @rule(target=tickets, more=st.integers(0, 20))
    def call(self, more: int) -> Any:
        """One that is admitted if, and only if, no rule is against it."""
        spent = self.calls is not None and self.admitted >= self.calls
        full = self.size is not None and (self.bytes >= self.size or self.bytes + more > self.size)
        many = self.concurrency is not None and self.active >= self.concurrency
        try:
            ticket = self.meters.admit("a", "t", self.ours, more)
        except LimitError:
            assert spent or full
            return Ticket(())
        except ToolError:
            assert not spent
            assert not full
            assert many or self.level < 1 + 1e-6
            return Ticket(())
        assert not spent
        assert not full
        assert not many
        assert self.level > 1 - 1e-6
        self.level -= 1
        self.admitted += 1
        self.active += 1
        self.bytes += more
        return ticket

    @rule(ticket=consumes(tickets), result=st.integers(-5, 40), again=st.booleans())
    def end(self, ticket: Ticket, result: int, again: bool) -> None:
        """However often it is told."""
        if ticket._meters:
            self.active -= 1
            self.bytes += max(0, result)
        ticket.done(result)
        if again:
            ticket.done(result)

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.01, 0.1, 1 / 3, 1.0, 7.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds
        self.passed += seconds
        self.level = min(self.capacity, self.level + self.rate * seconds)

    @rule()
    def forget_another(self) -> None:
        """What becomes of other agents changes nothing."""
        self.meters.admit("b", "t", self.ours[1:] if self.calls != 0 else ()).done()
        self.meters.forget("b")

    @invariant()
    def within_limits(self) -> None:
        """Never more than the bucket's size and what has come in since, never more at once, never less than none."""
        assert self.admitted <= self.capacity + self.rate * self.passed + 1e-6
        assert self.active <= (self.concurrency or self.active)
        for meter in self.meters._agents.get("a", {}).values():
            assert self.active == meter.active
            assert -1e-6 <= meter.level or meter.bucket is None
            assert self.bytes == meter.bytes
        assert len(self.meters) <= 2


Metering.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMetering = Metering.TestCase
