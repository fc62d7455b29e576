"""A path that is allowed by what it begins with stays there, whoever reads it."""

from __future__ import annotations

import posixpath
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caxton.errors import ToolError
from caxton.tools.builtin import locations
from caxton.tools.builtin.segments import goes_up

UP = (
    "..", "../x", "./x", ".", "a/../../x", "a/..",
    "%2e%2e/x", "%2E./x", ".%2e/x", "%2e", "a/%2e%2e",
    "..%2fx", "..%2Fx", "%2e%2e%2fx", "a%2f..%2f..%2fx", "..%2f", "a%2F..", "%2f..%2fx",
    "..%5cx", "..%5Cx", "%2e%2e%5cx", "a%5c..", "a%5c..%5c..%5cx",
    "..;/x", "..;a=b/x", "..%3b/x", "%2e%2e;/x", ".;/x", "..;", "..;x%2fy", "a/..;x",
    "..%252fx", "%252e%252e/x", "%252e%252e%252fx", "..%255cx", "..%253b/x", "..%25252fx", "%2%65%2%65/x", "%%32e%2e/x",
    "..%00/x", "..%00x", ".%00./x", "..%0a/x", ".%0d./x", "..%20/x", "%20../x", "..%09%2fx",
    "..%3fx", "..%23x", "..%3f/x",
    "%c0%ae%c0%ae/x", "%e0%80%ae./x", "..%c0%afx", "..%c1%9cx", "%25c0%25ae./x",
    "%u002e%u002e/x", "..%u002fx", "%uff0e%uff0e/x", "..%u005cx",
    "\uff0e\uff0e/x", "..\uff0fx", "%ef%bc%8e%ef%bc%8e/x", "..%ef%bc%8fx", "\u2025/x",
    "a%252525252525252fb",
)  # fmt: skip
INSIDE = (
    "", "x", "a/b", "a%2Fb", "a%2fb%2Fc", "%2F", "a%5cb", "a;b/c", ";/x", "a%20b", "a%252Fb", "%25", "100%", "%zz",
    "...", "a..b", "..a", "a..", ".well-known/x", ".a/..b/c..", "main...next", "a%2F..b", "..a%2Fb", "x%2e",
    "a.%2Fb", "ä", "\uff0ea", "%c0", "http%3A%2F%2Fa.example%2Fx", "http%253A%252F%252Fa.example%252Fx", "a%00b",
    "%2ehidden", "%u00e4", "x%3f..%3fy", "~a/%7Eb",
)  # fmt: skip


@pytest.mark.parametrize("path", UP)
def test_what_goes_up_is_refused(path: str) -> None:
    """Also for one server only. So it is where a server's redirect leads there."""
    assert goes_up(f"/public/{path}")
    with pytest.raises(ToolError) as caught:
        locations.parse(f"http://a.example/public/{path}")
    assert "tool.bad-arguments" == caught.value.code
    if "/." not in f"/{path}":  # those a browser, too, takes away before it asks
        with pytest.raises(ToolError):
            locations.join(locations.parse("http://a.example/public/"), path)


@pytest.mark.parametrize("path", INSIDE)
def test_other_paths_are_not(path: str) -> None:
    """Encoded slashes among them; and what a query says is nobody's path."""
    assert not goes_up(f"/public/{path}")
    assert locations.parse(f"http://a.example/public/{path}?to=..%2f../x").path.startswith("/public/")


def _decoding(times: int) -> Callable[[str], str]:
    def read(path: str) -> str:
        for _ in range(times):
            path = urllib.parse.unquote(path, "latin-1")
        return path

    return read


READERS = [_decoding(times) for times in range(4)]


@given(
    st.lists(st.sampled_from(".. . %2e / %2f \\ %5c %25 2 e f %00 ; %3b a %c0%ae %u002e %20 5c".split(" ")), max_size=9)
)
def test_every_reader_stays_below(pieces: list[str]) -> None:
    """Servers that decode up to three times, some of which know backslashes and parameters: none leaves the path."""
    path = "/public/" + "".join(pieces)
    if goes_up(path):
        return
    for read in READERS:
        found = read(path)
        for name in (found, found.replace("\\", "/")):
            bare = "/".join(part.partition(";")[0].partition("\0")[0] for part in name.split("/"))
            for one in (name, bare):
                assert f"{posixpath.normpath(one)}/".startswith("/public/")


@given(st.text(max_size=200))
def test_anything_has_an_answer(path: str) -> None:
    """Lone surrogates too; and once more encoded it has the same one, as far as anybody decodes."""
    if goes_up(f"/{path}"):
        assert goes_up(f"/{urllib.parse.quote(path, errors='surrogatepass')}")
