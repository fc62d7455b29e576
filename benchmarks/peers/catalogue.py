"""All peers in the order of the table: WebAssembly hosts, processes, containers, other runtimes, no isolation."""

from __future__ import annotations

from . import (
    caxton_peer,
    containers_peer,
    erlang_peer,
    extism_peer,
    inprocess_peer,
    processes_peer,
    v8_peer,
    wasmtime_peer,
)
from .peer import Peer

PEERS: tuple[Peer, ...] = (
    *caxton_peer.PEERS,
    *wasmtime_peer.PEERS,
    *extism_peer.PEERS,
    *processes_peer.PEERS,
    *containers_peer.PEERS,
    *v8_peer.PEERS,
    *erlang_peer.PEERS,
    *inprocess_peer.PEERS,
)


def find(name: str) -> Peer:
    """The peer of that name. Raises `KeyError` when there is none."""
    for peer in PEERS:
        if peer.name == name:
            return peer
    raise KeyError(name)
