"""The page about envelopes has every field, every performative, and the envelope that it shows can be sent."""

from __future__ import annotations

import json
import re

from caxton.messages import META_LIMIT, Envelope, Performative, parse_meta
from tests.docs.pages import REFERENCE, plain, read

PAGE = read(REFERENCE / "envelopes.md")


def test_every_performative() -> None:
    """The page lists the 22 performatives, and no other."""
    listed = re.findall(r"`([a-z-]+)`", " ".join(PAGE.section("Performatives")).split(".")[0])
    assert listed == [performative.value for performative in Performative]


def test_every_field() -> None:
    """The table has each field that an envelope's JSON can have."""
    fields = {name.replace("_", "-") for name in Envelope._fields} - {"payload"}
    assert sorted(plain(row[0]) for row in PAGE.rows("Fields")) == sorted(fields | {"content", "content-base64"})


def test_the_example_is_an_envelope() -> None:
    """The JSON that the page shows is taken, and comes back as it was but for what the host sets."""
    shown = next(block.text for block in PAGE.blocks if block.language == "json")
    found = parse_meta(shown.encode())
    sent = Envelope(**found, sender=json.loads(shown)["sender"], id=42)
    assert sent.meta() == json.loads(shown)


def test_the_largest_envelope() -> None:
    """The page names the largest envelope."""
    assert f"{META_LIMIT // 1024} KiB" in " ".join(PAGE.section("What is refused"))
