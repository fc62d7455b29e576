"""What a module must export to be an agent, and what it may; each with its type."""

from __future__ import annotations

import dataclasses

import pytest

from caxton import ModuleError
from caxton.sandbox.facts import Facts
from caxton.sandbox.module import check_exports
from tests.sandbox.guests import Box, agent, i32, refusal

MEMORY = '(memory (export "memory") 1)'
HANDLE = '(func (export "handle_message") (param i32 i32) (result i32) (i32.const 0))'
RESPOND = '(func (export "get_response") (param i32 i32) (result i32) (i32.const 0))'
ALLOC = '(func (export "caxton_alloc") (param i32) (result i32) (i32.const 1024))'
FREE = '(func (export "caxton_free") (param i32 i32))'


def module(*fields: str) -> str:
    return "(module " + " ".join(fields) + ")"


def test_the_least_that_is_an_agent(box: Box) -> None:
    """Three exports, and nothing else, is enough."""
    assert box.ask(box.spawn(module(MEMORY, HANDLE, RESPOND)), b"x").payload == b""


@pytest.mark.parametrize("missing", ["memory", "handle_message", "get_response"])
def test_a_missing_export_is_named(missing: str) -> None:
    """Each of the required ones."""
    error = refusal(module(*(field for field in (MEMORY, HANDLE, RESPOND) if f'"{missing}"' not in field)))
    assert error.code == "module.missing-export"
    assert missing in error.message


def test_an_empty_module() -> None:
    """The smallest valid module is no agent."""
    assert refusal("(module)").code == "module.missing-export"


WRONG = {
    "memory is a function": '(func (export "memory"))',
    "memory is a global": '(global (export "memory") i32 (i32.const 0))',
    "handle_message is a memory": MEMORY.replace("memory", "handle_message", 2).replace("(handle_message", "(memory"),
    "handle_message takes one": HANDLE.replace("i32 i32", "i32"),
    "handle_message returns nothing": '(func (export "handle_message") (param i32 i32))',
    "handle_message returns i64": '(func (export "handle_message") (param i32 i32) (result i64) (i64.const 0))',
    "handle_message takes i64": HANDLE.replace("i32 i32", "i64 i32"),
    "get_response takes none": RESPOND.replace("(param i32 i32)", ""),
    "get_response returns two": RESPOND.replace("(result i32) ", "(result i32 i32) (i32.const 1) "),
    "get_response is a table": '(table (export "get_response") 1 funcref)',
    "get_response is a global": '(global (export "get_response") (mut i32) (i32.const 0))',
}


@pytest.mark.parametrize("field", WRONG.values(), ids=WRONG.keys())
def test_a_required_name_with_another_type(field: str) -> None:
    """The name alone is not enough; the message says what it is and what it should be."""
    name = field.split('"')[1]
    others = [other for other in (MEMORY, HANDLE, RESPOND) if f'"{name}"' not in other]
    if name != "memory" and "(memory " in field:
        others.remove(MEMORY)
        others.append('(export "memory" (memory 0))')
    error = refusal(module(field, *others))
    assert error.code == "module.missing-export"
    assert name in error.message


OPTIONAL = {
    "_initialize with a result": '(func (export "_initialize") (result i32) (i32.const 0))',
    "_initialize with a parameter": '(func (export "_initialize") (param i32))',
    "_initialize is a global": '(global (export "_initialize") i32 (i32.const 0))',
    "caxton_init without a result": '(func (export "caxton_init"))',
    "caxton_init with i64": '(func (export "caxton_init") (result i64) (i64.const 0))',
    "caxton_init is a table": '(table (export "caxton_init") 1 funcref)',
    "caxton_alloc with two": f"{ALLOC.replace('(param i32)', '(param i32 i32)')} {FREE}",
    "caxton_alloc with i64": f"{ALLOC.replace('(param i32)', '(param i64)')} {FREE}",
    "caxton_free with one": f"{ALLOC} {FREE.replace('i32 i32', 'i32')}",
    "caxton_free is a memory": f'{ALLOC} (export "caxton_free" (memory 0))',
    "caxton_alloc alone": ALLOC,
    "caxton_free alone": FREE,
}


@pytest.mark.parametrize("field", OPTIONAL.values(), ids=OPTIONAL.keys())
def test_an_optional_name_with_another_type(field: str) -> None:
    """It is not ignored, but refused by name; and `caxton_alloc` and `caxton_free` come both or neither."""
    error = refusal(agent(items=field))
    assert error.code == "module.missing-export"
    assert "caxton_" in error.message or "_initialize" in error.message


def test_other_exports_do_not_matter(box: Box) -> None:
    """A module may export whatever else it likes, `_start` included, which nobody calls."""
    box.ask(
        box.spawn(
            agent(
                items="""
                (func (export "_start") (unreachable))
                (func (export "__wasm_call_ctors") (unreachable))
                (table (export "__indirect_function_table") 1 funcref)
                (global (export "__heap_base") i32 (i32.const 1024))
                (export "more" (memory 0))"""
            )
        )
    )


def test_turn_0_runs_in_order(box: Box) -> None:
    """The start function, `_initialize`, `caxton_init`: each once, before the first message."""
    text = agent(
        items="""
        (func $push (param $digit i64)
          (global.set $result (i64.add (i64.mul (global.get $result) (i64.const 10)) (local.get $digit))))
        (func $start (call $push (i64.const 1)))
        (func (export "_initialize") (call $push (i64.const 2)))
        (func (export "caxton_init") (result i32) (call $push (i64.const 3)) (i32.const 0))
        (start $start)"""
    )
    ref = box.spawn(text)
    assert [int.from_bytes(box.ask(ref).payload, "little") for _ in range(2)] == [123, 123]


@pytest.mark.parametrize("status", [1, -1, 42, -(2**31)])
def test_an_agent_may_refuse_to_start(box: Box, status: int) -> None:
    """`caxton_init` answers other than 0: `agent.refused-start`, and there is no such agent."""
    text = agent(items=f'(func (export "caxton_init") (result i32) (i32.const {status}))')
    assert box.refused(text, name="refuser").code == "agent.refused-start"
    assert box.host.agents() == []
    assert box.host.statistics().memory == 0


FACTS = Facts(
    sha256="",
    size=0,
    imports=(),
    exports={
        "memory": "memory",
        "handle_message": "func (i32 i32) -> (i32)",
        "get_response": "func (i32 i32) -> (i32)",
    },
    memory=(1, None, False, False),
    memories=(1,),
    tables=(),
    has_start=False,
    has_dwarf=False,
)


@pytest.mark.parametrize(("memory", "kind"), [((1, 2, True, False), "64-bit"), ((1, 2, False, True), "shared")])
def test_a_64_bit_or_shared_memory_is_none(memory: tuple[int, int, bool, bool], kind: str) -> None:
    """The host's pointers have 32 bits, and nobody shares an agent's memory."""
    check_exports(FACTS)
    with pytest.raises(ModuleError) as caught:
        check_exports(dataclasses.replace(FACTS, memory=memory))
    assert caught.value.code == "module.missing-export"
    assert kind in caught.value.message


def test_facts_survive_the_way_through_the_cache() -> None:
    """What the load checks look at is the same after it was written down and read again."""
    full = dataclasses.replace(FACTS, imports=(("a", "b", "func () -> ()"),), tables=(1, 2), memory=None)
    assert Facts.from_json(FACTS.as_json()) == FACTS
    assert Facts.from_json(full.as_json()) == full


def test_status_of_handle_message_is_all_32_bits(box: Box) -> None:
    """Only 0 is success: not 256, not 2**31."""
    ref = box.spawn(agent("(i32.load (local.get $ptr))"))
    for status in (256, 65_536, 2**31):
        assert box.fails(ref, i32(status)).code == "agent.failed"
