"""The one name that a call's arguments have in approvals and in the audit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_canonical: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as JSON in one form, whatever order and spacing they came in: UTF-8, compact, keys sorted.

    Numbers stay as they were written: 1 and 1.0 are two calls.

    Raises:
        ValueError: it holds NaN, an infinity or a lone surrogate, which ``jsontext`` lets nobody send.
        TypeError: it is not JSON's.
    """
    return _canonical(arguments).encode("utf-8")


def digest(arguments: Mapping[str, Any]) -> str:
    """The SHA-256 of ``canonical(arguments)``, in lower-case hex. Raises what that raises."""
    return hashlib.sha256(canonical(arguments)).hexdigest()
