"""The host: where everything is put together."""

from __future__ import annotations

import asyncio
import functools
import os
import random
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from caxton.agents.agent import Agent
from caxton.agents.grants import Grants
from caxton.agents.ports import Clock
from caxton.agents.spec import COMPACT_AFTER, Limits, Restart, Spec
from caxton.agents.turn import World
from caxton.agents.units import count, seconds, size
from caxton.errors import AgentError, HostError
from caxton.host.clock import LoopClock
from caxton.host.compaction import Compaction
from caxton.host.debugging import NOTHING, Debug
from caxton.host.loading import UNWATCHED, Loader, Source, check_features, guest_limits, path_of
from caxton.host.logs import LogSink, agent_log, to_logging
from caxton.host.memory import MemoryBudget
from caxton.host.reference import AgentRef
from caxton.host.scheduler import LoopScheduler
from caxton.host.starting import DEFAULT, Starting, Supervision, make_spec
from caxton.host.statistics import HostStatistics, host_statistics
from caxton.host.toolbelt import Toolbelt
from caxton.host.tooling import Tooling
from caxton.messages import AgentName, agent_name
from caxton.routing.router import DeadLetter, Router
from caxton.sandbox.core_abi import CoreGuest
from caxton.sandbox.limits import GuestLimits
from caxton.sandbox.module import AnyModule
from caxton.tools.settings import ToolSettings

if TYPE_CHECKING:
    from caxton.config import Configuration


class Host(Toolbelt):
    """Runs agents, in one process and on one event loop::

        async with caxton.Host() as host:
            upper = await host.spawn("upper", "upper.wasm")
            print((await upper.ask("hello")).text)

    Args:
        memory: bytes (or a text such as ``"2 GiB"``) that all agents may have in sum; by default three quarters of
            the machine's memory, or of the cgroup's.
        workers: threads for turns that compute long; by default as many as there are cores.
        seed: makes the agents' random numbers repeatable.
        clock: another clock than the event loop's (``caxton.testing`` has one).
        log: takes what agents log: their name, the level, the line; by default Python's ``logging``.
        warm: whether agents may begin where their module's initialisation, run once, has left it; see
            docs/reference/warm-starts.md for what they then share.
        compact_after: seconds (or a text such as ``"1m"``) without a turn after which an agent's memory is made small
            until its next one; 0: never. By default 5 s, and never with a ``clock`` of your own.
        tools: what built-in tools and MCP servers are set up with (``ToolSettings()`` is a set-up, too); by default
            there are none.

    Raises:
        HostError: ``config.invalid``, an argument will not do.
    """

    def __init__(
        self,
        *,
        memory: int | str | None = None,
        workers: int | None = None,
        seed: int | None = None,
        clock: Clock | None = None,
        log: LogSink | None = None,
        tools: ToolSettings | None = None,
        warm: bool = True,
        compact_after: float | str | None = None,
    ) -> None:
        self._memory_limit = None if memory is None else size(memory, "memory")
        self._workers = count(workers if workers is not None else (os.cpu_count() or 1), "workers", 1, 1024)
        self._seed = seed
        self._given_clock = clock
        self._sink = log or to_logging
        self._warm = warm
        after = compact_after if compact_after is not None else (COMPACT_AFTER if clock is None else 0)
        self._compact_after = seconds(after, "compact_after")
        self._tooling = Tooling(tools)
        self._configured: Configuration | None = None
        self._last_parts: tuple[Limits | None, Grants | None, Restart | None] = (None, None, None)
        self._last_spec = DEFAULT
        self._last_limits = (DEFAULT.limits, guest_limits(DEFAULT.limits))
        self._entered = False
        self._closed = False

    @classmethod
    def from_config(cls, path: str | Path) -> Host:
        """A host as ``caxton.toml`` describes it; its agents start when it is entered. What the file says in vain is
        logged then (``caxton.config``).

        Raises:
            HostError: ``config.invalid``: where the first mistake is, and how many there are.
        """
        from caxton.config import load

        found = load(path)
        said = found.host
        host = cls(
            memory=said.memory,
            workers=said.workers,
            seed=said.seed,
            tools=found.tools,
            warm=said.warm,
            compact_after=said.compact_after,
        )
        host._configured = found
        return host

    # ---- life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise HostError("config.invalid", "a host is entered once")
        self._entered = True
        if self._configured is not None:
            self._look_around(self._configured)
        self.loop = asyncio.get_running_loop()
        self.clock: Clock = self._given_clock or LoopClock(self.loop)
        self.router = Router(self.clock)
        self._scheduler = LoopScheduler(self.loop, self._workers)
        self._budget = MemoryBudget(self._memory_limit, self._workers + 1)
        self._loader = Loader(seeded=self._seed is not None, own_clock=self._given_clock is not None)
        self._randoms: dict[AgentName, random.Random] = {}
        try:
            tools = await self._tooling.open(self.clock, self.router)
        except BaseException:
            self._closed = True
            raise
        self._compaction = Compaction(self.clock, self._compact_after, self.loop)
        self._world = World(
            self.router,
            self._budget,
            tools,
            self.clock,
            agent_log(self._sink),
            self._random,
            self._compaction.note,
        )
        if self._configured is not None:
            await self._start_configured(self._configured)
        return self

    def _look_around(self, configuration: Configuration) -> None:
        from caxton.host.configured import look_around

        try:
            look_around(configuration, self._tooling)
        except BaseException:
            self._closed = True
            raise

    async def _start_configured(self, configuration: Configuration) -> None:
        """Starts the agents of a configuration, all or none."""
        from caxton.host.configured import start_agents

        try:
            await start_agents(self, configuration)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        closing = self.loop.create_task(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing  # what was begun is brought to its end: no agent is left behind
            raise

    async def _close(self) -> None:
        self._compaction.close()
        agents = list(self.router)
        # All before any is waited for, and as one: none goes on after another one that it asks has gone.
        self._scheduler.as_one(lambda: _stop(agents))
        for agent in agents:
            await AgentRef(self, agent).stop()
        await self._tooling.close()
        await self._loader.close()
        await self._scheduler.close()

    def _check_running(self) -> None:
        if not self._entered or self._closed:
            raise HostError("config.invalid", "the host does not run: use it inside `async with caxton.Host() as host`")

    def _random(self, name: AgentName, count: int) -> bytes:
        if self._seed is None:
            return secrets.token_bytes(count)
        source = self._randoms.get(name)
        if source is None:
            source = self._randoms[name] = random.Random(f"{self._seed} {name}")  # noqa: S311 - repeatable on purpose
        return source.randbytes(count)

    # ---- agents ---------------------------------------------------------------------------------------------------

    async def spawn(
        self,
        name: str,
        module: Source | bytearray | memoryview,
        *,
        limits: Limits | None = None,
        grants: Grants | None = None,
        restart: Restart | None = None,
        params: Mapping[str, Any] | None = None,
        features: Iterable[str] = (),
        warm: bool | None = None,
        debug: Debug = NOTHING,
    ) -> AgentRef:
        """Starts an agent and waits until its turn 0 is done.

        Args:
            name: 1 to 64 of ``a-z 0-9 . _ -``, starting with a letter or a digit.
            module: a path, a module's bytes, or WAT text (which begins with ``(``).
            limits, grants, restart: the contract's defaults when not given.
            params: JSON that the agent can read with ``context``.
            features: proposals that the module needs: ``gc``, ``exceptions``.
            warm: False: it runs its initialisation itself; by default as the host has it.
            debug: what to watch the agent with from its beginning.

        Raises:
            CaxtonError: ``agent.bad-name``, ``agent.exists``, ``agent.refused-start``, ``module.*``, ``limit.*``,
                ``trap.*``, ``config.invalid``.
        """
        self._check_running()
        checked = agent_name(name)
        spec = self._spec(limits, grants, restart, params)
        found = self._existing(checked)
        if found is not None:
            raise AgentError("agent.exists", f"there is an agent {checked} already")
        wanted = frozenset() if features == () else check_features(features)
        if isinstance(module, bytearray | memoryview):
            module = bytes(module)  # its owner may change it while it is being loaded
        if debug is not NOTHING and debug.watched != UNWATCHED:
            seen = await self._loader.load_watched(module, wanted, spec.limits, debug.watched)
            self._check_running()
            return await self._start(checked, spec, seen, (module, wanted), debug)
        # A watcher is to see what initialisation asks the host for.
        may_be_warm = (self._warm if warm is None else warm) and debug.trace is None
        loaded = self._loader.known(module, wanted, spec.limits, may_be_warm)
        if loaded is None:
            loaded = await self._loader.load(module, wanted, spec.limits, may_be_warm)
            self._check_running()
        return await self._start(checked, spec, loaded, (module, wanted), debug)

    def _spec(
        self,
        limits: Limits | None,
        grants: Grants | None,
        restart: Restart | None,
        params: Mapping[str, Any] | None,
    ) -> Spec:
        """The spec; the last one again where nothing is different, as when a thousand agents are spawned in a loop."""
        last = self._last_parts
        if params is None and limits is last[0] and grants is last[1] and restart is last[2]:
            return self._last_spec
        spec = make_spec(limits, grants, restart, params)
        if params is None:
            self._last_parts, self._last_spec = (limits, grants, restart), spec
        return spec

    def _existing(self, name: AgentName) -> Agent | None:
        if not self.router.knows(name):
            return None
        agent = self.router.get(name)
        return None if agent.ended else agent

    async def _start(
        self, name: AgentName, spec: Spec, module: AnyModule, origin: tuple[Source, frozenset[str]], debug: Debug
    ) -> AgentRef:
        if spec.limits is not self._last_limits[0]:
            self._last_limits = (spec.limits, guest_limits(spec.limits))
        limits = self._last_limits[1]
        self._budget.admit(module.first_memory, limits.memory)
        agent = Agent(
            name,
            spec,
            self._world,
            instantiate=self._instances(name, module, limits, debug),
            scheduler=self._scheduler,
            budget=self._budget,
            supervise=Supervision(spec.restart, self.clock),
        )
        agent.origin = (*origin, module.sha256)
        if debug.trace is not None:
            agent.trace(debug.trace)
        if debug.profile is not None:
            agent.on_ended = [debug.profile.rest]
        if debug.coredump is not None:
            path = path_of(origin[0])
            debug.coredump.begin(name, "module" if path is None else path.name)
            agent.autopsy = debug.coredump
        self.router.add(agent)
        starting = Starting(self.loop)
        agent.on_started = starting
        agent.start()
        try:
            await starting.wait()
        except asyncio.CancelledError:
            await AgentRef(self, agent).stop()
            raise
        if starting.error is not None:
            self.router.remove(agent)
            raise starting.error
        return AgentRef(self, agent)

    def _instances(
        self, name: AgentName, module: AnyModule, limits: GuestLimits, debug: Debug
    ) -> Callable[[], CoreGuest]:
        """What makes the agent's instances."""
        if debug.profile is None:
            return functools.partial(module.guest, limits)
        debug.profile.begin(name, module)
        return functools.partial(debug.profile.guest, limits)

    def agent(self, name: str) -> AgentRef:
        """The agent of that name.

        Raises:
            AgentError: ``agent.unknown``.
        """
        self._check_running()
        return AgentRef(self, self.router.get(AgentName(name)))

    def agents(self) -> list[AgentRef]:
        """All agents."""
        self._check_running()
        return [AgentRef(self, agent) for agent in self.router]

    def statistics(self) -> HostStatistics:
        """A snapshot of the host."""
        self._check_running()
        return host_statistics(
            list(self.router),
            self._budget.used,
            self._budget.limit,
            self.router.dead_letter_count,
            self._tooling.calls_under_way,
        )

    def dead_letters(self) -> list[DeadLetter]:
        """What could not be delivered, oldest first; the last thousand, 16 MiB at most."""
        self._check_running()
        return self.router.dead_letters()


def _stop(agents: Iterable[Agent]) -> None:
    for agent in agents:
        agent.stop(AgentError("agent.stopped", f"{agent.name} was stopped"))
