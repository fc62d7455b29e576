"""What a web server answers, read within limits."""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from collections.abc import AsyncIterable, Sequence
from typing import Any, Final

from caxton.errors import ToolError
from caxton.text import quoted, safe, safe_name

_GZIP: Final = 16 + zlib.MAX_WBITS
_BREATH: Final = 64
_TOLD: Final = frozenset(
    (
        "cache-control content-disposition content-language content-type date etag expires last-modified link location "
        "retry-after www-authenticate"
    ).split()
)
_HEADER_LIMIT: Final = 2048
_TEXT_MIME: Final = re.compile(r"text/.*|application/(.*\+)?(json|xml|javascript|yaml|toml|x-ndjson)", re.ASCII)
# Named one by one: among Python's codecs are some whose time grows with the square of the text.
_CHARSETS: Final = frozenset(
    (
        "utf-8 utf8 us-ascii ascii iso-8859-1 latin1 latin-1 iso-8859-2 iso-8859-5 iso-8859-7 iso-8859-9 iso-8859-15 "
        "windows-1250 windows-1251 windows-1252 windows-1253 windows-1254 windows-1256 koi8-r shift_jis euc-jp euc-kr "
        "gb2312 gbk gb18030 big5 utf-16 utf-16le utf-16be"
    ).split()
)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_-]{1,32})", re.ASCII)
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")


def header(headers: Sequence[tuple[bytes, bytes]], name: str) -> str:
    """The first header of that name, or nothing."""
    wanted = name.encode("ascii")
    return next((value.decode("latin-1") for key, value in headers if key.lower() == wanted), "")


def told(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that an agent is told of, by name in lower case; the first of each."""
    found: dict[str, str] = {}
    for key, value in headers:
        name = key.decode("latin-1").lower()
        if name in _TOLD and name not in found:
            found[name] = safe(value.decode("latin-1"), _HEADER_LIMIT)
    return found


class _Unpacker:
    """gzip, undone so far as the limit allows: one kilobyte can hold a megabyte."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes, room: int) -> bytes:
        """What ``data`` holds, ``room`` bytes at most. One byte more than was wanted says that there is more."""
        found = bytearray()
        try:
            while data and len(found) < room:
                if self._engine.eof:  # a file may be several, one after the other
                    self._engine = zlib.decompressobj(_GZIP)
                found += self._engine.decompress(data, room - len(found))
                data = self._engine.unused_data if self._engine.eof else self._engine.unconsumed_tail
        except zlib.error:
            raise ToolError("tool.failed", "the answer is not the gzip that it says it is") from None
        return bytes(found)

    @property
    def complete(self) -> bool:
        return self._engine.eof


async def read(chunks: AsyncIterable[bytes], headers: Sequence[tuple[bytes, bytes]], limit: int) -> bytes:
    """A body, unpacked.

    Raises:
        ToolError: ``tool.failed``, it has more than ``limit`` bytes, or is packed in another way than gzip.
    """
    encoding = header(headers, "content-encoding").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise ToolError("tool.failed", f"the answer is packed as {quoted(encoding)}; gzip was asked for")
    unpacker = _Unpacker() if encoding.endswith("gzip") else None
    length = header(headers, "content-length")
    if unpacker is None and length.isdigit() and len(length) < 20 and int(length) > limit:
        raise _too_large(limit)
    found = bytearray()
    seen = 0
    async for chunk in chunks:
        found += chunk if unpacker is None else unpacker.feed(chunk, limit + 1 - len(found))
        if len(found) > limit:
            raise _too_large(limit)
        seen += 1
        if seen % _BREATH == 0:  # many small chunks come without a wait between them
            await asyncio.sleep(0)
    if unpacker is not None and seen and not unpacker.complete:
        raise ToolError("tool.failed", "the answer ends in the middle")
    return bytes(found)


def _too_large(limit: int) -> ToolError:
    return ToolError("tool.failed", f"the answer has more than {limit} bytes")


def described(data: bytes, content_type: str) -> dict[str, Any]:
    """``{"mime", "size"}`` and the body as ``text`` or as ``base64``: text where its type or its bytes say so."""
    mime = safe_name(content_type.partition(";")[0].strip().lower())
    found: dict[str, Any] = {"mime": mime, "size": len(data)}
    text = _text(data, mime, content_type)
    if text is None:
        found["base64"] = base64.b64encode(data).decode("ascii")
    else:
        found["text"] = text
    return found


def _text(data: bytes, mime: str, content_type: str) -> str | None:
    match = _CHARSET.search(content_type)
    charset = match[1].lower() if match else "utf-8"
    declared = _TEXT_MIME.fullmatch(mime) is not None
    return as_text(data, charset if charset in _CHARSETS else "utf-8", "replace" if declared else "strict")


def as_text(data: bytes, charset: str = "utf-8", errors: str = "strict") -> str | None:
    """Bytes as text, or None where they are none: control characters are no text (and as JSON six times as long)."""
    try:
        text = data.decode(charset, errors)
        text.encode("utf-8")
    except UnicodeError:
        return None
    return None if _UNPRINTABLE.search(text) else text
