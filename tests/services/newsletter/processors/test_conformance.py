"""What every newsletter programme must be to us, tried on each of them over HTTP."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest

from services.newsletter.listing import everybody
from shared.errors import ConfigurationError, PermanentError, RetryableError, UnauthenticatedError
from shared.processors.interface import ContradictedError, Done, NothingHeld, Retained
from tests.services.newsletter.processors.conftest import NO_WAY_BACK, SOFT, UNSIGNED

ANNE = "Anne.Jansen+nieuws@example.nl"
OTHERS = ("+31612345678", "612345678", "Jansen-de Wit", "de Wit", "0b1f-decision")


def texts_of(call: dict[str, Any]) -> list[str]:
    """Return every value in a call that could say something of a person."""
    body = base64.b64decode(call["body"]).decode()
    target = unquote(call["target"])
    if call["headers"].get("content-type") == "application/json":
        values: list[Any] = [json.loads(body)]
        flat: list[str] = []
        while values:
            value = values.pop()
            if isinstance(value, dict):
                values.extend(value.values())
            else:
                flat.append(str(value))
        return [target, *flat]
    return [target, *(value for _, value in parse_qsl(body))]


def is_erased(programme: Any, outcome: Any) -> bool:
    """Whether a person was erased, as far as this programme does that: who only puts away has until a day for it."""
    if programme.name not in SOFT:
        return isinstance(outcome, Done)
    return isinstance(outcome, Retained) and outcome.ground == "erased-later" and outcome.until is not None


class TestOutbound:
    """What we do at a programme."""

    def test_p55_a_person_is_put_on_the_list(self, programme: Any) -> None:
        """A subscription arrives with address and first name."""
        assert programme.adapter.subscribe(ANNE, "Anne", reactivate=True) == "subscribed"
        assert programme.adapter.get_state(ANNE) == "subscribed"
        assert [first_name for _, first_name in programme.held().values()] == ["Anne"]

    def test_p56_no_personal_datum_but_first_name_and_address_is_sent(self, programme: Any, task_of: Any) -> None:
        """Whatever the task knows, the bytes that arrive hold nothing else of the person."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        for action in ("inquiry", "unsubscribe", "correction", "read", "erasure"):
            programme.adapter.carry_out(
                task_of(action, ANNE, corrected={"first_name": "Anna", "phone": "+31612345678"})
            )
        received = [text for call in programme.calls() for text in texts_of(call)]
        assert any("Anne" in text for text in received)
        assert not [text for text in received for other in OTHERS if other in text]
        assert {text for call in programme.calls() for text in ip_addresses(call)} <= {"0.0.0.0"}

    def test_a_name_in_any_script_arrives_whole(self, programme: Any) -> None:
        """Accents, apostrophes, brackets and ampersands survive both wire formats."""
        name = "Zoë d'Ör[1]&=+ 李"
        programme.adapter.subscribe(ANNE, name, reactivate=False)
        assert [first_name for _, first_name in programme.held().values()] == [name]

    def test_a_refresh_never_brings_an_opt_out_back(self, programme: Any) -> None:
        """Sending a first name again leaves somebody who left where they are."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.act("unsubscribe", ANNE)
        assert programme.adapter.subscribe(ANNE, "Anna", reactivate=False) == "unsubscribed"
        assert programme.adapter.get_state(ANNE) == "unsubscribed"
        assert [first_name for _, first_name in programme.held().values()] == ["Anna"]

    def test_a_refresh_leaves_our_own_unsubscribe_alone(self, programme: Any, task_of: Any) -> None:
        """Nor does it undo what we told the programme ourselves."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.adapter.carry_out(task_of("unsubscribe", ANNE))
        assert programme.adapter.subscribe(ANNE, "Anne", reactivate=False) == "unsubscribed"

    def test_a_fresh_opt_in_ends_an_unsubscribe_of_ours(self, programme: Any, task_of: Any) -> None:
        """Somebody who comes back by a new confirmed opt-in is mailed again, or a person hears that it cannot be."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.adapter.carry_out(task_of("unsubscribe", ANNE))
        if programme.name in NO_WAY_BACK:
            with pytest.raises(PermanentError, match="only by a form of its own"):
                programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
            assert programme.adapter.get_state(ANNE) == "unsubscribed"
            return
        assert programme.adapter.subscribe(ANNE, "Anne", reactivate=True) == "subscribed"

    def test_p55_a_confirmed_subscription_travels_as_a_task(self, programme: Any, task_of: Any) -> None:
        """`subscribe` is a fresh opt-in, and `refresh` brings nobody back."""
        outcome = programme.adapter.carry_out(task_of("subscribe", ANNE))
        assert isinstance(outcome, Done)
        assert json.loads(outcome.evidence.document)["calls"] == [{"call": "subscribe", "state": "subscribed"}]
        assert [first_name for _, first_name in programme.held().values()] == ["Anne"]
        programme.adapter.carry_out(task_of("unsubscribe", ANNE))
        assert isinstance(programme.adapter.carry_out(task_of("refresh", ANNE)), Done)
        assert programme.adapter.get_state(ANNE) == "unsubscribed"

    def test_p55_an_unsubscribe_is_told_and_seen(self, programme: Any, task_of: Any) -> None:
        """Done means that a second look showed it."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        outcome = programme.adapter.carry_out(task_of("unsubscribe", ANNE, categories=("subscription",)))
        assert isinstance(outcome, Done)
        assert (outcome.evidence.grade, outcome.evidence.counts) == ("re-read", {"subscription": 1})
        assert programme.adapter.get_state(ANNE) == "unsubscribed"

    @pytest.mark.parametrize("action", ["withdrawal", "objection", "restriction"])
    def test_other_decisions_that_stop_mailing_unsubscribe_too(self, programme: Any, task_of: Any, action: str) -> None:
        """What a programme can do about them is to stop mailing."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        assert isinstance(programme.adapter.carry_out(task_of(action, ANNE)), Done)
        assert programme.adapter.get_state(ANNE) == "unsubscribed"

    @pytest.mark.parametrize("action", ["erasure", "term-end"])
    def test_p37_an_erasure_is_for_good_and_seen(self, programme: Any, task_of: Any, action: str) -> None:
        """The programme has nothing left, and answered so when asked again."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        outcome = programme.adapter.carry_out(task_of(action, ANNE))
        assert is_erased(programme, outcome)
        assert (outcome.evidence.grade, list(outcome.evidence.counts.values())) == ("re-read", [1])
        assert programme.held() == {}

    def test_what_a_person_left_behind_is_erased_as_well(self, programme: Any, task_of: Any) -> None:
        """An unsubscribed member is still held, and an erasure finds it."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.act("unsubscribe", ANNE)
        assert is_erased(programme, programme.adapter.carry_out(task_of("erasure", ANNE)))
        assert programme.held() == {}

    @pytest.mark.parametrize("action", ["unsubscribe", "erasure", "read", "inquiry", "correction"])
    def test_nothing_held_is_the_programme_s_own_answer(self, programme: Any, task_of: Any, action: str) -> None:
        """Of somebody unknown it says so itself, and nothing is changed."""
        outcome = programme.adapter.carry_out(task_of(action, ANNE))
        assert isinstance(outcome, NothingHeld)
        assert (outcome.evidence.grade, list(outcome.evidence.counts.values())) == ("api-confirmed", [0])
        assert programme.calls("POST", "PUT", "PATCH", "DELETE") == []

    def test_the_same_task_twice_ends_the_same(self, programme: Any, task_of: Any) -> None:
        """A worker that died after the act repeats it without harm and without telling again."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        first = programme.adapter.carry_out(task_of("unsubscribe", ANNE))
        told = len(programme.calls("POST", "PATCH", "PUT"))
        second = programme.adapter.carry_out(task_of("unsubscribe", ANNE))
        assert isinstance(first, Done)
        assert isinstance(second, Done)
        assert len(programme.calls("POST", "PATCH", "PUT")) == told
        assert is_erased(programme, programme.adapter.carry_out(task_of("erasure", ANNE)))
        assert isinstance(programme.adapter.carry_out(task_of("erasure", ANNE)), NothingHeld)

    def test_a_processor_that_reported_is_read_and_not_told_again(self, programme: Any, task_of: Any) -> None:
        """The programme reported the unsubscribe itself: one look is all it gets."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.act("unsubscribe", ANNE)
        before = len(programme.calls())
        outcome = programme.adapter.carry_out(task_of("read", ANNE))
        assert isinstance(outcome, Done)
        assert outcome.evidence.grade == "re-read"
        assert [call["method"] for call in programme.calls()[before:]] == ["GET"]

    def test_a_processor_that_contradicts_its_report_is_told(self, programme: Any, task_of: Any) -> None:
        """It reported an unsubscribe and mails all the same: then it hears it from us."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        assert isinstance(programme.adapter.carry_out(task_of("read", ANNE)), Done)
        assert programme.adapter.get_state(ANNE) == "unsubscribed"

    def test_an_inquiry_counts_and_changes_nothing(self, programme: Any, task_of: Any) -> None:
        """The answer is a number per category."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        before = len(programme.calls())
        outcome = programme.adapter.carry_out(task_of("inquiry", ANNE, categories=("subscription",)))
        assert isinstance(outcome, Done)
        assert outcome.evidence.counts == {"subscription": 1}
        assert [call["method"] for call in programme.calls()[before:]] == ["GET"]

    def test_a_correction_reaches_the_programme(self, programme: Any, task_of: Any) -> None:
        """Name and address are replaced, the old address is gone, and an opt-out stays one."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.act("unsubscribe", ANNE)
        corrected = {"first_name": "Anna", "email": "anna@example.nl", "street": "Dam 1"}
        outcome = programme.adapter.carry_out(task_of("correction", ANNE, corrected=corrected))
        assert isinstance(outcome, Done)
        assert outcome.evidence.grade == "re-read"
        assert programme.held() == {"anna@example.nl": ("unsubscribed", "Anna")}
        assert isinstance(programme.adapter.carry_out(task_of("correction", ANNE, corrected=corrected)), Done)

    def test_a_correction_of_what_the_programme_never_had_changes_nothing(self, programme: Any, task_of: Any) -> None:
        """A street or a telephone number is not sent there to be corrected."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        told = len(programme.calls("POST", "PATCH", "PUT"))
        outcome = programme.adapter.carry_out(task_of("correction", ANNE, corrected={"phone": "+31600000000"}))
        assert isinstance(outcome, Done)
        assert len(programme.calls("POST", "PATCH", "PUT")) == told

    def test_a_correction_that_says_nothing_is_not_pretended(self, programme: Any, task_of: Any) -> None:
        """Without the correct data there is nothing to be done, and that is no done."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        with pytest.raises(PermanentError):
            programme.adapter.carry_out(task_of("correction", ANNE))

    def test_evidence_says_what_was_seen_and_not_of_whom(self, programme: Any, task_of: Any) -> None:
        """The document behind the digest holds calls and answers, and no address, name, hash or id."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        outcome = programme.adapter.carry_out(task_of("erasure", ANNE))
        seen = json.loads(outcome.evidence.document)
        assert seen["provider"] == programme.name
        assert set(seen) == {"provider", "action", "calls"}
        assert [set(call) - {"code", "title"} for call in seen["calls"]] == [{"call", "status"}] * 3
        assert "nne" not in outcome.evidence.document.decode()
        assert len(outcome.evidence.digest) == 64

    def test_the_whole_list_can_be_compared(self, programme: Any) -> None:
        """Everybody on the list comes with their state, over more than one page where there are pages."""
        adapter = programme.adapter
        if "page" in {each.name for each in fields(adapter)}:
            adapter = replace(adapter, page=2)
        for number in range(5):
            adapter.subscribe(f"lid{number}@example.nl", "Lid", reactivate=True)
        programme.act("unsubscribe", "lid3@example.nl")
        found = [member for page in everybody(adapter) for member in page]
        states = {member.email: member.state for member in found}
        assert len(found) == 5
        expected = {f"lid{number}@example.nl": "subscribed" for number in range(5)}
        assert states == {**expected, "lid3@example.nl": "unsubscribed"}


def ip_addresses(call: dict[str, Any]) -> list[str]:
    """Return the values of fields that are meant for an address of a computer."""
    body = base64.b64decode(call["body"]).decode()
    if call["headers"].get("content-type") == "application/json":
        return [str(value) for name, value in json.loads(body).items() if name.startswith("ip")]
    return [value for name, value in parse_qsl(body) if name.startswith("ip")]


class TestPromises:
    """What whoever chooses a programme has to know."""

    def test_each_programme_says_what_can_be_promised_and_what_not_in_both_languages(self, programme: Any) -> None:
        """How long an erasure takes is always among it; none of them keeps everything."""
        promises = programme.adapter.promises
        assert {promise.kept for promise in promises} == {True, False}
        assert all(promise.text.dutch and promise.text.dutch != str(promise.text) for promise in promises)
        (month,) = [promise for promise in promises if "P37" in promise.text]
        assert month.kept is (programme.name not in SOFT)


class TestTrouble:
    """What a programme may do to us."""

    @pytest.mark.parametrize("action", ["unsubscribe", "erasure", "correction"])
    def test_a_programme_that_says_yes_and_does_nothing_is_caught(
        self, programme: Any, task_of: Any, action: str
    ) -> None:
        """A second look shows that it still holds or mails; that is never done."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.behave("lie")
        with pytest.raises(ContradictedError) as caught:
            programme.adapter.carry_out(task_of(action, ANNE, corrected={"first_name": "Anna"}))
        assert caught.value.detail.startswith("The processor confirmed but still ")
        assert isinstance(caught.value, RetryableError)
        assert len(programme.held()) == 1

    def test_a_programme_that_is_late_is_believed_when_it_is_seen(self, programme: Any, task_of: Any) -> None:
        """The first attempt finds it still there; a later one finds it gone."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.behave("late", times=1)
        with pytest.raises(ContradictedError):
            programme.adapter.carry_out(task_of("unsubscribe", ANNE))
        until = time.monotonic() + 5
        while programme.adapter.get_state(ANNE) != "unsubscribed" and time.monotonic() < until:
            time.sleep(0.05)
        assert isinstance(programme.adapter.carry_out(task_of("unsubscribe", ANNE)), Done)

    def test_a_programme_that_stalls_is_left_in_time(self, programme: Any, task_of: Any) -> None:
        """The time-out ends the attempt, and the next may go better."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.behave("stall", times=1)
        began = time.monotonic()
        with pytest.raises(RetryableError):
            programme.with_settings(read_seconds=0.2).carry_out(task_of("unsubscribe", ANNE))
        assert time.monotonic() - began < 2
        assert isinstance(programme.adapter.carry_out(task_of("unsubscribe", ANNE)), Done)

    @pytest.mark.parametrize("behaviour", ["fail", "busy"])
    def test_a_programme_in_trouble_is_tried_again_later(self, programme: Any, task_of: Any, behaviour: str) -> None:
        """A 5xx or a 429 at any of the calls is retryable, and half a task is finished by the next attempt."""
        programme.adapter.subscribe(ANNE, "Anne", reactivate=True)
        programme.behave(behaviour, times=1)
        with pytest.raises(RetryableError):
            programme.adapter.carry_out(task_of("erasure", ANNE))
        assert is_erased(programme, programme.adapter.carry_out(task_of("erasure", ANNE)))

    def test_a_wrong_key_is_for_a_person_to_mend(self, programme: Any, task_of: Any) -> None:
        """A refused key does not get better by trying."""
        with pytest.raises(PermanentError) as caught:
            programme.with_settings(api_key="wrong-us1").carry_out(task_of("erasure", ANNE))
        assert "refuses our key" in caught.value.detail
        assert "wrong-us1" not in caught.value.detail

    def test_an_unknown_list_is_never_taken_for_an_unknown_person(self, programme: Any, task_of: Any) -> None:
        """Programmes answer both alike: a typing error must not become a receipt of nothing held."""
        astray = programme.with_settings(list_id=programme.other_list)
        with pytest.raises(PermanentError):
            astray.carry_out(task_of("erasure", ANNE))
        with pytest.raises(ConfigurationError):
            astray.check()

    def test_a_wrong_name_for_the_first_name_fails_loudly(self, programme: Any) -> None:
        """A programme drops a field it does not know without a word; we do not start like that."""
        programme.adapter.check()
        with pytest.raises(ConfigurationError):  # listmonk has one name and no setting for it
            programme.with_settings(first_name_field="roepnaam").check()

    def test_a_task_without_an_address_says_so(self, programme: Any, task_of: Any) -> None:
        """A programme knows people by their address only."""
        with pytest.raises(PermanentError):
            programme.adapter.carry_out(task_of("erasure", None))
        assert programme.calls() == []

    def test_a_decision_it_has_no_call_for_is_not_pretended(self, programme: Any, task_of: Any) -> None:
        """An unknown action is an error, and nothing is sent."""
        with pytest.raises(PermanentError):
            programme.adapter.carry_out(task_of("portability", ANNE))
        assert programme.calls() == []

    @pytest.mark.parametrize(
        "settings",
        [
            {"colour": "red"},
            {"list_id": ""},
            {"read_seconds": "soon"},
            {"read_seconds": True},
            {"timezone": "Europe/Utrecht"},
            {"webhook_mode": "none"},
            {"webhook_secret": " "},
            {"base_url": 5},
        ],
    )
    def test_settings_that_are_wrong_are_refused_at_the_start(
        self, programme: Any, settings: dict[str, object]
    ) -> None:
        """Unknown keys, wrong types and missing secrets stop the connection, without showing a value."""
        with pytest.raises(ConfigurationError) as caught:
            programme.with_settings(**settings)
        assert programme.adapter.settings.api_key not in caught.value.detail

    def test_settings_never_show_their_secrets(self, programme: Any) -> None:
        """A trace with an adapter in it holds no key."""
        shown = repr(programme.adapter)
        named = ("api_key", "url_secret", "webhook_secret")
        secrets = [secret for name in named if (secret := getattr(programme.adapter.settings, name, ""))]
        assert secrets
        assert not [secret for secret in secrets if secret in shown]


class TestInbound:
    """What a programme tells us, as it really arrives."""

    def test_webhooks_are_made_once_and_found_again(self, teller: Any, receiver: Any) -> None:
        """Ensuring them twice changes nothing the second time."""
        made = teller.adapter.ensure_webhooks(receiver.url)
        assert made
        assert all(hook.active and hook.secret == teller.adapter.settings.webhook_secret for hook in made)
        assert teller.adapter.ensure_webhooks(receiver.url) == ()
        ours = [hook for hook in teller.adapter.webhooks() if hook.url == receiver.url]
        assert len(ours) == len(made)
        assert (receiver.handshakes > 0) is teller.adapter.handshake()

    @pytest.mark.parametrize(
        ("act", "kinds"),
        [
            ("unsubscribe", {"unsubscribed"}),
            ("complain", {"complained", "unsubscribed"}),
            ("bounce", {"bounced"}),
            ("delete", {"deleted"}),
            ("resubscribe", {"subscribed"}),
        ],
    )
    def test_p55_what_a_person_does_there_reaches_us(
        self, teller: Any, receiver: Any, act: str, kinds: set[str]
    ) -> None:
        """The delivery proves its origin, and holds who did what and when."""
        teller.adapter.ensure_webhooks(receiver.url)
        teller.adapter.subscribe(ANNE, "Anne", reactivate=True)
        arrival = teller.tells(receiver, act, ANNE)[0]
        now = datetime.now(UTC)
        proofs = verify(teller.adapter, arrival, now)
        assert proofs[0] == "url-secret"
        assert proofs[1].startswith("secret-" if teller.name in UNSIGNED else "signature-")
        parsed = teller.adapter.parse(arrival.body)
        assert (parsed.rejected, parsed.ignored) == (0, 0)
        (event,) = parsed.events
        assert event.kind in kinds
        assert event.email.lower() == ANNE.lower()
        assert event.list_id == teller.adapter.settings.list_id
        assert abs(event.occurred_at - now) < timedelta(seconds=5)

    def test_what_we_did_ourselves_is_not_reported_back_as_the_person_s_act(
        self, teller: Any, receiver: Any, task_of: Any
    ) -> None:
        """No echo; and where a programme repeats everything, nothing in it says that the person did it."""
        teller.adapter.ensure_webhooks(receiver.url)
        teller.adapter.subscribe(ANNE, "Anne", reactivate=True)
        teller.adapter.carry_out(task_of("unsubscribe", ANNE))
        teller.adapter.carry_out(task_of("erasure", ANNE))
        teller.rest()
        assert bool(receiver.arrived) is teller.adapter.echoes
        events = [event for arrival in receiver.arrived for event in teller.adapter.parse(arrival.body).events]
        assert not [event.kind for event in events if event.by_person]

    def test_an_event_that_is_sent_twice_has_one_key(self, teller: Any, receiver: Any) -> None:
        """Two deliveries of one event cannot be told apart by anything but a key that is the same."""
        teller.adapter.ensure_webhooks(receiver.url)
        teller.adapter.subscribe(ANNE, "Anne", reactivate=True)
        teller.rest()
        teller.behave("twice")
        first, second = teller.tells(receiver, "unsubscribe", ANNE, 2)[:2]
        keys = {event.dedupe_key for sent in (first, second) for event in teller.adapter.parse(sent.body).events}
        assert len(keys) == 1

    def test_a_delivery_we_could_not_take_is_offered_again(self, teller: Any, receiver: Any) -> None:
        """The status for our own trouble is one that this programme repeats on."""
        teller.adapter.ensure_webhooks(receiver.url)
        teller.adapter.subscribe(ANNE, "Anne", reactivate=True)
        teller.rest()
        receiver.answers.extend([teller.adapter.failure_status] * 2)
        bodies = {arrival.body for arrival in teller.tells(receiver, "unsubscribe", ANNE, 3)}
        assert len(bodies) == 1

    @pytest.mark.parametrize("spoil", ["body", "signature", "url", "nothing signed"])
    def test_a_delivery_that_proves_nothing_is_refused(self, teller: Any, receiver: Any, spoil: str) -> None:
        """One changed byte, another secret or no signature: unauthenticated."""
        teller.adapter.ensure_webhooks(receiver.url)
        teller.adapter.subscribe(ANNE, "Anne", reactivate=True)
        arrival = teller.tells(receiver, "unsubscribe", ANNE)[0]
        adapter, url_secret = teller.adapter, teller.adapter.settings.url_secret
        if spoil == "body":
            arrival.body += b" "
            if teller.name in UNSIGNED:  # only TLS keeps a body from being changed on its way
                assert verify(adapter, arrival, datetime.now(UTC))
                return
        if spoil == "signature":
            adapter = teller.with_settings(webhook_secret="another")
        if spoil == "url":
            url_secret = url_secret[:-1]
        if spoil == "nothing signed":
            proofs = ("signature", "authorization")
            headers = arrival.headers.items()
            arrival.headers = {name: value for name, value in headers if not name.lower().endswith(proofs)}
        with pytest.raises(UnauthenticatedError):
            adapter.verify(arrival.headers, arrival.body, url_secret=url_secret, now=datetime.now(UTC))

    def test_each_mode_asks_for_its_own_proofs(self, teller: Any, receiver: Any) -> None:
        """Signed, secret address, or both: what a mode does not ask for is not looked at."""
        teller.adapter.ensure_webhooks(receiver.url)
        teller.adapter.subscribe(ANNE, "Anne", reactivate=True)
        arrival, now = teller.tells(receiver, "unsubscribe", ANNE)[0], datetime.now(UTC)
        secret = teller.adapter.settings.url_secret
        signed = teller.with_settings(webhook_mode="signed")
        assert len(signed.verify(arrival.headers, arrival.body, url_secret="", now=now)) == 1
        with pytest.raises(UnauthenticatedError):
            signed.verify({}, arrival.body, url_secret=secret, now=now)
        by_address = teller.with_settings(webhook_mode="url-secret")
        assert by_address.verify({}, arrival.body, url_secret=secret, now=now) == ("url-secret",)
        with pytest.raises(UnauthenticatedError):
            by_address.verify(arrival.headers, arrival.body, url_secret="", now=now)


def verify(adapter: Any, arrival: Any, now: datetime) -> tuple[str, ...]:
    """Verify a delivery that came to the right address."""
    proofs: tuple[str, ...] = adapter.verify(
        arrival.headers, arrival.body, url_secret=adapter.settings.url_secret, now=now
    )
    return proofs


class TestAsked:
    """What a programme without webhooks tells when it is asked."""

    @pytest.mark.parametrize("act", ["unsubscribe", "complain", "bounce"])
    def test_p55_who_left_there_is_found(self, listmonk: Any, act: str) -> None:
        """And who did not is not."""
        for name in ("anne", "bert"):
            listmonk.adapter.subscribe(f"{name}@example.nl", "Lid", reactivate=True)
        listmonk.act(act, "anne@example.nl")
        (event,) = [event for page in listmonk.adapter.poll(None) for event in page]
        assert (event.kind, event.email) == ("unsubscribed", "anne@example.nl")
        assert event.list_id == listmonk.adapter.settings.list_id
        assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(seconds=5)
