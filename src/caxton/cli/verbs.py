"""The verbs that need no configuration file: their arguments, their help, and what reads them."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from caxton.cli.app import ORDER, Verb, Work, app, example, json_option

_Module = Annotated[
    str, typer.Argument(metavar="MODULE", show_default=False, help="A WebAssembly module: .wasm, or .wat text.")
]


@app.command(
    cls=Verb,
    short_help="Run one agent, deliver messages to it, print its responses.",
    epilog=example(
        "caxton run upper.wat --message hello",
        "date | caxton run clock.wasm --message-file - --memory 16MiB --deadline 500ms",
        "caxton run planner.wasm --message now --stub time.now=now.json --param style=short",
    ),
)
def run(
    context: typer.Context,
    module: _Module,
    message: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A message. May be repeated.")] = None,
    message_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A file that holds a message; - is standard input.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory that it may have. [default: 64 MiB]")
    ] = None,
    fuel: Annotated[
        str | None, typer.Option(metavar="N", help="Fuel that a turn may use. [default: 10_000_000_000]")
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(metavar="TIME", help="Time that a turn may take. [default: 30s]")
    ] = None,
    grant: Annotated[list[str] | None, typer.Option(metavar="TOOL", help="Tools that it may call, as a glob.")] = None,
    stub: Annotated[
        list[str] | None, typer.Option(metavar="TOOL=FILE", help="A granted tool that answers with a file's content.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="A parameter for the agent: JSON, or else text.")
    ] = None,
    seed: Annotated[str | None, typer.Option(metavar="N", help="Makes random numbers repeatable.")] = None,
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="RFC 3339 time at which the agent's clock begins; it moves while the agent waits."
        ),
    ] = None,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="A file with tools, such as caxton.toml.")] = None,
    trace_calls: Annotated[
        bool, typer.Option("--trace-calls", help="Show every host call: arguments, answer, fuel.")
    ] = False,
    profile: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write where it spends its time, for profiler.firefox.com.")
    ] = None,
    flamegraph: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write where it spends its time, as a picture (SVG).")
    ] = None,
    coredump: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write its memory, globals and stack when it traps.")
    ] = None,
    json: json_option = False,
) -> Work:
    """Run one agent: deliver messages to it in turn, and print its responses.

    Without --message and --message-file it gets one empty message. Responses go to standard output, byte for byte;
    what the agent logs goes to standard error.
    """
    from caxton.cli import options
    from caxton.cli.run import run as work

    stubs = options.stubs(stub or ())
    limits = options.limits(memory, fuel, deadline)
    job = options.Job(
        module=options.path(module),
        limits=limits,
        grants=options.grants(grant or (), stubs),
        stubs=stubs,
        params=options.params(param or ()),
        seed=None if seed is None else options.whole(seed, "--seed"),
        clock=None if clock is None else options.moment(clock),
        messages=options.messages(order_of(context), message or (), message_file or (), int(limits.message)),
        json=json,
        config=None if config is None else options.path(config, "--config"),
        trace_calls=trace_calls,
        profile=None if profile is None else options.path(profile, "--profile"),
        coredump=None if coredump is None else options.path(coredump, "--coredump"),
        flamegraph=None if flamegraph is None else options.path(flamegraph, "--flamegraph"),
    )
    return functools.partial(work, job)


def order_of(context: typer.Context) -> list[str]:
    """In which order the messages' options stand."""
    found: list[str] = context.meta[ORDER]
    return [name for name in found if name in ("message", "message_file")]


@app.command(cls=Verb, short_help="Show what a module is made of.", epilog=example("caxton inspect upper.wasm"))
def inspect(module: _Module, json: json_option = False) -> Work:
    """Show what a module is made of: its ABI, imports, exports, memories, size, hash and debug information."""
    from caxton.cli.inspect import inspect as work
    from caxton.cli.options import path

    return functools.partial(work, path(module), json=json)


@app.command(cls=Verb, short_help="Tell whether a module keeps the ABI.", epilog=example("caxton check upper.wasm"))
def check(module: _Module, json: json_option = False) -> Work:
    """Tell point by point whether a module keeps the ABI of an agent."""
    from caxton.cli.check import check as work
    from caxton.cli.options import path

    return functools.partial(work, path(module), json=json)


@app.command(cls=Verb, short_help="Print the WIT that components are written against.", epilog=example("caxton wit"))
def wit() -> Work:
    """Print the WIT package that components are written against: caxton:agent, with the worlds agent and agent-text."""
    from caxton.cli.wit import wit as work

    return work


@app.command(
    cls=Verb,
    short_help="Watch agents work, and hostile ones being contained.",
    epilog=example("caxton demo", "caxton demo README.md --agents 500"),
)
def demo(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Text to work on; by default the documents of the project."),
    ] = None,
    agents: Annotated[str | None, typer.Option(metavar="N", help="Agents that count words. [default: 300]")] = None,
    json: json_option = False,
) -> Work:
    """Watch some hundreds of agents work on real text, and hostile ones being contained."""
    from caxton.cli.demo import demo as work
    from caxton.cli.options import whole

    return functools.partial(work, files or [], None if agents is None else whole(agents, "--agents"), json=json)


@app.command(
    cls=Verb,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,  # it has its own
)
def bench(context: typer.Context) -> Work:
    """Measure Caxton beside its alternatives, on this machine."""
    from caxton.cli.bench import bench as work

    return functools.partial(work, list(context.args))
