"""A stand-in for the requests service: a real HTTP server on loopback with its shapes, and answers a test sets."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from shared.auth import Principal, verify_token
from shared.clock import system_clock
from shared.errors import UnauthenticatedError
from shared.roster import Roster

DECISION = "0b8f5bd4-63a5-4a43-9a62-1a2b3c4d5e6f"
CASE = "7a9d1f60-2f0b-4f4e-8a51-0c1d2e3f4a5b"
FORM = "11111111-2222-4333-8444-555555555555"
INVOICE = "66666666-7777-4888-9999-aaaaaaaaaaaa"
CLOSURE = "cccccccc-dddd-4eee-8fff-000000000000"
LETTER = "bbbbbbbb-cccc-4ddd-8eee-ffffffffffff"
READERS = {
    "decisions": {"privacy-coordinator", "fg", "admin"},
    "requests": {"privacy-coordinator", "fg", "front-desk"},
    "closures": {"privacy-coordinator", "fg", "admin", "physician"},
    "confirmation": {"privacy-coordinator", "physician"},
    "identity": {"privacy-coordinator", "front-desk"},
    "delivery": {"privacy-coordinator", "front-desk"},
    "decision": {"privacy-coordinator"},
    "extension": {"privacy-coordinator"},
    "withdrawal": {"privacy-coordinator"},
    "editions": {"privacy-coordinator", "front-desk", "admin", "fg"},
}


def answer(service: str, processor: str | None = None, **said: Any) -> dict[str, Any]:
    """Return one expected answer; nothing was heard of it unless said otherwise."""
    return {
        "service": service,
        "processor": processor,
        "processor_name": processor and f"{processor.title()} B.V.",
        "action": "erasure",
        "due_at": "2026-11-20T09:00:00+00:00",
        "state": "waiting",
        "outcome": None,
        "evidence": None,
        "evidence_digest": None,
        "acted_at": None,
        "ground": None,
        "counts": {},
        "retained": [],
        "history": [],
        **said,
    }


def done(service: str, processor: str | None, grade: str, **said: Any) -> dict[str, Any]:
    """Return an answer that came."""
    heard = {"outcome": "done", "evidence": grade, "evidence_digest": "ab" * 32}
    return answer(service, processor, state="answered", acted_at="2026-11-19T08:30:00+00:00", **{**heard, **said})


def decision(**said: Any) -> dict[str, Any]:
    """Return a decision with one answer of every kind."""
    kept = {"service": "dossier", "category": "invoices", "id": INVOICE, "ground": "fiscal-retention"}
    failed = {"outcome": "failed", "acted_at": "2026-11-19T08:20:00+00:00", "ground": "TimeoutError"}
    answers = [
        done("intake", None, "recounted", counts={"contact-forms": 2}),
        done("dossier", None, "recounted", outcome="retained", retained=[kept | {"until": "2033-12-31T23:00:00Z"}]),
        answer("newsletter", state="answered", outcome="nothing-held", evidence="recounted"),
        done("newsletter", "mailer", "re-read", history=[failed]),
        done("intake", "webhost", "statement"),
        done("dossier", "crm", "processor-signed"),
        done("dossier", "books", "api-confirmed"),
        answer("intake", "mailhost", state="overdue", history=[failed, failed]),
        answer("requests"),
    ]
    return {
        "id": DECISION,
        "kind": "erasure",
        "issuer": "requests",
        "decided_at": "2026-11-18T09:00:00.000000Z",
        "decided_by": "anna",
        "ground": "art. 17 AVG",
        "state": "open",
        "closed_at": None,
        "expected": len(answers),
        "answered": 7,
        "overdue": 1,
        "registered_at": "2026-11-18T09:00:01.000000Z",
        "sha256": "cd" * 32,
        "case": CASE,
        "reported_by": None,
        "records": [{"service": "intake", "category": "contact-forms", "id": FORM}],
        "retained": [kept | {"until": None}],
        "answers": answers,
        **said,
    }


def closure(**said: Any) -> dict[str, Any]:
    """Return a proposal to close the answer of the mail host."""
    return {
        "id": CLOSURE,
        "decision": DECISION,
        "service": "intake",
        "processor": "mailhost",
        "action": "erasure",
        "reason": "bankrupt",
        "proposed_by": "privacy-coordinator",
        "proposed_at": "2026-11-21T09:00:00.000000Z",
        "confirmed_by": None,
        "confirmed_at": None,
        **said,
    }


def case(state: str = "received", **said: Any) -> dict[str, Any]:
    """Return a rights request."""
    return {
        "id": CASE,
        "reference": "W-2026-7KQ4-M2XA",
        "kind": "erasure",
        "state": state,
        "outcome": None,
        "clock": {
            "received_on": "2026-11-10",
            "due_on": "2026-12-10",
            "target_on": "2026-11-20",
            "days_left": 18,
            "extended_on": None,
            "paused_on": None,
            "breached_on": None,
        },
        "channel": "form",
        "language": "nl",
        "entered_at": "2026-11-10T10:00:00Z",
        "entered_by": None,
        "contact": {"name": "Jo <b>Test</b>", "email": "jo@example.nl", "phone": "+31201234567", "address": None},
        "message": "Graag alles wissen.\n<script>alert(1)</script>",
        "identity": [],
        "email_proved": False,
        "phone_proved": False,
        "inquiry": None,
        "decision": None,
        "letters": [],
        **said,
    }


def assessed(state: str = "assessed", **said: Any) -> dict[str, Any]:
    """Return a request that is ready for a decision."""
    check = {"method": "counter", "document_type": "passport", "outcome": "verified", "reason": None}
    found = [("intake", "contact-forms", FORM), ("dossier", "invoices", INVOICE)]
    return case(
        state,
        identity=[check | {"checked_by": "bea", "checked_at": "2026-11-11T10:00:00Z"}],
        email_proved=True,
        inquiry={
            "decision": DECISION,
            "complete": True,
            "services": [{"service": name, "outcome": "done", "answered": True} for name in ("intake", "dossier")],
            "candidates": [
                {"service": service, "category": category, "id": record, "found": True, "confirmed": None}
                for service, category, record in found
            ],
        },
        **said,
    )


class RefusalError(Exception):
    """What the service answers instead: a status and a problem."""

    def __init__(self, status: int, detail: str, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = {"type": "/problems/x", "title": "x", "status": status, "detail": detail}
        if errors:
            self.problem["errors"] = errors


@dataclass
class FakeRequests:
    """The service: what it knows, what it was asked, and a refusal it gives to the next act."""

    roster: Roster
    decisions: list[dict[str, Any]] = field(default_factory=lambda: [decision()])
    cases: list[dict[str, Any]] = field(default_factory=lambda: [case()])
    closures: list[dict[str, Any]] = field(default_factory=list)
    editions: dict[str, Any] = field(default_factory=lambda: {"items": []})
    drafts: dict[str, Any] = field(default_factory=lambda: {"items": [], "minutes": 1})
    proof: bytes = b'{"proof": 1}'
    refusal: RefusalError | None = None
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    callers: list[Principal] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    versions: list[str | None] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one call."""
        try:
            status, content = 200, self._answer(environ)
        except RefusalError as refusal:
            status, content = refusal.status, refusal.problem
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = [("Content-Type", "application/json"), ("ETag", '"3"'), ("Content-Length", str(len(body)))]
        start_response(f"{status} x", headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> Any:
        method, (service, path) = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/").split("/v1/")
        query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
        self._admit(environ, service, path)
        if method == "GET" and service == "newsletter":
            return {"editions": self.editions, "editions/drafts": self.drafts}[path]
        self.asked.append((method, path, body or query))
        parts = path.split("/")
        if method == "POST" and path != "decisions/search":
            self.versions.append(environ.get("HTTP_IF_MATCH"))
            if self.refusal:
                raise self.refusal
            return {}
        if path == "decisions/search":
            return self._searched(body, query)
        if path == "requests":
            return {"items": [each for each in self.cases if each["state"] == query["state"]], "next": None}
        known = {each["id"]: each for each in (*self.decisions, *self.cases)}
        if parts[1] not in known:
            raise RefusalError(404, "No such thing.")
        return self._part(parts[2]) if parts[2:] else known[parts[1]]

    def _searched(self, body: dict[str, Any], query: dict[str, str]) -> Any:
        found = [each for each in self.decisions if not body.get("state") or self._is(each, body["state"])]
        if "cursor" in query:
            return {"items": found[-1:], "next": None}
        return {"items": found[:25], "next": "more" if len(found) > 25 else None}

    def _part(self, name: str) -> Any:
        written = {"id": LETTER, "kind": "refusal", "written_at": "2026-11-12T10:00:00Z", "subject": "Je verzoek"}
        return {
            "closures": {"items": self.closures, "next": None},
            "proof": self.proof,
            "letters": written | {"text": "Geachte <i>Jo</i>,\nNee."},
        }[name]

    def _admit(self, environ: dict[str, Any], service: str, path: str) -> None:
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        try:
            caller = verify_token(token, audience=service, roster=self.roster, now=system_clock())
        except UnauthenticatedError as error:
            raise RefusalError(401, error.detail) from error
        self.callers.append(caller)
        self.languages.append(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        what = next(part for part in reversed(path.split("/")) if part in READERS)
        if not READERS[what] & caller.roles:
            raise RefusalError(403, "Je rol mag dit niet.")

    def _is(self, found: dict[str, Any], state: str) -> bool:
        return found["overdue"] > 0 if state == "overdue" else found["state"] == state


class Quiet(WSGIRequestHandler):
    """Writes no lines to the terminal."""

    def log_message(self, *_: Any) -> None:
        pass


class Threads(ThreadingMixIn, WSGIServer):
    """Answers several calls at once."""

    daemon_threads = True


class Served:
    """An app on a port of its own, until it is stopped; of the fake, or of the console itself."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self._server = make_server("127.0.0.1", port, app, server_class=Threads, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Be down: connections are refused from now on."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
