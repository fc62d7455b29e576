"""http.fetch over TLS: the certificate must be for the name that was asked for, whatever address is connected to."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from caxton.agents.rules import Rule
from caxton.errors import CaxtonError
from caxton.tools.builtin import BuiltinTools, Network
from tests.conftest import Run
from tests.tools.builtin.lab import (
    PUBLIC,
    Doors,
    Handler,
    Names,
    Request,
    a_call,
    answer,
    builtin,
    refusal,
    response,
    serving,
)


def _certificate(folder: Path) -> Path:
    """A certificate for good.example and the loopback address, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "good.example")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("good.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


async def _hello(request: Request, writer: object) -> None:
    writer.write(response(b"hello"))  # type: ignore[attr-defined]


async def _downgrade(request: Request, writer: object) -> None:
    writer.write(response(status="302 Found", headers=[("Location", "http://good.example/")]))  # type: ignore[attr-defined]


@asynccontextmanager
async def _secured(
    folder: Path, *, trusted: bool = True, handler: Handler = _hello
) -> AsyncIterator[tuple[BuiltinTools, list[str | None], int]]:
    certificate = _certificate(folder)
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(certificate)
    asked: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    client_tls = ssl.create_default_context(cafile=str(certificate) if trusted else None)
    async with serving(handler, tls=server_tls) as server:
        doors = Doors({PUBLIC: server.port})
        names = Names({"good.example": [[PUBLIC]], "bad.example": [[PUBLIC]]})
        network = Network(resolve=names.resolve, connect=doors.connect, tls=client_tls)
        async with builtin(network=network) as tools:
            yield tools, asked, server.port


async def _refused(tools: BuiltinTools, url: str) -> CaxtonError:
    return await refusal(tools, a_call("http.fetch", {"url": url}, Rule(hosts=("*", "*:*"))))


@pytest.mark.parametrize("url", ["https://good.example/", "https://GOOD.example.:443/"])
def test_the_name_is_what_the_certificate_is_for(run: Run, tmp_path: Path, url: str) -> None:
    """The server is told the name, and its certificate is checked for it, though the connection goes to an address."""

    async def main() -> None:
        async with _secured(tmp_path) as (tools, asked, _):
            call = a_call("http.fetch", {"url": url}, Rule(hosts=("good.example",)))
            assert "hello" == (await answer(tools, call))["text"]
            assert ["good.example"] == asked

    run(main())


def test_an_address_can_have_a_certificate(run: Run, tmp_path: Path) -> None:
    """Then no name is told."""

    async def main() -> None:
        async with _secured(tmp_path) as (tools, asked, port):
            rule = Rule(hosts=("127.0.0.1:*",), private=("127.0.0.1:*",))
            call = a_call("http.fetch", {"url": f"https://127.0.0.1:{port}/"}, rule)
            assert "hello" == (await answer(tools, call))["text"]
            assert [None] == asked

    run(main())


def test_a_wrong_certificate_is_no_answer(run: Run, tmp_path: Path) -> None:
    """One for another name, and one that nobody trusted has signed."""

    async def main() -> None:
        async with _secured(tmp_path) as (tools, _, _port):
            error = await _refused(tools, "https://bad.example/")
            assert "tool.failed" == error.code
            assert "certificate" in error.message
        async with _secured(tmp_path, trusted=False) as (tools, _, _port):
            error = await _refused(tools, "https://good.example/")
            assert "tool.failed" == error.code
            assert "certificate" in error.message

    run(main())


def test_no_way_back_to_plain_http(run: Run, tmp_path: Path) -> None:
    """A redirect from https to http is not followed."""

    async def main() -> None:
        async with _secured(tmp_path, handler=_downgrade) as (tools, _, _port):
            error = await _refused(tools, "https://good.example/")
            assert ("grant.denied", "a redirect from https to http") == (error.code, error.message)

    run(main())


def test_plain_talk_where_tls_is_wanted(run: Run) -> None:
    """A server without TLS at a https URL is a failed call."""

    async def main() -> None:
        async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example\r\n")
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(mail, "127.0.0.1", 0)
        async with server, builtin() as tools:
            address = f"localhost:{server.sockets[0].getsockname()[1]}"
            rule = Rule(hosts=(address,), private=(address,))
            error = await refusal(tools, a_call("http.fetch", {"url": f"https://{address}/"}, rule))
            assert "tool.failed" == error.code

    run(main())
