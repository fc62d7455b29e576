"""How often, how many at once, how much: the counting side of rules.

Each rule counts for each agent and tool by itself. A call is admitted by all rules that hold for it, or by none; when
one refuses, nothing has been taken from any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from caxton.agents.rules import Rule
from caxton.errors import LimitError, ToolError
from caxton.text import safe_name
from caxton.tools.policy.schema import rule_name

Rules: TypeAlias = Sequence[tuple[str, Rule]]

_SLACK: Final = 1e-9
"""Of a call: what adding up fractions of seconds may lose."""


class _Meter:
    """What one rule has counted of one agent's calls of one tool."""

    __slots__ = ("active", "bucket", "bytes", "calls", "level", "rule", "stamp", "tokens")

    def __init__(self, rule: Rule, now: float) -> None:
        self.rule = rule
        self.bucket = rule.bucket()
        self.level = float(self.bucket[1]) if self.bucket is not None else 0.0
        self.stamp = now
        self.active = 0
        self.calls = 0
        self.bytes = 0
        self.tokens = 0

    def follow(self, rule: Rule) -> None:
        """Goes on under a rule that has been changed, with what was counted so far."""
        had = self.bucket is not None
        self.rule = rule
        self.bucket = rule.bucket()
        if self.bucket is not None:
            self.level = min(self.level, self.bucket[1]) if had else float(self.bucket[1])

    def fill(self, now: float) -> None:
        if self.bucket is not None and now > self.stamp:
            rate, capacity = self.bucket
            self.level = min(float(capacity), self.level + (now - self.stamp) * rate)
            self.stamp = now

    def wait(self) -> float:
        """Seconds until the bucket has a call again; 0: it has one."""
        if self.bucket is None or self.level >= 1 - _SLACK:
            return 0.0
        return (1 - self.level) / self.bucket[0]

    def spent(self, more: int) -> str | None:
        """Which budget does not allow a call with ``more`` bytes of arguments."""
        rule = self.rule
        if rule.calls is not None and self.calls >= rule.calls:
            return "calls"
        if rule.bytes is not None and (self.bytes >= int(rule.bytes) or self.bytes + more > int(rule.bytes)):
            return "bytes"
        return "tokens" if rule.tokens is not None and self.tokens >= rule.tokens else None


class Ticket:
    """One call that was admitted. Whoever has it says ``done`` when the call has ended, however it did."""

    __slots__ = ("_meters",)

    def __init__(self, meters: tuple[_Meter, ...]) -> None:
        self._meters: tuple[_Meter, ...] = meters

    def done(self, result_bytes: int = 0, tokens: int = 0) -> None:
        """Makes room for the next call, and charges what this one used. Only the first time counts.

        Args:
            result_bytes: of the result, as JSON.
            tokens: of a language model. Neither can be less than nothing, whatever an endpoint says.
        """
        meters, self._meters = self._meters, ()
        for meter in meters:
            meter.active -= 1
            meter.bytes += max(0, result_bytes)
            meter.tokens += max(0, tokens)


_FREE: Final[tuple[_Meter, ...]] = ()


class Meters:
    """The counts of all agents of a host. ``clock`` answers monotonic seconds. On the event loop only."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._agents: dict[str, dict[tuple[str, str], _Meter]] = {}

    def admit(self, agent: str, tool: str, rules: Rules, argument_bytes: int = 0) -> Ticket:
        """Admits one call, if every rule allows it now.

        ``argument_bytes`` must fit into what is left of ``bytes``. A result is charged when it is there: it is
        delivered also where it goes beyond the budget, and the next call is refused.

        Raises:
            LimitError: ``limit.budget``, a budget is used up for as long as the agent lives.
            ToolError: ``rate.exceeded``, too often or too many at once; the message says when to try again.
                Both errors' ``rule`` is the one that refused.
        """
        if not rules:
            return Ticket(_FREE)
        meters = self._meters(agent, tool, rules)
        for (glob, _), meter in zip(rules, meters, strict=True):
            budget = meter.spent(argument_bytes)
            if budget is not None:
                name = rule_name(glob, budget)
                error = LimitError("limit.budget", f"{safe_name(tool)}: the budget {name} is used up")
                error.rule = name
                raise error
        self._check_now(tool, rules, meters)
        for meter in meters:
            meter.level -= 1
            meter.active += 1
            meter.calls += 1
            meter.bytes += argument_bytes
        return Ticket(meters)

    def _meters(self, agent: str, tool: str, rules: Rules) -> tuple[_Meter, ...]:
        counted = self._agents.setdefault(agent, {})
        now = self._clock()
        found = []
        for glob, rule in rules:
            meter = counted.get((tool, glob))
            if meter is None:
                meter = counted[tool, glob] = _Meter(rule, now)
            elif meter.rule is not rule:
                meter.follow(rule)
            meter.fill(now)
            found.append(meter)
        return tuple(found)

    def _check_now(self, tool: str, rules: Rules, meters: Sequence[_Meter]) -> None:
        longest, which = 0.0, ""
        for (glob, rule), meter in zip(rules, meters, strict=True):
            if rule.concurrency is not None and meter.active >= rule.concurrency:
                name = rule_name(glob, "concurrency")
                said = f"{meter.active} calls are going on ({name}); try again when one has ended"
                raise _too_often(tool, name, said)
            if meter.wait() > longest:
                longest, which = meter.wait(), rule_name(glob, "rate")
        if which:
            said = f"more often than {which} allows; try again in {_duration(longest)}"
            raise _too_often(tool, which, said)

    def forget(self, agent: str) -> None:
        """Frees what was counted of an agent that has ended. Calls of its that still run count for nobody after it."""
        self._agents.pop(agent, None)

    def __len__(self) -> int:
        """How many counts are kept: for each agent those of each rule and tool that it has called."""
        return sum(map(len, self._agents.values()))


def _too_often(tool: str, rule: str, said: str) -> ToolError:
    error = ToolError("rate.exceeded", f"{safe_name(tool)}: {said}")
    error.rule = rule
    return error


def _duration(seconds: float) -> str:
    """A time after which to try again: rounded up, so that it is late enough."""
    milliseconds = int(seconds * 1000) + 1
    return f"{milliseconds} ms" if milliseconds < 10_000 else f"{-(-milliseconds // 1000)} s"
