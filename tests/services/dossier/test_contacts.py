"""Contact history: how, when and why there was contact with a client (P13)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.dossier.records import Client, Contact
from shared.clock import utc_text
from tests.services.dossier.practice import BERT, CALLED


def test_p13_how_when_and_why_are_noted_and_shown(practice) -> None:
    """With who noted it; the time is now unless it is said."""
    client = practice.client()
    made = practice.post(f"clients/{client}/contacts", CALLED)
    shown = practice.http.get(made.headers["Location"], headers=practice.bearer("physician")).json
    assert {name: shown[name] for name in CALLED} == CALLED
    assert (shown["at"], shown["noted_by"], shown["client"]) == (utc_text(practice.clock()), "m.devries", client)
    (row,) = practice.rows(Contact)
    assert b"openingstijden" not in row.sealed


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"reason": None}, "reason"),
        ({"channel": None}, "channel"),
        ({"reason": "because"}, "reason"),
        ({"channel": "pigeon"}, "channel"),
        ({"at": "2026-11-02T10:00:00Z"}, "at"),  # an hour from now
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-11-02T08:00:00"}, "at"),  # where?
        ({"subject": "Botox"}, "subject"),
    ],
)
def test_p13_a_contact_without_a_reason_is_refused(practice, fields, wrong) -> None:
    """And so is one without a channel, or one that is still to come."""
    client = practice.client()
    body = {name: value for name, value in (CALLED | fields).items() if value is not None}
    answer = practice.post(f"clients/{client}/contacts", body)
    assert (answer.status_code, set(answer.json["errors"])) == (422, {wrong})
    assert practice.rows(Contact) == []


def test_the_history_of_a_client_comes_in_pages_the_latest_first(practice) -> None:
    """By when it was and not by when it was written down; of nobody else."""
    client, other = practice.client(), practice.client(BERT)
    practice.contact(other, note="Van een ander.")
    for days in (3, 1, 2, 0, 2):
        practice.contact(client, at=utc_text(practice.clock() - timedelta(days=days)), note=f"{days} dagen geleden")
    seen, path = [], f"clients/{client}/contacts?limit=2"
    while path:
        answer = practice.get(path, "assistant").json
        seen += [item["note"] for item in answer["items"]]
        path = answer["next"] and f"clients/{client}/contacts?limit=2&cursor={answer['next']}"
    assert seen == [f"{days} dagen geleden" for days in (0, 1, 2, 2, 3)]


def test_one_key_makes_one_contact(practice) -> None:
    """A tool that calls again does not call twice."""
    client = practice.client()
    first, again = (practice.post(f"clients/{client}/contacts", CALLED, Idempotency_Key="one") for _ in range(2))
    assert (first.status_code, again.json) == (201, first.json)
    assert len(practice.rows(Contact)) == 1


def test_an_old_contact_that_is_noted_late_does_not_set_the_clock_back(practice) -> None:
    """What a lead's term is counted from is the last contact."""
    client = practice.client(kind="lead")
    practice.contact(client, at=utc_text(practice.clock() - timedelta(days=30)))
    assert practice.row(Client, client).last_contact_at == practice.clock()
    practice.clock.forward(days=2)
    practice.contact(client)
    assert practice.row(Client, client).last_contact_at == practice.clock()


def test_a_contact_whose_client_is_gone_can_be_read_until_it_goes_itself(practice) -> None:
    """A decision that names the client only leaves it; staff find it by an inquiry, and judge it."""
    client = practice.client()
    contact, other = practice.contact(client), practice.contact(client, note="Een tweede.")
    practice.decide(clients=[client], contacts=[other])
    practice.settle()
    assert practice.get(f"contacts/{contact}").json["note"] == CALLED["note"]
    assert practice.get(f"contacts/{other}").status_code == 410
    assert practice.get("contacts/3f1c0000-0000-4000-8000-000000000001").status_code == 404
