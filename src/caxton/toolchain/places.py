"""Where the toolchain keeps things: the SDKs that come with Caxton, and folders of the user's own cache.

Compilers' caches and what npm installs lie in ``$XDG_CACHE_HOME/caxton/toolchain`` (mode 0700, owner checked), never in
the project: who writes a project should not be able to hand a compiler yesterday's results.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

import caxton.errors
from caxton.toolchain.errors import ToolchainError

_PACKAGE: Final = Path(caxton.errors.__file__).resolve().parent


def sdk_folder() -> Path:
    """The folder of the SDKs: package data in an installed Caxton, ``sdk/`` beside ``src/`` in a source tree.

    Raises:
        ToolchainError: ``toolchain.missing``, this installation has none.
    """
    for folder in (_PACKAGE / "sdk", _PACKAGE.parents[1] / "sdk"):
        if (folder / "README.md").is_file():
            return folder
    raise ToolchainError("toolchain.missing", "this installation of Caxton is without its SDKs: install it again")


def wit_file() -> Path:
    """The WIT package that components are made for."""
    return _PACKAGE / "sandbox" / "agent.wit"


def cache_folder(*names: str) -> Path:
    """A folder of the user's cache, made if it is not there, with mode 0700.

    Raises:
        ToolchainError: ``toolchain.failed``, there is no such folder to be had.
    """
    try:
        base = _cache_home() / "caxton"
        base.parent.mkdir(parents=True, exist_ok=True)
        for folder in (base, base / "toolchain"):
            folder.mkdir(mode=0o700, exist_ok=True)
            _check_own(folder)
        found = base.joinpath("toolchain", *names)
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        return found
    except OSError as error:
        why = f"the cache directory cannot be used: {error}; XDG_CACHE_HOME may name another one"
        raise ToolchainError("toolchain.failed", why) from None


def project_cache(folder: Path, language: str) -> Path:
    """The folder in which a compiler may keep what it knows of one project, between builds."""
    return cache_folder("projects", f"{language}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:24]}")


def _cache_home() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):
        return Path(named)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # a user without a home, as containers have them
        raise OSError("there is no home directory") from None


def _check_own(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(f"{folder} is not a directory")
    if found.st_uid != os.geteuid():
        raise OSError(f"{folder} belongs to another user")
    if found.st_mode & 0o022:
        raise OSError(f"others may write to {folder}: chmod 700 it")
