"""A private RabbitMQ, and fresh virtual hosts on it or on one that the environment names."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import requests

from tests.servers.kept import Kept, MissingServerError, free_port, listens

if TYPE_CHECKING:
    from types import TracebackType

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one on root's path switches to another account
SETTINGS = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = discreet
default_pass = {password}
log.console = true
log.file = false
"""


class Management:
    """The management interface of a broker; ``url`` carries the account, as the broker's AMQP URL does."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._account = (parts.username or "guest", parts.password or "guest")
        self._origin = f"{parts.scheme}://{parts.hostname}:{parts.port}"

    def call(self, method: str, path: str, content: Any = None) -> Any:
        """Call ``/api/`` + path and return what it answers; raises requests.RequestException."""
        answer = requests.request(method, f"{self._origin}/api/{path}", json=content, auth=self._account, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class RabbitMQ:
    """A broker on 127.0.0.1 with names, ports and an epmd of its own; a context manager.

    Other ``settings`` than ours, with {amqp} for the port, make one without a management interface and without
    an account that may do everything.
    """

    def __init__(self, settings: str = SETTINGS) -> None:
        script, epmd = _programs()
        self.directory = directory = Path(tempfile.mkdtemp(prefix="discreet-mq-"))
        self.ports = ports = {name: free_port() for name in ("amqp", "management", "distribution", "epmd")}
        account = f"discreet:{secrets.token_hex(16)}"
        self.url = f"amqp://{account}@127.0.0.1:{ports['amqp']}/%2F"
        self.management_url = f"http://{account}@127.0.0.1:{ports['management']}"
        self.management = Management(self.management_url)
        self._managed = settings is SETTINGS
        (directory / "rabbitmq.conf").write_text(settings.format(password=account.partition(":")[2], **ports))
        (directory / "plugins").write_text("[rabbitmq_management]." if self._managed else "[].")
        self._environ = environ = _environ(directory, ports)
        self._broker = Kept([script], directory, environ=environ)
        # In the foreground and ours: left to itself, the first Erlang node starts one that stays behind.
        command = [epmd, "-port", environ["ERL_EPMD_PORT"], "-address", environ["ERL_EPMD_ADDRESS"]]
        self._epmd = Kept(command, Path(tempfile.mkdtemp(prefix="discreet-epmd-")), environ=environ)

    def __enter__(self) -> Self:
        self._epmd.start(lambda: listens(self.ports["epmd"]))
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._broker.close()
        self._epmd.close()

    def start(self) -> None:
        """Start, again after a ``kill``."""
        self._broker.start(self._answers)

    def kill(self) -> None:
        """End as a power cut would."""
        self._broker.end("SIGKILL")

    def control(self, *arguments: str) -> None:
        """Do on the broker's machine what only its administrator can."""
        command = [SCRIPT.with_name("rabbitmqctl"), "--quiet", *arguments]
        subprocess.run(command, env={**os.environ, **self._environ}, check=True, timeout=60)

    def _answers(self) -> bool:
        if not listens(self.ports["amqp"]) or not self._managed:
            return listens(self.ports["amqp"])
        try:
            self.management.call("GET", "health/checks/local-alarms")
        except requests.RequestException:
            return False
        return True


class VirtualHosts:
    """Fresh virtual hosts on a broker, deleted at the end."""

    def __init__(self, url: str, management_url: str) -> None:
        self._url = urlsplit(url)
        self._management = Management(management_url)
        self._names: list[str] = []

    def create(self) -> str:
        """Make an empty virtual host where the account of the URL may do everything, and return its AMQP URL."""
        name = f"discreet-test-{uuid.uuid4().hex[:12]}"
        self._management.call("PUT", f"vhosts/{name}")
        self._names.append(name)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._management.call("PUT", f"permissions/{name}/{self._url.username}", everything)
        return self._url._replace(path=f"/{name}").geturl()

    def delete(self) -> None:
        """Delete all of them."""
        while self._names:
            self._management.call("DELETE", f"vhosts/{self._names.pop()}")


def _programs() -> tuple[Path, str]:
    epmd = shutil.which("epmd")
    if not SCRIPT.exists() or epmd is None:
        raise MissingServerError("no RabbitMQ: install Debian's rabbitmq-server or set DISCREET_TEST_AMQP_URL")
    return SCRIPT, epmd


def _environ(directory: Path, ports: dict[str, int]) -> dict[str, str]:
    return {
        "HOME": str(directory),  # where Erlang makes the node's cookie
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RUNNING_UNDER_SYSTEMD": "true",  # the script then becomes the broker, instead of a shell that waits for it
        "RABBITMQ_NODENAME": f"discreet-{ports['distribution']}@localhost",
        "RABBITMQ_DIST_PORT": str(ports["distribution"]),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # nothing of the system's own broker
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory),
        # Distribution on loopback only, and no spinning: the machine has better things to do.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
    }
