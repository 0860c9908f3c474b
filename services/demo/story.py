"""The story: a form, a newsletter, a client, an unsubscribe, and an erasure in part that everybody must answer."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import click

from services.demo.desk import Desk, StoryError
from services.tables import print_rows, print_verdict
from shared.clock import parse_utc, utc_text
from shared.propagation.proof import verify

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.settings import Settings

EVIDENCE = {"by_hand": "statement", "opendsr": "processor-signed", "laposta": "re-read", "mailchimp": "re-read"}
"""By the adapter that the register names, what an answer of that processor must rest on."""
HAD_BY = {"medical-crm": "clients"}
"""What the sandbox's processors are made to have of her: what they were given."""
COORDINATOR = "privacy-coordinator"
BY_HAND_LINK = r"http\S+/by-hand/[A-Za-z0-9_-]+"


def tell(settings: Settings) -> None:
    """Play the whole story. Raises StoryError when the system does not do what it should."""
    Story(Desk(settings), settings.clock()).tell()


class Story:
    """One run, about one made-up person with an address that nobody had before."""

    def __init__(self, desk: Desk, began: datetime) -> None:
        self.desk = desk
        self.began = began
        self.email = f"anna.{secrets.token_hex(4)}@example.nl"
        register = desk.call(COORDINATOR, "GET", "/requests/v1/processors")
        self.processors: dict[str, Any] = {each["id"]: each for each in register["processors"]}
        self.by_opendsr = [each["id"] for each in register["processors"] if each["adapter"] == "opendsr"]
        self.invoice_number = ""
        self.newsletter = next(each["id"] for each in register["processors"] if each["role"] == "newsletter")

    def tell(self) -> None:
        """Go through the chapters."""
        self._member()  # where no sandbox plays the processors this is no trial, and nobody is made up there
        self._visitor_sends_a_form()
        client, invoice = self._visitor_becomes_a_client()
        self._provider_reports_an_unsubscribe()
        case = self._somebody_asks_to_be_erased()
        decision = self._clinic_decides_in_part(case, client, invoice)
        self._provider_lies_and_is_caught(decision)
        self._people_answer_their_tasks(decision)
        self._everything_is_answered(decision, client, invoice)
        click.secho("Every receipt is there.", bold=True)

    def _visitor_sends_a_form(self) -> None:
        form = {"name": "Anna Jansen", "email": self.email, "phone": "06 12345678", "message": "Graag een afspraak."}
        self.desk.visit("POST", "/intake/v1/contact-forms", {**form, "newsletter": True}, expect=202)
        confirm = self.desk.link(r"http\S+/newsletter/confirm/\S+", self.email)
        self.desk.visit("POST", confirm)
        self.desk.wait(lambda: self._member() == "active", "the subscription at the programme")
        _say("A visitor sent the contact form, asked for the newsletter, and confirmed.")

    def _visitor_becomes_a_client(self) -> tuple[str, str]:
        fields = {"first_name": "Anna", "last_name": "Jansen", "email": self.email, "phone": "06 12345678"}
        client = self.desk.call("front-desk", "POST", "/dossier/v1/clients", fields, expect=201)["id"]
        lines = {"lines": [{"text": "Behandeling", "unit_cents": 12100}]}
        path = f"/dossier/v1/clients/{client}"
        issued = self.desk.call("front-desk", "POST", f"{path}/invoices", lines, expect=201)
        invoice, self.invoice_number = issued["id"], issued["number"]
        for processor, categories, records in (
            ("medical-crm", ["clients"], [client]),
            ("bookkeeper", ["invoices"], [invoice]),
        ):
            given = {"processor": processor, "categories": categories, "records": records}
            self.desk.call("front-desk", "POST", f"{path}/transfers", given, expect=201)
        for processor in self.by_opendsr:
            had = {"email": self.email, "categories": [HAD_BY.get(processor, "contact-forms")]}
            self.desk.sandbox("POST", f"opendsr/{processor}/people", had)
        _say("She became a client: the CRM was given her details, the bookkeeper an invoice.")
        return client, invoice

    def _provider_reports_an_unsubscribe(self) -> None:
        self.desk.sandbox("POST", f"newsletter/{self.newsletter}/unsubscribe", {"email": self.email})
        decision = self.desk.wait(lambda: self._latest("unsubscribe"), "the unsubscribe decision")
        shown = self._closed(decision)
        self._expect(shown, "newsletter", None, "done", "recounted")
        self._expect(shown, "newsletter", self.newsletter, "done", "re-read")
        _say("She unsubscribed at the programme, which told us by webhook.")
        _print_answers(shown)

    def _somebody_asks_to_be_erased(self) -> str:
        asked = {"kind": "erasure", "name": "Anna Jansen", "email": self.email, "message": "Wis mijn gegevens."}
        reference = self.desk.visit("POST", "/requests/v1/requests", asked, expect=202)["reference"]
        listed = self.desk.call(COORDINATOR, "GET", "/requests/v1/requests?limit=200")["items"]
        case = next(str(each["id"]) for each in listed if each["reference"] == reference)
        path = f"/requests/v1/requests/{case}"
        _, version = self.desk.call_tagged("front-desk", "GET", path)
        check = {"method": "counter", "document_type": "passport", "outcome": "verified", "email": True}
        self.desk.call("front-desk", "POST", f"{path}/identity", check, If_Match=version)
        self.desk.wait(lambda: self._case(case)["state"] == "assessed", "every store's answer to the inquiry")
        _say("Later she asks to be erased; her identity is checked at the counter; every store says what it holds.")
        return case

    def _clinic_decides_in_part(self, case: str, client: str, invoice: str) -> str:
        found = self._case(case)["inquiry"]["candidates"]
        named = [{name: each[name] for name in ("service", "category", "id")} for each in found]
        if client not in [each["id"] for each in named]:
            raise StoryError("The inquiry did not find the client.")
        retained = [{**each, "ground": "fiscal-retention"} for each in named if each["id"] == invoice]
        decided = {
            "outcome": "partly",
            "records": [each for each in named if each["id"] != invoice],
            "retained": retained,
            "consequences_acknowledged": True,
            "physician_agreed_by": "dr. De Vries",
        }
        self.desk.sandbox("POST", "behaviour", {"processor": self.newsletter, "behaviour": "lie"})
        path = f"/requests/v1/requests/{case}"
        _, version = self.desk.call_tagged(COORDINATOR, "GET", path)
        self.desk.call(COORDINATOR, "POST", f"{path}/decision", decided, If_Match=version)
        _say("The clinic grants it in part: the invoice stays, on the ground of fiscal retention.")
        return str(self.desk.wait(lambda: self._latest("erasure", case), "the erasure decision"))

    def _provider_lies_and_is_caught(self, decision: str) -> None:
        def caught() -> bool:
            answer = self._answer(self._decision(decision), "newsletter", self.newsletter)
            return any("Contradicted" in (word["ground"] or "") for word in answer["history"])

        self.desk.wait(caught, "the lie of the programme to be noticed")
        if self._member() is None:
            raise StoryError("The programme was to keep her, and did not.")
        self.desk.sandbox("POST", "behaviour", {"processor": self.newsletter, "behaviour": "normal"})
        _say("The programme says that she is erased; asked again, it still has her. It is told once more.")

    def _people_answer_their_tasks(self, decision: str) -> None:
        """Read each task from the mail folder and answer it, as the contacts at the processors would."""
        for answer in self._decision(decision)["answers"]:
            processor = self.processors.get(answer["processor"])
            if processor is None or processor["adapter"] != "by_hand" or answer["state"] == "answered":
                continue
            link = self.desk.link(BY_HAND_LINK, processor["contact"]["email"])
            page = self.desk.visit("GET", link)
            knows_address = any("email" in given["fields"] for given in processor["receives"])
            if (self.email if knows_address else self.invoice_number) not in page:
                raise StoryError("The task does not say what it is about.")
            if not knows_address and self.email in page:
                raise StoryError("The task tells a processor what it was never given.")
            self.desk.visit("POST", link, {"outcome": "done", "name": processor["contact"]["name"]})
            _say(f"{processor['contact']['name']} of {processor['name']} states what was done.")

    def _everything_is_answered(self, decision: str, client: str, invoice: str) -> None:
        shown = self._closed(decision)
        _print_answers(shown)
        for service in ("intake", "dossier", "newsletter"):
            outcome = "retained" if service == "dossier" else "done"
            self._expect(shown, service, None, outcome, "recounted")
        for answer in shown["answers"]:
            processor = self.processors.get(answer["processor"])
            if processor is not None and answer["outcome"] != "not-addressed":
                grade = EVIDENCE[processor["adapter"]]
                self._expect(shown, answer["service"], processor["id"], answer["outcome"], grade)
        for processor_id in (self.newsletter, "medical-crm", "bookkeeper", "website-host"):
            self._told(shown, processor_id)
        if self._member() is not None:
            raise StoryError("The programme still has her.")
        for processor in self.by_opendsr:
            if self.email in [each["email"] for each in self.desk.sandbox("GET", f"opendsr/{processor}/people")]:
                raise StoryError(f"{processor} still has her.")
        self.desk.letter("Uitvoeringsbevestiging", self.email)
        self.desk.call("front-desk", "GET", f"/dossier/v1/clients/{client}", expect=410)
        self.desk.call("bookkeeper", "GET", f"/dossier/v1/invoices/{invoice}")
        proof = self.desk.call(COORDINATOR, "GET", f"/requests/v1/decisions/{decision}/proof")
        verdict = verify(json.dumps(proof).encode())
        print_verdict(verdict)
        if not verdict.complete:
            raise StoryError("The proof lacks an answer.")
        _say("Her client record is gone, the invoice can still be read, and the proof holds by itself.")

    def _told(self, shown: Mapping[str, Any], processor: str) -> None:
        answer = next((each for each in shown["answers"] if each["processor"] == processor), None)
        if answer is None or answer["outcome"] == "not-addressed":
            raise StoryError(f"{processor} had something of her and was not told.")

    def _expect(self, shown: Mapping[str, Any], service: str, processor: str | None, outcome: str, grade: str) -> None:
        answer = self._answer(shown, service, processor)
        if (answer["outcome"], answer["evidence"]) != (outcome, grade):
            who = processor or f"the store of {service}"
            raise StoryError(
                f"{who} answered {answer['outcome']} ({answer['evidence']}), and should have: {outcome} ({grade})."
            )

    def _answer(self, shown: Mapping[str, Any], service: str, processor: str | None) -> Mapping[str, Any]:
        for each in shown["answers"]:
            if (each["service"], each["processor"]) == (service, processor):
                answer: Mapping[str, Any] = each
                return answer
        raise StoryError(f"No answer is expected of {processor or service}.")

    def _closed(self, decision: str) -> Mapping[str, Any]:
        self.desk.wait(lambda: self._decision(decision)["state"] == "closed", "the last answer to a decision")
        return self._decision(decision)

    def _decision(self, decision: str) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self.desk.call(COORDINATOR, "GET", f"/requests/v1/decisions/{decision}")
        return shown

    def _case(self, case: str) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self.desk.call(COORDINATOR, "GET", f"/requests/v1/requests/{case}")
        return shown

    def _latest(self, kind: str, case: str | None = None) -> str | None:
        found = self.desk.call(COORDINATOR, "POST", "/requests/v1/decisions/search", {"kind": kind, "case": case})[
            "items"
        ]
        new = [each["id"] for each in found if parse_utc(each["decided_at"]) >= self.began]
        return new[0] if new else None

    def _member(self) -> str | None:
        members = self.desk.sandbox("GET", f"newsletter/{self.newsletter}/members")
        return next((each["state"] for each in members if each["email"] == self.email), None)


def _say(text: str) -> None:
    click.echo(f"\n{text}")


def _print_answers(shown: Mapping[str, Any]) -> None:
    rows = [
        (
            each["service"],
            each["processor"] or "(own store)",
            each["action"],
            each["outcome"] or "-",
            each["evidence"] or "-",
            utc_text(parse_utc(each["acted_at"])) if each["acted_at"] else "-",
        )
        for each in shown["answers"]
    ]
    print_rows(("service", "processor", "action", "outcome", "evidence", "acted at"), rows, title=shown["kind"])
