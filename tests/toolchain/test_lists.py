"""What Python hands out as bytes is freed when the call ends, whatever componentize-py's runtime does."""

from __future__ import annotations

import tomllib
from typing import Final

import pytest
import wasmtime

from caxton.toolchain.languages.python import COMPONENTIZE
from caxton.toolchain.merging import lists
from caxton.toolchain.merging.component import merged
from caxton.toolchain.merging.lists import free_lists
from tests.docs.pages import ROOT
from tests.sandbox.guests import Box

# A runtime that hands out what is at 64, or a list without memory of its own (type 7), and notes what it shall free.
_RUNTIME: Final = """
  (core module $runtime
    (memory (export "memory") 1)
    (global $to (mut i32) (i32.const 1024))
    (data (i32.const 64) "given:")
    (func (export "wit_dylib_pop_list") (param $call i32) (param $type i32) (param $out i32) (result i32)
      (i32.store (local.get $out) (select (i32.const 0) (i32.const 64) (i32.eq (local.get $type) (i32.const 7))))
      (i32.add (local.get $call) (i32.const 3)))
    (func (export "FREE") (param i32 i32 i32 i32 i32)
      (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
      (i32.store (i32.const 516) (local.get 0))
      (i32.store (i32.const 520) (local.get 1))
      (i32.store (i32.const 524) (local.get 2))
      (i32.store (i32.const 528) (local.get 3))
      (i32.store (i32.const 532) (local.get 4)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $to (i32.add (global.get $to) (local.get 3)))
      (i32.sub (global.get $to) (local.get 3))))"""

# It answers with 24 bytes from 512: how often something was freed, and what was asked for the last time.
_ADAPTER: Final = """
  (core module $adapter
    (import "env" "memory" (memory 1))
    (import "env" "wit_dylib_pop_list" (func $pop (param i32 i32 i32) (result i32)))
    (import "env" "FREE" (func $free (param i32 i32 i32 i32 i32)))
    (func (export "handle") (param $p i32) (param $n i32) (result i32)
      (if (i32.ne (call $pop (i32.const 3) (i32.sub (i32.load8_u (local.get $p)) (i32.const 48)) (i32.const 768))
                  (i32.const 6)) (then unreachable))
      (i32.store8 (i32.const 800) (i32.const 0))
      (i32.store (i32.const 804) (i32.const 512))
      (i32.store (i32.const 808) (i32.const 24))
      (i32.const 800)))"""

_LINKS: Final = """
  (core instance $r (instantiate $runtime))
  (core instance $a (instantiate $adapter (with "env" (instance
    (export "memory" (memory $r "memory"))
    (export "wit_dylib_pop_list" (func $r "wit_dylib_pop_list"))
    (export "FREE" (func $r "FREE"))))))
  (func (export "handle-text") (param "text" string) (result (result string (error string)))
    (canon lift (core func $a "handle") (memory (core memory $r "memory")) (realloc (core func $r "realloc"))))"""


def component(free: str = "wit_dylib_dealloc_bytes") -> bytes:
    """Linked as componentize-py links the two."""
    text = f"(component {_RUNTIME}{_ADAPTER}{_LINKS})".replace("FREE", free)
    return bytes(wasmtime.wat2wasm(text))


def answers(module: bytes, *messages: str) -> list[list[int]]:
    """What the adapter's agent says to each: six numbers."""
    with Box() as box:
        agent = box.spawn(module)
        found = [box.ask(agent, message).payload for message in messages]
    return [[int.from_bytes(each[at : at + 4], "little") for at in range(0, 24, 4)] for each in found]


def test_each_list_is_given_to_the_runtime_to_be_freed_later() -> None:
    """Once, with the call, its address and its size; bytes have no alignment; and later, since it is still read."""
    freed = [3, 64, 6, 1, 1]
    assert [[1, *freed], [2, *freed]] == answers(merged(component(), free_lists), "1", "2")


def test_a_list_without_memory_of_its_own_is_not() -> None:
    """Its items are asked for one by one."""
    assert [[0] * 6] == answers(merged(component(), free_lists), "7")


@pytest.mark.parametrize("module", [merged(component()), component()], ids=["merged", "as it was"])
def test_only_where_it_is_asked_for(module: bytes) -> None:
    """A runtime that frees them itself would free them twice."""
    assert [[0] * 6] == answers(module, "1")


_BETWEEN: Final = """
(module
  (import "env" "wit_dylib_pop_list" (func (param i32 i32 i32) (result i32)))
  (import "env" "wit_dylib_dealloc_bytes" (func (param i32 i32 i32 i32 i32)))
  (import "env" "memory" (memory 0))
  (func (export "wit_dylib_pop_list") (param i32 i32 i32) (result i32) (local i32)
    (local.set 3 (call 0 (local.get 0) (local.get 1) (local.get 2)))
    (if (i32.load (local.get 2)) (then
      (call 1 (local.get 0) (i32.load (local.get 2)) (local.get 3) (i32.const 1) (i32.const 1))))
    (local.get 3)))"""


def test_the_function_in_text() -> None:
    """Is what the bytes are."""
    assert lists._BETWEEN == bytes(wasmtime.wat2wasm(_BETWEEN))


def test_modules_of_another_kind_are_merged_as_ever() -> None:
    """Where there is nothing to free with, nothing stands between."""
    other = component("free_bytes")
    assert merged(other) == merged(other, free_lists)
    assert [[0] * 6] == answers(merged(other, free_lists), "1")


def test_what_cannot_be_linked_stays_as_it_is() -> None:
    """The function needs a memory, which every such runtime gives to its adapter."""
    text = f"(component {_RUNTIME}{_ADAPTER}{_LINKS})".replace("FREE", "wit_dylib_dealloc_bytes")
    none = text.replace('(import "env" "memory" (memory 1))', '(import "own" "memory" (memory 1))').replace(
        '(export "memory" (memory $r "memory"))\n    ', ""
    )
    none = none.replace(
        '(with "env" (instance', '(with "own" (instance (export "memory" (memory $r "memory")))) (with "env" (instance'
    )
    module = bytes(wasmtime.wat2wasm(none))
    assert merged(module, free_lists) == module
    assert merged(module) != module


def test_the_version_that_is_mended_is_the_one_that_is_installed() -> None:
    """Another one is left alone, so the extra and the mending have to change together."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [f"componentize-py=={COMPONENTIZE}"] == project["optional-dependencies"]["python"]
