"""The languages, by name. Each has a module of its name here, with ``LANGUAGE``."""

from __future__ import annotations

import importlib
from typing import Final

from caxton.config.problems import meant
from caxton.errors import HostError
from caxton.text import safe_name
from caxton.toolchain.language import Language

NAMES: Final = ("c", "cpp", "zig", "rust", "go", "assemblyscript", "python", "javascript", "typescript")
"""The contract's list."""


def language(name: str) -> Language:
    """The language of that name.

    Raises:
        HostError: ``config.invalid``, there is none.
    """
    if name not in NAMES:
        hint = meant(name, NAMES)
        known = ", ".join(NAMES)
        said = f"there is no language {safe_name(repr(name))}{hint and '; '}{hint} The languages: {known}"
        raise HostError("config.invalid", said if hint else f"there is no language {safe_name(repr(name))}: {known}")
    place = f"{__name__}.{name}"
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise HostError("config.invalid", f"the language {name} comes with a later version") from None
    found = module.LANGUAGE
    assert isinstance(found, Language)
    return found
