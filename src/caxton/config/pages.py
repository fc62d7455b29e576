"""The table for readers: the tables of docs/configuration.md, and the help of ``caxton config``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from caxton.config.problems import key_text
from caxton.config.table import SETTINGS, VARIABLES, Setting

BEGIN: Final = "<!-- settings: written by `python -m caxton.config.publish`; change src/caxton/config/table.py -->"
END: Final = "<!-- end of settings -->"
_NAMES: Final = {"tools": "SERVER", "agents": "AGENT", "rules": "GLOB"}


def header_of(setting: Setting) -> str:
    """The header of the TOML table that a setting stands in: ``[agents.AGENT.rules."GLOB"]``."""
    keys = setting.keys[:-1]
    names = [_NAMES[keys[at - 1]] if key == "*" else key for at, key in enumerate(keys)]
    text = key_text(names)
    return f"[{text.replace('.GLOB', '.' + chr(34) + 'GLOB' + chr(34))}]"


def grouped() -> dict[str, list[Setting]]:
    """The settings by the table that they stand in, in order."""
    found: dict[str, list[Setting]] = {}
    for setting in SETTINGS:
        found.setdefault(header_of(setting), []).append(setting)
    return found


def markdown() -> str:
    """The tables of the page, between its two marks."""
    return "\n".join([BEGIN, "", *_markdown(), END])


def _markdown() -> Iterator[str]:
    for header, settings in grouped().items():
        variables = any(setting.variable for setting in settings)
        yield f"### `{header}`"
        yield ""
        yield f"| key | value | default |{' environment |' if variables else ''} meaning |"
        yield f"|---|---|---|{'---|' if variables else ''}---|"
        for setting in settings:
            cells = [f"`{setting.keys[-1]}`", setting.kind.word, setting.default_text()]
            if variables:
                cells.append(f"`{setting.variable}`" if setting.variable else "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in (*cells, setting.help)) + " |"
        yield ""


def replaced(page: str) -> str:
    """A page with its tables as they should be.

    Raises:
        ValueError: the page does not have the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page does not have the marks that the tables stand between")
    return f"{before}{markdown()}{after}"


def help_lines() -> list[str]:
    """For the command line's help: every key with its meaning, and the variables of the environment."""
    found: list[str] = []
    for header, settings in grouped().items():
        found += ["", header]
        width = max(len(setting.keys[-1]) for setting in settings)
        for setting in settings:
            default = setting.default_text()
            found.append(f"  {setting.keys[-1]:{width}}  {setting.help}{f' [default: {default}]' if default else ''}")
    found += ["", "Environment variables, which go before the file:"]
    return found[1:] + [f"  {name}" for name in VARIABLES]
