"""What became of every call is written down: who, what, by which rule, with what outcome."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import pytest

import caxton
from caxton.testing import call, perform
from caxton.tools.audit_file import query
from caxton.tools.provider import Call
from tests.agents.lab import asking, lab, meta
from tests.conftest import Run
from tests.tools.lab import Gate, audited, outcome, quiet, scripted, spawn

ARGUMENTS = '{"b": 1,   "a": "secret words"}'
DIGEST = "sha256:" + hashlib.sha256(b'{"a":"secret words","b":1}').hexdigest()


async def _act(call: Call) -> bytes:
    how = call.tool.removeprefix("s.")
    if how == "slow":
        await asyncio.Event().wait()
    if how == "own":
        raise caxton.ToolError("tool.changed", "another one")
    if how == "breaks":
        raise RuntimeError
    if how == "low":
        raise BaseExceptionGroup("as task groups do", [GeneratorExit()])
    call.arguments.clear()  # a tool may do what it likes with what it gets
    return b'"1234"'


RULES = {
    "s.slow": caxton.Rule(timeout=1.0),
    "s.once": caxton.Rule(rate="1/h"),
    "s.few": caxton.Rule(calls=0),
    "s.checked": caxton.Rule(arguments=False),
    "s.asks": caxton.Rule(approve="ask"),
}
GRANTED = 'tools = "s.*"'
CASES: list[tuple[str, str, str]] = [
    ("s.ok", "ok", GRANTED),
    ("other", "grant.denied", "tools"),
    ("s.no", "grant.denied", 'deny = "*.no"'),
    ("s.checked", "grant.denied", 'rules."s.checked".arguments'),
    ("s.few", "limit.budget", 'rules."s.few".calls'),
    ("s.own", "tool.changed", GRANTED),
    ("s.breaks", "tool.failed", GRANTED),
    ("s.low", "tool.failed", GRANTED),
    ("gone.x", "tool.unknown", 'tools = "gone.*"'),
]


def test_every_outcome(run: Run) -> None:
    """One entry for each call, with the rule that decided. Of the arguments there is the digest alone, and none where a
    name was enough."""

    async def main() -> None:
        with audited() as entries, quiet(60):
            async with lab() as a:
                scripted(a, _act)
                agent = await spawn(a, tools=["s.*", "gone.*"], deny=["*.no"], rules=RULES)
                for name, code, _ in CASES:
                    assert (code if code != "ok" else None) == (await outcome(agent, name, ARGUMENTS))[1]
                assert entries.told("tool", "outcome", "rule") == CASES
                for entry in entries.found:
                    by_name = entry["tool"] in ("other", "s.no", "gone.x")
                    assert ("sha256:" if by_name else DIGEST) == entry["arguments"].replace('""', "")
                    assert by_name == (entry["key"] in ('""', ""))
                    assert ("6" if entry["outcome"] == "ok" else "0") == entry["bytes"]
                    assert "agent" == entry["agent"]
                    assert int(entry["time"]) > 1_500_000_000_000
                    assert float(entry["ms"]) >= 0
        assert "secret words" not in str(entries.lines)

    run(main())


def test_outcomes_that_take_time(run: Run) -> None:
    """A rate, a time limit, a person, a turn that ends: each with its outcome, when it is there."""

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                scripted(a, _act)
                gate = Gate(a)
                agent = await spawn(a, tools=["s.*", "gate"], rules=RULES)
                await outcome(agent, "s.once")
                await outcome(agent, "s.once")
                waiting = asking(agent, call("call_tool", "s.slow", "{}"))
                await a.elapse(1)
                await waiting
                waiting = asking(agent, call("call_tool", "s.asks", "{}"), call("tool_start", "gate", "{}", 1_000))
                await a.settle()
                assert 3 == len(entries.lines)
                a.host.approvals.refuse(a.host.approvals.pending()[0].id)
                await waiting
                waiting = asking(agent, call("call_tool", "s.asks", "{}"))
                await a.settle()
                a.host.approvals.approve(a.host.approvals.pending()[0].id)
                await waiting
                assert 0 == gate.begun
        assert entries.told("tool", "outcome", "rule") == [
            ("s.once", "ok", GRANTED),
            ("s.once", "rate.exceeded", 'rules."s.once".rate'),
            ("s.slow", "tool.timeout", GRANTED),
            ("s.asks", "grant.denied", 'rules."s.asks".approve'),
            ("gate", "cancelled", 'tools = "gate"'),
            ("s.asks", "ok", f'{GRANTED}; rules."s.asks".approve'),
        ]

    run(main())


def test_what_is_refused_in_the_turn(run: Run) -> None:
    """Arguments that are no JSON object or too large, one handle more than may be open: each of these has an entry,
    by the rule that grants the tool, and is kept among the refused ones."""

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                Gate(a)
                scripted(a, _act)
                agent = await spawn(a, tools=["s.*", "gate"], limits={"message": 1_024, "pending": 1})
                for arguments in ("{", "[]", '{"a": 1, "a": 2}', '"x"'):
                    assert (-3, "tool.bad-arguments") == await outcome(agent, "s.ok", arguments)
                name = int.from_bytes(b"s.ok", "little")  # which the first call puts where the second finds it
                await perform(agent, call("wait", [name], 0), call("call_tool", 0, 4, 0, 1_025, raw=True))
                name = int.from_bytes(b"none", "little")
                await perform(agent, call("wait", [name], 0), call("call_tool", 0, 4, 0, 1_025, raw=True))
                await perform(agent, call("tool_start", "gate", "{}", 9_000), call("tool_start", "s.ok", "{}", 1))
        bad, large = ("s.ok", "tool.bad-arguments", GRANTED), ("s.ok", "limit.message-size", GRANTED)
        found = entries.told("tool", "outcome", "rule")
        none = ("none", "grant.denied", "tools")
        assert [bad, bad, bad, bad, large, none, ("s.ok", "limit.pending", GRANTED)] == found[:7]
        assert [("gate", "cancelled", 'tools = "gate"')] == found[7:]
        assert {"sha256:"} == {entry["arguments"].replace('""', "") for entry in entries.found[:7]}

    run(main())


def test_what_is_refused_of_an_envelope(run: Run) -> None:
    """The same."""

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                agent = await spawn(a, tools=["s.*"])
                scripted(a, _act)
                await perform(agent, call("send_envelope", meta("request", receiver="tool:s.ok"), "{"))
                await a.settle()
        assert [("s.ok", "tool.bad-arguments", GRANTED)] == entries.told("tool", "outcome", "rule")

    run(main())


def test_tokens(run: Run, tmp_path: Path) -> None:
    """Of a call that has used some, in the log and in the database."""

    async def think(call: Call) -> bytes:
        call.used["tokens"] = 42
        return b"null"

    async def main() -> None:
        with audited() as entries:
            async with lab(tools=caxton.ToolSettings(audit=tmp_path / "audit.db")) as a:
                scripted(a, think)
                agent = await spawn(a)
                await outcome(agent, "s.ok")
                await outcome(agent, "none.such")
        assert [("42",), ("0",)] == entries.told("tokens")

    run(main())
    assert [0, 42] == [one.tokens for one in query(tmp_path / "audit.db")]


def test_calls_by_envelope(run: Run) -> None:
    """As those by host call; also what is refused as the envelope is written, and what the host's end cancels."""

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                Gate(a)
                scripted(a, _act)
                agent = await spawn(a, tools=["s.*", "gate"])
                for name in ("other", "s.ok", "gate"):
                    await perform(agent, call("send_envelope", meta("request", receiver=f"tool:{name}"), "{}"))
                await a.settle()
            found = entries.told("tool", "outcome")
            assert [("other", "grant.denied"), ("s.ok", "ok"), ("gate", "cancelled")] == found
            assert 2 == len({entry["key"] for entry in entries.found if entry["outcome"] != "grant.denied"})

    run(main())


def test_the_database(run: Run, tmp_path: Path) -> None:
    """The same entries, there to be asked for when the host has closed."""

    async def main() -> None:
        with quiet(60):
            async with lab(tools=caxton.ToolSettings(audit=tmp_path / "audit.db")) as a:
                scripted(a, _act)
                agent = await spawn(a, tools=["s.*", "gone.*"], deny=["*.no"], rules=RULES)
                for name, *_ in CASES:
                    await outcome(agent, name, ARGUMENTS)

    run(main())
    found = query(tmp_path / "audit.db")[::-1]
    assert CASES == [(one.tool, one.outcome, one.rule) for one in found]
    assert found[0].result == 6
    assert DIGEST.endswith(found[0].arguments)
    assert [one.tool for one in query(tmp_path / "audit.db", outcome="grant.denied")] == ["s.checked", "s.no", "other"]


def test_a_call_that_cannot_be_written_down_is_not_made(run: Run, tmp_path: Path) -> None:
    """-6, storage.failed, for as long as the database takes nothing."""

    async def main() -> None:
        place = tmp_path / "audit.db"
        async with lab(tools=caxton.ToolSettings(audit=place)) as a:
            provider = scripted(a, _act)
            agent = await spawn(a)
            assert (0, None) == await outcome(agent, "s.ok")
            audit = a.host._tooling._audit
            assert audit is not None
            await audit.flush()
            _spoil(place)
            await outcome(agent, "s.ok")  # made before anybody knows
            with pytest.raises(caxton.HostError):
                await audit.flush()
            made = len(provider.calls)
            assert (-6, "storage.failed") == await outcome(agent, "s.ok")
            assert made == len(provider.calls)

    with quiet(60):
        run(main())


def _spoil(place: Path) -> None:
    """Takes the table away, as another program could."""
    database = sqlite3.connect(place)
    database.execute("DROP TABLE calls")
    database.commit()
    database.close()


def test_the_line_is_one_line(run: Run) -> None:
    """Whatever the name of a tool is made of."""

    async def main() -> None:
        with audited() as entries:
            async with lab() as a:
                agent = await spawn(a, tools=["*"])
                for name in ('a" outcome=ok x="', "a\nb", "\x1b[2J", "\u202e", "x" * 250):
                    assert (-9, "tool.unknown") == await outcome(agent, name)
        assert 5 == len(entries.lines)
        assert all(line.isprintable() and len(line) < 2_000 for line in entries.lines)
        assert {"tool.unknown"} == {entry["outcome"] for entry in entries.found}
        assert 'a" outcome=ok x="' == entries.found[0]["tool"]

    run(main())
