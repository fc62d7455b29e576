"""A module has a size limit, and sources without an end are not read to it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import wasmtime

import caxton
from tests.sandbox.guests import MIB, Box, agent, custom

BINARY = bytes(wasmtime.wat2wasm(agent()))


def padded(size: int) -> bytes:
    """A valid module of exactly so many bytes."""
    for head in range(size - len(BINARY) - 12, size - len(BINARY)):
        made = BINARY + custom("pad", bytes(max(0, head)))
        if len(made) == size:
            return made
    raise AssertionError(size)


def test_the_limit_is_exact(box: Box, tmp_path: Path) -> None:
    """At the limit a module is loaded, one byte more is `module.too-large`; as bytes and as a file."""
    limits = caxton.Limits(module_size=100_000)
    path = tmp_path / "agent.wasm"
    for size, code in ((100_000, None), (100_001, "module.too-large")):
        data = padded(size)
        path.write_bytes(data)
        for source in (data, path, str(path)):
            if code is None:
                box.spawn(source, limits)
            else:
                assert box.refused(source, limits).code == code


def test_text_counts_too(box: Box) -> None:
    """The limit holds for what is given, text as well."""
    text = agent() + " " * 1000
    assert box.refused(text, caxton.Limits(module_size=1000)).code == "module.too-large"
    box.spawn(text, caxton.Limits(module_size=len(text)))


def test_the_default_is_64_mib(box: Box) -> None:
    """Bytes beyond it are refused before anything looks at them."""
    assert box.refused(bytes(64 * MIB + 1)).code == "module.too-large"
    assert box.refused(bytes(64 * MIB)).code == "module.invalid"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/urandom"])
def test_a_source_without_end(box: Box, path: str) -> None:
    """What never ends is too large."""
    if not os.path.exists(path):
        pytest.fail(f"this machine has no {path}")
    assert box.refused(path).code == "module.too-large"


def test_sources_that_are_no_files(box: Box, tmp_path: Path) -> None:
    """Nothing, a directory, an empty file, a dangling link, a name that cannot be one."""
    assert box.refused(tmp_path / "missing.wasm").code == "module.not-found"
    assert box.refused(tmp_path).code == "module.not-found"
    assert box.refused("").code == "module.not-found"
    assert box.refused("a\0b").code == "module.not-found"
    assert box.refused("x" * 10_000).code == "module.not-found"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert box.refused(tmp_path / "link").code == "module.not-found"
    (tmp_path / "empty").touch()
    assert box.refused(tmp_path / "empty").code == "module.invalid"
    assert box.refused("/dev/null").code == "module.invalid"


def test_a_file_without_permission(box: Box, tmp_path: Path) -> None:
    """What may not be read is not found; root may read everything, and then it is read."""
    path = tmp_path / "agent.wasm"
    path.write_bytes(BINARY)
    path.chmod(0)
    if os.geteuid() == 0:
        box.spawn(path)
    else:
        assert box.refused(path).code == "module.not-found"


def test_a_pipe_is_refused_without_waiting(box: Box, tmp_path: Path) -> None:
    """A named pipe that nobody writes to is empty, and holds nobody up."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Should the host open it for reading, this lets it go on after a while, so that the test fails instead of hanging.
    rescue = threading.Timer(20, lambda: os.close(os.open(path, os.O_WRONLY)))
    rescue.start()
    try:
        assert box.refused(path).code == "module.invalid"
    finally:
        rescue.cancel()


def test_a_file_that_changes_is_read_again(box: Box, tmp_path: Path) -> None:
    """A module given again by an equal path is the file as it is now."""
    path = tmp_path / "agent.wat"
    path.write_text(agent(response="(i32.const 1)"))
    assert len(box.ask(box.spawn(path)).payload) == 1
    path.write_text(agent(response="(i32.const 22)"))
    assert len(box.ask(box.spawn(path)).payload) == 22


def test_a_source_of_another_type(box: Box) -> None:
    """A mistake of the caller's is named as one."""
    for source in (42, None, 1.5, ["agent.wasm"]):
        assert box.refused(source).code == "config.invalid"  # type: ignore[arg-type]


def test_bytes_of_every_kind(box: Box) -> None:
    """A bytearray and a memoryview are bytes too, and may change afterwards."""
    data = bytearray(BINARY)
    for source in (data, memoryview(data)):
        ref = box.spawn(source)
        assert len(box.ask(ref).payload) == 8
    data[:] = bytes(len(data))
    assert box.refused(bytes(data)).code == "module.invalid"
