"""``caxton run``: one agent, some messages, their answers."""

from __future__ import annotations

import asyncio
from typing import Any

from caxton.agents.spec import Restart
from caxton.cli import interrupts, output
from caxton.cli.clock import StandingClock
from caxton.cli.conversation import Outcome, converse
from caxton.cli.options import Job
from caxton.cli.watching import Watch
from caxton.errors import CaxtonError, exit_status
from caxton.host.reference import AgentRef
from caxton.host.runtime import Host
from caxton.messages import agent_name
from caxton.tools.settings import ToolSettings


def run(job: Job) -> int:
    """Runs the job; answers the exit status, which is that of the first failure."""
    watch = Watch(job)
    try:
        return interrupts.run(_watched(job, watch))
    except CaxtonError as error:
        output.complain(error, "run", job.module)
        if job.json:
            _put(job, output.failure(error.code, error.message, error), watch)
        return exit_status(error.code)


async def _watched(job: Job, watch: Watch) -> int:
    try:
        status = await _run(job, watch)
    finally:
        unwritten = await watch.finish()
    return status or unwritten


async def _run(job: Job, watch: Watch) -> int:
    clock = None if job.clock is None else StandingClock(asyncio.get_running_loop(), job.clock)
    status = 0

    def take(outcome: Outcome) -> None:
        nonlocal status
        _show(job, outcome, watch)
        if outcome.error is not None:
            output.complain(outcome.error, "run", job.module)
            status = status or exit_status(outcome.error.code)

    async with Host(seed=job.seed, clock=clock, log=output.log, tools=_tools(job)) as host:
        for name, answer in job.stubs.items():
            host.stub(name, answer)
        agent = await _spawn(host, job, watch)
        deadline = float(job.limits.deadline)
        # A message's turn may have to wait for one of the agent's own before it.
        await converse(agent, job.messages, deadline, 2 * deadline, take)
    return status


def _tools(job: Job) -> ToolSettings | None:
    if job.config is None:
        return None
    from caxton.config import load
    from caxton.config.absent import check_secrets

    configuration = load(job.config)
    check_secrets(configuration)
    return configuration.tools


async def _spawn(host: Host, job: Job, watch: Watch) -> AgentRef:
    # Every message may end an instance, and the next one is to be delivered all the same.
    restart = Restart(max_restarts=100 + len(job.messages))
    return await host.spawn(
        _name(job),
        job.module,
        limits=job.limits,
        grants=job.grants,
        restart=restart,
        params=job.params,
        debug=watch.debug(),
    )


def _name(job: Job) -> str:
    """The agent's name: the file's, where that may be one."""
    try:
        return agent_name(job.module.stem.lower())
    except CaxtonError:
        return "agent"


def _show(job: Job, outcome: Outcome, watch: Watch) -> None:
    reply, error = outcome.reply, outcome.error
    if not job.json:
        output.put_answer(reply.payload if reply is not None else b"")
        return
    usage = output.usage_of(reply, error)
    if job.clock is not None:
        usage = usage._replace(wall=outcome.seconds)  # the agent's clock does not tell
    _put(job, output.outcome(reply, error, usage), watch)


def _put(job: Job, found: dict[str, Any], watch: Watch) -> None:
    named = {} if job.event is None else {"event": job.event}
    output.put_json(named | found | watch.found())
