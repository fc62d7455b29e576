"""``caxton mcp`` ends with its client, and leaves nothing behind.

What it serves, and to whom, is in tests/serving.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

from tests.cli.command import GUESTS, SECONDS
from tests.cli.running import Gone, caller, hostile, project, running

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}


def test_its_end(tmp_path: Path) -> None:
    """All that the agents' tool servers have started is gone; only the protocol was on standard output."""
    agent = '[agents.a]\nmodule = "a.wat"\ntools = ["h.*"]\nexpose = true\n'
    file = project(tmp_path, hostile() + agent, a=caller("h.spawn {}"))
    with running("mcp", str(file), stdin=subprocess.PIPE) as mcp:
        line = mcp.until('{"content"').partition("caxton: info: a: ")[2]
        with closing(Gone(json.loads(json.loads(line)["content"][0]["text"]))) as gone:
            mcp.typed(json.dumps(HELLO) + "\n")
            assert mcp.process.stdout is not None
            assert mcp.process.stdin is not None
            assert json.loads(mcp.process.stdout.readline())["result"]["serverInfo"]["name"] == "caxton"
            mcp.process.stdin.close()
            assert mcp.process.wait(SECONDS) == 0
            assert mcp.process.stdout.read() == b""
            assert gone.wait()


def test_what_the_file_says_in_vain(tmp_path: Path) -> None:
    """Is said once, on standard error."""
    file = project(tmp_path, '[agents.a]\nmodule = "a.wat"\nexpose = true\npeers = ["b"]\n', a=GUESTS["echo"])
    with running("mcp", str(file)) as mcp:
        done = mcp.done()
    assert (done.status, done.out) == (0, b"")
    assert done.lines == [f'caxton mcp: warning: {file}:4: agents.a.peers[0]: "b" names no agent of this file']
