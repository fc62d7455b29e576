"""What the user got wrong, in one line: unknown verbs and options, missing and strange arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from caxton.errors import HostError
from caxton.text import safe, safe_name

VERBS: Final = (
    "new",
    "build",
    "dev",
    "run",
    "inspect",
    "check",
    "wit",
    "up",
    "config",
    "tools",
    "mcp",
    "demo",
    "bench",
)
LATER: Final = tuple("serve tell ask agents logs dead-letters top".split())

RESULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "new": ("folder", "name", "language", "files"),
    "build": ("module", "source_map", "language", "toolchain", "size_before", "size", "seconds"),
}
"""What a verb's JSON object has of its own beside ``ok`` and ``error``; after an error it is null."""


def check_verb(arguments: Sequence[str]) -> None:
    """Refuses a verb that there is not, or not yet.

    Raises:
        HostError: ``config.invalid``.
    """
    verb = arguments[0] if arguments else "-"
    if verb.startswith("-") or verb in VERBS:
        return
    if verb in LATER:
        raise HostError("config.invalid", f"'caxton {verb}' comes with a later version")
    check_known(verb, VERBS)


def check_known(verb: str, known: Sequence[str]) -> None:
    """Refuses a verb, or one below a verb, that there is not.

    Raises:
        HostError: ``config.invalid``, with the nearest one.
    """
    if verb not in known:
        raise HostError("config.invalid", f"no such command {safe_name(verb)}{meant(verb, known)}")


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether ``--json`` is among the arguments, wherever; ``bench`` has an option of that name that takes a value."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    has_value = list(arguments[:1]) == ["bench"] and any(one.startswith("--json=") for one in options)
    return "--json" in options or has_value


def meant(given: str, known: Sequence[str]) -> str:
    """The nearest of the names that there are, as the end of a line; "" where none is near."""
    names = {name.lstrip("-"): name for name in known}
    wanted = given.lstrip("-")
    # A single letter is what is left of a long option with one dash: -fuel is read as -f -u -e -l.
    begins = [name for name in names if len(wanted) == 1 and name.startswith(wanted)]
    found = sorted(begins) if 1 <= len(begins) <= 3 else get_close_matches(wanted, names, n=1)
    return f" (did you mean {' or '.join(names[name] for name in found)}?)" if found else ""


def explain(error: Any) -> str:
    """One of typer's usage errors as one line."""
    context = getattr(error, "ctx", None)
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        names = [] if context is None else [name for one in context.command.params for name in one.opts]
        known = [name for name in [*names, "--help"] if name.startswith("-")]
        return f"no such option {safe_name(option)}{meant(option, known)}"
    text = " ".join(str(error.format_message()).split())
    return safe(text[:1].lower() + text[1:].removesuffix("."), 1000)
