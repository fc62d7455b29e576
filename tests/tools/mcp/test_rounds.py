"""A server may want to be asked in rounds before it makes a call (MCP 2026-07-28)."""

from __future__ import annotations

import sys
from pathlib import Path

from caxton.tools.settings import StdioServer
from tests.conftest import Run
from tests.tools.mcp.lab import refused, serving, text

_SERVER = StdioServer("r", (sys.executable, str(Path(__file__).with_name("rounds.py"))))


def test_state(run: Run) -> None:
    """What the server wants to be told again it is told, and nothing is asked twice."""

    async def main() -> str:
        async with serving(_SERVER) as servers:
            return await text(servers, "r.counted")

    assert "3" == run(main())


def test_a_person(run: Run) -> None:
    """Nobody answers for a person: the call fails, and the next one is served."""

    async def main() -> tuple[str, str]:
        async with serving(_SERVER) as servers:
            failed = await refused(servers, "r.person")
            return failed.code, await text(servers, "r.counted")

    assert ("tool.failed", "5") == run(main())
