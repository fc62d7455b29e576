;; Counts down from the number in the message (eight bytes, little endian), one step at a time.
(module
  (memory (export "memory") 2)
  (global $sum (mut i64) (i64.const 0))
  (func (export "handle_message") (param $from i32) (param $length i32) (result i32)
    (local $left i64)
    (if (i32.ne (local.get $length) (i32.const 8)) (then (return (i32.const 1))))
    (local.set $left (i64.load (local.get $from)))
    (block $done
      (loop $next
        (br_if $done (i64.eqz (local.get $left)))
        (global.set $sum (i64.add (i64.rotl (global.get $sum) (i64.const 1)) (local.get $left)))
        (local.set $left (i64.sub (local.get $left) (i64.const 1)))
        (br $next)))
    (i32.const 0))
  (func (export "get_response") (param i32 i32) (result i32) (i32.const 0)))
