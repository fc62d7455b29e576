"""Two small agents, as WebAssembly text."""

from __future__ import annotations

from typing import Final

ECHO: Final = """(module
  (memory (export "memory") 1)
  (global $message (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  (func (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    (global.set $message (local.get $ptr))
    (global.set $length (local.get $len))
    (i32.const 0))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (if (i32.le_u (global.get $length) (local.get $len))
      (then (memory.copy (local.get $ptr) (global.get $message) (global.get $length))))
    (global.get $length)))"""
"""An agent that answers with the message."""

UPPER: Final = """(module
  (memory (export "memory") 1)
  (global $message (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  (func (export "handle_message") (param $ptr i32) (param $len i32) (result i32)
    (local $at i32) (local $letter i32)
    (global.set $message (local.get $ptr))
    (global.set $length (local.get $len))
    (local.set $at (local.get $ptr))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $at) (i32.add (local.get $ptr) (local.get $len))))
        (local.set $letter (i32.load8_u (local.get $at)))
        (if (i32.lt_u (i32.sub (local.get $letter) (i32.const 97)) (i32.const 26))
          (then (i32.store8 (local.get $at) (i32.sub (local.get $letter) (i32.const 32)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  (func (export "get_response") (param $ptr i32) (param $len i32) (result i32)
    (if (i32.le_u (global.get $length) (local.get $len))
      (then (memory.copy (local.get $ptr) (global.get $message) (global.get $length))))
    (global.get $length)))"""
"""An agent that answers with the message's ASCII letters in upper case."""
