"""Values of the component model, between the shim and Python: for the few functions whose arguments and answers are no
plain numbers and texts (component_wasi.py).

A value is written as a tuple that begins with its kind: ``("u64", 5)``, ``("ok", None)``, ``("list", [...])``.
"""

from __future__ import annotations

from typing import Any, Final

from caxton.errors import ProtocolError
from caxton.sandbox.native import ffi, shim, wasmtime

Value = tuple[Any, ...]

_BOOL, _U8, _U32, _U64, _STRING, _LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESULT, _RESOURCE = (
    0,
    2,
    6,
    8,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    21,
)
_PLAIN: Final = {"bool": (_BOOL, "boolean"), "u8": (_U8, "u8"), "u32": (_U32, "u32"), "u64": (_U64, "u64")}
_NUMBERS: Final = {_BOOL: "boolean", _U8: "u8", _U32: "u32", _U64: "u64"}


def taken(value: Any) -> Any:
    """What an argument is: a number, text or bytes as ``bytes``, a list; a result as whether it is well. A resource is
    a number that the shim has made of it."""
    kind = value.kind
    if kind in _NUMBERS:
        return getattr(value.of, _NUMBERS[kind])
    if kind == _STRING:
        return bytes(ffi.buffer(value.of.string.data, value.of.string.size)) if value.of.string.size else b""
    if kind == _LIST:
        items = value.of.list
        if items.size and items.data[0].kind == _U8:
            return bytes(items.data[i].of.u8 for i in range(items.size))
        return [taken(items.data[i]) for i in range(items.size)]
    if kind == _RESULT:
        return bool(value.of.result.is_ok)
    return None


def put(slot: Any, into: Any, value: Value) -> None:
    """Writes a value where there is none yet; Wasmtime frees it.

    Raises:
        ProtocolError: the guest has more resources than it may.
    """
    kind = value[0]
    if kind in _PLAIN:
        into.kind, name = _PLAIN[kind]
        setattr(into.of, name, value[1])
    elif kind == "string":
        _text(into.of.string, value[1])
        into.kind = _STRING
    elif kind == "enum":
        _text(into.of.enumeration, value[1].encode())
        into.kind = _ENUM
    elif kind == "bytes":
        _list(slot, into, [("u8", byte) for byte in value[1]])
    elif kind == "list":
        _list(slot, into, value[1])
    elif kind == "own":
        if not shim.cx_own(slot, ffi.addressof(into), value[1], value[2]):
            raise ProtocolError("abi.protocol", "the guest has too many resources")
    else:
        _compound(slot, into, value)


def _text(into: Any, data: bytes) -> None:
    wasmtime.wasm_byte_vec_new(ffi.addressof(into), len(data), data)


def _list(slot: Any, into: Any, items: list[Value]) -> None:
    wasmtime.wasmtime_component_vallist_new_uninit(ffi.addressof(into.of.list), len(items))
    into.kind = _LIST
    for i, item in enumerate(items):
        put(slot, into.of.list.data[i], item)


def _boxed(slot: Any, value: Value | None) -> Any:
    if value is None:
        return ffi.NULL
    inner = ffi.new("wasmtime_component_val_t *")
    put(slot, inner[0], value)
    return wasmtime.wasmtime_component_val_new(inner)


def _compound(slot: Any, into: Any, value: Value) -> None:
    kind = value[0]
    if kind in ("ok", "err"):
        inner = _boxed(slot, value[1])
        into.of.result.is_ok, into.of.result.val = kind == "ok", inner
        into.kind = _RESULT
    elif kind == "option":
        into.of.option = _boxed(slot, value[1])
        into.kind = _OPTION
    elif kind == "variant":
        inner = _boxed(slot, value[2])
        _text(into.of.variant.discriminant, value[1].encode())
        into.of.variant.val = inner
        into.kind = _VARIANT
    elif kind == "tuple":
        wasmtime.wasmtime_component_valtuple_new_uninit(ffi.addressof(into.of.tuple), len(value[1]))
        into.kind = _TUPLE
        for i, item in enumerate(value[1]):
            put(slot, into.of.tuple.data[i], item)
    else:
        assert kind == "record", kind
        wasmtime.wasmtime_component_valrecord_new_uninit(ffi.addressof(into.of.record), len(value[1]))
        into.kind = _RECORD
        for i, (name, item) in enumerate(value[1]):
            _text(into.of.record.data[i].name, name.encode())
            put(slot, into.of.record.data[i].val, item)
