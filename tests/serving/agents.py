"""The agents that the tests expose, and how they are told what to do through a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import caxton
from caxton.serving import Exposed
from caxton.testing import DRIVER, ECHO, UPPER, Step, act, call, program

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "required": ["city"],
    "additionalProperties": False,
}

EXPOSED: Final = [
    Exposed("upper", "Answers with the message in upper case."),
    Exposed("driver", "Does as it is told."),
    Exposed("weather", "Answers with its arguments.", SCHEMA),
]

LONG: Final = 0x0F4240
"""Milliseconds, more than any test takes; no byte of it is one that a text could not have."""


TOML: Final = """
[agents.upper]
module = "upper.wat"
expose = true
description = "Answers with the message in upper case."

[agents.driver]
module = "driver.wat"
expose = true
description = "Does as it is told."

[agents.weather]
module = "echo.wat"
expose = true
description = "Answers with its arguments."

[agents.weather.input]
type = "object"
required = ["city"]
additionalProperties = false

[agents.weather.input.properties]
city = { type = "string" }
days = { type = "array", items = { type = "integer", minimum = 1 } }

[agents.hidden]
module = "echo.wat"
"""


def configured(folder: Path) -> Path:
    """The same agents, and one that is not exposed, as a configuration file."""
    for name, text in (("upper", UPPER), ("driver", DRIVER), ("echo", ECHO)):
        (folder / f"{name}.wat").write_text(text, encoding="utf-8")
    path = folder / "caxton.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


async def spawn_all(host: caxton.Host) -> None:
    """Starts the exposed agents."""
    await host.spawn("upper", UPPER)
    await host.spawn("driver", DRIVER)
    await host.spawn("weather", ECHO)


def told(*steps: Step) -> dict[str, Any]:
    """The arguments that make the driver take these steps, whose numbers must be such as a text can hold."""
    return {"message": program(*steps).decode("utf-8")}


def answer(text: str) -> Step:
    """Makes the driver answer with a text."""
    return act("respond", text)


def log(text: str) -> Step:
    """Makes the driver log a text."""
    return call("log", 2, text)
