"""Sizes and times as people write them: ``16 MiB``, ``64KiB``, ``300ms``, ``2m``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Final

from caxton.errors import HostError
from caxton.text import safe_name

_SIZES: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_TIMES: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE: Final = re.compile(r"(\d[\d_]{0,24}) ?([A-Za-z]*)", re.ASCII)
_TIME: Final = re.compile(r"(\d[\d_]{0,12}(?:\.\d{1,9})?) ?([A-Za-z]+)", re.ASCII)


def _invalid(what: str, value: object, example: str, meant: str | None = None) -> HostError:
    hint = f" (did you mean {meant}?)" if meant else ""
    return HostError("config.invalid", f"{what}: {safe_name(repr(value))} is not {example}{hint}")


def _meant(match: re.Match[str] | None, units: Iterable[str]) -> str | None:
    """The value with the unit that differs only in capitals. Not taken for it: SI and IEC mean something by them."""
    if match is None:
        return None
    unit = next((one for one in units if one.lower() == match[2].lower()), None)
    return f"{match[1]}{unit}" if unit else None


def size(value: int | str, what: str = "size") -> int:
    """Bytes, from a whole number or a text such as ``16 MiB``.

    Raises:
        HostError: ``config.invalid``.
    """
    meant = None
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        meant = _meant(match, _SIZES)
        if match and match[2] in _SIZES:
            return int(match[1].replace("_", "")) * _SIZES[match[2]]
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _invalid(what, value, 'a size such as "16 MiB" or 1_000_000', meant)


def seconds(value: float | str, what: str = "time") -> float:
    """Seconds, from a number or a text such as ``300ms``.

    Raises:
        HostError: ``config.invalid``.
    """
    meant = None
    if isinstance(value, str):
        match = _TIME.fullmatch(value.strip())
        meant = _meant(match, _TIMES)
        if match and match[2] in _TIMES:
            return float(match[1].replace("_", "")) * _TIMES[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max:
        return float(value)
    raise _invalid(what, value, 'a time such as "300ms", "1s" or 2.5 (seconds)', meant)


def count(value: int, what: str, low: int, high: int) -> int:
    """A whole number between ``low`` and ``high``.

    Raises:
        HostError: ``config.invalid``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise _invalid(what, value, f"a whole number from {low} to {high}")
