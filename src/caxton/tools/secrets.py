"""Secrets: where they come from, where they are put in, and how they are kept out of everything else.

A setting names a secret, ``${secret:NAME}``; the value stands in the environment or in a file that only its user can
read. The host puts it in on the way to a server, and takes it out of whatever comes back (``caxton.tools.redaction``).
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from caxton.errors import HostError
from caxton.text import safe_name
from caxton.tools.redaction import Redactor

FILE_LIMIT: Final = 64 << 10
"""Bytes that a file of secrets may have."""

SHORTEST: Final = 6
"""Bytes that a secret must have: a shorter one would be found in, and taken out of, ordinary text."""

PREFIX: Final = "CAXTON_SECRET_"
"""What the name of a secret's own environment variable begins with."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_REFERENCE: Final = re.compile(r"\$\{secret:([^{}]*)\}")
_BEGUN: Final = "${secret"
_LINE: Final = re.compile(r"at line (\d+)")


class Secret:
    """A value that shows itself to nobody but ``reveal``."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def reveal(self) -> str:
        """The value."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    def __str__(self) -> str:
        return f"[secret:{self.name}]"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be stored")


class Secrets:
    """The secrets of one host.

    A secret is looked for in the environment as ``CAXTON_SECRET_NAME``, then in the file as ``NAME``, then in the
    environment as ``NAME``.

    Args:
        stored: what the file holds.
        environ: the environment.
    """

    def __init__(self, stored: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> None:
        self._stored = dict(stored or {})
        self._environ = dict(environ or {})
        self._used: dict[str, Secret] = {}
        self.redactor: Final = Redactor()
        """Takes every secret that was used out of texts."""

    @classmethod
    def from_environment_and_file(cls, file: Path | None, environ: Mapping[str, str]) -> Secrets:
        """The secrets of an environment, and of a file where there is one.

        Raises:
            HostError: ``config.invalid``, the file cannot be read, or others could.
        """
        return cls(read_file(file) if file is not None else {}, environ)

    def get(self, name: str) -> Secret:
        """The secret of that name. From now on the redactor knows it.

        Raises:
            HostError: ``config.invalid``, there is none, or it is too short to be kept secret.
        """
        found = self._used.get(name)
        if found is None:
            found = self._look_up(name)
            self._used[name] = found
            self.redactor.add(name, found.reveal())
        return found

    def _look_up(self, name: str) -> Secret:
        if not _NAME.fullmatch(name):
            raise _invalid(f"{safe_name(repr(name))} is no name for a secret")
        for place, key in ((self._environ, PREFIX + name), (self._stored, name), (self._environ, name)):
            value = place.get(key)
            if value is not None:
                break
        else:
            raise _invalid(f"there is no secret {name}: set {PREFIX}{name}, or write it into the file of secrets")
        if len(value.encode("utf-8", "surrogateescape")) < SHORTEST:
            raise _invalid(f"the secret {name} has less than {SHORTEST} bytes: it could not be kept out of logs")
        return Secret(name, value)

    def put_in(self, value: Any) -> Any:
        """A copy of ``value`` (texts, mappings, lists, anything) with each ``${secret:NAME}`` in its texts replaced.

        Raises:
            HostError: ``config.invalid``, a secret is not there, or what looks like a reference is none.
        """
        if isinstance(value, str):
            if _BEGUN not in value:
                return value
            check_references(value)
            return _REFERENCE.sub(lambda match: self.get(match[1]).reveal(), value)
        if isinstance(value, Mapping):
            for key in value:
                if isinstance(key, str) and _BEGUN in key:
                    raise _invalid(f"{safe_name(key)}: secrets are put into values, not into names")
            return {key: self.put_in(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            found = [self.put_in(one) for one in value]
            return found if isinstance(value, list) else tuple(found)
        return value


def references(value: Any) -> Iterator[str]:
    """The names of the secrets that the texts in ``value`` refer to."""
    if isinstance(value, str):
        yield from _REFERENCE.findall(value)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from references(one)


def check_references(text: str) -> None:
    """Looks whether everything that begins like a reference to a secret is one.

    Raises:
        HostError: ``config.invalid``.
    """
    for name in _REFERENCE.findall(text):
        if not _NAME.fullmatch(name):
            raise _invalid(f"{safe_name(repr(name))} is no name for a secret")
    if _BEGUN in _REFERENCE.sub("", text):
        raise _invalid("a text has ${secret without :NAME} behind it")


def read_file(path: Path) -> dict[str, str]:
    """The secrets in a TOML file of ``NAME = "value"`` lines.

    It must be a regular file, no link, that belongs to the user and that nobody else can read or write.

    Raises:
        HostError: ``config.invalid``; what it says has no part of the file's content but names.
    """
    shown = safe_name(str(path))
    try:
        # Not blocking: a pipe would let us wait for a writer for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        if path.is_symlink():
            raise _invalid(f"the file of secrets {shown} is a link: name the file itself") from None
        why = getattr(error, "strerror", None) or str(error)
        raise _invalid(f"the file of secrets {shown}: {why}") from None
    try:
        _check_file(os.fstat(handle), shown)
        with open(handle, "rb", closefd=False) as file:
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise _invalid(f"the file of secrets {shown}: {error.strerror or error}") from None
    finally:
        os.close(handle)
    if len(data) > FILE_LIMIT:
        raise _invalid(f"the file of secrets {shown} has more than {FILE_LIMIT >> 10} KiB")
    return _parsed(data, shown)


def _check_file(found: os.stat_result, shown: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _invalid(f"the file of secrets {shown} is not a regular file")
    if found.st_uid != os.geteuid():
        raise _invalid(f"the file of secrets {shown} belongs to another user: make it yours (chown)")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise _invalid(f"others can use the file of secrets {shown}: close it to them (chmod 600)")


def _parsed(data: bytes, shown: str) -> dict[str, str]:
    try:
        found = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise _invalid(f"the file of secrets {shown} is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = _LINE.search(str(error))  # the rest of the message may quote what stands there
        raise _invalid(f"the file of secrets {shown} is not TOML{f' (line {line[1]})' if line else ''}") from None
    for name, value in found.items():
        if not _NAME.fullmatch(name):
            raise _invalid(f"the file of secrets {shown}: {safe_name(repr(name))} is no name for a secret")
        if not isinstance(value, str):
            raise _invalid(f"the file of secrets {shown}: {name} is not a text")
    return found


def _invalid(message: str) -> HostError:
    return HostError("config.invalid", message)
