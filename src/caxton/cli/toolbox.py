"""``caxton tools`` with a configuration file: lists, explains, accepts, and looks up what was called."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from caxton.agents.arguments import tool_arguments
from caxton.agents.grants import matches
from caxton.cli import interrupts, output, person, tools, usage
from caxton.cli.options import invalid
from caxton.config import AgentSettings, Configuration, load
from caxton.config.absent import check_secrets
from caxton.config.settings import Warned
from caxton.errors import CaxtonError, HostError, ToolError, exit_status
from caxton.host.tooling import toolbox
from caxton.messages import AgentName
from caxton.text import safe, safe_name
from caxton.tools.mcp.pins import Change
from caxton.tools.mcp.servers import review
from caxton.tools.policy.decision import Decision
from caxton.tools.policy.explain import PASSED, REFUSED, TAKES, Explanation, Step, explain
from caxton.tools.provider import Call
from caxton.tools.registry import without
from caxton.tools.settings import BUILT_IN, BUILT_IN_TOOLS, ToolSettings


def list_tools(path: Path, agent: str | None, *, json: bool) -> int:
    """Prints every tool, or those that an agent may call; answers the exit status, 0.

    Raises:
        HostError: ``config.invalid``.
    """
    configuration = load(path)
    grants = None if agent is None else _agent(configuration, agent).grants
    check_secrets(configuration)
    found = interrupts.run(_list(configuration))
    shown = [tool for tool in found if grants is None or grants.may_call(tool["name"])]
    if json:
        output.put_json({"ok": True, "tools": shown})
    else:
        lines = (f"{safe_name(one['name'])}  {safe(one['description'].partition(chr(10))[0], 200)}" for one in shown)
        output.put("".join(f"{line.rstrip()}\n" for line in lines).encode("utf-8", "backslashreplace"))
    return 0


async def _list(configuration: Configuration) -> list[dict[str, Any]]:
    async with toolbox(configuration.tools) as tooling:
        found = await tooling.registry.tools()
    return [one.as_json() for one in sorted(found, key=lambda one: one.name)]


def explain_call(path: Path, agent: str, tool: str, arguments: str | None, *, json: bool) -> int:
    """Prints why a call would be allowed or denied; answers the exit status: 0, or 6 where it would be denied.

    Raises:
        CaxtonError: ``config.invalid``; ``tool.bad-arguments``, the arguments are no JSON object.
    """
    configuration = load(path)
    settings = _agent(configuration, agent)
    values = None if arguments is None else tool_arguments(tool, arguments.encode("utf-8", "surrogateescape"))
    if values is not None:
        values = without(values, _given(configuration.tools, tool))
    found = explain(settings.grants, tool, values, lambda name: _knows(configuration.tools, name))
    if values is not None and found.decision.allowed and tool.partition(".")[0] in BUILT_IN:
        call = Call(AgentName(agent), tool, values, "", settings.grants.rules_for(tool))
        found = _with_arguments(found, configuration.tools, call)
    return tools.explanation(found, _warnings(configuration, agent, tool), agent=agent, json=json)


def _warnings(configuration: Configuration, agent: str, tool: str) -> list[Warned]:
    """Those of an agent's grants and rules that are about a tool, or about none, so that they may be about any."""
    found = [one for one in configuration.warnings if one.agent == agent and one.glob and one.comes != "agent"]
    return [one for one in found if one.idle or matches((one.glob,), tool)]


def _with_arguments(found: Explanation, settings: ToolSettings, call: Call) -> Explanation:
    """The explanation with what a built-in tool decides by itself: whether it takes the arguments, and the host, path
    or model in them."""
    from caxton.tools.builtin.checks import check

    try:
        check(settings, call)
    except CaxtonError as error:
        rule = getattr(error, "rule", None) or TAKES
        steps = (*(step for step in found.steps if step.rule != rule), Step(rule, REFUSED, error.message))
        return replace(found, decision=Decision(False, error.code, rule, error.message), steps=steps)
    return replace(found, steps=(*found.steps, Step(TAKES, PASSED, "the tool takes them")))


def _knows(settings: ToolSettings, name: str) -> bool:
    """Whether there is such a tool, as far as can be said without asking a server."""
    first, dot, _ = name.partition(".")
    if first not in BUILT_IN:
        return bool(dot) and any(first == server.name for server in settings.servers)
    return name in BUILT_IN_TOOLS and (first != "llm" or settings.llm is not None)


def _given(settings: ToolSettings, name: str) -> Collection[str]:
    """The arguments of a tool that the host gives, whatever an agent does."""
    first, _, rest = name.partition(".")
    return next((server.arguments.get(rest, {}) for server in settings.servers if server.name == first), {})


def accept(path: Path, what: str, *, yes: bool, json: bool) -> int:
    """Shows how a server's tools differ from what was accepted, and accepts that; answers the exit status.

    Raises:
        CaxtonError: ``config.invalid``, ``tool.unknown``, ``tool.failed``, ``storage.failed``.
    """
    configuration = load(path)
    check_secrets(configuration)
    return interrupts.run(_accept(configuration, what, yes=yes, json=json))


async def _accept(configuration: Configuration, what: str, *, yes: bool, json: bool) -> int:
    async with toolbox(configuration.tools) as tooling:
        server, changes = await review(tooling.servers, what)
        if not json:
            output.put("".join(f"{line}\n" for line in _lines(changes)).encode("utf-8", "backslashreplace"))
        error = None if yes or not changes else await _refused(changes if json else ())
        if changes and error is None:
            await server.accept(changes)
    if json:
        output.put_json(
            {
                "ok": error is None,
                "changes": [_as_json(one) for one in changes],
                "accepted": bool(changes) and error is None,
                "error": None if error is None else output.error_object(error),
            }
        )
    if error is not None:
        output.complain(error, "tools")
        return exit_status(error.code)
    if changes and not json:
        output.say("caxton: accepted")
    return 0


def _lines(changes: Sequence[Change]) -> list[str]:
    return [line for change in changes for line in change.lines()] or ["nothing has changed"]


def _as_json(change: Change) -> dict[str, Any]:
    return {"tool": change.tool, "kind": change.kind, "before": change.before, "after": change.after}


async def _refused(unseen: Sequence[Change]) -> CaxtonError | None:
    """Asks the person at the terminal, who sees what was not shown yet; None where they agree. Nobody there is no."""
    if not person.is_there():
        return invalid("there is nobody to ask: look at the changes, and say --yes")
    for line in _lines(unseen) if unseen else ():
        output.say(line)
    if await person.agreed("caxton: accept this? [y/N]"):
        return None
    return ToolError("tool.changed", "nothing was accepted")


def audited(path: Path, **options: Any) -> int:
    """Prints what the audit of the file's host holds; see ``tools.audit``.

    Raises:
        HostError: ``config.invalid``, ``storage.failed``.
    """
    file = load(path).tools.audit
    if file is None or not os.path.lexists(file):
        raise HostError("storage.failed", f"there is no audit at {safe_name(str(file))} yet")
    return tools.audit(file, **options)


def _agent(configuration: Configuration, name: str) -> AgentSettings:
    for agent in configuration.agents:
        if agent.name == name:
            return agent
    nearest = usage.meant(name, [agent.name for agent in configuration.agents])
    raise invalid(f"there is no agent {safe_name(name)} in the file{nearest}")
