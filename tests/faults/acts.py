"""What people do with a clinic: sign up, click, fill in forms, leave at a programme, and decide behind the desk."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.dossier.actions import clients, transferring
from services.dossier.records import CLIENTS
from services.intake import actions as intake
from services.intake.records import CATEGORY as FORMS
from services.newsletter.actions import confirming, ending, told, waiting
from services.newsletter.actions.contents import open_content
from services.newsletter.actions.signing_up import SignUp, sign_up
from services.newsletter.processors.interface import ParsedWebhook
from services.newsletter.records import CATEGORY as SUBSCRIPTIONS
from services.newsletter.records import Subscription
from shared.errors import ConflictError, GoneError, NotFoundError
from shared.events import RecordRef
from shared.propagation import decisions
from tests.faults.parties import Keeper, PlayedProgramme
from tests.faults.world import DIED, PROGRAMMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from services.newsletter.processors.interface import EventKind
    from shared.events import DecisionKind
    from shared.service import Tools
    from tests.faults.watch import Seen
    from tests.faults.world import World

CATEGORIES = {"newsletter": SUBSCRIPTIONS, "dossier": CLIENTS, "intake": FORMS}
REFUSED = (NotFoundError, GoneError, ConflictError)


@dataclass
class People:
    """Everybody, with the links they were ever mailed."""

    world: World
    links: dict[str, str] = field(default_factory=dict)
    """By token, what it is for: to confirm or to unsubscribe."""

    def sign_up(self, email: str, dies: int | None) -> None:
        """Fill in the form; the mail with its links arrives."""

        def step(tools: Tools) -> None:
            asked = SignUp(first_name="A", email=email, language="nl", source="sign-up-form")
            take = waiting.keep if restoring else sign_up
            with tools.database.transaction() as session:
                take(session, tools, asked, now=tools.clock())

        restoring = self.world.is_restoring("newsletter")

        self.world.do("newsletter", step, dies)
        self.open_mail()

    def open_mail(self) -> None:
        """Note the links of every mail that was sent."""
        tools = self.world.tools["newsletter"]
        with tools.database.reading() as session:
            for row in session.query(Subscription).order_by(Subscription.created_at):
                content = open_content(tools, row)
                self.links |= {content["confirm"]: "confirm", content["unsubscribe"]: "unsubscribe"}

    def click(self, kind: str, index: int, dies: int | None) -> None:
        """Click on a link of any mail ever got, the latest first; who clicks on an old one is told so."""
        tokens = [token for token, what in self.links.items() if what == kind]
        if not tokens:
            return
        token = tokens[-1 - index % len(tokens)]

        def step(tools: Tools) -> None:
            with tools.database.transaction() as session:
                if kind == "confirm":
                    confirming.confirm(session, tools, token, language="nl", now=tools.clock())
                else:
                    ending.unsubscribe(session, tools, token, now=tools.clock())

        self._try(lambda: self.world.visit("newsletter", step, dies))

    def fill_in_form(self, email: str, phone: str | None, *, newsletter: bool, dies: int | None) -> None:
        """Ask the clinic something on its website, whose host has the form too."""
        content = {"name": "A", "email": email, "phone": phone, "message": "?", "newsletter": newsletter}
        before = self._ids("intake")

        def step(tools: Tools) -> None:
            with tools.database.transaction() as session:
                intake.submit(session, tools, content, language="nl", via_host=True, now=tools.clock())

        if self.world.do("intake", step, dies) is not DIED:
            [form] = self._ids("intake") - before
            self._keeper("website-host").hand(form)

    def become_client(self, email: str, phone: str | None, dies: int | None) -> None:
        """Be taken up in the dossier; others may have the same address and number."""
        said = {"name": "A", "email": email, "phone": phone, "kind": "client", "source": "self", "marketing": True}

        def step(tools: Tools) -> None:
            with tools.database.transaction() as session:
                clients.create(session, tools, said, now=tools.clock())

        self.world.visit("dossier", step, dies)

    def hand_over(self, client: Seen, dies: int | None) -> None:
        """Note that the medical programme gets a client, and then give it."""

        def step(tools: Tools) -> None:
            with tools.database.transaction() as session:
                held = clients.hold(session, tools, client.id)
                now = tools.clock()
                transferring.note(
                    session, tools, held, "medical-crm", categories=[CLIENTS], identifiers=[client.id], now=now
                )
            self._keeper("medical-crm").hand(client.id)

        self._try(lambda: self.world.visit("dossier", step, dies))

    def leave_at(self, name: str, email: str, kind: EventKind) -> None:
        """Leave by a programme's own page, or complain there."""
        programme = self._programme(name)
        if programme.members.get(email) == "subscribed":
            programme.members[email] = "unsubscribed"
            programme.tell(kind, email, by_person=True)

    def hear_everything(self) -> None:
        """Let every programme tell all that it has to tell."""
        for name in PROGRAMMES:
            while self._programme(name).told:
                self.hear(name, 0, again=False, dies=None)

    def hear(self, name: str, index: int, *, again: bool, dies: int | None) -> None:
        """Let a programme tell one of the things it has to tell, in any order; it tells again what we fail at."""
        programme = self._programme(name)
        if not programme.told:
            return
        event = programme.told[index % len(programme.told)]

        def step(tools: Tools) -> None:
            said = ParsedWebhook(events=(event,))
            kept = told.prepare(tools, programme.id, ["url-secret"], said, now=tools.clock())
            with tools.database.transaction() as session:
                told.keep(session, kept, now=tools.clock())

        if self.world.visit("newsletter", step, dies) is not DIED and not again:
            programme.told.remove(event)

    def decide(self, kind: DecisionKind, email: str, confirmed: Sequence[Seen], dies: int | None) -> str | None:
        """Decide behind the desk about an address and the records that were confirmed; return the decision's id."""
        decision = str(uuid.uuid4())
        named = [RecordRef(service=each.service, category=CATEGORIES[each.service], id=each.id) for each in confirmed]

        def step(tools: Tools) -> None:
            with tools.database.transaction() as session:
                decisions.take(
                    session,
                    tools,
                    kind,
                    decision_id=decision,
                    refs=[tools.refs.email(email)],
                    records=named,
                    ground="asked-by-the-subject",
                    decided_by="m.devries",
                    now=tools.clock(),
                )

        self.world.proved[decision] = email
        return None if self.world.visit("requests", step, dies) is DIED else decision

    def _keeper(self, name: str) -> Keeper:
        keeper = self.world.parties[name]
        assert isinstance(keeper, Keeper)
        return keeper

    def _programme(self, name: str) -> PlayedProgramme:
        programme = self.world.parties[name]
        assert isinstance(programme, PlayedProgramme)
        return programme

    def _ids(self, service: str) -> set[str]:
        holdings = self.world.installation.services[service].holdings
        tools = self.world.tools[service]
        with tools.database.reading() as session:
            return {each for holding in holdings for each in holding.find(session, self._refs(tools))}

    def _refs(self, tools: Tools) -> list[str]:
        return [tools.refs.email(email) for email in self.world.emails]

    def _try(self, act: Callable[[], Any]) -> None:
        """Do something that the clinic may refuse, as it does about what is gone or going."""
        try:
            act()
        except REFUSED:
            return
