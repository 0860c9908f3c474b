"""Checking a proof from its file alone: the roster, every signature, the chain, and what answers what."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec

from shared.errors import IntegrityError, MalformedBodyError
from shared.events import UNCONFIRMED, AnswerClosed, Decision, Moment, ReceiptIssued, kind_of
from shared.messaging import envelope as envelopes
from shared.messaging.envelope import Envelope, UnreadableEventError
from shared.propagation import chain
from shared.propagation.issuers import ISSUERS, LEDGER
from shared.propagation.verdict import Verdict, cannot_show, finding_of
from shared.roster import Roster
from shared.signing import fingerprint_of, has_fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.propagation.verdict import Word


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the decision's own entries on the chain."""

    recorded_at: Moment
    body: str
    signature: str
    key_id: str


class Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The chain from the decision's first entry to its head; other entries are digests."""

    before: str
    first: int
    links: list[Link | str]
    head: str


class ProofFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that ``discreet proof`` writes."""

    format: Literal["discreet-proof-v1"]
    mode: Literal["trial", "live"]
    made_at: Moment
    decision: str
    root: str
    roster: str
    roster_signature: str
    processors: dict[str, str]
    chain: Chain


def verify(content: bytes, root_fingerprint: str | None = None) -> Verdict:
    """Check a proof: the roster against its root, every signature against the roster, and the chain.

    ``root_fingerprint`` is the clinic's, learnt elsewhere; without it the file only proves that it is
    consistent with the root key it carries. Raises MalformedBodyError for what is no proof file and
    IntegrityError that names what does not hold.
    """
    try:
        proof = msgspec.json.decode(content, type=ProofFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBodyError("this is not a proof file of a version this program knows") from error
    root = _bytes(proof.root)
    if root_fingerprint is not None and not has_fingerprint(root, root_fingerprint):
        raise IntegrityError("the proof was made under another root key than the one given")
    roster = Roster.verified(proof.roster.encode(), [_bytes(proof.roster_signature)], root)
    _check_chain(proof.chain)
    links = [link for link in proof.chain.links if isinstance(link, Link)]
    decision, kind, digest = _decision(proof, roster, links)
    words = [_word(roster, link, decision, digest) for link in links if kind_of(_envelope(link).type) is None]
    findings = [finding_of(expected, words) for expected in decision.expected]
    return Verdict(
        decision=decision,
        kind=kind,
        mode=proof.mode,
        root_fingerprint=fingerprint_of(root),
        origin_checked=root_fingerprint is not None,
        head=proof.chain.head,
        head_seq=proof.chain.first + len(proof.chain.links) - 1,
        findings=findings,
        cannot_show=tuple(cannot_show(findings, origin_checked=root_fingerprint is not None)),
    )


def _check_chain(links: Chain) -> None:
    current = links.before
    for seq, link in enumerate(links.links, start=links.first):
        if isinstance(link, Link):
            digest = chain.entry_digest(
                seq=seq, recorded_at=link.recorded_at, body=link.body, signature=link.signature, key_id=link.key_id
            )
        else:
            digest = link
        current = chain.link(current, digest)
    if current != links.head:
        raise IntegrityError("the entries do not lead to the head of the chain: something was changed or left out")


def _decision(proof: ProofFile, roster: Roster, links: Sequence[Link]) -> tuple[Decision, str, str]:
    found = [(link, _envelope(link)) for link in links if kind_of(_envelope(link).type) is not None]
    if len(found) != 1:
        raise IntegrityError("the proof must hold exactly one decision")
    link, envelope = found[0]
    _check_signature(roster, link, envelope)
    kind, event = kind_of(envelope.type) or "", _event(envelope)
    if not isinstance(event, Decision) or proof.decision not in (event.decision, envelope.decisionid):
        raise IntegrityError("the decision in the proof is not the one it says it is about")
    if event.issuer != envelope.service or kind not in ISSUERS.get(envelope.service, ()):
        raise IntegrityError("the decision's issuer may not order this")
    return event, kind, envelopes.digest(link.body)


def _word(roster: Roster, link: Link, decision: Decision, digest: str) -> Word:
    envelope = _envelope(link)
    _check_signature(roster, link, envelope)
    word = _event(envelope)
    if isinstance(word, ReceiptIssued):
        _check_receipt(word, envelope)
    elif isinstance(word, AnswerClosed):
        _check_closing(word, envelope)
    else:
        raise IntegrityError("an entry is neither a receipt nor the closing of an answer")
    if (word.decision, word.decision_sha256) != (decision.decision, digest):
        raise IntegrityError("a receipt answers another decision, or another text of it")
    return word


def _check_receipt(receipt: ReceiptIssued, envelope: Envelope) -> None:
    if receipt.service != envelope.service or receipt.outcome == UNCONFIRMED:
        raise IntegrityError("an entry is not a receipt of the service that signed it")
    evidence = receipt.evidence
    if evidence is not None and hashlib.sha256(evidence.document.encode()).hexdigest() != evidence.digest:
        raise IntegrityError("a receipt's evidence does not have the digest it states")


def _check_closing(closing: AnswerClosed, envelope: Envelope) -> None:
    if envelope.service != LEDGER:
        raise IntegrityError("an answer was closed by a service that may not do so")
    if closing.proposed_by.casefold() == closing.confirmed_by.casefold():
        raise IntegrityError("an answer was closed by one person; it takes two")


def _check_signature(roster: Roster, link: Link, envelope: Envelope) -> None:
    key = roster.events_key_of(envelope.service, link.key_id, envelope.time)
    if key is None or not key.verifies(_bytes(link.signature), link.body.encode()):
        raise IntegrityError(f"the signature of the {envelope.service} service does not hold")


def _envelope(link: Link) -> Envelope:
    try:
        return envelopes.read(link.body)
    except UnreadableEventError as error:
        raise IntegrityError("an entry of the proof is not an event") from error


def _event(envelope: Envelope) -> object:
    try:
        return envelopes.read_event(envelope)
    except UnreadableEventError as error:
        raise IntegrityError("an entry of the proof is not an event of this catalogue") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise MalformedBodyError("the proof holds something that is not base64") from error
