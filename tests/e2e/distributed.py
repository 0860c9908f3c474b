"""The set-up of docker-compose.yml without Docker: the same commands, accounts and secrets, on private servers.

Live, as a clinic runs it: keys made by command, real roles in PostgreSQL, one broker account a service, and an edge
with TLS in front. Only the newsletter programme is played, at an address on this machine. The same as a trial has the
trial's register, of which the sandbox plays everybody who has a program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from shared.settings import ROOT, SERVICES
from tests.e2e.composed import Container, containers
from tests.e2e.running import DISCREET, Program, answers, plain_environ, processes_with, read_addresses
from tests.servers.kept import free_pair, free_port
from tests.servers.mail import make_certificate
from tests.servers.nginx import Edge, Inside
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ

LAPOSTA = "https://api.laposta.nl/v2"
WEBHOOK_EVENTS = ("subscribed", "modified", "deactivated")
FRESH = 10.0  # seconds


class Distributed:
    """Every process of docker-compose.yml, under its own name."""

    name = "distributed"
    stays_away = True
    mode = "live"

    def __init__(self, directory: Path, **added: str) -> None:
        """Take a place, and what else stands in every process's environment."""
        self._added = added
        self._directory = directory
        self._secrets, self._keys, self._config = (directory / name for name in ("secrets", "keys", "config"))
        self._postgres = PostgreSQL()
        self._broker: RabbitMQ | None = None
        certificate = make_certificate(directory).path
        self._edge, self._inside = Edge(certificate), Inside()
        self.origin = self._edge.origin
        self.trusts = str(certificate)
        self.mark = f"DISCREET_E2E={uuid.uuid4()}"
        sandbox_port = free_pair()
        self.sandbox = f"http://127.0.0.1:{sandbox_port + 1}"
        self.sandbox_home = directory / "sandbox-home"
        self._programs: dict[str, Program] = {}
        self._ports = {name: free_port() for name in (*SERVICES, "console")}
        self.composed = containers({"DISCREET_PUBLIC_URL": self.origin, "DISCREET_MODE": self.mode})
        self.environ = self.environ_of(self.composed["command"])
        name, _, value = self.mark.partition("=")
        self._sandbox_environ = plain_environ(
            DISCREET_MODE="trial",
            DISCREET_HOME=str(self.sandbox_home),
            DISCREET_PORT=str(sandbox_port),
            SSL_CERT_FILE=str(certificate),
            **{name: value},
        )

    def start(self) -> None:
        """Start everything in the order that docker-compose.yml asks for."""
        self._make_what_a_clinic_makes()
        self._postgres.start()
        with ThreadPoolExecutor() as pool:
            broker = pool.submit(self._start_broker)
            self._make_roles()
            list(pool.map(self.run_once, [f"{name}-migrate" for name in SERVICES]))
            broker.result()
        for name in SERVICES:
            self.start_program(f"{name}-web", lambda: True)
            self.start_program(f"{name}-worker", lambda: True)
        self.start_program("console", lambda: True)
        places = {name: f"127.0.0.1:{port}" for name, port in self._ports.items()}
        self._inside.start(places)
        self._edge.start(places)
        self._wait_until_ready()
        self._make_webhooks()

    def close(self) -> None:
        """End everything, the edge first."""
        self._edge.close()
        self._inside.close()
        with ThreadPoolExecutor(len(self._programs) or 1) as pool:
            list(pool.map(Program.close, self._programs.values()))
        if self._broker is not None:
            self._broker.__exit__(None, None, None)
        self._postgres.__exit__(None, None, None)

    def stop_moving(self) -> None:
        """Take the broker away, as a power cut would."""
        self._broker.kill()

    def go_on_moving(self) -> None:
        """Bring the broker back."""
        self._broker.start()

    def mail_folder(self) -> Path:
        """Return where mails lie."""
        return self._directory / "mail"

    def logs(self) -> Mapping[str, str]:
        """Return what each process logged, and the edge."""
        return {name: program.log() for name, program in self._programs.items()} | {"edge": self._edge.log()}

    def server_logs(self) -> Mapping[str, str]:
        """Return what the servers logged."""
        places = {"postgresql": self._postgres.directory, "rabbitmq": self._broker.directory}
        return {name: (place / "log").read_text(errors="replace") for name, place in places.items()}

    def own_processes(self) -> list[psutil.Process]:
        """Return our own processes, without servers and the sandbox."""
        return [each for each in processes_with(self.mark) if "services.sandbox" not in each.cmdline()]

    def environ_of(self, container: Container) -> dict[str, str]:
        """Return the environment of a process as it is here: other places, and only the secrets it is given."""
        environ = {name: self._placed(container, value) for name, value in container.environ.items()}
        environ.pop("DISCREET_SMTP_URL_FILE", None)  # mail goes to a folder, for the tests to read
        name, _, value = self.mark.partition("=")
        return plain_environ(**environ, **{name: value}, **self._added)

    def victims(self) -> Mapping[str, Callable[[], None]]:
        """Return what can be killed -9, by name: each call kills it and sees to it that it comes back."""
        ours = [f"{name}-{part}" for name in SERVICES for part in ("web", "worker")]
        return {each: partial(self._kill_program, self._programs[each]) for each in ours} | {
            "rabbitmq": self._kill_broker,
            "postgresql": self._kill_database,
        }

    def _kill_program(self, program: Program) -> None:
        program.kill()
        program.start(lambda: True)

    def _kill_broker(self) -> None:
        self._broker.kill()
        self._broker.start()

    def _kill_database(self) -> None:
        self._postgres.kill("SIGKILL")
        self._postgres.start()

    def run_once(self, name: str) -> None:
        """Run a process that ends by itself."""
        container = self.composed[name]
        self._give_secrets(container)
        subprocess.run(self.command_of(container), env=self.environ_of(container), cwd=ROOT, check=True, timeout=120)

    def start_program(self, name: str, ready: Callable[[], bool]) -> None:
        """Start a process that goes on."""
        container = self.composed[name]
        self._give_secrets(container)
        self._give_keys(container)
        home = self._home_of(container)
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "mail").exists():
            self.mail_folder().mkdir(exist_ok=True)
            (home / "mail").symlink_to(self.mail_folder())
            (home / "sandbox.json").symlink_to(self.sandbox_home / "sandbox.json")
        self._programs[name] = Program(
            self.command_of(container), self._directory / "processes" / name, self.environ_of(container)
        )
        self._programs[name].start(ready)

    def command_of(self, container: Container) -> list[str]:
        """Return the command of a process with our own program and ports."""
        command = [DISCREET, *container.command[1:]]
        service = command[2] if command[1] == "web" else ""
        return [f"127.0.0.1:{self._ports[service]}" if word == "0.0.0.0:8000" else word for word in command]

    def broker_url(self, account: str, password: str | None = None) -> str:
        """Return the broker's URL for an account, with its own password or another one."""
        password = password or (self._secrets / f"{account.removeprefix('svc-')}-broker").read_text()
        return f"amqp://{account}:{password}@127.0.0.1:{self._broker.ports['amqp']}/%2F"

    @property
    def plain_origin(self) -> str:
        """Where the edge is over plain HTTP."""
        return f"http://127.0.0.1:{self._edge.ports['http']}"

    def _placed(self, container: Container, value: str) -> str:
        """Say of a value where that is here: servers by their ports, directories by their place."""
        own = self._directory / "processes" / f"{container.name}.given"
        for there, here in (
            ("@postgres:5432/", f"@127.0.0.1:{self._postgres.port}/"),
            ("@rabbitmq:5672/", f"@127.0.0.1:{self._broker.ports['amqp'] if self._broker else 0}/"),
            ("/run/secrets", str(own / "secrets")),
            ("/var/lib/discreet", str(self._home_of(container))),
            ("/keys", str(self._keys if container.name == "command" else own / "keys")),
            ("/journal", str(self._directory / "journal")),
            ("/config", str(self._config)),
        ):
            value = value.replace(there, here) if there.startswith("@") else _moved(value, there, here)
        return self._inside.origin if value == "http://{service}-web:8000" else value

    def _home_of(self, container: Container) -> Path:
        return self._directory / "homes" / ("console" if container.name == "command" else container.name)

    def _give_secrets(self, container: Container) -> None:
        given = self._directory / "processes" / f"{container.name}.given" / "secrets"
        given.mkdir(parents=True, exist_ok=True)
        for target, source in container.secrets.items():
            if (self._secrets / source).exists():
                shutil.copy(self._secrets / source, given / target)

    def _give_keys(self, container: Container) -> None:
        """Show a process the clinic's keys but for those that are covered."""
        given = self._directory / "processes" / f"{container.name}.given" / "keys"
        given.mkdir(parents=True, exist_ok=True)
        for path in self._keys.iterdir():
            if path.name not in container.covered_keys and not (given / path.name).exists():
                (given / path.name).symlink_to(path)

    def _make_what_a_clinic_makes(self) -> None:
        """Make secrets and keys by the commands of docs/operations.md, and put the played programme on the register."""
        subprocess.run([ROOT / "deploy" / "make-secrets.sh", self._secrets], check=True)
        (self._secrets / "postgres-superuser").chmod(0o600)
        (self._secrets / "postgres-superuser").write_text(urlsplit(self._postgres.url).password)
        stick = self._directory / "stick"
        self._discreet("key", "make-root", "--out", str(stick))
        self._discreet("key", "make", "--root", str(stick / "root.pem"))
        sandbox = Program(
            [DISCREET.replace("discreet", "python"), "-m", "services.sandbox"],
            self._directory / "processes" / "sandbox",
            self._sandbox_environ,
        )
        self._programs["sandbox"] = sandbox
        sandbox.start(lambda: answers(f"{self.sandbox}/healthz"))
        self._write_config()

    def _write_config(self) -> None:
        """Write the clinic's own files; live has the keys of the played programme as it would have a real one's."""
        laposta = read_addresses(self.sandbox_home)["laposta"]
        shutil.copytree(ROOT / "deploy" / "config", self._config)
        if self.mode == "trial":
            shutil.copy(self._config / "processors.trial.yaml", self._config / "processors.yaml")
            return
        opening = self._secrets / "processors" / "newsletter"
        for name in ("api_key", "url_secret", "webhook_secret"):
            (opening / f"laposta_{name}").write_text(laposta[name])
        register = self._config / "processors.yaml"
        content = register.read_text()
        for there, here in (
            (LAPOSTA, laposta["base_url"]),
            ("your-list", laposta["list_id"]),
            ("/run/processors/laposta", str(opening / "laposta")),
        ):
            assert there in content
            content = content.replace(there, here)
        register.write_text(content)

    def _make_roles(self) -> None:
        container = self.composed["database-roles"]
        environ = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self._postgres.port)}
        given = self._directory / "processes" / f"{container.name}.given" / "secrets"
        self._give_secrets(container)
        script = Path(container.command[0].replace("/opt/discreet", str(ROOT / "deploy" / "postgres")))
        subprocess.run([script, given], env=environ, check=True)

    def _start_broker(self) -> None:
        container = self.composed["broker-definitions"]
        self._give_secrets(container)
        given = self._directory / "processes" / f"{container.name}.given" / "secrets"
        definitions = self._directory / "definitions.json"
        self._discreet("broker-definitions", "--secrets", str(given), "--out", str(definitions))
        settings = (ROOT / "deploy" / "rabbitmq" / "rabbitmq.conf").read_text()
        for there, here in (
            ("/definitions/definitions.json", str(definitions)),
            ("listeners.tcp.default = 5672", "listeners.tcp.1 = 127.0.0.1:{amqp}"),
            ("disk_free_limit.absolute = 1GB", "disk_free_limit.absolute = 10MB"),
        ):
            assert there in settings
            settings = settings.replace(there, here)
        self._broker = RabbitMQ(settings)
        self._broker.__enter__()

    def _discreet(self, *arguments: str) -> None:
        subprocess.run([DISCREET, *arguments], env=self.environ, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 120
        waiting = {f"{self.origin}/{name}/readyz" for name in (*SERVICES, "console")}
        pulses = {self._home_of(self.composed[f"{name}-worker"]) / "run" / f"worker-{name}.pulse" for name in SERVICES}
        while waiting or pulses:
            waiting = {url for url in waiting if not answers(url, self.trusts)}
            pulses = {file for file in pulses if not file.exists()}
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready: {waiting} {pulses} {self.logs()}")
            time.sleep(0.1)

    def _make_webhooks(self) -> None:
        """Do on the programme's screens what an administrator does there once."""
        laposta = read_addresses(self.sandbox_home)["laposta"]
        for event in WEBHOOK_EVENTS:
            form = {
                "list_id": laposta["list_id"],
                "event": event,
                "url": f"{self.origin}/newsletter/v1/webhooks/laposta/{laposta['url_secret']}",
                "blocked": "false",
            }
            url, account = f"{laposta['base_url']}/webhook", (laposta["api_key"], "")
            assert requests.post(url, data=form, auth=account, timeout=10).ok


class DistributedTrial(Distributed):
    """The same processes as a trial; the command line says where the sandbox is, beside which it is typed."""

    mode = "trial"

    def __init__(self, directory: Path, **added: str) -> None:
        super().__init__(directory, **added)
        port, certificate = self._sandbox_environ["DISCREET_PORT"], self.trusts
        self.environ = {**self.environ, "DISCREET_PORT": port, "REQUESTS_CA_BUNDLE": certificate}


def _moved(value: str, there: str, here: str) -> str:
    return here + value.removeprefix(there) if value == there or value.startswith(f"{there}/") else value
