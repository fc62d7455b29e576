"""What is no message of the protocol kills no server, and leaves nothing on its standard output but answers."""

from __future__ import annotations

import json
import random
from typing import Any, Final

import pytest

from tests.serving.test_stdio import Start, called, request

LIMIT: Final = 4 << 20

GARBAGE: Final[dict[str, bytes]] = {
    "random bytes": random.Random(1).randbytes(200_000) + b"\n",
    "no UTF-8": b'{"jsonrpc":"2.0","id":7,"method":"\xff\xfe"}\n',
    "empty lines": b"\n\r\n \n\t\n" * 100,
    "no JSON": b"hello\n{\n}\n[\n]]\n" * 100,
    "other JSON": b'1\nnull\n"text"\n[]\n{}\n[{}]\ntrue\n',
    "no JSON-RPC": b'{"jsonrpc":"1.0","id":1,"method":"ping"}\n{"id":1}\n{"jsonrpc":"2.0","method":5}\n',
    "no id": b'{"jsonrpc":"2.0","id":{},"method":"ping"}\n{"jsonrpc":"2.0","id":[1],"method":"ping"}\n',
    "deep JSON": b"[" * 100_000 + b"\n" + b'{"a":' * 100_000 + b"\n",
    "answers nobody waits for": b'{"jsonrpc":"2.0","id":99,"result":{}}\n' * 100,
    "errors nobody waits for": b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}\n' * 100,
    "unknown notifications": b'{"jsonrpc":"2.0","method":"notifications/none","params":{"x":[1]}}\n' * 100,
    "cancelling nothing": b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}\n' * 100,
    "cancelling nonsense": b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[{}]}}\n' * 9,
    "a huge line": b"x" * (3 * LIMIT) + b"\n",
    "a huge message": called(8, "upper", {"message": "x" * LIMIT}),
    "numbers": b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}\n',
    "control characters": b"\x00\x1b[31m\x07\n" * 100,
}

REFUSED: Final[dict[str, bytes]] = {
    "no such method": request(1, "no/such", {}),
    "no parameters": b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}\n',
    "parameters that are none": request(1, "tools/call", {"name": 5}),
    "arguments that are none": request(1, "tools/call", {"name": "upper", "arguments": [1]}),
    "another handshake": request(1, "initialize", {"protocolVersion": 5}),
    "resources": request(1, "resources/list", {}),
    "the other era": request(
        1, "tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}, "cursor": 5}
    ),
}


@pytest.mark.parametrize("name", [*GARBAGE, "all at once"])
def test_garbage(start: Start, name: str) -> None:
    """Whatever was sent before, the next call is answered, and at the end of input the server ends well."""
    garbage = b"".join(GARBAGE.values()) if name == "all at once" else GARBAGE[name]
    with start() as server:
        server.send(garbage)
        server.send(called("mine", "upper", {"message": "still here"}))  # type: ignore[arg-type]
        status, answers, err = server.ended()
    assert 0 == status
    assert all(isinstance(one, dict) and "2.0" == one["jsonrpc"] for one in answers)
    assert "STILL HERE" == by_id(answers, "mine")["result"]["content"][0]["text"]
    assert 10_000 > len(err)
    assert "\x1b" not in err


@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_are_refused(start: Start, name: str) -> None:
    """Get the protocol's error, without a word of how the server is made."""
    with start() as server:
        server.send(REFUSED[name])
        error = server.answer()["error"]
        assert error["code"] in (-32600, -32601, -32602)
        assert 300 > len(json.dumps(error))
        assert ".py" not in json.dumps(error)
        server.send(called(2, "upper", {"message": "still here"}))
        assert "STILL HERE" == server.answer()["result"]["content"][0]["text"]
        assert 0 == server.ended()[0]


PARSE, REQUEST = -32700, -32600
ANSWERED: Final[dict[bytes, tuple[Any, int] | None]] = {
    b"not json": (None, PARSE),
    b"{": (None, PARSE),
    b'\xff\xfe{"jsonrpc"': (None, PARSE),
    b"[" * 100_000: (None, PARSE),
    b'{"jsonrpc":"2.0","id":9,"method":"ping","params":{"z":' + b"[" * 100_000 + b"]" * 100_000 + b"}}": (None, PARSE),
    b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"z":"\\ud800"}}': (7, PARSE),
    b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b',"method":"ping"}': (None, PARSE),
    b"{}": (None, REQUEST),
    b"null": (None, REQUEST),
    b'"x"': (None, REQUEST),
    b"[]": (None, REQUEST),
    b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]': (None, REQUEST),
    b'{"jsonrpc":"2.0","id":1}': (1, REQUEST),
    b'{"jsonrpc":"2.0","id":1,"method":5}': (1, REQUEST),
    b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}': (1, REQUEST),
    b'{"jsonrpc":"1.0","id":"a","method":"ping"}': ("a", REQUEST),
    b'{"id":2,"method":"ping"}': (2, REQUEST),
    b'{"jsonrpc":"2.0","id":[1],"method":5}': (None, REQUEST),
    b'{"jsonrpc":"1.0","id":"' + b"i" * 5_000 + b'","method":"ping"}': (None, REQUEST),
    b'{"jsonrpc":"1.0","id":true,"method":"ping"}': (None, REQUEST),
    b'{"jsonrpc":"2.0","id":null,"method":"ping"}': (None, REQUEST),
    b'{"jsonrpc":"2.0","id":[1],"method":"ping"}': (None, REQUEST),
    b'{"jsonrpc":"2.0","id":1.5,"method":"notifications/none"}': (None, REQUEST),
    b" \t\r": None,
    b'{"jsonrpc":"2.0","method":"notifications/none","params":{"id":1}}': None,
    b'{"jsonrpc":"2.0","id":3,"result":5}': None,
    b'{"id":3,"error":{"code":"x"}}': None,
    b'{"jsonrpc":"2.0","id":3,"result":{}}': None,
    b'{"jsonrpc":"2.0","method":"notifications/none"}': None,
}


def test_what_is_no_message_is_answered(start: Start) -> None:
    """Each with the error of JSON-RPC, and with its id where it has one; what is answered elsewhere or never is not."""
    with start() as server:
        for line, wanted in ANSWERED.items():
            server.send(line + b"\n" + request(42, "ping", {}))
            error = server.answer() if wanted else None
            found = error and (error["id"], error["error"]["code"])
            assert wanted == found, line[:80]
            assert error is None or 200 > len(json.dumps(error))
            assert {"jsonrpc": "2.0", "id": 42, "result": {}} == server.answer(), line[:80]
        assert (0, []) == server.ended()[:2]


def test_a_line_that_never_ends(start: Start) -> None:
    """Takes no more memory than one message may have, and costs one warning."""
    with start() as server:
        for _ in range(50):
            server.send(b"x" * LIMIT)
        server.send(b"\n")
        error = server.answer()
        assert (None, -32600) == (error["id"], error["error"]["code"])
        server.send(called(1, "upper", {"message": "still here"}))
        assert "STILL HERE" == server.answer()["result"]["content"][0]["text"]
        status, answers, err = server.ended()
    assert (0, []) == (status, answers)
    assert [f"caxton: warning: a message of more than {LIMIT} bytes is thrown away"] == err.splitlines()


def by_id(answers: list[Any], wanted: str) -> Any:
    """The answer with that id."""
    (found,) = [one for one in answers if one.get("id") == wanted]
    return found
