"""``caxton up --send`` asks one agent of a configuration file, prints its answer's bytes, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.command import GUESTS, SECONDS, Done, caxton, caxton_each, command, environment, is_harmless
from tests.cli.running import caller, hostile, project
from tests.tools.mcp.lab import is_alive

# What the file says, beside the agent "fine"; the exit status, and what the line on standard error has in it.
BROKEN: dict[str, tuple[str, int, str]] = {
    "a wrong key": ("[host]\ndate = 1\n", 2, "wrong.toml:4: host.date: unknown key; did you mean data?"),
    "no TOML": ("[host", 2, "wrong.toml:3: "),
    "a key of a later version": ('[agents.x]\nmodule = "echo.wat"\ndurable = true\n', 2, "wrong.toml:5: "),
    "no such secret": (
        '[tools.t]\ncommand = ["x"]\nenv = { K = "${secret:NOWHERE_TO_BE_FOUND}" }\n',
        2,
        "wrong.toml:5: tools.t.env.K: there is no secret NOWHERE_TO_BE_FOUND: set ",
    ),
    "no module": ('[agents.x]\nmodule = "nowhere.wat"\n', 3, "module.not-found: agents.x: "),
    "a bad module": ('[agents.x]\nmodule = "ill-typed.wat"\n', 3, "module.invalid: agents.x: "),
    "one that refuses": ('[agents.x]\nmodule = "refusing.wat"\n', 1, "agent.refused-start: agents.x: "),
    "one that traps": ('[agents.x]\nmodule = "start-trapping.wat"\n', 4, "trap.unreachable: agents.x: "),
    "one that wants too much": (
        '[agents.x]\nmodule = "hungry.wat"\nlimits = { memory = "1MiB" }\n',
        5,
        "limit.memory: agents.x: ",
    ),
    "one that takes too long": (
        '[agents.x]\nmodule = "start-spinning.wat"\nlimits = { deadline = "50ms" }\n',
        5,
        "limit.deadline: agents.x: ",
    ),
}
AS_JSON = ("a wrong key", "one that refuses", "one that takes too long")
PRELOAD = ("caxton.cli.up", "caxton.config", "caxton.tools.builtin.provider")
FINE = '[agents.fine]\nmodule = "echo.wat"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every guest, and an agent of each in ``caxton.toml``."""
    folder = tmp_path_factory.mktemp("up")
    names = ("echo", "binary", "failing", "trapping", "evil-answer", "spinning")
    project(folder, "".join(f'[agents.{name}]\nmodule = "{name}.wat"\n' for name in names), **GUESTS)
    return folder


@pytest.fixture(scope="module")
def broken(folder: Path) -> Mapping[tuple[str, bool], Done]:
    """What became of hosts that do not come up, without ``--json`` and with it."""
    lines: dict[tuple[str, bool], tuple[str, ...]] = {}
    for number, (name, (text, _, _)) in enumerate(BROKEN.items()):
        (folder / str(number)).mkdir()
        for guest in GUESTS:
            (folder / str(number) / f"{guest}.wat").symlink_to(folder / f"{guest}.wat")
        file = f"{number}/wrong.toml"
        (folder / file).write_text(FINE + text)
        lines[name, False] = ("up", file, "--send", "fine", "x")
        if name in AS_JSON:
            lines[name, True] = (*lines[name, False], "--json")
    return dict(zip(lines, caxton_each(list(lines.values()), cwd=folder, preload=PRELOAD), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_a_host_that_does_not_come_up(broken: Mapping[tuple[str, bool], Done], name: str) -> None:
    """The exit status is the error's, the line says where and which agent; nobody is asked anything."""
    _, status, told = BROKEN[name]
    done = broken[name, False]
    assert (done.status, done.out) == (status, b"")
    (line,) = (line for line in done.lines if line.startswith("caxton") and not line.startswith("caxton: info"))
    assert told in line


@pytest.mark.parametrize("name", AS_JSON)
def test_json_of_a_host_that_does_not_come_up(broken: Mapping[tuple[str, bool], Done], name: str) -> None:
    """One object."""
    done = broken[name, True]
    assert done.status == BROKEN[name][1]
    assert not done.object["ok"]
    assert BROKEN[name][2].rpartition(": agents.x")[0] in done.object["error"]["code"] + done.object["error"]["message"]


@pytest.fixture(scope="module")
def answers(folder: Path) -> Mapping[str, tuple[Done, Done]]:
    """What became of messages, by the agent: without ``--json`` and with it."""
    names = ("echo", "binary", "failing", "trapping", "evil-answer", "nobody", "Nobody \x1b[31m")
    lines = [("up", "--send", name, "hello") for name in names]
    done = caxton_each([*lines, *((*line, "--json") for line in lines)], cwd=folder, preload=PRELOAD)
    return dict(zip(names, zip(done[: len(names)], done[len(names) :], strict=True), strict=True))


@pytest.mark.parametrize(
    ("name", "status", "out", "code"),
    [
        ("echo", 0, b"hello", None),
        ("binary", 0, b"\xfe\x80\xff\x00", None),
        ("failing", 1, b"!", "agent.failed"),
        ("evil-answer", 1, b"\x1b[31m\x07\xe2\x80\xae\xc2\x9b\x7f", "agent.failed"),
        ("trapping", 4, b"", "trap.unreachable"),
        ("nobody", 1, b"", "agent.unknown"),
        ("Nobody \x1b[31m", 1, b"", "agent.unknown"),
    ],
)
def test_an_answer(
    answers: Mapping[str, tuple[Done, Done]], name: str, status: int, out: bytes, code: str | None
) -> None:
    """Its bytes on standard output and nothing else; the exit status as for ``run``; one object with ``--json``."""
    plain, as_json = answers[name]
    assert (plain.status, plain.out) == (status, out)
    assert as_json.status == status
    assert as_json.object["ok"] is (code is None)
    assert (code and as_json.object["error"]["code"]) == code
    for done in (plain, as_json):
        assert is_harmless(done.err)
        assert done.err.startswith(f"caxton: {code}: ") if code else done.err == ""


def test_any_bytes_can_be_sent(folder: Path) -> None:
    """Also such as are no text."""
    text = b"\xff\x80 \x1b"
    done = subprocess.run(
        [part.encode() for part in command("up", "--send", "echo")] + [text],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        cwd=folder,
        env=environment(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")


def test_agents_logs(tmp_path: Path) -> None:
    """Stand on standard error, with the agent's name, and are harmless."""
    file = project(tmp_path, '[agents.a]\nmodule = "logging.wat"\n', logging=GUESTS["logging"])
    done = caxton("up", str(file), "--send", "a", "x")
    assert done.status == 0
    assert done.err.startswith(r"caxton: warning: a: one\x0atwo")
    assert is_harmless(done.err)


def test_servers_end_with_it(tmp_path: Path) -> None:
    """Whatever a tool server has started is gone when the command has ended."""
    text = hostile() + '[agents.a]\nmodule = "a.wat"\ntools = ["h.*"]\n'
    done = caxton("up", str(project(tmp_path, text, a=caller())), "--send", "a", "h.spawn {}")
    assert done.status == 0, done.err
    pids = json.loads(json.loads(done.out)["content"][0]["text"])
    assert (len(pids), [pid for pid in pids if is_alive(pid)]) == (4, [])


def test_what_the_file_says_in_vain(tmp_path: Path) -> None:
    """Each warning once, before the agents begin; the answer is what it is."""
    agent = '[agents.a]\nmodule = "a.wat"\ntools = ["fs.read", "stokc.*"]\npeers = ["b"]\n'
    text = agent + '[agents.a.rules."fs.*"]\nroot = "no"'
    file = project(tmp_path, text, a=GUESTS["logging"])
    done = caxton("up", str(file), "--send", "a", "x")
    warning = f"caxton up: warning: {file}:"
    assert done.status == 0
    assert done.lines[:-1] == [
        f'{warning}3: agents.a.tools[1]: "stokc.*" names no tool that this file knows of',
        f'{warning}4: agents.a.peers[0]: "b" names no agent of this file',
        f'{warning}6: agents.a.rules."fs.*".root: there is no directory {tmp_path}/no',
    ]


def test_json_needs_a_message(folder: Path) -> None:
    """``--json`` is how an answer is printed; without one there is nothing to print."""
    done = caxton("up", "--json", cwd=folder)
    assert (done.status, done.object["error"]["code"]) == (2, "config.invalid")
