;; checksum: CRC-32 (IEEE 802.3), lines and the longest line of a stream of bytes.
;;
;; message   the next bytes; the empty message ends the stream
;; response  at the end: "<crc> <newlines> <longest line>" in decimal, then it starts anew
;;
;; It has no heap: the host grows the memory and places messages in the pages that it got.
(module
  (memory (export "memory") 1)                ;; 0: the CRC table, 1024: the answer
  (global $crc (mut i32) (i32.const -1))
  (global $lines (mut i32) (i32.const 0))
  (global $line (mut i32) (i32.const 0))      ;; length of the line so far
  (global $longest (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 1024))    ;; end of the answer

  (func $build_table
    (local $byte i32) (local $bit i32) (local $value i32)
    (loop $bytes
      (local.set $value (local.get $byte))
      (local.set $bit (i32.const 8))
      (loop $bits
        (local.set $value
          (i32.xor
            (i32.shr_u (local.get $value) (i32.const 1))
            (i32.and (i32.const 0xEDB88320) (i32.sub (i32.const 0) (i32.and (local.get $value) (i32.const 1))))))
        (br_if $bits (local.tee $bit (i32.sub (local.get $bit) (i32.const 1)))))
      (i32.store (i32.shl (local.get $byte) (i32.const 2)) (local.get $value))
      (local.set $byte (i32.add (local.get $byte) (i32.const 1)))
      (br_if $bytes (i32.lt_u (local.get $byte) (i32.const 256)))))
  (start $build_table)

  (func $end_line
    (if (i32.gt_u (global.get $line) (global.get $longest))
      (then (global.set $longest (global.get $line))))
    (global.set $line (i32.const 0)))

  (func $take (param $byte i32)
    (global.set $crc
      (i32.xor
        (i32.load (i32.shl (i32.and (i32.xor (global.get $crc) (local.get $byte)) (i32.const 255)) (i32.const 2)))
        (i32.shr_u (global.get $crc) (i32.const 8))))
    (if (i32.eq (local.get $byte) (i32.const 10))
      (then
        (call $end_line)
        (global.set $lines (i32.add (global.get $lines) (i32.const 1))))
      (else (global.set $line (i32.add (global.get $line) (i32.const 1))))))

  (func $put (param $byte i32)
    (i32.store8 (global.get $end) (local.get $byte))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  (func $put_number (param $number i32)
    (if (i32.ge_u (local.get $number) (i32.const 10))
      (then (call $put_number (i32.div_u (local.get $number) (i32.const 10)))))
    (call $put (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10)))))

  (func $finish
    (call $end_line)
    (call $put_number (i32.xor (global.get $crc) (i32.const -1)))
    (call $put (i32.const 32))
    (call $put_number (global.get $lines))
    (call $put (i32.const 32))
    (call $put_number (global.get $longest))
    (global.set $crc (i32.const -1))
    (global.set $lines (i32.const 0))
    (global.set $longest (i32.const 0)))

  (func (export "handle_message") (param $at i32) (param $len i32) (result i32)
    (local $stop i32)
    (global.set $end (i32.const 1024))
    (local.set $stop (i32.add (local.get $at) (local.get $len)))
    (if (i32.eqz (local.get $len))
      (then (call $finish))
      (else
        (loop $bytes
          (call $take (i32.load8_u (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $bytes (i32.lt_u (local.get $at) (local.get $stop))))))
    (i32.const 0))

  (func (export "get_response") (param $buffer i32) (param $room i32) (result i32)
    (local $len i32)
    (local.set $len (i32.sub (global.get $end) (i32.const 1024)))
    (memory.copy (local.get $buffer) (i32.const 1024)
      (select (local.get $room) (local.get $len) (i32.lt_u (local.get $room) (local.get $len))))
    (local.get $len)))
