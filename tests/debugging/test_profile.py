"""A profile tells which functions an agent spends its time in: as JSON for the Firefox profiler, and as a picture."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.host.flamegraph import MAX_DEPTH, WIDTH, call_tree, flamegraph
from caxton.host.loading import Watched
from caxton.host.profiling import Recorder
from tests.agents.lab import eventually
from tests.cli.command import caxton as command
from tests.components.guests import text_agent
from tests.sandbox.guests import Box, agent, imports, number

LOOP = """(local $i i32)
  (loop $on (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $on (i32.lt_u (local.get $i) (i32.const {turns}))))"""
BUSY = agent(
    "(call $outer) (global.set $result (i64.add (global.get $result) (i64.const 1))) (i32.const 0)",
    uses=imports("log", "state_put", "state_get"),
    items=f"""
    (func $outer (call $"<hot> & \\"loud\\"")
      (drop (call $state_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))))
    (func $"<hot> & \\"loud\\"" {LOOP.format(turns=100_000_000)})""",
)
HOT = '<hot> & "loud"'


def stacks(data: bytes) -> list[tuple[str, ...]]:
    """The stack of each sample, outermost function first."""
    (thread,) = json.loads(data)["threads"]
    names = [thread["stringArray"][at] for at in thread["funcTable"]["name"]]
    found = []
    for stack in thread["samples"]["stack"]:
        path: list[str] = []
        while stack is not None:
            path.insert(0, names[thread["frameTable"]["func"][thread["stackTable"]["frame"][stack]]])
            stack = thread["stackTable"]["prefix"][stack]
        found.append(tuple(path))
    return found


STARTS = text_agent().replace(
    "(core module $m", "(core module $s (func $f) (start $f)) (core instance (instantiate $s)) (core module $m"
)


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """A folder with ``busy.wat``."""
    (tmp_path / "busy.wat").write_text(BUSY)
    return tmp_path


def test_the_command_writes_both(busy: Path) -> None:
    """Every sample is a stack of the guest's functions by name; what the agent answers is what it answered before."""
    plain = command("run", "busy.wat", cwd=busy)
    done = command("run", "busy.wat", "--profile", "out.json", "--flamegraph", "out.svg", cwd=busy)
    assert (done.status, done.out, done.err) == (0, plain.out, "")
    data = (busy / "out.json").read_bytes()
    found = stacks(data)
    assert ("handle", "outer", HOT) in found
    assert set(found) <= {(), ("handle",), ("handle", "outer"), ("handle", "outer", HOT), ("respond",)}
    meta = json.loads(data)["meta"]
    assert {"interval", "startTime", "version", "preprocessedProfileVersion"} <= set(meta)
    picture = ElementTree.fromstring((busy / "out.svg").read_bytes())  # noqa: S314 - our own
    titles = [title.text or "" for title in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert any(title.startswith(f"{HOT}: ") for title in titles)
    assert titles[0] == f"all: {len(found):,} samples, 100.0 %"


def test_the_fuel_is_the_same(busy: Path) -> None:
    """A profile changes nothing of what an agent does, nor what it is charged."""
    plain = command("run", "busy.wat", "--json", cwd=busy).object
    seen = command("run", "busy.wat", "--json", "--profile", "out.json", cwd=busy).object
    assert (seen["payload"], seen["usage"]["fuel"]) == (plain["payload"], plain["usage"]["fuel"])


def test_a_trap_loses_no_profile(tmp_path: Path) -> None:
    """What was recorded until then is written."""
    (tmp_path / "a.wat").write_text(
        BUSY.replace("(call $outer) (global.set", "(call $outer) (unreachable) (global.set")
    )
    done = command("run", "a.wat", "--profile", "out.json", cwd=tmp_path)
    assert done.status == 4
    assert ("handle", "outer", HOT) in stacks((tmp_path / "out.json").read_bytes())


def test_an_agent_that_does_nothing(tmp_path: Path) -> None:
    """Its profile may be empty; the picture is one all the same."""
    (tmp_path / "a.wat").write_text(agent())
    done = command("run", "a.wat", "--flamegraph", "out.svg", cwd=tmp_path)
    assert done.status == 0
    ElementTree.fromstring((tmp_path / "out.svg").read_bytes())  # noqa: S314 - our own


def test_a_file_that_cannot_be_written(busy: Path) -> None:
    """Is found before the agent runs."""
    done = command("run", "busy.wat", "--profile", "nowhere/out.json", "--trace-calls", cwd=busy)
    assert (done.status, done.out, len(done.lines)) == (6, b"", 1)
    assert done.lines[0].startswith("caxton: storage.failed: nowhere/out.json: ")


@pytest.mark.parametrize("option", ["--profile", "--flamegraph", "--coredump"])
def test_nothing_is_destroyed(busy: Path, option: str) -> None:
    """The module, a directory, what is no regular file, another output: refused before the agent runs, one object."""
    before = (busy / "busy.wat").read_bytes()
    (busy / "link").symlink_to("busy.wat")
    for path, status in (("busy.wat", 2), ("link", 2), (".", 6), ("/dev/full", 6)):
        done = command("run", "busy.wat", option, path, "--json", cwd=busy)
        assert (done.status, done.out.count(b"\n")) == (status, 1), path
    assert (busy / "busy.wat").read_bytes() == before


def test_a_run_that_fails_keeps_the_file_of_the_last_one(busy: Path) -> None:
    """What is written takes its place when all is there."""
    (busy / "out").write_text("the last one's")
    (busy / "broken.wat").write_text("(module")
    assert command("run", "broken.wat", "--profile", "out", cwd=busy).status == 3
    assert (busy / "out").read_text() == "the last one's"
    done = command("run", "busy.wat", "--profile", "out", "--flamegraph", "out", cwd=busy)
    assert (done.status, len(done.lines)) == (2, 1)


def test_functions_without_names_have_numbers(box: Box) -> None:
    """Those of the module, which count imports too: the same as in a stack."""
    text = BUSY.replace('$"<hot> & \\"loud\\""', "4").replace("(func 4 ", "(func ")
    recorder = Recorder()
    ref = box.spawn(text, debug=caxton.Debug(profile=recorder))
    box.ask(ref)
    profile = box.run(recorder.finish())
    assert ("handle", "outer", "function 4") in stacks(profile.data)
    assert profile.complete
    box.ask(ref)  # it goes on, and is not looked at any more
    with pytest.raises(caxton.HostError):
        box.run(recorder.finish())
    assert box.refused(text, debug=caxton.Debug(profile=recorder)).code == "config.invalid"


def test_components_are_refused_by_name(tmp_path: Path) -> None:
    """Also one whose code runs before its memory is there."""
    (tmp_path / "starts.wat").write_text(STARTS)
    done = command("run", "starts.wat", "--profile", "out.json", cwd=tmp_path)
    assert (done.status, done.lines) == (2, ["caxton run: components cannot be profiled"])


def test_what_is_kept_is_bounded(box: Box) -> None:
    """After so many samples no more are taken, and the profile says so."""
    recorder = Recorder()
    ref = box.spawn(BUSY, debug=caxton.Debug(profile=recorder))
    assert recorder._profiler is not None
    recorder._profiler._profile.most_samples = 2
    box.ask(ref)
    profile = box.run(recorder.finish())
    assert (profile.samples, profile.complete) == (2, False)


# ---- an agent that runs


async def asked(ref: caxton.AgentRef, done: asyncio.Event) -> list[int]:
    """Asks an agent again and again until ``done``; its answers."""
    found = []
    while not done.is_set():
        found.append(number(await ref.ask(b"")))
    return found


def test_an_agent_that_runs() -> None:
    """Its next turns are profiled, in a new instance whose memory begins anew; its state stays."""

    async def scenario() -> None:
        async with caxton.Host() as host:
            ref = await host.spawn("busy", BUSY)
            assert [number(await ref.ask(b"")), number(await ref.ask(b""))] == [1, 2]
            done = asyncio.Event()
            asking = asyncio.create_task(asked(ref, done))
            profile = await host.agent("busy").profile(1.0, restart=True)
            done.set()
            answers = await asking
            assert profile.agent == "busy"
            assert ("handle", "outer", HOT) in stacks(profile.data)
            assert 1 in answers
            assert "<svg" in profile.flamegraph()
            last = number(await ref.ask(b""))
            assert last == answers[-1] + 1
            figures = ref.statistics()
            assert (figures.restarts, figures.traps, figures.held > 0) == (1, 0, True)

    asyncio.run(scenario())


def test_memory_is_not_lost_by_mistake(box: Box) -> None:
    """Without ``restart=True`` nothing happens; nor where the module has changed, or somebody profiles already."""
    ref = box.spawn(BUSY)
    assert number(box.ask(ref)) == 1
    with pytest.raises(caxton.HostError, match="restart=True"):
        box.run(ref.profile(1.0))
    assert number(box.ask(ref)) == 2

    async def twice() -> None:
        first = asyncio.create_task(ref.profile(0.5, restart=True))
        await asyncio.sleep(0)
        with pytest.raises(caxton.HostError, match="already"):
            await ref.profile(0.1, restart=True)
        await first

    box.run(twice())
    assert ref.statistics().restarts == 1
    box.run(ref.stop())
    with pytest.raises(caxton.AgentError):
        box.run(ref.profile(0.1, restart=True))


def test_a_module_that_has_changed(box: Box, tmp_path: Path) -> None:
    """The agent keeps its instance."""
    (tmp_path / "a.wat").write_text(BUSY)
    ref = box.spawn(tmp_path / "a.wat")
    (tmp_path / "a.wat").write_text(agent())
    with pytest.raises(caxton.HostError, match="changed"):
        box.run(ref.profile(0.1, restart=True))
    assert number(box.ask(ref)) == 1


def tickers() -> list[threading.Thread]:
    """The threads that make guests look at the time, which have been given time to end."""
    found = [thread for thread in threading.enumerate() if thread.name == "caxton-profile"]
    for thread in found:
        thread.join(10)
    return [thread for thread in found if thread.is_alive()]


@pytest.mark.parametrize("how", ["cancelled", "stopped", "not started", "never finished", "forgotten"])
def test_nothing_runs_on(box: Box, how: str) -> None:
    """However a profile ends, nothing goes on ticking."""

    async def cancelled() -> None:
        ref = await box.host.spawn("a", agent())
        task = asyncio.create_task(ref.profile(60, restart=True))
        await eventually(lambda: any(thread.name == "caxton-profile" for thread in threading.enumerate()))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    recorder = Recorder()
    if how == "cancelled":
        box.run(cancelled())
    elif how == "stopped":
        ref = box.spawn(agent())
        box.run(ref.stop())
        with pytest.raises(caxton.AgentError):
            box.run(ref.profile(0.1, restart=True))
    elif how == "not started":
        box.refused(
            agent("unreachable", items="(func $no unreachable) (start $no)"), debug=caxton.Debug(None, recorder)
        )
    elif how == "never finished":
        box.run(box.spawn(agent(), debug=caxton.Debug(profile=recorder)).stop())
        assert recorder.has_begun
    else:
        forgotten = Recorder()
        forgotten.begin(
            "a", box.run(box.host._loader.load_watched(agent(), frozenset(), caxton.Limits(), Watched(True)))
        )
        del forgotten
        gc.collect()
    assert tickers() == []
    assert not recorder.has_begun or box.run(recorder.finish()).data


# ---- the picture


def processed(paths: list[tuple[str, ...]]) -> bytes:
    """A profile with these stacks, outermost function first."""
    strings = sorted({name for path in paths for name in path})
    table: dict[tuple[str, ...], int] = {}
    prefixes: list[int | None] = []
    frames: list[int] = []
    samples: list[int | None] = []
    for path in paths:
        at: int | None = None
        for depth, name in enumerate(path, 1):
            if path[:depth] not in table:
                table[path[:depth]] = len(prefixes)
                prefixes.append(at)
                frames.append(strings.index(name))
            at = table[path[:depth]]
        samples.append(at)
    numbers = list(range(len(strings)))
    thread: dict[str, Any] = {
        "stringArray": strings,
        "funcTable": {"name": numbers},
        "frameTable": {"func": numbers},
        "stackTable": {"prefix": prefixes, "frame": frames},
        "samples": {"stack": samples},
    }
    return json.dumps({"threads": [thread]}).encode()


names = st.text(min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(names, max_size=5).map(tuple), max_size=20))
def test_any_names(paths: list[tuple[str, ...]]) -> None:
    """The picture is well-formed whatever functions are called, and has no script; the counts are right."""
    data = processed(paths)
    root = call_tree(data)
    assert root.count == len(paths)
    for name, below in root.callees.items():
        assert below.count == sum(1 for path in paths if path[:1] == (name,))
    text = flamegraph(data, "a <title> & more")
    picture = ElementTree.fromstring(text)  # noqa: S314 - our own
    assert {element.tag.rpartition("}")[2] for element in picture.iter()} <= {"svg", "g", "rect", "text", "title"}
    assert {name for element in picture.iter() for name in element.attrib} <= {
        "x", "y", "width", "height", "viewBox", "fill", "rx", "font-family", "font-size"
    }  # fmt: skip


def test_deep_and_wide_stacks() -> None:
    """What has no room is left out: the picture stays small."""
    deep = processed([tuple(f"f{at}" for at in range(600))])
    assert flamegraph(deep, "deep").count("<rect") == MAX_DEPTH + 2
    wide = processed([(f"f{at}",) for at in range(5_000)])
    assert flamegraph(wide, "wide").count("<rect") <= 2 + WIDTH * 3
