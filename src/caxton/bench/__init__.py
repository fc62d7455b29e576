"""``caxton bench``: what an agent costs, each figure beside what it is compared with, in one run.

From the bottom up: effort (how long), figures (what is measured; contests, round by round), job, sources and build (the
guests), contestants (the plain binding, Extism, asyncio tasks); one module for each section (``turn``, ``ask``,
``spawn``, ``host_call``, ``memory``, ``latency``, ``cores``, ``kernels``, ``startup``); catalogue (sections and bars),
child and fresh (each part runs in a process of its own), machine, report, page, command.
"""

from caxton.bench.command import main

__all__ = ["main"]
