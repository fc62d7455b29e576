"""Values that JSON Schema calls equal: 1 and 1.0, objects in whatever order; but not 1 and true."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def plain(value: Any) -> Any:
    """A value that is neither list nor object, as something that is equal where it is."""
    return ("bool", value) if isinstance(value, bool) else value


def written(value: Any) -> str:
    """A text that is the same for equal values.

    A text, since nobody can choose many that have the same hash; of numbers that is easy.
    """
    if isinstance(value, str):
        return '"' + value
    if isinstance(value, list | dict):
        return json.dumps(_whole(value), sort_keys=True, ensure_ascii=False)
    return repr(_whole(value))


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return {key: _whole(one) for key, one in value.items()} if isinstance(value, dict) else value


class Choices(list[Any]):
    """The values of a schema's ``enum`` (or ``const``), among which one is found without comparing it with each."""

    def __init__(self, values: Iterable[Any]) -> None:
        super().__init__(values)
        self.plain = frozenset(plain(value) for value in self if not isinstance(value, list | dict))
        self.written = frozenset(written(value) for value in self if isinstance(value, list | dict))
