"""NaNs are canonical: the same bits on every machine, so that the same turn computes the same."""

from __future__ import annotations

import pytest

from tests.sandbox.guests import Box, agent

CANONICAL_32 = 0x7FC00000
CANONICAL_64 = 0x7FF8000000000000

# Expressions that make a NaN out of the odd ones in $x (a signalling NaN with a payload) and $y (a negative one).
FLOATS = {
    "0/0": "({t}.div ({t}.const 0) ({t}.const 0))",
    "inf-inf": "({t}.sub ({t}.const inf) ({t}.const inf))",
    "0*inf": "({t}.mul ({t}.const 0) ({t}.const inf))",
    "sqrt(-1)": "({t}.sqrt ({t}.const -1))",
    "x+1": "({t}.add (local.get $x) ({t}.const 1))",
    "1+y": "({t}.add ({t}.const 1) (local.get $y))",
    "x*y": "({t}.mul (local.get $x) (local.get $y))",
    "y/x": "({t}.div (local.get $y) (local.get $x))",
    "min": "({t}.min (local.get $x) ({t}.const 1))",
    "max": "({t}.max ({t}.const 1) (local.get $y))",
    "floor": "({t}.floor (local.get $x))",
    "nearest": "({t}.nearest (local.get $y))",
    "trunc": "({t}.trunc (local.get $y))",
}


@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_every_operation_gives_the_canonical_nan(box: Box, kind: str) -> None:
    """Whatever NaN went in, and from wherever one comes: one bit pattern comes out."""
    bits, wanted = ("i32", CANONICAL_32) if kind == "f32" else ("i64", CANONICAL_64)
    x, y = ("0x7fa12345", "0xffc54321") if kind == "f32" else ("0x7ff4123456789abc", "0xfff9876543210fed")
    stores = "".join(
        f"({bits}.store offset={i * 8} (local.get $ptr) ({bits}.reinterpret_{kind} {body.format(t=kind)}))"
        for i, body in enumerate(FLOATS.values())
    )
    text = agent(
        response=f"""
        (local $x {kind}) (local $y {kind})
        (local.set $x ({kind}.reinterpret_{bits} ({bits}.const {x})))
        (local.set $y ({kind}.reinterpret_{bits} ({bits}.const {y})))
        {stores} (i32.const {len(FLOATS) * 8})"""
    )
    payload = box.ask(box.spawn(text)).payload
    width = 4 if kind == "f32" else 8
    found = {name: hex(int.from_bytes(payload[i * 8 : i * 8 + width], "little")) for i, name in enumerate(FLOATS)}
    assert found == dict.fromkeys(FLOATS, hex(wanted))


def test_conversions_and_vectors_too(box: Box) -> None:
    """Between widths, and in each lane."""
    text = agent(
        response="""
        (local $x f32) (local $v v128)
        (local.set $x (f32.reinterpret_i32 (i32.const 0xffa12345)))
        (local.set $v (f32x4.add
          (v128.const i32x4 0x7fa12345 0xffc54321 0x7f800001 0xffffffff) (v128.const f32x4 1 2 3 4)))
        (i64.store (local.get $ptr) (i64.reinterpret_f64 (f64.promote_f32 (local.get $x))))
        (i64.store32 offset=8 (local.get $ptr) (i64.extend_i32_u (i32.reinterpret_f32
          (f32.demote_f64 (f64.reinterpret_i64 (i64.const 0xfff4123456789abc))))))
        (v128.store offset=16 (local.get $ptr) (local.get $v))
        (i32.const 32)"""
    )
    payload = box.ask(box.spawn(text)).payload
    assert int.from_bytes(payload[:8], "little") == CANONICAL_64
    assert int.from_bytes(payload[8:12], "little") == CANONICAL_32
    assert [int.from_bytes(payload[i : i + 4], "little") for i in (16, 20, 24, 28)] == [CANONICAL_32] * 4
