"""The WebAssembly guests that do the job, one for each calling convention, with the same inner loop.

The loop works on eight bytes at once: it marks the bytes from 'a' to 'z' in their top bits and clears bit 5 of each.
Both guests refuse a message whose length is not a multiple of eight.
"""

from __future__ import annotations

UPPER_EIGHT = """
  (func $upper_eight (param $word i64) (result i64)
    (local $low i64)
    (local.set $low (i64.and (local.get $word) (i64.const 0x7f7f7f7f7f7f7f7f)))
    (i64.xor (local.get $word)
      (i64.shr_u
        (i64.and
          (i64.and
            (i64.xor (local.get $word) (i64.const -1))
            (i64.xor
              (i64.add (local.get $low) (i64.const 0x1f1f1f1f1f1f1f1f))
              (i64.add (local.get $low) (i64.const 0x0505050505050505))))
          (i64.const 0x8080808080808080))
        (i64.const 2))))
"""

CORE = f"""(module
  (memory (export "memory") 2)
  (global $size (mut i32) (i32.const 0))
  {UPPER_EIGHT}
  (func (export "handle_message") (param $at i32) (param $size i32) (result i32)
    (local $done i32)
    (if (i32.or (i32.gt_u (local.get $size) (i32.const 32768)) (i32.and (local.get $size) (i32.const 7)))
      (then (return (i32.const 1))))
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $done) (local.get $size)))
        (i64.store (i32.add (i32.const 1024) (local.get $done))
          (call $upper_eight (i64.load (i32.add (local.get $at) (local.get $done)))))
        (local.set $done (i32.add (local.get $done) (i32.const 8)))
        (br $next)))
    (global.set $size (local.get $size))
    (i32.const 0))
  (func (export "get_response") (param $at i32) (param $room i32) (result i32)
    (if (i32.le_u (global.get $size) (local.get $room))
      (then (memory.copy (local.get $at) (i32.const 1024) (global.get $size))))
    (global.get $size)))
"""
"""An agent of Caxton's core ABI. Its first page is its own; hosts may write from the second one on."""

EXTISM = f"""(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  {UPPER_EIGHT}
  (func (export "upper") (result i32)
    (local $size i64) (local $out i64) (local $done i64)
    (local.set $size (call $input_length))
    (if (i64.ne (i64.and (local.get $size) (i64.const 7)) (i64.const 0)) (then (return (i32.const 1))))
    (local.set $out (call $alloc (local.get $size)))
    (block $end
      (loop $next
        (br_if $end (i64.ge_u (local.get $done) (local.get $size)))
        (call $store (i64.add (local.get $out) (local.get $done))
          (call $upper_eight (call $input (local.get $done))))
        (local.set $done (i64.add (local.get $done) (i64.const 8)))
        (br $next)))
    (call $output (local.get $out) (local.get $size))
    (i32.const 0)))
"""
"""The same job as an Extism plugin, which reads its input and writes its output through the Extism kernel."""
