"""Profiles of agents: what is recorded while they run, and what comes of it."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path

from caxton.agents.agent import Agent
from caxton.errors import HostError
from caxton.host.flamegraph import flamegraph
from caxton.host.loading import Loader, Watched, guest_limits
from caxton.sandbox.core_abi import CoreGuest
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.module import AnyModule, Module
from caxton.sandbox.profiling import Profiler


@dataclass(frozen=True, slots=True)
class Profile:
    """Where an agent has spent its time.

    Attributes:
        agent: its name.
        data: JSON that https://profiler.firefox.com reads (the processed format).
        samples: how often its stack was looked at: about once a millisecond, while it computed.
        complete: False where there was more than is kept (100,000 samples, or a second spent on taking them).
    """

    agent: str
    data: bytes
    samples: int
    complete: bool

    def flamegraph(self) -> str:
        """The profile as a picture: SVG, without scripts. Takes a while for a large one."""
        return flamegraph(self.data, self.agent)

    def save(self, path: str | Path) -> None:
        """Writes the JSON to a file."""
        Path(path).write_bytes(self.data)


class Recorder:
    """Records one agent from its beginning: ``host.spawn(..., debug=Debug(profile=recorder))``."""

    def __init__(self) -> None:
        self._agent = ""
        self._profiler: Profiler | None = None
        self._taken = False
        self.recording = asyncio.Event()
        """Set when there is a first instance."""

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to finish."""
        return self._profiler is not None and not self._taken

    def begin(self, agent: str, module: AnyModule) -> None:
        """Begins; the module was loaded to be profiled.

        Raises:
            HostError: ``config.invalid``, it has begun before, or the module is a component.
        """
        if not isinstance(module, Module):
            raise HostError("config.invalid", "components cannot be profiled")
        if self._agent:
            raise HostError("config.invalid", "a recorder records one agent, once")
        self._agent = agent
        self._profiler = Profiler(agent, module)

    def guest(self, limits: GuestLimits) -> CoreGuest:
        """A new instance, which is recorded until ``finish``.

        Raises:
            LimitError: the module's first memory or table is beyond the limits.
        """
        assert self._profiler is not None
        self.recording.set()
        return self._profiler.guest(limits)

    def rest(self) -> None:
        """The agent has ended: nothing more is to be recorded, and ``finish`` gives what there is."""
        self.recording.set()
        if self._profiler is not None:
            self._profiler.rest()

    async def finish(self) -> Profile:
        """Ends the recording, and gives what has been recorded. Once.

        Raises:
            HostError: ``config.invalid``, there is nothing.
        """
        if self._profiler is None or self._taken:
            raise HostError("config.invalid", "nothing was recorded, or its profile was taken before")
        self._taken = True
        found = await asyncio.to_thread(self._profiler.finish)
        return Profile(self._agent, found.data, found.samples, found.complete)


async def profile_running(loader: Loader, agent: Agent, seconds: float) -> Profile:
    """Profiles an agent for so long, in a new instance, which stays when the profile has been taken.

    Raises:
        HostError: ``config.invalid``, its module has changed since it was loaded, or it is being profiled already.
        CaxtonError: its module cannot be loaded, or it has stopped.
    """
    if agent.recorded:
        raise HostError("config.invalid", f"{agent.name} is being profiled already")
    agent.recorded = True
    try:
        source, features, digest = agent.origin
        module = await loader.load_watched(source, features, agent.spec.limits, Watched(profiled=True))
        if module.sha256 != digest:
            raise HostError("config.invalid", f"the module of {agent.name} has changed since it was loaded")
        recorder = Recorder()
        recorder.begin(agent.name, module)
        try:
            return await _record(recorder, agent, seconds)
        finally:
            recorder.rest()
    finally:
        agent.recorded = False


async def _record(recorder: Recorder, agent: Agent, seconds: float) -> Profile:
    before = agent.renew(functools.partial(recorder.guest, guest_limits(agent.spec.limits)))
    if agent.on_ended is None:
        agent.on_ended = []
    agent.on_ended.append(recorder.rest)
    try:
        await recorder.recording.wait()
        await asyncio.sleep(seconds)
    finally:
        if agent.on_ended and recorder.rest in agent.on_ended:
            agent.on_ended.remove(recorder.rest)
        agent.instantiate_by(before)
    return await recorder.finish()
