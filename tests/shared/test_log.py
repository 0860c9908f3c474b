"""Log lines: JSON on standard error, with types and frames, and never what somebody gave in confidence."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from shared import log
from shared.database import Database
from shared.log import JsonLines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURED = "from shared.log import configure_logging; configure_logging()\n"


@pytest.fixture
def logger() -> Iterator[tuple[logging.Logger, StringIO]]:
    """A logger that writes our lines where the test can read them."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    made = logging.getLogger("tests.log")
    made.propagate = False
    made.handlers = [handler]
    yield made, stream
    made.handlers = []


def lines(stream: StringIO) -> list[dict[str, Any]]:
    """What was written, a JSON object a line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def said_by(script: str) -> list[dict[str, Any]]:
    """What a process of its own logs."""
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURED + script], capture_output=True, text=True, check=False, timeout=60
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def greet(name: str) -> None:
    """Fail the way code fails: with the value in the message."""
    raise ValueError(f"{name} has no such key: {name!r}")


def test_of_an_exception_the_type_and_the_frames_are_logged_and_not_its_message(logger) -> None:
    """Where it went wrong helps; whom it concerned stays out."""
    ours, stream = logger
    try:
        greet("Anna Jansen")
    except ValueError:
        ours.exception("a greeting failed")
    [line] = lines(stream)
    assert line["message"] == "a greeting failed"
    assert line["exception"] == "ValueError"
    assert line["frames"][-1].endswith(":greet")
    assert "Anna" not in stream.getvalue()


def test_nor_are_the_messages_of_what_caused_it(logger) -> None:
    """A chain of exceptions repeats them."""
    ours, stream = logger
    try:
        try:
            greet("Anna Jansen")
        except ValueError as error:
            raise RuntimeError("for Anna Jansen") from error
    except RuntimeError:
        ours.exception("a greeting failed")
    assert "Anna" not in stream.getvalue()


def test_an_error_of_the_database_is_logged_without_what_was_to_be_stored(logger, tmp_path: Path) -> None:
    """Also when somebody logs the error itself."""
    ours, stream = logger
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    try:
        with database.transaction() as session:
            session.execute(sa.text("INSERT INTO missing VALUES (:name)"), {"name": "Anna Jansen"})
    except sa.exc.OperationalError as error:
        ours.error("failed: %s", error)
        ours.exception("failed")
    assert len(lines(stream)) == 2
    assert "Anna" not in stream.getvalue()
    database.close()


def test_a_line_has_its_time_its_level_its_logger_and_the_fields_it_was_given(logger) -> None:
    """What a search in the log goes by."""
    ours, stream = logger
    ours.warning("a batch is redone", extra={"fields": {"service": "intake", "rows": 3}})
    [line] = lines(stream)
    assert line | {"time": ""} == {
        "time": "",
        "level": "warning",
        "logger": "tests.log",
        "message": "a batch is redone",
        "service": "intake",
        "rows": 3,
    }
    assert line["time"].endswith("Z")


def test_a_line_carries_the_trace_of_the_call_it_belongs_to(logger) -> None:
    """From a form to its last receipt, over processes."""
    ours, stream = logger
    token = log.traceparent.set("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    ours.warning("during")
    log.traceparent.reset(token)
    ours.warning("after")
    during, after = lines(stream)
    assert during["traceparent"].startswith("00-0af7")
    assert "traceparent" not in after


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "\ud800 half a letter", "\u2028"])
def test_a_message_is_one_line_whatever_is_in_it(text: str) -> None:
    """Nobody writes a second line into the log, or colours a terminal."""
    # Formatted here: what goes through a logger pytest keeps for its report, which half a letter cannot be sent in.
    line = JsonLines().format(logging.makeLogRecord({"msg": "said: %s", "args": (text,)}))
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert json.loads(line)["message"] == f"said: {text}"


def test_fields_that_json_does_not_know_are_written_as_text(logger, tmp_path: Path) -> None:
    """A line must not be lost, nor a traceback be printed in its place."""
    ours, stream = logger
    ours.warning("where", extra={"fields": {"path": tmp_path}})
    assert lines(stream)[0]["path"] == str(tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        "raise ValueError('Anna Jansen')",
        "import threading; thread = threading.Thread(target=lambda: {}['Anna Jansen']); thread.start(); thread.join()",
    ],
    ids=["in the main thread", "in another thread"],
)
def test_an_exception_that_nobody_caught_is_a_line_like_any_other(script: str) -> None:
    """Python would print it with its message."""
    [line] = said_by(script)
    assert line["level"] == "critical"
    assert line["exception"] in {"ValueError", "KeyError"}
    assert "Anna" not in json.dumps(line)


def test_libraries_that_repeat_addresses_are_kept_quiet() -> None:
    """urllib3 and pika write URLs into their lines."""
    script = (
        "import logging\n"
        "logging.getLogger('urllib3.connectionpool').warning('Retrying http://x/?email=anna@example.nl')\n"
        "logging.getLogger('pika.adapters').warning('amqp://user:geheim@host')\n"
        "logging.getLogger('services.intake').warning('heard')\n"
    )
    assert [line["message"] for line in said_by(script)] == ["heard"]


def test_configuring_twice_does_not_say_everything_twice() -> None:
    """The command and the loops both do it."""
    assert len(said_by(CONFIGURED + "import logging; logging.getLogger('x').warning('once')")) == 1
