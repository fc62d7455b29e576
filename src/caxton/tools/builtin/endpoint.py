"""The connection to a model's endpoint.

The ``openai`` SDK writes the requests; what leaves the host is decided here, last of all. The SDK never holds the key:
it is put in on the way out. What the SDK finds in the environment (keys, organisations, headers, proxies) goes nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, cast

import httpcore2
import httpx2

from caxton.errors import ToolError
from caxton.tools.builtin.places import COMPLETIONS

ANSWER_LIMIT: Final = 2 << 20
"""Bytes that an answer may have."""

_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "identity",  # a packed answer could be a thousand times as long
    "content-type": "application/json",
    "user-agent": "caxton",
}


class _Limited(httpx2.AsyncByteStream):
    """An answer's bytes, not too many of them."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = ANSWER_LIMIT
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise ToolError("tool.failed", f"the model's answer has more than {ANSWER_LIMIT} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Door(httpx2.AsyncBaseTransport):
    """Lets through requests to the one endpoint: their bodies, under headers of our own."""

    def __init__(self, base: httpx2.URL, key: Callable[[], str]) -> None:
        self._base = base
        self._key = key
        limits = httpx2.Limits(max_connections=COMPLETIONS, max_keepalive_connections=COMPLETIONS)
        # Whose certificates are trusted is the one thing that the environment may say, as for http.fetch.
        tls = httpcore2.default_ssl_context()
        self._inner = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False, retries=0, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if _origin(url) != _origin(self._base):
            raise ToolError("grant.denied", "a request to another host than the model's")
        headers = {**_HEADERS}
        key = self._key()
        if key:
            headers["authorization"] = f"Bearer {key}"
        body = await request.aread()
        outgoing = httpx2.Request(request.method, url, headers=headers, content=body, extensions=request.extensions)
        response = await self._inner.handle_async_request(outgoing)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise ToolError("tool.failed", "the model's answer is packed, though it was asked not to be")
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Limited(cast(httpx2.AsyncByteStream, response.stream)),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def client(base_url: str, key: Callable[[], str]) -> Any:
    """An ``openai.AsyncOpenAI`` for one endpoint. ``key`` is asked for at each request.

    Raises:
        ImportError: the SDK is not installed.
        ToolError: ``tool.failed``, ``base_url`` is none, or has a secret in it.
    """
    import openai

    try:
        base = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        base = httpx2.URL("")
    if "${" in base_url:  # URLs are logged
        raise ToolError("tool.failed", "the base_url of llm has a secret in it: its place is the key")
    if base.scheme not in ("http", "https") or not base.host:
        raise ToolError("tool.failed", "the base_url of llm is no http:// or https:// URL")
    http = httpx2.AsyncClient(transport=_Door(base, key), trust_env=False, follow_redirects=False, timeout=None)
    # The provider's time limit is for the whole call. What the SDK would look for in the environment is given, empty.
    return openai.AsyncOpenAI(
        api_key="put in at the door",
        base_url=base_url,
        organization="",
        project="",
        webhook_secret="",
        max_retries=0,
        timeout=None,
        http_client=http,
    )


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
