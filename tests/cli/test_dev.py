"""Promise: ``caxton dev`` builds, checks and tries a project's agent again at every save, until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path

from caxton.cli.usage import RESULTS
from caxton.toolchain.watching import snapshot, wait_for_change
from tests.cli.running import Running, running
from tests.toolchain.projects import BROKEN, c_project


def _save(file: Path, text: str) -> None:
    """As an editor does: beside it, then in its place."""
    aside = file.with_name(f"{file.name}~")
    aside.write_text(text)
    aside.replace(file)


def _tried(dev: Running) -> None:
    dev.until("it keeps the ABI")


def test_every_save(tmp_path: Path) -> None:
    """Each is built and answered; an error in between is shown with its place, and is not the end."""
    folder = c_project(tmp_path)
    source = folder / "src" / "agent.c"
    text = source.read_text()
    with running("dev", str(folder), "--message", "world") as dev:
        _tried(dev)
        _save(source, text + BROKEN)
        assert "src/agent.c:" in dev.until("caxton: toolchain.failed: ")
        _save(source, text.replace("hello, ", "good day, "))
        _tried(dev)
        _save(folder / "agent.toml", "name = 1\n")
        assert "agent.toml" in dev.until("caxton dev: ")
        dev.signal(signal.SIGINT)
        done = dev.done()
    assert (0, "caxton dev: ended") == (done.status, done.lines[-1])
    assert b"hello, worldgood day, world" == done.out


def test_an_agent_that_breaks_the_abi(tmp_path: Path) -> None:
    """It is said what it does not keep."""
    folder = c_project(tmp_path)
    (folder / "src" / "agent.c").write_text("int handle_message(int at, int size) { return 0; }\n")
    with running("dev", str(folder)) as dev:
        assert "module." in dev.until("not so: ")
        dev.signal(signal.SIGTERM)
        assert 0 == dev.done().status


def test_as_json(tmp_path: Path) -> None:
    """An object for each step, as far as a round comes: builds, checks, messages."""
    folder = c_project(tmp_path)
    source = folder / "src" / "agent.c"
    text = source.read_text()
    with running("dev", str(folder), "--message", "a", "--message", "b", "--json") as dev:
        _tried(dev)
        _save(source, text + BROKEN)
        dev.until("caxton: toolchain.failed: ")
        _save(source, "int handle_message(int at, int size) { return 0; }\n")
        dev.until("not so: ")
        _save(source, '__attribute__((export_name("caxton_init"))) int refuse(void) { return 1; }\n' + text)
        dev.until("not so: ")
        dev.signal(signal.SIGINT)
        done = dev.done()
    assert 0 == done.status
    found = done.objects
    good, refused = [("build", True), ("check", True)], [("build", True), ("check", False)]
    steps = [(one["event"], one["ok"]) for one in found]
    assert [*good, ("message", True), ("message", True), ("build", False), *refused, *refused] == steps
    assert all(one["ok"] == (one["error"] is None) for one in found)
    assert ["a", "b"] == [one["payload"][-1] for one in found[2:4]]
    assert {"event", "changed", "ok", "error", *RESULTS["build"]} == set(found[0]) == set(found[4])
    assert ([], ["src/agent.c"]) == (found[0]["changed"], found[4]["changed"])
    assert "src/agent.c:" in found[4]["error"]["output"]
    assert found[6]["points"][0]["name"] == "file"
    assert "agent.refused-start" == found[8]["error"]["code"]


def test_what_is_looked_at(tmp_path: Path) -> None:
    """Sources, but neither hidden files nor what a build writes; a change is told when the files have come to rest."""
    folder = c_project(tmp_path)
    before = snapshot(folder)
    for name in ("hello.wasm", "hello.wasm.map", ".hidden", "src/agent.c~"):
        (folder / name).write_text("new")
    (folder / "node_modules" / "x").mkdir(parents=True)
    (folder / "node_modules" / "x" / "index.js").write_text("new")
    assert before == snapshot(folder)
    (folder / "src" / "more.c").write_text("")
    (folder / "src" / "agent.c").unlink()
    waited: list[float] = []
    after, changed = wait_for_change(folder, before, sleep=waited.append)
    assert ["src/agent.c", "src/more.c"] == changed
    assert after == snapshot(folder)
    assert len(waited) == 1
