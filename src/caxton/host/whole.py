"""Files that a run leaves behind: whole or not at all, and never in the place of what is no file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

PRIVATE: Final = 0o600
READABLE: Final = 0o644


def place_of(path: Path) -> Path:
    """The regular file that ``path`` names, or would name, with links followed. Nothing is made or changed.

    Raises:
        OSError: there is something else, or no file can be made there.
    """
    place = Path(os.path.realpath(path))
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not os.access(place.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return place


@contextlib.contextmanager
def whole_file(path: Path, mode: int) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` when all has been written; until then that stays as it is.

    Raises:
        OSError: it cannot be written.
    """
    place = place_of(path)
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".caxton-")
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            yield file
        os.replace(name, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
