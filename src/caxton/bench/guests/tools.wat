;; Calls the tool "hold" as often as the message has bytes, and waits each time.
(module
  (import "caxton" "call_tool" (func $call_tool (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "hold{}")
  (func (export "handle_message") (param $from i32) (param $calls i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $calls)))
        (if (i32.lt_s (call $call_tool (i32.const 0) (i32.const 4) (i32.const 4) (i32.const 2)) (i32.const 0))
          (then (return (i32.const 1))))
        (local.set $calls (i32.sub (local.get $calls) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))
