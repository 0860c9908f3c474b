"""What the newsletter does by the clock; every job can be run at any time, and catches up after a pause."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter import programmes, records
from services.newsletter.actions.claiming import claim_sign_up
from services.newsletter.actions.ending import decide_term_end
from services.newsletter.actions.removing import remove
from services.newsletter.actions.waiting import take_in_waiting
from services.newsletter.asking import ask_all
from services.newsletter.comparing import compare_daily
from services.newsletter.editions import jobs as editions
from services.newsletter.records import signup_claims, webhook_deliveries
from shared.database import lock_subject
from shared.deadlines import add_period
from shared.errors import OutsideError
from shared.service import Job

if TYPE_CHECKING:
    from datetime import datetime

    from services.newsletter.processors.interface import TellingProvider
    from shared.propagation.register import Processor
    from shared.service import Tools

BATCH = 200  # subscriptions a transaction, so that a sign-up never waits long for the lock
_log = logging.getLogger(__name__)


def expire_sign_ups(tools: Tools, now: datetime) -> None:
    """Remove sign-ups that were not confirmed in time (P36).

    An act of our own and no decision: nobody outside has anything of them, so there is nobody to tell, and
    a ledger that keeps an entry for every robot's sign-up would be a list of strangers.
    """
    while True:
        with tools.database.transaction() as session:
            expired = records.find_expired(session, now, BATCH)
            lock_subject(session, [subscription.ref for subscription in expired])
            for subscription in expired:
                current = records.find_again(session, subscription)  # it may have been confirmed meanwhile
                if current is not None and current.state == records.PENDING:
                    remove(session, tools, current, now=now)
        if len(expired) < BATCH:
            return


def end_terms(tools: Tools, now: datetime) -> None:
    """Decide the end of ended subscriptions whose time has come (P37).

    The decision is taken early enough for the programme to be done, and for us to have been away for a
    week, before the calendar month is over.
    """
    term = tools.policy.terms["newsletter.ended"]
    while True:
        with tools.database.transaction() as session:
            due = [
                subscription
                for subscription in records.find_ended(session, now, BATCH)
                if subscription.ended_at is not None
                and (term.erase_after is None or add_period(subscription.ended_at, term.erase_after.length) <= now)
            ]
            for subscription in due:
                decide_term_end(session, tools, subscription, now=now)
        if len(due) < BATCH:
            return


def claim_sign_ups(tools: Tools, now: datetime) -> None:
    """Ask the intake for the senders of contact forms that want the newsletter, and mail them."""
    due = sa.and_(signup_claims.c.next_attempt_at.is_not(None), signup_claims.c.next_attempt_at <= now)
    with tools.database.reading() as session:
        waiting = session.execute(sa.select(signup_claims).where(due).order_by(signup_claims.c.received_at)).mappings()
        rows = [dict(row) for row in waiting]
    for row in rows:
        claim_sign_up(tools, row, now=now)


def forget_marks(tools: Tools, now: datetime) -> None:
    """Delete the marks by which repeated deliveries and events are known, when nobody repeats them any more."""
    over = (
        (webhook_deliveries, "newsletter.webhook"),
        (signup_claims, "newsletter.pending"),
    )
    for table, term in over:
        before = now - tools.policy.term(term)
        with tools.database.transaction() as session:
            session.execute(sa.delete(table).where(table.c.received_at < before))


def watch_webhooks(tools: Tools, now: datetime) -> None:
    """Make the programme's webhooks again when they are gone: opt-outs there would no longer be heard.

    Laposta deletes a webhook that failed for about two weeks. A new one may have a secret that we do not know yet:
    until it is in its file, by `discreet newsletter connect`, what comes is refused. Where that secret is shown
    only once, to whoever makes the webhook, it is left to that command. In a trial they are made when they are needed.
    """
    programme = programmes.active(tools.register)
    if programme is None or tools.settings.mode == "trial" or programme.adapter in programmes.ASKED:
        return
    try:
        _mend_webhooks(programmes.telling_of(programme), programme, programmes.callback_url(tools, programme))
    except OutsideError as error:
        _log.warning("the programme's webhooks could not be looked at", extra={"fields": {"because": error.detail}})


def _mend_webhooks(provider: TellingProvider, programme: Processor, url: str) -> None:
    details = {"processor": programme.id}
    by_address = programme.settings.get("webhook_mode") == "url-secret"
    if provider.signs_with == "secret-shown-once" and not by_address:
        if not any(hook.active and hook.url == url for hook in provider.webhooks()):
            _log.error("the programme has no webhook for us: connect it again", extra={"fields": details})
        return
    made = provider.ensure_webhooks(url)
    if made:
        known = str(programme.settings.get("webhook_secret", "")).split()
        proves = by_address or all(hook.secret in known for hook in made)
        what = "made again" if proves else "made again with a new secret: connect it again"
        _log.error("the programme had no webhook for us: it was %s", what, extra={"fields": details})


JOBS = (
    Job("claim sign-ups from contact forms", timedelta(seconds=3), claim_sign_ups),
    Job("take in sign-ups that waited", timedelta(minutes=1), take_in_waiting),
    Job("expire unconfirmed sign-ups", timedelta(hours=1), expire_sign_ups),
    Job("end the terms of ended subscriptions", timedelta(hours=1), end_terms),
    Job("forget marks of deliveries", timedelta(days=1), forget_marks),
    Job("ask programmes that have no webhooks", timedelta(minutes=5), ask_all),
    Job("compare the programme's list with ours", timedelta(minutes=1), compare_daily),
    Job("watch the programme's webhooks", timedelta(days=1), watch_webhooks),
    *editions.JOBS,
)
