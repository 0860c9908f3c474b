"""The applier: each event once, the poisonous ones apart, and nothing from who may not say it."""

from __future__ import annotations

import base64
import threading
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
import sqlalchemy as sa

from shared import log, pacing
from shared.composition import build_applier
from shared.database import lock_subject
from shared.database.statements import _lock_key
from shared.events import Decision, DecisionClosed, DecisionRegistered, ReceiptIssued
from shared.keys.making import read_root
from shared.keys.rotation import rotate_signing_key
from shared.messaging import envelope as envelopes
from shared.messaging import inbox as inboxes
from shared.messaging.applier import ATTEMPTS, SEALED_AT_ONCE, one_by_one
from shared.messaging.tables import inbox, outbox
from shared.vault import Sealed
from tests.kit.post import FACT, Post, tampered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Post]:
    """The same on SQLite only, where the database makes no difference."""
    made = Post(tmp_path)
    yield made
    made.close()


def test_a_batch_is_applied_once_in_the_order_it_came(post: Post) -> None:
    """And then there is nothing more to do."""
    post.deliver(*(post.form(name) for name in "abc"))
    assert [post.apply(), post.apply()] == [3, 0]
    assert post.heard == ["a", "b", "c"]


def test_an_event_that_cannot_be_applied_does_not_hold_up_the_others(post: Post) -> None:
    """The batch is redone one by one: what it did is undone, the rest is done, and the one waits its turn."""
    post.failing = {"b"}
    post.deliver(*(post.form(name) for name in "abcd"))
    post.apply()
    assert [state for state, _ in post.states()] == ["applied", "waiting", "applied", "applied"]
    post.heard.clear()
    post.deliver(post.form("e"))
    post.apply()
    assert post.heard == ["e"]


def test_it_is_tried_again_later_and_set_aside_in_the_end(here: Post) -> None:
    """Eight times over some minutes; then a person looks at it."""
    here.failing = {"a"}
    here.deliver(here.form("a"))
    for attempt in range(1, ATTEMPTS + 1):
        assert [row["attempts"] for row in here.rows()] == [attempt - 1]
        here.apply()
        here.clock.forward(minutes=10)
    assert here.states() == [("parked", "RefusedError")]
    assert here.apply() == 0


def test_it_is_applied_when_what_it_waited_for_is_there(here: Post) -> None:
    """The problem it had is forgotten."""
    here.failing = {"a"}
    here.deliver(here.form("a"))
    here.apply()
    here.failing.clear()
    here.clock.forward(minutes=1)
    here.apply()
    assert here.states() == [("applied", None)]


def test_what_a_handler_did_is_undone_when_the_next_one_fails(post: Post) -> None:
    """A change, what it announces, and the mark that it was applied: all of it or nothing."""

    @one_by_one
    def announce(session, tools, delivery) -> None:
        tools.outbox.publish(session, DecisionClosed(decision="d-1"), now=delivery.now)

    @one_by_one
    def refuse(_session, _tools, _delivery) -> None:
        raise RuntimeError

    service = replace(post.installation.services["newsletter"], handlers={FACT: (announce, refuse)})
    post.deliver(post.form("a"))
    build_applier(service, post.tools).apply()
    with post.tools.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(outbox)) == 0
    assert post.states() == [("waiting", "RuntimeError")]


def test_a_clock_that_was_set_back_does_not_hold_up_what_has_come(here: Post) -> None:
    """The machine thought it was tomorrow when the event came: it is applied now, not tomorrow."""
    here.clock.forward(days=1)
    here.deliver(here.form("a"))
    here.clock.forward(days=-1)
    here.apply()
    assert here.heard == ["a"]


def test_a_fact_nobody_here_reacts_to_is_done_with(here: Post) -> None:
    """A binding that is wider than the handlers does no harm."""
    here.deliver(here.form("a"))
    service = replace(here.installation.services["newsletter"], handlers={})
    build_applier(service, here.tools).apply()
    assert here.states() == [("applied", None)]


def test_an_unknown_fact_is_set_aside_at_once(here: Post) -> None:
    """A later release announces something this one does not know: it is shown, and tried again after the upgrade."""
    here.deliver(here.signed("intake", "discreet.fact.form-translated.v1", b"{}"), here.form("a"))
    here.apply()
    assert here.states() == [("parked", "UnknownEventError"), ("applied", None)]
    assert sent(here) == []


@pytest.mark.parametrize("kind", ["forgetting", "a-kind-whose-name-is-longer-than-any-of-ours"])
def test_an_unknown_decision_is_answered_unsupported_and_set_aside(post: Post, kind: str) -> None:
    """Not terminal: the ledger sees that this release cannot carry it out, and staff see it wait."""
    event_type = f"discreet.decision.{kind}.v1"
    decision = post.signed("intake", event_type, b'{"anything":1}', decisionid="d-1")
    post.deliver(decision, post.form("a"))
    post.apply()
    assert post.states() == [("parked", "UnknownEventError"), ("applied", None)]
    [receipt] = sent(post)
    assert (receipt.outcome, receipt.decision, receipt.decision_sha256) == ("unsupported", "d-1", decision.digest)
    post.deliver(decision)
    post.apply()
    assert len(sent(post)) == 1


def sent(post: Post) -> list[ReceiptIssued]:
    """The receipts that the newsletter announced."""
    with post.tools.database.reading() as session:
        bodies = session.scalars(sa.select(outbox.c.body).where(outbox.c.type.like("%receipt%")).order_by(outbox.c.id))
        events = [envelopes.read_event(envelopes.read(body)) for body in bodies]
    return [event for event in events if isinstance(event, ReceiptIssued)]


def test_an_unreadable_event_is_set_aside_without_a_second_try(here: Post) -> None:
    """Its type is known, its content is another: no waiting makes it better."""
    here.deliver(here.signed("intake", FACT, b'{"form":7}'))
    here.apply()
    assert here.states() == [("parked", "UnreadableEventError")]


class TestWhoMaySayWhat:
    """Whatever moved it: a signature that does not hold, or a holder that may not, changes nothing."""

    def parked(self, post: Post, *events) -> None:
        """All of these are set aside as forged, and what came with them is applied."""
        post.deliver(*events, post.form("honest"))
        post.apply()
        assert post.states() == [*[("parked", "ForgedEventError")] * len(events), ("applied", None)]
        assert post.heard == ["honest"]

    def test_changed_words_do_not_pass(self, here: Post) -> None:
        """One letter."""
        self.parked(here, tampered(here.form("form-a"), "form-a", "form-b"))

    @pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "één", "A" * 88])
    def test_a_made_up_signature_does_not_pass(self, here: Post, signature: str) -> None:
        """Nor none at all."""
        self.parked(here, replace(here.form("a"), signature=signature))

    def test_nobody_is_answered_who_does_not_say_who_they_are(self, here: Post) -> None:
        """A decision of a kind nobody knows, without a signature that holds: no receipt goes out for it."""
        unknown = here.signed("intake", "discreet.decision.forgetting.v1", b"{}", decisionid="d-1")
        self.parked(here, replace(unknown, signature="A" * 88))
        assert sent(here) == []

    def test_a_signature_of_another_event_does_not_pass(self, here: Post) -> None:
        """Signatures are over the whole text, with its id and time."""
        self.parked(here, replace(here.form("a"), signature=here.form("a").signature))

    def test_a_service_does_not_speak_for_another(self, here: Post) -> None:
        """The newsletter's key, the intake's name; and a key nobody knows."""
        data = b'{"form":"a","newsletter":true}'
        forged = here.signed("newsletter", FACT, data, source="/services/intake")
        self.parked(here, forged, replace(here.form("b"), key_id="0" * 16))

    def test_a_key_for_claims_or_tokens_does_not_sign_events(self, here: Post) -> None:
        """Each key of the roster is for one thing."""
        event = here.form("a")
        key = here.installation.tools["intake"].keys.claims
        self.parked(here, replace(event, signature=_base64(key.sign(event.body.encode())), key_id=key.key_id))

    def test_a_key_says_nothing_of_a_time_when_it_did_not_count(self, here: Post) -> None:
        """Before it began, and after it was replaced."""
        early = here.form("early", time=here.clock() - timedelta(days=365 * 50))
        before = here.form("before")
        old = here.installation.tools["intake"].keys.events
        here.clock.forward(days=1)
        keys = here.installation.settings.keys
        rotate_signing_key(keys, read_root(keys / "root.pem"), "intake", "events", here.clock(), overlap=timedelta(0))
        here.clock.forward(days=1)
        late = here.form("late")
        assert late.key_id == old.key_id
        here.deliver(before)
        here.apply()
        assert here.heard == ["before"]
        here.heard.clear()
        here.deliver(early, late)
        here.apply()
        assert here.states()[1:] == [("parked", "ForgedEventError")] * 2

    @pytest.mark.parametrize("kind", ["erasure", "correction", "restriction", "objection", "inquiry", "unsubscribe"])
    def test_only_the_requests_service_orders_these(self, here: Post, kind: str) -> None:
        """The intake's own key holds, and it may not order it."""
        decision = replace(DECISION, issuer="intake", decided_at=here.clock())
        data = msgspec.json.encode(decision)
        self.parked(here, here.signed("intake", f"discreet.decision.{kind}.v1", data, decisionid="d-1"))

    def test_a_decision_s_names_are_those_of_who_signed_it(self, here: Post) -> None:
        """Another issuer inside, or another id than on the envelope."""
        decision = replace(DECISION, issuer="intake", decided_at=here.clock())
        term_end = "discreet.decision.term-end.v1"
        other = msgspec.json.encode(replace(decision, issuer="requests"))
        same = msgspec.json.encode(decision)
        self.parked(
            here,
            here.signed("intake", term_end, other, decisionid="d-1"),
            here.signed("intake", term_end, same, decisionid="d-2"),
            here.signed("intake", term_end, same),
        )

    def test_a_service_gives_no_receipt_for_another(self, here: Post) -> None:
        """The intake says that the newsletter is done."""
        receipt = ReceiptIssued(
            decision="d-1",
            decision_sha256="0" * 64,
            service="newsletter",
            processor=None,
            action="erasure",
            outcome="done",
            acted_at=here.clock(),
        )
        self.parked(here, here.signed("intake", "discreet.receipt.issued.v1", msgspec.json.encode(receipt)))

    @pytest.mark.parametrize(
        "fact", [DecisionRegistered(decision="d", decision_sha256="0"), DecisionClosed(decision="d")]
    )
    def test_only_the_ledger_says_what_it_registered_and_closed(self, here: Post, fact) -> None:
        """Otherwise any service could have an issuer stop saying its decision."""
        name = "registered" if isinstance(fact, DecisionRegistered) else "closed"
        self.parked(here, here.signed("intake", f"discreet.fact.decision-{name}.v1", msgspec.json.encode(fact)))


DECISION = Decision(
    decision="d-1",
    issuer="requests",
    refs=(),
    ground="request",
    decided_by="coordinator",
    decided_at=None,  # type: ignore[arg-type]
    register="0" * 64,
    expected=(),
)


def _base64(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def test_two_appliers_never_apply_one_event_twice(post: Post) -> None:
    """Two processes of one service share the work."""
    post.deliver(*(post.form(str(number)) for number in range(120)))
    failed: list[Exception] = []

    def work() -> None:
        try:
            while post.apply():
                pass
        except Exception as error:  # noqa: BLE001 - the test shows it
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    post.apply()
    assert failed == []
    assert sorted(post.heard, key=int) == [str(number) for number in range(120)]


def test_on_sqlite_a_batch_ends_before_forms_are_held_up(here: Post) -> None:
    """After 20 ms the write lock is given back; the rest is done in the next."""
    together: Counter = Counter()

    @one_by_one
    def slowly(session, _tools, delivery) -> None:
        together[session] += 1
        time.sleep(pacing.SECONDS / 5)

    service = replace(here.installation.services["newsletter"], handlers={FACT: (slowly,)})
    here.deliver(*(here.form(str(number)) for number in range(20)))
    assert build_applier(service, here.tools).apply() == 20
    assert max(together.values()) > 1
    assert max(together.values()) < 8


def test_what_is_said_about_very_many_people_is_not_applied_in_one_transaction(here: Post) -> None:
    """PostgreSQL would run out of locks, for every service that is on it."""
    together: dict = defaultdict(list)

    @one_by_one
    def weigh(session, _tools, delivery) -> None:
        together[session].append(len(delivery.sealed.ciphertext))

    service = replace(here.installation.services["newsletter"], handlers={FACT: (weigh,)})
    with here.tools.database.transaction() as session:
        for octets in (0, SEALED_AT_ONCE + 1, 400_000, 400_000, 400_000, 0):
            inboxes.keep(session, here.form("a"), Sealed("x", b"x" * octets), now=here.clock())
    assert build_applier(service, here.tools).apply() == 6
    assert all(len(sizes) == 1 or sum(sizes) <= SEALED_AT_ONCE for sizes in together.values())


def test_the_trace_of_an_event_ends_with_it(here: Post) -> None:
    """What it causes carries its trace; what comes after does not."""
    seen = []

    @one_by_one
    def look(_session, _tools, _delivery) -> None:
        seen.append(log.traceparent.get())

    service = replace(here.installation.services["newsletter"], handlers={FACT: (look,)})
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    here.deliver(here.form("a"), here.form("b", traceparent=trace))
    build_applier(service, here.tools).apply()
    assert seen == [None, trace]
    assert log.traceparent.get() is None


def test_a_batch_does_not_take_a_visitor_s_turn_for_good(
    tmp_path: Path, postgres_environ: Callable[[], dict[str, str]]
) -> None:
    """A form and a batch of decisions lock the same two people the other way round: the batch gives way, not the form.

    Within a second, before PostgreSQL calls it a deadlock and ends either of them.
    """
    post = Post(tmp_path, postgres_environ())
    people = sorted(["k1.anna", "k1.bea"], key=_lock_key)
    holding, formed = threading.Event(), threading.Event()
    failed: list[Exception] = []

    @one_by_one
    def take_both(session, _tools, delivery) -> None:
        """One person an event, in the order of the events: the second while a form holds them."""
        lock_subject(session, [people[1] if delivery.event.form == "first" else people[0]])
        holding.set()
        formed.wait(5)
        time.sleep(0.2)  # the form waits first, and would be the one to find the deadlock

    def form() -> None:
        holding.wait(5)
        try:
            with post.tools.database.transaction() as session:
                lock_subject(session, people[:1])
                formed.set()
                lock_subject(session, people[1:])
        except sa.exc.DBAPIError as error:
            failed.append(error)

    visitor = threading.Thread(target=form)
    visitor.start()
    service = replace(post.installation.services["newsletter"], handlers={FACT: (take_both,)})
    post.deliver(post.form("first"), post.form("second"))
    build_applier(service, post.tools).apply()
    visitor.join()
    assert failed == []
    assert post.states() == [("applied", None)] * 2
    post.close()


def test_a_failure_that_is_noted_late_does_not_undo_what_another_process_did(here: Post) -> None:
    """The event failed here, and meanwhile another process applied it: it stays applied."""

    @one_by_one
    def lose(session, _tools, _delivery) -> None:
        raise RuntimeError

    here.deliver(here.form("a"))
    applier = build_applier(replace(here.installation.services["newsletter"], handlers={FACT: (lose,)}), here.tools)
    with here.tools.database.transaction() as session:
        session.execute(sa.update(inbox).values(state="applied"))
    applier._set_aside(here.rows()[0], RuntimeError())
    assert here.states() == [("applied", None)]
