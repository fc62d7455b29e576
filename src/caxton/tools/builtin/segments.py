"""Whether a URL's path goes up, for anybody who reads it.

Servers do not agree on what a path is. Some decode ``%2f`` before they look for ``..`` and some after, some decode
twice, some take a backslash for a slash, or cut a segment at ``;`` or at a NUL. A rule allows a path by what it begins
with; so a path that means ``..`` to any of them is refused.
"""

from __future__ import annotations

import re
import unicodedata
import urllib.parse
from typing import Final

_ROUNDS: Final = 4
"""How often a path may be percent-encoded. What is encoded more often nobody would decode by right."""

_BLANKS: Final = rb"[\x00-\x20\x7f]*"  # which are dropped, or end a text, here and there
_DOTS: Final = re.compile(rb"(?:^|[/\\])" + _BLANKS + rb"\." + _BLANKS + rb"(?:\." + _BLANKS + rb")?(?:[/\\;?#]|$)")
_CUT: Final = re.compile(rb"(?:^|[/\\])\.{1,2}\x00")
_WIDE: Final = re.compile(rb"%u([0-9a-f]{4})", re.IGNORECASE)
_OVERLONG: Final = re.compile(rb"(?:(\xc1)|\xc0|\xe0\x80|\xf0\x80\x80)([\x80-\xbf])")


def goes_up(path: str) -> bool:
    """Whether ``path`` has a segment ``.`` or ``..`` for anybody, or cannot be told."""
    text = path.encode("utf-8", "surrogatepass")
    for _ in range(_ROUNDS + 1):
        if any(_DOTS.search(one) or _CUT.search(one) for one in (text, _folded(text))):
            return True
        decoded = urllib.parse.unquote_to_bytes(_WIDE.sub(_character, text))
        if decoded == text:
            return False
        text = decoded
    return True


def _folded(text: bytes) -> bytes:
    """As who is lenient with UTF-8, or maps wide signs to narrow ones, would have it."""
    short = _OVERLONG.sub(lambda found: bytes([(0x40 if found[1] else 0) | found[2][0] & 0x3F]), text)
    return unicodedata.normalize("NFKC", short.decode("utf-8", "replace")).encode()


def _character(found: re.Match[bytes]) -> bytes:
    """``%u002e``, which is Microsoft's."""
    return chr(int(found[1], 16)).encode("utf-8", "surrogatepass")
