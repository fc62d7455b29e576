"""The command line: ``caxton run``, ``inspect``, ``check``, ``demo``, ``bench``.

From the bottom up: interrupts (signals), output (the two streams, JSON), clock; options (what the arguments mean),
conversation (messages and their outcomes); run, inspect, check (the verbs); verbs (their arguments, for typer), entry
(from arguments to an exit status, whatever happens).
"""

from caxton.cli.entry import main

__all__ = ["main"]
