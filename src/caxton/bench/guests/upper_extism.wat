;; upper.wat's job as an Extism plugin: input and output go through the Extism kernel, eight bytes a call.
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $load (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 1)

  (func $upper (param $bytes i64) (result i64)
    (local $low i64) (local $small i64)
    (local.set $low (i64.and (local.get $bytes) (i64.const 0x7f7f7f7f7f7f7f7f)))
    (local.set $small
      (i64.xor
        (i64.add (local.get $low) (i64.const 0x1f1f1f1f1f1f1f1f))
        (i64.add (local.get $low) (i64.const 0x0505050505050505))))
    (local.set $small
      (i64.and
        (i64.and (local.get $small) (i64.xor (local.get $bytes) (i64.const -1)))
        (i64.const 0x8080808080808080)))
    (i64.sub (local.get $bytes) (i64.shr_u (local.get $small) (i64.const 2))))

  (func (export "upper") (result i32)
    (local $length i64) (local $out i64) (local $at i64)
    (local.set $length (call $input_length))
    (if (i64.ne (i64.and (local.get $length) (i64.const 7)) (i64.const 0)) (then (return (i32.const 1))))
    (local.set $out (call $alloc (local.get $length)))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $at) (local.get $length)))
        (call $store (i64.add (local.get $out) (local.get $at)) (call $upper (call $load (local.get $at))))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next)))
    (call $output_set (local.get $out) (local.get $length))
    (i32.const 0)))
