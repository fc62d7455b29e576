"""Components in WebAssembly text, for tests: no toolchain, every byte known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from caxton.messages import Performative

REALLOC: Final = """
  (global $top (mut i32) (i32.const 4096))
  (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32) (local $end i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (local.set $end (i32.add (local.get $at) (local.get 3)))
    (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (i32.const -1) (memory.grow (i32.add (i32.const 1)
          (i32.shr_u (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (i32.const 16)))))
        (then unreachable))))
    (global.set $top (local.get $end))
    (local.get $at))
  (func $free (export "free") (param i32) (global.set $top (i32.const 4096)))"""
"""A heap that begins anew when a call has returned."""

OPTIONS: Final = (
    '(memory (core memory $i "memory")) (realloc (core func $i "realloc")) (post-return (core func $i "free"))'
)
ECHO_TEXT: Final = "(call $answer (i32.const 0) (local.get $p) (local.get $n))"


def text_agent(handle: str = ECHO_TEXT, *, items: str = "", memory: str = "1", start: str = "") -> str:
    """A component of the short form. ``handle`` sees the text as ``$p`` and ``$n``, and ends in ``$answer``: 0 or 1,
    where the text lies, its length."""
    return f"""(component
  (core module $m
    (memory (export "memory") {memory})
    {REALLOC}
    (func $answer (param $bad i32) (param $p i32) (param $n i32) (result i32)
      (i32.store8 (i32.const 16) (local.get $bad))
      (i32.store (i32.const 20) (local.get $p))
      (i32.store (i32.const 24) (local.get $n))
      (i32.const 16))
    {items}
    (func $handle (export "handle-text") (param $p i32) (param $n i32) (result i32) {handle})
    {start})
  (core instance $i (instantiate $m))
  (func (export "handle-text") (param "text" string) (result (result string (error string)))
    (canon lift (core func $i "handle-text") {OPTIONS})))"""


_ACTS: Final = " ".join(f'"{act.value}"' for act in Performative)
_OPTIONAL: Final = ("conversation-id", "reply-with", "in-reply-to", "reply-by", "ontology", "language", "content-type")
_TYPES: Final = f"""
  (import "caxton:agent/types@0.1.0" (instance $types
    (type $p (variant (case "text" string) (case "bytes" (list u8))))
    (export "payload" (type $payload (eq $p)))
    (type $a (enum {_ACTS}))
    (export "performative" (type $performative (eq $a)))
    (type $e (record
      (field "performative" $performative) (field "sender" string) (field "receivers" (list string))
      {" ".join(f'(field "{name}" (option string))' for name in _OPTIONAL)}
      (field "id" string) (field "headers" (list (tuple string string))) (field "payload" $payload)))
    (export "envelope" (type (eq $e)))
    (type $w (record (field "payload" $payload)))
    (export "reply" (type (eq $w)))
    (export "failure" (type (eq $w)))))
  (alias export $types "payload" (type $payload))
  (alias export $types "performative" (type $performative))
  (alias export $types "envelope" (type $envelope))
  (alias export $types "reply" (type $reply))
  (alias export $types "failure" (type $failure))"""

# Of each function of the interface host: its type in text, and the parameters of the core function that it lowers to.
_NOTHING: Final = "(result (result (error $call-error)))"
CALLS: Final[dict[str, tuple[str, str]]] = {
    "log": ('(param "level" $level) (param "message" string)', "i32 i32 i32"),
    "context": ("(result string)", "i32"),
    "envelope": ("(result string)", "i32"),
    "tell": (f'(param "to" string) (param "message" $payload) {_NOTHING}', "i32 i32 i32 i32 i32 i32"),
    "send-envelope": (f'(param "meta" string) (param "message" $payload) {_NOTHING}', "i32 i32 i32 i32 i32 i32"),
    "publish": (f'(param "topic" string) (param "message" $payload) {_NOTHING}', "i32 i32 i32 i32 i32 i32"),
    "subscribe": (f'(param "topic" string) {_NOTHING}', "i32 i32 i32"),
    "unsubscribe": (f'(param "topic" string) {_NOTHING}', "i32 i32 i32"),
    "ask": (
        (
            '(param "to" string) (param "message" $payload) (param "timeout" u64) '
            "(result (result $answer (error $call-error)))"
        ),
        "i32 i32 i32 i32 i32 i64 i32",
    ),
    "call-tool": (
        '(param "name" string) (param "arguments" string) (result (result string (error $call-error)))',
        "i32 i32 i32 i32 i32",
    ),
    "ask-start": (
        (
            '(param "to" string) (param "message" $payload) (param "timeout" u64) '
            "(result (result u32 (error $call-error)))"
        ),
        "i32 i32 i32 i32 i32 i64 i32",
    ),
    "tool-start": (
        (
            '(param "name" string) (param "arguments" string) (param "timeout" u64) '
            "(result (result u32 (error $call-error)))"
        ),
        "i32 i32 i32 i32 i64 i32",
    ),
    "wait": (
        '(param "handles" (list u32)) (param "timeout" u64) (result (result $finished (error $call-error)))',
        "i32 i32 i64 i32",
    ),
    "cancel": (f'(param "handle" u32) {_NOTHING}', "i32 i32"),
    "list-tools": ("(result (result string (error $call-error)))", "i32"),
    "emit": (f'(param "part" $payload) {_NOTHING}', "i32 i32 i32 i32"),
    "defer": ("(result (result string (error $call-error)))", "i32"),
    "state-get": ('(param "key" string) (result (result $payload (error $call-error)))', "i32 i32 i32"),
    "state-put": (f'(param "key" string) (param "value" $payload) {_NOTHING}', "i32 i32 i32 i32 i32 i32"),
    "state-delete": (f'(param "key" string) {_NOTHING}', "i32 i32 i32"),
    "state-keys": ('(param "prefix" string) (result (result string (error $call-error)))', "i32 i32 i32"),
    "set-timer": (
        '(param "delay" u64) (param "period" u64) (param "message" $payload) (result (result u32 (error $call-error)))',
        "i64 i64 i32 i32 i32 i32",
    ),
    "cancel-timer": (f'(param "id" u32) {_NOTHING}', "i32 i32"),
    "now-ms": ("(result u64)", ":i64"),
    "monotonic-ns": ("(result u64)", ":i64"),
    "random": ('(param "length" u32) (result (list u8))', "i32 i32"),
    "sleep-ms": (f'(param "time" u64) {_NOTHING}', "i64 i32"),
}


def _host(uses: Iterable[str]) -> str:
    functions = "".join(f'(export "{name}" (func {CALLS[name][0]}))\n    ' for name in uses)
    return f"""
  (import "caxton:agent/host@0.1.0" (instance $host
    (alias outer 1 $payload (type $payload'))
    (export "payload" (type $payload (eq $payload')))
    (alias outer 1 $performative (type $performative'))
    (export "performative" (type $performative (eq $performative')))
    (type $l (enum "trace" "debug" "info" "warning" "error"))
    (export "level" (type $level (eq $l)))
    (type $k (enum "not-found" "denied" "bad-argument" "limit" "timeout" "failed" "cycle" "mailbox-full" "unknown"
      "stopped"))
    (export "error-kind" (type $kind (eq $k)))
    (type $e (record (field "kind" $kind) (field "code" (option string)) (field "data" $payload)
      (field "performative" (option $performative)) (field "retryable" bool)
      (field "headers" (list (tuple string string)))))
    (export "call-error" (type $call-error (eq $e)))
    (type $a (record (field "performative" $performative) (field "payload" $payload)
      (field "headers" (list (tuple string string)))))
    (export "answer" (type $answer (eq $a)))
    (type $f (record (field "index" u32) (field "outcome" (result $answer (error $call-error)))))
    (export "finished" (type $finished (eq $f)))
    {functions}))"""


def agent(handle: str, *, uses: Iterable[str] = (), items: str = "", memory: str = "1") -> str:
    """A component of the world ``agent``. ``handle`` sees the envelope at ``$m`` (its payload's case, address and
    length at 120, 124 and 128) and ends in ``$answer``: 0 or 1, the payload's case, address, length. It may call the
    host's functions ``uses`` by their names, with the address of the result at the end where there is one."""
    uses = tuple(uses)
    lowered = "".join(
        f'(core func ${name} (canon lower (func $host "{name}") (memory (core memory $heap "memory")) '
        f'(realloc (core func $heap "realloc"))))\n  '
        for name in uses
    )
    declared = "".join(f'(import "host" "{name}" (func ${name} {_core(CALLS[name][1])}))\n    ' for name in uses)
    exports = " ".join(f'(export "{name}" (func ${name}))' for name in uses)
    return f"""(component{_TYPES}{_host(uses)}
  (core module $h
    (memory (export "memory") {memory})
    {REALLOC})
  (core instance $heap (instantiate $h))
  {lowered}
  (core module $m
    (import "heap" "memory" (memory 1))
    (import "heap" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
    (import "heap" "free" (func $free (param i32)))
    {declared}
    (func $answer (param $bad i32) (param $case i32) (param $p i32) (param $n i32) (result i32)
      (i32.store8 (i32.const 16) (local.get $bad))
      (i32.store8 (i32.const 20) (local.get $case))
      (i32.store (i32.const 24) (local.get $p))
      (i32.store (i32.const 28) (local.get $n))
      (i32.const 16))
    {items}
    (func $handle (export "handle") (param $m i32) (result i32) {handle})
    (func (export "free") (param i32) (call $free (local.get 0))))
  (core instance $functions {exports})
  (core instance $i (instantiate $m (with "heap" (instance $heap)) (with "host" (instance $functions))))
  (type $result (result $reply (error $failure)))
  (func (export "handle") (param "message" $envelope) (result $result)
    (canon lift (core func $i "handle") (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))
      (post-return (core func $i "free")))))"""


def _core(kinds: str) -> str:
    parameters, _, result = kinds.partition(":")
    return (f"(param {parameters})" if parameters else "") + (f" (result {result})" if result else "")


ECHO: Final = agent(
    "(call $answer (i32.const 0) (i32.load8_u offset=120 (local.get $m)) (i32.load offset=124 (local.get $m)) "
    "(i32.load offset=128 (local.get $m)))"
)
"""Answers with the message's payload, text as text and bytes as bytes."""


def inside(text: str, *, uses: Iterable[str] = ()) -> str:
    """The same agent as a component inside a component, as tools make them that put several together."""
    return f"""(component{_TYPES}{_host(uses)}
  {text.replace("(component", "(component $inner", 1)}
  (instance $agent (instantiate $inner (with "caxton:agent/types@0.1.0" (instance $types))
    (with "caxton:agent/host@0.1.0" (instance $host))))
  (export "handle" (func $agent "handle")))"""
