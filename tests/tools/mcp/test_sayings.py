"""What a server writes to its standard error has no secret in it, and no part of one, wherever its lines end."""

from __future__ import annotations

import base64
import logging
import sys
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caxton.tools.mcp.bounds import Bounded, Overlong
from caxton.tools.mcp.clean import HELD
from caxton.tools.mcp.process import Program
from caxton.tools.mcp.sayings import Sayings
from caxton.tools.mcp.stdio import StdioWire
from caxton.tools.redaction import Redactor
from caxton.tools.secrets import Secrets
from caxton.tools.settings import StdioServer
from tests.conftest import Run
from tests.tools.mcp.lab import serving

SECRET = "sk-" + "0123456789abcdef" * 4
LINES = "-----BEGIN KEY-----\nMIIBVgIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"  # lines too short to be known alone


def _redactor(*secrets: str) -> Redactor:
    found = Redactor()
    for number, secret in enumerate(secrets):
        found.add(f"N{number}", secret)
    return found


def _said(run: Run, lines: Sequence[bytes | Overlong], *secrets: str, at_a_time: int = 1000) -> list[bytes]:
    """What is said of some lines that come so many at a time."""
    found: list[bytes] = []

    async def main() -> None:
        sayings = Sayings(_redactor(*secrets).data, found.append)
        for first in range(0, len(lines), at_a_time):
            await sayings.feed(lines[first : first + at_a_time])
        sayings.flush()
        assert not sayings.waits

    run(main())
    return found


def _folded(text: str, width: int, before: str = "", after: str = "") -> list[bytes]:
    return [f"{before}{text[at : at + width]}{after}".encode() for at in range(0, len(text), width)]


def test_lines_without_secrets_stay_as_they_are(run: Run) -> None:
    """One by one, in their order, without the spaces around them; empty ones are left out."""
    lines = [b"one", b"", b"  two\t\r", b"three " * 10, b"   "]
    for at_a_time in (1, 2, 5):
        assert [b"one", b"two", (b"three " * 10).strip()] == _said(run, lines, SECRET, at_a_time=at_a_time)


@pytest.mark.parametrize("at_a_time", [1, 3, 1000])
@pytest.mark.parametrize(("before", "after"), [("", ""), ("      ", ""), ("", "   "), ("    ", "  \r")])
@pytest.mark.parametrize("form", ["plain", "base64", "hexadecimal"])
def test_a_folded_secret(run: Run, form: str, before: str, after: str, at_a_time: int) -> None:
    """Is found over two lines and over ten, in columns, also where they do not come together."""
    data = SECRET.encode()
    text = {"plain": SECRET, "base64": base64.b64encode(data).decode(), "hexadecimal": data.hex()}[form]
    for width in (15, 40):
        lines = [b"before", *_folded(f"the key is {text} and no other", width, before, after), b"after"]
        said = _said(run, lines, SECRET, at_a_time=at_a_time)
        assert said[0] == b"before"
        assert said[-1] == b"after"
        assert b"[secret:N0]" in b"".join(said)
        pieces = [text[at : at + 8].encode() for at in range(len(text) - 8)]
        assert not any(piece in line for piece in pieces for line in said)


def test_a_secret_that_is_folded_between_words(run: Run) -> None:
    """The space that became the end of a line belongs to it."""
    lines = [b"it is correct horse", b"  battery staple, they say"]
    assert [b"it is [secret:N0], they say"] == _said(run, lines, "correct horse battery staple")


def test_a_secret_with_lines_of_its_own(run: Run) -> None:
    """Also such as are too short to be secrets themselves."""
    lines = f"here:\n{LINES}there".encode().split(b"\n")
    assert [b"here:", b"[secret:N0]", b"there"] == _said(run, lines, LINES.rstrip())
    assert [b"here:", b"[secret:N0]there"] == _said(run, lines, LINES)


def test_a_secret_in_a_secret(run: Run) -> None:
    """The part is not taken out first: what is left would be said."""
    lines = [b"user:hunter22", b"hunter:and-the-rest"]
    assert [b"[secret:N0]"] == _said(run, lines, "user:hunter22hunter:and-the-rest", "hunter22")


def test_several_secrets(run: Run) -> None:
    """One begins on the line on which another ends."""
    lines = [b"a correct-ho", b"rse b batte", b"ry-staple c", b"d"]
    assert [b"a [secret:N0] b [secret:N1] c", b"d"] == _said(run, lines, "correct-horse", "battery-staple")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_folded_anywhere(data: st.DataObject) -> None:
    """However often the secret is said, and wherever the lines end."""
    text = "".join(data.draw(st.lists(st.sampled_from([SECRET, " and ", "x", "sk-01"]), max_size=8)))
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    lines = [text[a:b].encode() for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    found: list[bytes] = []
    sayings = Sayings(_redactor(SECRET).data, found.append)
    first = data.draw(st.integers(0, len(lines)))
    sayings._take(lines[:first])
    sayings._take(lines[first:])
    sayings.flush()
    assert not any(SECRET[at : at + 12].encode() in line for at in range(len(SECRET) - 11) for line in found)


@pytest.mark.parametrize("repeated", [1, 100])
def test_a_line_too_long_to_keep(run: Run, repeated: int) -> None:
    """What is kept of it ends anywhere, so its last part is not said, however short it has become."""
    for end in range(1, len(SECRET), 7):
        head = ("x" * (1 << 16) + SECRET * repeated + SECRET[:end]).encode()[-(1 << 16) :]
        said = _said(run, [b"before", Overlong(head, b""), b"after"], SECRET)
        assert said[0] == b"before"
        assert said[-1] == b"after"
        assert not any(SECRET[:6].encode() in line for line in said)
    assert len(HELD * b"x") < 1 << 16


def test_secrets_without_end_cost_a_bounded_time() -> None:
    """A hundred lines that all have parts of one."""
    secrets = [f"{SECRET}{number:04}" for number in range(10)]
    lines = _folded("".join(secrets * 8), 50)
    sayings = Sayings(_redactor(*secrets).data, lambda line: None)
    began = time.process_time()
    sayings._take(lines[:64])
    assert time.process_time() - began < 10


def test_a_line_that_is_no_message() -> None:
    """The same holds for the server's other stream."""
    program = Program("x", ("x",), {}, None, _redactor(SECRET).data)
    wire = StdioWire(program, Bounded(lambda line: None))
    assert "no message: [secret:N0]" == wire.name_garbage(b"no message: " + SECRET.encode())
    start = ("x" * (1 << 16) + SECRET * 970 + SECRET[:40]).encode()[-(1 << 16) :]
    for line in (start + b"y", start + SECRET[40:].encode() * 100, Overlong(start, b"")):
        assert SECRET[:6] not in wire.name_garbage(line)


LOUD = """
import os, sys
secret = os.environ["SECRET"]
sys.stderr.write("v" * 250 + secret + "w" * 70_000 + "\\n")
sys.stderr.write(f"folded: {secret[:20]}\\n")
sys.stderr.flush()
sys.stderr.write(f"        {secret[20:]}\\n")
sys.stdout.write(secret * 900 + secret[:40] + "x" * 70_000 + "\\n")
sys.stdout.flush()
sys.stderr.write(f"last words: {secret[:30]}\\n{secret[30:]}")
sys.stderr.flush()
sys.exit(3)
"""


def test_a_server(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """In lines of 70,000 bytes, folded, on the wrong stream, and as its last words."""
    caplog.set_level(logging.DEBUG)
    secrets = Secrets({"K": SECRET}, {})
    settings = StdioServer("loud", (sys.executable, "-c", LOUD), {"SECRET": "${secret:K}"})

    async def main() -> None:
        async with serving(settings, expand=secrets.put_in, redact=secrets.redactor.data) as servers:
            assert [] == await servers.tools()

    run(main())
    assert any(line.startswith("loud: vvv") and "[secret:K]" in line for line in caplog.messages)
    assert "loud: folded: [secret:K]" in caplog.messages
    assert any(line.endswith("it ended with status 3: last words: [secret:K]") for line in caplog.messages)
    assert not any(SECRET[at : at + 8] in caplog.text for at in range(len(SECRET) - 8))
