"""The sandbox on its own port of this machine, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from services.sandbox.app import create_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from services.sandbox.state import SandboxConfig, Stage


class QuietHandler(WSGIRequestHandler):
    """Writes no access log: the paths of some processors hold addresses."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def listen(app: Flask, port: int) -> BaseWSGIServer:
    """Return a threaded server of loopback only; port 0 takes a free one."""
    return make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)


@contextmanager
def running(config: SandboxConfig, port: int = 0) -> Iterator[tuple[str, Stage]]:
    """Run a sandbox in this process; yields its origin and its shared state."""
    app = create_sandbox(config)
    stage: Stage = app.extensions["sandbox"]
    server = listen(app, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", stage
    finally:
        stage.reset()
        stage.background.close()
        server.shutdown()
        server.server_close()
        thread.join()


def serve(config: SandboxConfig, port: int) -> None:
    """Serve until SIGTERM or SIGINT; only from a program's main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running(config, port):
        stop.wait()
