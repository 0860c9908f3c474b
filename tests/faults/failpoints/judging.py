"""What must be true of the clinic whatever crashed: at once, and when everything has come to rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from services.requests.ledger import views
from services.requests.ledger.proof import build_proof
from services.requests.ledger.records import LedgerEntry
from shared.events import TERMINAL, ReceiptIssued
from shared.messaging import envelope as envelopes
from shared.messaging.parked import parked
from shared.messaging.tables import APPLIED, MOVED, inbox, outbox
from shared.propagation import proof, transfers
from shared.propagation.journal import Journal
from shared.propagation.tables import FINISHED, SUPERSEDED, issued_decisions, obligations, tombstones
from shared.vault import keys_in_use
from shared.vault.vault import UNUSED_AFTER
from tests.faults.failpoints import expected, seen
from tests.faults.failpoints.expected import ANSWERS, ORDERS
from tests.faults.failpoints.story import ACTS, ANNA, BEA, ERASURE_ID

if TYPE_CHECKING:
    from shared.service import Tools
    from tests.faults.failpoints.story import Story


@dataclass
class Judge:
    """Looks at the clinic before the process that dies, after it, and in the end."""

    story: Story
    act: str
    _bea: dict[str, Any] = field(init=False)
    _annas: dict[str, set[str]] = field(init=False)
    _wrapped: dict[str, list[bytes]] = field(init=False)

    def __post_init__(self) -> None:
        """Remember what Bea has, and the keys of what Anna has."""
        self._bea = seen.everything_of(self.story, BEA)
        self._annas = {name: seen.keys_of_anna(self.story, tools) for name, tools in self._tools.items()}
        self._wrapped = {name: seen.wrapped(tools, self._annas[name]) for name, tools in self._tools.items()}

    @property
    def _tools(self) -> dict[str, Tools]:
        return self.story.installation.tools

    # At once, when a process has died

    def nothing_was_promised_in_vain(self) -> None:
        """What was answered is there, and no receipt says what is not so."""
        if self.story.was_answered(self.act):
            assert self._is_decided(), "an acknowledged decision is lost"
        for name, tools in self._tools.items():
            for receipt in seen.receipts_of(tools):
                if receipt.outcome == "done":
                    self._is_so(name, receipt)

    def _is_decided(self) -> bool:
        if self.act == "subscribe":
            return [each.state for each in self.story.subscriptions(ANNA)] == ["confirmed"]
        return seen.decision_of(self.story, self.act) is not None

    def _is_so(self, service: str, receipt: ReceiptIssued) -> None:
        if receipt.processor:
            ordered = seen.orders_of(self.story, receipt.processor, receipt.action)
            assert ordered, "a receipt for what a processor never did"
        elif receipt.action == "erasure":
            assert not seen.held(self.story, service), "a receipt for rows that are there"
            self._its_keys_are_gone(service)
        elif receipt.action == "unsubscribe":
            assert {each.state for each in self.story.subscriptions(ANNA)} <= {"ended"}

    def _its_keys_are_gone(self, service: str) -> None:
        """From the rows, and from every page and log that still has them."""
        assert not self._tools[service].vault.surviving(self._annas[service]), "a destroyed key is there"
        pages = seen.pages_of_keys(self._tools[service])
        assert not [each for each in self._wrapped[service] if each in pages], "a destroyed key stands in a page"

    # In the end

    def all_is_well(self, *, crashes: int) -> None:
        """Everything that was decided is done once, told once and provable, and nobody else is touched."""
        self.nothing_was_promised_in_vain()
        inquiry = self.story.inquire()
        self._nothing_waits()
        self._each_decision_is_answered(inquiry)
        self._the_chain_holds()
        self._each_answer_came_once()
        self._processors_did_it_once(crashes)
        assert seen.everything_of(self.story, BEA) == self._bea
        if self.act == "erase":
            self._anna_is_gone()
        self._no_key_is_left_over()

    def _nothing_waits(self) -> None:
        unregistered = sa.select(issued_decisions.c.decision).where(issued_decisions.c.registered_at.is_(None))
        for name, tools in self._tools.items():
            with tools.database.reading() as session:
                assert parked(session) == [], name
                assert set(session.scalars(sa.select(outbox.c.state))) <= {MOVED}, name
                assert set(session.scalars(sa.select(inbox.c.state))) <= {APPLIED}, name
                assert set(session.scalars(sa.select(obligations.c.state))) <= {FINISHED, SUPERSEDED}, name
                assert session.scalars(unregistered).all() == [], name

    def _each_decision_is_answered(self, inquiry: str) -> None:
        wanted = {inquiry: expected.to_the_inquiry(self.act)}
        for act, answers in ANSWERS.items():
            decision = seen.decision_of(self.story, act)
            assert (decision is not None) == self._happened(act)
            if decision is not None:
                wanted[decision] = answers
        tools = self.story.requests
        with tools.database.reading() as session:
            for decision, answers in wanted.items():
                shown = views.detail(session, decision, tools.register, self.story.installation.clock())
                assert shown["state"] == "closed"
                said = {(each["service"], each["processor"]): each for each in shown["answers"]}
                assert {who: (each["outcome"], each["evidence"]) for who, each in said.items()} == answers
        lines = Journal(tools.settings.journal).read()
        assert {envelopes.read(line["body"]).decisionid for line in lines} == set(wanted), "the journal knows them"

    def _happened(self, act: str) -> bool:
        return ACTS.index(act) <= ACTS.index(self.act)

    def _the_chain_holds(self) -> None:
        """The proof of each decision is whole, from the file alone."""
        tools = self.story.requests
        with tools.database.reading() as session:
            for decision in set(session.scalars(sa.select(LedgerEntry.decision))):
                written = build_proof(session, tools, decision, self.story.installation.clock())
                assert proof.verify(msgspec.json.encode(written)).complete

    def _each_answer_came_once(self) -> None:
        """One terminal receipt for each answer: on the chain, and in what each service kept of its own words."""
        with self.story.requests.database.reading() as session:
            bodies = session.scalars(sa.select(LedgerEntry.body).where(LedgerEntry.family == "receipt")).all()
        on_chain = [envelopes.read_event(envelopes.read(body)) for body in bodies]
        kept = [receipt for tools in self._tools.values() for receipt in seen.receipts_of(tools)]
        for said in (on_chain, kept):
            answers = Counter(
                (each.decision, each.service, each.processor) for each in said if each.outcome in TERMINAL
            )
            assert set(answers.values()) == {1}
        assert len(on_chain) == len(kept)

    def _processors_did_it_once(self, crashes: int) -> None:
        """Each order was given once, perhaps repeated after a crash, and what Laposta did last is the last act."""
        for act, orders in ORDERS.items():
            for processor, action in orders:
                carried_out = seen.orders_of(self.story, processor, action)
                assert len(carried_out) == self._happened(act)
                assert carried_out.total() <= 1 + crashes * (act == self.act)
        book = self.story.book
        about_anna = book.lines(processor="laposta", email=ANNA, said="done")
        assert about_anna[-1]["action"] == ORDERS[self.act][0][1]
        assert {line["email"] for line in book.lines() if line["processor"]} <= {ANNA, BEA}
        assert len(book.lines(email=BEA)) == 1, "Bea was given to Laposta, and nobody was told of her again"

    def _anna_is_gone(self) -> None:
        """Her rows and her keys; what stays is one tombstone for each record, and who has it no longer."""
        # Of the form there is the mail about it too; the newsletter took its own back when she left.
        for service, category, keys in (("intake", "contact-forms", 2), ("newsletter", "subscriptions", 1)):
            assert seen.held(self.story, service) == []
            assert len(self._wrapped[service]) == keys
            self._its_keys_are_gone(service)
            with self._tools[service].database.reading() as session:
                [stone] = session.execute(sa.select(tombstones)).mappings()
                assert (stone["category"], stone["decision"]) == (category, ERASURE_ID)
                given_back = [each["ended_at"] for each in transfers.find(session, [stone["record"]])]
                assert given_back
                assert None not in given_back

    def _no_key_is_left_over(self) -> None:
        """The sweep finds what a crash left between a row and its key; then each live key has its record."""
        self.story.installation.clock.now += UNUSED_AFTER * 2
        for name, tools in self._tools.items():
            service = self.story.installation.services[name]
            [sweep] = [job for job in service.jobs if job.name == "destroy unused data keys"]
            sweep.run(tools, self.story.installation.clock())
            live = seen.live_keys(tools)
            with tools.database.reading() as session:
                assert keys_in_use(session, (outbox.metadata, service.metadata), live) == live, name
