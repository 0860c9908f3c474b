"""The terms of the system's own records: what is over goes, what waits stays, and the rest is not touched."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from shared.database import Base, UtcDateTime
from shared.deadlines import ZONE
from shared.mail import MailFolder
from shared.mail.tables import outgoing_mails
from shared.messaging.tables import inbox, outbox
from shared.propagation.tables import issued_decisions, obligations, receipts, tombstones, transfers
from shared.retention import END_TERMS, end_terms
from shared.web.tables import form_attempts, idempotent_answers, rate_counters
from tests.kit.installation import Installation, bare_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.service import Tools

ENDING = [
    (outbox, "moved_at", "system.outbox", {"state": "moved"}),
    (outbox, "created_at", "system.parked", {"state": "parked"}),
    (inbox, "applied_at", "system.inbox", {"state": "applied", "sealed_key": None}),
    (inbox, "received_at", "system.parked", {"state": "parked", "sealed_key": None}),
    (inbox, "received_at", "newsletter.told", {"state": "parked"}),
    (issued_decisions, "closed_at", "system.outbox", {}),
    (obligations, "finished_at", "system.obligation", {"state": "finished"}),
    (obligations, "requested_at", "system.obligation", {"state": "superseded", "finished_at": None}),
    (receipts, "issued_at", "system.receipt", {}),
    (tombstones, "erased_at", "system.tombstone", {}),
    (outgoing_mails, "sent_at", "system.mail", {"state": "sent"}),
    (outgoing_mails, "created_at", "system.mail", {"state": "withdrawn", "sent_at": None}),
    (idempotent_answers, "created_at", "system.idempotent-answer", {}),
    (rate_counters, "ends_at", "system.rate-counter", {}),
    (form_attempts, "tried_at", "system.form-attempt", {}),
]
"""Table, what its term runs from, the term, and the state in which it ends."""

STAYING = [
    (outbox, {"state": "waiting"}),
    (inbox, {"state": "waiting"}),
    (issued_decisions, {"closed_at": None}),
    (obligations, {"state": "open"}),
    (obligations, {"state": "asked"}),
    (obligations, {"state": "claimed"}),
    (obligations, {"state": "parked"}),
    (outgoing_mails, {"state": "waiting"}),
    (transfers, {"ended_at": None}),
]
"""What is not done with, however old it is."""

FILLED = {
    sa.BigInteger: 1,
    sa.Boolean: False,
    sa.Date: date(2026, 1, 1),
    sa.Integer: 1,
    sa.LargeBinary: b"x",
    sa.JSON: {},
    sa.String: "x",
    sa.Text: "x",
}
numbers = count(100_000)


@pytest.fixture(params=["sqlite", "postgresql"])
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tools]:
    """A service that holds nothing but the system's own records."""
    environ = request.getfixturevalue("postgres_environ")() if request.param == "postgresql" else {}
    made = Installation(tmp_path, services={"newsletter": bare_service("newsletter")}, environ=environ)
    yield made.tools["newsletter"]
    made.close()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Tools]:
    """The same on SQLite."""
    made = Installation(tmp_path, services={"newsletter": bare_service("newsletter")})
    yield made.tools["newsletter"]
    made.close()


def began(tools: Tools, term: str) -> datetime:
    """When something began whose term ends now, also when the clocks changed in between."""
    start = (tools.clock().astimezone(ZONE) - tools.policy.term(term)).astimezone(UTC)
    assert tools.policy.term_ends(term, start) == tools.clock()
    return start


def put(tools: Tools, table: sa.Table, at: datetime, **values: Any) -> Any:
    """Store a row whose every time is ``at``, but for what is said; return its key."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in values:
            row[column.name] = values[column.name]
        elif isinstance(column.type, UtcDateTime):
            row[column.name] = at
        elif column.primary_key or column.unique or column.name in ("event_id", "record", "decision"):
            number = next(numbers)
            row[column.name] = number if isinstance(column.type, (sa.Integer, sa.BigInteger)) else str(number)
        else:
            row[column.name] = next(filled for kind, filled in FILLED.items() if isinstance(column.type, kind))
    with tools.database.transaction() as session:
        session.execute(sa.insert(table).values(row))
    return row[next(iter(table.primary_key)).name]


def kept(tools: Tools, table: sa.Table) -> list[Any]:
    """The keys that are still there."""
    key = next(iter(table.primary_key))
    with tools.database.reading() as session:
        return list(session.scalars(sa.select(key).order_by(key)))


def test_what_is_over_goes_and_what_is_not_yet_over_stays(tools: Tools) -> None:
    """Of each kind two rows: one whose term ended a minute ago, one whose term ends in a minute."""
    now = tools.clock()
    stays: dict[sa.Table, list[Any]] = {}
    for table, column, term, values in ENDING:
        start = began(tools, term)
        put(tools, table, now, **{column: start - timedelta(minutes=1)}, **values)
        stays.setdefault(table, []).append(put(tools, table, now, **{column: start + timedelta(minutes=1)}, **values))
    for table, values in STAYING:
        stays.setdefault(table, []).append(put(tools, table, now - timedelta(days=365 * 30), **values))
    end_terms(tools, now)
    for table, keys in stays.items():
        assert sorted(map(str, kept(tools, table))) == sorted(map(str, keys)), table.name


def test_every_shared_table_with_a_period_is_looked_at(on_sqlite: Tools) -> None:
    """A table that is added with a term and forgotten here would keep its rows for ever (P33)."""
    long_ago = on_sqlite.clock() - timedelta(days=365 * 30)
    done = {"state": "sent", "closed_at": long_ago, "answered_at": long_ago}
    own = {"outbox": "moved", "inbox": "applied", "obligations": "finished", "outgoing_mails": "sent"}
    for table in Base.metadata.sorted_tables:
        term = on_sqlite.policy.terms[table.info["term"]]
        if term.period is not None and not table.foreign_keys:
            values = {**done, "state": own.get(table.name, "done")}
            put(on_sqlite, table, long_ago, **{name: each for name, each in values.items() if name in table.c})
    end_terms(on_sqlite, on_sqlite.clock())
    left = {table.name for table in Base.metadata.sorted_tables if kept(on_sqlite, table)}
    assert left == {"incarnations"}


def test_more_than_a_batch_goes_in_one_run(on_sqlite: Tools) -> None:
    """A service that was away for months catches up, a few hundred rows a transaction."""
    old = on_sqlite.clock() - timedelta(days=365)
    rows = [{"key_digest": str(number), "request_digest": "x", "created_at": old} for number in range(1200)]
    with on_sqlite.database.transaction() as session:
        session.execute(sa.insert(idempotent_answers), rows)
    fresh = put(on_sqlite, idempotent_answers, on_sqlite.clock())
    end_terms(on_sqlite, on_sqlite.clock())
    assert kept(on_sqlite, idempotent_answers) == [fresh]


def test_p37_a_tombstone_loses_its_reference_when_no_backup_has_the_address_any_more(on_sqlite: Tools) -> None:
    """The number of what was erased stays for years; what could find the person does not."""
    now = on_sqlite.clock()
    start = began(on_sqlite, "newsletter.tombstone")
    old = put(on_sqlite, tombstones, start - timedelta(minutes=1), ref="k1.anna")
    young = put(on_sqlite, tombstones, start + timedelta(minutes=1), ref="k1.bea")
    end_terms(on_sqlite, now)
    with on_sqlite.database.reading() as session:
        refs = dict(session.execute(sa.select(tombstones.c.record, tombstones.c.ref)).all())
    assert refs == {old: None, young: "k1.bea"}


def test_who_was_given_a_record_is_known_as_long_as_anybody_has_it(on_sqlite: Tools) -> None:
    """Erased here and there: the transfer goes. Erased only here, or only there: it stays."""
    now = on_sqlite.clock()
    for record in ("gone-everywhere", "gone-here"):
        put(on_sqlite, tombstones, now, record=record)
    put(on_sqlite, transfers, now, record="gone-everywhere")
    here = put(on_sqlite, transfers, now, record="gone-here", ended_at=None)
    there = put(on_sqlite, transfers, now, record="gone-there")
    end_terms(on_sqlite, now)
    assert kept(on_sqlite, transfers) == [here, there]


@pytest.mark.parametrize(("mail_server", "left"), [("", ["young"]), ("smtp://127.0.0.1", ["old", "young"])])
def test_a_trial_s_mail_folder_is_emptied_and_a_mail_server_s_is_none_of_ours(
    tmp_path: Path, mail_server: str, left: list[str]
) -> None:
    """A month of letters to read; with a mail server the folder is somebody else's."""
    environ = {"DISCREET_SMTP_URL": mail_server}
    made = Installation(tmp_path, services={"newsletter": bare_service("newsletter")}, environ=environ)
    tools = made.tools["newsletter"]
    start = began(tools, "system.maildir")
    for name, written in (("old", start - timedelta(minutes=1)), ("young", start + timedelta(minutes=1))):
        _deliver(tmp_path / "mail" / "new", name, written)
    end_terms(tools, tools.clock())
    assert sorted(mail.subject for mail in MailFolder(tmp_path / "mail").newest()) == left
    made.close()


def _deliver(folder: Path, subject: str, written: datetime) -> None:
    """Put a mail in the folder as if it had been sent then."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{int(written.timestamp())}.{subject}.discreet"
    (folder / name).write_text(f"Subject: {subject}\nTo: anna@example.nl\n\nx\n")


def test_the_terms_are_looked_at_several_times_a_day() -> None:
    """So that a term of a day is not one of two."""
    assert END_TERMS.every <= timedelta(hours=6)
