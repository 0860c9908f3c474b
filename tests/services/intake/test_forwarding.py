"""A form's way to the clinic, and its end."""

from __future__ import annotations

import email
import email.policy

import pytest

from shared.errors import KeyDestroyedError
from shared.settings import CONFIG, ROOT
from shared.vault import Sealed
from tests.servers.mail import MailServer
from tests.services.intake.website import FORM, HOST, MAIL_HOST, REGISTER, SUBMIT, open_website


def full_text(home) -> dict[str, str]:
    """Return the environment of a clinic that has forms mailed in full."""
    policy = (ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8")
    (home / "policy.yaml").write_text(policy.replace("forwarded_forms: reference", "forwarded_forms: full-text"))
    return {"DISCREET_POLICY": str(home / "policy.yaml")}


def test_p59_a_form_is_forwarded_by_its_reference(website) -> None:
    """To the clinic's address for forms, with a link; what is in it stays here."""
    form = website.sent()
    [mail] = website.mails()
    assert mail.to == website.tools.policy.clinic.forms
    assert website.rows()[0].reference in mail.subject
    assert f"/console/forms/{form}" in mail.text
    assert not any(value in mail.text + mail.subject for value in FORM.values())


def test_p59_where_the_policy_says_so_the_mail_carries_the_text_unchanged(tmp_path) -> None:
    """And an answer to it goes to the sender."""
    message = "Regel 1\n\n\tregel 2\n<b>GRATIS</b> 😀 https://x.example"
    register = tmp_path / "with-mail-host.yaml"
    register.write_text(REGISTER + MAIL_HOST)
    with open_website(tmp_path, full_text(tmp_path) | {"DISCREET_PROCESSORS": str(register)}) as website:
        website.send(message=message)
        [mail] = website.mails()
        assert message in mail.text.replace("\r\n", "\n")
        assert dict(mail.headers)["Reply-To"] == FORM["email"]


def test_p52_a_form_reaches_the_clinic_once_when_the_mail_server_was_down_for_an_hour(tmp_path) -> None:
    """The visitor is answered meanwhile, and a restart in between loses nothing."""
    server = MailServer()
    environ = {"DISCREET_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
    with open_website(tmp_path, environ) as website:
        assert website.send().status_code == 202
        reference = website.rows()[0].reference
        for _ in range(12):
            website.mails()
            website.clock.forward(minutes=5)
        now = website.clock()
    with open_website(tmp_path, environ) as restarted, server:
        restarted.clock.now = now
        for _ in range(12):
            restarted.mails()
            restarted.clock.forward(minutes=10)
    [received] = server.received
    assert received.recipients == [restarted.tools.policy.clinic.forms]
    message = email.message_from_bytes(received.content, policy=email.policy.default)
    assert reference in message["Subject"]


def test_p53_p99_a_copy_is_gone_a_year_after_it_came(website) -> None:
    """Row and key; the host of the website is told, and whoever asks for it hears that it is gone."""
    form, kept = website.sent(newsletter=True), website.rows()[0]
    website.clock.now = website.clock().replace(year=2027, day=1)
    website.run_jobs()
    assert [row.id for row in website.rows()] == [form]
    website.clock.forward(days=1)
    website.run_jobs()
    assert website.rows() == []
    assert website.decisions() == ["discreet.decision.term-end.v1"]
    with pytest.raises(KeyDestroyedError):
        website.tools.vault.open(form, Sealed(kept.key_id, kept.sealed))
    asked = website.client.get(f"/intake/v1/claims/{form}", headers=website.service_token("newsletter"))
    assert asked.status_code == 410
    hosts = [mail for mail in website.mails() if mail.to == HOST]
    assert len(hosts) == 1
    assert website.client.get(f"{SUBMIT}/{form}", headers=website.bearer("front-desk")).status_code in {404, 410}


def test_p53_forms_that_waited_while_the_jobs_were_away_go_in_one_run(website) -> None:
    """More of them than one transaction takes."""
    for number in range(205):
        website.send(email=f"anna{number}@voorbeeld.example")
    website.clock.forward(days=400)
    for job in website.installation.services["intake"].jobs:
        job.run(website.tools, website.clock())
    assert len(website.decisions()) == 205
