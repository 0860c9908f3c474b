"""Editions in the console: what is wrong with them is said in words, and the next is planned from the drafts."""

from __future__ import annotations

from datetime import timedelta

from shared.clock import system_clock, utc_text
from tests.services.console.fake_requests import RefusalError


def edition(**said) -> dict:
    """Return an edition as the newsletter shows it."""
    return {
        "campaign": "c1",
        "subject": "Zomer <b>",
        "state": "sent",
        "known_by": "poll",
        "at": utc_text(system_clock() - timedelta(days=2)),
        "audience": "part-of-list",
        "about": None,
        "warnings": ["too-early", "part-of-list", "seed-lacking"],
        "seed": "lacking",
        "lacks": ["foot-link"],
        **said,
    }


def register(*items: dict, **said) -> dict:
    """Return the list that they stand in."""
    days = {"earliest_on": "2027-01-25", "overdue_on": "2027-02-08"}
    return {"items": list(items), "next": None, "programme": "Laposta", **days, **said}


def test_p22_p23_editions_are_listed_with_what_is_wrong(fake, signed_in):
    """How each is known, in two languages, with the first day of the next; today names those of late."""
    old = edition(subject="Lente", at="2026-01-05T09:00:00Z", warnings=["unknown"], known_by="scheduled", seed="alike")
    fake.editions = register(edition(), old, overdue_on="2026-01-01")
    visitor = signed_in("front-desk")
    page = visitor.get("/console/editions").text
    for said in (
        "Zomer &lt;b&gt;",
        "naar een deel van de lijst",
        "geen afmeldlink onderaan",
        "25 jan 2027",
        "via ons gepland",
        "niet gebleken dat die van het programma is",
    ):
        assert said in page
    today = visitor.get("/console/").text
    assert ("Zomer &lt;b&gt;" in today, "Lente" in today, "tijd voor een editie" in today) == (True, False, True)
    assert "to a part of the list" in visitor.get("/console/editions?lang=en", follow_redirects=True).text
    visitor.get("/console/?lang=nl")


def test_p22_an_edition_is_planned_by_the_clinic_s_time_and_a_refusal_is_shown_at_its_place(fake, signed_in):
    """What was chosen stays chosen; who only reads is offered no form, and a programme that is away is said to be."""
    fake.editions = register()
    fake.drafts = {"items": [{"campaign": "c9", "subject": "Herfst", "audience": "whole-list"}], "minutes": 1}
    visitor, path = signed_in("privacy-coordinator"), "/console/editions"
    said = {"campaign": "c9", "at": "2027-07-01T10:30", "about": "offers"}
    assert visitor.post(path, **said).status_code == 303
    assert fake.asked[-1] == ("POST", "editions", {**said, "at": "2027-07-01T08:30:00+00:00"})
    fake.refusal = RefusalError(422, "", {"campaign": ["Deze mailing gaat naar een deel van de lijst."]})
    refused = visitor.post(path, **said)
    assert refused.status_code == 422
    assert "naar een deel van de lijst" in refused.text
    assert '<option value="c9" selected>Herfst (naar de hele lijst)</option>' in refused.text
    fake.refusal = RefusalError(409, "De volgende mag op zijn vroegst op 25 januari 2027.")
    assert "25 januari 2027" in visitor.post(path, **said).text
    assert visitor.post(path, **{**said, "at": "morgen"}).status_code == 409
    assert fake.asked[-1][2]["at"] == ""
    fake.refusal = None
    assert '<form method="post" action="/console/editions"' not in signed_in("fg").get(path).text
    fake.drafts = {"items": None, "minutes": 1}
    assert "Laposta is nu niet te bereiken" in visitor.get(path).text
    assert "/console/editions" not in signed_in("physician").get("/console/").text
