"""What only Mailchimp does: forms with literal brackets, timed signatures, and people it never takes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from services.newsletter.processors.mailchimp import Mailchimp
from services.newsletter.processors.mailchimp.adapter import subscriber_hash
from shared.errors import ConfigurationError, MalformedBodyError, PermanentError, RetryableError, UnauthenticatedError
from tests.services.newsletter.processors.conftest import Said

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SETTINGS = {
    "api_key": "0123456789abcdef-us14",
    "list_id": "publiek1",
    "url_secret": "adres",
    "webhook_secret": "oud nieuw",
}


@pytest.fixture
def adapter() -> Mailchimp:
    """Connect nothing: reading a delivery needs no network."""
    return Mailchimp.from_settings(SETTINGS)


def form(kind: str = "unsubscribe", without: tuple[str, ...] = (), **data: str) -> bytes:
    """Write one event as Mailchimp does; `data` are further fields of `data[...]`, `without` those left out."""
    fields = {
        "type": kind,
        "fired_at": "2026-05-31 14:00:00",
        "data[action]": "unsub",
        "data[reason]": "manual",
        "data[id]": "a1b2c3d4e5",
        "data[list_id]": "publiek1",
        "data[email]": "Sanne+nieuws@example.nl",
        "data[email_type]": "html",
        "data[ip_opt]": "203.0.113.9",
        "data[web_id]": "998877",
        "data[merges][EMAIL]": "Sanne+nieuws@example.nl",
        "data[merges][FNAME]": "Sanne",
        "data[merges][LNAME]": "de Wit",
        "data[merges][GROUPINGS][0][id]": "12",
        **{f"data[{name}]": value for name, value in data.items()},
    }
    return urlencode({name: value for name, value in fields.items() if name not in without}).encode()


def signature(body: bytes, *secrets: str, at: datetime = NOW) -> dict[str, str]:
    """Sign a body under each of the secrets."""
    moment = str(int(at.timestamp()))
    codes = [hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest() for secret in secrets]
    return {"X-Mailchimp-Signature": ",".join([f"t={moment}", *(f"v1={code}" for code in codes)])}


class TestDeliveries:
    """What Mailchimp posts to us."""

    @pytest.mark.parametrize(
        ("raw", "kind"),
        [
            (form("subscribe"), "subscribed"),
            (form("profile"), "profile"),
            (form(), "unsubscribed"),
            (form(without=("data[action]",)), "unsubscribed"),
            (form(without=("data[action]", "data[reason]")), "unsubscribed"),
            (form(action="delete"), "deleted"),
            (form(reason="abuse"), "complained"),
            (form(reason="hard"), "bounced"),
            (form("cleaned", without=("data[id]",), reason="hard"), "bounced"),
            (form("cleaned", without=("data[id]",), reason="abuse"), "complained"),
        ],
    )
    def test_each_event_has_its_kind(self, adapter: Mailchimp, raw: bytes, kind: str) -> None:
        """A deletion arrives as an unsubscribe, a complaint in two ways, and an action may be missing."""
        (event,) = adapter.parse(raw).events
        assert event.kind == kind

    def test_the_brackets_are_part_of_the_names(self, adapter: Mailchimp) -> None:
        """`data[email]` is one literal key: looking for a nested `data` finds nothing, answers 200 and loses it."""
        raw = b"type=unsubscribe&fired_at=2026-05-31+14%3A00%3A00&data%5Blist_id%5D=publiek1&data[email]=a%2Bb%40c.nl"
        (event,) = adapter.parse(raw).events
        assert event.email == "a+b@c.nl"

    def test_only_what_is_used_is_kept(self, adapter: Mailchimp) -> None:
        """Address, kind, reason and time; times are UTC."""
        (event,) = adapter.parse(form()).events
        assert (event.email, event.reason) == ("Sanne+nieuws@example.nl", "manual")
        assert event.occurred_at == datetime(2026, 5, 31, 14, 0, tzinfo=UTC)
        kept = "".join(str(getattr(event, name)) for name in event.__dataclass_fields__)
        assert not [left for left in ("203.0.113.9", "de Wit", "998877", "a1b2c3d4e5") if left in kept]

    def test_a_changed_address_has_an_old_and_a_new_one(self, adapter: Mailchimp) -> None:
        """`upemail` has neither `email` nor `id`, and comes before or after the profile event that goes with it."""
        changed = {"new_id": "f6", "new_email": "nieuw@example.nl", "old_email": "oud@example.nl"}
        (event,) = adapter.parse(form("upemail", without=("data[email]", "data[id]"), **changed)).events
        assert (event.kind, event.email, event.new_email) == ("address_changed", "oud@example.nl", "nieuw@example.nl")
        half = form("upemail", without=("data[email]", "data[new_email]"), old_email="oud@example.nl")
        assert adapter.parse(half).rejected == 1

    @pytest.mark.parametrize("raw", [form("campaign"), form("thunder"), form(list_id="another"), b"type=unsubscribe"])
    def test_what_is_not_for_us_is_counted_and_no_error(self, adapter: Mailchimp, raw: bytes) -> None:
        """Campaigns, unknown types and other audiences are a success."""
        parsed = adapter.parse(raw)
        assert (parsed.events, parsed.ignored, parsed.rejected) == ((), 1, 0)

    @pytest.mark.parametrize(
        "raw",
        [
            form(email="no address"),
            form(without=("data[email]",)),
            form(without=("fired_at",)),
            form(email="zo\ufffd@example.nl"),
            form().replace(b"fired_at=2026", b"fired_at=later"),
            form() + b"&data%5Bemail%5D=another%40example.nl",
        ],
    )
    def test_an_event_that_cannot_be_read_is_counted(self, adapter: Mailchimp, raw: bytes) -> None:
        """No address, no time, or two different addresses: nobody's opt-out."""
        parsed = adapter.parse(raw)
        assert (parsed.events, parsed.ignored, parsed.rejected) == ((), 0, 1)

    @pytest.mark.parametrize(
        "raw",
        [b"", b"{}", b'{"type": "unsubscribe"}', b"data[email]=a@b.nl", form() + b"&a=b" * 5000, b"\xff\xfe"],
    )
    def test_a_body_that_is_no_event_is_malformed(self, adapter: Mailchimp, raw: bytes) -> None:
        """JSON, nothing, no type, or thousands of fields."""
        with pytest.raises(MalformedBodyError):
            adapter.parse(raw)

    @pytest.mark.parametrize("spoilt", [b"Zo%EB", b"Zo\xeb"])
    def test_a_wrong_byte_in_a_name_costs_only_the_name(self, adapter: Mailchimp, spoilt: bytes) -> None:
        """Latin-1 where UTF-8 should be, quoted or raw."""
        raw = form().replace(b"FNAME%5D=Sanne", b"FNAME%5D=" + spoilt)
        (event,) = adapter.parse(raw).events
        assert event.email == "Sanne+nieuws@example.nl"

    def test_one_event_has_one_key_and_two_have_two(self, adapter: Mailchimp) -> None:
        """Nothing numbers a delivery: type, person, list and time make the key, whatever else changes."""
        same = [form(), form(campaign_id="c9")]
        assert len({adapter.parse(raw).events[0].dedupe_key for raw in same}) == 1
        others = [
            form(),
            form("subscribe"),
            form(id="ffff"),
            form().replace(b"14%3A00", b"14%3A01"),
            form("cleaned", without=("data[id]",), reason="hard"),
            form("cleaned", without=("data[id]",), reason="hard", email="other@example.nl"),
        ]
        assert len({adapter.parse(raw).events[0].dedupe_key for raw in others}) == len(others)


class TestProofs:
    """How a delivery proves where it comes from."""

    @pytest.mark.parametrize("secrets", [("oud",), ("nieuw",), ("oud", "nieuw"), ("other", "nieuw")])
    def test_one_of_several_signatures_is_enough(self, adapter: Mailchimp, secrets: tuple[str, ...]) -> None:
        """While a secret is replaced there is a `v1` for each, and we may know only one of the two."""
        body = form()
        proofs = adapter.verify(signature(body, *secrets), body, url_secret="adres", now=NOW)
        assert proofs == ("url-secret", "signature-v1")

    @pytest.mark.parametrize(("seconds", "holds"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
    def test_a_signature_holds_for_300_seconds(self, adapter: Mailchimp, seconds: int, holds: bool) -> None:
        """An old delivery that somebody kept proves nothing."""
        body = form()
        headers, now = signature(body, "oud"), NOW + timedelta(seconds=seconds)
        if holds:
            adapter.verify(headers, body, url_secret="adres", now=now)
            return
        with pytest.raises(UnauthenticatedError):
            adapter.verify(headers, body, url_secret="adres", now=now)

    def test_the_time_is_signed_too(self, adapter: Mailchimp) -> None:
        """Another time in the header breaks the signature, and two times are none."""
        body = form()
        header = signature(body, "oud")["X-Mailchimp-Signature"]
        moment = str(int(NOW.timestamp()))
        for altered in (header.replace(moment, str(int(moment) + 1)), f"t={moment},{header}"):
            with pytest.raises(UnauthenticatedError):
                adapter.verify({"X-Mailchimp-Signature": altered}, body, url_secret="adres", now=NOW)

    @pytest.mark.parametrize(
        "header",
        ["", "t=,v1=", "v1=00", "t=1,v1", "t=²,v1=0", "t=999999999999999999999,v1=0", ",,,=,", "t=x,v1=\ud800"],
    )
    def test_a_garbled_header_is_refused(self, adapter: Mailchimp, header: str) -> None:
        """And raises nothing else."""
        with pytest.raises(UnauthenticatedError):
            adapter.verify({"X-Mailchimp-Signature": header}, form(), url_secret="adres", now=NOW)

    def test_an_unsigned_request_to_a_signed_webhook_is_refused(self, adapter: Mailchimp) -> None:
        """Knowing the address is not enough there."""
        with pytest.raises(UnauthenticatedError):
            adapter.verify({}, form(), url_secret="adres", now=NOW)


class TestCalls:
    """What we ask of Mailchimp, and how it refuses."""

    def test_a_refresh_sends_no_status(self, mailchimp: Any) -> None:
        """A status would push whoever left back onto the list; a new member still needs one."""
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=False)
        assert sent(mailchimp) == {
            "email_address": "sanne@example.nl",
            "status_if_new": "subscribed",
            "merge_fields": {"FNAME": "Sanne"},
        }
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        assert sent(mailchimp)["status"] == "subscribed"

    @pytest.mark.parametrize("act", ["unsubscribe", "complain", "bounce"])
    def test_who_left_by_themselves_is_asked_once_by_mailchimp(self, mailchimp: Any, act: str) -> None:
        """In compliance state a fresh opt-in becomes `pending`: Mailchimp asks the person."""
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailchimp.act(act, "sanne@example.nl")
        before = len(mailchimp.calls("PUT"))
        assert mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True) == "pending"
        assert [json.loads(base64.b64decode(call["body"]))["status"] for call in mailchimp.calls("PUT")[before:]] == [
            "subscribed",
            "pending",
        ]

    def test_a_problem_is_known_by_its_title_also_without_a_type(self, adapter: Mailchimp) -> None:
        """Recorded answers leave the type out, and the detail repeats the address."""
        left = {"title": "Member In Compliance State", "status": 400, "detail": "sanne@example.nl is in a state"}
        said = Said([(400, left), (200, {"status": "pending"})])
        assert replace(adapter, session=said).subscribe("sanne@example.nl", "Sanne", reactivate=True) == "pending"
        assert [content["status"] for _, content in said.asked] == ["subscribed", "pending"]

    @pytest.mark.parametrize("status", ["archived", "transactional"])
    def test_who_is_held_in_another_way_is_no_subscriber(self, adapter: Mailchimp, status: str) -> None:
        """And is found by an erasure; a status that nobody knows is an error and no guess."""
        assert (
            replace(adapter, session=Said([(200, {"status": status})])).get_state("sanne@example.nl") == "unsubscribed"
        )
        with pytest.raises(PermanentError, match="do not know"):
            replace(adapter, session=Said([(200, {"status": "frozen"})])).get_state("sanne@example.nl")

    def test_a_person_who_was_asked_can_still_be_unsubscribed(self, mailchimp: Any, task_of: Any) -> None:
        """`pending` is mailed too."""
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailchimp.act("unsubscribe", "sanne@example.nl")
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailchimp.adapter.carry_out(task_of("unsubscribe", "sanne@example.nl"))
        assert mailchimp.adapter.get_state("sanne@example.nl") == "unsubscribed"

    def test_who_was_deleted_for_good_comes_back_only_by_their_own_form(self, mailchimp: Any, task_of: Any) -> None:
        """Even asking is refused; whoever reads the error knows what to tell the person."""
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailchimp.adapter.carry_out(task_of("erasure", "sanne@example.nl"))
        for reactivate in (True, False):
            with pytest.raises(PermanentError) as caught:
                mailchimp.adapter.subscribe("Sanne@Example.nl", "Sanne", reactivate=reactivate)
            assert "a form of its own" in caught.value.detail

    def test_an_erasure_deletes_for_good_and_does_not_archive(self, mailchimp: Any, task_of: Any) -> None:
        """An archive would keep the person."""
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailchimp.adapter.carry_out(task_of("erasure", "sanne@example.nl"))
        assert mailchimp.calls("DELETE") == []
        (call,) = mailchimp.calls("POST")
        assert call["target"].endswith(f"/members/{subscriber_hash('sanne@example.nl')}/actions/delete-permanent")

    def test_who_is_archived_is_still_held(self, mailchimp: Any, task_of: Any) -> None:
        """Deleted in Mailchimp's own screens means archived: not mailed, and erased only by us."""
        mailchimp.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailchimp.act("delete", "sanne@example.nl")
        assert mailchimp.adapter.get_state("sanne@example.nl") == "unsubscribed"
        mailchimp.adapter.carry_out(task_of("erasure", "sanne@example.nl"))
        assert mailchimp.held() == {}

    def test_no_address_stands_in_a_path(self, mailchimp: Any, task_of: Any) -> None:
        """Members go by the MD5 of the address in lower case."""
        mailchimp.adapter.subscribe("Sanne@Example.nl", "Sanne", reactivate=True)
        mailchimp.adapter.carry_out(task_of("unsubscribe", "sanne@example.nl"))
        assert not [call for call in mailchimp.calls() if "sanne" in call["target"].lower()]

    def test_a_403_without_a_body_is_too_many_calls(self, mailchimp: Any) -> None:
        """A firewall says so, and it passes."""
        mailchimp.behave("block", times=1)
        with pytest.raises(RetryableError):
            mailchimp.adapter.get_state("sanne@example.nl")

    def test_too_many_calls_come_without_a_wait(self, mailchimp: Any) -> None:
        """Mailchimp never says for how long; our own back-off decides."""
        mailchimp.behave("busy", times=1)
        with pytest.raises(RetryableError) as caught:
            mailchimp.adapter.get_state("sanne@example.nl")
        assert caught.value.retry_after is None

    def test_a_webhook_that_echoes_our_writes_is_mended(self, mailchimp: Any, receiver: Any) -> None:
        """`api: true` brings everything we do back as news; left out it counts as true."""
        settings = mailchimp.adapter.settings
        url = f"{settings.base_url}/lists/{settings.list_id}/webhooks"
        made = requests.post(
            url,
            json={"url": receiver.url, "events": {"unsubscribe": True}},
            headers={"Authorization": f"Bearer {settings.api_key}"},
            timeout=5,
        ).json()
        assert made["sources"]["api"] is True
        (mended,) = mailchimp.adapter.ensure_webhooks(receiver.url)
        assert mended.webhook_id == made["id"]
        assert mended.active
        (hook,) = [hook for hook in requests.get(url, auth=("x", settings.api_key), timeout=5).json()["webhooks"]
                   if hook["id"] == made["id"]]  # fmt: skip
        assert hook["sources"] == {"user": True, "admin": True, "api": False}
        assert hook["events"]["campaign"] is True

    def test_an_address_nobody_answers_on_gets_no_webhook(self, mailchimp: Any) -> None:
        """The handshake fails, and it is for a person to see why."""
        with pytest.raises(PermanentError):
            mailchimp.adapter.ensure_webhooks("http://127.0.0.1:9/hook")

    def test_the_key_tells_the_data_centre(self) -> None:
        """Without an address of its own the key's ending gives it; a key without one is refused."""
        assert Mailchimp.from_settings(SETTINGS).session.base_url == "https://us14.api.mailchimp.com/3.0"
        for key in ("0123456789abcdef", "0123-us14.evil.example/", "0123-"):
            with pytest.raises(ConfigurationError):
                Mailchimp.from_settings({**SETTINGS, "api_key": key})


def sent(mailchimp: Any) -> dict[str, Any]:
    """Return the content of the newest PUT."""
    content: dict[str, Any] = json.loads(base64.b64decode(mailchimp.calls("PUT")[-1]["body"]))
    return content
