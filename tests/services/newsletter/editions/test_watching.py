"""Editions that nobody planned here: seen at the programme or told by it, and staff hear of what is wrong once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from services.doctor import seed_mailboxes
from services.findings import Finding
from services.newsletter import programmes
from shared.clock import system_clock
from shared.composition import register_of
from shared.errors import ConfigurationError
from shared.mail.mailbox_folders import MOST
from tests.services.newsletter.editions.test_copies import copy
from tests.services.newsletter.editions.test_origins import RIGHT
from tests.services.newsletter.editions.test_planning import listed, make, plan, send

CONTACT = "info@clinic.example"
ANCHOR = "      webhook_secret: sandbox:laposta.webhook_secret\n"
VOUCHES = "      seed_authserv_id: mx.mail-host.example\n"
WATCH = "watch the programme for editions"


def warned(desk) -> list[str]:
    """The mails to the clinic so far."""
    return [mail.text for mail in desk.mails(CONTACT)]


def test_p22_p23_an_edition_sent_past_us_is_seen_and_staff_hear_of_it_once(newsletter) -> None:
    """Too early and aimed at a part: in the register, and in one mail in both languages, with nobody's name."""
    send(newsletter, make(newsletter))
    newsletter.run_job(WATCH)
    assert warned(newsletter) == []
    newsletter.clock.forward(days=30)
    send(newsletter, make(newsletter, "segment", "Voor wie lippen liet doen"))
    for _ in range(2):
        newsletter.run_job(WATCH)
    latest, first = listed(newsletter).items
    assert (latest.warnings, first.warnings) == (["too-early", "part-of-list"], [])
    [text] = warned(newsletter)
    for said in ("doen (2 december 2026, 10:00)", "doen (2 December 2026, 10:00)", "P22", "P23"):
        assert said in text


@pytest.mark.parametrize("programme", ["mailchimp", "mailerlite"])
def test_p22_a_programme_that_tells_is_heard_at_once(request, programme) -> None:
    """Told twice it is one edition; what is about another list leaves nothing."""
    desk = request.getfixturevalue(programme)
    desk.provider.ensure_webhooks(programmes.callback_url(desk.tools, desk.processor))
    desk.stage.behave(programme, "twice")
    send(desk, make(desk))
    desk.hear()
    assert [(each.state, each.known_by) for each in listed(desk).items] == [("told", "webhook")]
    assert desk.tally("webhook.edition") == 1
    desk.run_job("look up editions that were told of")
    [edition] = listed(desk).items
    assert (edition.state, edition.known_by, edition.audience, edition.warnings) == (
        "sent",
        "webhook",
        "whole-list",
        [],
    )
    assert edition.subject == "Zomer"


def test_p22_after_eight_weeks_staff_are_reminded_once_unless_the_next_is_planned(newsletter) -> None:
    """On day 56; and what is taken back at the programme is no longer planned."""
    send(newsletter, make(newsletter))
    newsletter.run_job(WATCH)
    newsletter.clock.forward(days=55)
    planned = make(newsletter)
    assert plan(newsletter, planned, newsletter.clock() + timedelta(days=10)).status_code == 200
    newsletter.clock.forward(days=1)
    newsletter.run_job(WATCH)
    assert warned(newsletter) == []
    send(newsletter, planned, "take-back")
    for _ in range(2):
        newsletter.run_job(WATCH)
    [text] = warned(newsletter)
    assert "De laatste editie is van 2 november 2026" in text
    assert "The last edition is of 2 November 2026" in text
    assert [each.state for each in listed(newsletter).items] == ["sent"]


def test_p33_an_edition_goes_when_its_term_is_over_and_not_when_nobody_answers(newsletter) -> None:
    """Two years after its sending; a programme that cannot be asked costs nothing that was known."""
    send(newsletter, make(newsletter))
    newsletter.run_job(WATCH)
    newsletter.stage.behave("laposta", "fail")
    newsletter.clock.forward(days=729)
    for job in (WATCH, "end the terms of editions"):
        newsletter.run_job(job)
    assert [each.state for each in listed(newsletter).items] == ["sent"]
    newsletter.clock.forward(days=3)  # one of the years has a day more
    newsletter.run_job("end the terms of editions")
    assert listed(newsletter).items == []


def doctor(desk) -> list[Finding]:
    """What the doctor says of the seed mailbox, which reads the register in a process of its own."""
    register_of.cache_clear()
    return [*seed_mailboxes(desk.installation.settings, "newsletter")]


@pytest.fixture
def seeded(newsletter, dovecot):
    """Give the newsletter a seed mailbox at a real mail host, on its register; return the owner of it."""
    owner, folder = dovecot.owner(), newsletter.tools.settings.processors.parent
    said = dovecot.settings(owner)
    for name in ("password", "authority"):
        (folder / f"seed_{name}").write_text(said.pop(name))
        said[f"{name}_file"] = f"seed_{name}"
    lines = "".join(f"      seed_{name}: {value}\n" for name, value in said.items())
    newsletter.edit_register(ANCHOR, ANCHOR + lines + VOUCHES)
    return owner


def test_p24_the_copy_in_the_seed_mailbox_is_looked_at(newsletter, seeded) -> None:
    """In whichever folder it lies; what it lacks is named and mailed, and what does not come is missed.

    A stranger's mail with the subject is none; where no host vouches for a copy, it only looks like one.
    """
    assert [finding.well for finding in doctor(newsletter)] == [True]
    newsletter.clock.now = system_clock()  # by which the mail host goes
    good, bad, never = (make(newsletter, subject=each) for each in ("Zomer, *|FNAME|*!", "Herfst", "Winter"))
    for campaign in (good, bad, never):
        send(newsletter, campaign)
    newsletter.run_job(WATCH)
    assert {each.seed for each in listed(newsletter).items} == {"waiting"}
    ours = partial(copy, Authentication_Results=RIGHT)
    others = [ours(Subject=each) for each in ("Re: Herfst", "Herfst 2", "Winter!", "Zomer!", "Zomer, Sam")]
    slow = ours("<![<!DOCTYPE [>", Subject="Zomer, Sam!")
    seeded.receive(ours(Subject="Zomer, Sam!"), *others, slow, ours(From='"', Subject="Lente"))
    seeded.receive(ours(Subject="Herfst", List_Unsubscribe_Post=None), folder="Ongewenst")
    forged = copy("", Subject="Zomer, Sam!")
    seeded.receive(copy(Subject="Winter", From="x@y.example"), *[forged] * MOST)
    newsletter.run_job(WATCH)
    found = {each.campaign: (each.seed, each.lacks) for each in listed(newsletter).items}
    assert found == {good: ("verified", []), bad: ("lacking", ["list-unsubscribe-post"]), never: ("waiting", [])}
    assert "List-Unsubscribe-Post (RFC 8058)" in "".join(warned(newsletter))
    newsletter.edit_register(VOUCHES, "")
    assert [finding.well for finding in doctor(newsletter)] == [True, False]
    spring = make(newsletter, subject="Lente")
    send(newsletter, spring)
    seeded.receive(copy(Subject="Lente", Authentication_Results=RIGHT), copy("", Subject="Lente", From="x@y.example"))
    newsletter.run_job(WATCH)
    found = {each.campaign: (each.seed, each.lacks) for each in listed(newsletter).items}
    assert found[spring] == ("alike", ["origin"])
    assert not any("Lente" in text and "P24" in text for text in warned(newsletter))
    newsletter.edit_register(ANCHOR, ANCHOR + VOUCHES)
    newsletter.clock.forward(hours=25)
    (newsletter.tools.settings.processors.parent / "seed_password").write_text("fout")
    newsletter.edit_register(ANCHOR, ANCHOR)  # read again
    [finding] = doctor(newsletter)
    assert (finding.well, "does not take the account" in finding.text, "fout" in finding.text) == (False, True, False)
    newsletter.run_job(WATCH)
    assert {each.campaign: each.seed for each in listed(newsletter).items}[never] == "unseen"
    assert b"\\Seen" not in {flag for flags in seeded.flags() for flag in flags}
    plain = replace(newsletter.processor, settings={**newsletter.processor.settings, "seed_host": "imap.example"})
    with pytest.raises(ConfigurationError, match="TLS"):
        programmes.seed_of(replace(plain, settings={**plain.settings, "seed_tls": "none"}))
