"""The demo's guests are built once, whole or not at all, into a directory that nobody else can write."""

from __future__ import annotations

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from caxton.demo import DemoError, build


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "caxton" / "demo"


@pytest.fixture
def few_sources(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of one small C guest instead of the demo's seven."""
    sources = tmp_path_factory.mktemp("sources")
    (sources / "small.c").write_text('__attribute__((export_name("f"))) int f(void) { return 1; }\n')
    (sources / "text.wat").write_text("(module)")
    monkeypatch.setattr(build, "SOURCES", sources)
    return sources


def test_a_second_build_is_the_first_one(cache: Path, few_sources: Path) -> None:
    """What was built is found again, also without the compiler."""
    first = build.build_guests()
    second = build.build_guests()
    assert (first.built, second.built) == (True, False)
    assert first.modules == second.modules
    assert first.modules["small"].read_bytes().startswith(b"\0asm")
    assert first.modules["text"] == few_sources / "text.wat"


def test_changed_sources_are_built_anew(cache: Path, few_sources: Path) -> None:
    """A changed header is another build, even when no source has changed."""
    before = build.build_guests()
    (few_sources / "extra.h").write_text("// new")
    after = build.build_guests()
    assert after.built
    assert before.modules["small"] != after.modules["small"]


def test_builds_at_the_same_time_do_not_disturb_each_other(cache: Path, few_sources: Path) -> None:
    """Two builds at once both succeed, and leave one directory and nothing half-made."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: build.build_guests(), range(2)))
    assert found[0].modules == found[1].modules
    assert [found[0].modules["small"].parent] == list(cache.iterdir())


def test_a_failed_build_leaves_nothing_and_names_the_source(cache: Path, few_sources: Path) -> None:
    """A source that does not compile is an error with the compiler's words, and is not cached."""
    (few_sources / "small.c").write_text("int f(void) { return nonsense; }\n")
    with pytest.raises(DemoError, match=r"small\.c failed(.|\n)*nonsense"):
        build.build_guests()
    assert list(cache.iterdir()) == []


def test_without_the_compiler_the_error_says_what_to_install(
    cache: Path, few_sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ziglang the user is told the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DemoError, match=r'pip install "caxton\[demo\]"') as caught:
        build.build_guests()
    assert caught.value.code == "config.invalid"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_cache_is_the_user_s_alone(cache: Path, few_sources: Path) -> None:
    """The cache directory is made with mode 0700; one that others may write to is refused."""
    build.build_guests()
    assert cache.stat().st_mode & 0o777 == 0o700
    cache.chmod(0o777)
    with pytest.raises(DemoError, match="others may write"):
        build.build_guests()


def test_without_a_home_the_error_says_what_to_set(few_sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that has no home, as in a container, is told which variable names another place."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # nobody's
    with pytest.raises(DemoError, match="there is no home directory to build in: set XDG_CACHE_HOME") as caught:
        build.build_guests()
    assert caught.value.code == "config.invalid"


def test_a_link_in_place_of_the_cache_is_refused(cache: Path, few_sources: Path, tmp_path: Path) -> None:
    """A symbolic link at the cache's name is refused: it may lead anywhere."""
    (tmp_path / "elsewhere").mkdir()
    cache.parent.mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DemoError, match="not a directory of yours"):
        build.build_guests()
