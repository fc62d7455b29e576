"""Promise: in Python and JavaScript a list of what is under way can be waited for again; what is over is left out."""

from __future__ import annotations

from typing import Final

import pytest

import caxton
from tests.sandbox.guests import Box
from tests.sdk.components import agent

PYTHON: Final = """
from caxton_agent import HostError, Message, as_completed, gather, tool_start, wait


def handle(message: Message) -> str:
    pending = [tool_start("number", {"of": one}) for one in range(3)]
    seen = [pending.index(wait(pending)) for _ in range(2)]
    seen += [pending.index(one) for one in as_completed(pending)]
    assert gather(pending) == [7, 7, 7]
    try:
        wait(pending)
    except HostError as error:
        return f"{sorted(seen)} {error.kind}"
"""

JAVASCRIPT: Final = """
import { gather, toolStart, wait } from "../caxton/index.js";

export default function handle() {
  const pending = [0, 1, 2].map((of) => toolStart("number", { of }));
  const seen = [wait(pending), wait(pending), wait(pending)].sort();
  if (String(gather(pending)) !== "7,7,7") return "wrong";
  try {
    wait(pending);
  } catch (error) {
    return `[${seen.join(", ")}] ${error.kind}`;
  }
}
"""

SOURCES: Final = {"python": {"src/agent.py": PYTHON}, "javascript": {"src/agent.js": JAVASCRIPT}}


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_over_is_left_out(box: Box, name: str) -> None:
    """Each comes once; when none is left, waiting is refused."""
    box.host.stub("number", b"7")
    ref = box.spawn(agent(name, SOURCES[name]), grants=caxton.Grants(tools=["number"]))
    assert "[0, 1, 2] bad-argument" == box.ask(ref).text
