"""Compiling happens in another process, under limits: no module takes the host's time, memory or life."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import caxton
from caxton.host import loading
from caxton.sandbox import compilation as compilation_module
from caxton.sandbox.cache import ModuleCache
from caxton.sandbox.compilation import Compilation
from caxton.sandbox.engine import Settings, default_settings
from caxton.sandbox.module import load
from caxton.sandbox.warmth import Allowance
from tests.sandbox.guests import MIB, Box, agent, guest_limits, leb, number, section, sized


def module(body: bytes, locals_: int = 0) -> bytes:
    """A valid agent whose `handle_message` has this body, which leaves nothing, and so many further locals."""
    declared = leb(1) + leb(locals_) + b"\x7f" if locals_ else leb(0)
    return b"".join(
        [
            b"\0asm\x01\0\0\0",
            section(1, b"\x60\x02\x7f\x7f\x01\x7f"),
            section(3, b"\0", b"\0"),
            section(5, b"\0\x01"),
            section(
                7, sized(b"memory") + b"\2\0", sized(b"handle_message") + b"\0\0", sized(b"get_response") + b"\0\1"
            ),
            section(10, sized(declared + body + b"\x41\0\x0b"), sized(b"\0\x41\0\x0b")),
        ]
    )


def loops(count: int) -> bytes:
    """So many nested loops, each of which changes a local: what the compiler must keep grows with the square."""
    opened = b"".join(b"\x03\x40\x20" + leb(2 + i * 7 % count) + b"\x41\x01\x6a\x21" + leb(2 + i) for i in range(count))
    closed = b"".join(b"\x20" + leb(2 + i) + b"\x0d\0\x0b" for i in range(count))
    return module(opened + closed, count)


BOMB = loops(2_500)  # 40 KiB, which would take gigabytes
SMALL = partial(Compilation, seconds=20.0, memory=512 * MIB)


def test_a_bomb_is_too_complex_in_memory() -> None:
    """Beyond the limit of memory: `module.too-complex`, and this process goes on."""
    for _ in range(2):
        with pytest.raises(caxton.ModuleError) as caught:
            load(BOMB, ModuleCache(), compilation=SMALL)
        assert caught.value.code == "module.too-complex"
        assert "512 MiB" in caught.value.message
    load(agent().encode(), ModuleCache(), compilation=SMALL)


def test_a_bomb_is_too_complex_in_time() -> None:
    """Beyond the limit of time as well."""
    with pytest.raises(caxton.ModuleError) as caught:
        Compilation(BOMB, default_settings(), seconds=0.3).run()
    assert caught.value.code == "module.too-complex"
    assert "0.3 s" in caught.value.message


MOST_SECTIONS = 10_000


@pytest.mark.parametrize("count", [MOST_SECTIONS - 1, MOST_SECTIONS, MOST_SECTIONS + 1, 99_995, 99_996, 200_000])
@pytest.mark.parametrize("options", [{}, {"dumpable": True}, {"features": frozenset({"exceptions"})}])
def test_very_many_sections(count: int, options: dict[str, Any]) -> None:
    """So many as there may be, and more: it is compiled, or invalid. No limit of time or memory is blamed."""
    data = module(b"") + b"\0\1\0" * count
    settings = replace(default_settings(), **options)
    compilation = Compilation(data, settings, allowance=Allowance(10**6, 1.0))
    if count <= MOST_SECTIONS:
        compilation.run()
        return
    with pytest.raises(caxton.ModuleError, match=r"more than \d+ (custom )?sections") as caught:
        compilation.run()
    assert caught.value.code == "module.invalid"


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        ("RuntimeError('secret')", "module.invalid", "it could not be read (RuntimeError)"),
        ("RecursionError()", "module.invalid", "it could not be read (RecursionError)"),
        ("MalformedBinary(16, 'odd')", "module.invalid", "not valid WebAssembly: at byte 0x10: odd"),
        ("MemoryError()", "module.too-complex", "reading or compiling it took more than 120 s or 4096 MiB"),
        ("SystemExit()", "module.too-complex", "reading or compiling it took more than 120 s or 4096 MiB"),
    ],
)
def test_a_mistake_in_the_child(raised: str, code: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as what it is, and the child ends in order."""
    broken = f"import caxton.sandbox.compiler as c\ndef broken(*_): raise c.{raised}\nc._TASKS['compile'] = broken\n"
    plain = "import builtins\nfor name in ('RuntimeError', 'RecursionError', 'MemoryError', 'SystemExit'):\n"
    plain += "    setattr(c, name, getattr(builtins, name))\n"
    boot = compilation_module._BOOT.replace("main()\n", f"{broken}{plain}main()\n")
    monkeypatch.setattr(compilation_module, "_BOOT", boot)
    compilation = Compilation(agent().encode(), default_settings())
    with pytest.raises(caxton.ModuleError) as caught:
        compilation.run()
    assert (code, says) == (caught.value.code, caught.value.message)
    assert compilation._process is not None
    assert compilation._process.returncode in (0, 1, -signal.SIGKILL)


DEEP_TEXT = "(module (func " + "(block " * 100_000 + ")" * 100_000 + "))"
STRANGE: dict[str, tuple[bytes, set[str | None]]] = {
    "deep nesting": (module(b"\x02\x40" * 100_000 + b"\x0b" * 100_000), {None}),
    "deep loops": (module(b"\x03\x40" * 30_000 + b"\x0b" * 30_000), {None, "module.too-complex"}),
    "a large br_table": (module(b"\x02\x40\x41\0\x0e" + leb(60_000) + b"\0" * 60_001 + b"\x0b"), {None}),
    "a br_table beyond the limit": (
        module(b"\x02\x40\x41\0\x0e" + leb(7_000_000) + b"\0" * 7_000_001 + b"\x0b"),
        {"module.too-complex", "module.invalid"},
    ),
    "all locals there can be": (module(b"", 49_998), {None}),
    "more locals": (module(b"", 50_000), {"module.invalid"}),
    "four thousand million locals": (module(b"", 2**32 - 3), {"module.invalid"}),
    "a deep condition": (module(b"\x41\0" + b"\x41\1\x6a" * 200_000 + b"\x1a"), {None}),
    "deep text": (DEEP_TEXT.encode(), {"module.missing-export", "module.invalid", "module.too-complex"}),
    "brackets": (b"(" * 300_000, {"module.invalid", "module.too-complex"}),
    "text in text": (b"(module " * 50_000, {"module.invalid", "module.too-complex"}),
    "a long name in text": (b"(module $" + b"a" * 5_000_000 + b")", {"module.missing-export", "module.invalid"}),
    "a million types": (
        b"\0asm\x01\0\0\0" + section(1, *[b"\x60\0\0"] * 1_000_001),
        {"module.invalid", "module.too-complex"},
    ),
    "many globals": (
        agent(items="(global (mut i64) (i64.const 1))" * 20_000).encode(),
        {None, "module.too-complex", "limit.host"},
    ),
    "globals beyond an instance": (
        agent(items="(global (mut v128) (v128.const i64x2 1 2))" * 300_000).encode(),
        {"module.too-complex"},
    ),
    "many functions": (agent(items="(func)" * 50_000).encode(), {None}),
}


@pytest.mark.parametrize("what", STRANGE.keys())
def test_strange_modules(what: str) -> None:
    """Compiled within the limits, or refused with the contract's code; what is compiled also starts."""
    data, codes = STRANGE[what]
    found: caxton.CaxtonError | None = None
    try:
        status = load(data, ModuleCache(), compilation=SMALL).guest(guest_limits()).start(0)
    except caxton.CaxtonError as error:
        found, status = error, 0
    assert (found.code if found else None) in codes
    assert found is None or found.message.isprintable()
    assert status == 0


def test_the_child_knows_nothing_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given neither the environment nor open files nor the working directory."""
    monkeypatch.setenv("CAXTON_TEST_SECRET", "swordfish")
    seen: list[tuple[str, bytes, list[str]]] = []
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    compilation = Compilation(BOMB, default_settings(), memory=1 << 30)

    def look() -> None:
        where = Path(f"/proc/{child_of(compilation)}")
        try:
            files = []
            for path in (where / "fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                    files.append(os.readlink(path))
            seen.append((os.readlink(where / "cwd"), (where / "environ").read_bytes(), files))
        finally:
            compilation.stop()

    watcher = threading.Thread(target=look)
    watcher.start()
    with pytest.raises(caxton.ModuleError):
        compilation.run()
    watcher.join()
    os.close(descriptor)
    directory, environment, files = seen[0]
    assert directory == "/"
    assert b"swordfish" not in environment
    assert not any(str(Path(name).resolve()).startswith(str(Path.cwd())) for name in files if name.startswith("/"))


def child_of(compilation: Compilation) -> int:
    """The process id of a running compilation's child."""
    while compilation._process is None:
        threading.Event().wait(0.001)
    return compilation._process.pid


def has_ended(pid: int, seconds: float = 20.0) -> bool:
    """Whether a process ends; it need not be a child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


class Counting:
    """Stands for ``Compilation`` in the loader: keeps each that was made."""

    def __init__(self) -> None:
        self.made: list[Compilation] = []
        self._begun = threading.Event()

    def __call__(
        self, data: bytes, settings: Settings, *, allowance: Allowance | None, turn: threading.Semaphore
    ) -> Compilation:
        self.made.append(Compilation(data, settings, allowance=allowance, turn=turn))
        self._begun.set()
        return self.made[-1]

    def first(self) -> Compilation:
        """Waits for the first."""
        assert self._begun.wait(60)
        return self.made[0]


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """An empty cache, and what is compiled for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Counting()
    monkeypatch.setattr(loading, "Compilation", made)
    return made


def test_all_who_wait_share_one_compilation(counting: Counting, box: Box) -> None:
    """Fifty agents of one module that nobody has compiled yet: one child process."""

    async def together() -> list[caxton.AgentRef]:
        return await asyncio.gather(*(box.host.spawn(f"a{i}", agent()) for i in range(50)))

    refs = box.run(together())
    assert len(counting.made) == 1
    assert all(number(box.ask(ref)) == 0 for ref in refs)


def test_who_gives_up_does_not_spoil_it_for_others(counting: Counting, box: Box) -> None:
    """One of two waits no longer; the other gets its agent, from the same compilation."""

    async def scene() -> caxton.AgentRef:
        first = asyncio.create_task(box.host.spawn("first", agent()))
        second = asyncio.create_task(box.host.spawn("second", agent()))
        await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        return await second

    assert number(box.ask(box.run(scene()))) == 0
    assert len(counting.made) == 1
    assert [ref.name for ref in box.host.agents()] == ["second"]


def test_all_who_wait_for_a_bad_module_are_told(counting: Counting, box: Box) -> None:
    """One compilation fails, all get its error; nothing bad is remembered for ever."""

    async def together() -> list[caxton.AgentRef | BaseException]:
        return await asyncio.gather(
            *(box.host.spawn(f"a{i}", "(module (func (result i32)))") for i in range(10)), return_exceptions=True
        )

    errors = box.run(together())
    assert {error.code for error in errors if isinstance(error, caxton.ModuleError)} == {"module.invalid"}
    assert len(errors) == 10
    assert len(counting.made) == 1
    box.refused("(module (func (result i32)))")
    assert len(counting.made) == 2


def test_agents_are_served_while_a_module_is_compiled(counting: Counting, box: Box) -> None:
    """Compiling is no business of the event loop's."""
    ref = box.spawn(agent())

    async def scene() -> int:
        slow = asyncio.create_task(box.host.spawn("slow", BOMB))
        served = 0
        while len(counting.made) < 2 or counting.made[1]._process is None:
            await ref.ask(b"")
        while served < 200:
            await ref.ask(b"")
            served += 1
        assert not slow.done()
        counting.made[1].stop()
        with pytest.raises(caxton.ModuleError):
            await slow
        return served

    assert box.run(scene()) == 200


def test_stopping_the_host_ends_the_child(counting: Counting) -> None:
    """A host that closes waits for no compilation: it ends it, and whoever waited is told."""

    async def scene() -> tuple[int, BaseException | None]:
        async with caxton.Host() as host:
            waiting = asyncio.create_task(host.spawn("slow", BOMB))
            pid = await asyncio.to_thread(lambda: child_of(counting.first()))
        await asyncio.wait([waiting])
        return pid, waiting.exception()

    pid, error = asyncio.run(scene())
    assert isinstance(error, caxton.CaxtonError)
    assert has_ended(pid)


ORPHAN = """
import sys, threading
from caxton.sandbox.compilation import Compilation
from caxton.sandbox.engine import Settings
compilation = Compilation(sys.stdin.buffer.read(), Settings(), memory=2 << 30)
def tell():
    while compilation._process is None:
        threading.Event().wait(0.001)
    print(compilation._process.pid, flush=True)
threading.Thread(target=tell).start()
compilation.run()
"""


def test_a_killed_host_leaves_no_orphan() -> None:
    """The child sees that nobody reads its answer any more, and ends, even when the host had no time to say so."""
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        host.stdin.write(BOMB)
        host.stdin.close()
        pid = int(host.stdout.readline())
        assert not has_ended(pid, 0)
        host.send_signal(signal.SIGKILL)
        host.wait()
        assert has_ended(pid)


def test_a_child_that_dies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed from outside, or unable to start: `module.too-complex`, never a hang."""
    compilation = Compilation(BOMB, default_settings(), memory=1 << 30)
    killer = threading.Thread(target=lambda: os.kill(child_of(compilation), signal.SIGKILL))
    killer.start()
    with pytest.raises(caxton.ModuleError) as caught:
        compilation.run()
    killer.join()
    assert caught.value.code == "module.too-complex"
    for says in (
        "",
        "{",
        "null",
        "{}",
        '{"facts": 1}',
        '{"facts": 9, "code": 9}',
        '{"error": "no.code", "message": ""}',
    ):
        command = [sys.executable, "-c", f"print({says!r}, flush=True)"]
        monkeypatch.setattr(Compilation, "_command", lambda self, command=command: command)
        with pytest.raises(caxton.ModuleError) as caught:
            Compilation(agent().encode(), default_settings()).run()
        assert caught.value.code == "module.too-complex"


def test_stopping_before_it_begins() -> None:
    """A compilation that was stopped does not run."""
    compilation = Compilation(BOMB, default_settings())
    compilation.stop()
    with pytest.raises(caxton.ModuleError):
        compilation.run()


def test_finished_compilations_are_forgotten(counting: Counting, box: Box) -> None:
    """The loader keeps nothing of what was compiled but the module."""
    import gc
    import weakref

    box.spawn(agent())
    gone = weakref.ref(counting.made.pop())
    gc.collect()
    assert gone() is None
