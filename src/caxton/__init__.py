"""Caxton runs agents that you did not write: each a WebAssembly instance of its own, with isolated memory.

The rooms, from the outside in; each uses only those below it::

    cli, demo, bench, testing     verbs, and helpers for tests
    serving                       the host as an MCP server
    host                          puts everything together
    config                        caxton.toml
    sandbox  routing  supervision  tools     WebAssembly; names and mailboxes; restarts; tools
    agents                        one agent: spec, mailbox, turns
    messages, errors, jsontext, text
"""

from caxton.agents.grants import Grants
from caxton.agents.rules import Rule
from caxton.agents.spec import Limits, Restart, Usage
from caxton.agents.tracing import HostCall
from caxton.errors import (
    AgentError,
    AgentFailed,
    CaxtonError,
    Frame,
    HostError,
    LimitError,
    MessagingError,
    ModuleError,
    ProtocolError,
    ToolError,
    TrapError,
)
from caxton.host.autopsy import Autopsy
from caxton.host.debugging import Debug
from caxton.host.profiling import Profile, Recorder
from caxton.host.reference import AgentRef, Reply
from caxton.host.runtime import Host
from caxton.host.statistics import AgentStatistics, HostStatistics
from caxton.messages import Envelope, Performative
from caxton.routing.router import DeadLetter
from caxton.tools.settings import FsSettings, HttpSettings, LlmSettings, MemorySettings, ToolSettings

__version__ = "0.1.0"

__all__ = [
    "AgentError",
    "AgentFailed",
    "AgentRef",
    "AgentStatistics",
    "Autopsy",
    "CaxtonError",
    "DeadLetter",
    "Debug",
    "Envelope",
    "Frame",
    "FsSettings",
    "Grants",
    "Host",
    "HostCall",
    "HostError",
    "HostStatistics",
    "HttpSettings",
    "LimitError",
    "Limits",
    "LlmSettings",
    "MemorySettings",
    "MessagingError",
    "ModuleError",
    "Performative",
    "Profile",
    "ProtocolError",
    "Recorder",
    "Reply",
    "Restart",
    "Rule",
    "ToolError",
    "ToolSettings",
    "TrapError",
    "Usage",
    "__version__",
]
