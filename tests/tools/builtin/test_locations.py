"""URLs, hosts and addresses: one reading only, and whatever is not clearly public is not public."""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Callable

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caxton.errors import ToolError
from caxton.tools.builtin import hosts, locations
from caxton.tools.builtin.addresses import Reach, reach

_PIECES = st.sampled_from(
    "http https :// // / \\ @ : ? # % [ ] . .. %2e %00 :80 :443 :0 127.0.0.1 0x7f 1 localhost a.example xn--bcher-kva "
    "BÜCHER \uff11 \u3002 ::1 ::ffff:7f00:1 fe80::1%25lo user:pw".split(" ")
)
URLS = st.one_of(
    st.text(max_size=60),
    st.lists(_PIECES, max_size=8).map("".join),
    st.tuples(st.sampled_from(["http://", "https://"]), st.lists(_PIECES, max_size=6).map("".join)).map("".join),
    st.tuples(st.just("http://"), st.text(max_size=30)).map("".join),
)


def _accepted(read: Callable[[], locations.Target]) -> locations.Target | None:
    """What is read; None where it is refused as the contract says."""
    try:
        return read()
    except ToolError as error:
        if error.code != "tool.bad-arguments":
            raise
        return None


@given(URLS)
@example("http://[::1]:8080/a?b#c")
@example("https://BÜCHER.example./ä?ö=%20")
def test_what_is_accepted_has_one_reading(url: str) -> None:
    """Reading the accepted form again changes nothing, and two other readers see the same host and port in it."""
    target = _accepted(lambda: locations.parse(url))
    if target is None:
        return
    assert target == locations.parse(target.url)
    assert target.url.isascii()
    standard = urllib.parse.urlsplit(target.url)
    assert (target.scheme, target.host) == (standard.scheme, standard.hostname)
    assert target.port == (standard.port or locations.PORTS[standard.scheme])
    other = httpx2.URL(target.url)
    assert (target.scheme, target.host) == (other.scheme, other.raw_host.decode("ascii"))
    assert target.port == (other.port or locations.PORTS[other.scheme])


@given(URLS)
def test_a_redirect_has_one_reading_too(location: str) -> None:
    """Whatever a server writes there."""
    target = _accepted(lambda: locations.join(locations.parse("https://a.example/b/c?d"), location))
    assert target is None or target == locations.parse(target.url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://A.Example", "http://a.example/"),
        ("HTTPS://a.example:443/x", "https://a.example/x"),
        ("http://a.example:8080?q", "http://a.example:8080/?q"),
        ("http://a.example./x#fragment", "http://a.example/x"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://XN--BCHER-KVA.example/", "http://xn--bcher-kva.example/"),
        ("http://r3---sn-x.example/", "http://r3---sn-x.example/"),
        ("http://_a.example/", "http://_a.example/"),
        ("http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://1.2.3.4.example/", "http://1.2.3.4.example/"),
        ("http://a.example/ä b%20?ü|<", None),
        ("http://a.example/ä%20?ü|<", "http://a.example/%C3%A4%20?%C3%BC|%3C"),
        ("http://a.example/x?url=../..", "http://a.example/x?url=../.."),
        ("http://a.example/.well-known/x..y", "http://a.example/.well-known/x..y"),
    ],
)
def test_normal_forms(url: str, normal: str | None) -> None:
    """Names in lower case and punycode, no dot at the end, no port that goes without saying, no fragment."""
    if normal is None:
        with pytest.raises(ToolError):
            locations.parse(url)
    else:
        assert normal == locations.parse(url).url


@pytest.mark.parametrize(
    ("pattern", "named", "others"),
    [
        ("a.example", ["http://a.example", "https://a.example", "http://A.example:443"], ["http://a.example:8080"]),
        ("a.example:8080", ["http://a.example:8080"], ["http://a.example", "http://b.example:8080"]),
        ("a.example:*", ["http://a.example:1", "https://a.example"], ["http://aa.example"]),
        ("*.a.example", ["http://b.a.example", "http://c.b.a.example"], ["http://a.example", "http://ba.example"]),
        ("A.Example.", ["http://a.example"], []),
        ("bücher.example", ["http://xn--bcher-kva.example", "http://BÜCHER.example"], ["http://bucher.example"]),
        ("*.bücher.example", ["http://a.xn--bcher-kva.example"], []),
        ("10.0.0.*", ["http://10.0.0.7"], ["http://10.0.1.7"]),
        ("[::1]", ["http://[0:0::1]"], ["http://[::2]", "http://[::1]:81"]),
        ("*", ["http://a.example", "http://8.8.8.8", "http://[2600::1]"], ["http://a.example:81"]),
        ("", [], ["http://a.example"]),
        ("[::1", [], ["http://[::1]"]),
        ("::1", [], ["http://[::1]"]),
        ("[::1%lo]", [], ["http://[::1]"]),
        ("http://a.example", [], ["http://a.example"]),
        ("b*ü.example", [], ["http://bü.example", "http://xn--b-xga.example"]),
        ("a.example:http", [], ["http://a.example"]),
    ],
)
def test_patterns_name_hosts(pattern: str, named: list[str], others: list[str]) -> None:
    """And one that cannot be read names none."""
    for expected, urls in ((True, named), (False, others)):
        for url in urls:
            assert expected == hosts.granted([pattern], locations.parse(url)), url


@given(st.ip_addresses(v=4))
def test_public_addresses_are_public_for_python_too(address: ipaddress.IPv4Address) -> None:
    """Python's own table allows at least what ours does."""
    if reach(address) is Reach.PUBLIC:
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_public_addresses_are_public_for_python_too_in_ipv6(address: ipaddress.IPv6Address) -> None:
    """And none of them carries an IPv4 address."""
    if reach(address) is Reach.PUBLIC:
        assert address.is_global
        assert (None, None, None) == (address.ipv4_mapped, address.sixtofour, address.teredo)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("9.255.255.255", Reach.PUBLIC),
        ("10.0.0.0", Reach.PRIVATE),
        ("10.255.255.255", Reach.PRIVATE),
        ("11.0.0.0", Reach.PUBLIC),
        ("100.63.255.255", Reach.PUBLIC),
        ("100.64.0.0", Reach.PRIVATE),
        ("100.127.255.255", Reach.PRIVATE),
        ("100.128.0.0", Reach.PUBLIC),
        ("127.0.0.1", Reach.PRIVATE),
        ("169.254.169.254", Reach.PRIVATE),
        ("172.15.255.255", Reach.PUBLIC),
        ("172.16.0.0", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("172.32.0.0", Reach.PUBLIC),
        ("192.168.255.255", Reach.PRIVATE),
        ("198.18.0.1", Reach.PRIVATE),
        ("0.0.0.0", Reach.NEVER),  # noqa: S104
        ("192.0.0.1", Reach.NEVER),
        ("192.88.99.1", Reach.NEVER),
        ("203.0.113.1", Reach.NEVER),
        ("224.0.0.1", Reach.NEVER),
        ("240.0.0.1", Reach.NEVER),
        ("255.255.255.255", Reach.NEVER),
        ("::1", Reach.PRIVATE),
        ("fc00::1", Reach.PRIVATE),
        ("fdff::1", Reach.PRIVATE),
        ("fe80::1", Reach.PRIVATE),
        ("fe80::1%lo", Reach.NEVER),
        ("fec0::1", Reach.NEVER),
        ("::", Reach.NEVER),
        ("::2", Reach.NEVER),
        ("::127.0.0.1", Reach.NEVER),
        ("::ffff:8.8.8.8", Reach.NEVER),
        ("64:ff9b::8.8.8.8", Reach.NEVER),
        ("64:ff9b:1::1", Reach.NEVER),
        ("100::1", Reach.NEVER),
        ("2001::1", Reach.NEVER),
        ("2001:db8::1", Reach.NEVER),
        ("2002:7f00:1::", Reach.NEVER),
        ("3fff::1", Reach.NEVER),
        ("5f00::1", Reach.NEVER),
        ("ff02::1", Reach.NEVER),
    ],
)
def test_addresses_and_whom_they_belong_to(address: str, expected: Reach) -> None:
    """The edges of the networks, and every disguise that IPv6 has for IPv4."""
    assert expected == reach(ipaddress.ip_address(address))
