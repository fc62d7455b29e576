"""The verbs that work with a configuration file: ``up``, ``config``, ``tools``, ``mcp``. Made as those in verbs.py."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Final

import typer

from caxton.cli.app import Verb, Verbs, Work, app, example, json_option

CONFIG: Final = "caxton.toml"

_File = Annotated[
    str, typer.Argument(metavar="FILE", show_default=False, help="The configuration file. [default: caxton.toml]")
]
_Config = Annotated[
    str, typer.Option("--config", metavar="FILE", show_default=False, help="The file. [default: caxton.toml]")
]


def _path(text: str, what: str) -> Path:
    from caxton.cli.options import path

    return path(text, what)


def _group(name: str, short: str, *examples: str) -> typer.Typer:
    group = typer.Typer(
        name=name,
        cls=Verbs,
        help=short,
        epilog=example(*examples),
        subcommand_metavar="VERB [ARGUMENTS]",
        rich_markup_mode=None,
    )
    app.add_typer(group, short_help=short)
    return group


@app.command(
    cls=Verb,
    short_help="Run the agents of a configuration file.",
    epilog=example("caxton up", 'caxton up team.toml --send planner "plan my day"'),
)
def up(
    file: _File = CONFIG,
    send: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="AGENT TEXT", help="Ask one agent, print its answer, and end.", show_default=False),
    ] = None,
    json: json_option = False,
) -> Work:
    """Run the agents of a configuration file, in the foreground.

    The first Ctrl-C (or SIGTERM) lets what has begun come to its end, for half a minute at most; the second ends at
    once. Calls that need a person's consent (approve = "ask") are shown, to be answered with y or n; without a
    terminal they are refused.
    """
    from caxton.cli.options import invalid
    from caxton.cli.up import up as work

    if json and send is None:
        raise invalid("--json goes with --send")
    return functools.partial(work, _path(file, "FILE"), send=send, json=json)


_config: Final = _group(
    "config", "Check a configuration file; what may stand in one.", "caxton config check", "caxton config keys"
)


@_config.command(
    cls=Verb, short_help="Tell every mistake.", epilog=example("caxton config check", "caxton config check --strict")
)
def check(
    file: _File = CONFIG,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are mistakes, too.")] = False,
    json: json_option = False,
) -> Work:
    """Tell every mistake of a configuration file: line, key, and what was probably meant.

    What the file says in vain, and what this machine does not have (modules, programs, secrets), are warnings.
    """
    from caxton.cli.config import check as work

    return functools.partial(work, _path(file, "FILE"), strict=strict, json=json)


@_config.command(cls=Verb, short_help="Print the JSON Schema.", epilog=example("caxton config schema > schema.json"))
def schema() -> Work:
    """Print the JSON Schema of configuration files, for editors."""
    from caxton.cli.config import schema as work

    return work


@_config.command(cls=Verb, short_help="List every key.", epilog=example("caxton config keys"))
def keys() -> Work:
    """List every key and every environment variable, with what it means."""
    from caxton.cli.config import keys as work

    return work


_tools: Final = _group(
    "tools",
    "What agents may call, what they called, and what has changed.",
    "caxton tools list",
    "caxton tools explain planner time.now",
)


@_tools.command(
    "list", cls=Verb, short_help="List the tools, or those of an agent.", epilog=example("caxton tools list planner")
)
def list_(
    agent: Annotated[
        str | None, typer.Argument(metavar="AGENT", show_default=False, help="Only what it may call.")
    ] = None,
    config: _Config = CONFIG,
    json: json_option = False,
) -> Work:
    """List the tools that there are, or those that an agent may call. Starts the MCP servers, to ask them."""
    from caxton.cli.toolbox import list_tools as work

    return functools.partial(work, _path(config, "--config"), agent, json=json)


@_tools.command(
    cls=Verb,
    short_help="Tell whether an agent may call a tool, and by which rule.",
    epilog=example(
        "caxton tools explain planner time.now",
        """caxton tools explain planner http.fetch '{"url": "https://a.example/"}'""",
    ),
)
def explain(
    agent: Annotated[str, typer.Argument(metavar="AGENT", show_default=False, help="An agent of the file.")],
    tool: Annotated[str, typer.Argument(metavar="TOOL", show_default=False, help="A tool's name.")],
    arguments: Annotated[
        str | None, typer.Argument(metavar="ARGS", show_default=False, help="The call's arguments, as JSON.")
    ] = None,
    config: _Config = CONFIG,
    json: json_option = False,
) -> Work:
    """Tell whether an agent may call a tool with these arguments, and by which rule. Nothing is started or called."""
    from caxton.cli.toolbox import explain_call as work

    return functools.partial(work, _path(config, "--config"), agent, tool, arguments, json=json)


@_tools.command(
    cls=Verb,
    short_help="Accept how a server's tools are now.",
    epilog=example("caxton tools accept files", "caxton tools accept files.read_file --yes"),
)
def accept(
    what: Annotated[str, typer.Argument(metavar="SERVER[.TOOL]", show_default=False, help="A server, or one tool.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: _Config = CONFIG,
    json: json_option = False,
) -> Work:
    """Accept how a server's tools are defined now, after showing what has changed since they were accepted."""
    from caxton.cli.toolbox import accept as work

    return functools.partial(work, _path(config, "--config"), what, yes=yes, json=json)


@_tools.command(
    cls=Verb,
    short_help="Show what was called.",
    epilog=example("caxton tools audit --agent planner --since 1h", "caxton tools audit --outcome grant.denied --json"),
)
def audit(
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only this agent's calls.")] = None,
    tool: Annotated[str | None, typer.Option(metavar="TOOL", help="Only calls of this tool.")] = None,
    outcome: Annotated[str | None, typer.Option(metavar="CODE", help="Only this outcome: ok, or a code.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only since then: 10m, or RFC 3339.")] = None,
    limit: Annotated[str, typer.Option(metavar="N", help="At most so many.")] = "100",
    config: _Config = CONFIG,
    json: json_option = False,
) -> Work:
    """Show the calls of tools that the host of a configuration file has written down, newest first."""
    from caxton.cli.toolbox import audited as work
    from caxton.cli.tools import moment_since, row_limit

    return functools.partial(
        work,
        _path(config, "--config"),
        agent=agent,
        tool=tool,
        outcome=outcome,
        since=None if since is None else moment_since(since),
        limit=row_limit(limit),
        json=json,
    )


@app.command(
    cls=Verb,
    short_help="Serve agents as tools of an MCP server.",
    epilog=example("caxton mcp", "caxton mcp team.toml --http 127.0.0.1:8000"),
)
def mcp(
    file: _File = CONFIG,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Listen there instead of on standard input.")
    ] = None,
    token_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="The variable with the token that requests must bring.")
    ] = None,
) -> Work:
    """Serve the agents of a configuration file that have expose = true as tools to an MCP client."""
    from caxton.cli.mcp import serve as work

    return functools.partial(work, _path(file, "FILE"), http=http, token_env=token_env)
