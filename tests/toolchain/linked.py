"""A component whose modules are linked when it is instantiated, as linkers of shared libraries write them."""

from __future__ import annotations

from typing import Final

_HOST: Final = """
  (import "caxton:agent/host@0.1.0" (instance $host
    (type $l (enum "trace" "debug" "info" "warning" "error"))
    (export "level" (type $level (eq $l)))
    (export "log" (func (param "level" $level) (param "message" string)))
    (export "now-ms" (func (result u64)))))"""

# What all share: memory, table, stack pointer, where each library's data and functions go, addresses found late.
_SHARED: Final = """
  (core module $env
    (memory (export "memory") 2)
    (table (export "table") 8 funcref)
    (global (export "stack") (mut i32) (i32.const 65536))
    (global (export "text:memory") i32 (i32.const 1040))
    (global (export "text:table") i32 (i32.const 1))
    (global (export "app:table") i32 (i32.const 4))
    (global (export "shout:late") (mut i32) (i32.const 3))
    (data (i32.const 1048) "!"))"""

_TEXT: Final = """
  (core module $text
    (type $change (func (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 3 funcref))
    (import "env" "__memory_base" (global $base i32))
    (import "env" "__table_base" (global $first i32))
    (global (export "mark") i32 (i32.add (global.get $base) (i32.const 8)))
    (func $upper (export "upper") (param i32) (result i32)
      (if (result i32) (i32.lt_u (i32.sub (local.get 0) (i32.const 97)) (i32.const 26))
        (then (i32.sub (local.get 0) (i32.const 32))) (else (local.get 0))))
    (func $same (param i32) (result i32) (local.get 0))
    (func $shout (param i32) (result i32) (call_indirect (type $change) (local.get 0) (global.get $first)))
    (elem (offset (global.get $first)) func $upper $same $shout)
    (data (offset (global.get $base)) "upper:"))"""

_APP: Final = """
  (core module $app
    (type $other (func (result i64)))
    (type $change (func (param i32) (result i32)))
    (type $two (func (param i32 i32) (result i32 i32)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 1 funcref))
    (import "env" "stack" (global $stack (mut i32)))
    (import "GOT.func" "shout" (global $late (mut i32)))
    (import "GOT.mem" "mark" (global $mark i32))
    (import "env" "upper" (func $upper (type $change)))
    (import "host" "now-ms" (func $now (type $other)))
    (import "host" "log" (func $log (param i32 i32 i32)))
    (func $change (param i32) (result i32)
      (block $rest (block $late (block $now
        (br_table $late $now $rest (local.get 0))) (return (i32.wrap_i64 (call $now))))
        (return (global.get $late)))
      (call $upper (local.get 0)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $stack (i32.sub (global.get $stack) (i32.add (i32.const 16) (local.get 3))))
      (i32.and (global.get $stack) (i32.const -8)))
    (func (export "free") (param i32) (global.set $stack (i32.const 65536)))
    (func $handle (export "handle-text") (param $p i32) (param $n i32) (result i32) (local $i i32)
      (call $log (i32.const 2) (i32.const 1040) (i32.const 6))
      (i32.store8 (i32.add (local.get $p) (local.get $n)) (i32.load8_u (global.get $mark)))
      (loop $next
        (if (i32.lt_u (local.get $i) (local.get $n)) (then
          (i32.store8 (i32.add (local.get $p) (local.get $i))
            (call_indirect (type $change) (i32.load8_u (i32.add (local.get $p) (local.get $i))) (global.get $late)))
          (local.set $i (i32.add (local.get $i) (i32.const 1))) (br $next))))
      (i32.store8 (i32.const 2048) (i32.ne (call $change (i32.const 0)) CHECK))
      (local.get $p) (local.get $n) (block (type $two) (i32.const 1) (i32.add))
      (local.set $n) (local.set $p)
      (i32.store (i32.const 2052) (local.get $p)) (i32.store (i32.const 2056) (local.get $n))
      (i32.const 2048))
    (elem (i32.const 4) func $change $upper $now))"""

# The functions of the host that need a memory are called through a table, which is filled last.
_LATE: Final = """
  (core module $shim
    (type $log (func (param i32 i32 i32)))
    (table (export "$imports") 1 1 funcref)
    (func (export "0") (type $log)
      (call_indirect (type $log) (local.get 0) (local.get 1) (local.get 2) (i32.const 0))))
  (core module $fill
    (import "" "0" (func (param i32 i32 i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func 0))"""

_LINKS: Final = """
  (core func $now (canon lower (func $host "now-ms")))
  (core instance $s (instantiate $shim))
  (core instance $e (instantiate $env))
  (core instance $t (instantiate $text (with "env" (instance
    (export "memory" (memory $e "memory")) (export "table" (table $e "table"))
    (export "__memory_base" (global $e "text:memory")) (export "__table_base" (global $e "text:table"))))))
  (core instance $a (instantiate $app
    (with "env" (instance
      (export "memory" (memory $e "memory")) (export "table" (table $e "table"))
      (export "stack" (global $e "stack")) (export "upper" (func $t "upper"))))
    (with "GOT.func" (instance (export "shout" (global $e "shout:late"))))
    (with "GOT.mem" (instance (export "mark" (global $t "mark"))))
    (with "host" (instance (export "now-ms" (func $now)) (export "log" (func $s "0"))))))
  (core func $log (canon lower (func $host "log") (memory (core memory $e "memory"))))
  (core instance (instantiate $fill (with "" (instance
    (export "0" (func $log)) (export "$imports" (table $s "$imports"))))))
  (func (export "handle-text") (param "text" string) (result (result string (error string)))
    (canon lift (core func $a "handle-text") (memory (core memory $e "memory"))
      (realloc (core func $a "realloc")) (post-return (core func $a "free")))))"""


# More instructions, each of which names something or has a form of its own; what it answers is what it was given.
MANY: Final = """
    (data $bytes "123") (elem $functions func $upper $same)
    (func $same (param i32) (result i32) (local $v v128) (local $f funcref)
      (memory.init $bytes (i32.const 4) (i32.const 0) (i32.const 3))
      (data.drop $bytes)
      (memory.copy (i32.const 8) (i32.const 4) (i32.const 3))
      (memory.fill (i32.const 5) (i32.const 0) (i32.const 2))
      (table.init $functions (i32.const 6) (i32.const 0) (i32.const 2))
      (elem.drop $functions)
      (table.set (i32.const 0) (table.get (i32.const 7)))
      (table.copy (i32.const 0) (i32.const 1) (i32.const 1))
      (table.fill (i32.const 0) (ref.null func) (i32.const 1))
      (drop (table.grow (ref.func $same) (i32.const 0)))
      (if (i32.ne (table.size) (i32.const 8)) (then unreachable))
      (local.set $f (select (result funcref) (ref.func $upper) (ref.null func) (i32.const 1)))
      (if (ref.is_null (local.get $f)) (then unreachable))
      (local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.load (i32.const 0)) (local.get $v)))
      (local.set $v (v128.load8_lane 3 (i32.const 8) (i32x4.mul (local.get $v) (v128.const i64x2 1 2))))
      (drop (i8x16.extract_lane_u 3 (local.get $v)))
      (drop (f64.add (f64.const 1.5) (f64.promote_f32 (f32.const 2))))
      (drop (i64.trunc_sat_f64_s (f64.const 1e9)))
      (drop (i64.load32_u offset=300 align=2 (i32.const 100000)))
      (drop (i32.add (memory.size) (memory.grow (i32.const 0))))
      (local.get 0) (block (param i32) (result i32) (return_call $back)))
    (func $back (param i32) (result i32) (local.get 0))"""
CALL_SAME: Final = "(call_indirect (type $change) (i32.const 3) (i32.const 2))"
SAME: Final = "(func $same (param i32) (result i32) (local.get 0))"


def linked(**changes: str) -> str:
    """An agent that logs ``upper:``, and answers with its text in capitals and an exclamation mark behind it.

    ``changes``: ``SHARED`` is added to what all share; ``SAME`` stands in place of a function, and ``CHECK`` in place
    of the number 3 that the agent expects at the end; ``NOW`` is a host call's name.
    """
    shared = _SHARED.removesuffix(")") + changes.get("SHARED", "") + ")"
    text = _TEXT.replace(SAME, changes.get("SAME", SAME))
    app = _APP.replace("CHECK", changes.get("CHECK", "(i32.const 3)"))
    host = _HOST.replace("now-ms", changes.get("NOW", "now-ms"))
    links = _LINKS.replace('$host "now-ms"', f'$host "{changes.get("NOW", "now-ms")}"')
    return f"(component{host}{shared}{text}{app}{_LATE}{links}"


def linked_inside() -> str:
    """The same agent as a component inside a component."""
    return f"""(component{_HOST}
  {linked().replace("(component", "(component $inner", 1)}
  (instance $agent (instantiate $inner (with "caxton:agent/host@0.1.0" (instance $host))))
  (export "handle-text" (func $agent "handle-text")))"""
