"""From arguments to an exit status, whatever happens: one line about it, and never a traceback."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

from caxton.cli import interrupts, output, usage
from caxton.errors import CaxtonError, HostError, LimitError, exit_status

OTHER: Final = 6
"""The exit status of what has none of its own."""

INTERNAL: Final = "internal"
"""What a mistake of Caxton's own is called; the contract's codes are for what others do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line (without the program's name; by default the process's), and answers its exit status.

    0: it worked; 1: the agent reported a failure, or refuses; 2: wrong usage; 3: the module; 4: a trap, or a broken
    protocol; 5: a limit; 6: everything else; 128 and a signal's number after that signal.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    output.prepare()
    _quiet_hooks()
    with interrupts.handled(to_the_end=arguments is None):
        try:
            status = _guarded(given)
            output.finish()
        except output.Unwritable as error:
            if error.why is not None:
                output.say(f"caxton: storage.failed: standard output: {error.why}")
            status = OTHER
        except (interrupts.Interrupted, asyncio.CancelledError):
            output.give_up()
            status = OTHER
        return interrupts.status() or status


def _quiet_hooks() -> None:
    """What Python would print a traceback for, outside of any call of ours, becomes a line."""
    threading.excepthook = lambda found: output.say(f"caxton: warning: {_described(found.exc_value)}")
    sys.unraisablehook = lambda found: output.say(f"caxton: warning: {_described(found.exc_value)}")


def _described(error: BaseException | None) -> str:
    return "an error without a name" if error is None else output.describe(error)


def _guarded(arguments: list[str]) -> int:
    verb = arguments[0] if arguments and arguments[0] in usage.VERBS else ""
    try:
        return _run(arguments)
    except CaxtonError as error:
        return _failed(error, verb, usage.wants_json(arguments))
    except output.Unwritable:
        raise
    except BrokenPipeError as error:
        raise output.unwritable(error) from None
    except (KeyboardInterrupt, SystemExit) as error:  # a library's way of ending; rich's when help has no reader
        return 130 if isinstance(error, KeyboardInterrupt) else OTHER
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            why = f"the process may open no more files: {error.strerror} (ulimit -n)"
            return _failed(LimitError("limit.host", why), verb, usage.wants_json(arguments))
        output.say(f"caxton: {INTERNAL}: {output.describe(error)}")
        if usage.wants_json(arguments):
            _put_failure(INTERNAL, output.describe(error), verb)
        return OTHER


def _failed(error: CaxtonError, verb: str, json: bool) -> int:
    output.complain(error, verb)
    if json:
        _put_failure(error.code, error.message, verb, error)
    return exit_status(error.code)


def _put_failure(code: str, message: str, verb: str, error: CaxtonError | None = None) -> None:
    found = output.failure(code, message, error)
    output.put_json({"ok": False} | dict.fromkeys(usage.RESULTS.get(verb, ())) | found)


def _run(arguments: list[str]) -> int:
    """Reads the arguments, and does what they say."""
    usage.check_verb(arguments)
    from typer.main import get_command

    from caxton.cli import verbs, verbs_build, verbs_host  # noqa: F401 - they fill the app
    from caxton.cli.app import app

    command = get_command(app)
    try:
        work: Any = command.main(arguments or ["--help"], prog_name="caxton", complete_var="", standalone_mode=False)
    except OSError as error:  # while it printed: no file is read here without looking
        raise output.unwritable(error) from None
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        raise HostError("config.invalid", usage.explain(error)) from None
    # Help and --version have done their work by now.
    return int(work()) if callable(work) else int(work or 0)
