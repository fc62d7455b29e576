"""What all tests share: a way to run coroutines that lets nothing go wrong unseen."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import settings

from caxton.toolchain import ToolchainError

# A busy machine makes no test fail: property tests have no time limit for an example.
settings.register_profile("caxton", deadline=None)
settings.load_profile("caxton")

# A shell starts what runs in its background with Ctrl-C ignored; what tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

T = TypeVar("T")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    """Skip a test whose fixture wants a compiler that this machine lacks; in CI that is a failure (no_skips)."""
    with _skipped_without_toolchain():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Skip a test that wants a compiler which this machine lacks."""
    with _skipped_without_toolchain():
        return (yield)


@contextlib.contextmanager
def _skipped_without_toolchain() -> Iterator[None]:
    try:
        yield
    except ToolchainError as error:
        if error.code != "toolchain.missing":
            raise
        pytest.skip(str(error))


_PATIENCE = 300.0
"""Seconds after which a test that waits for ever is given up; no test comes near it."""


class Run(Protocol):
    """Runs a coroutine to its end, on an event loop of its own."""

    def __call__(self, main: Coroutine[Any, Any, T], /) -> T: ...


class _Mistakes(logging.Handler):
    """Keeps what Caxton logs as its own mistakes; what agents log is theirs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "caxton.agent":
            self.found.append(self.format(record))


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs coroutines; an error that nobody awaited, or that Caxton caught and logged, fails the test."""
    mistakes = _Mistakes()
    logger = logging.getLogger("caxton")
    logger.addHandler(mistakes)

    def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        mistakes.found.append(f"{context.get('message')}: {context.get('exception')!r}")

    def go(main: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(unhandled)
            try:
                return runner.run(asyncio.wait_for(main, _PATIENCE))
            finally:
                gc.collect(1)  # an exception that nobody has looked at is told of when its future goes

    yield go
    logger.removeHandler(mistakes)
    assert mistakes.found == []
