"""The core modules of a component become one, and nobody can tell by what the component does."""

from __future__ import annotations

from typing import Final

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

import caxton
from caxton.sandbox.component_binary import read_outline
from caxton.toolchain.merging.called import is_called
from caxton.toolchain.merging.component import merged
from caxton.toolchain.merging.inside import merged_inside
from caxton.toolchain.merging.links import Links
from caxton.toolchain.merging.wiring import read_wiring
from tests.sandbox.guests import Box
from tests.toolchain.linked import CALL_SAME, MANY, linked, linked_inside


def binary(**changes: str) -> bytes:
    """The linked component, changed."""
    return bytes(wasmtime.wat2wasm(linked(**changes)))


LINKED: Final = binary()


def test_one_module_is_left_and_what_fills_the_table() -> None:
    """Of five instances, linked with each other, one; and the one that waits for the memory."""
    before, after = read_outline(LINKED), read_outline(merged(LINKED))
    assert len(before.instances) == 5
    assert len(after.instances) == 2
    assert after.places == ((1, 0, 2),)
    assert sorted(after.tables) == [1, 8]


def test_it_does_the_same() -> None:
    """Data and functions lie where they lay; calls, also those by table, go where they went; the host is reached."""
    for component in (LINKED, merged(LINKED)):
        with Box() as box:
            agent = box.spawn(component)
            assert box.ask(agent, "Caxton, 1476").payload == b"CAXTON, 1476!"
            assert box.ask(agent, "again").payload == b"AGAIN!"
        assert [line for _, _, line in box.logs] == ["upper:", "upper:"]


def test_a_component_inside_a_component() -> None:
    """Is made one module as well, where it is."""
    before = bytes(wasmtime.wat2wasm(linked_inside()))
    after = merged_inside(before)
    assert merged(before) == before
    assert [5, 2] == [len(read_outline(component).instances) for component in (before, after)]
    with Box() as box:
        assert box.ask(box.spawn(after), "Caxton, 1476").payload == b"CAXTON, 1476!"
    assert ["upper:"] == [line for _, _, line in box.logs]


def test_every_kind_of_instruction_finds_what_it_names() -> None:
    """Segments, tables, functions, types, and whatever stands between them."""
    component = merged(binary(SAME=MANY, CHECK=CALL_SAME))
    assert len(read_outline(component).instances) == 2
    with Box() as box:
        assert box.ask(box.spawn(component), "whole").payload == b"WHOLE!"


def test_functions_keep_their_names() -> None:
    """A trap's stack is the same."""
    component = binary(CHECK="(unreachable)")
    for given_one in (component, merged(component)):
        with Box() as box:
            error = box.fails(box.spawn(given_one), "x")
        assert error.code == "trap.unreachable"
        assert [frame.function for frame in error.frames] == ["handle"]


@pytest.mark.parametrize(
    "changes",
    [
        {"SHARED": "(func $s) (start $s)"},
        {"SHARED": "(memory 1)"},
        {"SHARED": "(table 1 externref) (elem externref)"},
        {"SHARED": "(type (struct))"},
        {"SAME": "(func $same (param i32) (result i32) (local.get 0) try_table end)"},
    ],
    ids=["start", "memories", "elements", "gc", "exceptions"],
)
def test_what_is_not_known_stays_as_it_is(changes: dict[str, str]) -> None:
    """A start function, which would run later than it did; a second memory; proposals that linkers do not use."""
    component = binary(**changes)
    assert merged(component) == component


def test_one_module_stays_as_it_is() -> None:
    """There is nothing to do."""
    module = bytes(wasmtime.wat2wasm("(module)"))
    alone = bytes(wasmtime.wat2wasm("(component (core module $m) (core instance (instantiate $m)))"))
    assert merged(module) == module
    assert merged(alone) == alone


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(LINKED) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_bytes_that_make_no_sense_end_in_bytes(changes: list[tuple[int, int]]) -> None:
    """Never an exception, and no end that does not come."""
    data = bytearray(LINKED)
    for place, value in changes:
        data[place] = value
    assert isinstance(merged(bytes(data)), bytes)


def test_a_shorter_one_stays_as_it_is() -> None:
    """Whatever is cut off is either between two sections, or cannot be read."""
    for size in range(len(LINKED)):
        assert isinstance(merged(LINKED[:size]), bytes)
        assert isinstance(merged_inside(LINKED[:size]), bytes)


def test_it_is_still_refused_what_it_lacks() -> None:
    """The host looks at imports as before."""
    with Box() as box, pytest.raises(caxton.CaxtonError) as caught:
        box.spawn(merged(binary(NOW="never-ms")))
    assert caught.value.code == "module.unknown-import"


def test_what_agents_call_by_way_of_a_table_is_named_first() -> None:
    """In a segment of its own, so that what the engine keeps of it lies together; numbers of segments still fit."""
    text = linked(SAME=MANY, CHECK=CALL_SAME)
    for name in ("malloc", "adapter_less"):
        after = merged(bytes(wasmtime.wat2wasm(text.replace("$shout", f"${name}"))))
        links = Links(read_wiring(after))
        segments = [segment for made in links.inside for segment in links.parts(made).elements]
        declared = [segment.functions for segment in segments[:1] if segment.flags == 3]
        assert [1] * (name == "malloc") == [len(functions) for functions in declared]
        with Box() as box:
            assert box.ask(box.spawn(after), "whole").payload == b"WHOLE!"


def test_what_is_called() -> None:
    """CPython's functions and those of the component model, not an agent's own."""
    assert is_called("long_dealloc")
    assert is_called("adapter ask")
    assert not is_called("handle")
    assert not is_called("")
