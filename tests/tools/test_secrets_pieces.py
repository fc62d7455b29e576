"""A long piece of a secret is taken out as the whole is, where that is asked for; and what is taken out tells nobody
whether a guess was right."""

from __future__ import annotations

import base64
import random
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from caxton.tools.redaction import Redactor
from caxton.tools.redaction_forms import PIECE_BITS, guessing
from tests.tools.test_secrets_redaction import WRITE

KEY = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEX"
ALPHABET = string.ascii_letters + string.digits
TOKEN = st.text(ALPHABET, min_size=24, max_size=60).filter(lambda text: sum(guessing(text.encode())) > 2 * PIECE_BITS)


def _redactor(*values: str) -> Redactor:
    redactor = Redactor()
    for number, value in enumerate(values):
        redactor.add(f"N{number}", value)
    return redactor.with_pieces()


@pytest.mark.parametrize("form", WRITE)
@given(data=st.data(), token=TOKEN)
def test_a_long_piece_goes_in_each_form(form: str, data: st.DataObject, token: str) -> None:
    """Beginning, end or middle; nothing that is worth guessing is left, and what stands around it stays."""
    costs = guessing(token.encode())
    starts = [at for at in range(len(token) - 9) if sum(costs[at:]) >= PIECE_BITS]
    start = data.draw(st.sampled_from(starts))
    ends = [end for end in range(start + 9, len(token) + 1) if sum(costs[start:end]) >= PIECE_BITS]
    end = data.draw(st.sampled_from(ends))
    write = WRITE[form][0]
    cleaned = _redactor("another-secret-altogether", token).text(f"({write(token[start:end])})")
    assert "([secret:N1])" == cleaned
    plain = Redactor()
    plain.add("N1", token)
    if end - start < len(token):
        assert f"({write(token[start:end])})" == plain.text(f"({write(token[start:end])})")


@given(TOKEN, st.binary(max_size=20), st.integers(0, 8), st.integers(0, 8))
def test_a_piece_goes_in_base64(token: str, before: bytes, cut: int, more: int) -> None:
    """Of what was encoded with something before it, and then cut at both ends."""
    assume(sum(guessing(token.encode())[7:-7]) >= PIECE_BITS)
    encoded = base64.b64encode(before + token.encode()).decode().rstrip("=")
    begin = -(-8 * len(before) // 6) + cut
    cleaned = _redactor(token).text(f"...{encoded[begin : len(encoded) - more]}'")
    rest = cleaned.replace("[secret:N0]", "")
    assert "[secret:N0]" in cleaned
    assert not any(rest[at : at + 6] in encoded for at in range(len(rest) - 5))


def test_what_a_validator_shows() -> None:
    """Pydantic writes both ends of what it was given, with the middle left out."""
    redactor = _redactor(KEY)
    shown = f"[type=missing, input_value={{'pieces': 5, 'account': ...{KEY[10:]}'}}, input_type=dict]"
    cleaned = "[type=missing, input_value={'pieces': 5, 'account': ...[secret:N0]'}, input_type=dict]"
    assert cleaned == redactor.text(shown)
    assert f"'{KEY[:8]}...'" == redactor.text(f"'{KEY[:8]}...'")


def test_pieces_of_the_named_ones_only() -> None:
    """And of secrets that become known later, too."""
    redactor = Redactor()
    named = redactor.with_pieces(["A"])
    redactor.add("A", KEY)
    redactor.add("B", KEY[::-1])
    text = f"{KEY[1:]} {KEY[::-1][1:]} {KEY[::-1]}"
    assert f"[secret:A] {KEY[::-1][1:]} [secret:B]" == named.text(text)
    assert f"{KEY[1:]} {KEY[::-1][1:]} [secret:B]" == redactor.text(text)


@pytest.mark.parametrize(
    ("secret", "known"),
    [
        ("sk-proj-Zq3vT8mWc5Lx2Rf7Yb4N", 8), ("github_pat_11Zq3vT8mWc5Lx2Rf7Yb4N", 11), ("ghp_Zq3vT8mWc5Lx2Rf7Yb4N", 4),
        ("acct-7741-0093-5526-8841", 5), ("correct-horse-battery-staple", 14), ("0123456789abcdef0123456789abcdef", 0),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.Zq3vT8mWc5Lx2Rf7Yb4N", 21),
        ("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjPx7wQy5Bt2Kd\nZq3vT8mWc5Lx\n", 60),
    ],
)  # fmt: skip
def test_a_guess_is_not_confirmed(secret: str, known: int) -> None:
    """Who knows what everybody knows of a secret (a prefix, a header) and guesses some characters more, a million times
    if need be, finds nothing missing in what comes back. Else a server that stores texts would tell the rest of it."""
    redactor = _redactor(secret)
    for end in range(known + 8):
        for start in range(min(known, end) + 1):
            assert secret[start:end] == redactor.text(secret[start:end])


def test_guessing_is_worth_what_it_takes() -> None:
    """A random character counts by the alphabet, a word's little, and what goes on as it began next to nothing."""
    costs = {text: round(sum(guessing(text.encode()))) for text in ("a" * 60, "0123456789" * 3, "correcthorsebattery")}
    assert {"a" * 60: 63, "0123456789" * 3: 37, "correcthorsebattery": 38} == costs
    generator = random.Random(1)
    for alphabet, least in ((string.digits, 15), ("0123456789abcdef", 12), (ALPHABET, 8)):
        token = "".join(generator.choices(alphabet, k=64)).encode()
        assert all(sum(guessing(token)[at : at + least]) < PIECE_BITS for at in range(64 - least + 1))
        assert sum(guessing(token)[:32]) > PIECE_BITS


@given(st.lists(st.text("éü€𝄞", min_size=1, max_size=3) | TOKEN, max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_no_character_is_cut(parts: list[str], before: int, after: int) -> None:
    """What is left of a text is text, wherever a piece ended."""
    secret = "éZq3vT8mWc5Lx2Rf7Yb4N€ü" * 2
    text = f"{'é' * before}{secret[1 : 2 + before]}{''.join(parts)}{secret[-1 - after : -1]}"
    cleaned = _redactor(secret).text(text)
    assert cleaned == cleaned.encode().decode()
    assert text.encode() == text.encode("utf-8", "strict")
