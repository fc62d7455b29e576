"""No log line carries a secret: not its message, its arguments, its traceback, nor what is attached to it."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from caxton.tools.log_filter import Redacted, RedactingFilter, guard_logs
from caxton.tools.redaction import Redactor

LIBRARIES = ("mcp", "httpx")
CANARY = "canary-3f9a1c77"


@pytest.fixture
def redactor() -> Redactor:
    """One that knows the canary."""
    found = Redactor()
    found.add("TOKEN", CANARY)
    return found


class _Everything(logging.Handler):
    """Writes all that a handler could write of a record: also what only JSON formatters look at."""

    def __init__(self) -> None:
        super().__init__(1)
        self.text = io.StringIO()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.text.write(logging.Formatter("%(name)s %(message)s").format(record) + "\n")
        self.text.write(json.dumps(vars(record), default=repr) + "\n")
        if record.exc_info and record.exc_info[0] is not None:
            self.text.write("".join(traceback.format_exception(*record.exc_info)))


@pytest.fixture
def written(redactor: Redactor) -> Iterator[_Everything]:
    """What is written of all loggers, while their records are guarded."""
    handler = _Everything()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    for name in LIBRARIES:  # of which somebody wants to know everything
        logging.getLogger(name).setLevel(1)
    end = guard_logs(redactor)
    yield handler
    end()
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(0)
    root.setLevel(level)
    root.removeHandler(handler)


def _fail() -> None:
    try:
        raise ValueError(f"status 401 for key {CANARY}")
    except ValueError as error:
        raise RuntimeError("no answer") from error


@pytest.mark.parametrize(
    "name", ["caxton", "caxton.tools", "caxton.tools.not.made.yet", "mcp.client", "httpx", "asyncio"]
)
def test_messages_arguments_and_tracebacks(written: _Everything, name: str) -> None:
    """Of every logger that may see a secret, also of ones that are made later."""
    log = logging.getLogger(name)
    log.warning("the header is %s", CANARY)
    log.warning("the header is " + CANARY)
    log.debug("%(a)s %(b)r", {"a": 1, "b": {"key": CANARY}})
    log.info("%s", json.dumps({"key": CANARY}).replace("c", "\\u0063"))
    log.error(ValueError(CANARY))
    log.warning("%d bytes for %s", "no number", CANARY)
    log.warning(CANARY + " %s")
    try:
        _fail()
    except RuntimeError:
        log.exception("it failed")
    log.warning("where", stack_info=True)
    text = written.text.getvalue()
    assert CANARY not in text
    assert text.count("[secret:TOKEN]") > 8
    assert 9 == len(written.records)
    assert "it failed" in text
    assert "RuntimeError: no answer" in text
    assert "ValueError: status 401 for key [secret:TOKEN]" in text


def test_an_exception_is_replaced_only_where_it_must_be(written: _Everything) -> None:
    """Handlers that look at exceptions still have those that tell nothing."""
    log = logging.getLogger("caxton.tools")
    for message in ("harmless", CANARY):
        try:
            raise KeyError(message)
        except KeyError:
            log.exception("it failed")
    first, second = (record.exc_info for record in written.records)
    assert first is not None
    assert second is not None
    assert (KeyError, Redacted) == (first[0], second[0])
    assert "KeyError: '[secret:TOKEN]'" == str(second[1])


def test_other_loggers_are_left_alone(written: _Everything) -> None:
    """A program's own lines are its own business, also where a name only begins alike."""
    for name in ("app", "caxtonian", "root"):
        logging.getLogger(name).warning("mine: %s", CANARY)
    assert 3 == sum(record.getMessage() == f"mine: {CANARY}" for record in written.records)


def test_records_without_a_secret_stay_as_they_are(written: _Everything) -> None:
    """With their arguments apart, as handlers that group lines want them."""
    logging.getLogger("caxton").warning("%s is %d", "a", 3)
    assert ("%s is %d", ("a", 3)) == (written.records[0].msg, written.records[0].args)


def test_guards_end_in_any_order(redactor: Redactor) -> None:
    """Two hosts in one process; a factory of somebody else's between them stays."""
    before = logging.getLogRecordFactory()
    first = guard_logs(redactor)
    other = guard_logs(redactor)
    first()
    assert logging.getLogRecordFactory() is not before
    record = logging.getLogger("caxton").makeRecord("caxton", 30, "f", 1, CANARY, (), None)
    assert "[secret:TOKEN]" == record.getMessage()
    other()
    record = logging.getLogger("caxton").makeRecord("caxton", 30, "f", 1, CANARY, (), None)
    assert CANARY == record.getMessage()
    logging.setLogRecordFactory(before)


def test_a_filter_for_handlers(redactor: Redactor) -> None:
    """It looks at everything that is attached to a record, too."""
    handler = _Everything()
    handler.addFilter(RedactingFilter(redactor))
    log = logging.Logger("somewhere")  # noqa: LOG001 - of nobody else's
    log.addHandler(handler)
    extra: dict[str, Any] = {"url": f"https://x/?k={CANARY}", "headers": {"a": [CANARY]}, "pair": (CANARY, 1), "n": 1}
    log.warning("sent", extra=extra)
    log.warning("sent", extra={"pair": ("a", 1)})
    assert CANARY not in handler.text.getvalue()
    assert ("https://x/?k=[secret:TOKEN]", 1) == (vars(handler.records[0])["url"], vars(handler.records[0])["n"])
    assert ("a", 1) == vars(handler.records[1])["pair"]


def test_a_filter_without_secrets_changes_nothing() -> None:
    """Not even a record whose arguments do not fit."""
    record = logging.makeLogRecord({"msg": "%d", "args": ("x",)})
    assert RedactingFilter(Redactor()).filter(record)
    assert ("%d", ("x",)) == (record.msg, record.args)
