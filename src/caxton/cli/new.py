"""``caxton new``: a project for an agent."""

from __future__ import annotations

import shlex
from pathlib import Path

from caxton.cli import output
from caxton.errors import AgentError
from caxton.text import quoted, safe
from caxton.toolchain import create_project, language


def new(lang: str, folder: Path, *, json: bool) -> int:
    """Makes the project, and says how to go on; answers the exit status, 0.

    Raises:
        CaxtonError: ``config.invalid``, there is no such language, or the folder is not free; ``agent.bad-name``;
            ``storage.failed``.
    """
    found = language(lang)
    if folder.name in ("", ".."):  # of "." and "/" nothing is left that could be a name
        raise AgentError(
            "agent.bad-name",
            f"NAME is the agent's name, or a path that ends in it, such as caxton new {found.name} myagent; "
            f"{quoted(str(folder))} has no name",
        )
    create_project(found, folder)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if json:
        about = {"ok": True, "folder": str(folder), "name": folder.name, "language": found.name, "files": files}
        output.put_json(about | {"error": None})
        return 0
    lines = [f"{folder}: an agent in {found.title}", *(f"  {file}" for file in files), "", "Next:"]
    module = folder / f"{folder.name}.wasm"
    lines += [f"  caxton build {shlex.quote(str(folder))}", f"  caxton run {shlex.quote(str(module))} --message hello"]
    output.put("".join(f"{safe(line)}\n" for line in lines).encode("utf-8", "backslashreplace"))
    return 0
