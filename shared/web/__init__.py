"""HTTP, once for all services: what a route declares, and nothing else, decides how it is served.

A service's ``api`` module declares routes; neither it nor its actions know Flask or a status::

    from shared.web import FORM, JSON, MULTIPART, PUBLIC, HTML, Answer, Answers, Api, Call, Page, Redirect, Staff

    api = Api("subscriptions")                      # rules stand below /newsletter; Api(..., at_root=True) at /

    @api.post("/v1/subscriptions", who=PUBLIC, body=SignUpSchema, media=(JSON, FORM, MULTIPART),
              answers=Answers(202, AcceptedSchema), form=show_form, limit="20/minute")
    def sign_up(call: Call) -> Answer | Redirect:
        with call.transaction() as session:
            reference = actions.sign_up(session, call.tools, call.body, now=call.now)
        return Redirect(site) if call.wants_page else Answer({"reference": reference})

    @api.get("/v1/decisions/<decision_id>", who=Staff("privacy-coordinator", "fg"),
             answers=Answers(200, DecisionSchema))
    def show_decision(call: Call) -> Answer:
        with call.tools.database.reading() as session:
            decision = records.decision(session, call.path["decision_id"])    # raises NotFoundError
        return Answer(decision, etag=str(decision.version))

Who       ``PUBLIC``, ``Staff("physician", "tool")``, ``SERVICES``; ``PUBLIC | Staff("front-desk")`` where a token
          is welcome and not needed (``call.visitor`` is then a Principal or None). A route without ``who`` or
          ``answers`` fails at import. A tool's ``On-Behalf-Of`` and ``Purpose`` are on ``call.principal``.
In        ``call.body`` and ``call.query`` went through marshmallow; unknown and repeated fields are refused. An empty
          field of a browser's form counts as absent. ``body=RAW``: ``call.raw``. Also ``call.path``, ``call.headers``,
          ``call.now``, ``call.language``, ``call.tools``, ``call.traceparent``.
Out       ``Answer(body, location=, etag=)`` through the answer schema, ``Page("newsletter/confirm.html", {...})`` with
          ``answers=Answers(200, media=HTML)``, ``Redirect(address)`` (303), ``Document(bytes, media)``.
Errors    Raise from shared.errors; each has its status and problem type. A detail or a message that people read
          may be ``Both("Nederlands", "English")``. ``form=show_form`` names the GET view that shows the form: when a
          browser's form fails, its page comes back with ``typed``, ``errors`` and ``problem`` filled in.
Sites     ``sites=True``: forms of the clinic's websites come here, from pages of other origins (CORS) or passed on and
          signed by a site's server; ``call.site``, and ``form_tokens.filled_in(call)`` in place of a cookie;
          ``proof_of_work.was_done(call)`` where a site asks browsers for work.
Once      ``idempotent=True`` honours Idempotency-Key: ``return call.keep(Answer(...))`` inside
          ``with call.transaction()`` stores the answer with the effect; the answer may hold references only.
Edits     ``call.require_match(str(row.version))`` in the transaction: 428 without If-Match, 412 on another version.
Lists     ``query=PageQuerySchema``, ``answers=Answers(200, DECISIONS)`` where ``DECISIONS = list_of(DecisionSchema)``;
          fetch ``call.size + 1`` rows after ``call.after``, then
          ``return Answer(call.listing(rows, position=lambda row: [utc_text(row.made_at), row.id]))``.
Pages     extend "web/page.html" and use "web/fields.html"; ``{{ say("Nederlands", "English") }}``.

``services.<name>.app`` puts a service on an app: ``build_app([Mount(name=..., tools=..., apis=[api], ...)])`` from
``shared.web.app`` and ``shared.web.mounts``; the embedded origin hands in several mounts. Nothing
imported here loads Flask or Werkzeug, so that workers and migrations may know ``shared.web.tables``.
"""

from shared.web import attempts, form_schemas, form_tokens, proof_of_work
from shared.web.calls import Answer, Call, Document, Page, Redirect, Reply
from shared.web.paging import PageQuerySchema, list_of
from shared.web.routes import FORM, HTML, JSON, MULTIPART, RAW, Answers, Api
from shared.web.shapes import (
    STATEMENT_VERSION,
    EmailField,
    FileField,
    PhoneField,
    TimeField,
    Upload,
    check_one_line,
)
from shared.web.who import PUBLIC, SERVICES, Staff
from shared.wording import Both

__all__ = [
    "FORM",
    "HTML",
    "JSON",
    "MULTIPART",
    "PUBLIC",
    "RAW",
    "SERVICES",
    "STATEMENT_VERSION",
    "Answer",
    "Answers",
    "Api",
    "Both",
    "Call",
    "Document",
    "EmailField",
    "FileField",
    "Page",
    "PageQuerySchema",
    "PhoneField",
    "Redirect",
    "Reply",
    "Staff",
    "TimeField",
    "Upload",
    "attempts",
    "check_one_line",
    "form_schemas",
    "form_tokens",
    "list_of",
    "proof_of_work",
]
