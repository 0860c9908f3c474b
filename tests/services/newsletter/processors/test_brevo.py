"""What only Brevo does: spellings, a blocklist for the whole account, echoes, and deliveries it soon drops."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.newsletter.processors.brevo import Brevo
from shared.errors import ConfigurationError, MalformedBodyError, PermanentError, RetryableError, UnauthenticatedError

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TS = int(datetime(2026, 5, 31, 14, 0, tzinfo=UTC).timestamp())
SETTINGS = {"api_key": "xkeysib-0123", "list_id": "7", "url_secret": "adres", "webhook_secret": "oud nieuw"}


@pytest.fixture
def adapter() -> Brevo:
    """Connect nothing: reading a delivery needs no network."""
    return Brevo.from_settings(SETTINGS)


def event(word: str = "unsubscribed", without: tuple[str, ...] = (), **changed: Any) -> dict[str, Any]:
    """Write one event of a campaign as Brevo does."""
    told = {
        "id": 88,
        "camp_id": 31,
        "email": "Sanne+nieuws@example.nl",
        "campaign name": "Voorjaar",
        "date_sent": "2026-05-31 15:55:00",
        "date_event": "2026-05-31 16:00:00",
        "event": word,
        "tag": "",
        "sending_ip": "203.0.113.9",
        "list_id": [3, 7],
        "ts_sent": TS - 300,
        "ts_event": TS,
        "ts": TS + 7200,
        **changed,
    }
    return {name: value for name, value in told.items() if name not in without}


def updated(*parts: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Write an updated contact as it really arrives: no address at the top, what changed in a list."""
    part = {"email": "sanne@example.nl", "list": {}, "attributes": {"FIRSTNAME": "Sanne", "LASTNAME": "de Wit"}}
    content = [{**part, **each} for each in parts or ({},)]
    return {
        "id": 9,
        "event": "contact_updated",
        "date": "2026-05-31T14:00:00.5Z",
        "ts": TS,
        "content": content,
    } | changed


def raw(said: Any) -> bytes:
    """Write a body."""
    return json.dumps(said).encode()


class TestDeliveries:
    """What Brevo posts to us."""

    @pytest.mark.parametrize(
        ("word", "kind", "by_person"),
        [
            ("unsubscribed", "unsubscribed", True),
            ("unsubscribe", "unsubscribed", True),
            ("spam", "complained", True),
            ("hard_bounced", "bounced", False),
            ("hard_bounce", "bounced", False),
            ("hardBounce", "bounced", False),
            ("list_addition", "subscribed", None),
            ("listAddition", "subscribed", None),
            ("contact_deleted", "deleted", None),
        ],
    )
    def test_each_event_has_its_kind_however_it_is_spelt(
        self, adapter: Brevo, word: str, kind: str, by_person: bool | None
    ) -> None:
        """The names differ between the account's settings and the deliveries, and between accounts."""
        (told,) = adapter.parse(raw(event(word))).events
        assert (told.kind, told.by_person) == (kind, by_person)

    def test_who_was_put_on_the_blocklist_by_hand_said_no_in_effect(self, adapter: Brevo) -> None:
        """It comes as an updated contact; any other update is no more than that."""
        blocked, freed, renamed = (
            adapter.parse(raw(updated(part))).events[0]
            for part in ({"emailBlacklist": True}, {"emailBlacklist": False}, {})
        )
        assert (blocked.kind, blocked.by_person, blocked.email) == ("unsubscribed", False, "sanne@example.nl")
        assert (freed.kind, renamed.kind) == ("profile", "profile")

    def test_an_update_of_several_contacts_is_as_many_events(self, adapter: Brevo) -> None:
        """One that cannot be read costs the other nothing."""
        parts = ({"email": "a@example.nl", "emailBlacklist": True}, {"email": "nobody"}, {"email": "b@example.nl"})
        parsed = adapter.parse(raw(updated(*parts)))
        assert [(each.email, each.kind) for each in parsed.events] == [
            ("a@example.nl", "unsubscribed"),
            ("b@example.nl", "profile"),
        ]
        assert parsed.rejected == 1

    def test_events_that_are_posted_together_are_read_one_by_one(self, adapter: Brevo) -> None:
        """An account can post them in batches; one bad one costs the others nothing."""
        items = [event(), "nonsense", event(ts_event="soon", ts=None), event(email="b@example.nl"), event("opened")]
        parsed = adapter.parse(raw(items))
        assert (len(parsed.events), parsed.rejected, parsed.ignored) == (2, 2, 1)

    def test_the_only_times_that_count_are_the_seconds(self, adapter: Brevo) -> None:
        """The others are in the zone of whoever made the account; when it happened comes before when it was told."""
        (told,) = adapter.parse(raw(event())).events
        assert told.occurred_at == datetime(2026, 5, 31, 14, 0, tzinfo=UTC)
        (told,) = adapter.parse(raw(event("contact_deleted", without=("ts_event",)))).events
        assert told.occurred_at == datetime(2026, 5, 31, 16, 0, tzinfo=UTC)

    @pytest.mark.parametrize("seconds", [None, True, "1780236000", 1.5, 0, -5, 10**13])
    def test_an_event_without_a_usable_time_is_counted(self, adapter: Brevo, seconds: Any) -> None:
        """The order of facts goes by their times; milliseconds would be the year 58000."""
        parsed = adapter.parse(raw(event(without=("ts",), ts_event=seconds)))
        assert (parsed.events, parsed.rejected) == ((), 1)

    def test_only_what_is_used_is_kept(self, adapter: Brevo) -> None:
        """Address, kind, code word and time; not the campaign, not the sender's address, not the surname."""
        kept = "".join(
            str(getattr(told, name))
            for said in (event(reason="undesired"), updated())
            for told in adapter.parse(raw(said)).events
            for name in told.__dataclass_fields__
        )
        assert not [left for left in ("203.0.113.9", "Voorjaar", "de Wit") if left in kept]

    @pytest.mark.parametrize("said", [event("opened"), event("soft_bounce"), event("danced"), event(list_id=[3])])
    def test_what_is_not_for_us_is_counted_and_no_error(self, adapter: Brevo, said: dict[str, Any]) -> None:
        """Who opened what, words we do not know, and other lists are a success."""
        parsed = adapter.parse(raw(said))
        assert (parsed.events, parsed.ignored, parsed.rejected) == ((), 1, 0)

    @pytest.mark.parametrize("lists", [None, [], 7, [7]])
    def test_an_event_that_names_no_other_list_is_ours(self, adapter: Brevo, lists: Any) -> None:
        """A complaint and a bounce name none at all."""
        assert len(adapter.parse(raw(event("spam", list_id=lists))).events) == 1

    @pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"[1, 2]", b"event=unsubscribed", b"[" * 100_000])
    def test_a_body_that_is_no_event_is_malformed(self, adapter: Brevo, body: bytes) -> None:
        """Nothing can be read, so nothing is said to have been read."""
        with pytest.raises(MalformedBodyError):
            adapter.parse(body)

    def test_one_event_has_one_key_and_two_have_two(self, adapter: Brevo) -> None:
        """`id` is the webhook's: two webhooks tell one event twice, and a thousand events come under one id."""
        same = [event(), event(id=89), event("unsubscribe"), event(ts=TS + 9000)]
        assert len({adapter.parse(raw(said)).events[0].dedupe_key for said in same}) == 1
        others = [event(), event(email="b@example.nl"), event("spam"), event(ts_event=TS + 1)]
        assert len({adapter.parse(raw(said)).events[0].dedupe_key for said in others}) == len(others)


class TestProofs:
    """How a delivery proves where it comes from: it shows a secret that we gave."""

    @pytest.mark.parametrize(
        ("headers", "form"),
        [
            ({"Authorization": "Bearer nieuw"}, "secret-bearer"),
            ({"authorization": "Bearer oud"}, "secret-bearer"),
            ({"X-Webhook-Secret": "nieuw"}, "secret-header"),
            ({"x-webhook-secret": "oud", "Authorization": "Bearer another"}, "secret-header"),
        ],
    )
    def test_either_secret_may_be_shown_in_either_header(
        self, adapter: Brevo, headers: dict[str, str], form: str
    ) -> None:
        """A webhook made on Brevo's screens can have a header of its own; two secrets while one is replaced."""
        assert adapter.verify(headers, b"", url_secret="adres", now=NOW) == ("url-secret", form)

    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic nieuw"}, {"X-Webhook-Secret": "oud nieuw"}],
    )
    def test_anything_else_is_refused(self, adapter: Brevo, headers: dict[str, str]) -> None:
        """No header, an empty token, another scheme, both secrets as one."""
        with pytest.raises(UnauthenticatedError):
            adapter.verify(headers, b"", url_secret="adres", now=NOW)


class TestCalls:
    """What we ask of Brevo, and how it refuses."""

    def test_only_a_fresh_opt_in_takes_somebody_off_the_blocklist(self, brevo: Any) -> None:
        """`emailBlacklisted: false`, or the list again, would bring back whoever left, without a word."""
        brevo.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        assert sent(brevo, "POST") == {
            "email": "sanne@example.nl",
            "attributes": {"FIRSTNAME": "Sanne"},
            "listIds": [int(brevo.adapter.settings.list_id)],
            "updateEnabled": True,
            "emailBlacklisted": False,
        }
        brevo.adapter.subscribe("sanne@example.nl", "Sandra", reactivate=False)
        assert sent(brevo, "PUT") == {"attributes": {"FIRSTNAME": "Sandra"}}

    def test_the_sandbox_brings_back_whoever_left_as_brevo_does(self, brevo: Any) -> None:
        """The trap that the test above keeps out of: a careless sync does it in one call."""
        brevo.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        brevo.act("unsubscribe", "sanne@example.nl")
        careless = {"email": "sanne@example.nl", "emailBlacklisted": False, "updateEnabled": True}
        assert brevo.adapter.session.send("POST", "contacts", content=careless).status == 204
        assert brevo.adapter.get_state("sanne@example.nl") == "subscribed"

    def test_a_newcomer_whom_somebody_made_meanwhile_is_not_written_over(self, brevo: Any) -> None:
        """A refresh makes whom Brevo does not have, and only them."""
        brevo.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=False)
        assert sent(brevo, "POST")["updateEnabled"] is False
        assert "emailBlacklisted" not in sent(brevo, "POST")

    def test_who_is_on_no_list_is_still_held_and_erased(self, brevo: Any, task_of: Any) -> None:
        """Taken off the list by somebody there: not mailed, and not gone."""
        brevo.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        key = brevo.adapter.look_up("sanne@example.nl").key
        change = {"unlinkListIds": [int(brevo.adapter.settings.list_id)]}
        brevo.adapter.session.send("PUT", "contacts", key, params={"identifierType": "contact_id"}, content=change)
        assert brevo.adapter.get_state("sanne@example.nl") == "unsubscribed"
        brevo.adapter.carry_out(task_of("erasure", "sanne@example.nl"))
        assert brevo.held() == {}

    def test_an_address_is_in_a_path_only_to_find_its_contact(self, brevo: Any, task_of: Any) -> None:
        """Whatever is done to the contact goes by the number that was found."""
        brevo.adapter.subscribe("a/b+c?d@example.nl", "Odd", reactivate=True)
        brevo.adapter.carry_out(task_of("unsubscribe", "a/b+c?d@example.nl"))
        brevo.adapter.carry_out(task_of("erasure", "a/b+c?d@example.nl"))
        assert [call["target"] for call in brevo.calls("PUT", "DELETE") if "example.nl" in call["target"]] == []
        assert brevo.held() == {}

    def test_an_attribute_it_dropped_is_noticed(self, brevo: Any) -> None:
        """The contact comes back without it: somebody has to mend the setting."""
        with pytest.raises(PermanentError, match="dropped"):
            brevo.with_settings(first_name_field="VOORNAAM").subscribe("a@example.nl", "Sanne", reactivate=True)

    def test_a_list_goes_by_its_number(self) -> None:
        """A name would find nothing, and nobody."""
        for name in ("Nieuwsbrief", "-3", "²", "3.0"):
            with pytest.raises(ConfigurationError, match="list_id"):
                Brevo.from_settings({**SETTINGS, "list_id": name})

    def test_too_many_calls_wait_as_long_as_asked(self, brevo: Any) -> None:
        """Brevo says it in a header of its own."""
        brevo.behave("busy", times=1)
        with pytest.raises(RetryableError) as caught:
            brevo.adapter.get_state("sanne@example.nl")
        assert caught.value.retry_after == 7

    def test_an_error_is_named_by_its_code_word_only(self, brevo: Any) -> None:
        """Their message may repeat what was sent; ours never does."""
        with pytest.raises(PermanentError) as caught:
            brevo.adapter.subscribe("sanne@localhost", "Sanne", reactivate=True)
        assert caught.value.detail == "Brevo refuses the call (400, invalid_parameter)."

    def test_the_webhook_asks_for_no_opens_and_no_clicks_and_shows_our_newest_secret(
        self, brevo: Any, receiver: Any
    ) -> None:
        """Who reads what is nobody's business here."""
        brevo.with_settings(webhook_secret="oud nieuw").ensure_webhooks(receiver.url)
        made = sent(brevo, "POST")
        assert made["auth"] == {"type": "bearer", "token": "nieuw"}
        assert not {"opened", "click", "delivered"} & set(made["events"])

    def test_a_webhook_that_tells_too_little_is_mended(self, brevo: Any, receiver: Any) -> None:
        """It is not made twice, and shows the secret from then on."""
        little = {"type": "marketing", "url": receiver.url, "events": ["unsubscribed"]}
        made = brevo.adapter.session.send("POST", "webhooks", content=little).json()
        (mended,) = brevo.adapter.ensure_webhooks(receiver.url)
        assert (mended.webhook_id, mended.active) == (str(made["id"]), True)
        assert [hook.active for hook in brevo.adapter.webhooks() if hook.url == receiver.url] == [True]

    def test_an_account_without_webhooks_has_none_and_is_no_error(self, brevo: Any, receiver: Any) -> None:
        """It may be told as a 404."""
        for hook in brevo.adapter.webhooks():
            assert brevo.adapter.session.send("DELETE", "webhooks", hook.webhook_id).status == 204
        assert brevo.adapter.webhooks() == ()
        assert len(brevo.adapter.ensure_webhooks(receiver.url)) == 1

    @pytest.mark.parametrize("status", [500, 503, 400, 404])
    def test_an_answer_that_is_no_success_and_no_429_loses_the_event(
        self, brevo: Any, receiver: Any, status: int
    ) -> None:
        """Why our own trouble is told as a 429: anything else, and the opt-out is never heard of again."""
        brevo.adapter.ensure_webhooks(receiver.url)
        brevo.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        brevo.rest()
        receiver.answers.append(status)
        brevo.tells(receiver, "unsubscribe", "sanne@example.nl")
        brevo.rest()
        assert len(receiver.arrived) == 1
        assert brevo.adapter.failure_status == 429


def sent(brevo: Any, method: str) -> dict[str, Any]:
    """Return the content of the newest call of that method."""
    content: dict[str, Any] = json.loads(base64.b64decode(brevo.calls(method)[-1]["body"]))
    return content
