"""A private edge: the nginx of the distribution, with the configuration we ship and a place of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.kept import Kept, MissingServerError, free_port, listens

if TYPE_CHECKING:
    from collections.abc import Mapping

SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "edge" / "nginx.conf"
PLACE = """\
listen 127.0.0.1:{http};
listen 127.0.0.1:{https} ssl http2;
ssl_certificate {certificate};
ssl_certificate_key {certificate};
"""

# Containers find each other by name. Here they all are on one address, so that a path has to tell which is meant.
INSIDE = """\
daemon off;
worker_processes 1;
pid inside.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path inside-bodies;
    proxy_temp_path inside-answers;
    fastcgi_temp_path inside-fastcgi;
    uwsgi_temp_path inside-uwsgi;
    scgi_temp_path inside-scgi;
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""


class Edge:
    """An edge on 127.0.0.1, over plain HTTP and over TLS; ``certificate`` is a file with a certificate and its key."""

    def __init__(self, certificate: Path) -> None:
        self.directory = directory = _directory()
        self._certificate = certificate
        self.ports = {name: free_port() for name in ("http", "https")}
        self.origin = f"https://127.0.0.1:{self.ports['https']}"
        shutil.copy(SHIPPED, directory)
        self._server = _nginx(directory)

    def start(self, places: Mapping[str, str]) -> None:
        """Start; ``places`` says for every name where it is, as address:port."""
        content = PLACE.format(certificate=self._certificate, **self.ports)
        content += "".join(f"set ${name} {place};\n" for name, place in places.items())
        (self.directory / "place.conf").write_text(content)
        self._server.start(lambda: listens(self.ports["https"]))

    def log(self) -> str:
        """Return what it logged."""
        return (self.directory / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it."""
        self._server.close()


class Inside:
    """What stands for the names of containers: one port that sends each call to the service it is for."""

    def __init__(self) -> None:
        self._directory = _directory()
        self._port = free_port()
        self.origin = f"http://127.0.0.1:{self._port}"
        self._server = _nginx(self._directory)

    def start(self, places: Mapping[str, str]) -> None:
        """Start; ``places`` says for every name where it is, as address:port."""
        locations = [f"        location /{name}/ {{ proxy_pass http://{place}; }}" for name, place in places.items()]
        content = INSIDE.format(port=self._port, locations="\n".join(locations))
        (self._directory / "nginx.conf").write_text(content)
        self._server.start(lambda: listens(self._port))

    def close(self) -> None:
        """End it."""
        self._server.close()


def _directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="discreet-edge-"))
    directory.chmod(0o711)  # for the account that nginx answers from, where it is started by root
    return directory


def _nginx(directory: Path) -> Kept:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise MissingServerError("no nginx: install Debian's nginx")
    command = [program, "-p", f"{directory}/", "-c", directory / "nginx.conf", "-e", "stderr"]
    return Kept(command, directory, last_signal="SIGTERM")
