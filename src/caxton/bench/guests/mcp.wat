;; Calls the tool "bench.hold", or "bench.second" where the message is not empty, and waits for it.
(module
  (import "caxton" "call_tool" (func $call_tool (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "bench.hold{}")
  (data (i32.const 32) "bench.second")
  (func (export "handle_message") (param $from i32) (param $len i32) (result i32)
    (local $name i32) (local $bytes i32)
    (local.set $name (select (i32.const 32) (i32.const 0) (local.get $len)))
    (local.set $bytes (select (i32.const 12) (i32.const 10) (local.get $len)))
    (i32.lt_s
      (call $call_tool (local.get $name) (local.get $bytes) (i32.const 10) (i32.const 2)) (i32.const 0)))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))
