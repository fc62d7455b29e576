"""What the tests of the configuration share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from caxton.config import Configuration, Problem, check, load

NOTHING: Final[Mapping[str, str]] = {}
"""An environment that says nothing."""


def written(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "caxton.toml"
    path.write_text(text, encoding="utf-8")
    return path


class Here:
    """Reads configurations from a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def secrets(self, name: str = "secrets.toml") -> Path:
        """A file of secrets with none in it."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch(0o600)
        return path

    def load(self, text: str, environment: Mapping[str, str] = NOTHING) -> Configuration:
        """The configuration."""
        return load(written(self.folder, text), environment)

    def check(self, text: str, environment: Mapping[str, str] = NOTHING) -> list[Problem]:
        """Its mistakes."""
        return check(written(self.folder, text), environment)

    def told(self, text: str, environment: Mapping[str, str] = NOTHING) -> list[str]:
        """Its mistakes as they are printed, without the folder."""
        return [str(one).removeprefix(f"{self.folder}/") for one in self.check(text, environment)]
