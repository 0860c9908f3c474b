"""What a processor's server may do to us, over real sockets: every failure comes back as one of our two errors."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests
import urllib3

from shared.errors import OutsideError, PermanentError, RetryableError
from shared.processors.http import ProcessorSession, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "anne.jansen@example.nl"


@contextmanager
def raw_server(*pieces: bytes, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """Answer every connection with these bytes and close it; yields the base URL and what was received."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65536))
                    try:
                        for piece in pieces:
                            connection.sendall(piece)
                            time.sleep(pause)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", received
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    """Write an HTTP answer with this status line, body and extra header lines."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def failure_of(session: ProcessorSession, *segments: str) -> OutsideError:
    """Call and return the error, after checking that nothing about the person is in its whole traceback."""
    with pytest.raises(OutsideError) as caught:
        session.send("POST", *(segments or ("members", ADDRESS)), form=[("email", ADDRESS)])
    text = "".join(traceback.format_exception(caught.value))
    assert "anne" not in text
    assert "127.0.0.1" not in text
    return caught.value


@pytest.mark.parametrize("status", ["408 Request Timeout", "425 Too Early", "500 No", "502 No", "503 No"])
def test_a_failure_of_the_processor_itself_is_retryable(status: str) -> None:
    """A 5xx or a time-out that the processor admits may go better later."""
    with raw_server(answer(status, ADDRESS.encode())) as (url, _):
        failure = failure_of(ProcessorSession(base_url=url))
    assert isinstance(failure, RetryableError)
    assert failure.retry_after is None
    assert failure.detail == f"The processor answered {status[:3]}."


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("37", 37), ("999999", 86400), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("²", None)],
)
def test_a_429_carries_the_wait_the_processor_asked_for(header: str, seconds: int | None) -> None:
    """Retry-After in seconds is passed on, bounded to a day; anything else is left to our own back-off."""
    with raw_server(answer("429 Slow", b"", f"Retry-After: {header}")) as (url, _):
        failure = failure_of(ProcessorSession(base_url=url))
    assert isinstance(failure, RetryableError)
    assert failure.retry_after == seconds


def test_nobody_listening_is_retryable() -> None:
    """A refused connection is a processor that is down."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(failure_of(ProcessorSession(base_url=f"http://127.0.0.1:{port}")), RetryableError)


def test_silence_ends_in_a_time_out_that_is_retryable() -> None:
    """A processor that takes the call and says nothing is left after the read time-out."""
    with raw_server(b"", pause=1) as (url, _):
        began = time.monotonic()
        failure = failure_of(ProcessorSession(base_url=url, read_seconds=0.2))
        assert time.monotonic() - began < 0.8
    assert isinstance(failure, RetryableError)
    assert failure.detail == "The processor did not answer in time."


def test_an_answer_that_trickles_in_is_bounded_as_a_whole() -> None:
    """Each byte in time is not enough: the whole answer has a bound too."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    with raw_server(head, *[b" "] * 50, pause=0.05) as (url, _):
        began = time.monotonic()
        failure = failure_of(ProcessorSession(base_url=url, read_seconds=1, whole_seconds=0.3))
        assert time.monotonic() - began < 1.5
    assert isinstance(failure, RetryableError)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 20",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        answer("200 OK", b"not gzip", "Content-Encoding: gzip"),
    ],
)
def test_an_answer_that_is_cut_off_or_garbled_is_retryable(sent: bytes) -> None:
    """Half an answer is no answer, whatever its first line said."""
    with raw_server(sent) as (url, _):
        assert isinstance(failure_of(ProcessorSession(base_url=url)), RetryableError)


def test_a_redirect_is_not_followed() -> None:
    """Where a redirect points is not on the register, so nothing is sent there."""
    with raw_server(answer("200 OK")) as (elsewhere, reached):
        with raw_server(answer("307 Go", b"", f"Location: {elsewhere}")) as (url, _):
            failure = failure_of(ProcessorSession(base_url=url))
        assert reached == []
    assert isinstance(failure, PermanentError)


def test_an_answer_larger_than_allowed_is_left() -> None:
    """A body is read up to its bound, also when it says no length."""
    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5000) as (url, _):
        failure = failure_of(ProcessorSession(base_url=url, largest=1000))
    assert isinstance(failure, PermanentError)


@pytest.mark.parametrize(
    ("base", "hosts"),
    [
        ("https://evil.example", frozenset({"api.example"})),
        ("https://api.example.evil.example", frozenset({"api.example"})),
        ("https://user@api.example", frozenset({"api.example"})),
        ("http://api.example", frozenset({"api.example"})),
        ("http://127.0.0.1.evil.example", frozenset()),
        ("ftp://api.example", frozenset()),
        ("https://[broken", frozenset({"api.example"})),
    ],
)
def test_only_hosts_of_the_registered_party_are_called_and_over_https(base: str, hosts: frozenset[str]) -> None:
    """Another host, or plain HTTP beyond this machine, is refused before a name is looked up."""
    session = ProcessorSession(base_url="https://api.example", hosts=hosts or frozenset({base.split("/")[2]}))
    with pytest.raises(PermanentError):
        session.send_to(f"{base}/members", "GET")


def test_a_path_segment_cannot_leave_its_place() -> None:
    """A segment is quoted whole, so an address with a slash stays one segment; dots alone are refused."""
    with raw_server(answer("200 OK")) as (url, received):
        session = ProcessorSession(base_url=url)
        session.send("GET", "members", "a/../b?x=1@example.nl")
        with pytest.raises(PermanentError):
            session.send("GET", "members", "..")
    assert received[0].startswith(b"GET /v1/members/a%2F..%2Fb%3Fx%3D1%40example.nl HTTP/1.1")
    assert len(received) == 1


def test_the_idempotency_key_goes_where_the_processor_reads_it() -> None:
    """Only a processor that names a header for it gets the key."""
    with raw_server(answer("200 OK")) as (url, received):
        ProcessorSession(base_url=url, idempotency_header="X-Request-Id").send("POST", "a", idempotency_key="k-1")
        ProcessorSession(base_url=url).send("POST", "a", idempotency_key="k-2")
    assert b"X-Request-Id: k-1\r\n" in received[0]
    assert b"k-2" not in received[1]


def test_a_business_answer_is_handed_over_with_its_body() -> None:
    """A 4xx that is not about time is for the adapter to judge."""
    with raw_server(answer("404 Not Found", b'{"code": 7}', "X-Limit: 3")) as (url, _):
        found = ProcessorSession(base_url=url).send("GET", "a")
    assert (found.status, found.ok, found.object(), found.headers["x-limit"]) == (404, False, {"code": 7}, "3")


def test_a_reader_gets_a_good_answer_as_it_comes_and_is_bounded_like_everybody() -> None:
    """What it makes of it is all that is kept; of an error the body is read as ever."""

    def count(parts: Iterator[bytes]) -> int:
        return sum(len(part) for part in parts)

    with raw_server(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 3000] * 3, pause=0.02) as (url, _):
        read = ProcessorSession(base_url=url).send("GET", "a", reader=count)
        with pytest.raises(PermanentError):
            ProcessorSession(base_url=url, largest=5000).send("GET", "a", reader=count)
    assert (read.read, read.body) == (9000, b"")
    with raw_server(answer("404 Not Found", b"none")) as (url, _):
        refused = ProcessorSession(base_url=url).send("GET", "a", reader=count)
    assert (refused.read, refused.body) == (None, b"none")


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_a_page_instead_of_json_is_retryable(body: bytes) -> None:
    """A portal or a maintenance page in between is not the processor's answer."""
    with raw_server(answer("200 OK", body)) as (url, _):
        found = ProcessorSession(base_url=url).send("GET", "a")
    with pytest.raises(RetryableError):
        found.json()
    assert found.object() == {}


def test_the_environment_does_not_decide_who_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable would hand the call, address and all, to another host."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with raw_server(answer("200 OK")) as (url, _):
        assert ProcessorSession(base_url=url).send("GET", "a").ok


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (requests.exceptions.ConnectTimeout(ADDRESS), RetryableError),
        (requests.exceptions.ReadTimeout(ADDRESS), RetryableError),
        (requests.exceptions.SSLError(ADDRESS), RetryableError),
        (requests.exceptions.ConnectionError(ADDRESS), RetryableError),
        (requests.exceptions.ChunkedEncodingError(ADDRESS), RetryableError),
        (requests.exceptions.ContentDecodingError(ADDRESS), RetryableError),
        (requests.exceptions.InvalidURL(ADDRESS), PermanentError),
        (requests.exceptions.InvalidSchema(ADDRESS), PermanentError),
        (requests.exceptions.InvalidHeader(ADDRESS), PermanentError),
        (urllib3.exceptions.ProtocolError(ADDRESS), RetryableError),
        (urllib3.exceptions.DecodeError(ADDRESS), RetryableError),
        (urllib3.exceptions.LocationParseError(ADDRESS), PermanentError),
        (TimeoutError(ADDRESS), RetryableError),
        (ConnectionResetError(ADDRESS), RetryableError),
        (UnicodeError(ADDRESS), PermanentError),
    ],
)
def test_every_error_of_the_libraries_becomes_one_of_ours(foreign: Exception, ours: type[OutsideError]) -> None:
    """No foreign error leaves the module, and none lends its message to ours."""
    failure = translated(foreign)
    assert isinstance(failure, ours)
    assert ADDRESS not in failure.detail


def test_nothing_about_a_person_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With the log levels of an installation, a call with an address in its path leaves no line about it."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.ERROR, logger="urllib3")
    with raw_server(answer("200 OK")) as (url, _):
        ProcessorSession(base_url=url).send("GET", "members", ADDRESS)
    assert "anne" not in caplog.text
