"""A pytest plugin: in CI, a test that was skipped has not passed.

On a developer's machine a skip is a remark. With CI=true in the environment it fails the session, and the reasons are
printed. `make test` loads it with `-p tests.no_skips`.
"""

from __future__ import annotations

import os

import pytest

_skipped: list[str] = []


def in_ci() -> bool:
    """Tell whether this run is one of continuous integration."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        _skipped.append(f"{report.nodeid}: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember a test that was skipped."""
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember a file that was skipped as a whole."""
    _note(report)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn skips into failure."""
    if in_ci() and _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped, and that this is why the session fails."""
    if in_ci() and _skipped:
        terminalreporter.section("skipped, which CI does not allow", red=True)
        for line in _skipped:
            terminalreporter.line(line)
