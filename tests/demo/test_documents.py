"""The demo reads the files that it is given, whatever they are, and says what is wrong with those that it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caxton.demo import DemoError
from caxton.demo.documents import MOST_BYTES, MOST_DOCUMENTS, own_documents, read_library


def test_any_bytes_and_nothing_at_all_are_text(tmp_path: Path) -> None:
    """A file may hold any bytes, or none."""
    any_bytes, empty = tmp_path / "any", tmp_path / "empty"
    any_bytes.write_bytes(bytes(range(256)))
    empty.touch()
    library = read_library([any_bytes, empty])
    assert [bytes(range(256)), b""] == [document.data for document in library.documents]
    assert library.left_out == 0


@pytest.mark.parametrize("name", ["missing", ".", "nul\0", "x" * 5000, "escape\x1b[2J"])
def test_what_is_no_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    """A missing file, a directory and a name that no file can have are ``config.invalid``, safe to print."""
    with pytest.raises(DemoError) as caught:
        read_library([tmp_path / name])
    assert caught.value.code == "config.invalid"
    assert str(caught.value).isprintable()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_without_a_writer_does_not_keep_us_waiting(tmp_path: Path) -> None:
    """A named pipe is refused at once."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DemoError, match="not a regular file"):
        read_library([tmp_path / "pipe"])


def test_a_huge_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    """No more than ``MOST_BYTES`` are read in all, and the rest is counted; what comes after it is left out whole."""
    huge, after = tmp_path / "huge", tmp_path / "after"
    with huge.open("wb") as file:
        file.truncate(1 << 33)
    after.write_bytes(b"never read")
    library = read_library([huge, after])
    assert library.size == MOST_BYTES
    assert library.left_out == (1 << 33) - MOST_BYTES + len(b"never read")
    assert len(library.documents) == 1


def test_a_file_after_the_limit_must_be_there_all_the_same(tmp_path: Path) -> None:
    """A wrong name is an error even when nothing of the file would be read."""
    (tmp_path / "full").write_bytes(bytes(MOST_BYTES))
    with pytest.raises(DemoError, match="missing"):
        read_library([tmp_path / "full", tmp_path / "missing"])


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """More than ``MOST_DOCUMENTS`` files are ``config.invalid``."""
    (tmp_path / "one").touch()
    with pytest.raises(DemoError, match="too many"):
        read_library([tmp_path / "one"] * (MOST_DOCUMENTS + 1))


def test_without_files_there_is_text_all_the_same() -> None:
    """Without files the demo has documents of its own: the checkout's, or the package's sources."""
    assert read_library(own_documents()).size > 1000
