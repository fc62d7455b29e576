"""The two streams: results as raw bytes, JSON or tables on standard output; everything else on standard error.

What comes from a guest gets here only as a payload (which is printed as it is: it is what was asked for), as JSON
(pure ASCII, control characters escaped), or as text that has been made safe.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caxton.agents.spec import Usage
from caxton.cli import interrupts
from caxton.cli.held import Held
from caxton.errors import CaxtonError
from caxton.host.reference import Reply
from caxton.host.sources import excerpt
from caxton.text import safe, safe_name
from caxton.tools.policy.preview import without_blanks

if TYPE_CHECKING:
    from rich.console import RenderableType


class Unwritable(Exception):
    """Standard output takes nothing. ``why`` is None where its reader has just gone, which needs no words."""

    def __init__(self, why: str | None) -> None:
        super().__init__(why)
        self.why = why


def prepare() -> None:
    """Makes both streams take any text, and warnings one line each. Closed ones are kept from being used by others."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=logging.WARNING, handlers=[_Lines()], force=True)


class _Lines(logging.Handler):
    """A warning of the library's as one line; an exception as its last line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a record."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {describe(record.exc_info[1])}"
        remark(f"caxton: {record.levelname.lower()}: {safe(text)}")


def describe(error: BaseException) -> str:
    """An exception that is none of ours, in one line that is safe to print."""
    return safe(f"{type(error).__name__}: {error}", 1000)


# ---- standard error -------------------------------------------------------------------------------------------------


def say(line: str) -> None:
    """A line on standard error, at once; if nobody takes it, it is lost."""
    global _said
    _said += 1
    _write(line)


def said() -> int:
    """How many lines ``say`` has printed."""
    return _said


def remark(line: str) -> None:
    """A line that may have an agent's words in it: on a terminal without long runs of blanks, and not while a question
    is open, but after it."""
    held.put(line)


def _write_remark(line: str) -> None:
    _write(without_blanks(line) if _is_seen() else line)


def _write(line: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _is_seen() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError, OSError):
        return False


_said = 0
held: Final = Held(_write_remark)
"""What ``remark`` prints, or is to print after a question."""


def log(agent: str, level: str, line: str) -> None:
    """What an agent logs (a ``LogSink``)."""
    remark(f"{level}: {line}")


def complain(error: CaxtonError, verb: str = "", module: Path | None = None) -> None:
    """An error: one line, and the guest's stack below it. For wrong usage the line names the verb, not the code.

    ``module``: the file that ran; where the source of a frame lies in its project, the lines around it are shown.
    """
    if error.code == "config.invalid":
        say(f"caxton{verb and ' '}{verb}: {error.message}")
    else:
        source = None if module is None or not error.frames else excerpt(module, error.frames)
        around = [] if source is None else [f"{safe_name(source.file)}:{source.line}", *str(source).split("\n")]
        say("\n    ".join((f"caxton: {error.code}: {error.message}", *map(str, error.frames), *around)))


# ---- standard output ------------------------------------------------------------------------------------------------


def put(data: bytes) -> None:
    """Bytes on standard output, as they are, at once.

    Raises:
        Unwritable: they cannot be written.
    """
    if not data:
        return
    stream = sys.stdout
    if stream is None:
        raise Unwritable("it is closed")
    try:
        with interrupts.blocking():
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()
    except (OSError, ValueError) as error:
        raise unwritable(error) from None


def finish() -> None:
    """Writes what others have left in the buffer.

    Raises:
        Unwritable: it cannot be written.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise unwritable(error) from None


def unwritable(error: OSError | ValueError) -> Unwritable:
    """What it means that standard output has raised ``error``; from now on nothing is written there."""
    give_up()
    gone = isinstance(error, BrokenPipeError)
    return Unwritable(None if gone else getattr(error, "strerror", None) or str(error))


def give_up() -> None:
    """Sends what is still buffered to nowhere: the interpreter would try, and complain, once more at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError, OSError):
        return False


def put_answer(payload: bytes) -> None:
    """An agent's answer: its bytes. On a terminal it is text, on lines of its own, and cannot control the terminal.

    Raises:
        Unwritable: it cannot be written.
    """
    if payload and is_terminal():
        text = safe(payload.decode("utf-8", "replace"), 16 * len(payload), keep="\n\t")
        payload = (text if text.endswith("\n") else text + "\n").encode("utf-8", "backslashreplace")
    put(payload)


def put_table(content: RenderableType) -> None:
    """Something that rich can draw, as wide as the terminal; as wide as it needs where there is none.

    Raises:
        Unwritable: it cannot be written.
    """
    import io

    from rich.console import Console

    text = io.StringIO()
    terminal = is_terminal()
    width = shutil.get_terminal_size().columns if terminal else 200
    console = Console(file=text, force_terminal=terminal or None, width=width, highlight=False, emoji=False)
    console.print(content)
    lines = text.getvalue() if terminal else "\n".join(line.rstrip() for line in text.getvalue().split("\n"))
    put(lines.encode("utf-8", "backslashreplace"))


def put_json(data: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own, in ASCII.

    Raises:
        Unwritable: it cannot be written.
    """
    # JSON may have DEL as it is; a terminal should not.
    put(json.dumps(data).replace("\x7f", "\\u007f").encode() + b"\n")


def outcome(reply: Reply | None, error: CaxtonError | None, usage: Usage) -> dict[str, Any]:
    """What became of one message, as the contract's JSON object (section 8)."""
    found: dict[str, Any] = {"ok": error is None}
    found.update(_payload(reply))
    # Where the agent gave no answer the host did: a failure, which carries the error's code.
    found["performative"] = "failure" if reply is None else str(reply.performative)
    found["error"] = None if error is None else error_object(error)
    found["usage"] = {
        "fuel": usage.fuel,
        "wall_us": round(usage.wall * 1e6),
        "memory_bytes": usage.memory,
        "host_calls": usage.host_calls,
    }
    return found


def failure(code: str, message: str, error: CaxtonError | None = None) -> dict[str, Any]:
    """The same object for a command that came to nothing without any message; for ``error`` where there is one."""
    shown = {"code": code, "message": message, "frames": []} if error is None else error_object(error)
    return outcome(None, None, usage_of(None, error)) | {"ok": False, "performative": None, "error": shown}


def usage_of(reply: Reply | None, error: CaxtonError | None) -> Usage:
    """What a turn cost; nothing where there was none."""
    found = reply.usage if reply is not None else error.usage if error is not None else None
    return found if isinstance(found, Usage) else Usage()


def error_object(error: CaxtonError) -> dict[str, Any]:
    """An error as the contract's JSON object: its code, its message, the guest's stack."""
    found: dict[str, Any] = {"code": error.code, "message": error.message}
    found["frames"] = [frame.as_json() for frame in error.frames]
    said = getattr(error, "output", "")  # a compiler's
    return found | {"output": said} if said else found


def _payload(reply: Reply | None) -> dict[str, str | None]:
    if reply is None:
        return {"payload": None}
    try:
        return {"payload": reply.payload.decode("utf-8")}
    except UnicodeDecodeError:
        return {"payload-base64": base64.b64encode(reply.payload).decode("ascii")}
