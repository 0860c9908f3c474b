"""What the website's host had before we did: that is noted, and whatever becomes of such a form reaches it."""

from __future__ import annotations

import json

import sqlalchemy as sa
import yaml

from shared.propagation.tables import issued_decisions
from shared.propagation.transfers import held_by
from tests.kit.opendsr import headers, scripted, status
from tests.services.intake.test_holding import answered, decide, given
from tests.services.intake.test_sites import CLINIC, SHOP, SITES, signed, sites_of
from tests.services.intake.website import BROWSER, FORM, HOST, REGISTER, SUBMIT, open_website

BERT = "bert@voorbeeld.example"
KEEPING = SITES | {"www": SITES["www"] | {"host_keeps_copies": True}}
CALLBACKS = "/intake/v1/opendsr/callbacks"
ASKED, BY_API = "website-host", "second-host"
BOTH_DID = {None: ("done", "recounted"), ASKED: ("done", "statement"), BY_API: ("done", "processor-signed")}


def answer_by_hand(website) -> None:
    """Do as the host's contact does with the last task: open the link in the mail, and state that it was done."""
    [*_, mail] = [mail for mail in website.mails() if mail.to == HOST]
    link = next(line for line in mail.text.splitlines() if "/by-hand/" in line).split("8000")[1]
    assert website.client.post(link, data={"outcome": "done", "name": "W. Webhuis"}).status_code == 200


def answer_by_api(website, host) -> None:
    """Do as the other host's system does with the last request: call back, signed."""
    url = f"{website.tools.settings.public_url}{CALLBACKS}"
    said = status(host.sent()["subject_request_id"], "completed", status_callback_url=url)
    assert website.client.post(CALLBACKS, data=said, headers=headers(said)).status_code == 202


def known(website, decision: str) -> dict[str | None, tuple[str, str]]:
    """What became of a decision, and how that is known, by who answered."""
    return {who: (said.outcome, said.evidence.grade) for who, said in answered(website, decision).items()}


def test_p53_p95_a_form_that_came_through_a_site_is_erased_at_its_host_by_hand_and_by_opendsr(tmp_path) -> None:
    """On request and at the end of its term, form by form, with who said so and how that is known; no other's goes."""
    with scripted() as host:
        host.identities = [("email", "raw")]
        register = yaml.safe_load(REGISTER)
        by_hand = register["processors"][ASKED]
        by_api = by_hand | {"name": "Webwerk", "adapter": "opendsr", "settings": host.settings}
        authority = tmp_path / "authority.pem"
        authority.write_text(by_api["settings"].pop("authority"), encoding="utf-8")
        by_api["settings"]["authority_file"] = authority.name
        register["processors"][BY_API] = by_api
        (tmp_path / "both.yaml").write_text(yaml.safe_dump(register), encoding="utf-8")
        environ = {"DISCREET_PROCESSORS": str(tmp_path / "both.yaml")}
        with open_website(tmp_path, sites_of(tmp_path, KEEPING) | environ) as website:
            body = json.dumps(FORM).encode()
            assert website.client.post(SUBMIT, data=body, headers=signed(body)).status_code == 202
            website.clock.forward(minutes=1)
            website.client.post(SUBMIT, json=FORM | {"email": BERT}, headers={"Origin": CLINIC})
            mine, other = website.rows()
            hosts = [(each, form.id) for each in (ASKED, BY_API) for form in (mine, other)]
            assert (mine.site, other.site, given(website)) == ("www", "www", set(hosts))
            erasure = decide(website, "erasure", forms=[mine.id])
            assert [*answered(website, erasure)] == [None]  # our own part; both hosts have yet to answer
            answer_by_hand(website)
            answer_by_api(website, host)
            website.installation.settle()
            assert known(website, erasure) == BOTH_DID
            website.clock.forward(days=366)
            website.run_jobs()
            assert host.count("POST", "requests") == 2
            answer_by_hand(website)
            answer_by_api(website, host)
            website.installation.settle()
            with website.tools.database.reading() as session:
                term_end = session.scalar(sa.select(issued_decisions.c.decision))
                assert [held_by(session, each, [mine.id, other.id]) for each in (ASKED, BY_API)] == [[], []]
            assert known(website, term_end) == BOTH_DID
            asked = [json.loads(call[3]) for call in host.calls if call[0] == "POST"]
            assert [FORM["email"] in str(each) for each in asked] == [True, False]
            assert website.rows() == []


def test_p95_a_host_is_told_only_of_a_form_that_it_had(tmp_path) -> None:
    """Passed on by a server, or filled in on a site whose host keeps copies; never of a form on our own page."""
    ours, framed = {"Origin": "http://localhost"}, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    hidden = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    with open_website(tmp_path, sites_of(tmp_path, KEEPING)) as website:

        def had(headers: dict[str, str], site: str = "", **sent: object) -> bool:
            before, sent = len(given(website)), sent or {"data": FORM}
            named = {"site": site} if site else {}
            answer = website.client.post(SUBMIT, query_string=named, headers=headers, **sent)
            assert answer.status_code in (202, 303)
            return len(given(website)) == before + 1

        body = json.dumps(FORM).encode()
        assert had(signed(body), data=body)
        assert had({}, json=FORM)
        assert [had(BROWSER | {"Origin": each}) for each in (CLINIC, SHOP)] == [True, False]
        assert [had(BROWSER | hidden, each) for each in ("www", "shop", "")] == [True, False, False]
        assert not any(had(BROWSER | each, "www") for each in (ours, framed))
        assert not had(BROWSER)
        had_by_host = {form for _, form in given(website)}
        [unseen, *_] = [row.id for row in website.rows() if row.id not in had_by_host]
        told = answered(website, decide(website, "erasure", forms=[unseen]))
        assert {who: said.outcome for who, said in told.items()} == {None: "done", ASKED: "not-addressed"}
        assert [mail for mail in website.mails() if mail.to == HOST] == []
