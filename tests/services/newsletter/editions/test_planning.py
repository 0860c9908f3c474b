"""Planning an edition through us: six weeks from any other, to exactly the whole list, or not at all (P22, P23)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import msgspec
import pytest
import requests
from click.testing import CliRunner

from services.console.schemas import EditionList
from services.newsletter.editions import actions, records
from services.newsletter_commands import newsletter as commands
from shared.clock import utc_text

EDITIONS = "/newsletter/v1/editions"


def campaigns(desk) -> list[dict]:
    """What the programme has."""
    return requests.get(f"{desk.sandbox}/sandbox/v1/newsletter/{desk.programme}/campaigns", timeout=5).json()


def make(desk, whom: str = "list", subject: str = "Zomer") -> str:
    """Make a mailing on the programme's own screens."""
    url = f"{desk.sandbox}/sandbox/v1/newsletter/{desk.programme}/campaigns"
    return requests.post(url, json={"subject": subject, "to": whom}, timeout=5).json()["id"]


def send(desk, campaign: str, what: str = "send") -> None:
    """Send it there, past us."""
    url = f"{desk.sandbox}/sandbox/v1/newsletter/{desk.programme}/campaigns/{campaign}/{what}"
    assert requests.post(url, timeout=5).status_code == 204


def plan(desk, campaign: str, at: datetime, about: str = "offers", role: str = "front-desk"):
    """Plan it as a member of staff."""
    body = {"campaign": campaign, "at": utc_text(at), "about": about}
    return desk.client.post(EDITIONS, json=body, headers=desk.bearer(role))


def listed(desk) -> EditionList:
    """The register as the console reads it."""
    answer = desk.client.get(EDITIONS, headers=desk.bearer("fg"))
    assert answer.status_code == 200, answer.json
    return msgspec.json.decode(answer.data, type=EditionList)


def test_p22_an_edition_is_planned_at_the_programme_and_no_other_within_six_weeks(anywhere) -> None:
    """Day 41 is refused on either side with the day that may, 42 is taken; the same again changes nothing."""
    at = anywhere.clock() + timedelta(days=60)
    first = make(anywhere)
    drafts = anywhere.client.get(f"{EDITIONS}/drafts", headers=anywhere.bearer("front-desk")).json
    assert drafts == {"items": [{"campaign": first, "subject": "Zomer", "audience": "whole-list"}], "minutes": 1}
    assert plan(anywhere, first, at).status_code == 200
    assert plan(anywhere, first, at).json["state"] == "scheduled"
    assert [each["planned_at"] for each in campaigns(anywhere)] == [utc_text(at)]
    for days, said in ((41, "2027-02-12"), (-41, "within six weeks after this one"), (0, "")):
        other = make(anywhere)
        refused = plan(anywhere, other, at + timedelta(days=days))
        assert refused.status_code == 409
        assert said.replace("2027-02-12", "12 February 2027") in refused.json["detail"]
        assert campaigns(anywhere)[-1]["planned_at"] is None
    for days in (42, -42):
        assert plan(anywhere, make(anywhere), at + timedelta(days=days)).status_code == 200
    found = listed(anywhere)
    assert [(each.state, each.known_by, each.about) for each in found.items] == [
        ("scheduled", "scheduled", "offers")
    ] * 3
    assert (found.programme, str(found.earliest_on)) == ("Laposta", "2027-03-26")

    at += timedelta(days=100)  # and two who plan at once: the second waits until the first has the day
    second, first = make(anywhere), anywhere.provider.campaigns.find(make(anywhere))
    asked = actions.Plan(processor="laposta", campaign=first, at=at, about="changes")
    with ThreadPoolExecutor(1) as other:
        with anywhere.tools.database.transaction() as session:
            actions.keep_place(session, anywhere.tools, asked, now=anywhere.clock())
            planned = other.submit(plan, anywhere, second, at)
            with pytest.raises(TimeoutError):
                planned.result(timeout=0.5)
        assert planned.result(timeout=30).status_code == 409
        assert not any(each["planned_at"] for each in campaigns(anywhere)[-2:])

        def tell() -> int:
            with anywhere.tools.database.transaction() as session:
                return actions.note_told(session, "laposta", [second], anywhere.clock())

        with anywhere.tools.database.transaction() as session:  # so does a second who hears of the same
            assert actions.note_told(session, "laposta", [second], anywhere.clock()) == 1
            heard = other.submit(tell)
            with pytest.raises(TimeoutError):
                heard.result(timeout=0.5)
        assert heard.result(timeout=30) == 0


def test_p22_two_clicks_plan_one_edition_and_neither_is_told_that_it_failed(mailchimp) -> None:
    """Mailchimp refuses to plan what is planned: its no to the second click is no reason to forget the edition."""
    campaign, at = make(mailchimp), mailchimp.clock() + timedelta(days=60)
    with ThreadPoolExecutor(2) as clicks:
        with mailchimp.tools.database.transaction():
            both = [clicks.submit(plan, mailchimp, campaign, at) for _ in range(2)]
            for each in both:
                with pytest.raises(TimeoutError):
                    each.result(timeout=0.5)
        assert [each.result(timeout=30).status_code for each in both] == [200, 200]
    assert [(each.state, each.known_by, each.about) for each in listed(mailchimp).items] == [
        ("scheduled", "scheduled", "offers")
    ]


def test_p22_what_was_sent_past_us_counts_before_anything_is_planned(newsletter) -> None:
    """The programme is looked at first; the command says how each is known, and when the next may be."""
    send(newsletter, make(newsletter, "segment"))
    refused = plan(newsletter, make(newsletter), newsletter.clock() + timedelta(days=41))
    assert (refused.status_code, "2 November 2026" in refused.json["detail"]) == (409, True)
    assert plan(newsletter, make(newsletter), newsletter.clock() + timedelta(days=42)).status_code == 200
    [planned, sent] = listed(newsletter).items
    assert (planned.known_by, sent.known_by, sent.state) == ("scheduled", "poll", "sent")
    done = CliRunner().invoke(commands, ["editions"], obj=lambda: newsletter.installation.settings)
    assert done.exit_code == 0, done.output
    for said in ("watched by poll", "! to a part of the list (P23)", "may be on 2027-01-25 at the earliest."):
        assert said in done.output


@pytest.mark.parametrize("programme", ["laposta", "mailchimp"])
def test_p23_an_edition_aimed_at_a_part_or_about_something_else_is_refused(request, programme) -> None:
    """A segment, another list, an unknown mailing, another subject: each with its field, and nothing is planned."""
    desk = request.getfixturevalue({"laposta": "newsletter"}.get(programme, programme))
    at = desk.clock() + timedelta(days=60)
    wrong = [(make(desk, "segment"), "deel van de lijst"), (make(desk, "other"), "andere lijst"), ("0", "kent")]
    for campaign, said in wrong:
        body = {"campaign": campaign, "at": utc_text(at), "about": "offers"}
        refused = desk.client.post(EDITIONS, json=body, headers=desk.bearer("admin") | {"Accept-Language": "nl"})
        assert refused.status_code == 422
        assert said in refused.json["errors"]["campaign"][0]
    good = make(desk)
    assert list(plan(desk, good, at, about="treatments").json["errors"]) == ["about"]
    for wrong_time in (desk.clock(), desk.clock() + timedelta(days=400), at + timedelta(seconds=7)):
        assert list(plan(desk, good, wrong_time).json["errors"]) == ["at"]
    odd = plan(desk, good, at + timedelta(minutes=10))  # Mailchimp sends on the quarter
    assert odd.status_code == (422 if programme == "mailchimp" else 200)
    if programme == "mailchimp":
        assert not any(each["planned_at"] for each in campaigns(desk))
        assert listed(desk).items == []


def test_p22_a_programme_that_says_yes_and_does_not_plan_leaves_no_edition(newsletter) -> None:
    """It is looked at again; while it cannot be reached nothing is planned, and the day is free afterwards."""
    campaign, at = make(newsletter), newsletter.clock() + timedelta(days=60)
    newsletter.stage.behave("laposta", "lie")
    assert plan(newsletter, campaign, at).status_code == 409
    assert listed(newsletter).items == []
    newsletter.stage.behave("laposta", "fail")
    refused = plan(newsletter, campaign, at)
    assert (refused.status_code, refused.json["part"]) == (503, "Laposta")
    assert newsletter.client.get(f"{EDITIONS}/drafts", headers=newsletter.bearer("admin")).json["items"] is None
    newsletter.stage.behave("laposta", "normal")
    assert plan(newsletter, campaign, at).status_code == 200
    newsletter.clock.forward(days=70)
    assert plan(newsletter, campaign, newsletter.clock() + timedelta(days=60)).status_code == 409  # it was sent


def test_p22_an_edition_whose_answer_was_lost_is_looked_up(newsletter) -> None:
    """It holds its day until the programme shows it, or has not got it after ten minutes."""
    kept, lost = make(newsletter), make(newsletter)
    at = newsletter.clock() + timedelta(days=60)
    desk = newsletter.provider.campaigns
    for campaign, day in ((kept, at), (lost, at + timedelta(days=50))):
        asked = actions.Plan(processor="laposta", campaign=desk.find(campaign), at=day, about="changes")
        with newsletter.tools.database.transaction() as session:
            actions.keep_place(session, newsletter.tools, asked, now=newsletter.clock())
    desk.schedule(kept, at)
    newsletter.run_job("watch the programme for editions")
    assert {each.campaign: each.state for each in listed(newsletter).items} == {kept: "scheduled", lost: "asked"}
    newsletter.clock.forward(minutes=11)
    newsletter.run_job("watch the programme for editions")
    assert [(each.campaign, each.about) for each in listed(newsletter).items] == [(kept, "changes")]
    with newsletter.tools.database.reading() as session:
        assert records.find(session, "laposta", lost) is None
