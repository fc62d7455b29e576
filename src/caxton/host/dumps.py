"""Core dumps, and the modules that they are of."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

from caxton.agents.spec import Limits
from caxton.errors import CaxtonError
from caxton.sandbox.companions import find_companion
from caxton.sandbox.compilation import Description, PlaceReading
from caxton.sandbox.engine import Settings
from caxton.sandbox.facts import Facts
from caxton.sandbox.project_files import NotReadable, Project

MAX_DUMP: Final = 1 << 30
"""The most bytes of a core dump that is read: it holds a whole memory."""

_HEAD: Final = 32
_COMPONENT: Final = b"\0asm\x0d\0\x01\0"
_FRAMES: Final = 64
"""Frames whose places are looked up."""


def is_dump(path: str | os.PathLike[str]) -> bool:
    """Whether a file seems to be a core dump: its first section says so."""
    with contextlib.suppress(OSError, ValueError):
        if not os.path.isfile(path):  # a pipe can be read once
            return False
        with open(path, "rb") as file:
            head = file.read(_HEAD)
        return head[:4] == b"\0asm" and b"\x04core" in head[8:16]
    return False


def find_places(path: str | os.PathLike[str], dump: dict[str, Any], limits: Limits) -> None:
    """Adds to the frames of a dump what the module beside it tells of them: name, file, line, column. Blocks.

    ``beside``: that module's file, where there is one that may be it: of the dump's digest, where the dump has one.
    """
    dump["beside"] = None
    frames = [frame for thread in dump["threads"] for frame in thread["frames"]][:_FRAMES]
    for frame in frames:
        frame.update(name=None, file=None, line=None, column=None)
    name = next(iter(dump["modules"]), "")
    if not frames or not name:
        return
    module = Path(path).parent / name.rpartition("/")[2]
    project = Project(module)
    place = project.inside(module.name)
    try:
        data = project.read(place, int(limits.module_size)) if place is not None else b""
    except NotReadable:
        return
    if not data or not _is_of(data, dump):
        return
    with contextlib.suppress(CaxtonError):  # what cannot be read tells nothing
        companion = None
        if data[:8] != _COMPONENT:  # a component has none, and to describe it would mean to compile it
            described = Description(data, Settings()).run()["facts"]
            facts = Facts.from_json(json.dumps(described).encode()) if described else None
            if facts is None:
                return
            if facts.sha256 != ((dump["ended"] or {}).get("sha256") or facts.sha256):
                return
            companion = find_companion(module, facts)
        instances = [instance["module"] for instance in dump["instances"]]
        asked = [
            {key: frame[key] for key in ("function", "offset")}
            | {"module": instances[frame["instance"]] if frame["instance"] < len(instances) else None}
            for frame in frames
        ]
        found = PlaceReading(asked, data, companion.data if companion else b"", Settings()).run()
        dump["beside"] = str(module)
        for frame, more in zip(frames, found, strict=False):
            frame.update(more)


def _is_of(data: bytes, dump: dict[str, Any]) -> bool:
    """Whether a binary may be the dump's module. Of one that is text only the child can tell."""
    wanted = (dump["ended"] or {}).get("sha256")
    return data[:4] != b"\0asm" or wanted is None or hashlib.sha256(data).hexdigest() == wanted
