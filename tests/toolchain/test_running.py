"""Promise: a compiler gets bounded time, its output is bounded and made safe, and it sees no secret of the caller's."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from caxton.toolchain import ToolchainError
from caxton.toolchain.errors import OUTPUT_LIMIT
from caxton.toolchain.running import PASSED_ON, run
from tests.cli.command import is_harmless


def python(code: str, *, seconds: float = 60.0, folder: Path = Path("/")) -> str:
    """Runs Python in the place of a compiler."""
    return run([sys.executable, "-c", code], what="the compiler", folder=folder, seconds=seconds)


def failure(code: str, *, seconds: float = 60.0) -> ToolchainError:
    """What becomes of one that fails."""
    with pytest.raises(ToolchainError) as caught:
        python(code, seconds=seconds)
    assert "toolchain.failed" == caught.value.code
    return caught.value


def test_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the variables of the list are handed on; standard input is empty."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    said = python("import os, sys; print(sorted(os.environ), repr(sys.stdin.read()))")
    names, _, stdin = said.strip().rpartition(" ")
    known = {*PASSED_ON, "LANG", "LC_ALL", "LC_CTYPE", "SOURCE_DATE_EPOCH", "NO_COLOR", "TERM", "RUSTUP_AUTO_INSTALL"}
    assert set(names.strip("[]").replace("'", "").split(", ")) <= known
    assert "''" == stdin


def test_endless_output() -> None:
    """What is kept of it is bounded, and so is what an error says."""
    error = failure("import os\nfor _ in range(3000): os.write(1, b'error: ' + b'x' * 10_000 + b'\\n')\nos._exit(1)")
    assert len(error.output.encode()) <= OUTPUT_LIMIT
    assert len(error.message) < 1_000


def test_hostile_output() -> None:
    """Controls and bidirectional characters are escaped, colours left out."""
    error = failure(
        "import os; os.write(1, 'a\\x1b[31merror\\x1b[0m: \\x1b]0;x\\x07\\u202e\\xff'.encode()); os._exit(3)"
    )
    assert is_harmless(error.output)
    assert "exit status 3" in error.message
    assert error.output.startswith("aerror: ")


def test_too_long(tmp_path: Path) -> None:
    """It is ended, with what it has started: here a child that holds a pipe open."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = f"import os, time\nos.open({str(pipe)!r}, os.O_WRONLY)\nif os.fork() == 0: time.sleep(600)\ntime.sleep(600)"
    with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as end:
        assert "took more than 2 s" in failure(code, seconds=2.0).message
        assert [end] == select.select([end], [], [], 60)[0]
        assert b"" == end.read()  # nobody has the other end open any more


def test_what_it_leaves_running_ends_with_it() -> None:
    """A process that it left behind in its group does not keep anybody waiting, and is ended."""
    said = python("import os, time\nprint('done', flush=True)\nif os.fork() == 0: time.sleep(600)")
    assert "done\n" == said


@pytest.mark.parametrize("code", ["import os; os.kill(os.getpid(), 9)", "import os; os.abort()"])
def test_a_crash(code: str) -> None:
    """The signal is named."""
    assert "was ended by SIG" in failure(code).message


def test_a_program_that_is_none(tmp_path: Path) -> None:
    """It cannot be started, in words."""
    (tmp_path / "cc").write_text("nothing")
    with pytest.raises(ToolchainError, match="cannot be started") as caught:
        run([tmp_path / "cc"], what="the compiler", folder=tmp_path)
    assert "toolchain.failed" == caught.value.code
