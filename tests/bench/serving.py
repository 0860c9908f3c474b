"""Web applications under the settings that we ship, and how many POSTs a second they answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from shared.settings import ROOT
from tests.bench.bench import Bench
from tests.bench.floors import plain
from tests.bench.measuring import Enough
from tests.bench.place import Place
from tests.bench.poster import post_all
from tests.e2e.running import answers
from tests.servers.kept import free_port, listens

CONFIG = str(ROOT / "deploy" / "gunicorn.conf.py")


def serve(place: Place, name: str, app: str) -> int:
    """Serve an application of ours; return its port."""
    port = free_port()
    command = ["gunicorn", "--config", CONFIG, "--bind", f"127.0.0.1:{port}", app]
    place.run(name, command, lambda _: answers(f"http://127.0.0.1:{port}/healthz"))
    return port


def serve_bare(place: Place) -> int:
    """Serve the plain views, on a database of their own; return their port."""
    port, url = free_port(), place.plain_url()
    plain.metadata.create_all(plain.open_engine(url))
    command = ["gunicorn", "--config", CONFIG, "--bind", f"127.0.0.1:{port}", "tests.bench.floors.bare_flask:app"]
    place.run("bare", command, lambda _: listens(port), {"FLOOR_DATABASE_URL": url})
    return port


def turn_of(bench: Bench, port: int, made: Callable[[int], Sequence[bytes]], status: int = 202) -> Callable[[], float]:
    """Return a turn: as many requests as it takes are ``made`` and then posted; it gives how many a second went."""
    enough = Enough(bench.number(200), bench.number(4000))

    def turn() -> float:
        requests = made(enough.number)
        began = time.perf_counter()
        post_all(port, requests, status)
        return enough.learn(len(requests) / (time.perf_counter() - began))

    return turn
