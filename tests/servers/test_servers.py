"""The tests' own servers: they work, keep tests apart, survive a restart and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pika
import psutil
import psycopg
import pytest

from tests.servers.kept import Kept, listens
from tests.servers.postgresql import PostgreSQL
from tests.servers.rabbitmq import RabbitMQ, VirtualHosts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.rabbitmq import Management

ROOT = Path(__file__).parent.parent.parent


def queue_length(url: str, name: str) -> int:
    """Ask a broker how many messages this durable queue holds, making it where there is none."""
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        return connection.channel().queue_declare(name, durable=True).method.message_count


def put(url: str, name: str) -> None:
    """Put a lasting message on a queue and wait until the broker has it."""
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", name, b"x", pika.BasicProperties(delivery_mode=2), mandatory=True)


def marked(environ_entry: str) -> list[psutil.Process]:
    """Find the processes that have this in their environment: a server and whatever it started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            name, _, value = environ_entry.partition("=")
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_two_databases_are_separate(postgres_url: Callable[[], str]):
    """What one test writes, another does not see."""
    one, other = postgres_url(), postgres_url()
    with psycopg.connect(one) as connection:
        connection.execute("CREATE TABLE only_here (id int)")
    with psycopg.connect(other) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM only_here")


def test_two_virtual_hosts_are_separate(amqp_url: Callable[[], str]):
    """A queue of one test is not there for another."""
    one, other = amqp_url(), amqp_url()
    queue_length(one, "q")
    put(one, "q")
    assert (queue_length(one, "q"), queue_length(other, "q")) == (1, 0)


def test_the_management_interface_shows_the_virtual_hosts(amqp_url: Callable[[], str], management: Management):
    """Tests can look at the broker from its other side."""
    name = amqp_url().rpartition("/")[2]
    assert name in {host["name"] for host in management.call("GET", "vhosts")}


def test_a_killed_postgresql_starts_again_with_its_data():
    """What was committed before the kill is there after it, and afterwards nothing is."""
    with PostgreSQL() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        server.kill()
        assert not listens(server.port)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert not listens(server.port)
    assert not server.directory.exists()


def test_a_killed_rabbitmq_starts_again_with_its_messages():
    """A confirmed message outlives the kill; afterwards no port, directory or Erlang helper is left."""
    with RabbitMQ() as broker:
        url = VirtualHosts(broker.url, broker.management_url).create()
        queue_length(url, "q")
        put(url, "q")
        time.sleep(3)  # a message is on disk when it is confirmed; that its queue exists, up to two seconds later
        broker.kill()
        assert not listens(broker.ports["amqp"])
        broker.start()
        assert queue_length(url, "q") == 1
    assert not any(listens(port) for port in broker.ports.values())
    assert not broker.directory.exists()
    deadline = time.monotonic() + 5
    while (left := marked(f"ERL_EPMD_PORT={broker.ports['epmd']}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_server_ends_when_its_tests_are_killed(tmp_path: Path):
    """Nobody is left to say stop, and still the server and its directory go."""
    directory = tmp_path / "server"
    directory.mkdir()
    program = (
        "import sys, time; from pathlib import Path; from tests.servers.kept import Kept;"
        "Kept(['sleep', '3600'], Path(sys.argv[1])).start(lambda: True); print('started', flush=True); time.sleep(3600)"
    )
    environ = {**os.environ, "OWNER": str(directory)}
    tests = subprocess.Popen([sys.executable, "-c", program, directory], stdout=subprocess.PIPE, cwd=ROOT, env=environ)
    with tests:
        assert tests.stdout.readline() == b"started\n"
        tests.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while (marked(f"OWNER={directory}") or directory.exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(f"OWNER={directory}") == []
    assert not directory.exists()


def test_a_server_that_cannot_start_says_why(tmp_path: Path):
    """The last words of the server are in the error."""
    with pytest.raises(RuntimeError, match="no such luck"):
        Kept(["sh", "-c", "echo no such luck; exit 3"], tmp_path).start(lambda: False)
