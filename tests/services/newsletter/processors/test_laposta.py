"""What only Laposta does: its codes, its batches, its local times and its unsaid signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import traceback
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from services.newsletter.processors.interface import Member
from services.newsletter.processors.laposta import Laposta, answers
from shared.errors import ConfigurationError, MalformedBodyError, PermanentError, RetryableError, UnauthenticatedError
from tests.services.newsletter.processors.conftest import Said

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SETTINGS = {
    "api_key": "k-1",
    "list_id": "lijst1",
    "url_secret": "adres",
    "webhook_secret": "geheim-a\ngeheim-b geheim-c",
}


@pytest.fixture
def adapter() -> Laposta:
    """Connect nothing: reading a delivery needs no network."""
    return Laposta.from_settings(SETTINGS)


def item(email: str = "sanne@example.nl", event: str = "deactivated", **changed: Any) -> dict[str, Any]:
    """Write one event as Laposta does; `changed` replaces parts of `data` (by name) or of `info` (by info_name)."""
    info = {"date_event": "2026-05-31 14:00:00", "action": "unsubscribed", "source": "external"}
    data: dict[str, Any] = {
        "member_id": "m1",
        "list_id": "lijst1",
        "email": email,
        "state": "unsubscribed",
        "signup_date": "2025-02-03 10:11:12",
        "ip": "203.0.113.9",
        "source_url": "https://kliniek.example/behandelingen/ooglidcorrectie",
        "custom_fields": {"voornaam": "Sanne", "geboortedatum": "1980-01-02", "wensen": ["a", "b"]},
    }
    for name, value in changed.items():
        part, key = (info, name.removeprefix("info_")) if name.startswith("info_") else (data, name)
        if value is None:
            del part[key]
        else:
            part[key] = value
    return {"type": "member", "event": event, "data": data, "info": info}


def batch(*items: Any, **envelope: Any) -> bytes:
    """Write a delivery."""
    return json.dumps({"data": list(items), "date_requested": "2026-05-31 14:00:05", **envelope}).encode()


def sign(secret: str, body: bytes) -> bytes:
    """Return the HMAC that Laposta would take."""
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


class TestDeliveries:
    """What Laposta posts to us."""

    @pytest.mark.parametrize(
        ("event", "info", "kind"),
        [
            ("subscribed", {"info_action": "subscribed"}, "subscribed"),
            ("subscribed", {"info_action": "resubscribed"}, "subscribed"),
            ("modified", {"info_action": "subscribed"}, "profile"),
            ("deactivated", {"info_action": "unsubscribed"}, "unsubscribed"),
            ("deactivated", {"info_action": "deleted"}, "deleted"),
            ("deactivated", {"info_action": "hardbounce"}, "bounced"),
            ("deactivated", {"info_action": None, "state": "deleted"}, "deleted"),
            ("deactivated", {"info_action": None, "state": "cleaned"}, "bounced"),
            ("deactivated", {"info_action": None, "state": "unsubscribed"}, "unsubscribed"),
            ("deactivated", {"info_action": "something new"}, "unsubscribed"),
        ],
    )
    def test_each_event_has_its_kind(self, adapter: Laposta, event: str, info: dict[str, Any], kind: str) -> None:
        """Action is optional; whatever is deactivated in a way we do not know counts as an opt-out."""
        (parsed,) = adapter.parse(batch(item(event=event, **info))).events
        assert parsed.kind == kind

    def test_only_what_is_used_is_kept(self, adapter: Laposta) -> None:
        """Address, kind, reason and time; no name, IP number, page visited or other field."""
        (event,) = adapter.parse(batch(item())).events
        assert event.email == "sanne@example.nl"
        assert event.reason == "unsubscribed"
        assert event.by_person is True
        assert event.occurred_at == datetime(2026, 5, 31, 12, 0, tzinfo=UTC)
        kept = "".join(str(getattr(event, name)) for name in event.__dataclass_fields__)
        assert not [left for left in ("Sanne", "203.0.113.9", "1980", "ooglid", "m1", "2025") if left in kept]
        assert "sanne" not in repr(event).lower()

    def test_who_did_it_is_told_apart_or_left_open(self, adapter: Laposta) -> None:
        """`external` is the person, `app` is somebody at the clinic or Laposta itself; source is optional."""
        by_person = [
            adapter.parse(batch(item(info_source=source))).events[0].by_person for source in ("external", "app", None)
        ]
        assert by_person == [True, False, None]

    def test_one_bad_event_does_not_cost_the_other_999(self, adapter: Laposta) -> None:
        """A thousand events come as one delivery; one that cannot be read is counted."""
        items: list[Any] = [item(f"lid{number}@example.nl", member_id=f"m{number}") for number in range(1000)]
        items[500]["data"]["email"] = {"not": "text"}
        parsed = adapter.parse(batch(*items))
        assert (len(parsed.events), parsed.rejected, parsed.ignored) == (999, 1, 0)
        assert len({event.dedupe_key for event in parsed.events}) == 999

    @pytest.mark.parametrize(
        "bad",
        [
            None,
            7,
            "text",
            [],
            {},
            {"type": "member", "event": "deactivated"},
            {"type": "member", "event": "deactivated", "data": None, "info": None},
            item(email=""),
            item(email="no at sign"),
            item(email="two@signs@example.nl"),
            item(email="new\nline@example.nl"),
            item(email="nul\x00@example.nl"),
            item(email="half\ud800@example.nl"),
            item(email="x" * 400 + "@example.nl"),
        ],
    )
    def test_every_shape_of_bad_event_is_counted(self, adapter: Laposta, bad: Any) -> None:
        """Whatever an item is, its neighbour is read."""
        parsed = adapter.parse(batch(bad, item("goed@example.nl")))
        assert [event.email for event in parsed.events] == ["goed@example.nl"]
        assert parsed.rejected == 1

    @pytest.mark.parametrize(
        "foreign",
        [
            item(list_id="another"),
            item(event="exploded"),
            {**item(), "type": "campaign"},
        ],
    )
    def test_what_is_not_for_us_is_counted_and_no_error(self, adapter: Laposta, foreign: dict[str, Any]) -> None:
        """Other lists, events and types: a 4xx would end with the webhook deleted."""
        parsed = adapter.parse(batch(foreign, item()))
        assert (len(parsed.events), parsed.ignored, parsed.rejected) == (1, 1, 0)

    @pytest.mark.parametrize(
        "raw",
        [
            # Their own published example leaves out the quote that ends a time.
            b'{"data": [{"type": "member", "info": {"date_event": "2026-05-31 14:00:00}}], "date_requested": "x"}',
            b"",
            b"null",
            b"[]",
            b'{"data": {}}',
            b'{"date_requested": "2026-05-31 14:00:05"}',
            b"[" * 100_000,
            b"type=unsubscribe&data[email]=a@b.nl",
            '{"data": []}'.encode("utf-16"),
        ],
    )
    def test_a_body_that_is_no_batch_is_malformed(self, adapter: Laposta, raw: bytes) -> None:
        """Nothing can be read, so nothing is said to have been read."""
        with pytest.raises(MalformedBodyError):
            adapter.parse(raw)

    def test_a_wrong_byte_in_a_name_costs_only_the_name(self, adapter: Laposta) -> None:
        """Latin-1 where UTF-8 should be: the opt-out counts."""
        broken = json.dumps(
            {"data": [item(custom_fields={"voornaam": "Zoë"}), item("b@example.nl")]}, ensure_ascii=False
        ).encode("latin-1")
        parsed = adapter.parse(broken)
        assert [event.email for event in parsed.events] == ["sanne@example.nl", "b@example.nl"]

    def test_a_wrong_byte_in_an_address_rejects_the_event(self, adapter: Laposta) -> None:
        """An address that was guessed at would be somebody else's."""
        raw = json.dumps({"data": [item("zoë@example.nl")]}, ensure_ascii=False).encode("latin-1")
        assert adapter.parse(raw).rejected == 1

    @pytest.mark.parametrize(
        ("local", "event", "utc"),
        [
            ("2026-07-01 09:00:00", "deactivated", datetime(2026, 7, 1, 7, 0, tzinfo=UTC)),
            ("2026-01-15 09:00:00", "deactivated", datetime(2026, 1, 15, 8, 0, tzinfo=UTC)),
            # The hour that comes twice: an opt-out is the later one, an opt-in the earlier.
            ("2026-10-25 02:30:00", "deactivated", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
            ("2026-10-25 02:30:00", "subscribed", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
            # The hour that does not exist.
            ("2026-03-29 02:30:00", "deactivated", datetime(2026, 3, 29, 0, 30, tzinfo=UTC)),
            ("2026-07-01T09:00:00+00:00", "deactivated", datetime(2026, 7, 1, 9, 0, tzinfo=UTC)),
        ],
    )
    def test_local_times_become_utc_and_a_doubt_favours_the_opt_out(
        self, adapter: Laposta, local: str, event: str, utc: datetime
    ) -> None:
        """Times come without a zone, in that of the account: Europe/Amsterdam."""
        (parsed,) = adapter.parse(batch(item(event=event, info_date_event=local))).events
        assert parsed.occurred_at == utc

    @pytest.mark.parametrize("name", ["date_requested", "date_fired"])
    def test_without_its_own_time_an_event_has_that_of_its_delivery(self, adapter: Laposta, name: str) -> None:
        """Their table and their example name the time of the delivery differently; both are read."""
        raw = json.dumps({"data": [item(info_date_event=None)], name: "2026-05-31 14:00:05"}).encode()
        assert adapter.parse(raw).events[0].occurred_at == datetime(2026, 5, 31, 12, 0, 5, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["soon", "", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-02-30 10:00:00"])
    def test_an_event_without_a_usable_time_is_counted(self, adapter: Laposta, text: str) -> None:
        """The order of facts goes by their times, so one without is not a fact."""
        raw = json.dumps({"data": [item(info_date_event=text)]}).encode()
        assert adapter.parse(raw).rejected == 1

    def test_one_event_has_one_key_and_two_have_two(self, adapter: Laposta) -> None:
        """List, member, event, action and time make the key; the delivery it came in does not."""
        same_event = [batch(item()), batch(item(), date_requested="2026-06-14 14:00:05")]
        assert len({adapter.parse(raw).events[0].dedupe_key for raw in same_event}) == 1
        others = [
            item(),
            item(member_id="m2"),
            item(event="subscribed"),
            item(info_action="deleted"),
            item(info_date_event="2026-05-31 14:00:01"),
        ]
        assert len({event.dedupe_key for event in adapter.parse(batch(*others)).events}) == len(others)

    def test_a_code_word_that_holds_more_is_not_kept(self, adapter: Laposta) -> None:
        """A reason is a word of theirs, never a sentence about somebody."""
        (event,) = adapter.parse(batch(item(info_action="Sanne belde hierover"))).events
        assert event.reason == ""


class TestProofs:
    """How a delivery proves where it comes from."""

    @pytest.mark.parametrize(
        ("written", "form"),
        [
            (lambda mac: mac.hex(), "signature-hex"),
            (lambda mac: base64.b64encode(mac).decode(), "signature-base64"),
        ],
    )
    @pytest.mark.parametrize("secret", ["geheim-a", "geheim-b", "geheim-c"])
    def test_a_signature_may_be_hexadecimal_or_base64(
        self, adapter: Laposta, written: Any, form: str, secret: str
    ) -> None:
        """Their documents do not say which; which one it was is told, and each webhook has its own secret."""
        body = batch(item())
        headers = {"x-laposta-SIGNATURE": written(sign(secret, body))}
        assert adapter.verify(headers, body, url_secret="adres", now=NOW) == ("url-secret", form)

    @pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\ud800", "geheim-a"])
    def test_any_other_signature_is_refused(self, adapter: Laposta, signature: str) -> None:
        """Also letters that no signature has."""
        with pytest.raises(UnauthenticatedError):
            adapter.verify({"X-Laposta-Signature": signature}, batch(item()), url_secret="adres", now=NOW)

    def test_upper_case_hexadecimal_is_not_accepted(self, adapter: Laposta) -> None:
        """Two forms are enough to be lenient about."""
        body = batch(item())
        with pytest.raises(UnauthenticatedError):
            adapter.verify(
                {"X-Laposta-Signature": sign("geheim-a", body).hex().upper()}, body, url_secret="adres", now=NOW
            )

    @pytest.mark.parametrize(
        "settings",
        [
            {"webhook_mode": "both", "webhook_secret": None},
            {"webhook_mode": "signed", "webhook_secret": None},
            {"webhook_mode": "both", "url_secret": None},
            {"webhook_mode": "url-secret", "url_secret": None},
        ],
    )
    def test_a_mode_needs_its_secrets(self, settings: dict[str, Any]) -> None:
        """A mode whose secret is missing would accept everything or nothing."""
        given = {name: value for name, value in {**SETTINGS, **settings}.items() if value is not None}
        with pytest.raises(ConfigurationError):
            Laposta.from_settings(given)


class TestCalls:
    """What we ask of Laposta, and how it refuses."""

    def test_p56_no_ip_number_and_no_mail_about_it(self, laposta: Any) -> None:
        """They want an IP number: it is always 0.0.0.0. Our own opt-in replaces theirs."""
        laposta.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        assert sent(laposta) == {
            "list_id": laposta.adapter.settings.list_id,
            "ip": "0.0.0.0",
            "email": "sanne@example.nl",
            "custom_fields[voornaam]": "Sanne",
            "options[upsert]": "true",
            "options[ignore_doubleoptin]": "true",
            "options[suppress_email_notification]": "true",
        }

    def test_reactivation_is_suppressed_but_for_a_fresh_opt_in(self, laposta: Any) -> None:
        """An upsert revives whoever left, unless it is told not to."""
        laposta.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=False)
        assert sent(laposta)["options[suppress_reactivation]"] == "true"

    def test_an_address_is_in_a_path_only_to_find_its_member(self, laposta: Any, task_of: Any) -> None:
        """Whatever is done to the member goes by the id that was found."""
        laposta.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        laposta.adapter.carry_out(task_of("erasure", "sanne@example.nl"))
        (call,) = laposta.calls("DELETE")
        assert "sanne" not in call["target"]

    def test_an_address_with_a_slash_is_one_member(self, laposta: Any, task_of: Any) -> None:
        """A slash, a plus and a question mark may stand in an address, and must not leave the path segment."""
        odd = "a/b+c?d@example.nl"
        laposta.adapter.subscribe(odd, "Odd", reactivate=True)
        assert laposta.adapter.get_state(odd) == "subscribed"
        laposta.adapter.carry_out(task_of("erasure", odd))
        assert laposta.held() == {}

    def test_an_unknown_member_is_a_400_with_code_203(self, laposta: Any) -> None:
        """Their way to say 404; the sandbox says it so too."""
        settings = laposta.adapter.settings
        answer = requests.get(
            f"{settings.base_url}/member/nobody@example.nl",
            params={"list_id": settings.list_id},
            auth=(settings.api_key, ""),
            timeout=5,
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 203)
        assert laposta.adapter.get_state("nobody@example.nl") == "absent"

    def test_a_duplicate_is_a_400_with_code_204_and_the_member(self, laposta: Any) -> None:
        """Without upsert; we always upsert, so that two workers cannot meet it."""
        settings = laposta.adapter.settings
        laposta.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        form = {"list_id": settings.list_id, "ip": "0.0.0.0", "email": "Sanne@example.nl"}
        answer = requests.post(f"{settings.base_url}/member", data=form, auth=(settings.api_key, ""), timeout=5)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], "member_id" in error) == (400, 204, True)

    def test_an_address_it_refuses_is_named_by_its_code_only(self, laposta: Any) -> None:
        """Their message may repeat what was sent; ours never does."""
        with pytest.raises(PermanentError) as caught:
            laposta.adapter.subscribe("sanne@localhost", "Sanne", reactivate=True)
        assert caught.value.detail == "Laposta refuses the call (400, code 208)."

    def test_a_field_it_dropped_is_noticed(self, laposta: Any) -> None:
        """The member comes back without the field: somebody has to mend the setting."""
        with pytest.raises(PermanentError):
            laposta.with_settings(first_name_field="roepnaam").subscribe("a@example.nl", "Sanne", reactivate=True)

    def test_what_it_understood_and_did_not_do_is_tried_again(self, adapter: Laposta) -> None:
        """A 402 says that the call was right and nothing happened: that may never count as done, or as refused."""
        said = Said([(402, {"error": {"type": "invalid_request", "message": "Data is fine, not executed"}})])
        with pytest.raises(RetryableError, match="did not execute"):
            replace(adapter, session=said).subscribe("sanne@example.nl", "Sanne", reactivate=True)

    def test_a_member_that_is_shown_as_deleted_is_still_held(self, adapter: Laposta) -> None:
        """Their specification has that state, and an erasure has to find whoever is in it."""
        member = {"member_id": "m1", "state": "deleted", "custom_fields": {}}
        seen = replace(adapter, session=Said([(200, {"member": member})])).look_up("sanne@example.nl")
        assert (seen.state, seen.key) == ("unsubscribed", "m1")

    def test_too_many_calls_wait_as_long_as_asked(self, laposta: Any) -> None:
        """Laposta says for how long."""
        laposta.behave("busy", times=1)
        with pytest.raises(RetryableError) as caught:
            laposta.adapter.get_state("sanne@example.nl")
        assert caught.value.retry_after == 7

    def test_a_webhook_that_keeps_failing_is_gone_and_made_again(self, laposta: Any, receiver: Any) -> None:
        """After eight attempts Laposta deletes the webhook; the next look makes it again."""
        laposta.adapter.ensure_webhooks(receiver.url)
        laposta.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        receiver.answers.extend([500] * 8)
        laposta.act("unsubscribe", "sanne@example.nl")
        receiver.wait(8)
        until = time.monotonic() + 5
        while len(ours(laposta, receiver)) == 3 and time.monotonic() < until:
            time.sleep(0.02)
        assert {event for hook in ours(laposta, receiver) for event in hook.events} == {"subscribed", "modified"}
        (made,) = laposta.adapter.ensure_webhooks(receiver.url)
        assert made.events == {"deactivated"}

    def test_a_204_is_not_the_200_that_laposta_wants(self, laposta: Any, receiver: Any) -> None:
        """Any other success is offered again."""
        laposta.adapter.ensure_webhooks(receiver.url)
        laposta.adapter.subscribe("sanne@example.nl", "Sanne", reactivate=True)
        receiver.answers.append(204)
        laposta.act("unsubscribe", "sanne@example.nl")
        assert len(receiver.wait(2)) == 2

    def test_a_blocked_webhook_is_taken_into_use_again(self, laposta: Any, receiver: Any) -> None:
        """It is mended, not made twice."""
        made = laposta.adapter.ensure_webhooks(receiver.url)
        settings = laposta.adapter.settings
        form = {"list_id": settings.list_id, "blocked": "true"}
        url = f"{settings.base_url}/webhook/{made[0].webhook_id}"
        assert requests.post(url, data=form, auth=(settings.api_key, ""), timeout=5).status_code == 200
        assert [hook.webhook_id for hook in laposta.adapter.ensure_webhooks(receiver.url)] == [made[0].webhook_id]
        assert len(ours(laposta, receiver)) == 3


class TestListings:
    """The list comes whole, however long it is."""

    @pytest.mark.parametrize(
        "body",
        [
            b"<html>",
            b"{}",
            b'{"data": {"member": {"email": "sanne@example.nl", "state": "active"}}}',
            b'{"data": ["sanne@example.nl"]}',
            b'{"data": [[]]}',
            b'{"data": [{"member": {"email": "sanne@example.nl", "state": null}}]}',
            b'{"data": [{"member": {"email": "sanne@example.nl", "state": "active"}}, {"member": {"ip": "::1"}}]}',
            b'{"data": [{"member": {"email": "sanne@example.nl", "state": "active"}}',
            b'{"data": [{"member": {"email": "sanne\xff@example.nl", "state": "active"}}]}',
        ],
    )
    def test_anything_else_is_no_list_and_never_an_empty_one(self, body: bytes) -> None:
        """Everybody who is not on it would be given again. What it was is not repeated."""
        with pytest.raises(RetryableError) as caught:
            answers.read_members(iter([body[:40], body[40:]]))
        assert "sanne" not in "".join(traceback.format_exception(caught.value))

    def test_an_empty_list_is_one_and_a_state_we_do_not_know_is_an_error(self) -> None:
        """Nobody knows whether such a member is mailed."""
        assert answers.read_members(iter([b'{"data": []}'])) == []
        with pytest.raises(PermanentError):
            answers.read_members(iter([b'{"data": [{"member": {"email": "sanne@example.nl", "state": "frozen"}}]}']))

    def test_p55_of_a_long_list_only_addresses_and_states_are_held(self) -> None:
        """Where its parts are cut makes no difference."""
        fields = {"voornaam": "Sanne", "email": "other@example.nl", "wensen": ["x" * 2000]}
        shown = {"member_id": "m1", "state": "active", "custom_fields": fields, "state.x": 1, "ip": None}
        rows = [{"member": {"email": f"lid{number}@example.nl", **shown}} for number in range(2000)]
        body = json.dumps({"data": rows}).encode()
        del rows
        parts = (body[start : start + 4099] for start in range(0, len(body), 4099))
        tracemalloc.start()
        try:
            members = answers.read_members(parts)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert members == [Member(email=f"lid{number}@example.nl", state="subscribed") for number in range(2000)]
        assert peak < len(body) / 4


def sent(laposta: Any) -> dict[str, str]:
    """Return the form of the newest POST."""
    return dict(parse_qsl(base64.b64decode(laposta.calls("POST")[-1]["body"]).decode()))


def ours(laposta: Any, receiver: Any) -> list[Any]:
    """Return the webhooks that call this receiver."""
    return [hook for hook in laposta.adapter.webhooks() if hook.url == receiver.url]
