"""Asks a team of agents a question::

    python examples/research/run.py "How did sailors find their longitude at sea?"

Compiles the agents if their sources have changed, starts the library and, unless caxton.toml names a real one, the
scripted model, writes the configuration with their ports into ``build``, and asks the planner. The report goes to
standard output; how far it is, and who has called what, to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import caxton

HERE = Path(__file__).resolve().parent
AGENTS = ("planner", "fetcher", "summariser")
QUESTION = "How did sailors find their longitude at sea?"

LIBRARY = "127.0.0.1:8471"
MODEL = "127.0.0.1:8472"
"""What stands in caxton.toml for the addresses of the two servers."""

KEY = "CAXTON_SECRET_MODEL_KEY"
"""The variable with the model's key. Without it the scripted model's is made up, and written into a file of secrets."""


def say(line: str) -> None:
    """Prints a line on standard error."""
    print(line, file=sys.stderr, flush=True)


class Trouble(Exception):
    """What ends the run; the text is for the user."""


# ---- agents


def compile_agents(build: Path) -> None:
    """Makes ``build/NAME.wasm`` of each agent whose source is newer.

    Raises:
        Trouble: there is no compiler, or it has found a mistake.
    """
    newest = max(path.stat().st_mtime for path in (HERE / "agents").glob("*.zig"))
    stale = [name for name in AGENTS if not _is_newer(build / f"{name}.wasm", newest)]
    if not stale:
        return
    if importlib.util.find_spec("ziglang") is None:
        raise Trouble('the agents are compiled with ziglang, which is missing: pip install "caxton[demo,llm]"')
    say(f"compiling {', '.join(stale)}")
    compilers = [(name, _compiler(name, build)) for name in stale]
    said = [(name, process.communicate()[0], process.returncode) for name, process in compilers]
    for name, output, status in said:
        if status:
            raise Trouble(f"{name}.zig does not compile:\n{output}")
        (build / f"{name}.new.wasm").replace(build / f"{name}.wasm")


def _is_newer(path: Path, moment: float) -> bool:
    return path.exists() and path.stat().st_mtime >= moment


def _compiler(name: str, build: Path) -> subprocess.Popen[str]:
    options = "-target wasm32-freestanding -O ReleaseSmall -fno-entry -rdynamic".split()
    source, output = HERE / "agents" / f"{name}.zig", build / f"{name}.new.wasm"
    return subprocess.Popen(
        [sys.executable, "-m", "ziglang", "build-exe", str(source), *options, f"-femit-bin={output}"],
        cwd=build,
        env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(build / "zig"), "ZIG_LOCAL_CACHE_DIR": str(build / "zig")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# ---- servers


@contextlib.contextmanager
def server(script: str, *arguments: str, **environment: str) -> Iterator[str]:
    """Runs one of the servers, which is given nothing of this process's environment; answers ``HOST:PORT``."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "servers" / script), *arguments],
        env=environment,
        stdin=subprocess.PIPE,  # it ends when this does
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip()).netloc
        if not address:
            raise Trouble(f"{script} does not start")
        yield address


@contextlib.contextmanager
def configured(template: Path, library: Path, build: Path) -> Iterator[Path]:
    """Starts the servers and answers the configuration file that knows their ports."""
    text = template.read_text(encoding="utf-8")
    made_up = ""
    with contextlib.ExitStack() as servers:
        text = text.replace(LIBRARY, servers.enter_context(server("library.py", str(library))))
        if MODEL in text and "CAXTON_TOOLS_LLM_BASE_URL" not in os.environ:
            made_up = "" if KEY in os.environ else secrets.token_urlsafe()
            model = server("model.py", MODEL_KEY=made_up or os.environ[KEY])
            text = text.replace(MODEL, servers.enter_context(model))
        _write(build / "secrets.toml", f'MODEL_KEY = "{made_up}"\n' if made_up else "")
        _write(build / "caxton.toml", text)
        yield build / "caxton.toml"


def _write(path: Path, text: str) -> None:
    """Writes a file that nobody else may read."""
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


# ---- the question


async def ask(file: Path, question: str) -> str:
    """The planner's report; tells meanwhile what the planner does.

    Raises:
        caxton.CaxtonError: an agent could not be started, or the planner has failed.
    """
    report = ""
    async with caxton.Host.from_config(file) as host:
        async for part in host.agent("planner").stream(question):
            if part.final:
                report = part.text
            else:
                say(f"planner: {part.text}")
    return report


def show_calls(file: Path, since: str) -> None:
    """Prints who has called what, and what came of it: a summary of the audit."""
    command = [sys.executable, "-m", "caxton", "tools", "audit", "--json", "--since", since, "--limit", "1000"]
    found = subprocess.run([*command, "--config", str(file)], check=False, capture_output=True, text=True)
    if found.returncode:
        raise Trouble(f"the audit cannot be read: {found.stderr.strip()}")
    calls = Counter((one["agent"], one["tool"], one["outcome"]) for one in json.loads(found.stdout)["entries"])
    say("\nWho called what:")
    for (agent, tool, outcome), count in sorted(calls.items()):
        say(f"  {agent:<12}{tool:<16}{outcome:<16}{count:>4}")
    say(f"Every call: caxton tools audit --config {os.path.relpath(file)}")


def serve(file: Path) -> None:
    """Keeps the servers up until standard input ends, so that the team can be used from elsewhere."""
    say("The servers are up until this input ends (Ctrl-D). In another terminal, for example:\n")
    say(f'  caxton up {os.path.relpath(file)} --send planner "{QUESTION}"')
    sys.stdin.read()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Asks a team of agents a question.")
    parser.add_argument("question", nargs="?", default=QUESTION)
    parser.add_argument("--library", type=Path, default=HERE / "library", metavar="FOLDER", help="Markdown to read")
    parser.add_argument("--config", type=Path, default=HERE / "caxton.toml", metavar="FILE", help="the team")
    parser.add_argument("--build", type=Path, default=HERE / "build", metavar="FOLDER", help="where results go")
    parser.add_argument("--serve", action="store_true", help="ask nothing: keep the servers up")
    return parser.parse_args()


def main() -> int:
    """Runs the example; answers the exit status."""
    arguments = _arguments()
    build = arguments.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    began = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    try:
        compile_agents(build)
        with configured(arguments.config, arguments.library, build) as file:
            if arguments.serve:
                serve(file)
                return 0
            try:
                print(asyncio.run(ask(file, arguments.question)), flush=True)
            finally:
                show_calls(file, began)
    except (caxton.CaxtonError, Trouble) as error:
        say(f"run.py: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
