"""What an agent is watched with from its first instruction on."""

from __future__ import annotations

from dataclasses import dataclass

from caxton.agents.tracing import TraceSink
from caxton.host.autopsy import Autopsy
from caxton.host.loading import Watched
from caxton.host.profiling import Recorder


@dataclass(frozen=True, slots=True)
class Debug:
    """How to watch an agent that is spawned. It changes nothing of what the agent does.

    Attributes:
        trace: is told of every host call, those of turn 0 included. On any thread; it must be quick.
        profile: records where the agent spends its time, until its ``finish``.
        coredump: writes a core dump when an instance traps, or a limit ends it.
    """

    trace: TraceSink | None = None
    profile: Recorder | None = None
    coredump: Autopsy | None = None

    @property
    def watched(self) -> Watched:
        """What instances must be made for."""
        return Watched(self.profile is not None, self.coredump is not None)


NOTHING = Debug()
