"""The mailings of every programme: planned to the minute, and seen for whom they are, in each one's own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from services.newsletter.processors.interface import ParsedWebhook
from shared.errors import PermanentError, RetryableError
from tests.services.newsletter.processors.test_mailchimp import form as mailchimp_form

AUDIENCES = {"list": "whole-list", "segment": "part-of-list", "more": "more-than-list", "other": "another-list"}
SUMMER = "Zomer bij de kliniek: *|FNAME|*"


def make(programme: Any, whom: str = "list") -> str:
    """Make a mailing on the programme's own screens."""
    url = f"{programme.origin}/sandbox/v1/newsletter/{programme.name}/campaigns"
    return requests.post(url, json={"subject": SUMMER, "to": whom}, timeout=5).json()["id"]


def send(programme: Any, campaign: str) -> None:
    """Send it there."""
    url = f"{programme.origin}/sandbox/v1/newsletter/{programme.name}/campaigns/{campaign}/send"
    assert requests.post(url, timeout=5).status_code == 204


def test_p22_a_mailing_is_planned_to_the_minute_and_seen_until_it_was_sent(programme: Any) -> None:
    """A draft is none of the editions; a planned and a sent one are, and what is older is not asked for."""
    desk, campaign = programme.adapter.campaigns, make(programme)
    now = datetime.now(UTC)
    at = (now + timedelta(days=200)).replace(hour=9, minute=45, second=0, microsecond=0)
    draft = desk.find(campaign)
    assert (draft.state, draft.subject, draft.audience) == ("draft", SUMMER, "whole-list")
    assert draft.sender_domain == "clinic.example"
    assert (desk.since(now - timedelta(days=1)), desk.drafts()) == ([], [draft])
    desk.schedule(campaign, at)
    assert desk.drafts() == []
    planned = desk.find(campaign)
    assert (planned.state, planned.at, planned.audience) == ("scheduled", at, "whole-list")
    assert desk.since(now - timedelta(days=1)) == [planned]
    other = make(programme)
    send(programme, other)
    sent = desk.find(other)
    assert sent.state == "sent"
    assert abs(sent.at - now) < timedelta(minutes=1)
    assert {each.campaign_id for each in desk.since(now - timedelta(days=1))} == {campaign, other}
    assert other not in {each.campaign_id for each in desk.since(now + timedelta(days=1))}


def test_p23_whom_a_mailing_goes_to_is_seen(programme: Any) -> None:
    """The whole list, a part of it, that and others, or another list."""
    for whom, audience in AUDIENCES.items():
        if (programme.name, whom) == ("listmonk", "segment"):  # it has lists only
            continue
        if (programme.name, whom) == ("mailchimp", "more"):  # it has one audience for each mailing
            continue
        assert programme.adapter.campaigns.find(make(programme, whom)).audience == audience


def test_what_a_programme_does_not_know_or_refuses_is_told_apart(programme: Any) -> None:
    """An unknown mailing is none; one that was sent is not planned again; and a busy programme is asked later."""
    desk = programme.adapter.campaigns
    assert desk.find("999999") is None
    campaign = make(programme)
    send(programme, campaign)
    if programme.name != "listmonk":  # which only looks at the status
        with pytest.raises(PermanentError):
            desk.schedule(campaign, datetime(2027, 3, 1, 9, 0, tzinfo=UTC))
    programme.behave("busy")
    for call in (lambda: desk.find(campaign), lambda: desk.since(datetime(2026, 1, 1, tzinfo=UTC))):
        with pytest.raises(RetryableError):
            call()


def test_the_webhooks_that_tell_of_a_mailing_name_nobody(mailchimp: Any, mailerlite: Any) -> None:
    """Its id is taken, of our list and once it was sent; opens and clicks are left alone."""
    parse = mailchimp.adapter.parse
    ours = {"list_id": mailchimp.adapter.settings.list_id, "status": "sent"}
    assert parse(mailchimp_form("campaign", id="c1", **ours)) == ParsedWebhook(campaigns=("c1",))
    for other in ({**ours, "status": "canceled"}, {**ours, "list_id": "x"}):
        assert parse(mailchimp_form("campaign", id="c1", **other)) == ParsedWebhook(ignored=1)
    told = b'{"events": [{"id": "18", "event": "campaign.sent"}, {"type": "campaign.sent", "campaign": {"id": 19}},'
    told += b' {"id": "18", "event": "campaign.open"}], "total": 3}'
    assert mailerlite.adapter.parse(told) == ParsedWebhook(campaigns=("18", "19"), ignored=1)


def test_p23_what_is_written_in_ways_nobody_promised_does_not_count_as_the_whole_list(laposta: Any, brevo: Any) -> None:
    """A list with a segment beside it, left-out lists, nothing at all."""
    aimed = laposta.adapter.campaigns._audience
    ours = laposta.adapter.settings.list_id
    assert aimed({"list_ids": [ours]}) == "whole-list"
    assert aimed({"list_ids": {ours: []}}) == "whole-list"
    assert aimed({"list_ids": {ours: ["s1"]}}) == "part-of-list"
    assert aimed({"list_ids": [ours], "segment_ids": ["s1"]}) == "part-of-list"
    assert aimed({}) == aimed({"list_ids": []}) == "unknown"
    aimed = brevo.adapter.campaigns._audience
    number = int(brevo.adapter.settings.list_id)
    assert aimed({"lists": [number], "segments": [3]}) == "part-of-list"
    assert aimed({"lists": [], "segments": [3]}) == "part-of-list"
    assert aimed({"lists": [number], "exclusionLists": [9]}) == "part-of-list"
    assert aimed(None) == "unknown"
