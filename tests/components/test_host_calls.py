"""The host calls of a component are those of a core module, with values and errors in the place of numbers."""

from __future__ import annotations

from typing import Final

import caxton
from tests.components.guests import CALLS, ECHO, agent
from tests.sandbox.guests import Box

# The texts that agents here hand over lie at 64 (a name, a key) and at 80 (a payload).
NAME: Final = "(i32.const 64) (i32.const 4)"
TEXT: Final = "(i32.const 0) (i32.const 80) (i32.const 5)"
DATA: Final = (
    """(i32.store (i32.const 64) (i32.const 0x6f686365)) (i64.store (i32.const 80) (i64.const 0x6f6c6c6568))"""
)
"""``echo`` and ``hello``."""


def kind(at: int) -> str:
    """Answers a digit: 9 where the result at an address is well, else the number of its error's kind."""
    return f"""(i32.store8 (i32.const 120) (i32.add (i32.const 48)
        (select (i32.load8_u (i32.const {at + 4})) (i32.const 9) (i32.load8_u (i32.const {at})))))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 120) (i32.const 1))"""


def calls(name: str, arguments: str) -> str:
    """An agent that makes one call and says how it ended."""
    return agent(f"{DATA} (call ${name} {arguments} (i32.const 160)) {kind(160)}", uses=[name])


def test_every_call_can_be_imported(box: Box) -> None:
    """The types in the WIT are those that the host compares with."""
    box.spawn(agent("(call $answer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))", uses=list(CALLS)))


def test_an_ask_answers_with_a_payload(box: Box) -> None:
    """The other agent's performative, and its payload."""
    box.spawn(ECHO, name="echo")
    text = agent(
        f"""{DATA} (call $ask {NAME} {TEXT} (i64.const 5000) (i32.const 160))
        (call $answer (i32.load8_u (i32.const 160)) (i32.load8_u (i32.const 168)) (i32.load (i32.const 172))
          (i32.load (i32.const 176)))""",
        uses=["ask"],
    )
    ref = box.spawn(text, grants=caxton.Grants(peers=["*"]))
    assert box.ask(ref).text == "hello"


def test_an_ask_that_is_not_granted_is_denied(box: Box) -> None:
    """The second of the kinds, whether the agent is there or not."""
    text = calls("ask", f"{NAME} {TEXT} (i64.const 100)")
    assert box.ask(box.spawn(text)).text == "1"
    box.spawn(ECHO, name="echo")
    assert box.ask(box.spawn(text)).text == "1"


def test_an_agent_that_is_not_there_is_unknown(box: Box) -> None:
    """Where it might be asked."""
    ref = box.spawn(calls("ask", f"{NAME} {TEXT} (i64.const 100)"), grants=caxton.Grants(peers=["*"]))
    assert box.ask(ref).text == "8"


def test_a_time_that_is_negative_is_a_bad_argument(box: Box) -> None:
    """Numbers beyond 63 bits are none that a time can have."""
    assert box.ask(box.spawn(calls("sleep-ms", "(i64.const -1)"))).text == "2"


def test_state_is_kept_between_turns(box: Box) -> None:
    """A key that is not there is not found; what was put is got, as text."""
    get = calls("state-get", NAME)
    assert box.ask(box.spawn(get)).text == "0"
    text = agent(
        f"""{DATA} (call $state-put {NAME} {TEXT} (i32.const 160)) (call $state-get {NAME} (i32.const 200))
        (call $answer (i32.load8_u (i32.const 200)) (i32.load8_u (i32.const 204)) (i32.load (i32.const 208))
          (i32.load (i32.const 212)))""",
        uses=["state-put", "state-get"],
    )
    assert box.ask(box.spawn(text)).text == "hello"


def test_the_envelope_and_the_context_are_json(box: Box) -> None:
    """As for core modules."""
    for name, part in (("envelope", '"performative": "request"'), ("context", '"agent"')):
        text = agent(
            f"""(call ${name} (i32.const 160))
            (call $answer (i32.const 0) (i32.const 0) (i32.load (i32.const 160)) (i32.load (i32.const 164)))""",
            uses=[name],
        )
        assert part.replace(" ", "") in box.ask(box.spawn(text)).text.replace(" ", "")


def test_the_log_has_what_was_logged(box: Box) -> None:
    """With its level."""
    text = agent(
        f"""{DATA} (call $log (i32.const 3) (i32.const 80) (i32.const 5))
        (call $answer (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))""",
        uses=["log"],
    )
    box.ask(box.spawn(text))
    assert [(level, line) for _, level, line in box.logs] == [("warning", "hello")]


def test_random_bytes_come_as_a_list(box: Box) -> None:
    """As many as were asked for."""
    text = agent(
        """(call $random (i32.const 1000) (i32.const 160))
        (call $answer (i32.const 0) (i32.const 1) (i32.load (i32.const 160)) (i32.load (i32.const 164)))""",
        uses=["random"],
    )
    payload = box.ask(box.spawn(text)).payload
    assert len(payload) == 1000
    assert len(set(payload)) > 100
