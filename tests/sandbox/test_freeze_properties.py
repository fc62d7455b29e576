"""Whatever an initialisation computes, instances that begin behind it answer as those that have run it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.sandbox import engine
from caxton.sandbox import module as module_room
from caxton.sandbox.compiler import compile_here, read_facts, to_binary
from caxton.sandbox.core_abi import CoreGuest
from caxton.sandbox.freeze.image import Image
from caxton.sandbox.freeze.instrument import with_state_exports
from caxton.sandbox.freeze.layout import read_layout
from caxton.sandbox.freeze.state import capture
from caxton.sandbox.freeze.thaw import thaw
from caxton.sandbox.freeze.warm import Probe, initialise, warm_up
from caxton.sandbox.module import Module
from caxton.sandbox.warmth import WARM, Allowance, Warmth
from tests.sandbox.guests import BUMP, agent, guest_limits

PAGES = 3
ADDRESSES = st.integers(0, PAGES * 65_536 - 16)
I64 = st.integers(-(1 << 63), (1 << 63) - 1)


def constant(kind: str, value: int | float) -> str:
    """A constant of a type; floats as WebAssembly's text has them."""
    if kind == "i32":
        return f"(i32.const {int(value) % (1 << 32)})"
    if kind == "i64":
        return f"(i64.const {int(value)})"
    if kind == "v128":
        return f"(v128.const i64x2 {int(value)} {int(value) ^ 12345})"
    return f"({kind}.const {float(value).hex()})"


def escaped(data: bytes) -> str:
    """Bytes as WebAssembly's text writes them."""
    return "".join(f"\\{byte:02x}" for byte in data)


SMALL_FLOATS = st.floats(-(2.0**99), 2.0**99, width=32)
VALUES = st.one_of(
    st.tuples(st.sampled_from(["i32", "i64", "v128"]), I64),
    st.tuples(st.sampled_from(["f32", "f64"]), SMALL_FLOATS),
)
# What a start function, `_initialize` or a message does: text of one instruction each.
STEPS = st.one_of(
    st.tuples(ADDRESSES, I64).map(lambda p: f"(i64.store (i32.const {p[0]}) (i64.const {p[1]}))"),
    st.tuples(ADDRESSES, st.integers(0, 255), st.integers(0, 9000)).map(
        lambda p: f"(memory.fill (i32.const {p[0]}) (i32.const {p[1]}) (i32.const {min(p[2], 196_608 - p[0])}))"
    ),
    st.integers(0, 2).map(lambda pages: f"(drop (memory.grow (i32.const {pages})))"),
    st.tuples(st.integers(0, 5), st.integers(0, 3)).map(
        lambda p: f"(table.set $t (i32.const {p[0]}) (ref.func $f{p[1]}))"
    ),
    st.integers(0, 5).map(lambda at: f"(table.set $t (i32.const {at}) (ref.null func))"),
    st.integers(0, 3).map(lambda f: f"(drop (table.grow $t (ref.func $f{f}) (i32.const 1)))"),
    st.integers(0, 3).map(lambda f: f"(global.set $r (ref.func $f{f}))"),
    st.tuples(st.integers(0, 3), I64).map(lambda p: f"(global.set $n{p[0]} (i64.const {p[1]}))"),
    st.just("(data.drop $later)"),
    st.just("(elem.drop $more)"),
    st.tuples(ADDRESSES, st.integers(0, 4)).map(
        lambda p: (
            f"(if (global.get $fresh) (then (memory.init $later (i32.const {p[0]}) (i32.const 0) (i32.const {p[1]}))))"
        )
    ),
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Agents with state of every kind, and what they do with it before their first message."""
    data = "".join(
        f'(data (i32.const {draw(ADDRESSES)}) "{escaped(draw(st.binary(max_size=12)))}")'
        for _ in range(draw(st.integers(0, 3)))
    )
    values = draw(st.lists(VALUES, max_size=4))
    others = "".join(f"(global $g{i} (mut {kind}) {constant(kind, value)})" for i, (kind, value) in enumerate(values))
    changes = "".join(
        f"(global.set $g{i} {constant(kind, draw(I64 if kind[0] in 'iv' else SMALL_FLOATS))})"
        for i, (kind, _) in enumerate(values)
        if draw(st.booleans())
    )
    start, initialise, late = (" ".join(draw(st.lists(STEPS, max_size=6))) for _ in range(3))
    numbers = "".join(f"(global $n{i} (mut i64) (i64.const {i}))" for i in range(4))
    functions = "".join(f"(func $f{i} (type $answer) (i64.const {1 << (8 * i)}))" for i in range(4))
    mix = "(global.set $result (i64.add (i64.rotl (global.get $result) (i64.const 7)) {}))"
    parts = [f"(global.get $n{i})" for i in range(4)]
    parts += ["(i64.extend_i32_u (memory.size))", "(i64.extend_i32_u (table.size $t))"]
    casts = {"i32": "(i64.extend_i32_u {})", "i64": "{}", "f32": "(i64.extend_i32_u (i32.reinterpret_f32 {}))"}
    casts |= {"f64": "(i64.reinterpret_f64 {})", "v128": "(i64x2.extract_lane 1 {})"}
    parts += [casts[kind].format(f"(global.get $g{i})") for i, (kind, _) in enumerate(values)]
    return agent(
        f"""
        (local $at i32)
        (if (local.get $len) (then {late}))
        (loop $again
          {mix.format("(i64.load (local.get $at))")}
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $again (i32.lt_u (local.get $at) (i32.const {PAGES * 65_536}))))
        (local.set $at (i32.const 0))
        (loop $again
          (if (i32.eqz (ref.is_null (table.get $t (local.get $at))))
            (then {mix.format("(call_indirect $t (type $answer) (local.get $at))")}))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $at) (table.size $t))))
        (if (i32.eqz (ref.is_null (global.get $r))) (then
          (table.set $t (i32.const 0) (global.get $r))
          {mix.format("(call_indirect $t (type $answer) (i32.const 0))")}))
        {"".join(mix.format(part) for part in parts)}
        (i32.const 0)""",
        items=f"""{BUMP} (type $answer (func (result i64))) {functions} {numbers} {others}
          (global $fresh i32 (i32.const {draw(st.integers(0, 1))}))
          (global $r (mut funcref) (ref.null func))
          (table $t 6 12 funcref) (elem (i32.const 1) $f0 $f1) (elem $more func $f2 $f3)
          {data} (data $later "late")
          (func $start {start}) (start $start)
          (func (export "_initialize") {initialise} {changes})""",
        memory=f"{PAGES} 8",
    )


def module_of(text: str, *, warm: bool) -> Module:
    """A module that is kept nowhere."""
    chosen = engine.default_settings()
    used = engine.shared_engine(chosen)
    facts, code = compile_here(text.encode(), chosen, Allowance(10**9) if warm else None)
    return Module(facts, module_room._deserialize(used, code), used)


def answers(module: Module, messages: Sequence[bytes]) -> list[object]:
    """What an instance answers, one message after the other, with the fuel that it took; or how it fails."""
    guest = module.guest(guest_limits())
    try:
        status = guest.start(0)
        while status == 2:
            status = guest.run(1_000, 0)
        if status:
            return [str(guest.fault())]
        return [_answer(guest, message) for message in messages]
    finally:
        guest.close()


def _answer(guest: CoreGuest, message: bytes) -> object:
    status = guest.deliver(message, 0)
    while status == 2:
        status = guest.run(1_000, 0)
    if status == 4:
        return str(guest.fault())
    found = guest.response()
    while status in (2, 3):
        status = guest.run(1_000, 0)
    return found, guest.figures()


@settings(max_examples=60, deadline=None)
@given(texts(), st.lists(st.binary(max_size=3), min_size=1, max_size=4))
def test_warm_and_cold_answer_the_same(text: str, messages: list[bytes]) -> None:
    """Message after message: bytes, status, fuel, memory; and where the start fails, in the same words."""
    warm, cold = module_of(text, warm=True), module_of(text, warm=False)
    assert warm.facts.warmth.state == WARM or "ends with" in warm.facts.warmth.reason
    assert answers(warm, messages) == answers(cold, messages)


def frozen_again(binary: bytes) -> tuple[bytes, Image]:
    """A frozen module's instance, frozen."""
    facts = replace(read_facts(binary), warmth=Warmth(WARM))
    layout = read_layout(binary)
    instrumented, names = with_state_exports(layout)
    with Probe(instrumented, facts, frozenset(), 10**9) as guest:
        initialise(guest)
        image = capture(guest.slot, layout, names)
    return thaw(layout, image).binary, image


@settings(max_examples=40, deadline=None)
@given(texts())
def test_freezing_again_changes_nothing(text: str) -> None:
    """Freeze, thaw, freeze: the same bytes, and an image that reads back."""
    data = to_binary(text.encode())
    attempt = warm_up(data, read_facts(data), frozenset())
    if attempt.warmth.state != WARM:
        return
    again, image = frozen_again(attempt.binary)
    assert again == attempt.binary
    assert Image.from_bytes(image.to_bytes()) == image
