"""Nothing that a module says of itself, and nothing that an agent logs, gets to a terminal as it is."""

from __future__ import annotations

import os
import pty
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.command import FILLERS, MARK, Guests, caxton, caxton_each, command, environment, is_harmless

ESCAPED = r"\x1b[31m\x07\u202e\x9b\x7f"
RAW = "\x1b[31m\x07\u202e\x9b\x7f"
LINES = [
    ("run", "evil-names"),
    ("run", "evil-import"),
    ("run", "evil-answer"),
    ("run", "logging"),
    ("inspect", "evil-names"),
    ("inspect", "evil-import"),
    ("check", "evil-names"),
    ("check", "evil-import"),
]


def test_nothing_raw(guest: Guests) -> None:
    """Control and bidirectional characters are escaped, in tables, stacks, logs, errors and JSON."""
    plain = caxton_each([(verb, guest(name)) for verb, name in LINES])
    json = caxton_each([(verb, guest(name), "--json") for verb, name in LINES])
    for line, done in zip([*LINES, *LINES], [*plain, *json], strict=True):
        assert is_harmless(done.err), line
        if line[1] != "evil-answer" or done in json:  # else it is a response, which is printed byte for byte
            assert is_harmless(done.out.decode()), line


def test_nothing_unseen(guest: Guests) -> None:
    """Names are shown with every character that leaves nothing to see, and without piles of marks."""
    for verb in ("run", "inspect", "check"):
        done = caxton(verb, guest("piled-import"))
        shown = done.err + done.out.decode()
        assert not set(shown) & set(FILLERS)
        assert MARK * 5 not in shown
        assert r"\u3164\u115f\u2800\U000e0100" in shown


def test_names_are_still_told(guest: Guests) -> None:
    """Escaped, names are shown; in JSON they are what they are."""
    assert ESCAPED in caxton("run", guest("evil-names")).err
    assert ESCAPED in caxton("inspect", guest("evil-names")).out.decode()
    found = caxton("inspect", guest("evil-names"), "--json").object
    assert RAW in [export["name"] for export in found["exports"]]
    assert next(section["name"] for section in found["custom_sections"]) == RAW
    assert ESCAPED in caxton("run", guest("evil-import")).err


def test_a_response_in_json(guest: Guests) -> None:
    """A response in JSON is what the agent gave, in characters that no terminal obeys."""
    done = caxton("run", guest("evil-answer"), "--json")
    assert is_harmless(done.out.decode())
    assert done.object["payload"] == RAW


def _on_a_terminal(*arguments: str) -> bytes:
    """What a terminal gets to see of a command."""
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as pool, os.fdopen(ours, "rb", buffering=0) as screen:
        running = pool.submit(_run_on, theirs, arguments)
        seen = b""
        try:
            while part := screen.read(4096):
                seen += part
        except OSError:  # that is how Linux says that nobody writes any more
            pass
        running.result()
    return seen


def _run_on(terminal: int, arguments: tuple[str, ...]) -> None:
    try:
        subprocess.run(
            command(*arguments), stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, timeout=60, check=False,
            env=environment(TERM="dumb"),
        )  # fmt: skip
    finally:
        os.close(terminal)


def test_a_response_on_a_terminal(guest: Guests) -> None:
    """On a terminal a response is text on lines of its own, and cannot control it."""
    seen = _on_a_terminal("run", guest("evil-answer"))
    assert is_harmless(seen.decode().replace("\r\n", "\n"))
    assert seen.startswith(ESCAPED.encode() + b"\r\n")
    assert _on_a_terminal("run", guest("echo"), "--message", "a\nb", "--message", "c\n") == b"a\r\nb\r\nc\r\n"


@pytest.mark.parametrize("verb", ["inspect", "check"])
def test_tables_on_a_terminal(guest: Guests, verb: str) -> None:
    """Tables on a terminal have nothing in them but what rich puts there: here nothing, as it can do no colours."""
    seen = _on_a_terminal(verb, guest("evil-names"))
    assert is_harmless(seen.decode().replace("\r\n", "\n"))
