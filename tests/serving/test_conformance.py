"""The MCP project's own conformance suite, which nobody here wrote, against the HTTP endpoint."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

import caxton
from caxton.serving import http_app
from tests.docs.pages import DOCS, plain, read
from tests.serving.clients import served
from tests.serving.conformance import EXPOSED, VERSION, Suite, installed, spawn_all

EXCUSED: Final = {plain(row[0]): row[1] for row in read(DOCS / "mcp-server.md").rows("Conformance")}
WITH_REMARKS: Final = {"server-sse-polling"}


@pytest.fixture(scope="module")
def suite() -> Suite:
    """The suite."""
    return installed()


@pytest.fixture(scope="module")
def found(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What the checks of each scenario came to."""

    async def main() -> dict[str, set[str]]:
        async with caxton.Host() as host:
            await spawn_all(host)
            async with served(http_app(host, EXPOSED)) as url:
                folder: Path = tmp_path_factory.mktemp("conformance")
                return await asyncio.to_thread(suite.check, url, folder)

    return asyncio.run(main())


def test_every_scenario_was_run(suite: Suite, found: dict[str, set[str]]) -> None:
    """All that the suite has for servers, and each has said something."""
    assert sorted(suite.scenarios()) == sorted(found)
    assert all(found.values())


def test_what_applies_passes(found: dict[str, set[str]]) -> None:
    """Whatever is not excused in the documentation passes, and without remarks but for the one told there."""
    failed = {name for name, outcomes in found.items() if "FAILURE" in outcomes}
    assert set() == failed - EXCUSED.keys()
    assert WITH_REMARKS == {name for name, outcomes in found.items() if "WARNING" in outcomes} - EXCUSED.keys()


def test_no_excuse_is_stale(found: dict[str, set[str]]) -> None:
    """Whatever is excused is a scenario that does not pass, and has its reason."""
    assert set() == {name for name in EXCUSED if "FAILURE" not in found.get(name, ())}
    assert all(len(reason) > 5 for reason in EXCUSED.values())


def test_the_documented_version() -> None:
    """The page tells which suite this is."""
    assert f"`@modelcontextprotocol/conformance` {VERSION}" in (DOCS / "mcp-server.md").read_text(encoding="utf-8")
