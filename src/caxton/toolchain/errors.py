"""What stops a build: no toolchain (``toolchain.missing``), or one that fails (``toolchain.failed``)."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Final

from caxton.errors import HostError
from caxton.text import safe

OUTPUT_LIMIT: Final = 64 << 10
"""Bytes of a compiler's output that an error keeps."""

_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")
_TELLING: Final = re.compile(r"\berror\b|\bfatal\b|\bpanic\b|Error:|^ERROR", re.IGNORECASE)
_LINE: Final = 600


@dataclass(frozen=True, slots=True)
class Install:
    """What to install where a toolchain is missing; each a command, or a sentence, in full.

    Attributes:
        anywhere: what works on every platform: ``pip install "caxton[zig]"``, say.
        debian: on Debian, Ubuntu and their like.
        macos: with Homebrew, say.
        note: what else to know.
    """

    anywhere: str = ""
    debian: str = ""
    macos: str = ""
    note: str = ""

    def words(self, platform: str = sys.platform) -> str:
        """What to do on this platform (as in ``sys.platform``), as the end of a sentence."""
        here = {"linux": ("on Debian and Ubuntu", self.debian), "darwin": ("on macOS", self.macos)}.get(platform)
        ways = [self.anywhere] if self.anywhere else []
        if here is not None and here[1]:
            ways.append(f"{here[1]} ({here[0]})")
        if not ways:
            ways = [f"{way} ({where})" for where, way in (("on Debian", self.debian), ("on macOS", self.macos)) if way]
        return "; or ".join(ways) + (f" ({self.note})" if self.note else "")


class ToolchainError(HostError):
    """``toolchain.missing`` or ``toolchain.failed``.

    Attributes:
        output: what the toolchain said, safe to print, with its line feeds; cut to 64 KiB.
    """

    def __init__(self, code: str, message: str, output: str = "") -> None:
        super().__init__(code, message)
        self.output = output


def missing(what: str, install: Install) -> ToolchainError:
    """There is no ``what`` ("a Go compiler of version 1.24 or newer", say) on this machine."""
    return ToolchainError("toolchain.missing", f"{what} is missing: install it with {install.words()}")


def failed(what: str, why: str, output: bytes | str = "") -> ToolchainError:
    """``what`` ("the C compiler") came to nothing: ``why`` in some words; the message has its most telling line too."""
    text = output.decode("utf-8", "replace") if isinstance(output, bytes) else output
    text = safe(_COLOUR.sub("", text).replace("\r\n", "\n").strip(), OUTPUT_LIMIT, keep="\n\t")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = next((line for line in lines if _TELLING.search(line)), lines[0] if lines else "")
    return ToolchainError("toolchain.failed", f"{what} {why}{telling and ': '}{telling[:_LINE]}", text)
