"""The host's imports are exactly those of the contract, each with the contract's type."""

from __future__ import annotations

import re

import pytest

from caxton.sandbox.core_abi import IMPORTS
from caxton.sandbox.hostcalls import CAXTON, DOUBLES, READ, WORDS
from caxton.sandbox.signature import function
from caxton.sandbox.wasi import WASI as WASI_ROWS
from tests.sandbox.guests import CONTRACT, WASI, Box, agent, imports, wasi


def as_signature(text: str) -> str:
    """From WebAssembly text to the table's own words."""
    found = dict(re.findall(r"\((param|result) ([^)]*)\)", text))
    return function(found.get("param", ""), found.get("result", ""))


def test_the_table_has_the_contracts_imports() -> None:
    """No name more, none less, and every type."""
    assert {row.name: row.signature for row in CAXTON} == {name: as_signature(text) for name, text in CONTRACT.items()}
    assert {row.module for row in CAXTON} == {"caxton"}


def test_the_table_has_all_of_wasi_preview_1() -> None:
    """Every function of the snapshot, with its type."""
    assert {row.name: row.signature for row in WASI_ROWS} == {name: as_signature(text) for name, text in WASI.items()}
    assert {row.module for row in WASI_ROWS} == {"wasi_snapshot_preview1"}


def test_there_is_nothing_else() -> None:
    """Both together are what a module can import, each once."""
    assert IMPORTS == (*CAXTON, *WASI_ROWS)
    assert len({(row.module, row.name) for row in IMPORTS}) == len(IMPORTS)


def test_every_import_can_be_linked(box: Box) -> None:
    """A module that imports everything is loaded and runs."""
    everything = imports(*CONTRACT) + wasi(*(name for name in WASI))
    box.ask(box.spawn(agent(uses=everything)))


@pytest.mark.parametrize("row", IMPORTS, ids=lambda row: f"{row.module}.{row.name}")
def test_pointers_are_followed_by_lengths(row: object) -> None:
    """What the shim is told to check: a pair's pointer and length are two i32 parameters that stand side by side."""
    from caxton.sandbox.hostcalls import Import

    assert isinstance(row, Import)
    parameters = row.parameters.split()
    for pair in row.pairs:
        pointer = pair & 15
        assert parameters[pointer : pointer + 2] == ["i32", "i32"]
        assert pair & ~(15 | READ | WORDS | DOUBLES) == 0
    assert len(row.pairs) <= 3
    assert len(parameters) <= 10


def test_every_pair_of_the_contract_is_checked() -> None:
    """The contract names its pairs `ptr, len`, `to_ptr, to_len` and so on: the table has all of them."""
    pairs = {
        "log": [1],
        "read_result": [0],
        "tell": [0, 2],
        "send_envelope": [0, 2],
        "publish": [0, 2],
        "subscribe": [0],
        "unsubscribe": [0],
        "ask": [0, 2],
        "call_tool": [0, 2],
        "ask_start": [0, 2],
        "tool_start": [0, 2],
        "wait": [0],
        "emit": [0],
        "state_get": [0],
        "state_put": [0, 2],
        "state_delete": [0],
        "state_keys": [0],
        "set_timer": [2],
        "random": [0],
    }
    assert {row.name: [pair & 15 for pair in row.pairs] for row in CAXTON if row.pairs} == pairs
    assert all(bool(pair & WORDS) == (row.name == "wait") for row in CAXTON for pair in row.pairs)
