"""gunicorn's settings, the same for every service and for the one-machine set-up."""

import logging
from pathlib import Path

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
