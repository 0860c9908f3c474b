"""What only shows on a real server: chunked bodies, broken requests, and everything it writes to its log."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Run the app under gunicorn; give its port and its log."""
    home = tmp_path_factory.mktemp("served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    environ = os.environ | {"DISCREET_MODE": "trial", "DISCREET_HOME": str(home)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "tests.shared.web.served:app"], cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(port, server)
        yield port, home / "log"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert server.poll() is None, "gunicorn did not start"
        time.sleep(0.05)


def post(port: int, path: str, chunks, headers=None):
    """Post a body without a Content-Length; give status and JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"} | (headers or {})
        connection.request("POST", path, iter(chunks), headers, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_chunked_body_is_read(served) -> None:
    """A body without a Content-Length is a body."""
    assert post(served[0], "/served/v1/texts", [b'{"te', b'xt": "a"}']) == (200, {"size": 13})


def test_a_chunked_body_larger_than_the_route_takes_is_refused(served) -> None:
    """The limit is on what comes in, not on what was announced."""
    status, problem = post(served[0], "/served/v1/texts", [b'{"text": "', *[b"x" * 100] * 10, b'"}'])
    assert (status, problem["type"]) == (413, "/problems/too-large")
    assert post(served[0], "/served/v1/webhooks", [b"x" * 100_000] * 25) == (200, {"size": 2_500_000})
    status, problem = post(served[0], "/served/v1/webhooks", [b"x" * 100_000] * 26)
    assert (status, problem["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize("chunks", [b"geheim\r\n", b"5\r\ngeheim\r\n", b"-1\r\n\r\n", b"5;geheim=\x00\r\nx"])
def test_chunks_that_are_none_are_a_malformed_body(served, chunks) -> None:
    """Not a fault of ours, and nothing of them in the answer."""
    head = b"POST /served/v1/texts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", served[0]), 10) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"/problems/malformed-body" in answer
    assert b"geheim" not in answer


def test_a_body_that_broke_off_is_not_taken_for_a_whole_one(served) -> None:
    """What came of a form can be read: half a message, or an address cut short that is somebody else's."""
    form = b"email=anne%40voorbeeld.example.org"
    head = b"POST /served/v1/webhooks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(
        form
    )
    for came, status in ((form, b"200"), (form[:-4], b"400"), (b"", b"400")):
        with socket.create_connection(("127.0.0.1", served[0]), 10) as connection:
            connection.sendall(head + came)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 " + status)


def test_callers_who_stop_halfway_hold_nobody_up_for_long(served) -> None:
    """As many as there are threads, with half a head and with half a body; the latter are told."""
    head = b"POST /served/v1/texts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n"
    with contextlib.ExitStack() as stack:
        stopped = []
        for said in [head] * 4 + [head + b'Connection: close\r\n\r\n{"geheim'] * 4:
            stopped.append(stack.enter_context(socket.create_connection(("127.0.0.1", served[0]), 30)))
            stopped[-1].sendall(said)
        assert post(served[0], "/served/v1/texts", [b'{"text": "a"}']) == (200, {"size": 13})
        answers = [b"".join(iter(lambda each=each: each.recv(65_536), b"")) for each in stopped]
    assert all(b"/problems/malformed-body" in answer for answer in answers[4:])
    assert not any(b" 200 " in answer or b" 500 " in answer for answer in answers)
    text = served[1].read_text()
    assert "geheim" not in text.lower()
    assert "Traceback" not in text


def test_p4_nothing_a_caller_sends_comes_into_the_log(served) -> None:
    """Whatever a caller does, with paths, queries, headers, bodies and failures."""
    port, log = served
    for line in (
        b"GET /served/v1/failing/geheim HTTP/1.1",
        b"GET /served/v1/failing/x?q=geheim HTTP/1.1",
        b"GET /geheim%00 HTTP/1.1",
        b"GET http://geheim.example/geheim HTTP/1.1",
        b"POST /served/v1/texts?geheim=1 HTTP/1.1\r\nContent-Length: 6\r\nContent-Type: geheim/geheim",
        b"GEHEIM /served/v1/texts HTTP/1.1",
        b"Geheim /served/v1/texts HTTP/1.1",
        b"GET /served/v1/failing/een geheim HTTP/1.1",
        b"GET /served/v1/failing/x HTTP/1.1\r\ngeheim : x",
        b"GET /served/v1/failing/x HTTP/1.1\r\nExpect: geheim",
        b"GET /served/v1/failing/x HTTP/1.1\r\nX: " + b"geheim" * 2000,
        b"GET /" + b"geheim" * 1000 + b" HTTP/1.1",
        b"GET /served/v1/failing/%ff%feg HTTP/1.1\r\ntraceparent: geheim\r\nReferer: geheim\r\nUser-Agent: geheim",
    ):
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\ngeheim")
            while connection.recv(65_536):
                pass
    text = log.read_text()
    assert '"exception": "RuntimeError"' in text
    assert "What came was no request as HTTP has them." in text
    assert "geheim" not in text.lower()
    assert "127.0.0.1" not in text.replace(f"http://127.0.0.1:{port}", "")  # but where it listens
