"""The command line: ``caxton new``, ``build``, ``dev``, ``run``, ``inspect``, ``check``, ``up``, ``config``, ``tools``,
``mcp``, ``demo``, ``bench``.

From the bottom up: interrupts (signals), output (the two streams, JSON), clock, person (questions at the terminal);
options (what the arguments mean), conversation (messages and their outcomes), consent (calls that a person decides on);
new, build, dev, run, inspect, check, up, config, toolbox, tools, mcp (the verbs); app, verbs, verbs_build, verbs_host
(their arguments, for typer), entry (from arguments to an exit status, whatever happens).
"""

from caxton.cli.entry import main

__all__ = ["main"]
