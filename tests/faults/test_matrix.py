"""The rest of what can go wrong between services: wiped brokers, old and doubled events, absent services, clocks."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import sqlalchemy as sa

from services.requests.ledger import views
from services.requests.ledger.handlers import HANDLERS
from services.requests.ledger.jobs import remind
from services.requests.ledger.records import LedgerEntry
from services.requests.records import Base
from shared.events import ContactFormReceived
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import stored_event
from shared.messaging.rabbitmq.topology import queue_name
from shared.messaging.tables import outbox
from shared.propagation import decisions
from shared.propagation.tables import obligations
from tests.contracts.test_movers import announce, decide
from tests.kit.installation import Installation, bare_service, on_postgresql, told_only_what_they_had
from tests.kit.movers import Rabbit, load_definitions
from tests.kit.post import FACT, Post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.rabbitmq import Management


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Make an installation of four services that hold nothing, of which the requests keep the ledger."""
    made: list[Installation] = []

    def make(environ: dict[str, str] | None = None, **more: Any) -> Installation:
        services = {name: bare_service(name) for name in ("intake", "dossier", "newsletter")}
        services["requests"] = bare_service("requests", metadata=Base.metadata, handlers=HANDLERS)
        told = told_only_what_they_had(tmp_path)
        made.append(Installation(tmp_path, services=services, environ={**told, **(environ or {})}, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def state_of(installation: Installation, decision: str) -> str:
    """Return how a decision stands on the ledger."""
    tools = installation.tools["requests"]
    with tools.database.reading() as session:
        return str(views.detail(session, decision, tools.register, installation.clock())["state"])


def effects(installation: Installation) -> dict[str, Any]:
    """Return what every event has led to: the obligations of each service, and the chain word for word."""
    found: dict[str, Any] = {}
    for name, tools in installation.tools.items():
        with tools.database.reading() as session:
            found[name] = session.scalar(sa.select(sa.func.count()).select_from(obligations))
    with installation.tools["requests"].database.reading() as session:
        found["chain"] = list(session.scalars(sa.select(LedgerEntry.hash).order_by(LedgerEntry.seq)))
    return found


def test_a_decision_that_a_wiped_broker_lost_is_said_again_until_it_is_on_the_ledger(
    installed: Callable[..., Installation], amqp_url: Callable[[], str], management: Management
) -> None:
    """The broker had confirmed it and lost everything it held: its issuer asks until the ledger has it."""
    url = amqp_url()
    installation = installed(
        moved_by=lambda made: Rabbit(made, load_definitions(made.services, management, url)),
    )
    decision = decide(installation)
    relay = installation.mover.relays["requests"]
    for receiver in installation.mover.receivers.values():
        receiver.stop()  # nobody has taken it yet
    while not relay.step():
        pass
    vhost = url.rsplit("/", 1)[1]
    for name in installation.services:
        management.call("DELETE", f"queues/{vhost}/{queue_name(name)}")
    installation.mover.close()
    installation.mover = Rabbit(installation, load_definitions(installation.services, management, url))
    installation.settle()
    with installation.tools["requests"].database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LedgerEntry)) == 0
    installation.clock.forward(minutes=2)
    decisions.say_again(installation.tools["requests"], installation.clock())
    installation.settle()
    assert state_of(installation, decision) == "closed"


@pytest.mark.parametrize("how", ["ten times over", "in reverse", "a day late", "shuffled"])
def test_events_that_come_again_change_nothing(installed: Callable[..., Installation], how: str) -> None:
    """Whatever a broker or an administrator does with old events: no effect twice, and no word twice on the chain."""
    installation = installed()
    closed = [decide(installation) for _ in range(3)]
    for number in range(5):
        announce(installation, f"form-{number}")
    installation.settle()
    before = effects(installation)
    events = [event for tools in installation.tools.values() for event in _sent(tools)]
    if how == "ten times over":
        events *= 10
    if how == "in reverse":
        events.reverse()
    if how == "a day late":
        installation.clock.forward(days=1)
    if how == "shuffled":
        random.Random(5).shuffle(events)
    for tools in installation.tools.values():
        with tools.database.transaction() as session:
            wanted = [
                event for event in events if installation.mover._mover._subscriptions.wants(tools.name, event.type)
            ]
            inboxes.store(session, wanted, now=installation.clock())
    installation.settle()
    assert effects(installation) == before
    assert {state_of(installation, each) for each in closed} == {"closed"}


def test_a_service_that_is_dead_for_days_holds_up_nobody_and_answers_when_it_is_back(
    installed: Callable[..., Installation],
) -> None:
    """The others answer at once; the ledger names who is missing, and closes when it has come."""
    installation = installed()
    dead = installation.services["dossier"]
    installation.services = {name: each for name, each in installation.services.items() if name != "dossier"}
    decision = decide(installation)
    installation.settle()
    tools = installation.tools["requests"]
    for _ in range(3):
        installation.clock.forward(days=1, hours=1)
        remind(tools, installation.clock())
        installation.settle()
    with tools.database.reading() as session:
        shown = views.detail(session, decision, tools.register, installation.clock())
    missing = [(each["service"], each["processor"]) for each in shown["answers"] if each["state"] == "overdue"]
    assert ("dossier", None) in missing
    assert {service for service, _ in missing} == {"dossier"}
    installation.services = {**installation.services, "dossier": dead}
    installation.settle()
    assert state_of(installation, decision) == "closed"


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_a_day_loses_nothing_and_raises_no_false_alarm(
    installed: Callable[..., Installation], days: int
) -> None:
    """Between a decision and its answers, and back again."""
    installation = installed()
    decision = decide(installation)
    installation.mover.move()
    installation.clock.forward(days=days)
    installation.settle()
    installation.clock.forward(days=-days)
    later = decide(installation)
    installation.settle()
    remind(installation.tools["requests"], installation.clock())
    assert [state_of(installation, each) for each in (decision, later)] == ["closed", "closed"]
    with installation.tools["requests"].database.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM outgoing_mails")) == 0


def test_a_transaction_that_somebody_leaves_open_in_postgresql_holds_up_nothing(
    installed: Callable[..., Installation], postgres_url: Callable[[], str]
) -> None:
    """What waits is found by its state, not by a number that only closed transactions have passed."""
    url = postgres_url()
    installation = installed(on_postgresql(url))
    engines = [sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:")) for _ in range(2)]
    with engines[0].connect() as held, engines[1].connect() as writing:
        held.execution_options(isolation_level="REPEATABLE READ").execute(
            sa.text("SELECT count(*) FROM requests.inbox")
        )
        writing.execute(sa.text("CREATE TABLE public.left_open (it int)"))
        decision = decide(installation)
        installation.settle()
        assert state_of(installation, decision) == "closed"
    for engine in engines:
        engine.dispose()


def test_an_event_of_a_newer_release_is_read_as_far_as_this_one_knows_it(tmp_path: Path) -> None:
    """While releases are mixed: what was added is passed over, and what is of no kind we know is set aside."""
    post = Post(tmp_path)
    data = msgspec.to_builtins(ContactFormReceived(form="a", newsletter=True)) | {"added_later": {"any": ["thing"]}}
    newer = post.signed("intake", FACT, msgspec.json.encode(data))
    unknown = post.signed("intake", FACT.replace(".v1", ".v2"), msgspec.json.encode(data))
    post.deliver(newer, unknown)
    while post.apply():
        pass
    assert post.heard == ["a"]
    assert sorted(state for state, _ in post.states()) == ["applied", "parked"]
    post.close()


def _sent(tools: Any) -> list[Any]:
    with tools.database.reading() as session:
        return [stored_event(row) for row in session.execute(sa.select(outbox).order_by(outbox.c.id)).mappings()]
