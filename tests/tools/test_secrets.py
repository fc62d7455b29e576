"""Secrets come from the environment or a file closed to others, go where a setting names them, and are not shown."""

from __future__ import annotations

import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from caxton.errors import HostError
from caxton.tools.secrets import FILE_LIMIT, Secret, Secrets, references

CANARY = "canary-3f9a1c77"


def _file(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "secrets.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def _refused(secrets: Secrets, value: Any) -> str:
    with pytest.raises(HostError) as caught:
        secrets.put_in(value)
    assert "config.invalid" == caught.value.code
    assert CANARY not in str(caught.value)
    return caught.value.message


# ---- where they come from


def test_the_order_of_places(tmp_path: Path) -> None:
    """The variable of its own, the file, the variable of its name."""
    file = _file(tmp_path, 'A = "from-file"\nB = "from-file"\n')
    environ = {"CAXTON_SECRET_A": "from-its-own", "A": "from-environ", "B": "from-environ", "C": "from-environ"}
    secrets = Secrets.from_environment_and_file(file, environ)
    assert ["from-its-own", "from-file", "from-environ"] == [secrets.get(name).reveal() for name in "ABC"]


def test_a_missing_secret_is_named() -> None:
    """With what to do about it."""
    said = _refused(Secrets(environ={"OTHER": CANARY}), "Bearer ${secret:TOKEN}")
    assert "there is no secret TOKEN: set CAXTON_SECRET_TOKEN, or write it into the file of secrets" == said


def test_a_short_secret_is_refused() -> None:
    """It would be taken out of ordinary text. The value is not told."""
    said = _refused(Secrets(environ={"PIN": "12345"}), "${secret:PIN}")
    assert "the secret PIN has less than 6 bytes" in said
    assert "12345" not in said
    assert "123456" == Secrets(environ={"PIN": "123456"}).put_in("${secret:PIN}")
    assert "the secret PIN has" in _refused(Secrets({"PIN": ""}, {"PIN": CANARY}), "${secret:PIN}")


# ---- where they go


def test_secrets_are_put_into_texts_wherever_they_are() -> None:
    """In mappings and lists, several in one text; the settings themselves stay as they were."""
    secrets = Secrets(environ={"A": "value-a", "B_2": "value-b"})
    settings = {
        "headers": {"Authorization": "Bearer ${secret:A}", "X": "plain"},
        "command": ("run", "--key=${secret:A}:${secret:B_2}${secret:A}"),
        "list": [["${secret:B_2}"], 1, None, True, 2.5],
    }
    before = copy.deepcopy(settings)
    assert {
        "headers": {"Authorization": "Bearer value-a", "X": "plain"},
        "command": ("run", "--key=value-a:value-bvalue-a"),
        "list": [["value-b"], 1, None, True, 2.5],
    } == secrets.put_in(settings)
    assert before == settings
    assert ["A", "A", "B_2", "A", "B_2"] == list(references(settings))


def test_what_a_secret_holds_is_not_read_again() -> None:
    """A value that looks like a reference is a value."""
    secrets = Secrets(environ={"A": "${secret:B}", "B": CANARY})
    assert "${secret:B}" == secrets.put_in("${secret:A}")


@pytest.mark.parametrize(
    "text",
    [
        "${secret:}", "${secret: A}", "${secret:A", "${secret}", "${secret.A}", "${secret:A-B}", "${secret:1A}",
        "${secret:A}${secret:", "${secret:\u0410}", "${secret:A\n}", "${secret:${secret:A}}",
        "${secret:" + "A" * 200 + "}",
    ],
)  # fmt: skip
def test_what_looks_like_a_reference_is_one_or_an_error(text: str) -> None:
    """Never sent as it is: the server would get a text that nobody meant."""
    _refused(Secrets(environ={"A": CANARY}), {"deep": [text]})


def test_a_name_cannot_be_a_secret() -> None:
    """Only values are replaced."""
    assert "not into names" in _refused(Secrets(environ={"A": CANARY}), {"${secret:A}": 1})


# ---- not shown


def test_a_secret_does_not_show_itself() -> None:
    """Not printed, not formatted, not pickled."""
    secret = Secrets(environ={"A": CANARY}).get("A")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", "%s" % (secret,), repr([secret])]  # noqa: UP031
    assert not any(CANARY in text for text in shown)
    assert CANARY not in repr(Secrets(environ={"A": CANARY}))
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="not to be stored"):
        copy.deepcopy(secret)
    assert ("A", CANARY) == (secret.name, secret.reveal())
    assert "[secret:X]" == str(Secret("X", CANARY))


# ---- the file


def test_a_file_is_read(tmp_path: Path) -> None:
    """Modes 0600 and 0400."""
    for mode in (0o600, 0o400):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        assert CANARY == Secrets.from_environment_and_file(_file(folder, f'A = "{CANARY}"', mode), {}).get("A").reveal()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o660, 0o777])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Whatever they could do with it."""
    with pytest.raises(HostError, match="chmod 600") as caught:
        Secrets.from_environment_and_file(_file(tmp_path, f'A = "{CANARY}"', mode), {})
    assert "config.invalid" == caught.value.code


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'A = "{CANARY}" x', r"is not TOML \(line 1\)"),
        (f'A = "{CANARY}"\nB = {CANARY}', r"is not TOML \(line 2\)"),
        (f'A = "{CANARY}"\nA = "{CANARY}"', "is not TOML"),
        (f'A = "{CANARY}', "is not TOML"),
        (b'A = "\xff\xfe' + CANARY.encode() + b'"', "is not UTF-8"),
        ("A = 12345678", "A is not a text"),
        (f'[A]\nB = "{CANARY}"', "A is not a text"),
        (f'"a b" = "{CANARY}"', "is no name for a secret"),
        (f'"\x7f" = "{CANARY}"', "is not TOML|is no name"),
        ("A = " + "[" * 5000, "is not TOML"),
        ("#" * (FILE_LIMIT + 1), "more than 64 KiB"),
    ],
    ids=range(11),
)
def test_a_file_that_will_not_do_is_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    """Without any of its content in the error, or in what the error came from."""
    with pytest.raises(HostError, match=said) as caught:
        Secrets.from_environment_and_file(_file(tmp_path, content), {})
    assert "config.invalid" == caught.value.code
    assert CANARY not in caught.value.message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_only_a_file_of_its_own_is_read(tmp_path: Path) -> None:
    """No link, directory, pipe or device, and none that is not there; nothing waits."""
    real = _file(tmp_path, f'A = "{CANARY}"')
    link, pipe = tmp_path / "link.toml", tmp_path / "pipe.toml"
    link.symlink_to(real)
    os.mkfifo(pipe, 0o600)
    for path, said in (
        (link, "is a link: name the file itself"),
        (pipe, "is not a regular file"),
        (tmp_path, "is not a regular file"),
        (Path("/dev/zero"), "is not a regular file"),
        (tmp_path / "none.toml", "No such file"),
        (tmp_path / "a\0b", "null byte|null character"),
    ):
        with pytest.raises(HostError, match=said) as caught:
            Secrets.from_environment_and_file(path, {})
        assert "config.invalid" == caught.value.code


def test_another_user_s_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write it decides what is sent."""
    file = _file(tmp_path, f'A = "{CANARY}"')
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(HostError, match="belongs to another user"):
        Secrets.from_environment_and_file(file, {})
