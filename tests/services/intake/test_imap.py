"""The mail host as a processor: forwarded forms are deleted from a real mailbox, and no more than that is said."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa
import yaml

from services.doctor import mailboxes
from services.intake.processors.imap import UNDER_WAY, Imap
from services.intake.rules import forwarding_mail
from services.requests.cases.confirmation import facts
from services.requests.ledger.proof import build_proof
from services.requests.ledger.records import answers_of
from shared.processors.interface import Done, NothingHeld, ProcessorTask, Staying, SubjectIdentifiers
from shared.propagation.proof import verify
from shared.propagation.tables import obligations
from shared.propagation.transfers import held_by
from tests.servers.dovecot import OLD_FASHIONED, Dovecot
from tests.servers.mail import MailServer
from tests.servers.tokens import TokenServer
from tests.services.intake.test_forwarding import full_text
from tests.services.intake.test_holding import MAIL_HOST, answered, decide
from tests.services.intake.website import REGISTER, open_website


@contextmanager
def open_clinic(home, dovecot, owner, **changed):
    """Give a website whose forms are mailed in full to this mailbox, and the server that takes the mail."""
    host = yaml.safe_load(MAIL_HOST)["mail-host"]
    host |= {"adapter": "imap", "agreement": host["agreement"] | {"ends": None}}
    settings = {name: each for name, each in (dovecot.settings(owner) | changed).items() if each}
    for name in {"password", "authority", "client_secret"} & settings.keys():
        (home / name).write_text(str(settings.pop(name)), encoding="utf-8")
        settings[f"{name}_file"] = name
    register = yaml.safe_load(REGISTER)
    register["processors"]["mail-host"] = host | {"settings": settings}
    (home / "register.yaml").write_text(yaml.safe_dump(register), encoding="utf-8")
    with MailServer() as server:
        environ = {
            "DISCREET_PROCESSORS": str(home / "register.yaml"),
            "DISCREET_SMTP_URL": f"smtp://127.0.0.1:{server.port}",
        }
        with open_website(home, full_text(home) | environ) as website:
            yield website, server


def forwarded(website, server) -> list[bytes]:
    """Send what waits, and return the mails that the clinic's mail server got by now."""
    website.mails()
    to = website.tools.policy.clinic.forms
    return [mail.content for mail in server.received if mail.recipients == [to]]


def obligation(website, decision):
    """Return what the mail host was asked."""
    wanted = sa.select(obligations).where(obligations.c.decision == decision, obligations.c.processor == "mail-host")
    with website.tools.database.reading() as session:
        return session.execute(wanted).mappings().one()


def test_p53_an_erasure_deletes_the_forwarded_mail_wherever_it_was_moved_and_says_what_that_covers(
    tmp_path, dovecot
) -> None:
    """In the receipt, in the letter to the person, and in the proof; another form of the same person stays."""
    owner = dovecot.owner()
    with open_clinic(tmp_path, dovecot, owner) as (website, server):
        assert [finding.well for finding in mailboxes(website.tools.settings, "intake")] == [True]
        mine, other = website.sent(), website.sent()
        mails = forwarded(website, server)
        owner.receive(*mails)
        owner.move("Beantwoord/2026")
        owner.receive(mails[0], folder="Trash")
        decision = decide(website, "erasure", forms=[mine])
        receipt = answered(website, decision)["mail-host"]
        assert owner.has() == {"Beantwoord/2026": 1, "Virtual/All": 1}
        assert (receipt.outcome, receipt.counts, receipt.ground) == ("done", {"contact-forms": 1}, None)
        assert (receipt.evidence.grade, receipt.evidence.covers) == ("re-read", "own-forwarded-copies")
        seen = json.loads(receipt.evidence.document)
        assert (seen["forms"], seen["deleted"], seen["left"]) == ([mine], 2, 0)
        assert not any(said in receipt.evidence.document for said in ("Beantwoord", owner.account, "Anna", "anna"))
        with website.tools.database.reading() as session:
            assert held_by(session, "mail-host", [mine, other]) == [other]
        requests = website.installation.tools["requests"]
        with requests.database.reading() as session:
            told = facts(answers_of(session, decision), "nl", requests.register, requests.policy)
            proof = build_proof(session, requests, decision, website.clock())
        [line] = [line for line in told["lines"] if line.party == "Postkantoor"]
        assert (line.said, "er was niets meer" in line.known) == ("gewist", True)
        assert "Antwoorden daarop" in line.covers
        assert "reservekopieën" in line.covers
        [limit] = [words for words in verify(json.dumps(proof).encode()).cannot_show if words.startswith("mail-host:")]
        assert "replies, copies in other mailboxes and its backups were not seen" in limit


def test_p53_p99_a_year_later_a_form_s_mail_is_still_found(tmp_path, dovecot) -> None:
    """By the form's number alone: that a mail was sent is long forgotten here."""
    owner = dovecot.owner()
    with open_clinic(tmp_path, dovecot, owner) as (website, server):
        form = website.sent()
        owner.receive(*forwarded(website, server))
        website.clock.forward(days=364)
        website.run_jobs()
        assert website.count("intake", "outgoing_mails") == 0
        assert owner.has()["INBOX"] == 1
        website.clock.forward(days=2)
        website.run_jobs()
        assert owner.has() == {}
        assert website.rows() == []
        with website.tools.database.reading() as session:
            assert held_by(session, "mail-host", [form]) == []
        mailbox = Imap(website.tools, website.tools.register.get("mail-host"))
        again = ProcessorTask(
            decision_id="d",
            action="erasure",
            subject=SubjectIdentifiers(),
            idempotency_key="k",
            requested_at=website.clock(),
            records={"contact-forms": [form]},
        )
        assert isinstance(mailbox.carry_out(again), NothingHeld)
        stays = Staying(category="contact-forms", ground="legal-claim")
        assert isinstance(mailbox.carry_out(replace(again, stays=(stays,))), Done)


def test_a_mail_that_may_still_come_is_waited_for(tmp_path, dovecot) -> None:
    """Its server took it and it is not there: it may be in a queue for days. What was never sent is not waited for."""
    owner = dovecot.owner()
    with open_clinic(tmp_path, dovecot, owner) as (website, server):
        late, deleted = website.sent(), website.sent(email="bert@voorbeeld.example")
        mails = forwarded(website, server)
        unsent = website.sent(email="carla@voorbeeld.example")
        decisions = [decide(website, "erasure", forms=[form]) for form in (late, deleted, unsent)]
        assert ["mail-host" in answered(website, each) for each in decisions] == [False, False, True]
        assert answered(website, decisions[2])["mail-host"].outcome == "nothing-held"
        owner.receive(next(mail for mail in mails if forwarding_mail(late).encode() in mail))
        website.clock.forward(hours=6)
        website.installation.settle()
        assert owner.has() == {}
        assert answered(website, decisions[0])["mail-host"].outcome == "done"
        assert obligation(website, decisions[1])["state"] == "asked"
        website.clock.now += UNDER_WAY
        website.installation.settle()
        assert answered(website, decisions[1])["mail-host"].outcome == "nothing-held"
        assert len(forwarded(website, server)) == 2


def test_a_mail_host_that_is_away_is_asked_again_and_one_that_keeps_what_goes_is_asked_twice(tmp_path) -> None:
    """Nothing is said to be gone meanwhile."""
    with Dovecot(OLD_FASHIONED) as host:
        owner = host.owner()
        plain = {"port": owner.port, "tls": "none"}
        with open_clinic(tmp_path, host, owner, **plain) as (website, server):
            form = website.sent()
            owner.receive(*forwarded(website, server))
            host.stop()
            decision = decide(website, "erasure", forms=[form])
            host.start()
            asked = obligation(website, decision)
            assert (asked["state"], answered(website, decision)["mail-host"].outcome) == ("open", "failed")
            assert asked["problem"] == "RetryableError: No connection to the mail host, or it broke off."
            website.clock.forward(minutes=30)
            website.installation.settle()
            assert answered(website, decision)["mail-host"].outcome == "done"
            assert owner.has() == {}


def test_what_a_mailbox_cannot_do_is_for_people(tmp_path, dovecot) -> None:
    """A wrong password is named, also before it is needed; what is no erasure is a task for the host's contact."""
    owner = dovecot.owner()
    with open_clinic(tmp_path, dovecot, owner, password="fout-wachtwoord") as (website, server):
        [finding] = mailboxes(website.tools.settings, "intake")
        assert (finding.well, "does not take the account or its password" in finding.text) == (False, True)
        form = website.sent()
        corrected = decide(website, "correction", forms=[form])
        assert obligation(website, corrected)["state"] == "asked"
        forwarded(website, server)
        assert "privacy@postkantoor.example" in {each for mail in server.received for each in mail.recipients}
        erased = obligation(website, decide(website, "erasure", forms=[form]))
        assert erased["state"] == "parked"
        assert erased["problem"].endswith("does not take the account or its password (AUTHENTICATIONFAILED).")


def test_a_mailbox_that_opens_by_a_token_is_asked_again_when_there_was_none(tmp_path) -> None:
    """While the endpoint is away nothing is said to be gone; what it refuses us for stands where staff look."""
    with TokenServer() as tokens, Dovecot(introspection=tokens.introspection) as host:
        owner = host.owner()
        tokens.account, tokens.more = owner.account, {}
        with open_clinic(tmp_path, host, owner, password="", **tokens.settings()) as (website, server):

            def doctor() -> str:
                [finding] = mailboxes(website.tools.settings, "intake")
                return finding.text

            assert doctor() == "mail-host: its mailbox opens, and has 3 folders"
            first, second = website.sent(), website.sent()
            owner.receive(*forwarded(website, server))
            tokens.__exit__()
            decision = decide(website, "erasure", forms=[first])
            asked = obligation(website, decision)
            assert (asked["state"], answered(website, decision)["mail-host"].outcome) == ("open", "failed")
            assert asked["problem"] == "RetryableError: The connection to the token endpoint failed."
            tokens.__enter__()
            website.clock.forward(minutes=30)
            website.installation.settle()
            assert answered(website, decision)["mail-host"].outcome == "done"
            assert owner.has()["INBOX"] == 1
            tokens.refusals = [(401, b'{"error": "invalid_client", "error_description": "AADSTS7000222: ended"}')] * 2
            why = "The token endpoint refused us: invalid_client, AADSTS7000222."
            assert doctor() == f"mail-host: its mailbox cannot be opened. {why}"
            refused = obligation(website, decide(website, "erasure", forms=[second]))
            assert (refused["state"], refused["problem"]) == ("parked", f"PermanentError: {why}")
