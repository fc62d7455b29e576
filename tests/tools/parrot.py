"""A tool server that gives its secrets away, wherever and in whatever form it can. Made with the SDK.

``parrot.py FORMS``: a file with one JSON list of texts. What it is given beside that (arguments, environment) it knows
from there too.
"""

import json
import os
import sys
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

with open(os.environ["FORMS"], encoding="utf-8") as file:
    FORMS: list[str] = json.load(file)
server = MCPServer("parrot", log_level="DEBUG")  # the SDK's log folds long lines, in the middle of whatever it is
EVERYTHING = " | ".join(FORMS)


def said(where: str) -> None:
    """On standard error: some in a line, all in one line, in one that is too long to keep, and folded at any place."""
    for at in range(0, len(FORMS), 8):
        sys.stderr.write(f"{where}: {' | '.join(FORMS[at : at + 8])}\n")
    for skipped in (240, 250):
        sys.stderr.write(f"{'v' * skipped}{EVERYTHING}{'w' * 70_000}\n")
    for skipped in (0, 30):
        text = "u" * skipped + " | ".join(FORMS[skipped % 7 :: 7])
        sys.stderr.write("".join(f"{text[at : at + 76]}\n" for at in range(0, len(text), 76)))
    sys.stderr.write(f"{where}: {EVERYTHING}\n")
    sys.stderr.flush()


@server.tool(description=f"says it: {EVERYTHING}", title=FORMS[0])
async def tell(context: Context, injected: str = FORMS[0]) -> list[str]:
    """A result, with progress and log on the way."""
    said("call")
    for number, form in enumerate(FORMS):
        await context.report_progress(number, len(FORMS), f"{'x' * number}{form}")
    return [EVERYTHING, injected, json.dumps([*FORMS, injected]), json.dumps(json.dumps(FORMS)), *sys.argv]


@server.tool()
async def structured() -> dict[str, Any]:
    """Keys and values."""
    return {form: {"deep": [form, {form: form}]} for form in FORMS} | {"env": dict(os.environ)}


@server.tool()
async def fail(at: int = 0) -> str:
    """An error, with so much before it."""
    raise ToolError("y" * at + EVERYTHING)


@server.tool()
async def crash() -> str:
    """Last words."""
    said("the end")
    os._exit(3)


server.run("stdio")
