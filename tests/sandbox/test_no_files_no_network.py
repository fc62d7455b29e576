"""A guest reaches nothing of the machine: no file, no network, no environment, no clock but the host's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import caxton
from tests.sandbox.guests import BUMP, CONTRACT, WASI, Box, agent, imports, wasi

# Calls every function of WASI that takes a path or a socket, with arguments that would work elsewhere.
BURGLAR = agent(
    """
    (call $try (call $path_open (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 0)
      (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 600)))
    (call $try (call $path_open (i32.const 3) (i32.const 1) (i32.const 540) (i32.const 10) (i32.const 9)
      (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 600)))
    (call $try (call $path_create_directory (i32.const 3) (i32.const 540) (i32.const 10)))
    (call $try (call $path_unlink_file (i32.const 3) (i32.const 512) (i32.const 11)))
    (call $try (call $path_remove_directory (i32.const 3) (i32.const 540) (i32.const 10)))
    (call $try (call $path_rename (i32.const 3) (i32.const 512) (i32.const 11)
      (i32.const 3) (i32.const 540) (i32.const 10)))
    (call $try (call $path_symlink (i32.const 512) (i32.const 11) (i32.const 3) (i32.const 540) (i32.const 10)))
    (call $try (call $path_readlink (i32.const 3) (i32.const 512) (i32.const 11)
      (i32.const 600) (i32.const 64) (i32.const 700)))
    (call $try (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 600)))
    (call $try (call $fd_readdir (i32.const 3) (i32.const 600) (i32.const 64) (i64.const 0) (i32.const 700)))
    (call $try (call $fd_prestat_dir_name (i32.const 3) (i32.const 600) (i32.const 64)))
    (call $try (call $fd_filestat_get (i32.const 0) (i32.const 600)))
    (call $try (call $fd_pread (i32.const 0) (i32.const 600) (i32.const 1) (i64.const 0) (i32.const 700)))
    (call $try (call $sock_accept (i32.const 0) (i32.const 0) (i32.const 600)))
    (call $try (call $sock_send (i32.const 1) (i32.const 600) (i32.const 1) (i32.const 0) (i32.const 700)))
    (call $try (call $sock_recv (i32.const 0) (i32.const 600) (i32.const 1) (i32.const 0)
      (i32.const 700) (i32.const 704)))
    (call $try (call $sock_shutdown (i32.const 0) (i32.const 3)))
    (i32.const 0)""",
    uses=wasi(
        "path_open", "path_create_directory", "path_unlink_file", "path_remove_directory", "path_rename",
        "path_symlink", "path_readlink", "path_filestat_get", "fd_readdir", "fd_prestat_dir_name", "fd_filestat_get",
        "fd_pread", "sock_accept", "sock_send", "sock_recv", "sock_shutdown",
    ),
    items=f"""{BUMP}
    (data (i32.const 512) "/etc/passwd") (data (i32.const 540) "caxton.txt")
    (func $try (param $errno i32)
      (if (i32.ne (local.get $errno) (i32.const 63)) (then (unreachable))))""",
)  # fmt: skip


def test_whatever_a_guest_tries_is_not_permitted(box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is refused with `perm`, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    box.ask(box.spawn(BURGLAR))
    assert list(tmp_path.iterdir()) == []


def test_no_import_opens_anything() -> None:
    """The list of what there is to import has no word for files, sockets, processes or the environment, but WASI's."""
    for name in CONTRACT:
        assert not any(word in name for word in ("open", "file", "path", "sock", "http", "fork", "exec", "env_"))
    assert not any(name.startswith("sock_") and name not in (
        "sock_accept", "sock_recv", "sock_send", "sock_shutdown") for name in WASI)  # fmt: skip


SCRIPT = """
import asyncio, caxton, sys
allowed = []
def audit(event, arguments):
    if event in ("open", "os.listdir", "socket.connect", "socket.bind", "subprocess.Popen", "os.exec", "os.mkdir"):
        seen.append((event, arguments[:1]))
async def main():
    async with caxton.Host(log=lambda *line: None) as host:
        ref = await host.spawn("burglar", sys.argv[1])
        await ref.ask(b"")
        seen.clear()
        await ref.ask(b"")
        print(seen)
seen = []
sys.addaudithook(audit)
asyncio.run(main())
"""


def test_the_host_opens_nothing_for_a_guest(tmp_path: Path) -> None:
    """While a turn runs that tries everything, the process opens no file, no socket, and starts no process."""
    module = tmp_path / "burglar.wat"
    module.write_text(BURGLAR)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(module)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_nothing_is_granted_by_default(box: Box) -> None:
    """Without grants there is no agent, no topic and no tool to reach, whether it exists or not."""

    @box.host.tool(name="secret")
    def secret() -> str:
        return "a secret"

    box.spawn(agent(), name="neighbour")
    text = agent(
        """
        (call $try (call $tell (i32.const 512) (i32.const 9) (i32.const 0) (i32.const 0)))
        (call $try (call $ask (i32.const 512) (i32.const 9) (i32.const 0) (i32.const 0) (i64.const 0)))
        (call $try (call $ask_start (i32.const 512) (i32.const 9) (i32.const 0) (i32.const 0) (i64.const 0)))
        (call $try (call $tell (i32.const 520) (i32.const 1) (i32.const 0) (i32.const 0)))
        (call $try (call $call_tool (i32.const 530) (i32.const 6) (i32.const 540) (i32.const 2)))
        (call $try (call $call_tool (i32.const 530) (i32.const 5) (i32.const 540) (i32.const 2)))
        (call $try (call $tool_start (i32.const 530) (i32.const 6) (i32.const 540) (i32.const 2) (i64.const 0)))
        (call $try (call $publish (i32.const 512) (i32.const 9) (i32.const 0) (i32.const 0)))
        (call $try (call $subscribe (i32.const 512) (i32.const 9)))
        (call $try (call $send_envelope (i32.const 550) (i32.const 48) (i32.const 0) (i32.const 0)))
        (global.set $size (call $list_tools))
        (i32.const 0)""",
        uses=imports(
            "tell", "ask", "ask_start", "call_tool", "tool_start", "publish", "subscribe", "send_envelope",
            "list_tools", "read_result",
        ),
        items=f"""{BUMP}
        (global $size (mut i32) (i32.const 0))
        (data (i32.const 512) "neighbour") (data (i32.const 530) "secret") (data (i32.const 540) "{{}}")
        (data (i32.const 550) "{{\\"performative\\":\\"inform\\",\\"receiver\\":\\"neighbour\\"}}")
        (func $try (param $number i32)
          (if (i32.ne (local.get $number) (i32.const -2)) (then (unreachable))))""",
        response="(call $read_result (local.get $ptr) (local.get $len))",
    )  # fmt: skip
    assert box.ask(box.spawn(text)).payload == b"[]"
    assert box.host.agent("neighbour").statistics().turns == 0
    assert box.host.dead_letters() == []


def test_the_environment_stays_outside(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the host's process knows (its variables, its working directory, its name) is in nothing a guest can read."""
    monkeypatch.setenv("CAXTON_TEST_SECRET", "swordfish")
    text = agent(
        "(global.set $size (i32.add (call $context) (i32.const 0))) (i32.const 0)",
        uses=imports("context", "read_result", "envelope", "result_info"),
        items="(global $size (mut i32) (i32.const 0))",
        response="""
        (local $n i32)
        (local.set $n (call $read_result (local.get $ptr) (i32.const 2000)))
        (drop (call $envelope))
        (local.set $n (i32.add (local.get $n)
          (call $read_result (i32.add (local.get $ptr) (local.get $n)) (i32.const 1000))))
        (drop (call $result_info))
        (i32.add (local.get $n) (call $read_result (i32.add (local.get $ptr) (local.get $n)) (i32.const 1000)))""",
    )
    found = box.ask(box.spawn(text, params={"style": "short"})).text
    assert '"style":"short"' in found
    assert '"performative":"request"' in found
    for secret in ("swordfish", os.getcwd(), str(os.getpid())):
        assert secret not in found


def test_context_tells_the_grants_and_nothing_else(box: Box) -> None:
    """An agent may know what it was granted."""
    text = agent(
        "(drop (call $context)) (i32.const 0)",
        uses=imports("context", "read_result"),
        response="(call $read_result (local.get $ptr) (local.get $len))",
    )
    found = box.ask(box.spawn(text, grants=caxton.Grants(tools=["time.*"]))).text
    assert '"tools":["time.*"]' in found
    assert '"peers":[]' in found
