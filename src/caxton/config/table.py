"""The one table of settings: what stands here is read, checked, documented, and known to editors.

A path's ``*`` is a name that the file's author gives: of an agent, of a server, or a glob of tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from caxton.agents.rules import APPROVALS, Rule
from caxton.agents.spec import STRATEGIES, Limits, Restart
from caxton.config import kinds, schemas, shapes
from caxton.config.kinds import FLAG, PATH, Kind, bytes_, choice, text, time, whole
from caxton.tools.settings import FsSettings, HttpSettings, LlmSettings, MemorySettings, StdioServer

KIB: Final = 1 << 10
MIB: Final = 1 << 20
TIB: Final = 1 << 40
DAY: Final = 86_400.0
YEAR: Final = 366 * DAY
_MAX_COUNT: Final = 1_000_000_000
_MAX_BUDGET: Final = 1_000_000_000_000
_MAX_TRANSFER: Final = (1 << 30) - 1

FEATURES: Final = ("exceptions", "gc")
"""As in sandbox/engine.py, which would bring WebAssembly's engine along."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key.

    Attributes:
        path: such as ``agents.*.limits.memory``.
        kind: what it takes.
        help: a sentence.
        default: the value that holds without it; None: there is none.
        otherwise: the same for readers, where it is no single value.
    """

    path: str
    kind: Kind
    help: str
    default: Any = None
    otherwise: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The path's parts."""
        return tuple(self.path.split("."))

    @property
    def variable(self) -> str | None:
        """The environment variable that goes before the file; None where there is none."""
        if self.kind.from_text is None or "*" in self.keys:
            return None
        return "CAXTON_" + "_".join(self.keys).upper()

    def default_text(self) -> str:
        """The default for readers: in words, or as TOML has it, between backticks. Empty where there is none."""
        return self.otherwise or ("" if self.default is None else f"`{self.kind.show(self.default)}`")


_Row: TypeAlias = tuple[Kind, str] | tuple[Kind, str, str]
"""A key's kind, its help and, where it is no field's, its default in words."""


def _group(prefix: str, rows: Mapping[str, _Row], source: Any = None) -> list[Setting]:
    """The rows of one table. Their defaults are those of the fields of ``source``, a class of settings."""
    known = {} if source is None else {field.name: field.default for field in fields(source)}
    found = []
    for key, (kind, help_, *words) in rows.items():
        default = known.get(key)
        simple = not words and isinstance(default, bool | int | float | str)
        found.append(Setting(f"{prefix}.{key}", kind, help_, default if simple else None, "".join(words)))
    return found


_COUNT: Final = whole(0, _MAX_COUNT)
_TRANSFER: Final = bytes_(0, _MAX_TRANSFER)
_FILE_SIZE: Final = bytes_(1, 8 * MIB)
_CALL_TIME: Final = time(DAY)

_HOST: Final = _group(
    "host",
    {
        "data": (
            PATH,
            "Directory for what outlives the host: databases, stored modules, files of agents.",
            '`".caxton"`',
        ),
        "memory": (
            bytes_(64 * KIB, 1 << 60),
            "Memory that all agents may have in sum.",
            "75 % of the machine's or the cgroup's",
        ),
        "workers": (whole(1, 1024), "Threads for turns that compute long.", "as many as there are cores"),
        "seed": (whole(0, (1 << 63) - 1), "Makes the agents' random numbers repeatable."),
        "warm": (FLAG, "Agents may begin where their module's initialisation, run once, has left it.", "`true`"),
        "compact_after": (
            time(YEAR, zero=True),
            "Time without a turn after which a large agent's memory is made small until its next one; 0 is never.",
            '`"5s"`',
        ),
    },
)
_SECRETS: Final = [Setting("secrets.file", PATH, 'A file of secrets, `NAME = "value"` each; nobody else may read it.')]

_BUILT_IN: Final = [
    *_group(
        "tools.http",
        {
            "max_bytes": (_FILE_SIZE, "Bytes that an answer to `http.fetch` may have."),
            "timeout": (_CALL_TIME, "Time that it may take."),
            "redirects": (whole(0, 20), "Redirects that are followed."),
        },
        HttpSettings,
    ),
    *_group(
        "tools.fs",
        {
            "root": (
                PATH,
                "Directory in which each agent has one of its own, named like it.",
                "`files` in `host.data`",
            ),
            "quota": (bytes_(0, TIB), "Bytes that an agent may keep there."),
            "max_bytes": (_FILE_SIZE, "Bytes of one file that is read or written."),
        },
        FsSettings,
    ),
    *_group(
        "tools.llm",
        {
            "base_url": (shapes.PLAIN_URL, "Endpoint that speaks OpenAI's chat protocol. Needed for `llm.complete`."),
            "model": (text(256), "The model's name. Needed for `llm.complete`."),
            "key": (text(4096, empty=True, secrets=True), "Key for the endpoint: most often `${secret:NAME}`."),
            "timeout": (_CALL_TIME, "Time that an answer may take."),
            "max_tokens": (whole(1, 100_000_000), "Tokens that an answer may have."),
        },
        LlmSettings,
    ),
    *_group(
        "tools.memory",
        {
            "path": (PATH, "The database of `memory.put` and `memory.search`.", "`memory.db` in `host.data`"),
            "max_bytes": (bytes_(0, TIB), "Bytes of all notes of one namespace."),
        },
        MemorySettings,
    ),
]

STDIO_KEYS: Final = ("command", "env", "cwd")
HTTP_KEYS: Final = ("url", "headers")
_SERVERS: Final = _group(
    "tools.*",
    {
        "command": (shapes.COMMAND, "An MCP server to start: the program and its arguments. No shell reads them."),
        "env": (shapes.VARIABLES, "Variables that it gets beside `PATH`, `HOME` and the locale's.", "`{}`"),
        "cwd": (PATH, "Its working directory.", "the file's directory"),
        "url": (shapes.URL, "An MCP server that is reached over streamable HTTP; in the place of `command`."),
        "headers": (shapes.HEADERS, "Headers of every request to it.", "`{}`"),
        "start": (choice("lazy", "eager"), "When it is started: at its first use, or with the host."),
        "timeout": (_CALL_TIME, "Time that a call may take."),
        "pin": (
            FLAG,
            "A tool whose definition has changed answers `tool.changed` until it is accepted again.",
            "`true` with `command`, `false` with `url`",
        ),
        "arguments": (
            shapes.ARGUMENTS,
            "By tool (its name without the server's): arguments that are added to each call, unseen by agents.",
            "`{}`",
        ),
    },
    StdioServer,
)

_AGENT: Final = _group(
    "agents.*",
    {
        "module": (PATH, "The agent's module, a `.wasm` or `.wat` file."),
        "sha256": (
            text(64, pattern="[0-9a-fA-F]{64}", a="64 hexadecimal digits", word="64 hex digits"),
            "Hash of a module in `modules` in `host.data`; in the place of `module`.",
        ),
        "params": (shapes.JSON, "What the agent reads with `context`.", "`{}`"),
        "features": (shapes.words(FEATURES), "WebAssembly proposals that the module needs.", "`[]`"),
        "warm": (FLAG, "As `host.warm`, for this agent.", "as `host.warm` has it"),
        "durable": (kinds.not_yet(FLAG), "State that outlives the host: comes with a later version.", "`false`"),
        "tools": (shapes.TOOLS, "Tools that it may call.", "`[]`"),
        "deny": (shapes.TOOLS, "Tools of those that it may not call.", "`[]`"),
        "peers": (shapes.GLOBS, "Agents that it may address.", "`[]`"),
        "topics": (shapes.GLOBS, "Topics that it may publish and subscribe to.", "`[]`"),
        "services": (shapes.GLOBS, "For features to come.", "`[]`"),
        "spawn": (shapes.GLOBS, "For features to come.", "`[]`"),
        "expose": (FLAG, "MCP clients of the host see the agent as a tool.", "`false`"),
        "description": (text(16_384, empty=True), "What they are told of it."),
        "input": (schemas.INPUT_SCHEMA, "JSON Schema of what they send to it.", "a text"),
    },
)

LIMITS: Final[Mapping[str, tuple[Kind, str]]] = {
    "memory": (bytes_(64 * KIB, 4 << 30), "Linear memory of an instance."),
    "fuel": (whole(1, 1 << 62), "What one turn may compute."),
    "deadline": (time(DAY), "Wall time of one turn, waiting included."),
    "message": (_TRANSFER, "Size of one message's payload."),
    "response": (_TRANSFER, "Size of one response."),
    "host_calls": (_COUNT, "Host calls of one turn."),
    "outbox": (whole(0, 1_000_000), "Envelopes that one turn may queue."),
    "outbox_bytes": (_TRANSFER, "Their payloads in sum."),
    "pending": (whole(0, 10_000), "Handles that may be open at once."),
    "log": (_TRANSFER, "Bytes that one turn may log."),
    "mailbox": (whole(1, 10_000_000), "Envelopes that may wait; `capacity` of `mailbox` is the same."),
    "mailbox_bytes": (bytes_(1, TIB), "Their payloads in sum."),
    "held": (bytes_(0, TIB), "State, timers and subscriptions."),
    "table_elements": (whole(0, 20_000), "Elements of a table."),
    "module_size": (bytes_(8, 1 << 30), "Size of the module."),
}
RESTART: Final[Mapping[str, tuple[Kind, str]]] = {
    "strategy": (choice(*STRATEGIES), "When a new instance follows one that ended."),
    "max_restarts": (_COUNT, "More failures than this in `within`, and the agent has failed for good."),
    "within": (time(YEAR, zero=True), "The time in which they are counted."),
}
RULES: Final[Mapping[str, tuple[Kind, str]]] = {
    "arguments": (schemas.RULE_SCHEMA, "JSON Schema that the arguments must satisfy, beside the tool's own."),
    "rate": (shapes.RATE, 'Calls in a time: `"10/s"`, `"100/m"`, `"5/h"`, `"50/d"`.'),
    "burst": (whole(1, 1_000_000), "Calls that may come at once; by default as many as `rate` names."),
    "concurrency": (whole(1, 1_000_000), "Calls that may go on at the same time."),
    "calls": (whole(0, _MAX_BUDGET), "Budget of calls, for as long as the agent lives."),
    "bytes": (bytes_(0, _MAX_BUDGET), "Budget of bytes of arguments and results."),
    "tokens": (whole(0, _MAX_BUDGET), "Budget of a language model's tokens."),
    "approve": (choice(*APPROVALS), "`ask` holds every call until a person agrees."),
    "timeout": (time(YEAR, zero=True), "Time that one call may take."),
    "hosts": (shapes.HOSTS, "For `http.fetch`: hosts, as globs, with a port or without."),
    "private": (shapes.HOSTS, "For `http.fetch`: those of them that may lie in a private network."),
    "root": (PATH, "For `fs.*`: the directory that is the agent's."),
    "quota": (bytes_(0, _MAX_BUDGET), "For `fs.*`: bytes that may lie there."),
    "namespace": (text(256), "For `memory.*`: a namespace that agents share."),
}
_PARTS: Final = [
    *_group("agents.*.limits", LIMITS, Limits),
    *_group("agents.*.restart", RESTART, Restart),
    *_group(
        "agents.*.mailbox",
        {
            "capacity": (whole(1, 10_000_000), "Envelopes that may wait.", f"`{Limits().mailbox:_}`"),
            "overflow": (
                choice("refuse", later=("drop-oldest", "wait")),
                "What happens to one envelope more; `drop-oldest` and `wait` come with a later version.",
                '`"refuse"`',
            ),
        },
    ),
    *_group("agents.*.rules.*", RULES, Rule),
]

SETTINGS: Final[tuple[Setting, ...]] = (*_HOST, *_SECRETS, *_BUILT_IN, *_SERVERS, *_AGENT, *_PARTS)
"""Every key that a configuration may have."""

VARIABLES: Final[Mapping[str, Setting]] = {one.variable: one for one in SETTINGS if one.variable is not None}
"""The settings that the environment may give, by variable."""
