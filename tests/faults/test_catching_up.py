"""What a service does between a backup and being whole again: what it takes, what it refuses, whom it leaves alone."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services.backups import databases, putting_back
from services.newsletter.records import waiting_sign_ups
from services.requests.ledger import comparing
from services.requests.ledger.records import ExpectedAnswer
from shared.database import Database
from shared.deadlines import ZONE
from shared.errors import RetryableError
from shared.mail import outgoing_mails
from shared.messaging.tables import incarnations
from shared.propagation.tables import tombstones
from shared.restore.keeping import Keeper
from tests.kit.restoring import Clinic, clinic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

ANNA, BERT, CARLA = "anna@voorbeeld.example", "bert@voorbeeld.example", "carla@voorbeeld.example"
FORM = {"name": "A. B.", "email": CARLA, "message": "Hallo"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Clinic]:
    """Give a clinic on SQLite."""
    with clinic(tmp_path) as found:
        yield found


def report_of(house: Clinic, service: str = "newsletter") -> dict:
    """Return what the last life of a service has to report."""
    with house.tools[service].database.reading() as session:
        query = sa.select(incarnations.c.report).order_by(incarnations.c.number.desc()).limit(1)
        return session.scalar(query) or {}


def told_that_she_left(house: Clinic, email: str) -> TestResponse:
    """Post as Laposta does when somebody unsubscribes there."""
    settings = house.tools["newsletter"].register.get("laposta").settings
    at = house.clock().astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    member = {"member_id": email, "list_id": settings["list_id"], "email": email, "state": "unsubscribed"}
    info = {"date_event": at, "action": "unsubscribed", "source": "external"}
    item = {"type": "member", "event": "deactivated", "data": member, "info": info}
    raw = json.dumps({"data": [item], "date_requested": at}).encode()
    signature = hmac.digest(settings["webhook_secret"].encode(), raw, "sha256").hex()
    path = f"/newsletter/v1/webhooks/laposta/{settings['url_secret']}"
    return house.call("POST", path, data=raw, headers={"X-Laposta-Signature": signature})


def keys_of(house: Clinic, email: str) -> set[str]:
    """Return the data key of somebody's subscription."""
    return {house.subscription(email).key_id}


def test_new_forms_and_news_are_taken_while_everything_stored_waits(house: Clinic, tmp_path: Path):
    """Who signs up anew meanwhile is not confused with who was erased since; what a programme tells is not lost."""
    erased = house.subscribe(BERT)
    house.subscribe(ANNA)
    house.back_up("command", tmp_path / "backup")
    house.erase(erased, email=BERT)
    house.put_back("command", tmp_path / "backup")
    refused = house.search(BERT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert (refused.json["type"], refused.json["part"]) == ("/problems/unavailable", "restore")
    page = house.call("GET", "/requests/", headers={"Accept": "text/html"})
    assert (page.status_code, "reservekopie" in page.text) == (503, True)
    assert house.call("GET", "/newsletter/readyz").json["part"] == "newsletter.restore"
    assert house.call("GET", "/healthz").status_code == 200
    assert told_that_she_left(house, ANNA).status_code == 200
    assert house.call("GET", f"/intake/v1/claims/{erased}").status_code == 503
    assert house.sign_up(BERT).status_code == 202
    assert house.call("POST", "/intake/v1/contact-forms", json=FORM).status_code == 202
    house.keep()
    house.run_jobs("newsletter")
    assert house.search(BERT).status_code == 503
    house.catch_up()
    assert house.call("GET", "/readyz").status_code == 200
    house.run_jobs("newsletter")
    [found] = house.search(BERT).json["items"]
    assert found["state"] == "pending"
    assert house.subscription(BERT).id != erased
    assert house.link("confirm", BERT)
    assert count(house, waiting_sign_ups) == 0
    assert house.subscription(ANNA).state == "ended"


def test_nobody_is_called_or_mailed_meanwhile(house: Clinic, tmp_path: Path):
    """A subscription that was on its way to the programme when the backup was made, and has ended since."""
    house.subscribe(CARLA, settled=False)
    house.back_up("command", tmp_path / "backup")
    house.settle()
    house.unsubscribe(CARLA)
    before = house.changes_at_programme()
    house.put_back("command", tmp_path / "backup")
    house.keep()  # a life has begun, and nothing is gathered yet
    house.installation.settle()
    assert house.changes_at_programme() == before
    house.catch_up()
    assert house.members() == {CARLA: "unsubscribed"}
    assert not [call for call in house.changes_at_programme()[len(before) :] if call.startswith("POST")]


def test_a_mail_of_the_backup_may_have_been_sent_since_and_a_new_one_was_not(house: Clinic, tmp_path: Path):
    """The first is looked for before it goes again, where its mailbox can be looked into; keys alone tell nothing."""

    def doubted() -> list[bool]:
        with house.tools["intake"].database.reading() as session:
            query = sa.select(outgoing_mails.c.perhaps_sent).order_by(outgoing_mails.c.id)
            return list(session.scalars(query))

    house.call("POST", "/intake/v1/contact-forms", json=FORM)
    house.back_up("command", tmp_path / "backup")
    for kinds, said in ((["keys"], [False]), (["data"], [True])):
        house.settle()
        house.put_back("command", tmp_path / "backup", ["intake"], kinds)
        house.keep()
        assert doubted() == said
        house.catch_up()
    house.call("POST", "/intake/v1/contact-forms", json=FORM)
    assert doubted() == [True, False]


def test_what_was_answered_before_is_not_asked_again(house: Clinic, tmp_path: Path):
    """The ledger has the programme's answer, and gives it back: the newsletter alone was put back."""
    erased = house.subscribe(BERT)
    house.back_up("command", tmp_path / "backup", ["data"])
    house.erase(erased, email=BERT)
    calls = len(house.stage.calls("laposta"))
    house.put_back("command", tmp_path / "backup", ["newsletter"], ["data"])
    house.catch_up()
    assert len(house.stage.calls("laposta")) == calls
    assert report_of(house)["settled"] == 1
    assert house.parked() == []


def test_nobody_is_asked_again_with_the_ledger_lost_too(house: Clinic, tmp_path: Path):
    """The journal has what the programme answered, and gives it to the newsletter and to the ledger."""
    erased = house.subscribe(BERT)
    house.back_up("command", tmp_path / "backup")
    decision = house.erase(erased, email=BERT)
    calls, before = len(house.stage.calls("laposta")), answers_of(house, decision)
    house.put_back("command", tmp_path / "backup")
    house.catch_up()
    assert len(house.stage.calls("laposta")) == calls
    assert answers_of(house, decision) == before
    assert (house.open_decisions(), house.parked()) == ([], [])


def test_keys_from_before_an_erasure_are_destroyed_again(house: Clinic, tmp_path: Path):
    """The data is of now, so nothing is gathered; what is newer than the keys is counted as unreadable."""
    erased = house.subscribe(BERT)
    keys = keys_of(house, BERT)
    house.back_up("command", tmp_path / "backup", ["keys"])
    house.erase(erased, email=BERT)
    house.clock.forward(hours=2)  # a reserve is not drawn from for longer than one
    house.subscribe(ANNA)
    house.put_back("command", tmp_path / "backup", ["newsletter"], ["keys"])
    assert house.tools["newsletter"].vault.surviving(keys) == keys
    house.catch_up()
    assert house.tools["newsletter"].vault.surviving(keys) == set()
    assert report_of(house)["keys_destroyed"] >= 1
    assert report_of(house)["unreadable"] == 1
    assert house.search(BERT).json == {"items": []}


def test_a_key_to_which_nothing_refers_does_not_come_back(house: Clinic, tmp_path: Path):
    """Somebody's sign-up expired without any decision: no obligation names its key."""
    house.sign_up(BERT)
    keys = keys_of(house, BERT)
    house.subscribe(ANNA)
    house.back_up("command", tmp_path / "backup", ["keys"])
    house.clock.forward(days=40)
    house.run_jobs("newsletter")
    assert house.subscription(BERT) is None
    house.put_back("command", tmp_path / "backup", ["newsletter"], ["keys"])
    house.catch_up()
    assert house.tools["newsletter"].vault.surviving(keys) == set()
    assert house.tools["newsletter"].vault.surviving(keys_of(house, ANNA)) == keys_of(house, ANNA)


@pytest.mark.parametrize("first", ["unsubscribe", "erase"])
def test_data_from_before_its_keys_were_destroyed(house: Clinic, tmp_path: Path, first: str):
    """Nobody can say any more who it was; it is done again by its numbers, and the key is still gone."""
    erased = house.subscribe(BERT)
    keys = keys_of(house, BERT)
    house.back_up("command", tmp_path / "backup", ["data"])
    if first == "unsubscribe":
        house.unsubscribe(BERT)
    house.erase(erased, email=BERT)
    house.put_back("command", tmp_path / "backup", ["newsletter", "requests"], ["data"])
    house.catch_up()
    assert house.subscription(BERT) is None
    assert house.tools["newsletter"].vault.surviving(keys) == set()
    with house.tools["newsletter"].database.reading() as session:
        assert session.scalars(sa.select(tombstones.c.record)).all() == [erased]


def test_a_new_yes_after_the_unsubscribe_is_not_undone_by_it(house: Clinic, tmp_path: Path):
    """The decision is older than what the backup holds of that person: it was carried out before, and is not again."""
    house.subscribe(ANNA)
    house.unsubscribe(ANNA)
    house.clock.forward(hours=2)
    house.subscribe(ANNA)
    house.back_up("command", tmp_path / "backup")
    house.subscribe(BERT)
    house.put_back("command", tmp_path / "backup")
    house.catch_up()
    assert house.subscription(ANNA).state == "confirmed"
    assert house.members()[ANNA] == "active"


def test_a_second_backup_in_the_midst_of_the_first(house: Clinic, tmp_path: Path):
    """And a crash at every step of catching up: each begins where the one before was."""
    house.subscribe(ANNA)
    house.back_up("command", tmp_path / "backup")
    house.unsubscribe(ANNA)
    house.put_back("command", tmp_path / "backup")
    house.keep()
    house.put_back("command", tmp_path / "backup")
    for _ in range(4):
        house.keep()
        house.installation.apply()
        house.restart()
    house.catch_up()
    assert house.subscription(ANNA).state == "ended"
    assert house.open_decisions() == []


def test_what_the_backup_never_had_is_no_less_done(house: Clinic, tmp_path: Path):
    """Somebody came and was erased after it: that there is nothing now takes the place of no earlier answer."""
    house.back_up("command", tmp_path / "backup")
    decision = house.erase(house.subscribe(BERT), email=BERT)
    before = answers_of(house, decision)
    assert before["newsletter", ""] == before["newsletter", "laposta"] == "done"
    house.put_back("command", tmp_path / "backup", ["newsletter"])
    house.catch_up()
    assert answers_of(house, decision) == before
    with house.tools["newsletter"].database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(tombstones)) == 1


class Deaf:
    """Hears everybody but one."""

    def __init__(self, claims: object, silent: str) -> None:
        self._claims = claims
        self._silent = silent

    def ask_pages(self, service: str, *asked: object) -> object:
        """Ask on, unless it is the silent one."""
        if service == self._silent:
            raise RetryableError("it does not answer")
        return self._claims.ask_pages(service, *asked)


def test_nobody_is_left_out_but_by_an_administrator(house: Clinic, tmp_path: Path):
    """And that stays on record."""
    house.subscribe(ANNA)
    house.back_up("command", tmp_path / "backup")
    house.unsubscribe(ANNA)
    house.put_back("command", tmp_path / "backup", ["newsletter"])
    tools = house.tools["newsletter"]
    deaf = replace(tools, claims=Deaf(tools.claims, "dossier"))
    house.keepers["newsletter"] = Keeper(house.installation.services["newsletter"], deaf)
    for _ in range(5):
        house.keep()
        house.installation.settle()
    assert house.restoring() == ["newsletter"]
    told = putting_back.proceed_without(house.installation.settings, "dossier", ["newsletter", "intake"])
    assert told == ["newsletter"]
    house.catch_up()
    assert (house.subscription(ANNA).state, report_of(house)["without"]) == ("ended", ["dossier"])


def test_a_log_that_is_not_whole_is_not_given(house: Clinic, tmp_path: Path):
    """Whoever took it for everything would end catching up too early."""
    house.subscribe(ANNA)
    house.back_up("command", tmp_path / "backup")
    house.unsubscribe(ANNA)
    house.put_back("command", tmp_path / "backup", ["requests"])
    newsletter = house.tools["newsletter"]

    def ask() -> dict:
        return newsletter.claims.ask("requests", "decision-log", {"since": "2026-01-01T00:00:00Z"})

    with pytest.raises(RetryableError):
        ask()
    house.keep()  # begins a life
    with pytest.raises(RetryableError):
        ask()
    house.keep()  # reads the journal
    house.installation.settle()
    types = [item["type"] for item in ask()["items"]]
    assert types.count("discreet.decision.unsubscribe.v1") == 1
    assert types.count("discreet.receipt.issued.v1") == len(types) - 1


def test_a_database_that_is_replaced_under_its_processes_is_noticed(
    tmp_path: Path, postgres_environ: Callable[[], dict[str, str]]
):
    """On PostgreSQL that takes no stop; keys reserved in the lost database are not given out."""
    with clinic(tmp_path, **postgres_environ()) as house:
        house.subscribe(ANNA)
        house.back_up("command", tmp_path / "backup")
        house.unsubscribe(ANNA)
        house.clock.forward(hours=2)
        house.sign_up(CARLA)  # reserves keys that are in no backup
        for kind in ("data", "keys"):
            [unit] = (tmp_path / "backup" / kind).iterdir()
            settings = house.installation.settings
            url = settings.database_url("newsletter") if kind == "data" else settings.key_database_url("newsletter")
            database = Database(url)
            databases.put_in(database, unit / "newsletter.dump")
            database.close()
        assert house.restoring() == ["newsletter"]
        assert house.sign_up(BERT).status_code == 202
        house.catch_up()
        house.run_jobs("newsletter")
        assert house.subscription(ANNA).state == "ended"
        assert house.search(BERT).json["items"][0]["state"] == "pending"


def test_a_service_that_came_back_unnoticed_is_found_the_next_day(house: Clinic, tmp_path: Path):
    """Its marks came back with it, as from a backup of the whole machine; the ledger alone was not on it."""
    house.subscribe(ANNA)
    house.back_up("files", tmp_path / "backup")
    marks = house.installation.settings.journal / "marks" / "newsletter.json"
    mark = marks.read_bytes()
    house.unsubscribe(ANNA)
    house.clock.forward(hours=2)
    compare(house)
    assert alarms(house) == 0
    house.stop()
    house.start()
    house.put_back("files", tmp_path / "backup", ["newsletter"])
    marks.write_bytes(mark)
    assert house.restoring() == []
    assert house.subscription(ANNA).state == "confirmed"
    compare(house)
    house.settle()
    assert house.subscription(ANNA).state == "ended"
    assert alarms(house) == 1


def test_a_lost_trace_of_an_erasure_is_told(house: Clinic):
    """A receipt alone could not tell."""
    house.erase(house.subscribe(BERT), email=BERT)
    house.clock.forward(hours=2)
    with house.tools["newsletter"].database.transaction() as session:
        session.execute(sa.delete(tombstones))
    compare(house)
    assert alarms(house) == 1


def answers_of(house: Clinic, decision: str) -> dict[tuple[str, str], str | None]:
    """Return what the ledger shows of a decision."""
    with house.tools["requests"].database.reading() as session:
        query = sa.select(ExpectedAnswer).where(ExpectedAnswer.decision == decision)
        return {(each.service, each.processor): each.outcome for each in session.scalars(query)}


def compare(house: Clinic) -> None:
    """Compare as the daily job does."""
    comparing.compare(house.tools["requests"], house.clock())


def alarms(house: Clinic) -> int:
    """Count the mails to the privacy contact about the comparison."""
    with house.tools["requests"].database.reading() as session:
        query = sa.select(sa.func.count()).where(outgoing_mails.c.about == "ledger-compared")
        return session.scalar(query) or 0


def count(house: Clinic, table: sa.Table) -> int:
    """Count the rows of a table of the newsletter."""
    with house.tools["newsletter"].database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
