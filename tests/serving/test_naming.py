"""A request may name the hosts of a list, and no others, however they are written."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.serving.naming import AllowedHosts

PIECES = st.sampled_from(
    "localhost LOCALHOST : 80 8080 @ evil.example . [::1] [ ] / \\ # ? %00 \t 127.0.0.1 \uff10 ".split(" ")
)


@pytest.mark.parametrize(
    ("allowed", "named", "others"),
    [
        ("localhost", ["localhost", "LOCALHOST", "localhost:1", "localhost:65535"], ["localhost.", "localhos", ""]),
        ("LocalHost", ["localhost:1"], ["local"]),
        ("a.example:8080", ["a.example:8080", "A.EXAMPLE:8080"], ["a.example", "a.example:80", "a.example:80801"]),
        ("a.example:*", ["a.example", "a.example:1"], ["b.example"]),
        ("[::1]", ["[::1]", "[::1]:5"], ["::1", "[::1]:", "[::1]5", "[::2]"]),
        ("10.0.0.1", ["10.0.0.1:99"], ["10.0.0.1:99a", "10.0.0.10", "10.0.0.1:123456", "10.0.0.1:\u0661"]),
    ],
)
def test_what_a_list_names(allowed: str, named: list[str], others: list[str]) -> None:
    """A host without a port in any case, with any port; one with a port, with that one."""
    hosts = AllowedHosts([allowed])
    assert [*named] == [text for text in (*named, *others) if hosts.has(text)]


@given(st.one_of(st.text(), st.lists(PIECES, max_size=6).map("".join)))
def test_what_is_let_through_is_that_host_for_others_too(text: str) -> None:
    """Who takes it for the authority of a URL sees a host of the list."""
    if AllowedHosts(["localhost", "127.0.0.1:80"]).has(text):
        found = urllib.parse.urlsplit(f"http://{text}/")
        assert (found.hostname, found.username) in {("localhost", None), ("127.0.0.1", None)}
        assert found.hostname == "localhost" or found.port == 80
