"""The types of a component's imports and exports, as text in the way of WIT, every name looked through.

What Wasmtime says of a component's type is walked once, in the compiler's child: no type of a guest's is ever met in
the host. Two types are the same when their texts are; a resource has the name that its interface gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from caxton.sandbox.native import ffi, wasmtime

MOST_NODES: Final = 20_000
"""Types within types that are written down of one component; beyond it, its types are no agent's."""

_PLAIN: Final = ("bool", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64", "char", "string")
_LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESULT, _FLAGS, _OWN, _BORROW = range(13, 23)
_COMPONENT, _INSTANCE, _MODULE, _FUNCTION, _RESOURCE, _CORE_FUNCTION, _TYPE = range(7)
_ITEMS: Final = {_COMPONENT: "component", _INSTANCE: "instance", _MODULE: "core module", _CORE_FUNCTION: "core func"}


class TooManyTypes(ValueError):
    """A component's types are larger than any agent's need to be."""


class ComponentTypes:
    """Writes down the types of one component. What Wasmtime allocates for it goes with the process."""

    def __init__(self, engine: Any, component: Any) -> None:
        self._engine = engine
        self._type = wasmtime.wasmtime_component_type(component)
        self._nodes = 0
        self._resources: list[tuple[Any, str]] = []

    def imports(self) -> dict[str, dict[str, str] | str]:
        """By name: a type, or, for an interface, the types of its functions by name.

        Raises:
            TooManyTypes: there are too many of them.
        """
        api = wasmtime
        count = api.wasmtime_component_type_import_count(self._type, self._engine)
        return dict(self._read(count, api.wasmtime_component_type_import_nth, self._type))

    def exports(self) -> dict[str, dict[str, str] | str]:
        """The same of what it exports. To be called after ``imports``, whose resources may occur in there."""
        api = wasmtime
        count = api.wasmtime_component_type_export_count(self._type, self._engine)
        return dict(self._read(count, api.wasmtime_component_type_export_nth, self._type))

    def _read(self, count: int, nth: Any, of: Any) -> Iterator[tuple[str, dict[str, str] | str]]:
        for name, item in self._items(count, nth, of):
            if item.kind == _INSTANCE:
                yield name, self._interface(item.of.pointer)
            else:
                yield name, self._item(item, name)

    def _items(self, count: int, nth: Any, of: Any) -> Iterator[tuple[str, Any]]:
        for i in range(count):
            self._count()
            name, length, what = ffi.new("char **"), ffi.new("size_t *"), ffi.new("wasmtime_component_extern_t **")
            if not nth(of, self._engine, i, name, length, what):
                continue
            item = ffi.new("wasmtime_component_item_t *")
            wasmtime.wasmtime_component_extern_type(what[0], item)
            yield _text(name, length), item

    def _interface(self, instance: Any) -> dict[str, str]:
        api = wasmtime
        count = api.wasmtime_component_instance_type_export_count(instance, self._engine)
        items = list(self._items(count, api.wasmtime_component_instance_type_export_nth, instance))
        for key, item in items:
            if item.kind == _RESOURCE:
                self._resources.append((item.of.pointer, key))
        return {key: self._item(item, key) for key, item in items if item.kind != _TYPE}

    def _item(self, item: Any, name: str) -> str:
        if item.kind == _FUNCTION:
            return self._function(item.of.pointer)
        if item.kind == _RESOURCE:
            return "resource"
        if item.kind == _TYPE:
            return f"type {self._value(item.of.type)}"
        return _ITEMS.get(item.kind, "?")

    def _function(self, what: Any) -> str:
        api = wasmtime
        parameters = []
        for i in range(api.wasmtime_component_func_type_param_count(what)):
            name, length, kind = ffi.new("char **"), ffi.new("size_t *"), ffi.new("wasmtime_component_valtype_t *")
            api.wasmtime_component_func_type_param_nth(what, i, name, length, kind)
            parameters.append(f"{_text(name, length)}: {self._value(kind)}")
        result = ffi.new("wasmtime_component_valtype_t *")
        there = api.wasmtime_component_func_type_result(what, result)
        word = "async func" if api.wasmtime_component_func_type_async(what) else "func"
        return f"{word}({', '.join(parameters)})" + (f" -> {self._value(result)}" if there else "")

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise TooManyTypes

    def _value(self, what: Any) -> str:
        self._count()
        kind = what.kind
        if kind < len(_PLAIN):
            return _PLAIN[kind]
        write = {
            _LIST: self._list,
            _RECORD: self._record,
            _TUPLE: self._tuple,
            _VARIANT: self._variant,
            _ENUM: self._enum,
            _OPTION: self._option,
            _RESULT: self._result,
            _FLAGS: self._flags,
        }.get(kind)
        if write is not None:
            return write(what.of.pointer)
        if kind in (_OWN, _BORROW):
            return f"{'own' if kind == _OWN else 'borrow'}<{self._resource(what.of.pointer)}>"
        return f"type-{kind}"

    def _resource(self, what: Any) -> str:
        for known, name in self._resources:
            if wasmtime.wasmtime_component_resource_type_equal(known, what):
                return name
        return "?"

    def _inner(self, ask: Any, what: Any, *more: Any) -> str | None:
        found = ffi.new("wasmtime_component_valtype_t *")
        there = ask(what, *more, found)
        return None if there is False else self._value(found)

    def _list(self, what: Any) -> str:
        return f"list<{self._inner(wasmtime.wasmtime_component_list_type_element, what)}>"

    def _option(self, what: Any) -> str:
        return f"option<{self._inner(wasmtime.wasmtime_component_option_type_ty, what)}>"

    def _result(self, what: Any) -> str:
        ok = self._inner(wasmtime.wasmtime_component_result_type_ok, what)
        error = self._inner(wasmtime.wasmtime_component_result_type_err, what)
        if error is None:
            return "result" if ok is None else f"result<{ok}>"
        return f"result<{ok or '_'}, {error}>"

    def _tuple(self, what: Any) -> str:
        count = wasmtime.wasmtime_component_tuple_type_types_count(what)
        nth = wasmtime.wasmtime_component_tuple_type_types_nth
        return f"tuple<{', '.join(str(self._inner(nth, what, i)) for i in range(count))}>"

    def _record(self, what: Any) -> str:
        parts = []
        for i in range(wasmtime.wasmtime_component_record_type_field_count(what)):
            self._count()
            name, length, kind = ffi.new("char **"), ffi.new("size_t *"), ffi.new("wasmtime_component_valtype_t *")
            wasmtime.wasmtime_component_record_type_field_nth(what, i, name, length, kind)
            parts.append(f"{_text(name, length)}: {self._value(kind)}")
        return f"record {{ {', '.join(parts)} }}"

    def _variant(self, what: Any) -> str:
        parts = []
        for i in range(wasmtime.wasmtime_component_variant_type_case_count(what)):
            self._count()
            name, length, kind = ffi.new("char **"), ffi.new("size_t *"), ffi.new("wasmtime_component_valtype_t *")
            there = ffi.new("bool *")
            wasmtime.wasmtime_component_variant_type_case_nth(what, i, name, length, there, kind)
            parts.append(_text(name, length) + (f"({self._value(kind)})" if there[0] else ""))
        return f"variant {{ {', '.join(parts)} }}"

    def _names(self, count: int, nth: Any, what: Any) -> str:
        parts = []
        for i in range(count):
            self._count()
            name, length = ffi.new("char **"), ffi.new("size_t *")
            nth(what, i, name, length)
            parts.append(_text(name, length))
        return ", ".join(parts)

    def _enum(self, what: Any) -> str:
        count = wasmtime.wasmtime_component_enum_type_names_count(what)
        return f"enum {{ {self._names(count, wasmtime.wasmtime_component_enum_type_names_nth, what)} }}"

    def _flags(self, what: Any) -> str:
        count = wasmtime.wasmtime_component_flags_type_names_count(what)
        return f"flags {{ {self._names(count, wasmtime.wasmtime_component_flags_type_names_nth, what)} }}"


def _text(name: Any, length: Any) -> str:
    return bytes(ffi.buffer(name[0], length[0])).decode("utf-8", "replace")
