;; Makes as many host calls as the message has bytes.
(module
  (import "caxton" "now_ms" (func $now_ms (result i64)))
  (memory (export "memory") 1)
  (func (export "handle_message") (param $from i32) (param $calls i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $calls)))
        (drop (call $now_ms))
        (local.set $calls (i32.sub (local.get $calls) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))
