"""The built-in tools: http.fetch, fs.*, llm.complete and memory.*.

Each is a tool like any other: listed with a schema, behind the same grants and rules, with results of the same shape.
What they may reach comes from the rules of the agent's grants (``hosts``, ``root``, ``namespace``, ...) and from the
host's settings, never from the agent.

::

    provider      which tool a call is for; its time limit
    arguments     what each tool takes
    checks        what each refuses before it does anything
    http          http.fetch:   locations (URLs), segments (their paths), hosts (lists of them), addresses, network,
                                pinned, bodies
    files         fs.*:         trees (a directory that nothing leaves)
    completions   llm.complete: endpoint (the connection to it)
    memory        memory.*:     notes (the database)
"""

from caxton.tools.builtin.network import Network
from caxton.tools.builtin.provider import BuiltinTools

__all__ = ["BuiltinTools", "Network"]
