"""The demo's agents count any text as a plain Python count does, while hostile agents beside them are contained."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from io import StringIO
from json import loads
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import caxton
from caxton.demo import DemoError, run
from caxton.demo.build import Guests, build_guests
from caxton.demo.crew import MOST_AGENTS
from caxton.demo.documents import Document, Library, read_library
from caxton.demo.job import PIECE, run_job
from caxton.demo.results import FRESH, Result


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache directory of these tests' own, so that they build the guests themselves, once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def guests(cache: None) -> Guests:
    """The demo's guests, built."""
    return build_guests()


def count(guests: Guests, texts: list[bytes], agents: int = 5) -> Result:
    """One run of the job on ``texts``."""
    library = Library(tuple(Document(f"text-{number}", text) for number, text in enumerate(texts)), 0)
    return asyncio.run(run_job(library, guests, agents=agents, on_progress=lambda *_: None))


WORDS = st.text("aB9_é \n.", max_size=300).map(str.encode)


@settings(deadline=None, max_examples=15)
@given(texts=st.lists(st.binary(max_size=2000) | WORDS, max_size=4), agents=st.integers(1, 12))
def test_any_text_is_counted_right(guests: Guests, texts: list[bytes], agents: int) -> None:
    """Whatever the bytes and the number of agents, no total differs from the plain count."""
    assert count(guests, texts, agents).differences == ()


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("pattern", [b"x", b"word ", b"\n", b"0123456789" * 6 + b"abcd", b"\xff\x00"])
def test_terms_on_the_edges_of_pieces_stay_whole(guests: Guests, pattern: bytes, offset: int) -> None:
    """A document a byte shorter or longer than its pieces has its terms cut nowhere but at 64 bytes."""
    text = (pattern * (2 * PIECE // len(pattern) + 1))[: 2 * PIECE + offset]
    assert count(guests, [text], agents=3).differences == ()


def test_many_distinct_terms_fit(guests: Guests) -> None:
    """A mebibyte of random bytes, some hundred thousand terms, is merged and listed without loss."""
    result = count(guests, [random.Random(1).randbytes(1 << 20)], agents=50)
    assert result.differences == ()
    assert result.distinct > 100_000


def test_hostile_agents_end_as_the_contract_says(guests: Guests) -> None:
    """Each attack ends in its code, and a fresh instance answers the next message."""
    result = count(guests, [b"some text for the others"])
    assert result.ok
    assert {attack.agent: attack.code for attack in result.attacks} == {
        "spinner": "limit.fuel",
        "eater": "limit.memory",
        "crasher": "trap.unreachable",
    }
    assert {attack.afterwards for attack in result.attacks} == {FRESH}


def test_the_crash_has_a_stack_with_names_and_lines(guests: Guests) -> None:
    """The trap's stack names the functions and the source's lines, without this machine's paths."""
    crasher = next(attack for attack in count(guests, [b""]).attacks if attack.agent == "crasher")
    innermost = [frame.split()[0] for frame in crasher.frames]
    assert innermost == ["assert_positive", "add_invoice", "close_the_books", "attack", "handle_message"]
    assert all("(demo/guests/crasher.c:" in frame for frame in crasher.frames[:-1])
    assert "(demo/guests/hostile.h:" in crasher.frames[-1]  # which calls what is inlined


def test_every_agent_takes_part_and_is_accounted_for(guests: Guests) -> None:
    """With text enough each counter has turns, and each kind's fuel, time and memory are there."""
    result = count(guests, [b"many words " * 2000], agents=40)
    costs = {cost.kind: cost for cost in result.costs}
    assert costs["counter"].instances == 40
    assert costs["counter"].turns == result.chunks >= 40
    assert all(cost.fuel > 0 and cost.wall > 0 and cost.memory > 0 for cost in result.costs)
    assert result.spawned == 39


def test_a_barrier_that_has_to_wait_is_answered_later(guests: Guests) -> None:
    """The ranker defers its answer until the lists are there: the asker waits, the ranker goes on."""

    async def scene() -> bytes:
        async with caxton.Host() as host:
            ranker = await host.spawn("ranker", guests.modules["ranker"])
            waiting = asyncio.create_task(ranker.ask(b"barrier 2", timeout=10))
            assert (await ranker.ask(b"documents 1", timeout=10)).payload == b"0\n"
            await ranker.tell(b"0 3\nterm 3\n")
            assert (await ranker.ask(b"documents 1", timeout=10)).payload == b"3\n"
            assert not waiting.done()
            await ranker.tell(b"0 1\nterm 1\n")
            return (await waiting).payload

    assert asyncio.run(scene()) == b"2"


def test_the_json_is_one_object(tmp_path: Path) -> None:
    """``run`` with ``json`` prints one JSON object and nothing else, and answers 0."""
    (tmp_path / "text").write_bytes(b"Agents talk by messages.\n" * 10)
    console = Console(file=StringIO())
    assert run([tmp_path / "text"], agents=4, json=True, console=console) == 0
    assert isinstance(console.file, StringIO)
    found = loads(console.file.getvalue())
    assert found["ok"]
    assert {"term": "agents", "count": 10} in found["top"]


def test_the_project_s_own_documents_make_a_demo() -> None:
    """Without files, with the default number of agents, the demo shows its tables and answers 0."""
    console = Console(file=StringIO(), width=150)
    assert run(console=console) == 0
    assert isinstance(console.file, StringIO)
    assert "a plain Python count of the same text agrees" in console.file.getvalue()


@pytest.mark.parametrize("agents", [-1, 0, MOST_AGENTS + 1])
def test_a_number_of_agents_out_of_range_is_refused(agents: int) -> None:
    """Less than one agent, or more than the demo has names for, is ``config.invalid``."""
    with pytest.raises(DemoError) as caught:
        run(agents=agents)
    assert caught.value.code == "config.invalid"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there is ``config.invalid``, before anything is built or started."""
    with pytest.raises(DemoError, match="cannot read"):
        run([tmp_path / "missing"])


def test_text_beyond_the_limit_is_left_out_and_said(tmp_path: Path, guests: Guests) -> None:
    """Of a file that is too large the first part is counted, rightly, and the result says what was left out."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(5 << 20)
    result = asyncio.run(run_job(read_library([tmp_path / "large"]), guests, agents=20, on_progress=lambda *_: None))
    assert result.ok
    assert result.left_out == 1 << 20
