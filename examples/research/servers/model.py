"""A language model that is a script: it speaks OpenAI's chat protocol, and answers with sentences of the text it gets.

::

    MODEL_KEY=... python model.py

It chooses a free port, prints its address (the ``base_url`` for clients), and ends when its standard input does.

What it is asked is a text with ``Question: ...`` at the beginning and ``Text:`` before what the answer is to come from.
It chooses the two sentences that share the most words with the question, rare ones counting more, in their order. So
the same question always has the same answer, and every word of it stands in a document.
"""

from __future__ import annotations

import hmac
import json
import math
import os
import re
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SENTENCES = 2
LARGEST_REQUEST = 8 << 20
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[a-z]{4,}")


def answer(prompt: str) -> str:
    """The sentences of the prompt's text that have the most to do with its question."""
    question, _, text = prompt.partition("Text:")
    sentences = [" ".join(one.split()) for paragraph in _paragraphs(text) for one in _SENTENCE.split(paragraph)]
    words = [_stems(one) for one in sentences]
    common = Counter(stem for stems in words for stem in stems)
    wanted = _stems(question)
    scores = [sum(math.log(1 + len(words) / common[stem]) for stem in stems & wanted) for stems in words]
    best = sorted(range(len(sentences)), key=lambda at: (-scores[at], at))[:SENTENCES]
    return " ".join(sentences[at] for at in sorted(best))


def _paragraphs(text: str) -> list[str]:
    """What is prose in a Markdown text: neither headings nor tables, lists or code."""
    parts = [part.strip() for part in _CODE.sub("", text).split("\n\n")]
    return [part for part in parts if part and part[0] not in "#|-*>"]


def _stems(text: str) -> set[str]:
    return {word[:6] for word in _WORD.findall(text.lower())}


def completion(request: dict[str, Any]) -> dict[str, Any]:
    """A chat completion, as OpenAI's reference describes the object of that name."""
    prompt = next(one["content"] for one in reversed(request["messages"]) if one["role"] == "user")
    text = answer(prompt)
    sent = sum(_tokens(one["content"]) for one in request["messages"])
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": sent, "completion_tokens": _tokens(text), "total_tokens": sent + _tokens(text)},
    }


def _tokens(text: str) -> int:
    return len(text.split())  # a script's idea of a token: a word


class Model(ThreadingHTTPServer):
    """The server. Requests must bring ``key``."""

    daemon_threads = True

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.key = key

    @property
    def address(self) -> str:
        """What clients call the base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class Asked(BaseHTTPRequestHandler):
    """One request."""

    server: Model

    def do_POST(self) -> None:
        """Answers a chat completion; errors have the shape that OpenAI's have."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, LARGEST_REQUEST))
        if not hmac.compare_digest(self.headers.get("authorization", ""), f"Bearer {self.server.key}"):
            return self._refuse(401, "invalid_api_key", "the key is missing, or wrong")
        if self.path != "/v1/chat/completions":
            return self._refuse(404, "not_found", "there is nothing there")
        try:
            found = completion(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
            return self._refuse(400, "invalid_request", "this is no request for a chat completion")
        return self._answer(200, found)

    def _refuse(self, status: int, code: str, message: str) -> None:
        kind = "invalid_request_error"
        self._answer(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the host keeps an audit."""


def main(key: str) -> None:
    """Serves until standard input ends: when whoever has started this ends, however that comes about, so does this."""
    server = Model(key)
    print(server.address, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(os.environ["MODEL_KEY"])
