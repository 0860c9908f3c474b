"""A contact form whose sender also wants the newsletter: asked for by its number, and only while it is there."""

from __future__ import annotations

import uuid

import pytest

from shared.errors import GoneError, NotFoundError, RetryableError
from shared.events import ContactFormReceived
from tests.services.newsletter.desk import ANNA

HELD = {"first_name": "Anna", "email": ANNA, "language": "en", "privacy_version": "2024-07-01"}
TICK = "I would also like to receive the newsletter"


class Intake:
    """Answers for the claim check; what was asked is noted."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def fetch(self, service: str, claim: str):
        self.asked.append((service, claim))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def announce(newsletter, *, wants: bool = True, form: str | None = None) -> str:
    """Let the intake announce a form."""
    form = form or str(uuid.uuid4())
    intake = newsletter.installation.tools["intake"]
    with intake.database.transaction() as session:
        intake.outbox.publish(session, ContactFormReceived(form=form, newsletter=wants), now=newsletter.clock())
    newsletter.settle()
    return form


def test_its_sender_gets_the_same_mail_as_from_the_sign_up_form(newsletter) -> None:
    """The form's number is all that travels; name and address are asked for, and the second yes is the person's."""
    intake = newsletter.ask_claims(Intake(HELD | {"newsletter_text": TICK}))
    form = announce(newsletter)
    newsletter.run_job("claim sign-ups")
    assert intake.asked == [("intake", form)]
    (row,) = newsletter.rows()
    assert (row.state, row.source, row.language, row.privacy_version) == ("pending", "contact-form", "en", "2024-07-01")
    assert newsletter.confirm().status_code == 200
    assert newsletter.proof()["tick_text"] == TICK


def test_a_name_with_markup_or_a_link_in_it_is_not_brought_along(newsletter) -> None:
    """The contact form takes any name; the programme would put this one into every newsletter."""
    newsletter.ask_claims(Intake(HELD | {"first_name": "<a href='https://x.example'>"}))
    announce(newsletter)
    newsletter.run_job("claim sign-ups")
    newsletter.confirm()
    newsletter.settle()
    assert newsletter.members() == {ANNA: "active"}
    found = newsletter.client.post(
        "/newsletter/v1/subscriptions/search", json={"email": ANNA}, headers=newsletter.bearer("front-desk")
    )
    assert found.json["items"][0]["first_name"] == ""
    assert not [call for call in newsletter.stage.calls("laposta") if b"x.example" in call.body]


def test_p21_before_it_is_confirmed_the_proof_is_of_the_last_form(newsletter) -> None:
    """Whoever ticked a contact form and then signed up by the other form saw another text, and another statement."""
    newsletter.ask_claims(Intake(HELD | {"newsletter_text": TICK}))
    announce(newsletter)
    newsletter.run_job("claim sign-ups")
    newsletter.sign_up(privacy_version="2025-01-01")
    newsletter.confirm()
    proof = newsletter.proof()
    assert (proof["source"], proof["privacy_version"], proof["tick_text"]) == ("sign-up-form", "2025-01-01", None)


def test_p16_a_form_without_the_tick_makes_no_subscription(newsletter) -> None:
    """Nothing is even asked for."""
    intake = newsletter.ask_claims(Intake(HELD))
    announce(newsletter, wants=False)
    newsletter.run_job("claim sign-ups")
    assert (intake.asked, newsletter.rows()) == ([], [])


def test_it_is_claimed_once_however_often_the_job_runs(newsletter) -> None:
    """Not even the mail comes twice, an hour later."""
    intake = newsletter.ask_claims(Intake(HELD))
    announce(newsletter)
    for _ in range(3):
        newsletter.run_job("claim sign-ups")
        newsletter.clock.forward(hours=2)
    assert len(intake.asked) == 1
    assert len(newsletter.mails()) == 1


@pytest.mark.parametrize("error", [GoneError("gone"), NotFoundError("never was")])
def test_a_form_that_is_gone_asks_for_nothing(newsletter, error) -> None:
    """An erasure that was quicker wins: a late event brings nobody back."""
    newsletter.ask_claims(Intake(error))
    announce(newsletter)
    newsletter.run_job("claim sign-ups")
    newsletter.ask_claims(Intake(HELD))
    newsletter.clock.forward(hours=1)
    newsletter.run_job("claim sign-ups")
    assert newsletter.rows() == []


def test_an_intake_that_is_down_is_asked_again(newsletter) -> None:
    """With growing pauses, until it answers."""
    newsletter.ask_claims(Intake(RetryableError("down")))
    announce(newsletter)
    newsletter.run_job("claim sign-ups")
    assert newsletter.rows() == []
    intake = newsletter.ask_claims(Intake(HELD))
    newsletter.clock.forward(minutes=11)
    newsletter.run_job("claim sign-ups")
    assert (len(intake.asked), len(newsletter.rows())) == (1, 1)


def test_an_address_the_intake_took_and_nobody_can_mail_is_dropped(newsletter) -> None:
    """It does not come back every time."""
    intake = newsletter.ask_claims(Intake(HELD | {"email": "anna"}))
    announce(newsletter)
    for _ in range(2):
        newsletter.run_job("claim sign-ups")
        newsletter.clock.forward(minutes=11)
    assert (len(intake.asked), newsletter.rows()) == (1, [])


@pytest.mark.parametrize("when", ["before it is asked for", "while it is asked for", "after it was asked for"])
def test_what_a_form_asked_for_goes_with_the_form(newsletter, when) -> None:
    """Whoever wants the form erased is not mailed about it afterwards, whichever comes first."""
    form = announce(newsletter)

    def erase() -> None:
        newsletter.decide("erasure", refs=newsletter.tools.refs.emails(ANNA), forms=[form])
        newsletter.settle()

    class Slow(Intake):
        def fetch(self, service: str, claim: str):
            if when == "while it is asked for":
                erase()
            return super().fetch(service, claim)

    newsletter.ask_claims(Slow(HELD))
    if when == "before it is asked for":
        erase()
    newsletter.run_job("claim sign-ups")
    if when == "after it was asked for":
        (begun,) = newsletter.rows()
        erase()
        assert newsletter.tools.vault.surviving([begun.key_id]) == set()
    newsletter.clock.forward(hours=1)
    newsletter.run_job("claim sign-ups")
    assert (newsletter.rows(), newsletter.mails()) == ([], [])


def test_a_form_that_is_erased_before_we_heard_of_it_asks_for_nothing(newsletter) -> None:
    """Events come in any order."""
    form = str(uuid.uuid4())
    newsletter.decide("erasure", refs=newsletter.tools.refs.emails(ANNA), forms=[form])
    newsletter.settle()
    intake = newsletter.ask_claims(Intake(HELD))
    announce(newsletter, form=form)
    newsletter.run_job("claim sign-ups")
    assert (intake.asked, newsletter.rows()) == ([], [])


def test_a_subscription_that_its_person_confirmed_stays_when_the_form_goes(newsletter) -> None:
    """It is a record of its own by then, and goes when a decision names it."""
    newsletter.ask_claims(Intake(HELD))
    form = announce(newsletter)
    newsletter.run_job("claim sign-ups")
    newsletter.confirm()
    newsletter.decide("erasure", refs=newsletter.tools.refs.emails(ANNA), forms=[form])
    newsletter.settle()
    assert [row.state for row in newsletter.rows()] == ["confirmed"]
