"""Where the settings of a configuration stand, kept for whoever finds later that one will not do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from caxton.config.locate import Lines
from caxton.config.problems import ENVIRONMENT, Problem, Where, key_text
from caxton.text import safe


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one configuration.

    Attributes:
        file: as it was named, safe to print.
        lines: of its keys.
        variables: settings that the environment gave, with the variable.
    """

    file: str = ""
    lines: Lines = field(default_factory=lambda: Lines({}))
    variables: Mapping[Where, str] = field(default_factory=dict)

    def problem(self, message: str, hint: str, *where: str | int) -> Problem:
        """What is to be said of a setting."""
        variable = self.variables.get(where)
        if variable is not None:
            return Problem(ENVIRONMENT, None, variable, safe(message, 1000), safe(hint, 1000))
        key = safe(key_text(where), 1000)
        return Problem(self.file, self.lines.line(where), key, safe(message, 1000), safe(hint, 1000))
