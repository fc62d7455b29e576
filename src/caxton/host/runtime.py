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
from typing import Any, Self, TypeVar, overload

from caxton.agents.agent import Agent
from caxton.agents.grants import Grants
from caxton.agents.lifecycle import Verdict
from caxton.agents.ports import Clock
from caxton.agents.spec import Limits, Restart, Spec
from caxton.agents.turn import World
from caxton.agents.units import count, size
from caxton.errors import AgentError, CaxtonError, HostError
from caxton.host.clock import LoopClock
from caxton.host.loading import Loader, Source, check_features, guest_limits
from caxton.host.logs import LogSink, agent_log, to_logging
from caxton.host.memory import MemoryBudget
from caxton.host.reference import AgentRef
from caxton.host.scheduler import LoopScheduler
from caxton.host.statistics import HostStatistics, host_statistics
from caxton.messages import AgentName, agent_name
from caxton.routing.router import DeadLetter, Router
from caxton.sandbox.module import Module
from caxton.supervision.policy import Decision, Policy
from caxton.tools.functions import FunctionTools, make_tool

F = TypeVar("F", bound=Callable[..., Any])
_VERDICTS = {Decision.RESTART: Verdict.RESTART, Decision.STOP: Verdict.STOP, Decision.FAIL: Verdict.FAIL}


class Host:
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
    ) -> None:
        self._memory_limit = None if memory is None else size(memory, "memory")
        self._workers = count(workers if workers is not None else (os.cpu_count() or 1), "workers", 1, 1024)
        self._seed = seed
        self._given_clock = clock
        self._sink = log or to_logging
        self._tools = FunctionTools()
        self._last_parts: tuple[Limits | None, Grants | None, Restart | None] = (None, None, None)
        self._last_spec = _DEFAULT
        self._entered = False
        self._closed = False

    @classmethod
    def from_config(cls, path: str | Path) -> Host:
        """A host as ``caxton.toml`` describes it. Not there yet: it is refused, not ignored."""
        raise HostError("config.invalid", "configuration files come with a later version; use caxton.Host()")

    # ---- life -----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise HostError("config.invalid", "a host is entered once")
        self._entered = True
        self.loop = asyncio.get_running_loop()
        self.clock: Clock = self._given_clock or LoopClock(self.loop)
        self.router = Router(self.clock)
        self._scheduler = LoopScheduler(self.loop, self._workers)
        self._budget = MemoryBudget(self._memory_limit, self._workers + 1)
        self._loader = Loader()
        self._randoms: dict[AgentName, random.Random] = {}
        self._world = World(self.router, self._tools, self.clock, agent_log(self._sink), self._random)
        return self

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
        for agent in self.router:
            await AgentRef(self, agent).stop()
        await self._tools.close()
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
    ) -> AgentRef:
        """Starts an agent and waits until its turn 0 is done.

        Args:
            name: 1 to 64 of ``a-z 0-9 . _ -``, starting with a letter or a digit.
            module: a path, a module's bytes, or WAT text (which begins with ``(``).
            limits, grants, restart: the contract's defaults when not given.
            params: JSON that the agent can read with ``context``.
            features: proposals that the module needs: ``gc``, ``exceptions``.

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
        loaded = self._loader.known(module, wanted, spec.limits)
        if loaded is None:
            loaded = await self._loader.load(module, wanted, spec.limits)
            self._check_running()
        return await self._start(checked, spec, loaded)

    def _spec(
        self,
        limits: Limits | None,
        grants: Grants | None,
        restart: Restart | None,
        params: Mapping[str, Any] | None,
    ) -> Spec:
        """The spec; the last one again where nothing is different, as when a thousand agents are spawned in a loop."""
        parts = (limits, grants, restart)
        if params is None and all(a is b for a, b in zip(parts, self._last_parts, strict=True)):
            return self._last_spec
        spec = _spec(limits, grants, restart, params)
        if params is None:
            self._last_parts, self._last_spec = parts, spec
        return spec

    def _existing(self, name: AgentName) -> Agent | None:
        if not self.router.knows(name):
            return None
        agent = self.router.get(name)
        return None if agent.ended else agent

    async def _start(self, name: AgentName, spec: Spec, module: Module) -> AgentRef:
        limits = guest_limits(spec.limits)
        self._budget.admit(module.first_memory, limits.memory)
        agent = Agent(
            name,
            spec,
            self._world,
            instantiate=functools.partial(module.guest, limits),
            scheduler=self._scheduler,
            budget=self._budget,
            supervise=_Supervision(spec.restart, self.clock),
        )
        self.router.add(agent)
        starting = _Starting(self.loop)
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
        return host_statistics(list(self.router), self._budget.used, self._budget.limit, self.router.dead_letter_count)

    def dead_letters(self) -> list[DeadLetter]:
        """What could not be delivered, oldest first; the last thousand, 16 MiB at most."""
        self._check_running()
        return self.router.dead_letters()

    # ---- tools ----------------------------------------------------------------------------------------------------

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(
        self, function: None = None, /, *, name: str | None = None, description: str | None = None
    ) -> Callable[[F], F]: ...

    def tool(self, function: Any = None, /, *, name: str | None = None, description: str | None = None) -> Any:
        """Makes a typed Python function a tool that agents can be granted::

            @host.tool
            def add(a: int, b: int) -> int: ...

            @host.tool(name="time.now")
            async def now() -> str: ...

        Raises:
            HostError: ``config.invalid``, the name is taken or will not do, or a type is not JSON's.
        """

        def register(found: F) -> F:
            self._tools.add(make_tool(found, name, description))
            return found

        return register if function is None else register(function)

    def stub(self, name: str, answer: bytes) -> None:
        """Makes a tool known that takes any arguments and always gives the same JSON: to try an agent with, where the
        real tool is not at hand.

        Raises:
            HostError: ``config.invalid``, the name will not do or is taken, or ``answer`` is no JSON.
        """
        self._tools.add_stub(name, answer)


class _Supervision:
    """What follows when an instance of one agent ends, by its restart policy."""

    __slots__ = ("_clock", "_policy", "_restart")

    def __init__(self, restart: Restart, clock: Clock) -> None:
        self._restart = restart
        self._clock = clock
        self._policy: Policy | None = None

    def __call__(self, agent: Agent, *, normally: bool) -> Verdict:
        """Decides."""
        if self._policy is None:
            self._policy = Policy(self._restart)
        return _VERDICTS[self._policy.ended(self._clock.monotonic(), normally=normally)]


class _Starting:
    """Waits for an agent's turn 0, which most often is over before anybody waits."""

    __slots__ = ("_done", "_future", "_loop", "error")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self._done = False
        self.error: CaxtonError | None = None

    def __call__(self, error: CaxtonError | None) -> None:
        """Turn 0 is over."""
        self.error = error
        self._done = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self) -> None:
        """Waits until then."""
        if not self._done:
            self._future = self._loop.create_future()
            await self._future


def _spec(
    limits: Limits | None, grants: Grants | None, restart: Restart | None, params: Mapping[str, Any] | None
) -> Spec:
    if limits is None and grants is None and restart is None and params is None:
        return _DEFAULT
    for value, kind in ((limits, Limits), (grants, Grants), (restart, Restart)):
        if value is not None and not isinstance(value, kind):
            raise HostError("config.invalid", f"{kind.__name__.lower()} is a caxton.{kind.__name__}")
    return Spec(
        limits or _DEFAULT.limits,
        grants or _DEFAULT.grants,
        restart or _DEFAULT.restart,
        {} if params is None else params,
    )


_DEFAULT = Spec()
