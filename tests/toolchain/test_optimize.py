"""Promise: ``--optimize`` makes a module that is still an agent, told of just the features that it may use."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from caxton.cli.check import examine
from caxton.cli.check_points import FAILED
from caxton.toolchain import Machine, build, create_project, language
from caxton.toolchain.optimize import features
from caxton.toolchain.sections import is_debug, target_features, without
from tests.toolchain.projects import MACHINE

EMPTY = bytes(wasmtime.wat2wasm("(module)"))


def _custom(name: str, content: bytes) -> bytes:
    data = bytes([len(name)]) + name.encode() + content
    assert len(data) < 128
    return bytes([0, len(data)]) + data


def _said(*names: str) -> bytes:
    return bytes([len(names)]) + b"".join(
        name[:1].encode() + bytes([len(name) - 1]) + name[1:].encode() for name in names
    )


@pytest.mark.parametrize("name", ["c", "zig"])
def test_still_an_agent(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No larger, and it keeps the ABI."""
    folder = create_project(language(name), tmp_path_factory.mktemp(name) / "hello")
    built = build(folder, optimize="size", machine=MACHINE)
    assert built.size <= built.compiled
    assert [] == [point for point in examine(built.module) if point.status == FAILED]


def test_both_goals_and_debug_information(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same bytes every time; names stay with --debug."""
    folder = create_project(language("c"), tmp_path_factory.mktemp("c") / "hello")
    twice = [build(folder, optimize="speed", debug=True, machine=MACHINE).module.read_bytes() for _ in range(2)]
    assert twice[0] == twice[1]
    assert b".debug_line" in twice[0]
    assert b".debug_info" not in twice[0]  # it says what was before


class _NoOptimizer(Machine):
    """This machine, on which ``wasm-opt`` is not even looked for."""

    def program(self, *names: str) -> Path | None:
        assert "wasm-opt" not in names
        return super().program(*names)


@pytest.mark.parametrize("name", ["javascript", "typescript", "python"])
def test_components_do_without(name: str, tmp_path: Path) -> None:
    """It does not read them: their own toolchains are told what is wanted, and nobody need install it."""
    folder = create_project(language(name), tmp_path / "hello")
    assert build(folder, optimize="size", machine=_NoOptimizer(install=True)).module.is_file()


def test_features_one_by_one() -> None:
    """Those that the module's compiler says it has used; never all of them, and never what the host has not."""
    module = EMPTY + _custom("target_features", _said("+sign-ext", "-simd128", "+memory64", "+nonsense"))
    assert ["--mvp-features", "--enable-sign-ext"] == features(module)
    assert "--enable-bulk-memory" in features(EMPTY)
    assert not {"--all-features", "--enable-threads", "--enable-memory64"} & set(features(EMPTY))


def test_sections_are_taken_out() -> None:
    """Debug information goes, everything else stays byte for byte."""
    kept = EMPTY + _custom("producers", b"\0")
    data = EMPTY + _custom(".debug_info", b"abc") + _custom("producers", b"\0") + _custom("name", b"x")
    assert kept == without(data, is_debug)


@given(st.binary(max_size=400), st.binary(max_size=40))
def test_any_bytes(data: bytes, more: bytes) -> None:
    """Whatever follows the preamble, there is an answer."""
    for module in (EMPTY + data, EMPTY + _custom("target_features", more)):
        assert isinstance(without(module, is_debug), bytes)
        found = target_features(module)
        assert found is None or isinstance(found, frozenset)
