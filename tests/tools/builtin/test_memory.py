"""memory.*: what is kept, for whom, and what no query can do."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.agents.rules import Rule
from caxton.errors import CaxtonError, HostError
from caxton.tools.builtin import BuiltinTools, notes
from caxton.tools.builtin.notes import Namespace, Notes
from caxton.tools.settings import MemorySettings, ToolSettings
from tests.conftest import Run
from tests.tools.builtin.lab import a_call, answer, builtin, refusal

ALICE, BOB = Namespace("agent", "alice"), Namespace("agent", "bob")


@asynccontextmanager
async def memory(path: Path | None = None, max_bytes: int = 1 << 20) -> AsyncIterator[BuiltinTools]:
    """Tools with that database, at noon."""
    settings = ToolSettings(memory=MemorySettings(path, max_bytes))
    async with builtin(settings, clock=lambda: 1_700_000_000.0) as tools:
        yield tools


async def put(tools: BuiltinTools, text: str, agent: str = "alice", rule: Rule | None = None, **more: Any) -> Any:
    """What memory.put answers."""
    key = more.pop("call_key", "")
    return await answer(tools, a_call("memory.put", {"text": text, **more}, rule, agent, key=key))


async def search(tools: BuiltinTools, query: str, agent: str = "alice", rule: Rule | None = None, **more: Any) -> Any:
    """The texts that memory.search finds."""
    found = await answer(tools, a_call("memory.search", {"query": query, **more}, rule, agent))
    return [note["text"] for note in found["notes"]]


def test_what_was_put_is_found(run: Run) -> None:
    """By any of its words, in any case, and by its tags; the better match first."""

    async def main() -> None:
        async with memory() as tools:
            kept = await put(tools, "The cat sat on the mat.", key="cat", tags=["animals"])
            assert ("cat", False) == (kept["key"], kept["replaced"])
            await put(tools, "A dog ate the cat food.")
            await put(tools, "Grüße aus Köln")
            found = await answer(tools, a_call("memory.search", {"query": "CAT mat"}))
            first = {
                "key": "cat",
                "text": "The cat sat on the mat.",
                "tags": ["animals"],
                "made_ms": 1_700_000_000_000,
            }
            assert (first, 2, False) == (found["notes"][0], len(found["notes"]), found["truncated"])
            assert ["The cat sat on the mat."] == await search(tools, "animals")
            assert ["Grüße aus Köln"] == await search(tools, "köln?")
            assert [] == await search(tools, "bird")
            assert [] == await search(tools, "?!")
            assert 1 == len(await search(tools, "cat", limit=1))

    run(main())


def test_a_key_has_one_text(run: Run) -> None:
    """A new one takes the old one's place, in the search, too."""

    async def main() -> None:
        async with memory() as tools:
            await put(tools, "old news", key="k")
            assert (await put(tools, "fresh news", key="k"))["replaced"]
            assert ["fresh news"] == await search(tools, "news old")
            assert {"deleted": True} == await answer(tools, a_call("memory.delete", {"key": "k"}))
            assert {"deleted": False} == await answer(tools, a_call("memory.delete", {"key": "k"}))
            assert [] == await search(tools, "news")

    run(main())


def test_a_call_that_is_made_again_keeps_one_note(run: Run) -> None:
    """After a crash the same call has the same idempotency key; without one every note is another."""

    async def main() -> None:
        async with memory() as tools:
            first = await put(tools, "once", call_key="turn-7/1")
            assert first["key"] == (await put(tools, "once", call_key="turn-7/1"))["key"]
            assert ["once"] == await search(tools, "once")
            await put(tools, "twice")
            await put(tools, "twice")
            assert ["twice", "twice"] == await search(tools, "twice")

    run(main())


def test_agents_remember_for_themselves(run: Run) -> None:
    """Neither finds, replaces or forgets what is another's; a shared namespace is another one, whatever its name."""

    async def main() -> None:
        async with memory() as tools:
            await put(tools, "alice's jewels", key="k")
            await put(tools, "bob's jewels", "bob", key="k")
            shared = Rule(namespace="alice")
            await put(tools, "everybody's jewels", "bob", shared, key="k")
            await answer(tools, a_call("memory.delete", {"key": "k"}, agent="eve"))
            assert ["alice's jewels"] == await search(tools, "jewels")
            assert ["bob's jewels"] == await search(tools, "jewels", "bob")
            assert ["everybody's jewels"] == await search(tools, "jewels", "eve", shared)
            assert [] == await search(tools, "jewels", "eve")

    run(main())


def test_what_others_write_changes_no_order(tmp_path: Path) -> None:
    """The rank of a note comes from its own namespace alone: nobody learns how common a word is elsewhere."""
    alone, beside = Notes(None, 1 << 30), Notes(None, 1 << 30)
    with closing(alone), closing(beside):
        for index, text in enumerate(["rare common", "common common common", "rare", "common x", "rare rare y"]):
            for place in (alone, beside):
                place.put(ALICE, str(index), text, [], 0)
        for number in range(500):
            beside.put(BOB, str(number), "rare rare rare rare", [], 0)
        assert alone.search(ALICE, "rare common", 10) == beside.search(ALICE, "rare common", 10)


HOSTILE = [
    '" OR text : *',
    "text : jewels",
    "^jewels",
    "jewels*",
    "NEAR(jewels crown, 1)",
    "a AND NOT b",
    "(((((",
    '"',
    '""""',
    "jewels' OR '1'='1",
    "'; DROP TABLE notes; --",
    "-jewels",
    "{text tags} : jewels",
    "words_2 : jewels",
    "\x00",
    "__ __",
    "NOT",
    "OR OR OR",
    "a" * 4096,
    " ".join(f"w{number}" for number in range(500)),
    "\U0001f600 \u202e",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_a_query_is_words_and_nothing_else(run: Run, query: str) -> None:
    """Whatever FTS5 or SQL would make of it, nothing of another agent's is found, and nothing breaks."""

    async def main() -> None:
        async with memory() as tools:
            await put(tools, "jewels of alice")
            await put(tools, "jewels of bob: crown", "bob")
            found = await search(tools, query)
            assert found in ([], ["jewels of alice"])
            assert ["jewels of bob: crown"] == await search(tools, "jewels", "bob")

    run(main())


@given(st.text(max_size=100), st.text(min_size=1, max_size=100).filter(lambda text: "\0" not in text))
def test_no_query_and_no_text_is_an_error(query: str, text: str) -> None:
    """Any text can be kept and asked for."""
    with closing(Notes(None, 1 << 20)) as store:
        store.put(ALICE, "k", text, [text[:64]], 0)
        assert store.search(ALICE, query, 10)["notes"] in ([], store.search(ALICE, query, 1)["notes"])
        assert store.delete(ALICE, "k")
        assert [] == store.search(ALICE, text, 10)["notes"]


def test_a_namespace_has_a_size(run: Run) -> None:
    """Bytes and a fixed share for each note; what is replaced or forgotten makes room."""

    async def main() -> None:
        async with memory(max_bytes=1000) as tools:
            assert 1000 - (100 + 1 + 2 + notes.OVERHEAD) == (await put(tools, "x" * 100, key="a"))["bytes_left"]
            call = a_call("memory.put", {"text": "ü" * 200, "key": "b"})
            assert "limit.budget" == (await refusal(tools, call)).code
            await put(tools, "y" * 700, key="a")
            assert "limit.budget" == (await refusal(tools, a_call("memory.put", {"text": "z"}))).code
            await put(tools, "z", "bob")
            await answer(tools, a_call("memory.delete", {"key": "a"}))
            assert 1000 - (100 + 1 + 2 + notes.OVERHEAD) == (await put(tools, "x" * 100, key="a"))["bytes_left"]

    run(main())


def test_there_are_only_so_many_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs tables, and a search makes none."""
    monkeypatch.setattr(notes, "MAX_NAMESPACES", 2)
    with closing(Notes(None, 1 << 20)) as store:
        store.search(Namespace("agent", "nobody"), "x", 1)
        store.put(ALICE, "k", "x", [], 0)
        store.put(BOB, "k", "x", [], 0)
        with pytest.raises(CaxtonError) as caught:
            store.put(Namespace("agent", "carol"), "k", "x", [], 0)
        assert "limit.budget" == caught.value.code
        store.put(ALICE, "k", "y", [], 0)


def test_one_answer_has_a_size(run: Run) -> None:
    """Of long notes only so many are told, and that there are more."""

    async def main() -> None:
        async with memory(max_bytes=8 << 20) as tools:
            for _ in range(12):
                await put(tools, "word " * 13_000)
            found = await answer(tools, a_call("memory.search", {"query": "word", "limit": 50}))
            assert (8, True) == (len(found["notes"]), found["truncated"])

    run(main())


def test_notes_outlive_the_host(run: Run, tmp_path: Path) -> None:
    """In a database that only the user can read, in a directory that only the user can enter."""
    path = tmp_path / "data" / "memory.db"

    async def main() -> None:
        async with memory(path) as tools:
            await put(tools, "remember me")
            assert 0o700 == path.parent.stat().st_mode & 0o777
            for file in path.parent.iterdir():
                assert 0o600 == file.stat().st_mode & 0o777
        async with memory(path) as tools:
            assert ["remember me"] == await search(tools, "remember")

    before = os.umask(0)
    try:
        run(main())
    finally:
        os.umask(before)


def test_a_database_that_others_can_read_is_closed_to_them(run: Run, tmp_path: Path) -> None:
    """It is the user's own file: its mode is put right."""
    path = tmp_path / "memory.db"
    path.touch(0o666)
    path.chmod(0o666)

    async def main() -> None:
        async with memory(path) as tools:
            await put(tools, "x")
            assert 0o600 == path.stat().st_mode & 0o777

    run(main())


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE spaces (id INTEGER PRIMARY KEY)")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"this is no database" * 100),
        lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("/dev/null"),
        lambda path: os.mkfifo(path),
        _foreign,
    ],
)
def test_what_is_no_database_of_ours_is_not_touched(run: Run, tmp_path: Path, spoil: Any) -> None:
    """storage.failed, each time, and the file is as it was."""
    path = tmp_path / "memory.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None

    async def main() -> None:
        async with memory(path) as tools:
            for _ in range(2):
                for call in (a_call("memory.put", {"text": "x"}), a_call("memory.search", {"query": "x"})):
                    assert "storage.failed" == (await refusal(tools, call)).code

    run(main())
    assert before == (path.read_bytes() if path.is_file() else None)


def test_a_damaged_database_is_an_error_and_no_more(tmp_path: Path) -> None:
    """Bytes turned over at random: calls work or say storage.failed."""
    path = tmp_path / "memory.db"
    with closing(Notes(path, 1 << 20)) as store:
        for number in range(50):
            store.put(ALICE, str(number), f"note {number} " + "words " * 50, ["t"], 0)
    good = path.read_bytes()
    chance = random.Random(7)
    failed = 0
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(20):
            bad[chance.randrange(100, len(bad))] = chance.randrange(256)
        for extra in ("-wal", "-shm"):
            Path(f"{path}{extra}").unlink(missing_ok=True)
        path.write_bytes(bad)
        with closing(Notes(path, 1 << 20)) as store:
            for work in (
                partial(store.search, ALICE, "note words 7", 10),
                partial(store.put, ALICE, "7", "new", [], 0),
                partial(store.delete, ALICE, "9"),
            ):
                try:
                    work()
                except HostError:  # of storage: nothing else here is the host's
                    failed += 1
    assert failed > 10


def test_a_query_cannot_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes longer than its time ends with tool.timeout, changes nothing, and the next call works."""
    with closing(Notes(None, 64 << 20)) as store:
        for number in range(2000):
            store.put(ALICE, str(number), "a b c d e f g h", [], 0)
        with monkeypatch.context() as patch:
            patch.setattr(notes, "_SECONDS", 0.0)
            for query in ("a b c d e f g h", "h"):
                with pytest.raises(CaxtonError) as caught:
                    store.search(ALICE, query, 50)
                assert "tool.timeout" == caught.value.code
        assert 50 == len(store.search(ALICE, "a", 50)["notes"])


def test_two_hosts_share_a_database(tmp_path: Path) -> None:
    """Each sees what the other has written."""
    path = tmp_path / "memory.db"
    with closing(Notes(path, 1 << 20)) as one, closing(Notes(path, 1 << 20)) as other:
        one.put(ALICE, "1", "first", [], 0)
        other.put(ALICE, "2", "second", [], 0)
        assert {"first", "second"} == {note["text"] for note in one.search(ALICE, "first second", 10)["notes"]}


def test_many_agents_at_once(run: Run, tmp_path: Path) -> None:
    """300 agents put and search at the same time; each finds its own."""

    async def main() -> None:
        async with memory(tmp_path / "memory.db") as tools:

            async def one(number: int) -> bool:
                agent = f"agent-{number % 100}"
                await put(tools, f"note of {agent}", agent, key=str(number))
                return {f"note of {agent}"} == {*await search(tools, "note", agent)}

            assert all(await asyncio.gather(*map(one, range(300))))

    run(main())
