"""Today: the most urgent first, with what is to be done, and whoever is late."""

from __future__ import annotations

import re

import pytest

from tests.services.console.fake_requests import case, decision


def due(days_left: int, **said) -> dict:
    """Return a request that is due in so many days."""
    day = 22 + days_left
    clock = case()["clock"] | {"days_left": days_left, "due_on": f"2026-11-{day:02}"}
    return case(**said) | {"clock": clock | said.get("clock", {}), "reference": f"W-DUE-{day:02}"}


def test_the_most_urgent_request_stands_at_the_top(fake, signed_in):
    """Whatever its state; what is done is not there."""
    fake.cases = [
        due(5, state="assessed"),
        due(-2, state="executing"),
        due(8, state="received"),
        due(1, state="executed"),
        due(0, state="closed"),
    ]
    page = signed_in("privacy-coordinator").get("/console/").text
    assert re.findall(r"W-DUE-(\d+)", page) == ["20", "23", "27", "30"]


@pytest.mark.parametrize(
    ("days_left", "said"),
    [(-2, "2 dagen te laat"), (-1, "1 dag te laat"), (0, "vandaag"), (1, "nog 1 dag"), (8, "nog 8 dagen")],
)
def test_how_urgent_is_said_in_words(fake, signed_in, days_left, said):
    """The law's day is today or gone, or so many days away."""
    fake.cases = [due(days_left)]
    page = signed_in("privacy-coordinator").get("/console/").text
    assert f">{said}</span>" in page
    assert ('class="late"' in page) == (days_left < 0)


def test_a_clock_that_stands_still_says_so(fake, signed_in):
    """While the person has to take a doubt about identity away."""
    fake.cases = [due(3, state="identity_pending", clock={"paused_on": "2026-11-20"})]
    assert "staat stil" in signed_in("privacy-coordinator").get("/console/").text


@pytest.mark.parametrize(
    ("state", "to_do"),
    [
        ("received", "identiteit vaststellen"),
        ("assessed", "besluiten"),
        ("executing", "niets: het besluit wordt uitgevoerd"),
        ("executed", "antwoord bezorgen"),
    ],
)
def test_what_waits_for_a_person_is_said(fake, signed_in, state, to_do):
    """And what goes by itself too."""
    fake.cases = [due(3, state=state)]
    assert f">{to_do}</td>" in signed_in("privacy-coordinator").get("/console/").text


def test_answers_that_are_overdue_are_named(fake, signed_in):
    """Decisions of which somebody is late; none is said to be none."""
    fake.decisions = [decision(), decision(id="1b8f5bd4-63a5-4a43-9a62-1a2b3c4d5e6f", overdue=0)]
    visitor = signed_in("fg")
    page = visitor.get("/console/").text
    assert page.count("/console/decisions/") == 1
    assert "1 te laat" in page
    fake.decisions = []
    assert "Geen: elke dienst en elke verwerker is op tijd." in visitor.get("/console/").text


def test_each_role_gets_its_part(fake, signed_in):
    """The front desk requests only; a role without tasks here is told so, and nothing is asked for it."""
    assert "Uitvoeringsbevestigingen die te laat zijn" not in signed_in("front-desk").get("/console/").text
    fake.asked.clear()
    page = signed_in("physician").get("/console/").text
    assert "Voor je rol staat hier niets." in page
    assert fake.asked == []
