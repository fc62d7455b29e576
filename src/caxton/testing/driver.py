"""An agent that makes the host calls that it is told to make, generated from the table of host calls.

A program is a few bytes that no ordinary message begins with, and steps. A step is its number, whether to read what it
leaves, and its arguments. Data has its length before it; a number has a tag: 0 for itself, 1 for the index of the step
whose result it is. The memory: 32 KiB for lists, 32 KiB for the program of turn 0; the steps' results; the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from caxton.sandbox.hostcalls import CAXTON, READ, WORDS, Import

MAGIC: Final = b"\0run"
RAW: Final = len(CAXTON)
ACTS: Final = "finish respond trap divide spin burn load grow recurse count exit".split()
NEVER, ALWAYS, WHEN_NEGATIVE = range(3)

_START_AT: Final = 0x8000
_NUMBERS_AT: Final = 0x10000
_ANSWER_AT: Final = 0x40000
_PAGES: Final = 24
_MOST_STEPS: Final = (_ANSWER_AT - _NUMBERS_AT) // 8


def kinds_of(row: Import) -> list[str]:
    """What a call takes, one by one: ``data`` and ``list`` are a pointer and a length, as is ``room`` to write into."""
    pairs = {pair & 15: "list" if pair & WORDS else "data" if pair & READ else "room" for pair in row.pairs}
    types = row.parameters.split()
    return [pairs.get(at, types[at]) for at in range(len(types)) if at - 1 not in pairs]


_TAKE: Final = {
    "data": "(local.set $n{0} (call $u32)) (local.set $p{0} (call $skip (local.get $n{0})))",
    "list": "(local.set $n{0} (call $list)) (local.set $p{0} (i32.const 0))",
    "room": "(local.set $n{0} (i32.wrap_i64 (call $number))) (local.set $p{0} (call $room (local.get $n{0})))",
    "i32": "(local.set $n{0} (i32.wrap_i64 (call $number)))",
    "i64": "(local.set $l{0} (call $number))",
}
_BOTH: Final = "(local.get $p{0}) (local.get $n{0})"
_PASS: Final = {"data": _BOTH, "list": _BOTH, "room": _BOTH, "i32": "(local.get $n{0})", "i64": "(local.get $l{0})"}


def _invoked(row: Import, arguments: str) -> str:
    invocation = f"(call ${row.name} {arguments})"
    if row.name == "read_result":  # tells how much of the room it has used
        return f"(global.set $wrote {invocation}) (i64.extend_i32_u (global.get $wrote))"
    return {"i64": "{0}", "i32": "(i64.extend_i32_s {0})", "": "{0} (i64.const 0)"}[row.result].format(invocation)


def _operation(row: Import) -> str:
    """A function that takes a call's arguments from the program and makes the call."""
    kinds = list(enumerate(kinds_of(row)))
    variables = " ".join(f"(local $n{at} i32) (local $p{at} i32) (local $l{at} i64)" for at, _ in kinds)
    taken = " ".join(_TAKE[kind].format(at) for at, kind in kinds)
    passed = " ".join(_PASS[kind].format(at) for at, kind in kinds)
    return f"(func $do_{row.name} (result i64) {variables} {taken} {_invoked(row, passed)})"


def _raw_operation(row: Import) -> str:
    """The same with plain numbers."""
    numbers = {"i32": "(i32.wrap_i64 (call $number))", "i64": "(call $number)"}
    passed = " ".join(numbers[kind] for kind in row.parameters.split())
    return f"(func $raw_{row.name} (result i64) {_invoked(row, passed)})"


def _import(row: Import) -> str:
    parameters = f"(param {row.parameters})" if row.parameters else ""
    result = f"(result {row.result})" if row.result else ""
    return f'(import "caxton" "{row.name}" (func ${row.name} {parameters} {result}))'


def _lines(parts: Iterable[str]) -> str:
    return "\n  ".join(parts)


_STEPS: Final = " ".join(
    [
        *(f"$do_{row.name}" for row in CAXTON),
        *(f"$raw_{row.name}" for row in CAXTON),
        *(f"$act_{name}" for name in ACTS),
    ]
)

_MODULE: Final = f"""(module
  {_lines(map(_import, CAXTON))}
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") {_PAGES})
  (table funcref (elem {_STEPS}))
  (type $step (func (result i64)))
  (global $at (mut i32) (i32.const 0))          ;; where the next byte of the program lies
  (global $answer (mut i32) (i32.const 0))      ;; where the next result goes
  (global $wrote (mut i32) (i32.const 0))       ;; bytes of data that the call has put behind it
  (global $steps (mut i32) (i32.const 0))
  (global $status (mut i32) (i32.const 0))
  (global $ended (mut i32) (i32.const 0))
  (global $response (mut i32) (i32.const 0))
  (global $size (mut i32) (i32.const 0))
  (global $counted (mut i64) (i64.const 0))

  ;; ---- reading the program
  (func $skip (param $n i32) (result i32)
    (global.get $at)
    (global.set $at (i32.add (global.get $at) (local.get $n))))
  (func $u8 (result i32) (i32.load8_u (call $skip (i32.const 1))))
  (func $u32 (result i32) (i32.load (call $skip (i32.const 4))))
  (func $number (result i64)
    (if (result i64) (call $u8)
      (then (i64.load (i32.add (i32.const {_NUMBERS_AT})
        (i32.shl (i32.wrap_i64 (i64.load (call $skip (i32.const 8)))) (i32.const 3)))))
      (else (i64.load (call $skip (i32.const 8))))))
  (func $list (result i32)
    (local $count i32) (local $to i32)
    (local.set $count (call $u32))
    (loop $next
      (if (i32.lt_u (local.get $to) (i32.shl (local.get $count) (i32.const 2)))
        (then
          (i32.store (local.get $to) (i32.wrap_i64 (call $number)))
          (local.set $to (i32.add (local.get $to) (i32.const 4)))
          (br $next))))
    (local.get $count))
  (func $room (param $n i32) (result i32)
    (global.set $wrote (local.get $n))
    (i32.add (global.get $answer) (i32.const 12)))

  ;; ---- host calls
  {_lines(map(_operation, CAXTON))}
  {_lines(map(_raw_operation, CAXTON))}

  ;; ---- what is no host call
  (func $act_finish (result i64)
    (global.set $status (i32.wrap_i64 (call $number)))
    (global.set $ended (i32.const 1))
    (i64.extend_i32_s (global.get $status)))
  (func $act_respond (result i64)
    (global.set $size (call $u32))
    (global.set $response (call $skip (global.get $size)))
    (i64.const 0))
  (func $act_trap (result i64) unreachable)
  (func $act_divide (result i64) (i64.div_u (i64.const 1) (i64.const 0)))
  (func $act_spin (result i64) (loop $again (br $again)) (i64.const 0))
  (func $act_burn (result i64)
    (local $n i64)
    (local.set $n (call $number))
    (loop $again
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if $again (i64.gt_s (local.get $n) (i64.const 0))))
    (i64.const 0))
  (func $act_load (result i64) (i64.load8_u (i32.wrap_i64 (call $number))))
  (func $act_grow (result i64) (i64.extend_i32_s (memory.grow (i32.wrap_i64 (call $number)))))
  (func $act_recurse (result i64) (i64.add (i64.const 1) (call $act_recurse)))
  (func $act_count (result i64)
    (global.set $counted (i64.add (global.get $counted) (i64.const 1)))
    (global.get $counted))
  (func $act_exit (result i64) (call $proc_exit (i32.wrap_i64 (call $number))) (i64.const 0))

  ;; ---- one step, all steps
  (func $read_data
    (global.set $wrote (call $read_result
      (i32.add (global.get $answer) (i32.const 12))
      (i32.sub (i32.const {_PAGES << 16}) (i32.add (global.get $answer) (i32.const 12))))))
  (func $step
    (local $operation i32) (local $reading i32) (local $result i64)
    (if (i32.ge_u (global.get $steps) (i32.const {_MOST_STEPS})) (then unreachable))
    (local.set $operation (call $u8))
    (local.set $reading (call $u8))
    (global.set $wrote (i32.const 0))
    (local.set $result (call_indirect (type $step) (local.get $operation)))
    (i64.store (i32.add (i32.const {_NUMBERS_AT}) (i32.shl (global.get $steps) (i32.const 3))) (local.get $result))
    (global.set $steps (i32.add (global.get $steps) (i32.const 1)))
    (if (i32.or
          (i32.eq (local.get $reading) (i32.const {ALWAYS}))
          (i32.and
            (i32.eq (local.get $reading) (i32.const {WHEN_NEGATIVE}))
            (i64.lt_s (local.get $result) (i64.const 0))))
      (then (call $read_data)))
    (i64.store (global.get $answer) (local.get $result))
    (i32.store offset=8 (global.get $answer) (global.get $wrote))
    (global.set $answer (i32.add (global.get $answer) (i32.add (i32.const 12) (global.get $wrote)))))

  ;; What is no program is logged, with its envelope before it, and answered with itself.
  (func $note (param $ptr i32) (param $len i32)
    (drop (call $envelope))
    (call $read_data)
    (call $log (i32.const 1) (i32.add (global.get $answer) (i32.const 12)) (global.get $wrote))
    (call $log (i32.const 2) (local.get $ptr) (local.get $len))
    (global.set $response (local.get $ptr))
    (global.set $size (local.get $len)))

  (func $run (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    (local $end i32)
    (global.set $answer (i32.const {_ANSWER_AT}))
    (global.set $steps (i32.const 0))
    (global.set $status (i32.const 0))
    (global.set $ended (i32.const 0))
    (global.set $response (i32.const 0))
    (if (i32.and
          (i32.ge_u (local.get $len) (i32.const {len(MAGIC)}))
          (i32.eq (i32.load (local.get $ptr)) (i32.const {int.from_bytes(MAGIC, "little")})))
      (then
        (global.set $at (i32.add (local.get $ptr) (i32.const {len(MAGIC)})))
        (local.set $end (i32.add (local.get $ptr) (local.get $len)))
        (loop $next
          (if (i32.and (i32.eqz (global.get $ended)) (i32.lt_u (global.get $at) (local.get $end)))
            (then (call $step) (br $next)))))
      (else (call $note (local.get $ptr) (local.get $len))))
    (if (i32.eqz (global.get $response))
      (then
        (global.set $response (i32.const {_ANSWER_AT}))
        (global.set $size (i32.sub (global.get $answer) (i32.const {_ANSWER_AT})))))
    (global.get $status))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (if (i32.le_u (global.get $size) (local.get $len))
      (then (memory.copy (local.get $ptr) (global.get $response) (global.get $size))))
    (global.get $size))"""


def driver_text(start: bytes = b"") -> str:
    """The driver; ``start`` is its program for turn 0."""
    if len(start) > _NUMBERS_AT - _START_AT:
        raise ValueError("a program for turn 0 is at most 32 KiB")
    if not start:
        return _MODULE + ")"
    escaped = "".join(f"\\{byte:02x}" for byte in start)
    return f"""{_MODULE}
  (data (i32.const {_START_AT}) "{escaped}")
  (func (export "caxton_init") (result i32) (call $run (i32.const {_START_AT}) (i32.const {len(start)}))))"""


DRIVER: Final = driver_text()
"""An agent that takes the steps of a ``program`` and answers with what they came to.

Any other message it logs (its envelope as JSON at level ``debug``, its payload at ``info``) and echoes.
"""
