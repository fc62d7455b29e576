"""llm.complete: a language model behind an endpoint that speaks OpenAI's chat protocol."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from caxton import jsontext
from caxton.errors import CaxtonError, ToolError
from caxton.text import safe, safe_name
from caxton.tools import results
from caxton.tools.builtin.places import COMPLETIONS, COMPLETIONS_SHARE, Places, connections
from caxton.tools.provider import Call
from caxton.tools.settings import LlmSettings

if TYPE_CHECKING:
    from caxton.tools.builtin.arguments import Complete

PROMPT_LIMIT: Final = 4 << 20
"""Bytes that everything sent to a model in one call may have."""

_BYTES_PER_TOKEN: Final = 4
_MAX_TOKENS: Final = 1 << 40
_SILENT: Final = frozenset({401, 403, 407})
"""An endpoint that refuses a key likes to repeat a part of it."""


class _Answer(NamedTuple):
    text: str
    model: str
    finish: str
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None


def checked(settings: LlmSettings, arguments: Complete) -> tuple[list[dict[str, str]], int]:
    """The messages that are to be sent, and their bytes.

    Raises:
        ToolError: ``grant.denied``, another model; ``tool.bad-arguments``.
    """
    if arguments.model not in (None, settings.model):
        raise ToolError("grant.denied", f"the model {safe_name(arguments.model or '')} is not granted")
    messages = _messages(arguments)
    sent = sum(len(message["content"].encode("utf-8")) for message in messages)
    if sent > PROMPT_LIMIT:
        raise ToolError("tool.bad-arguments", f"more than {PROMPT_LIMIT} bytes of prompt")
    return messages, sent


class Completions:
    """The tool, for all agents of one host."""

    def __init__(
        self, settings: LlmSettings, expand: Callable[[str], str], redact: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._settings = settings
        self._expand = expand
        self._redact = redact
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._places = Places(connections(COMPLETIONS), COMPLETIONS_SHARE)
        self._limit_name = "max_tokens"

    async def complete(self, call: Call, arguments: Complete) -> bytes:
        """Asks the model. ``call.used["tokens"]`` is what the endpoint says that it took; where it says nothing, an
        estimate of one token for four bytes, and the result says so.

        Raises:
            ToolError: ``grant.denied``, another model; ``tool.bad-arguments``; ``tool.failed``.
        """
        messages, sent = checked(self._settings, arguments)
        options: dict[str, Any] = {"model": self._settings.model, "messages": messages}
        if arguments.temperature is not None:
            options["temperature"] = arguments.temperature
        if arguments.stop:
            options["stop"] = arguments.stop
        tokens = min(arguments.max_tokens or self._settings.max_tokens, self._settings.max_tokens)
        async with self._places.place(call.agent):
            said = await self._ask(options, tokens)
        answer = _read(said, self._clean)
        total = answer.total_tokens
        estimate = -(-(sent + len(answer.text.encode("utf-8"))) // _BYTES_PER_TOKEN)
        call.used["tokens"] = estimate if total is None else total
        return _told(answer, call.used["tokens"])

    async def _ask(self, options: dict[str, Any], tokens: int) -> bytes:
        client = await self._opened()
        import openai

        try:
            return await self._create(client, {**options, self._limit_name: tokens})
        except openai.BadRequestError as error:
            # OpenAI's newer models take the limit under another name only, other servers under the old one only.
            if self._limit_name != "max_tokens" or "max_completion_tokens" not in error.message:
                raise self._failure(error.status_code, error.body) from None
            self._limit_name = "max_completion_tokens"
            return await self._ask(options, tokens)
        except openai.APIStatusError as error:
            raise self._failure(error.status_code, error.body) from None
        except CaxtonError:
            raise
        except Exception as error:  # the SDK's, the HTTP library's, or of a server that neither had thought of
            raise ToolError("tool.failed", f"no answer from the model: {type(error).__name__}") from None

    async def _create(self, client: Any, options: dict[str, Any]) -> bytes:
        # Raw: what the endpoint says is read here, strictly.
        answer = await client.chat.completions.with_raw_response.create(**options)
        body: bytes = answer.content
        return body

    async def _opened(self) -> Any:
        async with self._opening:
            if self._client is None:
                # On a thread: the SDK takes half a second to load, and certificates what the disk takes.
                self._client = await asyncio.to_thread(self._open)
        return self._client

    def _open(self) -> Any:
        try:
            importlib.import_module("openai")
        except ImportError:
            raise ToolError("tool.failed", "llm.complete needs the openai SDK: pip install caxton[llm]") from None
        from caxton.tools.builtin import endpoint

        return endpoint.client(self._settings.base_url, self._key)

    def _key(self) -> str:
        try:
            return self._expand(self._settings.key)
        except CaxtonError as error:  # there is no such secret; the message has its name
            raise ToolError("tool.failed", f"llm: {error.message}") from None

    def _failure(self, status: int, body: object) -> ToolError:
        """What an error status becomes. Of the endpoint's words only those that can hold no key."""
        said = ""
        if status not in _SILENT and isinstance(body, dict) and isinstance(body.get("message"), str):
            said = ": " + safe(self._clean(body["message"]), 500)
        error = ToolError("tool.failed", f"the model's endpoint answered {status}{said}")
        error.payload = results.encode([{"type": "text", "text": error.message}], {"status": status}, is_error=True)
        return error

    def _clean(self, text: str) -> str:
        """What the endpoint says, without secrets. Whoever cuts it does that afterwards: half a key is not found."""
        key = self._key()
        text = text.replace(key, "***") if key else text
        return self._redact(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _messages(arguments: Complete) -> list[dict[str, str]]:
    if (arguments.prompt is None) == (arguments.messages is None):
        raise ToolError("tool.bad-arguments", "either prompt or messages")
    found = [{"role": "system", "content": arguments.system}] if arguments.system is not None else []
    if arguments.prompt is not None:
        return [*found, {"role": "user", "content": arguments.prompt}]
    return found + [{"role": one.role, "content": one.content} for one in arguments.messages or ()]


def _read(body: bytes, clean: Callable[[str], str]) -> _Answer:
    """A chat completion. Its texts are the endpoint's; what will be cut of it is cleaned before.

    Raises:
        ToolError: ``tool.failed``, it is none.
    """
    try:
        found = jsontext.loads(body)
        choice = found["choices"][0]
        message = choice["message"]
        text = message.get("content")
        text = message.get("refusal") if text is None else text
        if text is None:
            text = ""
        if not isinstance(text, str):
            raise TypeError
    except (jsontext.InvalidJson, LookupError, TypeError, AttributeError):
        raise ToolError("tool.failed", "the model's endpoint answered what is no chat completion") from None
    usage = found.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    model, finish = (_word(value, clean) for value in (found.get("model"), choice.get("finish_reason")))
    return _Answer(text, model, finish, *(_count(usage, n) for n in names))


def _word(value: object, clean: Callable[[str], str]) -> str:
    return safe_name(clean(value)) if isinstance(value, str) else ""


def _count(usage: dict[str, Any], name: str) -> int | None:
    value = usage.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS:
        return value
    return None


def _told(answer: _Answer, tokens: int) -> bytes:
    usage = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": tokens,
        "estimated": answer.total_tokens is None,
    }
    structured = {"text": answer.text, "model": answer.model, "finish": answer.finish, "usage": usage}
    return results.result(structured, answer.text)
