"""llm.complete: the SDK against a real server that speaks the chat protocol, well or badly."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from caxton.errors import HostError, ToolError
from caxton.tools.builtin import BuiltinTools, places
from caxton.tools.provider import Call
from caxton.tools.redaction import Redactor
from caxton.tools.settings import LlmSettings, ToolSettings
from tests.conftest import Run
from tests.tools.builtin.lab import Handler, Request, Server, a_call, answer, builtin, refusal, response, serving

CANARY = "sk-canary-0123456789"
JSON = [("Content-Type", "application/json")]
Writer = asyncio.StreamWriter


def completion(text: str | None = "Hello!", **more: Any) -> dict[str, Any]:
    """A chat completion, as an endpoint answers one."""
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "small-model-2",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        **more,
    }


def saying(body: bytes | dict[str, Any], status: str = "200 OK", headers: Any = JSON) -> Handler:
    """A server that always answers the same."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def handler(request: Request, writer: Writer) -> None:
        writer.write(response(data, status, headers))

    return handler


def _expand(text: str) -> str:
    return text.replace("${secret:KEY}", CANARY)


@asynccontextmanager
async def model(
    handler: Handler, expand: Callable[[str], str] = _expand, redact: Callable[[bytes], bytes] = bytes, **more: Any
) -> AsyncIterator[tuple[BuiltinTools, Server]]:
    """Tools whose model is that server."""
    async with serving(handler) as server:
        base = more.pop("base_url", f"http://127.0.0.1:{server.port}/v1")
        llm = LlmSettings(base, "small-model", **{"key": "${secret:KEY}", "max_tokens": 100, **more})
        async with builtin(ToolSettings(llm=llm), expand=expand, redact=redact) as tools:
            yield tools, server


def ask(timeout: float | None = None, **arguments: Any) -> Call:
    """A call of llm.complete."""
    return a_call("llm.complete", arguments or {"prompt": "Hi"}, timeout=timeout)


def test_a_prompt_is_completed(run: Run) -> None:
    """The endpoint gets model, messages, limit and key; the agent gets the text and the tokens, which are recorded."""

    async def main() -> None:
        async with model(saying(completion())) as (tools, server):
            call = ask(system="Be kind.", prompt="Hi", temperature=0.5, stop=["\n"], max_tokens=7, model="small-model")
            expected = {
                "text": "Hello!",
                "model": "small-model-2",
                "finish": "stop",
                "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "estimated": False},
            }
            assert expected == await answer(tools, call)
            assert {"tokens": 12} == call.used
            (sent,) = server.requests
            assert ("POST", "/v1/chat/completions") == (sent.method, sent.path)
            assert f"Bearer {CANARY}" == sent.headers["authorization"]
            assert {
                "model": "small-model",
                "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
                "max_tokens": 7,
                "temperature": 0.5,
                "stop": ["\n"],
            } == json.loads(sent.body)

    run(main())


def test_a_conversation(run: Run) -> None:
    """Messages go as they are; an agent that wants more tokens than the host allows gets what the host allows."""

    async def main() -> None:
        async with model(saying(completion())) as (tools, server):
            messages = [{"role": role, "content": role} for role in ("system", "user", "assistant", "user")]
            await answer(tools, ask(messages=messages, max_tokens=5000))
            sent = json.loads(server.requests[0].body)
            assert (messages, 100) == (sent["messages"], sent["max_tokens"])

    run(main())


def test_without_a_key_none_is_sent(run: Run) -> None:
    """Local servers need none."""

    async def main() -> None:
        async with model(saying(completion()), key="") as (tools, server):
            await answer(tools, ask())
            assert "authorization" not in server.requests[0].headers

    run(main())


KEY = base64.b64encode(CANARY.encode()).decode().rstrip("=")


@pytest.mark.parametrize("skipped", [0, 240, 250, 480, 490])
def test_no_part_of_the_key_comes_back(run: Run, skipped: int) -> None:
    """In another form, across the place where a name or an error is cut."""
    redactor = Redactor()
    redactor.add("KEY", CANARY)
    said = "x" * skipped + KEY + " " + CANARY.encode().hex()
    choices = [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": said}]
    wrong = json.dumps({"error": {"message": said}}).encode()

    async def main() -> None:
        async with model(saying(completion(model=said, choices=choices)), redact=redactor.data) as (tools, _):
            found = json.dumps(await answer(tools, ask()))
        async with model(saying(wrong, "400 Bad Request"), redact=redactor.data) as (tools, _):
            with pytest.raises(ToolError) as caught:
                await tools.call(ask())
            found += f"{caught.value} {caught.value.payload!r}"
        assert "[secret:KEY]" in found or skipped == 490
        for text in (KEY[2:-2], CANARY.encode().hex()):
            assert not any(text[at : at + 6] in found for at in range(len(text) - 5))

    run(main())


def test_nothing_comes_from_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, addresses, organisations, headers and proxies of whoever started the host stay where they are."""

    async def main() -> None:
        async with (
            serving(saying(completion("proxied"))) as other,
            model(saying(completion()), key="") as (tools, server),
        ):
            there = f"http://127.0.0.1:{other.port}/v1"
            for name in ("OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
                monkeypatch.setenv(name, there)
            names = "API_KEY ADMIN_KEY ORG_ID PROJECT_ID WEBHOOK_SECRET"
            for name in names.split():
                monkeypatch.setenv(f"OPENAI_{name}", CANARY)
            monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Custom: {CANARY}\nAuthorization: {CANARY}")
            assert "Hello!" == (await answer(tools, ask()))["text"]
            assert 0 == other.connections
            (sent,) = server.requests
            assert CANARY not in repr(sent)
            expected = {"host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"}
            assert expected == {*sent.headers}

    run(main())


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        "many",
        {"total_tokens": -5},
        {"total_tokens": True},
        {"total_tokens": 1e9},
        {"total_tokens": "12"},
        {"total_tokens": 10**30},
    ],
)
def test_tokens_that_are_not_told_are_estimated(run: Run, usage: Any) -> None:
    """A budget holds also where the endpoint keeps no books: one token for four bytes, rounded up, and told."""

    async def main() -> None:
        async with model(saying(completion("x" * 9, usage=usage))) as (tools, _):
            call = ask(prompt="y" * 4)
            told = (await answer(tools, call))["usage"]
            assert (True, 4, {"tokens": 4}) == (told["estimated"], told["total_tokens"], call.used)

    run(main())


def test_a_refusal_is_a_text(run: Run) -> None:
    """And a completion without any text is an empty one."""

    async def main() -> None:
        for message, text in (({"content": None, "refusal": "No."}, "No."), ({"content": None}, ""), ({}, "")):
            choices = [{"message": message}]
            async with model(saying(completion(choices=choices))) as (tools, _):
                assert text == (await answer(tools, ask()))["text"]

    run(main())


async def _endless(request: Request, writer: Writer) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a":"')
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


GZIP = [*JSON, ("Content-Encoding", "gzip")]


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (saying(b"{"), "no chat completion"),
        (saying(b""), "no chat completion"),
        (saying(b"<html>", headers=[("Content-Type", "text/html")]), "no chat completion"),
        (saying(b"[]"), "no chat completion"),
        (saying(b"null"), "no chat completion"),
        (saying(b'{"choices": []}'), "no chat completion"),
        (saying(b'{"choices": {"0": 1}}'), "no chat completion"),
        (saying(b'{"choices": [{"message": "text"}]}'), "no chat completion"),
        (saying(b'{"choices": [{"message": {"content": ["text"]}}]}'), "no chat completion"),
        (saying(b'{"choices": [], "choices": []}'), "no chat completion"),
        (saying(b'{"a":' * 5000 + b"1" + b"}" * 5000), "no chat completion"),
        (saying(b'{"choices": [{"message": {"content": "\\ud800"}}]}'), "no chat completion"),
        (saying(b'{"choices": NaN}'), "no chat completion"),
        (_endless, "more than"),
        (saying(b"x" * 100, headers=GZIP), "packed"),
        (saying(completion(), "302 Found", [("Location", "http://127.0.0.1:1/")]), "302"),
        (saying({"error": {"message": "no such model"}}, "404 Not Found"), "404: no such model"),
        (saying({"error": {"message": "slow down"}}, "429 Too Many Requests"), "429: slow down"),
        (saying({"error": "a text"}, "500 Internal Server Error"), "500"),
        (saying(b"garbage", "503 Service Unavailable"), "503"),
        (saying(b'{"error":' * 5000, "500 Internal Server Error"), "500"),
        (saying({"error": {"message": "\x1b[2J\u202e"}}, "400 Bad Request"), "400: \\x1b[2J\\u202e"),
    ],
)
def test_a_bad_answer_is_a_failed_call(run: Run, handler: Handler, said: str) -> None:
    """Garbage, too much, an error status: tool.failed, and nothing is tried again."""

    async def main() -> None:
        async with model(handler) as (tools, server):
            error = await refusal(tools, ask())
            assert "tool.failed" == error.code
            assert said in error.message
            assert 1 == len(server.requests)

    run(main())


def test_an_error_status_is_told_as_data(run: Run) -> None:
    """An agent can tell "slow down" from "no such model"."""

    async def main() -> None:
        async with model(saying({"error": {"message": "slow down"}}, "429 Too Many Requests")) as (tools, _):
            error = await refusal(tools, ask())
            assert isinstance(error, ToolError)
            told = json.loads(error.payload or b"")
            assert (True, {"status": 429}) == (told["isError"], told["structured"])

    run(main())


def test_an_endpoint_that_hangs_is_a_timeout(run: Run) -> None:
    """And one that is not there a failed call."""

    async def silent(request: Request, writer: Writer) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with model(silent) as (tools, _):
            assert "tool.timeout" == (await refusal(tools, ask(timeout=0.1))).code
        async with model(silent, timeout=0.1) as (tools, _):
            assert "tool.timeout" == (await refusal(tools, ask())).code
        async with model(silent, base_url="http://127.0.0.1:1/v1") as (tools, _):
            assert "tool.failed" == (await refusal(tools, ask())).code

    run(main())


@pytest.mark.parametrize("base_url", ["", "nonsense", "ftp://a.example/", "http://", "http://a/${secret:KEY}"])
def test_a_base_url_that_is_none(run: Run, base_url: str) -> None:
    """Or that has a secret in it, which would be logged."""

    async def main() -> None:
        async with model(saying(completion()), base_url=base_url) as (tools, _):
            assert "tool.failed" == (await refusal(tools, ask())).code

    run(main())


def test_the_key_is_in_no_error_and_no_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Even when the endpoint repeats it, and everything is logged."""
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"message": f"Incorrect API key provided: {CANARY}", "code": CANARY}}

    async def main() -> None:
        for status in ("400 Bad Request", "401 Unauthorized", "403 Forbidden", "500 Internal Server Error", "200 OK"):
            async with model(saying(echo, status)) as (tools, server):
                error = await refusal(tools, ask())
                assert isinstance(error, ToolError)
                assert "tool.failed" == error.code
                assert (
                    CANARY not in f"{error} {error.payload!r} {error.__cause__!r} {error.__dict__!r} {tools.__dict__!r}"
                )
                assert f"Bearer {CANARY}" == server.requests[0].headers["authorization"]

    run(main())
    assert caplog.records
    assert CANARY not in caplog.text


def test_an_endpoint_that_refuses_a_key_is_not_quoted(run: Run) -> None:
    """It repeats a part of the key, and no part is the whole that could be looked for."""

    async def main() -> None:
        for status in ("401 Unauthorized", "403 Forbidden"):
            said = {"error": {"message": f"Incorrect API key provided: {CANARY[:9]}***{CANARY[-4:]}"}}
            async with model(saying(said, status)) as (tools, _):
                error = await refusal(tools, ask())
                assert f"the model's endpoint answered {status[:3]}" == error.message

    run(main())


def test_a_secret_that_is_not_there(run: Run) -> None:
    """The call fails, and nothing was sent."""

    def missing(text: str) -> str:
        raise HostError("config.invalid", "there is no secret KEY")

    async def main() -> None:
        async with model(saying(completion()), missing) as (tools, server):
            error = await refusal(tools, ask())
            assert ("tool.failed", "llm: there is no secret KEY") == (error.code, error.message)
            assert [] == server.requests

    run(main())


def test_the_limit_goes_under_the_name_that_the_endpoint_knows(run: Run) -> None:
    """Newer models of OpenAI's refuse the older name: it is asked once more, and from then on with the newer one."""

    async def picky(request: Request, writer: Writer) -> None:
        if "max_tokens" in json.loads(request.body):
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            writer.write(response(json.dumps({"error": {"message": message}}).encode(), "400 Bad Request", JSON))
        else:
            writer.write(response(json.dumps(completion()).encode(), headers=JSON))

    async def main() -> None:
        async with model(picky) as (tools, server):
            for _ in range(2):
                assert "Hello!" == (await answer(tools, ask()))["text"]
            names = [{"max_tokens", "max_completion_tokens"} & {*json.loads(one.body)} for one in server.requests]
            assert [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}] == names

    run(main())


def test_without_the_sdk_the_error_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an optional part."""
    monkeypatch.setitem(sys.modules, "openai", None)

    async def main() -> None:
        async with model(saying(completion())) as (tools, _):
            error = await refusal(tools, ask())
            assert "tool.failed" == error.code
            assert "pip install caxton[llm]" in error.message

    run(main())


def test_too_much_to_say(run: Run) -> None:
    """Messages together have a limit, too."""

    async def main() -> None:
        async with model(saying(completion())) as (tools, server):
            messages = [{"role": "user", "content": "x" * (1 << 20)}] * 5
            assert "tool.bad-arguments" == (await refusal(tools, ask(messages=messages))).code
            assert [] == server.requests

    run(main())


def test_many_agents_at_once(run: Run) -> None:
    """So many calls as a host may make are under way before the first is answered; the others follow."""

    async def main() -> None:
        everybody = asyncio.Event()
        waiting = 0

        async def handler(request: Request, writer: Writer) -> None:
            nonlocal waiting
            waiting += 1
            if waiting == places.COMPLETIONS:
                everybody.set()
            await everybody.wait()
            writer.write(response(json.dumps(completion()).encode(), headers=JSON))

        async with model(handler) as (tools, _):
            found = await asyncio.gather(
                *(answer(tools, a_call("llm.complete", {"prompt": "Hi"}, agent=f"a{n % 4}")) for n in range(100))
            )
            assert ["Hello!"] * 100 == [one["text"] for one in found]

    run(main())


def test_an_agent_has_its_share_of_calls(run: Run) -> None:
    """What it asks for beyond that waits; another agent's call does not."""

    async def main() -> None:
        full, go = asyncio.Event(), asyncio.Event()

        async def handler(request: Request, writer: Writer) -> None:
            if b"hang" in request.body:
                if len(server.requests) == places.COMPLETIONS_SHARE:
                    full.set()
                await go.wait()
            writer.write(response(json.dumps(completion()).encode(), headers=JSON))

        async with model(handler) as (tools, server):
            hanging = [asyncio.create_task(answer(tools, ask(prompt="hang"))) for _ in range(20)]
            await full.wait()
            other = a_call("llm.complete", {"prompt": "Hi"}, agent="bob")
            assert "Hello!" == (await answer(tools, other))["text"]
            assert places.COMPLETIONS_SHARE + 1 == len(server.requests)
            go.set()
            assert ["Hello!"] * 20 == [one["text"] for one in await asyncio.gather(*hanging)]

    run(main())
