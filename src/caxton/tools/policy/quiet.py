"""A copy of arguments that jsonschema can be given: of a bounded number of values, which are not written out.

jsonschema writes each value that it complains of into a message, also in branches that come to nothing. These copies
say nothing of themselves, so that a megabyte which is looked at a thousand times is not written a thousand times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_NAME: Final = 2_048
"""Characters that a name anywhere in the arguments may have."""

_SHORT: Final = 64


class TooMuch(Exception):
    """The arguments take too long to check. It says so to whoever sent them."""


def quiet(arguments: Mapping[str, Any], most: int) -> Any:
    """The copy, of at most ``most`` values.

    Raises:
        TooMuch: there are more, or a name is too long.
    """
    return _Copier(most).value(arguments)


class _Text(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


class _List(list[Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


class _Dict(dict[str, Any]):
    __slots__ = ()

    def __repr__(self) -> str:
        return "..."


class _Copier:
    def __init__(self, most: int) -> None:
        self._left = most

    def value(self, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise TooMuch("they have too many values to check")
        if isinstance(value, str):
            return _Text(value) if len(value) > _SHORT else value
        if isinstance(value, list):
            return _List(map(self.value, value))
        if isinstance(value, Mapping):
            return _Dict((self._key(key), self.value(one)) for key, one in value.items())
        return value

    def _key(self, key: str) -> str:
        if len(key) > MAX_NAME:
            raise TooMuch(f"a name has more than {MAX_NAME} characters")
        return _Text(key) if len(key) > _SHORT else key
