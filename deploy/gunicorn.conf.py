"""gunicorn's settings, the same for every service and for the one-machine set-up."""

import gc
import logging
import socket
import struct
from pathlib import Path
from typing import Any

from shared.log import WithoutRequests

worker_class = "gthread"
workers = 1
threads = 8
timeout = 60
graceful_timeout = 15
keepalive = 5
# Our own access log holds route templates; gunicorn's would hold paths.
accesslog = None
errorlog = "-"
loglevel = "warning"
logging.getLogger("gunicorn.error").addFilter(WithoutRequests())
control_socket_disable = True
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat file, made by it under a random name
worker_tmp_dir = str(SHARED_MEMORY) if SHARED_MEMORY.is_dir() else None  # heartbeats must not wait for a disk
limit_request_line = 4094
limit_request_fields = 60
PATIENCE = 10  # seconds


def post_worker_init(worker: Any) -> None:
    """Have the garbage collector pass by what was made at the start: it stays."""
    gc.collect()
    gc.freeze()


def when_ready(server: Any) -> None:
    """Let go of a caller who stops in the middle of a request: eight of them would hold all threads, for ever.

    The kernel hands this on to every connection that is accepted. An edge that waits for the whole of a request
    before it passes it on, as ours does, never comes to it.
    """
    for listener in server.LISTENERS:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
