;; Reads its own state as often as the message has bytes: each call hands over the four bytes of a key.
(module
  (import "caxton" "state_get" (func $state_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "key0")
  (func (export "handle_message") (param $from i32) (param $calls i32) (result i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $calls)))
        (drop (call $state_get (i32.const 0) (i32.const 4)))
        (local.set $calls (i32.sub (local.get $calls) (i32.const 1)))
        (br $next)))
    (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))
