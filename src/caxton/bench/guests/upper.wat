;; Answers a message with its ASCII letters in upper case. The message's length must be a multiple of eight.
;; Its own first page holds the answer; hosts without an allocator to call write from the second page on.
(module
  (memory (export "memory") 2)
  (global $length (mut i32) (i32.const 0))

  ;; Eight bytes at once. The top bit of each byte of $small says whether it is one of 'a' to 'z'; shifted to bit 5
  ;; and taken away, it makes the letter a capital.
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

  (func (export "handle_message") (param $from i32) (param $length i32) (result i32)
    (local $at i32)
    (if (i32.or (i32.gt_u (local.get $length) (i32.const 65536)) (i32.and (local.get $length) (i32.const 7)))
      (then (return (i32.const 1))))
    (global.set $length (local.get $length))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $length)))
        (i64.store (local.get $at) (call $upper (i64.load (i32.add (local.get $from) (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (i32.const 0))

  (func (export "get_response") (param $to i32) (param $room i32) (result i32)
    (if (i32.le_u (global.get $length) (local.get $room))
      (then (memory.copy (local.get $to) (i32.const 0) (global.get $length))))
    (global.get $length)))
