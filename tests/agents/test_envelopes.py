"""Envelopes: read strictly, written completely, and not to be forged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caxton
from caxton.errors import MessagingError
from caxton.messages import META_LIMIT, AgentName, Envelope, Performative, parse_meta, parse_time
from caxton.testing import ResultOf, act, call, driver, perform, program
from tests.agents.lab import lab, meta, numbers, refusal
from tests.conftest import Run

BAD = -3
FIPA = (
    "accept-proposal agree cancel cfp confirm disconfirm failure inform inform-if inform-ref not-understood propagate "
    "propose proxy query-if query-ref refuse reject-proposal request request-when request-whenever subscribe"
).split()


def test_the_22_performatives() -> None:
    """Those of FIPA, and no others."""
    assert 22 == len(FIPA)
    assert FIPA == sorted(caxton.Performative)


def test_every_performative_can_be_sent(run: Run) -> None:
    """And arrives as it is; the payload too."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            found = await perform(
                agent, *(call("send_envelope", meta(name, receiver="peer"), f"body of {name}") for name in FIPA)
            )
            assert [0] * 22 == numbers(found)
            await a.settle()
            assert [(name, f"body of {name}") for name in FIPA] == [
                (message.envelope["performative"], message.text) for message in a.received("peer")
            ]

    run(main())


def test_every_field_arrives(run: Run) -> None:
    """What the sender may set comes through unchanged; sender, id and caxton- headers are the host's."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            fields = {
                "conversation-id": "c-1",
                "reply-with": "r-1",
                "in-reply-to": "i-1",
                "reply-by": "2030-01-01T00:00:00Z",
                "ontology": "räder",
                "language": "fipa-sl0",
                "content-type": "text/plain; charset=utf-8",
            }
            sent = fields | {
                "performative": "query-if",
                "receiver": ["peer"],
                "sender": "@host",
                "id": "forged",
                "headers": {"x-own": "1", "caxton-code": "forged", "Caxton-Part": "forged"},
            }
            assert [0] == numbers(await perform(agent, call("send_envelope", json.dumps(sent), "body")))
            await a.settle()
            (got,) = a.received("peer")
            assert fields == {key: got.envelope[key] for key in fields}
            assert ("agent", "peer", {"x-own": "1"}) == tuple(
                got.envelope[key] for key in ("sender", "receiver", "headers")
            )
            assert "forged" != got.envelope["id"]

    run(main())


def test_ids_differ(run: Run) -> None:
    """No two envelopes of a host have the same."""

    async def main() -> None:
        async with lab() as a:
            agent, _, _ = await a.drivers("agent", "one", "two")
            both = meta("inform", receiver=["one", "two"])
            await perform(agent, *[call("tell", "one", "x")] * 5, *[call("send_envelope", both, "y")] * 5)
            await a.settle()
            ids = [message.envelope["id"] for message in a.received("one")]
            assert 10 == len(set(ids))

    run(main())


def test_several_receivers(run: Run) -> None:
    """Each gets it, and sees who else did; a name that stands twice counts once."""

    async def main() -> None:
        async with lab() as a:
            agent, *_ = await a.drivers("agent", "one", "two")
            await perform(agent, call("send_envelope", meta("inform", receiver=["one", "two", "one"]), "x"))
            await a.settle()
            assert [["one", "two"]] == [message.envelope["receiver"] for message in a.received("one")]
            assert ["x"] == a.texts("two")

    run(main())


def test_64_receivers_at_most(run: Run) -> None:
    """One more is -3, and nobody gets anything."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            names = [f"peer-{n}" for n in range(65)]
            await a.drivers(*names)
            found = await perform(
                agent,
                call("send_envelope", meta("inform", receiver=names), "x"),
                call("send_envelope", meta("inform", receiver=names[:64]), "y"),
            )
            assert [BAD, 0] == numbers(found)
            await a.settle()
            assert [["y"]] * 64 + [[]] == [a.texts(name) for name in names]

    run(main())


SHORTEST = len(meta("inform", receiver="peer", ontology=""))
REFUSED: dict[str, bytes | str] = {
    "nothing": "",
    "no JSON": "inform",
    "no object": '["inform"]',
    "a number": "1",
    "cut off": '{"performative": "inform"',
    "more behind it": meta("inform", receiver="peer") + "x",
    "two of them": meta("inform", receiver="peer") * 2,
    "a byte order mark": "\ufeff" + meta("inform", receiver="peer"),
    "a key twice": '{"performative": "inform", "receiver": "peer", "receiver": "peer"}',
    "a key twice, escaped": '{"performative": "inform", "receiver": "peer", "r\\u0065ceiver": "peer"}',
    "a header twice": '{"performative": "inform", "receiver": "peer", "headers": {"a": "1", "a": "1"}}',
    "NaN": '{"performative": "inform", "receiver": "peer", "headers": NaN}',
    "infinity": '{"performative": "inform", "receiver": "peer", "headers": -Infinity}',
    "a huge number": '{"performative": "inform", "receiver": "peer", "headers": 1e999}',
    "a lone surrogate": '{"performative": "inform", "receiver": "peer", "ontology": "\\ud800"}',
    "surrogates the wrong way round": '{"performative": "inform", "receiver": "peer", "ontology": "\\udc00\\ud800"}',
    "a lone surrogate as key": '{"performative": "inform", "receiver": "peer", "headers": {"\\udfff": ""}}',
    "no UTF-8": b'{"performative": "inform", "receiver": "peer", "ontology": "\xff"}',
    "UTF-8 of a surrogate": b'{"performative": "inform", "receiver": "peer", "ontology": "\xed\xa0\x80"}',
    "UTF-16": '{"performative": "inform", "receiver": "peer"}'.encode("utf-16"),
    "a control character": '{"performative": "inform", "receiver": "peer", "ontology": "\n"}',
    "single quotes": "{'performative': 'inform', 'receiver': 'peer'}",
    "a comma too many": '{"performative": "inform", "receiver": "peer",}',
    "33 levels": '{"performative": "inform", "receiver": "peer", "headers": ' + "[" * 32 + "]" * 32 + "}",
    "100,000 levels": "[" * 16_000,
    "no performative": '{"receiver": "peer"}',
    "an unknown performative": meta("shout", receiver="peer"),
    "a performative in upper case": meta("INFORM", receiver="peer"),
    "a performative that is none": '{"performative": ["inform"], "receiver": "peer"}',
    "no receiver": meta("inform"),
    "receivers, but none": meta("inform", receiver=[]),
    "null": meta("inform", receiver=None),
    "a receiver that is no name": meta("inform", receiver="Peer"),
    "a receiver that is no agent": meta("inform", receiver="@user"),
    "a receiver that is a number": meta("inform", receiver=["peer", 1]),
    "an unknown key": meta("inform", receiver="peer", urgency="high"),
    "a key of Python's": meta("inform", receiver="peer").replace("}", ', "reply_with": "x"}'),
    "content": meta("inform", receiver="peer", content="x"),
    "content in base64": meta("inform", receiver="peer", content_base64="eA=="),
    "a field that is no text": meta("inform", receiver="peer", ontology=1),
    "headers that are a list": meta("inform", receiver="peer", headers=["a"]),
    "a header that is no text": meta("inform", receiver="peer", headers={"a": 1}),
    "no time": meta("inform", receiver="peer", reply_by="tomorrow"),
    "a time without offset": meta("inform", receiver="peer", reply_by="2030-01-01T00:00:00"),
    "a day that is none": meta("inform", receiver="peer", reply_by="2030-02-30T00:00:00Z"),
    "a date alone": meta("inform", receiver="peer", reply_by="2030-01-01"),
    "a byte too many": meta("inform", receiver="peer", ontology="x" * (META_LIMIT + 1 - SHORTEST)),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_envelope_is_refused(run: Run, text: str | bytes) -> None:
    """-3, envelope.invalid; the turn goes on, and nothing is sent."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            refused, info = await perform(agent, call("send_envelope", text, "x"), call("result_info"))
            assert (BAD, "envelope.invalid") == (refused.number, info.json["code"])
            await a.settle()
            assert ([], []) == (a.texts("peer"), a.dead())

    run(main())


def test_sixteen_kib_without_the_payload(run: Run) -> None:
    """Exactly that is taken, whatever the size of the payload."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            text = meta("inform", receiver="peer", ontology="x" * (META_LIMIT - SHORTEST))
            assert META_LIMIT == len(text)
            found = await perform(
                agent, call("send_envelope", text, bytes(50_000)), call("send_envelope", text + " ", "x")
            )
            assert [0, BAD] == numbers(found)

    run(main())


def test_32_levels_are_enough() -> None:
    """The depth that is allowed, though nothing in an envelope needs it."""
    with pytest.raises(MessagingError, match="headers is an object"):
        parse_meta(b'{"performative": "inform", "headers": ' + b"[" * 31 + b"]" * 31 + b"}")
    with pytest.raises(MessagingError, match="32 levels"):
        parse_meta(b'{"performative": "inform", "headers": ' + b"[" * 32 + b"]" * 32 + b"}")


def test_a_failure_never_causes_a_failure(run: Run) -> None:
    """Not when it cannot be delivered, not when its receiver fails or crashes over it, even with ``reply-with``."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            small = await a.driver("small", limits={"message": 1})
            failure = {"performative": "failure", "reply_with": "q"}
            await perform(
                agent,
                call("send_envelope", meta(**failure, receiver="peer"), program(act("trap"))),
                call("send_envelope", meta(**failure, receiver="peer"), program(act("finish", 1))),
                call("send_envelope", meta(**failure, receiver="small"), "too long"),
            )
            await a.settle()
            assert [] == a.texts("agent")
            assert [("small", "limit.message-size", "too long")] == a.dead()
            assert 0 == small.statistics().turns

    run(main())


def test_a_failure_with_reply_with_may_be_answered(run: Run) -> None:
    """By an ``inform``, when the turn goes well."""

    async def main() -> None:
        async with lab() as a:
            agent, _ = await a.drivers("agent", "peer")
            envelope = meta("failure", receiver="peer", reply_with="q")
            await perform(agent, call("send_envelope", envelope, "sorry"))
            await a.settle()
            assert [("inform", "sorry")] == [(m.envelope["performative"], m.text) for m in a.received("agent")]

    run(main())


def test_senders_that_are_no_agents(run: Run) -> None:
    """@user for a Python program: its request has a ``reply-with``, its tell has none."""

    async def main() -> None:
        async with lab() as a:
            agent = await a.driver("agent")
            await agent.ask("asked")
            await agent.tell("told")
            await a.settle()
            asked, told = a.received("agent")
            assert ("request", "@user", "agent") == tuple(
                asked.envelope[key] for key in ("performative", "sender", "receiver")
            )
            assert asked.envelope["reply-with"]
            assert ("inform", "@user") == (told.envelope["performative"], told.envelope["sender"])
            assert "reply-with" not in told.envelope

    run(main())


def test_turn_0_has_no_envelope(run: Run) -> None:
    """-1."""

    async def main() -> None:
        async with lab() as a:
            # The load is from address 2 ** 32 - 1 when the call returned -1.
            with pytest.raises(caxton.TrapError) as caught:
                await a.driver("agent", driver(call("envelope"), act("load", ResultOf(0))))
            assert "trap.out-of-bounds" == caught.value.code

    run(main())


# ---- properties -----------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=40)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {"performative": st.sampled_from(FIPA), "receiver": NAMES | st.lists(NAMES, min_size=1, max_size=5)},
    optional={
        "reply-with": TEXT,
        "in-reply-to": TEXT,
        "conversation-id": TEXT,
        "ontology": TEXT,
        "language": TEXT,
        "content-type": TEXT,
        "headers": st.dictionaries(TEXT.filter(lambda key: not key.lower().startswith("caxton-")), TEXT, max_size=4),
    },
)


@given(FIELDS)
def test_what_is_read_is_what_was_written(fields: dict[str, Any]) -> None:
    """Reading an envelope and writing it again changes nothing."""
    found = parse_meta(json.dumps(fields).encode())
    envelope = Envelope(**found, sender=AgentName("me"), id=7)
    written = envelope.meta()
    assert ("me", "m7") == (written.pop("sender"), written.pop("id"))
    wanted = dict(fields)
    names = fields["receiver"] if isinstance(fields["receiver"], list) else [fields["receiver"]]
    unique = list(dict.fromkeys(names))
    wanted["receiver"] = unique[0] if len(unique) == 1 else unique
    if not wanted.get("headers"):
        wanted.pop("headers", None)
    assert wanted == written


@given(FIELDS, st.text(max_size=100) | st.binary(max_size=100))
def test_with_its_content(fields: dict[str, Any], payload: str | bytes) -> None:
    """The JSON form with content: text stays text, bytes go as base64; both come back as they were."""
    raw = payload.encode() if isinstance(payload, str) else payload
    envelope = Envelope(Performative(fields["performative"]), AgentName("me"), (AgentName("you"),), raw, id=1)
    written = envelope.as_json()
    assert ("content" in written) is not ("content-base64" in written)
    again = parse_meta(json.dumps(written).encode(), content=True)
    assert raw == again["payload"]


@given(st.binary(max_size=300) | JSON.map(json.dumps).map(str.encode) | FIELDS.map(json.dumps).map(str.encode))
def test_reading_raises_nothing_but_envelope_invalid(data: bytes) -> None:
    """Whatever the bytes are."""
    for content in (False, True):
        code = refusal(lambda: parse_meta(data, content=content))  # noqa: B023 - called at once
        assert code in (None, "envelope.invalid")
        if code is None:
            assert isinstance(parse_meta(data, content=content)["performative"], Performative)


@given(st.dictionaries(st.sampled_from(["content", "content-base64", "performative"]), JSON | TEXT, max_size=3))
def test_content_of_any_kind(fields: dict[str, Any]) -> None:
    """Both kinds at once, and what is no text or no base64, are refused."""
    fields["performative"] = "inform"
    text, encoded = fields.get("content"), fields.get("content-base64")
    data = json.dumps(fields).encode()
    code = refusal(lambda: parse_meta(data, content=True))
    assert code in (None, "envelope.invalid")
    if code is None:
        assert isinstance(parse_meta(data, content=True)["payload"], bytes)
        assert isinstance(text, str | None)
        assert text is None or encoded is None
    else:
        assert text is not None or encoded is not None


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-01T00:00:00Z",
        "2030-01-01t00:00:00z",
        "2030-01-01T00:00:00.5Z",
        "2030-01-01T00:00:00.123456789+02:00",
        "2030-12-31T23:59:59-23:59",
    ],
)
def test_times(text: str) -> None:
    """RFC 3339, with an offset."""
    assert parse_time(text).tzinfo is not None


@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"))
def test_any_text_as_a_time(text: str) -> None:
    """Is one, or is refused."""
    code = refusal(lambda: parse_time(text))
    assert code in (None, "envelope.invalid")
    if code is None:
        assert parse_time(text).utcoffset() is not None
