"""``caxton demo``: some hundreds of agents count the words of real text, with three hostile agents beside them.

From the bottom up: errors, documents (the text), build (the guests), results; check (a plain count), crew and attacks
(the agents), job; report (tables), run (what the command line calls). guests/ has the agents' sources.
"""

from caxton.demo.errors import DemoError
from caxton.demo.run import run

__all__ = ["DemoError", "run"]
