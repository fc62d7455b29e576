"""Agents of the languages whose agents are components: each is built once for all tests, since that takes seconds.

They are kept in a directory for tests, ``$XDG_CACHE_HOME/caxton-tests``, as long as nothing in them changes.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import caxton.toolchain
from caxton.toolchain import create_project, language
from caxton.toolchain.places import sdk_folder, wit_file
from tests.sdk.projects import NOTHING, built

_MADE_OF: Final = {
    "python": ("python",),
    "javascript": ("javascript",),
    "typescript": ("javascript", "typescript"),
}


def project(name: str, folder: Path) -> Path:
    """A new project of a language in a folder."""
    return create_project(language(name), folder)


@functools.cache
def component(name: str, template: str = "template") -> bytes:
    """What a language's template, or its conformance agent, is built to."""
    return agent(name, NOTHING, template)


def agent(name: str, files: Mapping[str, str], template: str = "template") -> bytes:
    """What a project is built to that has these files in place of the template's."""
    kept = _cache() / f"{name}-{_key(name, files, template)}.wasm"
    if not kept.is_file():
        aside = kept.with_suffix(f".{secrets.token_hex(4)}")
        aside.write_bytes(built(name, files, template=template)[0])
        aside.rename(kept)
    return kept.read_bytes()


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caxton-tests" / "components"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _key(name: str, files: Mapping[str, str], template: str) -> str:
    """Names what a component is made of."""
    languages = Path(caxton.toolchain.__file__).parent / "languages"
    sources = [wit_file(), *(languages / f"{part}.py" for part in _MADE_OF[name])]
    sources += sorted((languages.parent / "merging").glob("*.py"))
    for part in _MADE_OF[name]:
        sources += sorted(path for path in (sdk_folder() / part).rglob("*") if path.is_file())
    made = hashlib.sha256(repr((name, template, sorted(files.items()))).encode())
    for path in sources:
        made.update(repr((path.name, path.read_bytes())).encode())
    return made.hexdigest()[:32]
