"""The agent's own keys and values."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping

from wit_world.imports import host

from caxton_agent.crossing import call, clean, to_wit
from caxton_agent.errors import HostError
from caxton_agent.messages import Payload


class State(MutableMapping[str, Payload]):
    """Keys and values that outlive the instance, as a mapping. Changes hold when the turn has gone well."""

    def __getitem__(self, key: str) -> Payload:
        try:
            return call(host.state_get, clean(key)).value
        except HostError as error:
            raise _missing(error, key) from None

    def __setitem__(self, key: str, value: Payload) -> None:
        call(host.state_put, clean(key), to_wit(value))

    def __delitem__(self, key: str) -> None:
        try:
            call(host.state_delete, clean(key))
        except HostError as error:
            raise _missing(error, key) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())

    def names(self, prefix: str = "") -> list[str]:
        """The keys that begin with a prefix, in order."""
        found: list[str] = json.loads(call(host.state_keys, clean(prefix)))
        return found


def _missing(error: HostError, key: str) -> Exception:
    return KeyError(key) if error.kind == "not-found" else error


state = State()
"""This agent's."""
