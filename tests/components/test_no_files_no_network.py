"""A component reaches no file and no network: each import of WASI 0.2's for that is refused by its name, or gives
nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import caxton
from caxton.sandbox.component_wasi import WASI_CALLS
from tests.components.guests import text_agent
from tests.components.wasi_guests import DIGIT, wasi_guest
from tests.sandbox.guests import Box
from tests.sandbox.test_no_files_no_network import SCRIPT

# Functions and methods as the WIT of 0.2.12 has them, a second time: the table in the source is held against it.
FUNCTIONS: Final = {
    "wasi:filesystem/preopens": "get-directories",
    "wasi:filesystem/types": "filesystem-error-code",
    "wasi:sockets/network": "network-error-code",
    "wasi:sockets/instance-network": "instance-network",
    "wasi:sockets/ip-name-lookup": "resolve-addresses",
    "wasi:sockets/tcp-create-socket": "create-tcp-socket",
    "wasi:sockets/udp-create-socket": "create-udp-socket",
}
METHODS: Final = {
    ("wasi:filesystem/types", "descriptor"): """read-via-stream write-via-stream append-via-stream advise sync-data
        get-flags get-type set-size set-times read write read-directory sync create-directory-at stat stat-at
        set-times-at link-at open-at readlink-at remove-directory-at rename-at symlink-at unlink-file-at is-same-object
        metadata-hash metadata-hash-at""",
    ("wasi:filesystem/types", "directory-entry-stream"): "read-directory-entry",
    ("wasi:sockets/ip-name-lookup", "resolve-address-stream"): "resolve-next-address subscribe",
    ("wasi:sockets/tcp", "tcp-socket"): """start-bind finish-bind start-connect finish-connect start-listen
        finish-listen accept local-address remote-address is-listening address-family set-listen-backlog-size
        keep-alive-enabled set-keep-alive-enabled keep-alive-idle-time set-keep-alive-idle-time keep-alive-interval
        set-keep-alive-interval keep-alive-count set-keep-alive-count hop-limit set-hop-limit receive-buffer-size
        set-receive-buffer-size send-buffer-size set-send-buffer-size subscribe shutdown""",
    ("wasi:sockets/udp", "udp-socket"): """start-bind finish-bind stream local-address remote-address address-family
        unicast-hop-limit set-unicast-hop-limit receive-buffer-size set-receive-buffer-size send-buffer-size
        set-send-buffer-size subscribe""",
    ("wasi:sockets/udp", "incoming-datagram-stream"): "receive subscribe",
    ("wasi:sockets/udp", "outgoing-datagram-stream"): "check-send send subscribe",
}
REFUSED: Final = (
    "wasi:http/types@0.2.0",
    "wasi:http/outgoing-handler@0.2.12",
    "wasi:http/incoming-handler@0.2.12",
    "wasi:filesystem/types@0.1.0",
    "wasi:filesystem/types@0.3.0",
    "wasi:filesystem/preopens@1.0.0",
    "wasi:filesystem/open@0.2.0",
    "wasi:sockets/types@0.3.0",
    "wasi:sockets/tcp@0.3.0",
    "wasi:sockets/raw@0.2.0",
    "wasi:tls/types@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:blobstore/blobstore@0.2.0-draft",
    "wasi:config/store@0.2.0-draft",
    "wasi:messaging/producer@0.2.0-draft",
    "wasi:nn/inference@0.2.0-rc-2024-10-28",
    "wasi:sql/readwrite@0.2.0-draft",
    "wasi:cli/command@0.2.0",
)
ERRORS: Final = """(enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
    "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit" "address-not-bindable"
    "address-in-use" "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
    "datagram-too-large" "name-unresolvable" "temporary-resolver-failure" "permanent-resolver-failure")"""
NETWORK: Final = f"""
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $c {ERRORS}) (export "error-code" (type (eq $c)))
    (type $f (enum "ipv4" "ipv6")) (export "ip-address-family" (type (eq $f)))))
  (alias export $network "network" (type $n))
  (alias export $network "error-code" (type $code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/instance-network@0.2.0" (instance $instance
    (alias outer 1 $n (type $q)) (export "network" (type $p (eq $q)))
    (export "instance-network" (func (result (own $p))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
    (alias outer 1 $n (type $q)) (export "network" (type $p (eq $q)))
    (alias outer 1 $code (type $d)) (export "error-code" (type $e (eq $d)))
    (export "resolve-address-stream" (type $r (sub resource)))
    (export "resolve-addresses"
      (func (param "network" (borrow $p)) (param "name" string) (result (result (own $r) (error $e)))))))""" + "".join(
    f"""
  (import "wasi:sockets/{kind}@0.2.0" (instance ${kind} (export "{kind}-socket" (type (sub resource)))))
  (alias export ${kind} "{kind}-socket" (type ${kind}-socket))
  (import "wasi:sockets/{kind}-create-socket@0.2.0" (instance $create-{kind}
    (alias outer 1 ${kind}-socket (type $q)) (export "{kind}-socket" (type $p (eq $q)))
    (alias outer 1 $code (type $d)) (export "error-code" (type $e (eq $d)))
    (alias outer 1 $family (type $g)) (export "ip-address-family" (type $f (eq $g)))
    (export "create-{kind}-socket" (func (param "address-family" $f) (result (result (own $p) (error $e)))))))"""
    for kind in ("tcp", "udp")
)
ASKS: Final = {
    "network": ("instance", "instance-network", "(result i32)"),
    "lookup": ("lookup", "resolve-addresses", "(param i32 i32 i32 i32)"),
    "tcp": ("create-tcp", "create-tcp-socket", "(param i32 i32)"),
    "udp": ("create-udp", "create-udp-socket", "(param i32 i32)"),
}
TRIES: Final = {
    "create-tcp-socket, IPv4": "(call $tcp (i32.const 0) (i32.const 128))",
    "create-tcp-socket, IPv6": "(call $tcp (i32.const 1) (i32.const 128))",
    "create-udp-socket, IPv4": "(call $udp (i32.const 0) (i32.const 128))",
    "create-udp-socket, IPv6": "(call $udp (i32.const 1) (i32.const 128))",
    "resolve-addresses": """(i64.store (i32.const 160) (i64.const 0x6b636162706f6f6c))
        (call $lookup (call $network) (i32.const 160) (i32.const 8) (i32.const 128))""",
}
CODE: Final = DIGIT.format(value="(select (i32.load8_u (i32.const 132)) (i32.const 9) (i32.load8_u (i32.const 128)))")
"""Answers with the number of the error; 9 where there is none."""


def test_the_table_is_that_of_wasi() -> None:
    """What the host has of files and sockets is what WASI has, and nothing besides."""
    wanted = {(interface, name) for interface, name in FUNCTIONS.items()} | {
        (interface, f"[method]{resource}.{method}")
        for (interface, resource), methods in METHODS.items()
        for method in methods.split()
    }
    found = {(row.interface, row.name) for row in WASI_CALLS if row.interface.startswith(("wasi:files", "wasi:sock"))}
    assert found == wanted


@pytest.mark.parametrize("interface", REFUSED)
def test_what_is_not_there_is_refused_by_name(box: Box, interface: str) -> None:
    """When it is loaded; that nothing of the interface is used does not matter."""
    error = box.refused(text_agent().replace("(component", f'(component (import "{interface}" (instance))', 1))
    assert error.code == "module.unknown-import"
    assert interface in error.message


@pytest.mark.parametrize(
    ("interface", "name"),
    [
        ("wasi:sockets/tcp-create-socket", "create-raw-socket"),
        ("wasi:sockets/instance-network", "host-network"),
        ("wasi:filesystem/preopens", "get-root"),
    ],
)
def test_a_function_that_is_not_there_is_refused_by_name(box: Box, interface: str, name: str) -> None:
    """Of an interface that is there as well."""
    imported = f'(component (import "{interface}@0.2.0" (instance (export "{name}" (func))))'
    error = box.refused(text_agent().replace("(component", imported, 1))
    assert error.code == "module.unknown-import"
    assert f"{interface}@0.2.0.{name}" in error.message


@pytest.mark.parametrize("what", TRIES)
def test_a_network_is_denied(box: Box, what: str) -> None:
    """`access-denied`, the second of the errors; the guest goes on."""
    ref = box.spawn(wasi_guest(NETWORK, ASKS, f"{TRIES[what]} {CODE}"))
    assert box.ask(ref).text == "1"
    assert ref.statistics().restarts == 0


@pytest.mark.parametrize(("interface", "resource"), METHODS, ids=[resource for _, resource in METHODS])
def test_what_nobody_gave_cannot_be_used(box: Box, interface: str, resource: str) -> None:
    """Every method, with every number that might stand for something: it stands for nothing, and the turn ends."""
    methods = METHODS[interface, resource].split()
    exports = "".join(f'(export "[method]{resource}.{name}" (func (param "self" (borrow $r))))' for name in methods)
    imported = f'(import "{interface}@0.2.0" (instance $it (export "{resource}" (type $r (sub resource))) {exports}))'
    calls = "".join(
        f"(if (i32.eq (i32.load8_u (local.get $p)) (i32.const {n})) (then (call $m{n} (i32.load8_u offset=1 "
        "(local.get $p)))))"
        for n in range(len(methods))
    )
    functions = {f"m{n}": ("it", f"[method]{resource}.{name}", "(param i32)") for n, name in enumerate(methods)}
    text = wasi_guest(imported, functions, f"{calls} {DIGIT.format(value='(i32.const 0)')}")
    ref = box.spawn(text, restart=caxton.Restart(max_restarts=10**6))
    assert box.ask(ref, b"\x7f\0").text == "0"
    for number in range(len(methods)):
        for handle in (0, 1, 2):
            assert box.fails(ref, bytes([number, handle])).code in ("abi.protocol", "trap.other")


def test_the_host_opens_nothing_for_a_component(tmp_path: Path) -> None:
    """While a turn runs that tries all of it, the process opens no file, no socket, and starts no process."""
    module = tmp_path / "burglar.wat"
    module.write_text(wasi_guest(NETWORK, ASKS, f"{' '.join(TRIES.values())} {CODE}"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(module)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
