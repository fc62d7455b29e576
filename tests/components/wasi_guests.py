"""Components that use WASI 0.2, in WebAssembly text."""

from __future__ import annotations

from typing import Final

from tests.components.guests import OPTIONS, REALLOC

POLL: Final = """
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))
    (export "[method]pollable.ready" (func (param "self" (borrow $p)) (result bool)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $q))
    (export "pollable" (type $p (eq $q)))
    (export "now" (func (result u64)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))"""
STREAMS: Final = """
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $err))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $err (type $e'))
    (export "error" (type $e (eq $e')))
    (export "output-stream" (type $o (sub resource)))
    (type $s (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $failed (eq $s)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $failed)))))))
  (alias export $streams "output-stream" (type $out))
  (import "wasi:cli/stdout@0.2.9" (instance $stdout
    (alias outer 1 $out (type $q)) (export "output-stream" (type $p (eq $q)))
    (export "get-stdout" (func (result (own $p))))))
  (import "wasi:cli/stderr@0.2.9" (instance $stderr
    (alias outer 1 $out (type $q)) (export "output-stream" (type $p (eq $q)))
    (export "get-stderr" (func (result (own $p))))))"""
PLAIN: Final = """
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (import "wasi:clocks/wall-clock@0.2.0" (instance $wall
    (type $d (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $d)))
    (export "now" (func (result $datetime)))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:filesystem/types@0.2.0" (instance $files (export "descriptor" (type (sub resource)))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $q)) (export "descriptor" (type $p (eq $q)))
    (export "get-directories" (func (result (list (tuple (own $p) string)))))))"""
CLOCK: Final = {
    "now": ("clock", "now", "(result i64)"),
    "subscribe": ("clock", "subscribe-duration", "(param i64) (result i32)"),
    "block": ("poll", "[method]pollable.block", "(param i32)"),
    "ready": ("poll", "[method]pollable.ready", "(param i32) (result i32)"),
    "poll": ("poll", "poll", "(param i32 i32 i32)"),
}
DIGIT: Final = (
    "(i32.store8 (i32.const 64) (i32.add (i32.const 48) {value})) (call $answer (i32.const 64) (i32.const 1))"
)


def wasi_guest(imports: str, functions: dict[str, tuple[str, str, str]], handle: str) -> str:
    """A component of the short form. ``functions``: name of the core function, its instance, its name there, its type
    as a core function."""
    memory = '(memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))'
    lowered = "".join(
        f'(core func ${name} (canon lower (func ${instance} "{export}") {memory}))\n'
        for name, (instance, export, _) in functions.items()
    )
    declared = "".join(f'(import "wasi" "{name}" (func ${name} {kind}))' for name, (_, _, kind) in functions.items())
    exports = "".join(f'(export "{name}" (func ${name}))' for name in functions)
    return f"""(component{imports}
  (core module $h (memory (export "memory") 1) {REALLOC})
  (core instance $heap (instantiate $h))
  {lowered}
  (core module $m
    (import "heap" "memory" (memory 1))
    {declared}
    (func $answer (param $p i32) (param $n i32) (result i32)
      (i32.store8 (i32.const 16) (i32.const 0))
      (i32.store (i32.const 20) (local.get $p))
      (i32.store (i32.const 24) (local.get $n))
      (i32.const 16))
    (func (export "handle-text") (param $p i32) (param $n i32) (result i32) {handle}))
  (core instance $functions {exports})
  (core instance $i (instantiate $m (with "heap" (instance $heap)) (with "wasi" (instance $functions))))
  (func (export "handle-text") (param "text" string) (result (result string (error string)))
    (canon lift (core func $i "handle-text") {OPTIONS.replace("$i", "$heap")})))"""
