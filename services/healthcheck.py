"""`python -m services.healthcheck TARGET`: ends with 0 when a process is well. Standard library only, and quick.

TARGET is the address of a web process, or the file that a worker touches while its loops go round.
"""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ALIVE = "http://127.0.0.1:8000/healthz"
OLDEST = 30.0  # seconds; a worker touches its file every second
PATIENCE = 4.0


def is_well(target: str) -> bool:
    """Ask the address, or look at the file."""
    if not target.startswith("http://"):
        return _is_fresh(Path(target))
    try:
        with urllib.request.urlopen(target, timeout=PATIENCE) as answer:  # noqa: S310 - http, seen above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_fresh(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime < OLDEST
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_well(sys.argv[1] if sys.argv[1:] else ALIVE))
