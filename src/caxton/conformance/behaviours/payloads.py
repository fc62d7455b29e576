"""What goes in comes out: every size, every byte, every character."""

from __future__ import annotations

from typing import Final

from caxton.conformance.behaviour import behaviour, same
from caxton.conformance.stage import Stage, message

MIB: Final = 1 << 20
UNICODE: Final = "Grüße, 世界! 🦊🇪🇺👩‍💻 \U0010ffff e\u0301 \u05d0\u0628 \u202e \ufffd \uffff \u2028"
INVALID: Final = (
    b"\x80",
    b"a\xffb",
    b"\xc0\x80",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    "ü".encode("latin-1"),
    b"\xf0\x9f\xa6",
)
_SIZES: Final = (1, 2, 3, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537, 300_000)


async def _echoes(s: Stage, *bodies: bytes | str) -> None:
    one = await s.agent()
    for body in bodies:
        same(body.encode() if isinstance(body, str) else body, await one.say("echo", body))


@behaviour("payload/none", "An empty message is taken; its empty command is unknown")
async def _none(s: Stage) -> None:
    one = await s.agent()
    same(b"unknown command: ", await one.failure(b""), "the failure")


@behaviour("payload/empty-body", "An empty body comes back empty, with and without the newline before it")
async def _empty_body(s: Stage) -> None:
    one = await s.agent()
    await one.say("echo", "something")
    same(b"", await one.say("echo", b""))
    await one.say("echo", "something")
    same(b"", await one.say("echo"))


@behaviour("payload/empty-answer", "An agent may answer nothing, also after a long answer")
async def _empty_answer(s: Stage) -> None:
    one = await s.agent()
    await one.say("echo", bytes(10_000))
    same(b"", await one.say("empty"))


@behaviour("payload/text", "Text comes back as it was")
async def _text(s: Stage) -> None:
    await _echoes(s, "hello", " leading and trailing ", '{"json": [1, 2.5, null]}')


@behaviour(
    "payload/unicode", "Text beyond the basic plane, with combining, reversed and unassigned characters, comes back"
)
async def _unicode(s: Stage) -> None:
    await _echoes(s, UNICODE, "🦊", "\U00010000")


@behaviour("payload/byte-order-mark", "A byte order mark at the beginning is a part of the text")
async def _mark(s: Stage) -> None:
    await _echoes(s, "\ufeffhello", "\ufeff")


@behaviour("payload/nul", "NUL is a character like any other: at the beginning, inside, at the end, alone")
async def _nul(s: Stage) -> None:
    await _echoes(s, "\0", "\0a", "a\0b", "a\0", "\0\0\0")


@behaviour("payload/controls", "Control characters come back, carriage returns and escapes too")
async def _controls(s: Stage) -> None:
    await _echoes(s, "".join(map(chr, range(0x20))) + "\x7f\x85\x9b", "\r\n\r\n", "\x1b[31m")


@behaviour("payload/newlines", "Newlines at the beginning and at the end are kept")
async def _newlines(s: Stage) -> None:
    await _echoes(s, "\n", "\n\n\n", "\na\n", "a\n\nb\n")


@behaviour("payload/binary", "All 256 bytes come back, in any order")
async def _binary(s: Stage) -> None:
    every = bytes(range(256))
    await _echoes(s, every, every[::-1], every * 40)


@behaviour(
    "payload/invalid-utf-8",
    "Bytes that are nearly text come back as they were: cut, overlong, surrogates, beyond the end",
)
async def _invalid(s: Stage) -> None:
    await _echoes(s, *INVALID, *(b"before " + each + b" after" for each in INVALID))


@behaviour("payload/sizes", "Bodies around the sizes of pages and buffers come back whole, as text and as bytes")
async def _sizes(s: Stage) -> None:
    await _echoes(s, *("x" * size for size in _SIZES), *((b"\xff\0" * size)[:size] for size in _SIZES))


@behaviour("payload/1-mib-text", "A message of 1 MiB of text comes back whole")
async def _mib_text(s: Stage) -> None:
    one = await s.agent()
    body = ("Grüße 🦊 " * MIB).encode()[: MIB - 200].decode("utf-8", "ignore")
    same(body.encode(), await one.say("echo", body.encode()))


@behaviour("payload/1-mib-binary", "A message of exactly 1 MiB of bytes that are no text comes back whole")
async def _mib_binary(s: Stage) -> None:
    one = await s.agent()
    body = (bytes(range(256)) * (MIB // 256))[: MIB - len(message("echo", b""))]
    same(body, await one.say("echo", body))


@behaviour("payload/long-answer", "A small message may have an answer of 1 MiB")
async def _long_answer(s: Stage) -> None:
    one = await s.agent()
    same(b"0123456789abcdef" * (MIB // 16), await one.say(f"repeat {MIB // 16}", "0123456789abcdef"))


@behaviour("payload/large-then-small", "After a large message a small one is answered with nothing left over")
async def _large_then_small(s: Stage) -> None:
    await _echoes(s, bytes(500_000), "a", "x" * 100_000, b"\xff", "")


@behaviour(
    "payload/too-large", "A message beyond the limit is refused before the agent sees it, and its instance goes on"
)
async def _too_large(s: Stage) -> None:
    one = await s.agent(message=1_000)
    same(b"1", await one.say("count"))
    same("limit.message-size", (await one.error(message("echo", bytes(1_000)))).code, "the code")
    same(b"2", await one.say("count"))


@behaviour("payload/answer-too-large", "An answer beyond the limit is `limit.response-size`, and the agent goes on")
async def _answer_too_large(s: Stage) -> None:
    one = await s.agent(response=1_000)
    same(bytes(1_000), await one.say("echo", bytes(1_000)))
    same("limit.response-size", (await one.error(message("echo", bytes(1_001)))).code, "the code")
    same(b"after", await one.say("echo", "after"))
