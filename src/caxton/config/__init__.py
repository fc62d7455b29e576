"""The configuration file: from ``caxton.toml`` and the environment to settings that have been checked.

::

    source, locate        bytes to values, and the lines that they stand on
    table, kinds, shapes  the one table of settings, and what each takes (schemas: JSON Schemas)
    walk, environment     values against the table
    build, load           settings, or every mistake
    names, doubts         what is said in vain; absent: what is not there; places: where it is named
    schema, pages         the same table for editors and readers
"""

from caxton.config.load import NAME, check, examine, load
from caxton.config.problems import ConfigProblems, Problem
from caxton.config.settings import AgentSettings, Configuration, HostSettings

__all__ = [
    "NAME",
    "AgentSettings",
    "ConfigProblems",
    "Configuration",
    "HostSettings",
    "Problem",
    "check",
    "examine",
    "load",
]
