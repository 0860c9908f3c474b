"""What is left of an erased subscription, and for how long."""

from __future__ import annotations

from datetime import timedelta

from services.newsletter.records import Subscription
from tests.services.newsletter.desk import ANNA


def erase(newsletter) -> Subscription:
    """Have a subscription ended and erased."""
    subscription = newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.clock.forward(days=4)
    newsletter.run_job("end the terms of ended")
    newsletter.settle()
    return subscription


def test_p37_the_reference_goes_when_the_oldest_backup_that_has_the_address_is_gone(newsletter) -> None:
    """Thirty-five days by the policy; then the number of the record is all there is."""
    subscription = erase(newsletter)
    erased_at = newsletter.clock()
    newsletter.clock.now = erased_at + timedelta(days=35)
    newsletter.run_job("system's own records")
    assert newsletter.tombstones() == {subscription.id: subscription.ref}
    newsletter.clock.forward(minutes=1)
    newsletter.run_job("system's own records")
    assert newsletter.tombstones() == {subscription.id: None}


def test_p37_staff_find_nothing_of_who_was_erased(newsletter) -> None:
    """Not the subscription, not the proof of consent, and no address in any file of the service."""
    erase(newsletter)
    found = newsletter.client.post(
        "/newsletter/v1/subscriptions/search", json={"email": ANNA}, headers=newsletter.bearer("fg")
    )
    assert (found.status_code, found.json["items"]) == (200, [])
    files = newsletter.installation.home / "data"
    written = b"".join(path.read_bytes() for path in files.rglob("newsletter*"))
    assert b"subscriptions" in written
    assert ANNA.encode() not in written
    assert b"voorbeeld.example" not in written
