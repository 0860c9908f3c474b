"""What a programme tells us: taken in once, believed when it is proven, and never a reason to mail somebody more."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from services.newsletter.actions.heard import prepare
from services.newsletter.actions.hearing import take_in
from services.newsletter.processors.interface import ProviderEvent
from tests.bench.counting import counted
from tests.services.newsletter.desk import ANNA, desk

NEW = "anna.nieuw@voorbeeld.example"


@pytest.mark.parametrize(
    ("act", "because", "ground", "by"),
    [
        ("unsubscribe", "unsubscribed", "consent-withdrawn", "subject"),
        ("complain", "complaint", "complaint", "subject"),
        ("bounce", "bounce", "address-unreachable", "mailchimp"),
        ("delete", "removed-at-provider", "removed-at-provider", "mailchimp"),
    ],
)
def test_an_opt_out_at_the_programme_is_one_here(mailchimp, act, because, ground, by) -> None:
    """It ends the subscription by a decision that says who told us; that one is read and not told again."""
    mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    mailchimp.at_programme(act)
    assert mailchimp.rows()[0].ended_because == because
    (decision,) = mailchimp.decisions()
    assert (decision.ground, decision.decided_by, decision.reported_by) == (ground, by, "mailchimp")
    assert [each.action for each in decision.expected if each.processor == "mailchimp"] == ["read"]
    before = len(mailchimp.calls("PATCH", "POST", "PUT", "DELETE"))
    mailchimp.settle()
    assert len(mailchimp.calls("PATCH", "POST", "PUT", "DELETE")) == before
    assert mailchimp.receipts(decision.decision)["mailchimp"].outcome in ("done", "nothing-held")


def test_the_same_delivery_twice_is_one_decision(told) -> None:
    """Programmes deliver at least once; the second is answered as success and changes nothing."""
    told.subscribe()
    told.hear()
    before = len(told.stage.deliveries())
    told.clock.forward(minutes=5)
    told.stage.behave(told.programme, "twice")
    told.at_programme("unsubscribe")
    assert [delivery["status"] for delivery in told.stage.deliveries()[before:]] == [200, 200]
    assert len(told.decisions()) == 1
    assert told.tally("webhook.repeated") == 1


def test_what_is_kept_of_a_delivery_is_a_digest_that_only_we_can_make(newsletter) -> None:
    """From the plain hash of a programme's event an address could be guessed."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    newsletter.at_programme("unsubscribe")
    event = newsletter.provider.parse(newsletter.batch([newsletter.item(ANNA)])).events[0]
    with newsletter.tools.database.reading() as session:
        kept = session.connection().exec_driver_sql("SELECT digest FROM webhook_deliveries").scalars().all()
    assert len(kept) == 1
    assert event.dedupe_key not in kept
    assert hashlib.sha256(event.dedupe_key.encode()).hexdigest() not in kept


def test_an_echo_of_our_own_act_is_no_new_decision(newsletter) -> None:
    """We told the programme; that it tells us back is no news."""
    newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.clock.forward(seconds=5)
    assert newsletter.post([newsletter.item(ANNA)]).status_code == 200
    assert len(newsletter.decisions()) == 1
    assert newsletter.tally("webhook.already-ended") == 1


def test_an_opt_out_older_than_the_consent_is_ignored(newsletter) -> None:
    """A delivery that was held up for days does not undo what the person said since; the same second does."""
    newsletter.subscribe()
    confirmed = newsletter.rows()[0].confirmed_at
    newsletter.clock.forward(days=2)
    newsletter.post([newsletter.item(ANNA, at=confirmed - timedelta(seconds=1))])
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.tally("webhook.overtaken") == 1
    newsletter.post([newsletter.item(ANNA, at=confirmed)])
    assert newsletter.rows()[0].state == "ended"


def test_unknown_addresses_lists_and_kinds_are_counted_and_answered_as_success(newsletter) -> None:
    """A programme that gets an error would offer them again, and in the end give us up."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    foreign = newsletter.item(ANNA)
    foreign["data"]["list_id"] = "another"
    answer = newsletter.post(
        [newsletter.item("vreemd@voorbeeld.example"), foreign, {**newsletter.item(ANNA), "event": "danced"}]
    )
    assert answer.status_code == 200
    assert newsletter.rows()[0].state == "confirmed"
    assert (newsletter.tally("webhook.unknown"), newsletter.tally("webhook.ignored")) == (1, 2)


def test_a_batch_of_a_thousand_with_bad_items_is_taken_in_as_one(newsletter) -> None:
    """One that cannot be read costs the others nothing, and the decisions are committed together."""
    emails = [f"lid{number}@voorbeeld.example" for number in range(998)]
    newsletter.insert_confirmed(emails)
    newsletter.clock.forward(minutes=5)
    items = [newsletter.item(email) for email in emails]
    items[500:500] = [{"type": "member"}, newsletter.item("geen adres")]
    raw = newsletter.batch(items)
    with counted() as cost:
        answer = newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    assert answer.status_code == 200
    assert cost.commits == 1
    assert cost.statements < 5  # one, and now and then a look whether a backup was put back
    with counted() as cost:
        newsletter.installation.apply()
    assert cost.commits == 2  # and one for the key of what was kept
    assert cost.statements < 20  # as for one event
    assert {row.state for row in newsletter.rows()} == {"ended"}
    assert len(newsletter.decisions()) == 998
    assert newsletter.tally("webhook.rejected") == 2


def test_a_secret_in_the_address_that_is_wrong_is_refused(newsletter) -> None:
    """401, nothing is read, nothing is said of why."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    raw = newsletter.batch([newsletter.item(ANNA)])
    answer = newsletter.client.post(
        "/newsletter/v1/webhooks/laposta/wrong", data=raw, headers=newsletter.signature(raw)
    )
    assert answer.status_code == 401
    assert newsletter.rows()[0].state == "confirmed"


@pytest.mark.parametrize("header", [{}, {"X-Laposta-Signature": "00" * 32}])
def test_a_signature_that_is_missing_or_wrong_is_refused(newsletter, header) -> None:
    """The address alone is not enough where the register asks for both."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    answer = newsletter.client.post(newsletter.webhook, data=newsletter.batch([newsletter.item(ANNA)]), headers=header)
    assert answer.status_code == 401
    assert newsletter.rows()[0].state == "confirmed"


def test_a_changed_body_is_refused(newsletter) -> None:
    """The signature is over the exact bytes."""
    newsletter.subscribe()
    raw = newsletter.batch([newsletter.item("bert@voorbeeld.example")])
    changed = raw.replace(b"bert@", b"anna@")
    answer = newsletter.client.post(newsletter.webhook, data=changed, headers=newsletter.signature(raw))
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["nobody/x", "bookkeeper/x", "medical-crm/x"])
def test_only_newsletter_programmes_have_a_webhook(newsletter, path) -> None:
    """404 for a processor that is not on the register, or is none of the newsletter's."""
    assert newsletter.client.post(f"/newsletter/v1/webhooks/{path}", data=b"{}").status_code == 404


def test_the_handshake_does_not_ask_for_the_secret(mailchimp) -> None:
    """Mailchimp does a GET before it makes the webhook, and wants 200; Laposta does none."""
    for look in (mailchimp.client.get, mailchimp.client.head):  # some say that it looks with HEAD first
        assert look("/newsletter/v1/webhooks/mailchimp/whatever").status_code == 200
    assert mailchimp.client.get("/newsletter/v1/webhooks/laposta/whatever").status_code == 404
    assert mailchimp.client.get("/newsletter/v1/webhooks/nobody/whatever").status_code == 404


def test_a_body_that_cannot_be_read_is_not_taken_for_success(newsletter) -> None:
    """400: the programme offers it again, and its webhook fails where somebody sees it."""
    raw = b"no batch"
    answer = newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    assert answer.status_code == 400


def test_a_failure_of_ours_makes_the_programme_tell_again(newsletter) -> None:
    """503 while the database is out of reach, and the same delivery works when it is back."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    raw = newsletter.batch([newsletter.item(ANNA)])
    newsletter.rename("inbox", "elsewhere")
    failed = newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    assert failed.status_code == 503
    newsletter.rename("elsewhere", "inbox")
    newsletter.installation.apply()
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.post([newsletter.item(ANNA)]).status_code == 200
    assert newsletter.rows()[0].state == "ended"


def test_a_failure_of_ours_has_the_status_that_makes_this_programme_tell_again(brevo) -> None:
    """Brevo drops what is answered with a 5xx: it gets a 429, and tells again."""
    brevo.subscribe()
    brevo.hear()
    before = len(brevo.stage.deliveries())
    brevo.clock.forward(minutes=5)
    brevo.rename("inbox", "elsewhere")
    brevo.at_programme("unsubscribe", wait=False)
    until = time.monotonic() + 10
    while len(brevo.stage.deliveries()) == before and time.monotonic() < until:
        time.sleep(0.002)
    brevo.rename("elsewhere", "inbox")
    brevo.hear()
    statuses = [delivery["status"] for delivery in brevo.stage.deliveries()[before:]]
    assert (set(statuses[:-1]), statuses[-1]) == ({429}, 200)
    assert brevo.rows()[0].state == "ended"


def test_an_echo_of_a_no_that_could_not_be_told_before_a_new_yes_is_no_new_no(brevo) -> None:
    """The programme was down: it hears the no and the yes after each other, and repeats the no to us."""
    brevo.subscribe()
    brevo.stage.behave("brevo", "fail")
    brevo.unsubscribe()
    brevo.settle()
    brevo.clock.forward(hours=2)
    brevo.sign_up()
    brevo.confirm()
    brevo.settle()
    brevo.stage.behave("brevo", "normal")
    brevo.clock.forward(hours=3)
    brevo.settle()
    brevo.hear()
    assert brevo.tally("webhook.echo") == 1
    assert [row.state for row in brevo.rows()] == ["confirmed"]
    assert brevo.members() == {ANNA: "subscribed"}


def test_of_a_batch_of_mailerlite_one_that_cannot_be_read_costs_the_others_nothing(mailerlite) -> None:
    """It waits three seconds, in which the batch is only kept; or it would tell all of it again."""
    emails = [f"lid{number}@voorbeeld.example" for number in range(100)]
    mailerlite.insert_confirmed(emails)
    mailerlite.clock.forward(minutes=5)
    told = mailerlite.clock().isoformat().replace("+00:00", ".000000Z")
    flat = {"event": "subscriber.unsubscribed", "status": "unsubscribed", "unsubscribed_at": told}
    events = [{**flat, "id": email, "email": email} for email in emails]
    raw = json.dumps({"events": [*events[:7], 7, {}, *events[7:]], "total": 102}).encode()
    secret = mailerlite.setting("webhook_secret", "mailerlite").encode()
    path = f"/newsletter/v1/webhooks/mailerlite/{mailerlite.setting('url_secret', 'mailerlite')}"
    answer = mailerlite.deliver(path, raw, {"Signature": hmac.digest(secret, raw, "sha256").hex()})
    assert answer.status_code == 200
    assert {row.state for row in mailerlite.rows()} == {"ended"}
    assert mailerlite.tally("webhook.rejected") == 2


def test_an_opt_out_that_names_no_time_counts_from_when_it_came_in(mailerlite) -> None:
    """MailerLite leaves it out now and then: a no is not lost for that, and the same delivery again is one."""
    mailerlite.subscribe()
    mailerlite.clock.forward(minutes=5)
    raw = json.dumps({"id": "1", "email": ANNA, "status": "bounced", "event": "subscriber.bounced"}).encode()
    secret = mailerlite.setting("webhook_secret", "mailerlite").encode()
    path = f"/newsletter/v1/webhooks/mailerlite/{mailerlite.setting('url_secret', 'mailerlite')}"
    for _ in range(2):
        mailerlite.deliver(path, raw, {"Signature": hmac.digest(secret, raw, "sha256").hex()})
    assert mailerlite.rows()[0].ended_because == "bounce"
    assert mailerlite.tally("webhook.repeated") == 1


def test_who_is_blocked_at_the_programme_by_hand_is_ended_but_did_not_withdraw(brevo) -> None:
    """It arrives as a contact that was updated, without an address of its own and without who did it."""
    brevo.subscribe()
    brevo.clock.forward(minutes=10)
    provider = brevo.provider
    key = provider.look_up(ANNA).key
    change = {"emailBlacklisted": True}
    assert provider.session.send("PUT", "contacts", key, params={"identifierType": "contact_id"}, content=change).ok
    brevo.hear()
    assert brevo.rows()[0].ended_because == "removed-at-provider"
    (decision,) = brevo.decisions()
    assert (decision.decided_by, decision.ground, decision.reported_by) == ("brevo", "removed-at-provider", "brevo")


def test_a_subscription_made_at_the_programme_is_none_here(told) -> None:
    """Only the person's own sign-up with us makes one: an import there brings nobody back."""
    told.subscribe()
    told.unsubscribe()
    told.settle()
    told.clock.forward(days=1)
    told.at_programme("resubscribe")
    assert [row.state for row in told.rows()] == ["ended"]
    assert told.tally("webhook.subscribed-without-us") == 1
    assert told.mails()[1:] == []


def test_our_own_subscribing_that_is_told_after_the_end_was_not_made_at_the_programme(newsletter) -> None:
    """Brevo and MailerLite repeat what we did, and it may be on its way while the person leaves."""
    confirmed = newsletter.subscribe().confirmed_at
    newsletter.clock.forward(minutes=5)
    newsletter.unsubscribe()
    newsletter.clock.forward(minutes=5)
    times = (confirmed - timedelta(minutes=1), confirmed, newsletter.clock())
    shared = {"kind": "subscribed", "list_id": "", "email": ANNA}
    told = [ProviderEvent(**shared, dedupe_key=str(at), occurred_at=at) for at in times]
    heard = prepare(newsletter.tools, "laposta", told)
    with newsletter.tools.database.transaction() as session:
        results = take_in(session, newsletter.tools, "laposta", heard, now=newsletter.clock())
    assert results == {"overtaken": 1, "subscribed-without-us": 2}


def test_a_new_address_is_followed(mailchimp) -> None:
    """The subscription goes on under the new address; the old one is no longer readable anywhere."""
    before = mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    mailchimp.tell(type="upemail", old_email=ANNA, new_email=NEW)
    (row,) = mailchimp.rows()
    assert (row.id, row.state, row.ref) == (before.id, "confirmed", mailchimp.tools.refs.email(NEW))
    assert mailchimp.tools.vault.surviving([before.key_id]) == set()
    assert mailchimp.decisions() == []


@pytest.mark.parametrize("order", ["change first", "opt-out first"])
@pytest.mark.parametrize("address", [ANNA, NEW])
def test_an_opt_out_wins_whatever_the_order_of_deliveries(mailchimp, order, address) -> None:
    """Of an address change and an opt-out, under the old or the new address, either may come first."""
    mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    tellings = [
        {"type": "upemail", "old_email": ANNA, "new_email": NEW},
        {"type": "unsubscribe", "email": address, "action": "unsub", "reason": "manual"},
    ]
    for telling in tellings if order == "change first" else reversed(tellings):
        assert mailchimp.tell(**telling).status_code == 200
    (row,) = mailchimp.rows()
    assert row.state == "ended"
    mailchimp.settle()
    assert len(mailchimp.decisions()) == 1


def test_an_opt_out_wins_from_a_change_to_its_address_in_the_same_delivery(mailchimp) -> None:
    """Nobody here had the address when it said no."""
    mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    shared = {"list_id": "", "occurred_at": mailchimp.clock()}
    told = [
        ProviderEvent(kind="unsubscribed", email=NEW, dedupe_key="first", **shared),
        ProviderEvent(kind="address_changed", email=ANNA, new_email=NEW, dedupe_key="second", **shared),
    ]
    heard = prepare(mailchimp.tools, "mailchimp", told)
    with mailchimp.tools.database.transaction() as session:
        results = take_in(session, mailchimp.tools, "mailchimp", heard, now=mailchimp.clock())
    assert (results, mailchimp.rows()[0].state) == ({"unknown": 1, "ended": 1}, "ended")


def test_an_address_change_to_one_that_left_before_tells_the_programme(mailchimp) -> None:
    """The programme now mails an address that said no to us: it is told, under that address."""
    mailchimp.subscribe(NEW, "Anna")
    mailchimp.unsubscribe(NEW)
    mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    mailchimp.tell(type="upemail", old_email=ANNA, new_email=NEW)
    decision = mailchimp.decisions()[-1]
    assert (decision.ground, decision.reported_by) == ("opted-out-under-new-address", None)
    assert {row.state for row in mailchimp.rows()} == {"ended"}
    mailchimp.settle()
    assert set(decision.refs) == {mailchimp.tools.refs.email(ANNA), mailchimp.tools.refs.email(NEW)}


def test_an_address_change_to_another_subscriber_leaves_one(mailchimp) -> None:
    """The programme made one of the two, and so do we."""
    mailchimp.subscribe(NEW, "Anna")
    mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    mailchimp.tell(type="upemail", old_email=ANNA, new_email=NEW)
    assert [row.ref for row in mailchimp.rows()] == [mailchimp.tools.refs.email(NEW)]
    assert mailchimp.decisions() == []


def test_a_webhook_of_a_programme_that_was_replaced_is_still_heard(mailchimp) -> None:
    """Laposta has ended on this register; an opt-out that it still tells ends the subscription."""
    mailchimp.subscribe()
    mailchimp.clock.forward(minutes=5)
    assert mailchimp.post([mailchimp.item(ANNA)]).status_code == 200
    assert mailchimp.rows()[0].state == "ended"


def test_the_newsletter_s_own_list_of_webhooks_is_made_before_anybody_is_given(newsletter) -> None:
    """In a trial nobody sets them up by hand: with the first subscriber they are there, and only once."""
    newsletter.subscribe()
    newsletter.subscribe("bert@voorbeeld.example", "Bert")
    hooks = newsletter.provider.webhooks()
    assert sorted(event for hook in hooks for event in hook.events) == ["deactivated", "modified", "subscribed"]
    assert len(hooks) == 3


def go_live(desk) -> None:
    """Have the newsletter believe that it is live, where nobody makes a webhook just before it is needed."""
    settings = replace(desk.tools.settings, mode="live")
    desk.installation.tools["newsletter"] = replace(desk.tools, settings=settings)


def test_in_live_a_webhook_that_the_programme_deleted_is_noticed_and_made_again(newsletter, caplog) -> None:
    """Laposta deletes one that failed for two weeks: from then on opt-outs there would not be heard."""
    newsletter.subscribe()
    go_live(newsletter)
    newsletter.run_job("watch the programme")
    assert "had no webhook for us" not in caplog.text
    newsletter.lose_webhooks()
    newsletter.run_job("watch the programme")
    assert "it was made again" in caplog.text
    assert "secret" not in caplog.text
    newsletter.clock.forward(minutes=5)
    newsletter.at_programme("unsubscribe")
    assert newsletter.rows()[0].state == "ended"


@pytest.mark.parametrize("programme", ["brevo", "mailerlite"])
def test_in_live_a_webhook_that_was_deleted_by_hand_is_made_again_too(tmp_path, caplog, programme) -> None:
    """With the secret that we know."""
    with desk(tmp_path, programme) as found:
        found.subscribe()
        go_live(found)
        for hook in found.provider.webhooks():
            assert found.provider.session.send("DELETE", "webhooks", hook.webhook_id).ok
        found.run_job("watch the programme")
        assert "it was made again" in caplog.text
        assert "new secret" not in caplog.text
        assert [hook.active for hook in found.provider.webhooks()] == [True]


def test_a_webhook_whose_secret_is_shown_once_is_left_to_whoever_can_keep_it(mailchimp, caplog) -> None:
    """Made by a job, its secret would be gone with the job's answer, and everything it says refused."""
    go_live(mailchimp)
    mailchimp.run_job("watch the programme")
    assert "connect it again" in caplog.text
    assert mailchimp.provider.webhooks() == ()


def test_the_webhook_answers_over_a_real_connection_with_a_large_batch(newsletter) -> None:
    """Three megabytes of custom fields, base64 signature, chunked: the form's small limit is not this route's."""
    item = newsletter.item("vreemd@voorbeeld.example")
    item["data"]["custom_fields"] = {"opmerkingen": "x" * 3000}
    raw = newsletter.batch([item] * 1000)
    secret = newsletter.setting("webhook_secret").encode()
    signature = base64.b64encode(hmac.digest(secret, raw, "sha256")).decode()
    url = newsletter.tools.settings.public_url + newsletter.webhook
    answer = requests.post(url, data=iter([raw]), headers={"X-Laposta-Signature": signature}, timeout=20)
    assert (len(raw) > 3_000_000, answer.status_code) == (True, 200)


def test_nothing_of_a_person_is_logged(newsletter, caplog) -> None:
    """Neither a sign-up, a webhook nor a search leaves a name or an address in the log."""
    caplog.set_level("DEBUG")
    newsletter.subscribe("marker-anna@voorbeeld.example", "Markernaam")
    newsletter.clock.forward(minutes=5)
    newsletter.at_programme("unsubscribe", "marker-anna@voorbeeld.example")
    newsletter.client.post(
        "/newsletter/v1/subscriptions/search",
        json={"email": "marker-anna@voorbeeld.example"},
        headers=newsletter.bearer("front-desk"),
    )
    lines = [json.dumps([record.getMessage(), getattr(record, "fields", {})], default=str) for record in caplog.records]
    assert len(lines) > 5
    ours = [line for record, line in zip(caplog.records, lines, strict=True) if "urllib3" not in record.name]
    assert not [line for line in ours if "marker" in line.lower()]
