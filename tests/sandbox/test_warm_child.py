"""Running an initialisation ahead is bounded, and whatever it does to the child that does it, the module loads."""

from __future__ import annotations

import threading

import pytest

import caxton
from caxton.host.inspection import inspect_module
from caxton.sandbox import compilation
from caxton.sandbox.compilation import Compilation, Description
from caxton.sandbox.engine import default_settings
from caxton.sandbox.freeze.image import MAX_MEMORY_BYTES
from caxton.sandbox.warmth import TOO_COSTLY, Allowance
from tests.sandbox.guests import BUMP, Box, agent, number, warmed

ENDLESS = agent(
    "(global.set $result (i64.const 5)) (i32.const 0)", items=BUMP + '(func (export "_initialize") (loop (br 0)))'
)


def test_a_child_that_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and another one compiles the module as it is."""
    monkeypatch.setattr(compilation, "AHEAD_SECONDS", 0.01)
    facts, code = Compilation(ENDLESS.encode(), default_settings(), allowance=Allowance()).run()
    assert facts.warmth == TOO_COSTLY
    assert facts.sha256
    assert code


def test_inspecting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says so."""
    monkeypatch.setattr(compilation, "AHEAD_SECONDS", 0.01)
    found = Description(ENDLESS.encode(), default_settings(), allowance=Allowance()).run()
    assert found["facts"]["warmth"]["reason"] == TOO_COSTLY.reason


def test_stopping_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives up while the initialisation runs gets no second child."""
    compilation = Compilation(ENDLESS.encode(), default_settings(), allowance=Allowance())
    started = threading.Event()
    real = compilation._started

    def counted() -> object:
        assert not started.is_set(), "a second child"
        started.set()
        return real()

    monkeypatch.setattr(compilation, "_started", counted)

    def stop() -> None:
        started.wait(60)
        compilation.stop()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(caxton.ModuleError) as caught:
        compilation.run()
    assert caught.value.code == "module.too-complex"


def test_an_image_is_bounded(box: Box) -> None:
    """Memory of more than 64 MiB is not kept: the module stays cold, and agents that may have it come to it."""
    pages = MAX_MEMORY_BYTES // 65_536 + 1
    text = agent(
        "(global.set $result (i64.extend_i32_u (memory.size))) (i32.const 0)",
        items=BUMP + f'(func (export "_initialize") (drop (memory.grow (i32.const {pages - 1}))))',
    )
    assert "more than 64" in warmed(text).facts.warmth.reason
    assert number(box.ask(box.spawn(text, caxton.Limits(memory="128 MiB")))) == pages


def test_the_memory_of_a_full_image(box: Box) -> None:
    """Fifty MiB that are not zero can be kept, and are there."""
    text = agent(
        """(global.set $result (i64.add (i64.load (i32.const 1048576)) (i64.load (i32.const 52428800))))
        (i32.const 0)""",
        items=BUMP
        + """(func (export "_initialize")
          (drop (memory.grow (i32.const 815)))
          (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 51380232)))""",
    )
    assert warmed(text).facts.warmth.size > 48 << 20
    assert number(box.ask(box.spawn(text))) == 2 * 0x0101010101010101


def test_what_inspect_says(tmp_path_factory: pytest.TempPathFactory, box: Box) -> None:
    """State and reason, in words."""
    folder = tmp_path_factory.mktemp("modules")
    texts = {
        "plain": agent(),
        "warm": agent(items=BUMP + '(func (export "_initialize") (i32.store (i32.const 70) (i32.const 1)))'),
        "cold": agent(items=BUMP + '(func (export "_initialize") unreachable)'),
    }
    for state, text in texts.items():
        file = folder / f"{state}.wat"
        file.write_text(text)
        found = box.run(inspect_module(file)).as_json()["warm_start"]
        assert found["state"] == state
        assert found["reason"] == ("it ends with trap.unreachable" if state == "cold" else None)
