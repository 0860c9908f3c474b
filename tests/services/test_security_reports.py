"""Reports of a weakness: from anybody's form to an incident with a clock, and to the end of both (P91)."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.messaging.tables import outbox
from shared.propagation.tables import issued_decisions
from tests.services.house import CLOSING, INCIDENTS, REPORT, REPORTER, REPORTS, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.house import House

BROWSER = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("servers"))])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Give a clinic on each database."""
    environ = request.getfixturevalue("postgres_environ")() if request.param == "postgresql" else {}
    with open_house(tmp_path, environ) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """Give a clinic on SQLite, for what no database has a say in."""
    with open_house(tmp_path) as made:
        yield made


def keys_of(tools) -> list[str]:
    """The data keys of what a service keeps about reports."""
    table = {"intake": "security_reports", "requests": "incidents"}[tools.name]
    with tools.database.reading() as session:
        return list(session.scalars(sa.select(sa.column("key_id")).select_from(sa.table(table))))


def test_p91_a_report_becomes_an_incident_with_72_hours_and_the_contact_is_told(small, caplog) -> None:
    """By its reference only: what was reported is read where it lies, by the few who deal with it, and noted."""
    reference = small.report(email=REPORTER)
    [incident] = small.incidents()
    assert (incident["reference"], incident["received_at"], incident["due_at"]) == (
        reference,
        "2026-11-02T09:00:00.000000Z",
        "2026-11-05T09:00:00.000000Z",
    )
    [mail] = small.mails()
    assert (mail.to, reference in mail.subject) == (small.intake.policy.clinic.security, True)
    assert f"/console/incidents/{incident['id']}" in mail.text
    with caplog.at_level(logging.INFO):
        shown = small.get(f"{REPORTS}/{incident['id']}").json
    assert {name: shown[name] for name in (*REPORT, "email")} == REPORT | {"email": REPORTER}
    [noted] = [each.fields for each in caplog.records if each.getMessage() == "a security report was read"]
    assert noted == {"by": "m.devries", "report": incident["id"]}
    with small.intake.database.reading() as session:
        said = "".join(session.scalars(sa.select(outbox.c.body)))
    for told in (said, mail.text, mail.subject, caplog.text):
        assert not any(value in told for value in (REPORTER, *REPORT.values()))


def test_p91_an_incident_is_closed_once_with_what_was_found_and_done(small) -> None:
    """By somebody who is named; a second closing changes nothing."""
    small.report()
    [incident] = small.incidents()
    path = f"{INCIDENTS}/{incident['id']}"
    assert small.post(f"{path}/closure", CLOSING | {"found": "fine"}).status_code == 422
    small.clock.forward(hours=5)
    assert small.post(f"{path}/closure", CLOSING).json["closed_by"] == "m.devries"
    assert small.post(f"{path}/closure", CLOSING | {"found": "nothing"}, "admin").status_code == 409
    shown = small.get(path, "fg").json
    assert (shown["found"], shown["measures"]) == (CLOSING["found"], CLOSING["measures"])
    assert shown["closed_at"] == "2026-11-02T14:00:00.000000Z"
    assert (small.incidents(), [each["id"] for each in small.incidents(closed=True)]) == ([], [incident["id"]])
    assert small.get(f"{INCIDENTS}/{uuid.uuid4()}").status_code == 404


def test_p91_who_is_responsible_is_reminded_a_day_before_it_is_too_late(house) -> None:
    """Once, of what is open, and also of what a robot may have sent: a person decides what is no report."""
    house.report()
    house.report(website="https://spam.example")
    closed, suspected = house.incidents()[::-1]
    assert [closed["suspected"], suspected["suspected"]] in ([False, True], [True, False])
    [mail] = house.mails()  # a robot rings no bell
    open_one, other = (closed, suspected) if closed["reference"] in mail.subject else (suspected, closed)
    assert house.post(f"{INCIDENTS}/{open_one['id']}/closure", CLOSING).status_code == 200
    for hours, mailed in ((47.9, 1), (0.2, 3), (30, 3)):
        house.clock.forward(hours=hours)
        house.run("remind of open incidents")
        assert len(house.mails()) == mailed
    clinic = house.intake.policy.clinic
    assert {each.to for each in house.mails()[1:]} == {clinic.security, clinic.privacy}
    assert all(other["reference"] in each.text and open_one["reference"] not in each.text for each in house.mails()[1:])


def test_p98_what_staff_find_out_is_an_incident_whose_72_hours_count_from_when_it_was_known(house, caplog) -> None:
    """Entered by whoever found out, once; what they wrote stays with what was done, and goes with it."""
    facts = {"known_at": "2026-11-01T04:00:00+01:00", "facts": "Telefoon met mail van de balie verloren."}
    with caplog.at_level(logging.INFO):
        made, again = (house.post(INCIDENTS, facts, "front-desk", Idempotency_Key="one") for _ in range(2))
    assert (made.status_code, again.json) == (201, made.json)
    [incident] = house.incidents()
    path = f"{INCIDENTS}/{incident['id']}"
    assert made.headers["Location"] == path
    times = (incident["received_at"], incident["due_at"], incident["entered_by"])
    assert times == ("2026-11-01T03:00:00.000000Z", "2026-11-04T03:00:00.000000Z", "m.devries")
    shown = house.get(path).json
    assert (shown["facts"], shown["entered_at"]) == (facts["facts"], "2026-11-02T09:00:00.000000Z")
    [mail] = house.mails()
    assert (mail.to, incident["reference"] in mail.subject) == (house.requests.policy.clinic.security, True)
    assert not any("Telefoon" in told for told in (mail.text, caplog.text, str(house.incidents())))
    house.clock.forward(hours=19)
    house.run("remind of open incidents")
    assert incident["reference"] in house.mails()[-1].text
    [key] = keys_of(house.requests)
    assert house.post(f"{path}/closure", CLOSING).status_code == 200
    closed = house.get(path).json
    assert (closed["facts"], closed["measures"]) == (facts["facts"], CLOSING["measures"])
    keys = [key, *keys_of(house.requests)]
    assert house.requests.vault.surviving(keys) == {keys[1]} != {key}
    for years, status in ((4, 200), (1, 404)):
        house.clock.now = house.clock.now.replace(year=house.clock.now.year + years)
        house.clock.forward(days=1)
        house.run("end the terms of incidents")
        assert house.get(path).status_code == status
    assert house.requests.vault.surviving(keys) == set()
    with house.requests.database.reading() as session:
        assert session.execute(sa.select(issued_decisions.c.type)).all() == []  # there was no report to let go of


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"known_at": "2026-11-02T09:01:00Z"}, "known_at"),
        ({"known_at": "2026-11-02T09:00:00"}, "known_at"),
        ({"facts": " "}, "facts"),
        ({"found": "weakness"}, "found"),
    ],
)
def test_an_incident_that_is_entered_wrong_is_named_and_not_opened(small, fields, wrong) -> None:
    """A time still to come or without its zone, nothing said, and what is for its end."""
    entered = {"known_at": "2026-11-02T09:00:00Z", "facts": "Mail aan de verkeerde."}
    answer = small.post(INCIDENTS, entered | fields, "assistant")
    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])
    assert small.post(INCIDENTS, entered, "fg").status_code == 403  # advises, and enters nothing
    assert small.incidents() == []


def test_an_incident_whose_key_a_restore_took_along_is_closed_all_the_same(small) -> None:
    """What was entered can be read by nobody; that there was a breach, and what was done, has to be kept."""
    made = small.post(INCIDENTS, {"known_at": "2026-11-02T09:00:00Z", "facts": "Mail aan de verkeerde."})
    path = made.headers["Location"]
    small.requests.vault.destroy(keys_of(small.requests))
    assert small.get(path).json["facts"] is None
    assert small.post(f"{path}/closure", CLOSING).status_code == 200
    assert small.get(path).json["measures"] == CLOSING["measures"]


def test_p91_a_report_goes_five_years_after_its_incident_was_closed(house) -> None:
    """And not a day sooner, however long it was open; with its key, by a decision that is answered for."""
    house.report(email=REPORTER)
    [incident] = house.incidents()
    report, path = f"{REPORTS}/{incident['id']}", f"{INCIDENTS}/{incident['id']}"
    house.clock.forward(days=40)
    house.post(f"{path}/closure", CLOSING)
    keys = [(tools, keys_of(tools)) for tools in (house.intake, house.requests)]
    for years, days, status in ((5, -1, 200), (0, 2, 410)):
        house.clock.now = house.clock.now.replace(year=house.clock.now.year + years)
        house.clock.forward(days=days)
        house.run("end the terms of incidents")
        assert house.get(report).status_code == status
    with house.requests.database.reading() as session:
        assert session.execute(sa.select(issued_decisions.c.type, issued_decisions.c.closed_at)).one().closed_at
    assert house.get(path).status_code == 404  # the end of its report was decided first
    assert [len(used) for _, used in keys] == [1, 1]
    assert all(tools.vault.surviving(used) == set() for tools, used in keys)


def test_a_report_is_personal_data_of_whoever_sent_it(small) -> None:
    """An inquiry finds it by their address, an erasure takes it away; that there was an incident stays."""
    small.report(email=" Wim@Voorbeeld.example")
    small.report()
    mine = next(each for each in small.incidents() if small.get(f"{REPORTS}/{each['id']}").json["email"])
    holding = small.installation.services["intake"].holding("security-reports")
    with small.intake.database.reading() as session:
        assert list(holding.find(session, small.intake.refs.emails(REPORTER))) == [mine["id"]]
        assert holding.identify(session, small.intake, [mine["id"]]).email == REPORTER
    small.erase("intake", "security-reports", mine["id"])
    statuses = {each["id"]: small.get(f"{REPORTS}/{each['id']}").status_code for each in small.incidents()}
    assert sorted(statuses.values()) == [200, 410]
    assert statuses[mine["id"]] == 410


def test_p91_the_form_asks_no_name_and_works_without_script_or_cookie(small) -> None:
    """In both languages; a mistake keeps what was typed, and the end shows the reference."""
    for language, words in (("nl", "Je hoeft niet te zeggen wie je bent"), ("en", "You need not say who you are")):
        assert words in small.client.get(f"/intake/security?language={language}", headers=BROWSER).text
    wrong = small.client.post(REPORTS, data=REPORT | {"email": "wim"}, headers=BROWSER)
    assert (wrong.status_code, REPORT["message"] in wrong.text) == (422, True)
    done = small.client.post(REPORTS, data={"message": "Ik zag iets."}, headers=BROWSER)
    small.installation.settle()
    assert done.status_code in (200, 202)
    assert small.incidents()[0]["reference"] in done.text
    assert not any("Set-Cookie" in each.headers for each in (wrong, done))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"message": " "}, "message"), ({"place": "a\nb"}, "place"), ({"file": "x"}, "file"), ({"email": "x"}, "email")],
)
def test_what_is_filled_in_wrong_is_named_and_nothing_is_kept(small, fields, wrong) -> None:
    """No field for a file, either."""
    answer = small.client.post(REPORTS, json=REPORT | fields)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])
    small.installation.settle()
    assert small.incidents() == []


def test_p91_who_may_look_into_it(small) -> None:
    """What was reported is for the two roles that deal with it; that there is an incident, the fg sees too."""
    small.report()
    [incident] = small.incidents()
    roles = ("privacy-coordinator", "admin", "fg", "front-desk", "physician", "bookkeeper")
    read, seen, closed = (
        [role for role in roles if ask(role).status_code == 200]
        for ask in (
            lambda role: small.get(f"{REPORTS}/{incident['id']}", role),
            lambda role: small.get(f"{INCIDENTS}/{incident['id']}", role),
            lambda role: small.post(f"{INCIDENTS}/{uuid.uuid4()}/closure", CLOSING, role),
        )
    )
    assert (read, seen, closed) == (["privacy-coordinator", "admin"], ["privacy-coordinator", "admin", "fg"], [])
