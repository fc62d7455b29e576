"""Compiled modules on disk are the user's own: nobody else's native code is ever loaded from there."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caxton.sandbox import cache as cache_module
from caxton.sandbox import module as module_room
from caxton.sandbox.cache import ModuleCache, cache_directory
from caxton.sandbox.compilation import Compilation
from caxton.sandbox.engine import Settings
from caxton.sandbox.facts import Facts
from caxton.sandbox.module import entry_name, load
from tests.sandbox.guests import agent, guest_limits

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A cache directory and a state directory of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "cache" / "caxton", tmp_path / "state" / "caxton"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def entries(directory: Path) -> list[Path]:
    return sorted((directory / "modules").iterdir())


def kept(name: str = "name", content: bytes = CONTENT) -> bytes | None:
    """What another cache, as a later process has it, finds."""
    found = ModuleCache().get(name)
    return None if found is None else bytes(found)


def test_what_is_put_is_found(places: tuple[Path, Path]) -> None:
    """By this cache and by a later one; under its name only; the last content counts."""
    made = ModuleCache()
    assert made.get("name") is None
    made.put("name", CONTENT)
    assert kept() == CONTENT
    assert kept("other") is None
    made.put("name", b"")
    assert kept() == b""
    made.remove("name")
    assert kept() is None


def test_everything_is_closed_to_others(places: tuple[Path, Path]) -> None:
    """Directories 0700, files 0600, whatever the umask says."""
    before = os.umask(0)
    try:
        ModuleCache().put("name", CONTENT)
    finally:
        os.umask(before)
    directory, state = places
    assert (mode(directory), mode(directory / "modules"), mode(state)) == (0o700, 0o700, 0o700)
    assert [mode(path) for path in entries(directory)] == [0o600]
    assert mode(state / "cache.key") == 0o600


def test_the_key_lies_elsewhere(places: tuple[Path, Path]) -> None:
    """Who copies the cache directory has no key; the key is in no entry, and names tell nothing."""
    ModuleCache().put("a telling name", CONTENT)
    directory, state = places
    key = (state / "cache.key").read_bytes()
    assert len(key) == 32
    (entry,) = entries(directory)
    assert key not in entry.read_bytes()
    assert "telling" not in entry.name


def test_xdg_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`$XDG_CACHE_HOME/caxton`; where it is unset, empty or relative, `~/.cache/caxton`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/else")
    assert cache_directory() == Path("/somewhere/else/caxton")
    for value in ("", "relative/path", "."):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_directory() == tmp_path / ".cache" / "caxton"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == tmp_path / ".cache" / "caxton"
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    ModuleCache().put("name", CONTENT)
    assert (tmp_path / ".local/state/caxton/cache.key").is_file()


def test_without_a_home(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A user that no password file knows has no cache, and works."""
    import pwd

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    made = ModuleCache()
    made.put("name", CONTENT)
    assert made.get("name") is None
    assert "not kept" in caplog.text


def spoil_mode(directory: Path, state: Path) -> None:
    directory.chmod(0o755)


def spoil_inner_mode(directory: Path, state: Path) -> None:
    (directory / "modules").chmod(0o770)


def spoil_state_mode(directory: Path, state: Path) -> None:
    state.chmod(0o705)


def spoil_link(directory: Path, state: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to(directory.with_name("elsewhere"))


def spoil_inner_link(directory: Path, state: Path) -> None:
    (directory / "modules").rename(directory / "elsewhere")
    (directory / "modules").symlink_to(directory / "elsewhere")


def spoil_file(directory: Path, state: Path) -> None:
    (directory / "modules").rename(directory / "elsewhere")
    (directory / "modules").touch()


def spoil_key(directory: Path, state: Path) -> None:
    (state / "cache.key").write_bytes(b"short")


def spoil_long_key(directory: Path, state: Path) -> None:
    (state / "cache.key").write_bytes(bytes(33))


def spoil_key_mode(directory: Path, state: Path) -> None:
    (state / "cache.key").chmod(0o622)


def spoil_key_link(directory: Path, state: Path) -> None:
    (state / "cache.key").rename(state / "other.key")
    (state / "cache.key").symlink_to(state / "other.key")


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_mode,
        spoil_inner_mode,
        spoil_state_mode,
        spoil_link,
        spoil_inner_link,
        spoil_file,
        spoil_key,
        spoil_long_key,
        spoil_key_mode,
        spoil_key_link,
    ],
)
def test_a_cache_that_others_could_write_is_not_used(
    places: tuple[Path, Path], caplog: pytest.LogCaptureFixture, spoil: Callable[[Path, Path], None]
) -> None:
    """Nothing is read from it and nothing written to it; a warning says why; and modules still load."""
    ModuleCache().put("name", CONTENT)
    spoil(*places)
    made = ModuleCache()
    assert made.get("name") is None
    before = sorted(path for path in places[0].rglob("*"))
    made.put("new", CONTENT)
    assert sorted(path for path in places[0].rglob("*")) == before
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "not kept" in caplog.text


def test_another_users_directory_is_not_used(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever owns it could have put anything there."""
    ModuleCache().put("name", CONTENT)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    made = ModuleCache()
    assert made.get("name") is None
    assert "belongs to another user" in caplog.text


def test_another_users_entry_is_not_used(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor a single file of theirs, should it ever get there."""
    made = ModuleCache()
    made.put("name", CONTENT)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert made.get("name") is None
    assert "not used" in caplog.text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 0.9999), bit=st.integers(0, 7))
def test_a_changed_bit_is_noticed(places: tuple[Path, Path], where: float, bit: int) -> None:
    """Anywhere in an entry: it counts as missing, is removed, and may be made anew."""
    made = ModuleCache()
    made.put("name", CONTENT)
    (entry,) = entries(places[0])
    data = bytearray(entry.read_bytes())
    data[int(len(data) * where)] ^= 1 << bit
    entry.write_bytes(data)
    assert made.get("name") is None
    assert not entry.exists()
    made.put("name", CONTENT)
    assert kept() == CONTENT


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.integers(0, len(CONTENT) + 31), more=st.binary(max_size=40))
def test_a_cut_or_longer_entry_is_noticed(places: tuple[Path, Path], keep: int, more: bytes) -> None:
    """A half-written file, or one with something after it."""
    made = ModuleCache()
    made.put("name", CONTENT)
    (entry,) = entries(places[0])
    whole = entry.read_bytes()
    for data in (whole[:keep], whole[:keep] + more, whole + b"\0" + more):
        if data != whole:
            entry.write_bytes(data)
            assert made.get("name") is None
    made.put("name", CONTENT)


def test_an_entry_under_another_name_is_noticed(places: tuple[Path, Path]) -> None:
    """An authentic entry is authentic only for what it was made from."""
    made = ModuleCache()
    made.put("one", b"first")
    first = entries(places[0])[0]
    made.put("two", b"second")
    second = next(path for path in entries(places[0]) if path != first)
    second.write_bytes(first.read_bytes())
    assert made.get("two") is None
    assert bytes(made.get("one") or b"") == b"first"


def test_an_entry_made_with_another_key_is_noticed(places: tuple[Path, Path]) -> None:
    """Who writes entries without the user's key writes in vain."""
    ModuleCache().put("name", CONTENT)
    (places[1] / "cache.key").unlink()
    assert kept() is None
    ModuleCache().put("name", CONTENT)
    assert kept() == CONTENT


def test_entries_that_are_no_files(places: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A link is not followed, a pipe not waited for, a directory not read; a warning names it by its path."""
    made = ModuleCache()
    made.put("name", CONTENT)
    (entry,) = entries(places[0])
    entry.rename(tmp_path / "moved")
    entry.symlink_to(tmp_path / "moved")
    assert made.get("name") is None
    entry.unlink()
    os.mkfifo(entry)
    assert made.get("name") is None
    entry.unlink()
    entry.mkdir(mode=0o700)
    assert made.get("name") is None
    assert f"{entry} is not a file" in caplog.text
    made.put("name", CONTENT)  # which cannot work, and harms nothing
    entry.rmdir()
    made.put("name", CONTENT)
    assert kept() == CONTENT


@pytest.mark.parametrize("bits", [0o666, 0o620, 0o602])
def test_an_entry_that_others_can_write_is_not_used(places: tuple[Path, Path], bits: int) -> None:
    """Though its directory is closed."""
    made = ModuleCache()
    made.put("name", CONTENT)
    (entry,) = entries(places[0])
    entry.chmod(bits)
    assert made.get("name") is None


def test_what_was_checked_is_what_is_used(places: tuple[Path, Path]) -> None:
    """An entry that changes after it was read changes nothing of what was read."""
    made = ModuleCache()
    made.put("name", CONTENT)
    found = made.get("name")
    (entry,) = entries(places[0])
    entry.write_bytes(b"\xff" * entry.stat().st_size)
    assert bytes(found or b"") == CONTENT


def test_concurrent_writers_and_readers(places: tuple[Path, Path]) -> None:
    """Whoever reads gets one of the contents that were written, whole; nothing is left lying about."""
    contents = [bytes([i]) * (10_000 + i * 1000) for i in range(8)]
    made = [ModuleCache() for _ in range(8)]
    made[0].put("name", contents[0])
    start = threading.Barrier(8)

    def work(i: int) -> bool:
        start.wait()
        fine = True
        for _ in range(40):
            made[i].put("name", contents[i])
            found = made[i].get("name")
            fine = fine and found is not None and bytes(found) in contents
        return fine

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert len(entries(places[0])) == 1


def test_two_first_runs_at_once_share_a_key(places: tuple[Path, Path]) -> None:
    """Whoever comes first makes it; entries of both are good afterwards."""
    for round_ in range(20):
        start = threading.Barrier(4)

        def make(i: int, start: threading.Barrier = start, round_: int = round_) -> None:
            start.wait()
            ModuleCache().put(f"{round_} {i}", CONTENT)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(make, range(4)))
        assert all(kept(f"{round_} {i}") == CONTENT for i in range(4))
        assert sorted(path.name for path in places[1].iterdir()) == ["cache.key"]
        (places[1] / "cache.key").unlink()


def test_the_cache_is_bounded(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was used longest ago makes room for what is new; what is in use is touched."""
    monkeypatch.setattr(cache_module, "_MAX_TOTAL", 5 * (len(CONTENT) + 32))
    made = ModuleCache()
    for i in range(5):
        made.put(str(i), CONTENT)
        for path in entries(places[0]):
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
    assert made.get("0") is not None
    made.put("5", CONTENT)
    assert [made.get(str(i)) is not None for i in range(6)] == [True, False, True, True, True, True]


def test_an_entry_larger_than_allowed(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither written nor read."""
    made = ModuleCache()
    made.put("name", CONTENT)
    monkeypatch.setattr(cache_module, "_MAX_ENTRY", 100)
    assert made.get("name") is None
    made.put("other", CONTENT)
    assert len(entries(places[0])) == 1


# ---- what the sandbox does with it


class Counted:
    """Compilations, counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, data: bytes, settings: Settings) -> Compilation:
        self.count += 1
        return Compilation(data, settings)


TEXT = agent().encode()


def test_a_module_is_compiled_once(places: tuple[Path, Path]) -> None:
    """The second time it comes from the cache, and is the same."""
    compiled = Counted()
    first = load(TEXT, ModuleCache(), compilation=compiled)
    second = load(TEXT, ModuleCache(), compilation=compiled)
    assert compiled.count == 1
    assert first.facts == second.facts
    assert second.guest(guest_limits()).start(0) == 0


def test_the_name_holds_all_that_code_depends_on(places: tuple[Path, Path]) -> None:
    """Other settings, other bytes, another wasmtime: another entry."""
    compiled = Counted()
    for data, features in ((TEXT, ()), (TEXT + b" ", ()), (TEXT, ("gc",)), (TEXT, ("gc", "exceptions"))):
        for _ in range(2):
            load(data, ModuleCache(), settings=Settings(frozenset(features)), compilation=compiled)
    assert compiled.count == 4
    assert len(entries(places[0])) == 4
    assert len({Settings().key, Settings(frozenset({"gc"})).key, Settings(reservation=1 << 26).key}) == 3


def test_a_module_that_is_no_agent_is_not_kept(places: tuple[Path, Path]) -> None:
    """Only what passed the load checks is."""
    with pytest.raises(Exception, match=r"module\.missing-export"):
        load(b"(module)", ModuleCache())
    assert entries(places[0]) == []


def test_tampered_code_is_not_deserialised(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are not authentic never reach the engine; the module is compiled again and works."""
    compiled = Counted()
    load(TEXT, ModuleCache(), compilation=compiled)
    (entry,) = entries(places[0])
    good = entry.read_bytes()
    seen: list[bytes] = []
    real = module_room._deserialize

    def spy(used: Any, code: bytes | memoryview) -> Any:
        seen.append(bytes(code))
        return real(used, code)

    monkeypatch.setattr(module_room, "_deserialize", spy)
    for data in (good[:32] + bytes(len(good) - 32), good[:-1], bytes(32) + good[32:], good[:-100] + b"\xcc" * 100):
        entry.write_bytes(data)
        entry.chmod(0o600)
        made = load(TEXT, ModuleCache(), compilation=compiled)
        assert made.guest(guest_limits()).start(0) == 0
    assert compiled.count == 5
    assert len(set(seen)) == 1
    assert seen[0] in good


def test_an_authentic_entry_that_does_not_load(places: tuple[Path, Path]) -> None:
    """Code of another CPU, say: it is removed and made anew."""
    compiled = Counted()
    made = load(TEXT, ModuleCache(), compilation=compiled)
    (entry,) = entries(places[0])
    header = made.facts.as_json()
    settings = made._engine.settings
    name = entry_name(TEXT, settings)
    for content in (
        b"",
        b"\xff\xff\xff\xff",
        len(header).to_bytes(4, "little") + header + b"no code",
        b"\2\0\0\0{}no code",
    ):
        ModuleCache().put(name, content)
        again = load(TEXT, ModuleCache(), compilation=compiled)
        assert again.guest(guest_limits()).start(0) == 0
    assert compiled.count == 5
    assert isinstance(made.facts, Facts)
    assert entry.exists()


def test_nothing_is_written_beside_the_module(places: tuple[Path, Path], tmp_path: Path) -> None:
    """The project's directory stays as it is."""
    from tests.sandbox.guests import Box

    project = tmp_path / "project"
    project.mkdir()
    (project / "agent.wat").write_text(agent())
    with Box() as box:
        box.ask(box.spawn(project / "agent.wat"))
    assert [path.name for path in project.iterdir()] == ["agent.wat"]
    assert len(entries(places[0])) == 1
