"""Looking for secrets takes a time that is linear in the text and next to independent of how many secrets there are;
and nobody waits for it but the call whose result it is."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import caxton
from caxton.testing import DRIVER, call, perform
from caxton.tools import redaction_escapes
from caxton.tools.redaction import LARGE, NOTHING, Redactor, elsewhere
from caxton.tools.redaction_escapes import FLAT, Skeleton, skeleton
from caxton.tools.redaction_search import MOST
from tests.conftest import Run


def _redactor(count: int, *more: str) -> Redactor:
    redactor = Redactor()
    for number in range(count):
        redactor.add(f"N{number}", f"sk-proj-{number:02}-Zq3vT8mWc5Lx2Rf7Yb4N")
    for number, value in enumerate(more):
        redactor.add(f"M{number}", value)
    return redactor


def steps(work: Callable[[], object]) -> int:
    """Calls that it makes, of Python's functions and of C's."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


FLOODS = (
    b"plain text ", b"%25", b"%41x", b"%2541", b"%" + b"25" * 300, b"\\", b"\\n", b"\\u0073", b"\\u0073x", b"\\x41",
    b"%5C", b"%5C%5Cu0041", b"sk-", b"sk-proj-", b"sk-proj-00", b"Zq3vT8m", b"proj", b"\\\\%", b"u0041", b"2525",
)  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS, ids=range(len(FLOODS)))
@pytest.mark.parametrize("has_pieces", [False, True])
def test_many_secrets_cost_no_more_steps_than_one(flood: bytes, has_pieces: bool) -> None:
    """Of whatever a text is full: beginnings of secrets, escapes, escapes of escapes."""
    text = flood * (200_000 // len(flood))
    few, many = (_redactor(count).with_pieces(None if has_pieces else ()) for count in (3, 60))
    few.data(text), many.data(text)  # what is made once
    assert steps(lambda: many.data(text)) <= 1.1 * steps(lambda: few.data(text)) + 100


@pytest.mark.parametrize("flood", FLOODS, ids=range(len(FLOODS)))
def test_steps_are_linear_in_the_text(flood: bytes) -> None:
    """At most some for each of its bytes, and twice as many for twice the text."""
    redactor = _redactor(20).with_pieces()
    text = flood * (200_000 // len(flood))
    redactor.data(text)
    once, twice = steps(lambda: redactor.data(text)), steps(lambda: redactor.data(text + text))
    assert once <= 8 * len(text)
    assert twice <= 2.1 * once + 100


def test_a_text_without_any_is_passed_over() -> None:
    """A few steps for each part of it, whatever its words are."""
    text = b'{"text": "It was the best of times, it was the worst of times; we had everything before us."}' * 10_000
    redactor = _redactor(20)
    redactor.json(text)
    assert steps(lambda: redactor.json(text)) < 50 + 10 * len(text) // redaction_escapes.CHUNK


def test_too_many_places_leave_nothing() -> None:
    """A text that is made of secrets is none that anybody needs."""
    redactor = _redactor(1, "hunter")
    value = "sk-proj-00-Zq3vT8mWc5Lx2Rf7Yb4N"
    assert "[secret:N0]" * 1000 == redactor.text(value * 1000)
    assert NOTHING == redactor.text(value * (MOST + 1))
    assert NOTHING == redactor.text("hunter" * (MOST + 1))
    assert redactor.finds(value * (MOST + 1))


# ---- escapes --------------------------------------------------------------------------------------------------------

PARTS = (
    r"\ \\ \u0041 \\u00e9 \ud83d \ude00 \udcff \x4 \x41 %41 %C3%A9 %25 %2541 %5C %255c %5Cu0041 %5cx41 u0041 x41 % a"
)
ESCAPES = st.lists(st.sampled_from([*PARTS.split(" "), '"', "\n", " ", "é"]), max_size=40).map(
    lambda parts: "".join(parts).encode()
)


@given(ESCAPES)
@example(b"\\ud83d\\udcff")
def test_the_way_back(text: bytes) -> None:
    """Each byte of a text without escapes stands somewhere in the text, in order, and for a part that says it."""
    flat = text.translate(FLAT)
    bare = Skeleton(flat)
    assert skeleton(text) == bare.data
    places = [bare.span(at, at + 1) for at in range(len(bare.data))]
    assert places == sorted(places)
    for (start, end), byte in zip(places, bare.data, strict=True):
        assert 0 <= start < end <= len(flat)
        assert byte in skeleton(flat[start:end])
    if bare.data:
        assert (places[0][0], places[-1][1]) == bare.span(0, len(bare.data))


@given(ESCAPES, st.integers(0, 80))
def test_no_escape_is_cut(text: bytes, size: int) -> None:
    """Wherever a text is cut to be worked on, what was found in a whole one is found."""
    before = redaction_escapes.CHUNK
    secret = "sk-proj-00-Zq3vT8mWc5Lx2Rf7Yb4N"
    written = "".join(
        f"\\\\u{ord(one):04x}" if number % 2 else f"%25{ord(one):02X}" for number, one in enumerate(secret)
    )
    whole = b"a" * size + b"," + text + b"," + written.encode() + b"," + b"z" * size
    try:
        redaction_escapes.CHUNK = 96  # type: ignore[misc]
        cleaned = _redactor(1).data(whole)
    finally:
        redaction_escapes.CHUNK = before  # type: ignore[misc]
    assert b"a" * size + b"," + text + b",[secret:N0]," + b"z" * size == cleaned


# ---- who waits ------------------------------------------------------------------------------------------------------


def test_large_texts_are_cleaned_on_a_thread(run: Run) -> None:
    """Small ones where they are."""
    seen: list[bool] = []

    def work(text: bytes) -> bytes:
        seen.append(threading.current_thread() is threading.main_thread())
        return text.upper()

    async def main() -> None:
        assert b"A" == await elsewhere(work, b"a")
        assert b"A" * LARGE == await elsewhere(work, b"a" * LARGE)

    run(main())
    assert [True, False] == seen


def test_the_host_goes_on_while_a_result_is_cleaned(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop does other work before the cleaning of a large result has ended."""
    monkeypatch.setenv("CAXTON_SECRET_K", "sk-proj-00-Zq3vT8mWc5Lx2Rf7Yb4N")
    moved, cleaned = threading.Event(), Redactor.json

    def waiting(redactor: Redactor, data: bytes) -> bytes:
        if len(data) > LARGE:
            assert moved.wait(60), "the event loop stands still"
        return cleaned(redactor, data)

    monkeypatch.setattr(Redactor, "json", waiting)

    async def main() -> None:
        config = tmp_path / "caxton.toml"
        config.write_text('[tools.s]\ncommand = ["true"]\nenv = { K = "${secret:K}" }\n')
        async with caxton.Host.from_config(config) as host:

            @host.tool
            def large() -> str:
                return "x" * 200_000

            agent = await host.spawn("a", DRIVER, grants=caxton.Grants(tools=("large",)))
            asyncio.get_running_loop().call_later(0, moved.set)
            (found,) = await perform(agent, call("call_tool", "large", "{}"))
            assert found.number > 200_000

    run(main())


@pytest.mark.parametrize("run_of", [b"\\%5c", b"%5c\\", b"\\\\%5c", b"\\%255c"])
def test_backslashes_of_several_kinds(run_of: bytes) -> None:
    """Are gone, however many there are one behind the other; what they escape is undone."""
    many = (run_of * 20_000)[:60_000].removesuffix(b"%").removesuffix(b"%5").removesuffix(b"%2").removesuffix(b"%25")
    assert skeleton(many) == b""
    assert skeleton(many + b"\\u0041" + many + b"\\x42") == b"AB"
