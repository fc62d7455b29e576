"""The environment goes before the file: ``CAXTON_HOST_MEMORY`` is ``host.memory``.

The rule: ``CAXTON_``, and the key in capitals with ``_`` for each dot; for keys that take one value and stand neither
under ``[agents]`` nor under a server of the author's. A path is relative to the working directory, as whoever sets a
variable sees it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from caxton.config.problems import ENVIRONMENT, Problems, nearest
from caxton.config.table import VARIABLES, Setting
from caxton.tools.secrets import PREFIX as PREFIX_OF_SECRETS

PREFIX: Final = "CAXTON_"


def overlay(values: dict[str, Any], environment: Mapping[str, str], problems: Problems) -> None:
    """Puts what the environment says in the place of the file's values; mistakes are noted."""
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name.startswith(PREFIX_OF_SECRETS):
            continue
        setting = VARIABLES.get(name)
        if setting is None:
            problems.add(None, name, "unknown variable", _meant(name), file=ENVIRONMENT)
        else:
            _put(values, setting, name, environment[name], problems)


def _meant(name: str) -> str:
    # Without what all of them begin with, which would make any two look alike.
    word = nearest(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in VARIABLES])
    return "" if word is None else f"did you mean {PREFIX}{word}?"


def _put(values: dict[str, Any], setting: Setting, name: str, text: str, problems: Problems) -> None:
    mistakes = len(problems.found)

    def say(message: str, hint: str = "", *at: str | int) -> None:
        problems.add(None, name, message, hint, file=ENVIRONMENT)

    try:
        text.encode()
    except UnicodeEncodeError:
        say("not UTF-8")
        return
    assert setting.kind.from_text is not None
    found = setting.kind.read(setting.kind.from_text(text), say)
    if len(problems.found) > mistakes:
        return
    table = values
    for key in setting.keys[:-1]:
        table = table.setdefault(key, {})
    table[setting.keys[-1]] = os.path.abspath(found) if setting.kind.path else found
