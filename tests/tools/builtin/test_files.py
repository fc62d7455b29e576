"""fs.read, fs.write, fs.list: what works in an agent's own directory."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from caxton.agents.rules import Rule
from caxton.errors import LimitError
from caxton.tools.builtin import BuiltinTools, trees
from caxton.tools.settings import FsSettings, ToolSettings
from tests.conftest import Run
from tests.tools.builtin.lab import a_call, answer, builtin, refusal


@asynccontextmanager
async def files(root: Path | None, **more: Any) -> AsyncIterator[BuiltinTools]:
    """Tools with that root for agents' directories."""
    async with builtin(ToolSettings(fs=FsSettings(root=root, **more))) as tools:
        yield tools


async def write(tools: BuiltinTools, path: str, text: str = "", rule: Rule | None = None, **more: Any) -> Any:
    """What fs.write answers."""
    agent = more.pop("agent", "alice")
    return await answer(tools, a_call("fs.write", {"path": path, "text": text, **more}, rule, agent))


async def read(tools: BuiltinTools, path: str, rule: Rule | None = None, agent: str = "alice", **more: Any) -> Any:
    """What fs.read answers."""
    return await answer(tools, a_call("fs.read", {"path": path, **more}, rule, agent))


async def code(tools: BuiltinTools, tool: str, rule: Rule | None = None, **arguments: Any) -> str:
    """The code that a call fails with."""
    return (await refusal(tools, a_call(tool, arguments, rule))).code


def test_what_was_written_is_read(run: Run, tmp_path: Path) -> None:
    """Directories are made on the way; files and directories are for their owner alone."""

    async def main() -> None:
        async with files(tmp_path / "agents") as tools:
            assert {"path": "a/b/c.txt", "size": 6} == await write(tools, "a//./b/c.txt", "grüß")
            expected = {"path": "a/b/c.txt", "size": 6, "offset": 0, "bytes": 6, "text": "grüß"}
            assert expected == await read(tools, "a/b/c.txt")
            own = tmp_path / "agents" / "alice"
            for path, mode in ((own, 0o700), (own / "a", 0o700), (own / "a/b/c.txt", 0o600)):
                assert mode == path.stat().st_mode & 0o777
            await write(tools, "a/b/c.txt", "new")
            assert "new" == (await read(tools, "a/b/c.txt"))["text"]
            assert ["c.txt"] == os.listdir(own / "a/b")

    run(main())


def test_the_text_of_a_result_is_the_file(run: Run, tmp_path: Path) -> None:
    """For agents that read text only."""

    async def main() -> None:
        async with files(tmp_path) as tools:
            await write(tools, "a", "some text")
            found = json.loads(await tools.call(a_call("fs.read", {"path": "a"})))
            assert [{"type": "text", "text": "some text"}] == found["content"]

    run(main())


def test_bytes_go_and_come_as_base64(run: Run, tmp_path: Path) -> None:
    """What is not UTF-8, or has control characters, is not told as text."""

    async def main() -> None:
        async with files(tmp_path) as tools:
            for data in (b"\xff\x00", b"\0"):
                told = base64.b64encode(data).decode()
                await answer(tools, a_call("fs.write", {"path": "a", "base64": told}))
                assert told == (await read(tools, "a"))["base64"]
                assert data == (tmp_path / "alice" / "a").read_bytes()

    run(main())


def test_a_part_of_a_file(run: Run, tmp_path: Path) -> None:
    """Offset and length count bytes; a character that is cut is no text."""

    async def main() -> None:
        async with files(tmp_path, max_bytes=10) as tools:
            (tmp_path / "alice").mkdir()
            (tmp_path / "alice" / "long").write_text("0123456789ABCDEFü")
            assert "tool.failed" == await code(tools, "fs.read", path="long")
            assert "tool.failed" == await code(tools, "fs.read", path="long", length=11)
            assert "3456789ABC" == (await read(tools, "long", offset=3, length=10))["text"]
            assert "EFü" == (await read(tools, "long", offset=14))["text"]
            assert "ww==" == (await read(tools, "long", offset=16, length=1))["base64"]
            assert "" == (await read(tools, "long", offset=500))["text"]
            assert "" == (await read(tools, "long", length=0))["text"]

    run(main())


def test_appending(run: Run, tmp_path: Path) -> None:
    """At the end of what is there, or of nothing; not beyond what a file may have."""

    async def main() -> None:
        async with files(tmp_path, max_bytes=8) as tools:
            assert 3 == (await write(tools, "log", "one", append=True))["size"]
            assert 6 == (await write(tools, "log", "two", append=True))["size"]
            assert "tool.bad-arguments" == await code(tools, "fs.write", path="log", text="333", append=True)
            assert "onetwo" == (await read(tools, "log"))["text"]

    run(main())


def test_listing(run: Run, tmp_path: Path) -> None:
    """By name, with type and size; what is neither file nor directory is only named."""

    async def main() -> None:
        async with files(tmp_path) as tools:
            assert [] == (await answer(tools, a_call("fs.list", {})))["entries"]
            await write(tools, "b/x", "12345")
            await write(tools, "a", "1")
            (tmp_path / "alice" / "link").symlink_to("/etc/passwd")
            found = (await answer(tools, a_call("fs.list", {})))["entries"]
            assert [("a", "file"), ("b", "directory"), ("link", "other")] == [
                (one["name"], one["type"]) for one in found
            ]
            (only,) = (await answer(tools, a_call("fs.list", {"path": "b"})))["entries"]
            assert {"name": "x", "type": "file", "size": 5} == only

    run(main())


def test_a_listing_has_an_end(run: Run, tmp_path: Path) -> None:
    """Of more entries the first are told, and that there are more; names that are no text are told, too."""

    async def main() -> None:
        own = tmp_path / "alice"
        own.mkdir()
        for number in range(trees.LISTED + 1):
            (own / f"{number:05}").touch()
        async with files(tmp_path) as tools:
            found = await answer(tools, a_call("fs.list", {}))
            assert (trees.LISTED, True) == (len(found["entries"]), found["truncated"])
            os.makedirs(os.fsencode(own) + b"/sub/\xff")
            (only,) = (await answer(tools, a_call("fs.list", {"path": "sub"})))["entries"]
            assert "\ufffd" == only["name"]

    run(main())


def test_agents_have_a_directory_each(run: Run, tmp_path: Path) -> None:
    """What one writes the other does not see."""

    async def main() -> None:
        async with files(tmp_path) as tools:
            await write(tools, "a", "alice's")
            assert "tool.failed" == (await refusal(tools, a_call("fs.read", {"path": "a"}, agent="bob"))).code
            await write(tools, "a", "bob's", agent="bob")
            assert "alice's" == (await read(tools, "a"))["text"]

    run(main())


def test_no_root_no_files(run: Run, tmp_path: Path) -> None:
    """Without a root there is nothing, and an agent's name cannot lead anywhere."""

    async def main() -> None:
        async with files(None) as tools:
            for tool in ("fs.read", "fs.list"):
                assert "grant.denied" == await code(tools, tool, path="a")
            assert "grant.denied" == await code(tools, "fs.write", path="a", text="x")
        async with files(tmp_path / "agents") as tools:
            for name in ("..", "@user", "a/b", "", ".hidden", "A"):
                assert "grant.denied" == (await refusal(tools, a_call("fs.list", {}, agent=name))).code
            await answer(tools, a_call("fs.list", {}))
            (tmp_path / "agents" / "mallory").symlink_to(tmp_path)
            assert "grant.denied" == (await refusal(tools, a_call("fs.list", {}, agent="mallory"))).code

    run(main())


def test_a_rule_may_name_the_root(run: Run, tmp_path: Path) -> None:
    """Agents may share one; one that is not there is not made."""

    async def main() -> None:
        shared, rule = tmp_path / "shared", Rule(root=str(tmp_path / "shared"))
        async with files(None) as tools:
            assert "tool.failed" == await code(tools, "fs.write", rule, path="a", text="x")
            assert not shared.exists()
            shared.mkdir()
            await write(tools, "a", "ours", rule)
            assert "ours" == (await read(tools, "a", rule, "bob"))["text"]
            assert "ours" == (shared / "a").read_text()

    run(main())


def test_the_quota_holds(run: Run, tmp_path: Path) -> None:
    """It counts every file of the tree; what is replaced makes room; a rule may say another."""

    async def main() -> None:
        async with files(tmp_path, quota=100) as tools:
            await write(tools, "a/b", "x" * 60)
            assert "limit.budget" == await code(tools, "fs.write", path="c", text="x" * 41)
            assert "limit.budget" == await code(tools, "fs.write", path="a/b", text="x" * 41, append=True)
            await write(tools, "c", "x" * 40)
            await write(tools, "a/b", "y" * 60)
            assert "limit.budget" == await code(tools, "fs.write", path="a/b", text="x" * 61)
            assert "limit.budget" == await code(tools, "fs.write", path="d", text="x")
            await write(tools, "a/b", "")
            await write(tools, "d", "x")
            assert "limit.budget" == await code(tools, "fs.write", Rule(quota=10), path="e", text="x")
            await write(tools, "e", "x" * 100, Rule(quota="1 KiB"))

    run(main())


@pytest.mark.parametrize("append", [False, True])
def test_the_quota_holds_when_all_write_at_once(run: Run, tmp_path: Path, append: bool) -> None:
    """Calls of two agents that share a directory, one of them through a link to it."""

    async def main() -> None:
        real, link = tmp_path / "real", tmp_path / "link"
        real.mkdir()
        link.symlink_to(real)
        async with files(None) as tools:

            async def one(number: int) -> bool:
                rule = Rule(root=str(link if number % 2 else real), quota=100)
                path = "log" if append else f"f{number}"
                call = a_call(
                    "fs.write", {"path": path, "text": "0123456789", "append": append}, rule, f"a{number % 2}"
                )
                try:
                    return bool(await tools.call(call))
                except LimitError:
                    return False

            assert 10 == sum(await asyncio.gather(*map(one, range(50))))
            assert 100 == sum(path.stat().st_size for path in real.iterdir())

    run(main())


def test_one_writes_at_a_time(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one directory, whatever its name: counting and writing are not interleaved. In two, two write."""
    real, link, other = tmp_path / "real", tmp_path / "link", tmp_path / "other"
    real.mkdir()
    other.mkdir()
    link.symlink_to(real)
    counted = trees.usage

    async def together(roots: tuple[Path, Path], patience: float) -> bool:
        meeting = threading.Barrier(2)

        def meet(root: int) -> trees.Usage:
            with suppress(threading.BrokenBarrierError):
                meeting.wait(patience)
            return counted(root)

        monkeypatch.setattr(trees, "usage", meet)
        async with files(None) as tools:
            writes = (write(tools, "f", "x", Rule(root=str(root)), agent=root.name) for root in roots)
            await asyncio.gather(*writes)
        return not meeting.broken

    assert not run(together((real, link), 0.2))
    assert run(together((real, other), 30))


def test_a_write_that_waits_for_a_thread_can_be_cancelled(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is not made."""
    go, counted = threading.Event(), trees.usage

    def slowly(root: int) -> trees.Usage:
        assert go.wait(30)
        return counted(root)

    monkeypatch.setattr(trees, "usage", slowly)

    async def main() -> None:
        async with files(tmp_path) as tools:
            others = [asyncio.create_task(write(tools, "f", agent=f"a{number}")) for number in range(20)]
            last = asyncio.create_task(write(tools, "f", agent="last"))
            await asyncio.sleep(0)
            last.cancel()
            with suppress(asyncio.CancelledError):
                await last
            go.set()
            await asyncio.gather(*others)
            await write(tools, "g", agent="a0")
        assert not (tmp_path / "last").exists()

    run(main())


def test_there_are_only_so_many_files(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files, and directories, take room, too."""
    monkeypatch.setattr(trees, "MAX_ENTRIES", 5)

    async def main() -> None:
        async with files(tmp_path) as tools:
            for number in range(3):
                await write(tools, f"f{number}")
            assert "limit.budget" == await code(tools, "fs.write", path="a/b/c", text="")
            await write(tools, "a/b")
            assert "limit.budget" == await code(tools, "fs.write", path="f9", text="")
            await write(tools, "f0", "still")

    run(main())


def test_a_reader_sees_all_of_the_old_or_all_of_the_new(run: Run, tmp_path: Path) -> None:
    """While a file is replaced again and again."""

    async def main() -> None:
        async with files(tmp_path) as tools:
            texts = ["a" * 200_000, "b" * 100_000]
            await write(tools, "f", texts[0])
            ended = asyncio.Event()

            async def reading() -> set[str]:
                found = set()
                while not ended.is_set():
                    found.add((await read(tools, "f"))["text"])
                return found

            reader = asyncio.create_task(reading())
            for number in range(30):
                await write(tools, "f", texts[number % 2])
            ended.set()
            assert {*texts} >= await reader
            assert ["f"] == os.listdir(tmp_path / "alice")

    run(main())


def test_a_cancelled_write_is_whole_or_not_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread works on; until it has ended nobody else writes there. A call that had not begun is not made."""
    began, go = threading.Event(), threading.Event()
    counted = trees.usage

    def slowly(root: int) -> trees.Usage:
        began.set()
        assert go.wait(30)
        return counted(root)

    monkeypatch.setattr(trees, "usage", slowly)

    async def main() -> None:
        async with files(tmp_path) as tools:
            first = asyncio.create_task(write(tools, "first", "1"))
            await asyncio.to_thread(began.wait)
            second = asyncio.create_task(write(tools, "second", "2"))
            third = asyncio.create_task(write(tools, "third", "3"))
            await asyncio.sleep(0)
            for task in (first, second):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            assert not third.done()
            assert [] == os.listdir(tmp_path / "alice")
            go.set()
            await third
            assert ["first", "third"] == sorted(os.listdir(tmp_path / "alice"))

    run(main())


def test_a_full_disk_leaves_the_old_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no half of a new one: here the kernel refuses files beyond a size."""
    import resource
    import signal

    async def main() -> None:
        async with files(tmp_path) as tools:
            await write(tools, "f", "old")
            await write(tools, "log", "old")
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
            try:
                assert "tool.failed" == await code(tools, "fs.write", path="f", text="x" * 2000)
                assert "tool.failed" == await code(tools, "fs.write", path="log", text="x" * 2000, append=True)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
                signal.signal(signal.SIGXFSZ, ignored)
            assert ("old", "old") == ((await read(tools, "f"))["text"], (await read(tools, "log"))["text"])
            assert ["f", "log"] == sorted(os.listdir(tmp_path / "alice"))

    run(main())
