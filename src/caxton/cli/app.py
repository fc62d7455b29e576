"""The command line as a whole: what its verbs are made from (verbs.py, verbs_build.py and verbs_host.py have them).

A verb's function does nothing yet: it answers with what is to be done, so that arguments are read in one place and
work, with its errors and signals, is done in another (entry.py). What a verb needs is imported when it is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from caxton.cli.usage import LATER, VERBS, check_known

Work: TypeAlias = Callable[[], int]
"""Does what the arguments asked for, and answers the exit status."""

ORDER: Final = "caxton.order"


def example(*lines: str) -> str:
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


class Verbs(TyperGroup):
    """Verbs below a verb, or below the program itself. Without any it prints its help."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _as_given(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return names if ctx.parent is not None else sorted(names, key=VERBS.index)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Looks a verb up.

        Raises:
            HostError: ``config.invalid``, there is none of that name.
        """
        if args and not args[0].startswith("-"):
            check_known(args[0], super().list_commands(ctx))
        return super().resolve_command(ctx, args)


class Verb(TyperCommand):
    """A command that remembers in which order its options stand."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _as_given(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


app: Final = typer.Typer(
    name="caxton",
    cls=Verbs,
    help="Runs agents that you did not write: each a WebAssembly instance of its own, with isolated memory.",
    epilog=example("caxton run upper.wat --message hello") + f"\n\nTo come: {', '.join(LATER)}.",
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


json_option = Annotated[bool, typer.Option("--json", help="Print JSON.")]
