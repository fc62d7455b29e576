"""The team in examples/research does its job with the tools of its configuration, and nothing beside its job."""

from __future__ import annotations

import asyncio
import difflib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

import caxton
from caxton.config import check, load

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "research"
TEMPLATE = EXAMPLE / "caxton.toml"
CANARY = "canary-3f9c2b71d04e"
SECONDS = 300

SOURCES = ["The longitude problem", "Harrison's marine chronometer", "Lunar distances"]
"""What the library has about the question that the example asks."""


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAXTON_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | more


def _run(build: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE / "run.py"), "--build", str(build), *arguments],
        env=_environment(**environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _section(report: str, heading: str) -> list[str]:
    return [line for line in report.partition(f"## {heading}\n")[2].partition("\n##")[0].splitlines() if line]


def _sources(report: str) -> list[str]:
    return [re.sub(r"^\d+\. (.*), http.*$", r"\1", line) for line in _section(report, "Sources")]


def _calls(shown: str) -> dict[tuple[str, str, str], int]:
    lines = [line.split() for line in shown.partition("Who called what:\n")[2].splitlines() if line.startswith("  ")]
    return {(agent, tool, outcome): int(count) for agent, tool, outcome, count in lines}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A first run, which compiles the agents."""
    build = tmp_path_factory.mktemp("research")
    return build, _run(build)


@pytest.fixture
def build(first: tuple[Path, object], tmp_path: Path) -> Path:
    """A folder with the compiled agents, in which nothing has run yet."""
    for module in first[0].glob("*.wasm"):
        shutil.copy2(module, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """run.py, as a module."""
    spec = importlib.util.spec_from_file_location("research", EXAMPLE / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _changed(folder: Path, pattern: str, value: str) -> Path:
    """A copy of caxton.toml in which one line is another."""
    text, count = re.subn(pattern, value, TEMPLATE.read_text(), flags=re.MULTILINE)
    assert count == 1
    file = folder / "changed.toml"
    file.write_text(text)
    return file


# ---- the job


def test_the_report_names_the_right_sources(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Of nine documents the team reads those that have to do with the question, and says where each finding is from."""
    done = first[1]
    assert done.returncode == 0, done.stderr
    assert SOURCES == _sources(done.stdout)
    assert "clocks that kept time on board" in done.stdout.partition("## Findings")[0]
    assert len(_section(done.stdout, "Findings")) == len(SOURCES)


def test_everybody_keeps_to_their_tools(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The audit shows who called what: nobody did another one's work."""
    assert {
        ("fetcher", "http.fetch", "ok"): 4,
        ("fetcher", "http.fetch", "grant.denied"): 1,
        ("planner", "memory.put", "ok"): 3,
        ("planner", "memory.search", "ok"): 1,
        ("summariser", "llm.complete", "ok"): 4,
    } == _calls(first[1].stderr)


def test_the_same_question_has_the_same_report(
    first: tuple[Path, subprocess.CompletedProcess[str]], build: Path
) -> None:
    """But for the library's port, which is a free one."""
    again = _run(build)
    without_port = [re.sub(r"127\.0\.0\.1:\d+", "", report) for report in (first[1].stdout, again.stdout)]
    assert without_port[0] == without_port[1]


def test_notes_outlive_a_run(build: Path, tmp_path: Path) -> None:
    """What was noted once is found by a later question, also where the library does not have it any more."""
    _run(build)
    library = tmp_path / "library"
    library.mkdir()
    (library / "maps.md").write_text("# Maps\n\nA map shows longitude as lines from pole to pole.\n")
    later = _run(build, "--library", str(library), "How did sailors find longitude?")
    assert re.search(r"^\d\. longitude\.md, noted earlier$", later.stdout, re.MULTILINE)


def test_a_question_that_the_library_knows_nothing_of(build: Path) -> None:
    """The planner reports a failure, in words; the exit status says so."""
    done = _run(build, "Xylophone?")
    assert (1, "") == (done.returncode, done.stdout)
    assert "the library has nothing on that" in done.stderr


# ---- what is not granted


def test_a_document_elsewhere_is_left_out(first: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The catalogue names a document on a host that nobody has granted: the report says so, and has the others."""
    (line,) = _section(first[1].stdout, "Left out")
    assert line.endswith("grant.denied: no rule grants the host papers.example.net")


class _Visited(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.visits.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def neighbour() -> Iterator[ThreadingHTTPServer]:
    """Another server of this machine, that remembers its visitors."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Visited) as server:
        server.visits = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_fetcher_reaches_the_library_alone(
    build: Path, program: ModuleType, neighbour: ThreadingHTTPServer
) -> None:
    """Whoever talks the fetcher into other addresses gets a refusal for each, and the library's page beside them."""
    port = neighbour.server_port
    refused = {
        f"http://127.0.0.1:{port}/": "grant.denied",
        f"http://localhost:{port}/": "grant.denied",
        f"http://[::ffff:127.0.0.1]:{port}/": "grant.denied",
        "http://169.254.169.254/latest/meta-data/": "grant.denied",
        f"http://library@127.0.0.1:{port}/": "tool.bad-arguments",
        f"http://2130706433:{port}/": "tool.bad-arguments",
        "file:///etc/hostname": "tool.bad-arguments",
    }

    async def fetched(file: Path, urls: list[str]) -> list[dict[str, Any]]:
        async with caxton.Host.from_config(file) as host:
            reply = await host.agent("fetcher").ask(json.dumps({"urls": urls}))
        found: list[dict[str, Any]] = json.loads(reply.payload)
        return found

    with program.configured(TEMPLATE, EXAMPLE / "library", build) as file:
        library = load(file).agents[0].params["library"]
        *others, catalogue = asyncio.run(fetched(file, [*refused, library]))
    assert refused == {page["url"]: page["problem"].partition(":")[0] for page in others}
    assert [] == neighbour.visits  # type: ignore[attr-defined]
    assert catalogue["problem"] is None
    assert "The longitude problem" in catalogue["text"]


def _laid_out(place: Path) -> Path:
    """The configuration beside a file of secrets, as run.py lays it out."""
    secrets = place / "secrets.toml"
    secrets.write_text('MODEL_KEY = "0123456789"\n')
    secrets.chmod(0o600)
    return Path(shutil.copy(TEMPLATE, place))


def test_grants_are_what_the_work_needs(tmp_path: Path) -> None:
    """Each agent has its own tools and nobody else's; only the planner addresses others."""
    grants = {agent.name: agent.grants for agent in load(_laid_out(tmp_path)).agents}
    assert {
        "planner": (("memory.put", "memory.search"), ("fetcher", "summariser")),
        "fetcher": (("http.fetch",), ()),
        "summariser": (("llm.complete",), ()),
    } == {name: (one.tools, one.peers) for name, one in grants.items()}


# ---- budgets


def test_the_budget_of_tokens_holds(build: Path) -> None:
    """When the summariser's tokens are used up the report says what it could not read, and names what it has."""
    done = _run(build, "--config", str(_changed(build, r"^tokens = .*$", "tokens = 300")))
    assert SOURCES[:2] == _sources(done.stdout)
    left_out = _section(done.stdout, "Left out")
    assert ['limit.budget: llm.complete: the budget rules."llm.complete".tokens is used up'] == [
        line.partition(".md: ")[2] for line in left_out if "Lunar distances" in line
    ]
    calls = _calls(done.stderr)
    assert (2, 2) == tuple(calls["summariser", "llm.complete", outcome] for outcome in ("ok", "limit.budget"))


def test_the_rate_of_fetches_holds(build: Path) -> None:
    """A rate of three fetches a day is the catalogue and two documents, of which one is refused for its host."""
    done = _run(build, "--config", str(_changed(build, r'^rate = "50/s"$', 'rate = "3/d"')))
    assert SOURCES[:1] == _sources(done.stdout)
    fetches = {outcome: count for (_, tool, outcome), count in _calls(done.stderr).items() if tool == "http.fetch"}
    assert {"ok": 2, "grant.denied": 1, "rate.exceeded": 2} == fetches


# ---- the key


def test_the_key_is_nowhere_to_be_seen(build: Path) -> None:
    """The model has had the key, or it would not have answered; it is in no output, and in no file that is left."""
    done = _run(build, CAXTON_SECRET_MODEL_KEY=CANARY)
    assert SOURCES == _sources(done.stdout), done.stderr
    assert CANARY not in done.stdout + done.stderr
    files = [path for path in build.rglob("*") if path.is_file()]
    assert {"audit.db", "memory.db", "caxton.toml"} <= {path.name for path in files}
    assert [] == [path for path in files if CANARY.encode() in path.read_bytes()]


# ---- another model, other ways to use it


def test_another_model_is_one_line(build: Path) -> None:
    """With another endpoint in one line of caxton.toml the same team works with that; no scripted model starts."""
    command = [sys.executable, str(EXAMPLE / "servers" / "model.py")]
    with subprocess.Popen(
        command, env={"MODEL_KEY": CANARY}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as model:
        assert model.stdout is not None
        line = f'llm = {{ base_url = "{model.stdout.readline().strip()}", model = "real", key = "${{secret:REAL}}" }}'
        file = _changed(build, r"^llm = .*$", line)
        done = _run(build, "--config", str(file), CAXTON_SECRET_REAL=CANARY)
        assert model.stdin is not None
        model.stdin.close()
    difference = difflib.ndiff(TEMPLATE.read_text().splitlines(), file.read_text().splitlines())
    assert 2 == sum(line.startswith(("- ", "+ ")) for line in difference)
    assert SOURCES == _sources(done.stdout), done.stderr
    assert "" == (build / "secrets.toml").read_text()


def test_the_configuration_has_no_mistakes(tmp_path: Path) -> None:
    """As it stands, ports included."""
    assert [] == check(_laid_out(tmp_path))


def test_served_for_others_and_gone_with_its_starter(build: Path) -> None:
    """With --serve the team answers `caxton up`; the servers end when run.py does, even when it is killed."""
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE / "run.py"), "--build", str(build), "--serve"],
        env=_environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        try:
            assert serving.stderr is not None
            assert "The servers are up" in serving.stderr.readline()
            asked = subprocess.run(
                ["caxton", "up", str(build / "caxton.toml"), "--send", "planner", "Who built H4?"],
                env=_environment(),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert "Harrison's marine chronometer" in _sources(asked.stdout), asked.stderr
            library = urlsplit(str(load(build / "caxton.toml").agents[0].params["library"]))
            with socket.create_connection((str(library.hostname), int(library.port or 0)), timeout=60) as connection:
                serving.send_signal(signal.SIGKILL)
                assert b"" == connection.recv(1)  # a server that is gone answers with the end
        finally:
            serving.kill()
