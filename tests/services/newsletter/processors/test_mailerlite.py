"""What only MailerLite does: two shapes in one batch, events without a time, no way back, and thirty days to forget."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.newsletter.listing import everybody
from services.newsletter.processors.mailerlite import MailerLite
from shared.errors import MalformedBodyError, PermanentError, RetryableError, UnauthenticatedError
from shared.processors.http import ProcessorAnswer
from shared.processors.interface import NothingHeld, Retained

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
GROUP = "187650000000000021"
SETTINGS = {"api_key": "jwt.0123.x", "list_id": GROUP, "url_secret": "adres", "webhook_secret": "oud nieuw"}


@pytest.fixture
def adapter() -> MailerLite:
    """Connect nothing: reading a delivery needs no network."""
    return MailerLite.from_settings(SETTINGS)


def person(without: tuple[str, ...] = (), **changed: Any) -> dict[str, Any]:
    """Write a subscriber as MailerLite does."""
    told = {
        "id": "187650000000000099",
        "email": "sanne+nieuws@example.nl",
        "status": "unsubscribed",
        "source": "api",
        "opens_count": 12,
        "ip_address": "203.0.113.9",
        "subscribed_at": "2026-01-05T09:00:00.000000Z",
        "unsubscribed_at": "2026-05-31T14:00:00.250000Z",
        "updated_at": "2026-05-31T15:00:00.000000Z",
        "deleted_at": None,
        "fields": {"name": "Sanne", "last_name": "de Wit", "city": "Utrecht", "phone": "+31612345678"},
        "location": "Utrecht",
        **changed,
    }
    return {name: value for name, value in told.items() if name not in without}


def flat(word: str = "subscriber.unsubscribed", without: tuple[str, ...] = (), **changed: Any) -> dict[str, Any]:
    """Write an event about a subscriber."""
    return {**person(without, **changed), "event": word, "account_id": 7, "api_version": "2025-05"}


def nested(word: str, group: str = GROUP, **changed: Any) -> dict[str, Any]:
    """Write an event about a group."""
    return {"type": word, "subscriber": person(**changed), "group": {"id": group, "name": "Nieuws"}, "account_id": 7}


def raw(*items: Any) -> bytes:
    """Write a batch."""
    return json.dumps({"events": items, "total": len(items)}).encode()


class TestDeliveries:
    """What MailerLite posts to us."""

    @pytest.mark.parametrize(
        ("item", "kind", "by_person"),
        [
            (flat(), "unsubscribed", None),
            (flat("subscriber.bounced"), "bounced", False),
            (flat("subscriber.spam_reported"), "complained", True),
            (flat("subscriber.deleted"), "deleted", False),
            (flat("subscriber.updated"), "profile", None),
            (flat("subscriber.active"), "subscribed", None),
            (nested("subscriber.added_to_group"), "subscribed", None),
            (nested("subscriber.removed_from_group"), "deleted", False),
            ({"type": "subscriber.unsubscribed", "subscriber": {"email": "sam@example.nl"}}, "unsubscribed", None),
        ],
    )
    def test_each_event_has_its_kind_in_either_shape(
        self, adapter: MailerLite, item: dict[str, Any], kind: str, by_person: bool | None
    ) -> None:
        """Of an unsubscribe they do not say who did it; alone or in a batch is the same."""
        for body in (raw(item), json.dumps(item).encode()):
            (told,) = adapter.parse(body).events
            assert (told.kind, told.by_person, told.list_id) == (kind, by_person, GROUP)

    def test_one_bad_event_costs_the_others_nothing(self, adapter: MailerLite) -> None:
        """A batch mixes shapes, and whatever else is in it."""
        items = (flat(), 7, None, {}, flat(email="nobody"), nested("subscriber.added_to_group"), flat("campaign.open"))
        parsed = adapter.parse(raw(*items))
        assert (len(parsed.events), parsed.rejected, parsed.ignored) == (2, 4, 1)

    @pytest.mark.parametrize(
        "item",
        [
            flat("campaign.click"),
            flat("subscriber.automation_completed"),
            nested("subscriber.added_to_group", group="187650000000000022"),
            {**nested("subscriber.removed_from_group"), "group": None},
        ],
    )
    def test_what_is_not_for_us_is_counted_and_no_error(self, adapter: MailerLite, item: dict[str, Any]) -> None:
        """Clicks, words we do not know, and other groups are a success."""
        parsed = adapter.parse(raw(item))
        assert (parsed.events, parsed.ignored, parsed.rejected) == ((), 1, 0)

    @pytest.mark.parametrize(
        ("item", "at"),
        [
            (flat(), datetime(2026, 5, 31, 14, 0, 0, 250_000, tzinfo=UTC)),
            (flat(unsubscribed_at="2026-05-31 14:00:00"), datetime(2026, 5, 31, 14, 0, tzinfo=UTC)),
            (flat(unsubscribed_at=None), datetime(2026, 5, 31, 15, 0, tzinfo=UTC)),
            (flat("subscriber.bounced"), datetime(2026, 5, 31, 15, 0, tzinfo=UTC)),
            (flat("subscriber.deleted", deleted_at="2026-05-31T16:00:00Z"), datetime(2026, 5, 31, 16, 0, tzinfo=UTC)),
            (flat("subscriber.bounced", without=("updated_at",)), None),
            (flat(unsubscribed_at="soon"), None),
        ],
    )
    def test_when_it_happened_is_told_by_the_time_of_what_happened(
        self, adapter: MailerLite, item: dict[str, Any], at: datetime | None
    ) -> None:
        """All of it UTC; without any time the event is still one."""
        assert adapter.parse(raw(item)).events[0].occurred_at == at

    def test_only_what_is_used_is_kept(self, adapter: MailerLite) -> None:
        """Address, kind and time; not even a first name, which nobody here uses."""
        (told,) = adapter.parse(raw(flat())).events
        assert (told.email, told.reason) == ("sanne+nieuws@example.nl", "unsubscribed")
        kept = "".join(str(getattr(told, name)) for name in told.__dataclass_fields__)
        assert not [left for left in ("Sanne", "203.0.113.9", "de Wit", "Utrecht", "612345678") if left in kept]

    def test_one_event_has_one_key_and_two_have_two(self, adapter: MailerLite) -> None:
        """What the batch says beside it makes no difference; person, word and time do."""
        same = [raw(flat()), raw(flat("subscriber.updated"), flat(opens_count=13))]
        assert len({adapter.parse(body).events[-1].dedupe_key for body in same}) == 1
        others = [flat(), flat("subscriber.bounced"), flat(id="1"), flat(unsubscribed_at="2026-05-31T14:00:00.250001Z")]
        assert len({event.dedupe_key for event in adapter.parse(raw(*others)).events}) == len(others)

    @pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"{}", b'{"events": {}}', b"event=x", b"[" * 100_000])
    def test_a_body_that_is_no_event_is_malformed(self, adapter: MailerLite, body: bytes) -> None:
        """Nothing can be read, so nothing is said to have been read."""
        with pytest.raises(MalformedBodyError):
            adapter.parse(body)


class TestProofs:
    """How a delivery proves where it comes from."""

    @pytest.mark.parametrize("secret", ["oud", "nieuw"])
    def test_the_signature_is_small_hexadecimal_over_the_exact_bytes(self, adapter: MailerLite, secret: str) -> None:
        """Each webhook has a secret of its own, which MailerLite chose."""
        body = raw(flat())
        code = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert adapter.verify({"signature": code}, body, url_secret="adres", now=NOW) == ("url-secret", "signature-hex")
        for header, changed in ((code.upper(), body), (code, body + b" "), ("", body), (f"sha256={code}", body)):
            with pytest.raises(UnauthenticatedError):
                adapter.verify({"Signature": header}, changed, url_secret="adres", now=NOW)


class TestCalls:
    """What we ask of MailerLite, and how it refuses."""

    def test_an_id_stays_the_text_that_it_is(self, mailerlite: Any) -> None:
        """Eighteen digits are more than a JavaScript number keeps: as a number it would be another group."""
        mailerlite.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        assert sent(mailerlite, "POST") == {
            "email": "sanne@example.nl",
            "fields": {"name": "Sanne"},
            "groups": [mailerlite.adapter.settings.list_id],
            "status": "active",
        }
        assert mailerlite.calls("POST")[-1]["headers"]["x-version"] == "2025-05-01"

    def test_a_refresh_names_no_group_and_no_status(self, mailerlite: Any) -> None:
        """So that it brings nobody back."""
        mailerlite.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailerlite.adapter.subscribe("sanne@example.nl", "Sandra", reactivate=False)
        assert sent(mailerlite, "PUT") == {"fields": {"name": "Sandra"}}

    @pytest.mark.parametrize("act", ["unsubscribe", "complain", "bounce"])
    def test_who_left_comes_back_only_by_a_form_of_theirs(self, mailerlite: Any, act: str) -> None:
        """Whoever reads the error knows what to tell the person; it names nobody."""
        mailerlite.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        mailerlite.act(act, "sanne@example.nl")
        with pytest.raises(PermanentError) as caught:
            mailerlite.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        assert caught.value.detail == "MailerLite takes back who left only by a form of its own."

    def test_what_it_refuses_else_is_another_error(self, mailerlite: Any) -> None:
        """An address that it does not take is not somebody who left."""
        with pytest.raises(PermanentError) as caught:
            mailerlite.adapter.subscribe("sanne@localhost", "Sanne", reactivate=True)
        assert caught.value.detail == "MailerLite refuses the call (422)."

    def test_forgetting_takes_thirty_days_and_the_receipt_may_not_say_less(self, mailerlite: Any, task_of: Any) -> None:
        """Out of sight at once, and not gone: until the day after the one that they name they still have it."""
        mailerlite.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        outcome = mailerlite.adapter.carry_out(task_of("erasure", "sanne@example.nl"))
        assert isinstance(outcome, Retained)
        today = datetime.now(UTC).date()
        assert outcome.until in (today + timedelta(days=31), today + timedelta(days=30))
        assert isinstance(outcome.until, date)
        assert (outcome.ground, outcome.evidence.grade) == ("erased-later", "re-read")
        assert mailerlite.calls("DELETE") == []
        assert isinstance(mailerlite.adapter.carry_out(task_of("erasure", "sanne@example.nl")), NothingHeld)
        again = task_of("erasure", "sanne@example.nl", retried_at=datetime(2026, 3, 9, 23, 0, tzinfo=UTC))
        later = mailerlite.adapter.carry_out(again)
        assert (later.until, later.evidence.grade) == (date(2026, 4, 9), "api-confirmed")
        assert isinstance(mailerlite.adapter.carry_out(replace(again, action="unsubscribe")), NothingHeld)

    def test_whom_it_shows_and_has_yet_to_forget_is_retained_until_the_day_it_shows(
        self, adapter: MailerLite, task_of: Any
    ) -> None:
        """Also at the first attempt: somebody on its own screens may have been before us."""
        there = {"data": person(deleted_at="2026-05-31T16:00:00Z", forget_at="2026-06-30T16:00:00Z")}

        class Session:
            def send(self, *_: object, **__: object) -> ProcessorAnswer:
                return ProcessorAnswer(status=200, headers={}, body=json.dumps(there).encode())

        outcome = replace(adapter, session=Session()).carry_out(task_of("erasure"))
        assert (outcome.ground, outcome.until) == ("erased-later", date(2026, 7, 1))

    def test_who_is_in_no_group_of_ours_is_held_and_not_a_subscriber(self, mailerlite: Any, task_of: Any) -> None:
        """The account may have more people than our group."""
        mailerlite.adapter.session.send("POST", "subscribers", content={"email": "bert@example.nl"})
        assert mailerlite.adapter.get_state("bert@example.nl") == "unsubscribed"
        assert list(everybody(mailerlite.adapter)) == [[]] * 5

    def test_a_field_it_dropped_is_noticed(self, mailerlite: Any) -> None:
        """The subscriber comes back without it: somebody has to mend the setting."""
        with pytest.raises(PermanentError, match="dropped"):
            mailerlite.with_settings(first_name_field="voornaam").subscribe("a@example.nl", "Sanne", reactivate=True)

    def test_too_many_calls_wait_as_long_as_asked(self, mailerlite: Any) -> None:
        """120 a minute; it says for how long."""
        mailerlite.behave("busy", times=1)
        with pytest.raises(RetryableError) as caught:
            mailerlite.adapter.get_state("sanne@example.nl")
        assert caught.value.retry_after == 7

    def test_the_webhook_takes_batches_since_deletions_come_in_nothing_else(
        self, mailerlite: Any, receiver: Any
    ) -> None:
        """And asks of mailings only whether they were sent: for no opens and no clicks."""
        mailerlite.adapter.ensure_webhooks(receiver.url)
        made = sent(mailerlite, "POST")
        assert (made["batchable"], "subscriber.deleted" in made["events"]) == (True, True)
        assert [event for event in made["events"] if event.startswith("campaign.")] == ["campaign.sent"]
        refused = mailerlite.adapter.session.send("POST", "webhooks", content={**made, "batchable": False})
        assert refused.status == 422

    @pytest.mark.parametrize(
        "broken", [{"is_blocked": True}, {"enabled": False}, {"batchable": False}, {"events": ["subscriber.created"]}]
    )
    def test_a_webhook_that_was_blocked_or_tells_too_little_is_mended(
        self, mailerlite: Any, receiver: Any, broken: dict[str, Any]
    ) -> None:
        """It is not made twice, and keeps its secret."""
        (made,) = mailerlite.adapter.ensure_webhooks(receiver.url)
        assert mailerlite.adapter.session.send("PUT", "webhooks", made.webhook_id, content=broken).ok
        (mended,) = mailerlite.adapter.ensure_webhooks(receiver.url)
        assert (mended.webhook_id, mended.active, mended.secret) == (made.webhook_id, True, made.secret)
        assert mailerlite.adapter.ensure_webhooks(receiver.url) == ()


def sent(mailerlite: Any, method: str) -> dict[str, Any]:
    """Return the content of the newest call of that method."""
    content: dict[str, Any] = json.loads(base64.b64decode(mailerlite.calls(method)[-1]["body"]))
    return content
