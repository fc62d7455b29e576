"""Core dumps of agents that fail."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from caxton.agents.ports import Guest
from caxton.errors import CaxtonError
from caxton.host.whole import PRIVATE, whole_file

_log = logging.getLogger("caxton.host")


class Autopsy:
    """Writes a core dump of one agent: of the first instance that traps, or runs into a limit that ends it.

    ``host.spawn(..., debug=Debug(coredump=Autopsy("out.wasm-coredump")))``. The file holds the agent's memory: only its
    owner can read it.

    Attributes:
        path: where it is written, once.
        written: whether it has been.
        failure: why it could not be, if it could not.
    """

    path: Path
    written: bool
    failure: str | None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.written = False
        self.failure = None
        self._agent = self._module = ""

    def begin(self, agent: str, file: str) -> None:
        """Says whom it is about, and what the module's file is called."""
        self._agent, self._module = agent, file

    def __call__(self, guest: Guest, error: CaxtonError) -> None:
        """An instance has failed, and is still there. Blocks until its memory is written."""
        if self.written or self.failure is not None:
            return
        try:
            with whole_file(self.path, PRIVATE) as output:
                guest.write_dump(output, error, self._agent, self._module)
            self.written = True
        except (OSError, ValueError) as problem:
            self.failure = getattr(problem, "strerror", None) or str(problem)
            _log.warning("the core dump of %s cannot be written: %s", self._agent, self.failure)
