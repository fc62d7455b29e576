"""The verbs that make agents from source: ``new``, ``build``, ``dev``. Made as those in verbs.py."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from caxton.cli.app import Verb, Work, app, example, json_option
from caxton.cli.verbs import order_of

LANGUAGES = "c, cpp, zig, rust, go, assemblyscript, python, javascript, typescript"

_Folder = Annotated[
    str, typer.Argument(metavar="DIR", show_default=False, help="The project's folder. [default: this one]")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Keep debug information: stacks then show files and lines.")]
_Optimize = Annotated[
    str | None, typer.Option(metavar="GOAL", help="Let wasm-opt make it smaller (size) or faster (speed).")
]
_Install = Annotated[
    bool, typer.Option("--install", help="Install npm packages that the build needs, into your cache directory.")
]


@app.command(
    cls=Verb,
    short_help="Make a project for an agent.",
    epilog=example("caxton new rust translator", "caxton new c agents/counter"),
)
def new(
    language: Annotated[str, typer.Argument(metavar="LANG", show_default=False, help=f"One of {LANGUAGES}.")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="The agent's name, and the folder's.")
    ],
    json: json_option = False,
) -> Work:
    """Make a project for an agent: a folder with its source, agent.toml and the SDK.

    NAME may be a path, whose last part is the agent's name. The folder must not be there yet, or be empty.
    """
    from caxton.cli.new import new as work
    from caxton.cli.options import path

    return functools.partial(work, language, path(name, "NAME"), json=json)


@app.command(
    cls=Verb,
    short_help="Build a project's module.",
    epilog=example("caxton build", "caxton build translator --optimize size", "caxton build --debug"),
)
def build(
    folder: _Folder = ".",
    debug: _Debug = False,
    optimize: _Optimize = None,
    install: _Install = False,
    json: json_option = False,
) -> Work:
    """Build a project's module: NAME.wasm, in the project's folder.

    The compiler runs with your rights on what the project says, so build only what you would run.
    """
    from caxton.cli.build import Order, goal
    from caxton.cli.build import build as work
    from caxton.cli.options import path

    order = Order(path(folder, "DIR"), debug=debug, optimize=goal(optimize), install=install)
    return functools.partial(work, order, json=json)


@app.command(
    cls=Verb,
    short_help="Build, check and try a project at every save.",
    epilog=example(
        "caxton dev --message hello", "caxton dev translator --config caxton.toml --grant 'time.*' --message now"
    ),
)
def dev(
    context: typer.Context,
    folder: _Folder = ".",
    message: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="A message. May be repeated.")] = None,
    message_file: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A file that holds a message; - is standard input.")
    ] = None,
    grant: Annotated[list[str] | None, typer.Option(metavar="TOOL", help="Tools that it may call, as a glob.")] = None,
    stub: Annotated[
        list[str] | None, typer.Option(metavar="TOOL=FILE", help="A granted tool that answers with a file's content.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="A parameter for the agent: JSON, or else text.")
    ] = None,
    config: Annotated[str | None, typer.Option(metavar="FILE", help="A file with tools, such as caxton.toml.")] = None,
    optimize: _Optimize = None,
    install: _Install = False,
    json: json_option = False,
) -> Work:
    """Watch a project: at every save build its module, check it, and send it the messages again.

    The module is built with debug information, so that a trap tells the line. Ctrl-C ends it.
    """
    from caxton.cli import options
    from caxton.cli.build import Order, goal
    from caxton.cli.dev import Watched
    from caxton.cli.dev import dev as work

    order = Order(options.path(folder, "DIR"), debug=True, optimize=goal(optimize), install=install)
    stubs = options.stubs(stub or ())
    limits = options.limits(None, None, None)
    job = options.Job(
        module=order.folder,  # until there is one
        limits=limits,
        grants=options.grants(grant or (), stubs),
        stubs=stubs,
        params=options.params(param or ()),
        seed=None,
        clock=None,
        messages=options.messages(order_of(context), message or (), message_file or (), int(limits.message)),
        json=json,
        config=None if config is None else options.path(config, "--config"),
    )
    return functools.partial(work, Watched(order, job))
