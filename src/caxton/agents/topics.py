"""Topics: ``.``-separated tokens. In a subscription ``*`` stands for one token and a last ``>`` for the rest."""

from __future__ import annotations

from typing import Final

from caxton.errors import MessagingError
from caxton.text import quoted

MAX_TOPIC: Final = 256
MAX_TOKENS: Final = 16


def _tokens(topic: str, what: str) -> list[str]:
    tokens = topic.split(".")
    plain = topic.isascii() and topic.isprintable() and " " not in topic
    if not plain or len(topic) > MAX_TOPIC or len(tokens) > MAX_TOKENS or not all(tokens):
        raise MessagingError(
            "envelope.invalid", f"{quoted(topic)} is no {what}: printable tokens separated by single dots"
        )
    return tokens


def check_topic(topic: str) -> None:
    """Refuses what is no topic to publish to.

    Raises:
        MessagingError: ``envelope.invalid``.
    """
    tokens = _tokens(topic, "topic")
    if any(c in token for token in tokens for c in "*>"):
        raise MessagingError("envelope.invalid", f"{quoted(topic)} is a pattern, not a topic")


def check_pattern(pattern: str) -> None:
    """Refuses what is no pattern to subscribe to.

    Raises:
        MessagingError: ``envelope.invalid``.
    """
    tokens = _tokens(pattern, "pattern")
    for i, token in enumerate(tokens):
        if (token == ">" and i == len(tokens) - 1) or token == "*":
            continue
        if "*" in token or ">" in token:
            raise MessagingError("envelope.invalid", f"{quoted(pattern)}: * is a whole token, > a last one")


def matches(pattern: str, topic: str) -> bool:
    """Whether a subscription to ``pattern`` gets what is published to ``topic``."""
    wanted, found = pattern.split("."), topic.split(".")
    for i, token in enumerate(wanted):
        if token == ">":
            return i < len(found)
        if i >= len(found) or token not in ("*", found[i]):
            return False
    return len(wanted) == len(found)
