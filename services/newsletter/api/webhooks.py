"""What the e-mail programme posts to us."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from services.newsletter import programmes
from services.newsletter.actions import told
from shared.errors import MalformedBodyError, NotFoundError, UnauthenticatedError
from shared.web import PUBLIC, RAW, Answers, Api, Call, Document

if TYPE_CHECKING:
    from services.newsletter.processors.interface import TellingProvider

_log = logging.getLogger(__name__)
TEXT = "text/plain; charset=utf-8"
WEBHOOK_BYTES = 8_000_000  # a thousand events with every custom field a list can have

api = Api("newsletter-webhooks")


@api.get("/v1/webhooks/<processor>/<secret>", who=PUBLIC, answers=Answers(200, media=TEXT))
def greet_programme(call: Call) -> Document:
    """Answer a programme that looks whether the address is there, without asking it for the secret."""
    if not _provider(call).handshake():
        raise NotFoundError
    return Document(b"ok\n", TEXT)


@api.post(
    "/v1/webhooks/<processor>/<secret>",
    who=PUBLIC,
    answers=Answers(200, media=TEXT),
    body=RAW,
    max_bytes=WEBHOOK_BYTES,
    never_redirect=True,
    while_restoring=True,
)
def hear_programme(call: Call) -> Document:
    """Keep what a programme tells; a failure of ours has the status that makes it tell again."""
    provider = _provider(call)
    try:
        _hear(call, provider)
    except (UnauthenticatedError, MalformedBodyError):
        raise
    except Exception:  # noqa: BLE001 - whatever it is, it is ours, and the programme must tell again
        _log.exception("a webhook failed")
        return Document(b"", TEXT, status=provider.failure_status)
    return Document(b"ok\n", TEXT)


def _provider(call: Call) -> TellingProvider:
    return programmes.telling_of(programmes.find(call.tools.register, call.path["processor"]))


def _hear(call: Call, provider: TellingProvider) -> None:
    proofs = provider.verify(dict(call.headers), call.raw, url_secret=call.path["secret"], now=call.now)
    kept = told.prepare(call.tools, call.path["processor"], proofs, provider.parse(call.raw), now=call.now)
    with call.transaction() as session:
        told.keep(session, kept, now=call.now)
