"""No secret survives in a text, in bytes or in JSON, in any form that a program commonly gives it."""

from __future__ import annotations

import base64
import binascii
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus, unquote_to_bytes

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from caxton import jsontext
from caxton.tools.redaction import NOTHING, Redactor
from caxton.tools.secrets import Secrets

KEY = "sk-9f/A+b=\"c\\d' \u00e9"


def _redactor(*values: str) -> Redactor:
    redactor = Redactor()
    for number, value in enumerate(values):
        redactor.add(f"N{number}", value)
    return redactor


WRITE: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "as it is": (str, str),
    "JSON": (lambda text: json.dumps(text)[1:-1], lambda text: json.loads(f'"{text}"')),
    "JSON, not ASCII": (lambda text: json.dumps(text, ensure_ascii=False)[1:-1], lambda text: json.loads(f'"{text}"')),
    "JSON in JSON": (
        lambda text: json.dumps(json.dumps(text))[3:-3],
        lambda text: json.loads(json.loads(f'"\\"{text}\\""')),
    ),
    "JSON in JSON in JSON": (
        lambda text: json.dumps(json.dumps(json.dumps(text)))[7:-7],
        lambda text: json.loads(json.loads(json.loads(f'"\\"\\\\\\"{text}\\\\\\"\\""'))),
    ),
    "a URL": (lambda text: quote(text, safe=""), unquote),
    "a URL's path": (quote, unquote),
    "a form": (quote_plus, unquote_plus),
    "a URL in a URL": (lambda text: quote(quote(text, safe=""), safe=""), lambda text: unquote(unquote(text))),
    "every character as JSON's escape": (
        lambda text: "".join(
            f"\\u{unit:04X}" for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
        ),
        lambda text: json.loads(f'"{text}"'),
    ),
    "every byte as URLs' escape": (lambda text: "".join(f"%{byte:02x}" for byte in text.encode()), unquote),
    "hexadecimal": (lambda text: text.encode().hex(), lambda text: bytes.fromhex(text).decode()),
    "HEXADECIMAL": (lambda text: text.encode().hex().upper(), lambda text: bytes.fromhex(text).decode()),
    "HexAdeCimal": (
        lambda text: "".join(one.upper() if at % 3 else one for at, one in enumerate(text.encode().hex())),
        lambda text: bytes.fromhex(text).decode(),
    ),
}

SECRET = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=40).filter(
    lambda text: len(text.encode()) >= 6
)
AROUND = st.text(st.sampled_from('ab0 \\"/%u+=\n[]{}:,.é'), max_size=20)


@pytest.mark.parametrize("form", WRITE)
@given(value=SECRET, before=AROUND, after=AROUND)
@example(value=KEY, before="\\", after="\\")
@example(value="abcdef", before="\\", after="")  # what came before is not an escape of the secret's own
@example(value="\\\\server\\share", before="", after="x")
def test_a_secret_is_found_in_each_form(form: str, value: str, before: str, after: str) -> None:
    """Whatever stands around it; what is left cannot be read back into it."""
    write, read = WRITE[form]
    written = write(value)
    assert value == read(written)
    redactor = _redactor(value)
    text = f"({before})({written})({after})"
    cleaned = redactor.text(text)
    assert written not in cleaned
    assert value not in cleaned
    assert not redactor.finds(cleaned)
    assert cleaned == redactor.data(text.encode()).decode()


@given(st.binary(max_size=40), SECRET, st.binary(max_size=40), st.booleans())
def test_a_secret_is_found_in_base64(before: bytes, secret: str, after: bytes, urlsafe: bool) -> None:
    """Wherever it begins in what was encoded: nothing that is left decodes to it."""
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    text = encode(before + secret.encode() + after).decode()
    for written in (text, text.replace("/", "\\/"), quote(text, safe="")):
        cleaned = _redactor(secret).text(f"data:{written};")
        assert cleaned != f"data:{written};"
        middle = cleaned.partition("[secret:N0]")
        for part in (middle[0].removeprefix("data:"), middle[2]):
            for start in range(4):
                rest = unquote(part).replace("\\/", "/")[start:]
                assert secret.encode() not in _decoded(rest)


def _decoded(text: str) -> bytes:
    text = "".join(character for character in text if character not in ";=")
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/")[: len(text) // 4 * 4])
    except binascii.Error:
        return b""


@given(st.data())
def test_any_mixture_of_escapes_is_found(data: st.DataObject) -> None:
    """Each character as it is, or as JSON or a URL may write it."""
    secret = data.draw(st.text("abcXYZ019-_", min_size=6, max_size=20) | SECRET)

    def write(character: str) -> str:
        units = memoryview(character.encode("utf-16-le", "surrogatepass")).cast("H")
        plain = character if character not in '"\\' and character >= " " else json.dumps(character)[1:-1]
        forms = [plain, "".join(f"\\u{unit:04x}" for unit in units), "".join(f"\\\\u{unit:04X}" for unit in units)]
        forms += ["".join(f"%{byte:02X}" for byte in character.encode())]
        return data.draw(st.sampled_from(forms))

    assume("\\" not in secret)  # which backslash is a character and which begins an escape is nobody's to say
    assume(not secret.endswith("%"))  # nor whether "25" behind it belongs to it
    written = "".join(map(write, secret))
    redactor = _redactor(secret)
    for before, after in (("", ""), ("x", "y"), ('"', '"')):
        assert f"{before}[secret:N0]{after}" == redactor.text(before + written + after)
        assert f"{before}[secret:N0]{after}" == redactor.data(f"{before}{written}{after}".encode()).decode()


@given(st.binary(max_size=200), SECRET, st.binary(max_size=200))
def test_bytes(before: bytes, secret: str, after: bytes) -> None:
    """Also such that are no text."""
    redactor = _redactor(secret)
    cleaned = redactor.data(before + secret.encode() + after)
    assert secret.encode() not in cleaned
    assert not redactor.finds(cleaned)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | AROUND,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(AROUND, inner, max_size=4),
    max_leaves=15,
)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in [key, *_texts(one)]]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value if isinstance(value, str) else json.dumps(value)]


@given(st.data(), SECRET | st.integers(100_000, 10**12).map(str), VALUE, st.booleans())
def test_json(data: st.DataObject, secret: str, value: Any, is_ascii: bool) -> None:
    """In a value, a key, a number, a text that is JSON itself: it stays JSON, and none of its texts has the secret."""
    write = data.draw(st.sampled_from(list(WRITE)))
    planted = WRITE[write][0](secret)
    number: Any = int(secret) if secret.isdecimal() and secret.isascii() else 0
    whole = {"a": value, "b": [f"x{planted}y", {f"k{planted}": number}], "c": json.dumps({"inner": planted})}
    redactor = _redactor(secret)
    cleaned = redactor.json(json.dumps(whole, ensure_ascii=is_ascii).encode())
    found = jsontext.loads(cleaned)
    assert not redactor.finds(cleaned)
    assert not any(secret in text or planted in text for text in _texts(found))
    if not redactor.finds(json.dumps(value)) and found != NOTHING:
        assert value == found["a"]


@pytest.mark.parametrize(
    ("data", "cleaned"),
    [
        ('{"a": 123456789}', '{"a":"[secret:N0]"}'),
        ('{"a": 1123456789.5, "b": [true, null]}', '{"a":"1[secret:N0].5","b":[true,null]}'),
        ('{"x123456789": {"123456789": 1}}', '{"x[secret:N0]":{"[secret:N0]":1}}'),
        ('["\\u0031\\u00323456789", "\\\\u0031\\\\u00323456789"]', '["[secret:N0]","[secret:N0]"]'),
        ('"123456789"', '"[secret:N0]"'),
    ],
)
def test_json_keeps_its_shape(data: str, cleaned: str) -> None:
    """Numbers become texts, keys stay keys."""
    assert cleaned == _redactor("123456789").json(data.encode()).decode()


@given(VALUE)
def test_json_without_a_secret_stays_the_same_bytes(value: Any) -> None:
    """Nothing is rewritten for nothing."""
    data = json.dumps(value).encode()
    assert data is _redactor("a secret that is not there").json(data)
    assert data is Redactor().json(data)


def test_a_secret_across_values_leaves_nothing() -> None:
    """One that is made of brackets and commas is no text's own."""
    assert jsontext.dumps(NOTHING) == _redactor("1,2,3,4").json(b"[1,2,3,4]")
    assert b'["[secret:N0]"]' == _redactor("1,2,3,4").json(b'["1,2,3,4"]')


@pytest.mark.parametrize(
    ("values", "text", "cleaned"),
    [
        (["abcdef", "abcdefghij"], "abcdefghij abcdef", "[secret:N1] [secret:N0]"),
        (["abcdef", "defghi"], "abcdefghi", "[secret:N0]ghi"),
        (["abcabc"], "abcabcabc", "[secret:N0]abc"),
        (["abcdefgh", "abcdefghij"], "abcdefgh", "[secret:N0]"),
        (["abcdefgh", "abcdefghij"], "\\u0061bcdefgh", "[secret:N0]"),
        (["same-value", "same-value"], "same-value", "[secret:N0]"),
        (["[secret", "abcdef"], "abcdef [secret", "[...] [...]"),
        (["secret"], "a secret", "a [...]"),
        (["......"], "[......]", "[[secret:N0]]"),
        (["[...][...]", "abcdef"], "abcdefabcdef", "[secret:N1][secret:N1]"),
        (["x[secret:N1]y", "abcdef"], "xabcdefy", "[secret:N0]"),
        (["line one\nline two is much longer\nend"], "line two is much longer", "[secret:N0]"),
        (["line one\nline two is much longer\nend"], "line one", "line one"),
        (["line one\n   line two is much longer \r\nend"], "(line two is much longer)", "([secret:N0])"),
        ([" -----BEGIN-----\n"], "-----BEGIN-----", "[secret:N0]"),
        (["hunter2\n"], "(hunter2)", "([secret:N0])"),
        (["short\n\n"], "(short)", "(short)"),
    ],
)
def test_secrets_beside_each_other(values: list[str], text: str, cleaned: str) -> None:
    """Parts of each other, equal ones, ones that look like what they are replaced by, and ones of several lines."""
    assert cleaned == _redactor(*values).text(text)


def test_nothing_is_done_without_secrets() -> None:
    """The very same objects come back."""
    redactor, text, data, value = Redactor(), "x" * 1000, b"\xff" * 1000, {"a": [1]}
    assert redactor.empty
    assert (text, data) == (redactor.text(text), redactor.data(data))
    assert text is redactor.text(text)
    assert data is redactor.data(data)
    assert value == redactor.value(value)


def test_a_secret_is_known_from_its_first_use() -> None:
    """Through the redactor that others have had all the time."""
    secrets = Secrets(environ={"A": "value-of-a", "B": "value-of-b"})
    redactor = secrets.redactor
    assert "value-of-a" == redactor.text("value-of-a")
    secrets.put_in("${secret:A}")
    assert "[secret:A] value-of-b" == redactor.text("value-of-a value-of-b")
    secrets.get("B")
    assert "[secret:A] [secret:B]" == redactor.text("value-of-a value-of-b")
    with pytest.raises(ValueError, match="another secret A"):
        redactor.add("A", "another value")


@pytest.mark.parametrize(
    "text",
    [
        "\\" * (1 << 20), "\\u0041" * 170_000, "%25" * 340_000, "%41" * 340_000, "%" * (1 << 20),
        "sk-9f/" * 170_000, "\\" * 500_000 + "u0073", ("s" + "\\" * 40) * 25_000, "\\u0073k-9f" * 100_000,
        "+" * (1 << 20),
    ],
    ids=range(10),
)  # fmt: skip
def test_hostile_text_costs_a_bounded_time(text: str) -> None:
    """A megabyte of beginnings, of escapes, of backslashes: no more than some passes over it."""
    redactor = _redactor(KEY, "\\\\server\\share\\\\", *(f"sk-{number}-abcdefgh" for number in range(10)))
    began = time.process_time()
    redactor.text(text)
    redactor.data(text.encode())
    assert time.process_time() - began < 30


def test_many_secrets_are_cheap_for_small_results() -> None:
    """What a call's result costs when there is nothing in it: some dozens of calls, and no parsing."""
    redactor = _redactor(*(f"sk-{number}-abcdefghijklmnop" for number in range(5)))
    data = json.dumps(
        {"content": [{"type": "text", "text": 'It is "late" \u00e9\n' * 5}], "n": random.random()}
    ).encode()
    redactor.json(data)
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(note)
    try:
        redactor.json(data)
    finally:
        sys.setprofile(None)
    assert calls < 200


def test_reading_back() -> None:
    """The forms above are what others read: this holds the table itself."""
    for write, read in WRITE.values():
        assert KEY == read(write(KEY))
    assert KEY.encode() == unquote_to_bytes(quote(KEY))
