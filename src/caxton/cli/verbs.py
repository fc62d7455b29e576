"""The verbs and their arguments, as typer reads them.

A verb's function does nothing yet: it answers with what is to be done, so that arguments are read in one place and
work, with its errors and signals, is done in another (entry.py). What a verb needs is imported when it is named.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from caxton.cli.usage import LATER

Work: TypeAlias = Callable[[], int]
"""Does what the arguments asked for, and answers the exit status."""

_ORDER: Final = "caxton.order"


def _example(*lines: str) -> str:
    """The end of a help page; the control character keeps the lines as they are."""
    return "\b\n" + "\n".join(("Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)))


class _AsGiven:
    """Takes a parameter's texts as they are, in the place of typer's own conversion.

    That one imports pydantic, a fifth of the time that ``caxton run`` would take. Every parameter here is text
    until options.py reads it, so there is nothing to convert.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value; an empty list's is no value."""
        return () if value is None and (param.multiple or param.nargs == -1) else value


def _as_given(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if hasattr(parameter, "_runtime_param"):
            parameter._runtime_param = _AsGiven()
    return parameters


class _Verbs(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _as_given(super().get_params(ctx))


class _Verb(TyperCommand):
    """A command that remembers in which order its options stand."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _as_given(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


app: Final = typer.Typer(
    name="caxton",
    cls=_Verbs,
    help="Runs agents that you did not write: each a WebAssembly instance of its own, with isolated memory.",
    epilog=_example("caxton run upper.wat --message hello") + f"\n\nTo come: {', '.join(LATER)}.",
    subcommand_metavar="VERB [ARGUMENTS]",
    add_completion=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        import caxton
        from caxton.cli import output

        output.put(f"caxton {caxton.__version__}\n".encode())
        raise typer.Exit


@app.callback()
def _caxton(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The options of no verb."""


_Module = Annotated[
    str, typer.Argument(metavar="MODULE", show_default=False, help="A WebAssembly module: .wasm, or .wat text.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(
    cls=_Verb,
    short_help="Run one agent, deliver messages to it, print its responses.",
    epilog=_example(
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
    config: Annotated[str | None, typer.Option(metavar="FILE", help="Comes with a later version.")] = None,
    json: _Json = False,
) -> Work:
    """Run one agent: deliver messages to it in turn, and print its responses.

    Without --message and --message-file it gets one empty message. Responses go to standard output, byte for byte;
    what the agent logs goes to standard error.
    """
    from caxton.cli import options
    from caxton.cli.run import run as work

    if config is not None:
        raise options.invalid("--config comes with a later version")
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
        messages=options.messages(_order(context), message or (), message_file or (), int(limits.message)),
        json=json,
    )
    return functools.partial(work, job)


def _order(context: typer.Context) -> list[str]:
    found: list[str] = context.meta[_ORDER]
    return [name for name in found if name in ("message", "message_file")]


@app.command(cls=_Verb, short_help="Show what a module is made of.", epilog=_example("caxton inspect upper.wasm"))
def inspect(module: _Module, json: _Json = False) -> Work:
    """Show what a module is made of: its ABI, imports, exports, memories, size, hash and debug information."""
    from caxton.cli.inspect import inspect as work
    from caxton.cli.options import path

    return functools.partial(work, path(module), json=json)


@app.command(cls=_Verb, short_help="Tell whether a module keeps the ABI.", epilog=_example("caxton check upper.wasm"))
def check(module: _Module, json: _Json = False) -> Work:
    """Tell point by point whether a module keeps the ABI of an agent."""
    from caxton.cli.check import check as work
    from caxton.cli.options import path

    return functools.partial(work, path(module), json=json)


@app.command(
    cls=_Verb,
    short_help="Watch agents work, and hostile ones being contained.",
    epilog=_example("caxton demo", "caxton demo README.md --agents 500"),
)
def demo(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE", help="Text to work on; by default the documents of the project."),
    ] = None,
    agents: Annotated[str | None, typer.Option(metavar="N", help="Agents that count words. [default: 300]")] = None,
    json: _Json = False,
) -> Work:
    """Watch some hundreds of agents work on real text, and hostile ones being contained."""
    from caxton.cli.demo import demo as work
    from caxton.cli.options import whole

    return functools.partial(work, files or [], None if agents is None else whole(agents, "--agents"), json=json)


@app.command(
    cls=_Verb,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,  # it has its own
)
def bench(context: typer.Context) -> Work:
    """Measure Caxton beside its alternatives, on this machine."""
    from caxton.cli.bench import bench as work

    return functools.partial(work, list(context.args))
