"""Secrets are taken out of all that comes from a server, before anybody else sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Redact = Callable[[bytes], bytes]
"""Takes secrets out of bytes."""


HELD: Final = 8_192
"""Bytes behind which a secret is looked for that may have been cut."""


_SHOWN: Final = 32_768
"""Characters."""


def clean_cut(redact: Redact, start: bytes) -> bytes:
    """The start of something longer, without secrets, and without what may be a part of one that was cut."""
    return redact(start)[:-HELD]


def clean_text(redact: Redact, text: str) -> str:
    """A text without secrets; what is no Unicode in it is replaced."""
    return redact(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def clean_start(redact: Redact, text: str) -> str:
    """The start of a text without secrets: as much as anybody shows of what a server says beside its results."""
    if len(text) <= _SHOWN:
        return clean_text(redact, text)
    return clean_cut(redact, text[:_SHOWN].encode("utf-8", "replace")).decode("utf-8", "replace")


def clean_value(redact: Redact, value: Any) -> Any:
    """JSON's data without secrets: text by text, so that it stays JSON whatever a secret is made of.

    Raises:
        RecursionError: it is too deep.
        UnicodeEncodeError: there is a lone surrogate in it.
    """
    if isinstance(value, str):
        data = value.encode()
        cleaned = redact(data)
        return value if cleaned is data or cleaned == data else cleaned.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {clean_value(redact, key): clean_value(redact, one) for key, one in value.items()}
    return [clean_value(redact, one) for one in value] if isinstance(value, list) else value
