"""What a container's watcher asks."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from services.healthcheck import OLDEST, is_well
from shared.bell import Bell
from shared.loops import Loop, run_all


class Answering(BaseHTTPRequestHandler):
    """Answers with the number in its path."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_a_web_process_is_well_when_it_says_so(status: int, well: bool):
    """503 names a part that is not ready; no answer is no health."""
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert is_well(f"http://127.0.0.1:{server.server_port}/{status}") is well
        thread.join()
    assert not is_well(f"http://127.0.0.1:{server.server_port}/200")


def test_a_worker_is_well_while_it_touches_its_file(tmp_path: Path):
    """A file that is old or not there means loops that do not go round."""
    pulse = tmp_path / "worker.pulse"
    assert not is_well(str(pulse))
    stop = threading.Event()
    worker = threading.Thread(target=run_all, args=([Loop("rest", lambda: False, Bell())], stop, pulse))
    worker.start()
    deadline = time.monotonic() + 10
    while not is_well(str(pulse)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_well(str(pulse))
    stop.set()
    worker.join()
    long_ago = time.time() - OLDEST - 1
    os.utime(pulse, (long_ago, long_ago))
    assert not is_well(str(pulse))
