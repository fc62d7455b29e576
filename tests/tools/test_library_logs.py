"""What libraries log of a server's words: warnings and errors only, on one line, escaped."""

from __future__ import annotations

import logging

import pytest

from caxton.tools.log_filter import guard_logs
from caxton.tools.redaction import Redactor

NAMES = ("mcp.client.streamable_http", "openai", "httpx", "httpx2", "httpcore2.connection")
REASON = "OK\x1b[2J\u202e\nforged: line"


@pytest.mark.parametrize("name", NAMES)
def test_libraries_are_quiet(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """Also where the program's own loggers tell everything; afterwards they are as they were."""
    end = guard_logs(Redactor())
    other = guard_logs(Redactor())
    with caplog.at_level(1):
        end()
        end()
        log = logging.getLogger(name)
        log.info("HTTP Request: %s", REASON)
        log.debug("%s", REASON)
        assert not caplog.records
        logging.getLogger("caxton.tools").info("heard")
        other()
        log.info("again")
    assert ["heard", "again"] == caplog.messages
    assert logging.NOTSET == logging.getLogger(name.partition(".")[0]).level


@pytest.mark.parametrize("name", [*NAMES, "client"])
def test_what_they_say_is_escaped(caplog: pytest.LogCaptureFixture, name: str) -> None:
    """A traceback is one clause."""
    end = guard_logs(Redactor())
    log = logging.getLogger(name)
    try:
        log.warning("status %s", REASON)
        log.warning("%d", REASON)
        try:
            raise ValueError(REASON)
        except ValueError:
            log.exception("cannot be read")
    finally:
        end()
    assert "status OK\\x1b[2J\\u202e\\x0aforged: line" == caplog.messages[0]
    assert caplog.messages[2].startswith("cannot be read: ")
    assert all(message.isprintable() for message in caplog.messages)
    assert not any(record.exc_info or record.exc_text for record in caplog.records)
    assert "Traceback" not in caplog.text


def test_a_level_that_is_set_counts(caplog: pytest.LogCaptureFixture) -> None:
    """Who wants to see a library at work sees it, tracebacks and all, escaped."""
    log = logging.getLogger("httpx2")
    log.setLevel(logging.DEBUG)
    end = guard_logs(Redactor())
    try:
        log.info("HTTP Request: %s", REASON)
        try:
            raise ValueError(REASON)
        except ValueError:
            log.exception("cannot be read")
    finally:
        end()
        level = log.level
        log.setLevel(logging.NOTSET)
    assert logging.DEBUG == level
    assert "Traceback" in caplog.text
    assert "HTTP Request: OK\\x1b" in caplog.text
    assert "\x1b" not in caplog.text


def test_records_that_are_safe_keep_their_arguments(caplog: pytest.LogCaptureFixture) -> None:
    """For handlers that group lines."""
    end = guard_logs(Redactor())
    logging.getLogger("httpx2").warning("%s is %d", "a", 3)
    end()
    assert ("%s is %d", ("a", 3)) == (caplog.records[0].msg, caplog.records[0].args)
