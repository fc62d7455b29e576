"""What tools are set up with: plain data, from Python or from the configuration file.

Texts may hold ``${secret:NAME}``, which becomes the secret on its way to the server and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

Start = Literal["lazy", "eager"]

BUILT_IN: Final = ("http", "fs", "llm", "memory")
"""First parts of names that are the built-in tools'."""

BUILT_IN_TOOLS: Final = (
    "http.fetch",
    "fs.read",
    "fs.write",
    "fs.list",
    "llm.complete",
    "memory.put",
    "memory.search",
    "memory.delete",
)
"""All of them, as in builtin/arguments.py, which would bring pydantic along."""


@dataclass(frozen=True, slots=True)
class StdioServer:
    """An MCP server that the host starts as a child process and speaks to over its standard input and output.

    Attributes:
        name: 1 to 64 of ``a-z 0-9 _ -``, starting with a letter or a digit; its tools are ``name.tool``.
        command: the program and its arguments; no shell reads it.
        env: variables that it gets beside PATH, HOME and the locale's.
        cwd: its working directory; None: the host's.
        start: ``lazy``, at the first use, or ``eager``, with the host.
        timeout: seconds that a call may take, where no rule says less.
        pin: a tool whose definition has changed since it was accepted is ``tool.changed``.
        arguments: by tool (its name without the server's): arguments that the host adds to each call; agents neither
            see nor change them. The place for secrets.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    start: Start = "lazy"
    timeout: float = 60.0
    pin: bool = True
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """An MCP server that is reached over streamable HTTP. ``headers`` go with every request; the rest is as above."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    start: Start = "lazy"
    timeout: float = 60.0
    pin: bool = False
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


Server = StdioServer | HttpServer


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """``http.fetch``: bytes that an answer may have, seconds that it may take, redirects that are followed."""

    max_bytes: int = 1 << 20
    timeout: float = 30.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class FsSettings:
    """``fs.*``: ``root`` is where agents without a rule of their own have a directory each, named like the agent; None:
    they have none. ``quota``: bytes that each may keep there; ``max_bytes``: of one file that is read or written."""

    root: Path | None = None
    quota: int = 64 << 20
    max_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class LlmSettings:
    """``llm.complete``: an endpoint that speaks OpenAI's chat protocol; ``key`` is most often ``${secret:NAME}``.

    ``max_tokens``: of one answer, at most.
    """

    base_url: str
    model: str
    key: str = ""
    timeout: float = 120.0
    max_tokens: int = 4096


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """``memory.*``: ``path`` is the database's; None: it is in memory, and gone with the host. ``max_bytes``: of all
    notes of one namespace."""

    path: Path | None = None
    max_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """All tools of a host beside its Python functions. What is None is not there (``llm``) or as by default.

    ``pins`` (what was accepted) and ``audit`` (a database) are files; None: nothing is kept over a restart. ``secrets``
    is a file of them; None: they come from the environment alone.
    """

    servers: tuple[Server, ...] = ()
    http: HttpSettings = HttpSettings()
    fs: FsSettings = FsSettings()
    llm: LlmSettings | None = None
    memory: MemorySettings = MemorySettings()
    pins: Path | None = None
    audit: Path | None = None
    secrets: Path | None = None
