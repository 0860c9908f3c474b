"""A proof holds by itself, and anything changed in it shows."""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.requests.ledger import views
from services.requests.ledger.proof import build_proof
from shared.errors import IntegrityError, MalformedBodyError, NotFoundError
from shared.events import ReceiptIssued
from shared.keys.store import KeyStore
from shared.propagation.proof import verify
from shared.signing import fingerprint_of
from tests.services.requests.ledger.test_ledger import decide, installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kit.installation import Installation

__all__ = ["installation"]


@pytest.fixture
def proof(installation: Installation) -> dict[str, Any]:
    """The proof of one closed decision, with another decision's entries around it on the chain."""
    decide(installation)
    installation.settle()
    decision = decide(installation)
    installation.settle()
    decide(installation)
    installation.settle()
    tools = installation.tools["requests"]
    with tools.database.reading() as session:
        return build_proof(session, tools, decision, installation.clock())


def encoded(proof: dict[str, Any]) -> bytes:
    """Return the file's bytes."""
    return json.dumps(proof).encode()


def own_links(proof: dict[str, Any]) -> list[dict[str, str]]:
    """Return the decision's own entries."""
    return [link for link in proof["chain"]["links"] if isinstance(link, dict)]


def test_a_proof_shows_every_expected_answer_with_its_evidence(proof: dict[str, Any]) -> None:
    """Four own stores counted again; processors that had nothing were not addressed."""
    verdict = verify(encoded(proof))
    assert verdict.complete
    assert {finding.evidence for finding in verdict.findings if finding.processor is None} == {"recounted"}
    assert {finding.outcome for finding in verdict.findings if finding.processor} == {"not-addressed"}
    assert verdict.mode == "trial"


def test_a_proof_says_what_it_cannot_show(proof: dict[str, Any]) -> None:
    """Without the clinic's fingerprint the origin is open, and each grade has its limit in words."""
    words = "\n".join(verify(encoded(proof)).cannot_show)
    assert "--root" in words
    assert "recounted" in words
    assert "not-addressed" in words


def test_the_origin_is_checked_against_a_fingerprint_learnt_elsewhere(
    proof: dict[str, Any], installation: Installation
) -> None:
    """The right one passes, another one is refused."""
    root = KeyStore(installation.settings.keys).root_public_key()
    assert verify(encoded(proof), fingerprint_of(root)).origin_checked
    with pytest.raises(IntegrityError, match="another root key"):
        verify(encoded(proof), "00" * 32)


def test_other_people_are_in_a_proof_as_digests_only(proof: dict[str, Any]) -> None:
    """Between and after the decision's own entries stand 64 hex digits each."""
    others = [link for link in proof["chain"]["links"] if isinstance(link, str)]
    assert len(others) == 10
    assert all(len(link) == 64 for link in others)


def _change_body(proof: dict[str, Any]) -> None:
    link = own_links(proof)[0]
    link["body"] = link["body"].replace('"ground":"request"', '"ground":"reQuest"')


def _change_outcome(proof: dict[str, Any]) -> None:
    link = next(each for each in own_links(proof) if "nothing-held" in each["body"])
    link["body"] = link["body"].replace("nothing-held", "done")


def _drop_a_receipt(proof: dict[str, Any]) -> None:
    proof["chain"]["links"].remove(own_links(proof)[-1])


def _change_the_time(proof: dict[str, Any]) -> None:
    own_links(proof)[1]["recorded_at"] = "2020-01-01T00:00:00.000000Z"


def _change_the_roster(proof: dict[str, Any]) -> None:
    proof["roster"] = proof["roster"].replace('"holder": "newsletter"', '"holder": "dossier"', 1)


def _another_root(proof: dict[str, Any]) -> None:
    proof["root"] = "A" * 43 + "="


@pytest.mark.parametrize(
    "change",
    [_change_body, _change_outcome, _drop_a_receipt, _change_the_time, _change_the_roster, _another_root],
    ids=lambda change: change.__name__.strip("_"),
)
def test_whatever_is_changed_shows(proof: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> None:
    """A changed word, a changed outcome, a missing receipt, another time, another holder, another root."""
    before = encoded(proof)
    change(proof)
    assert encoded(proof) != before
    with pytest.raises(IntegrityError):
        verify(encoded(proof))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format":"discreet-proof-v2"}'])
def test_what_is_no_proof_is_said_to_be_none(content: bytes) -> None:
    """An empty file, another file, another version."""
    with pytest.raises(MalformedBodyError):
        verify(content)


def test_nobody_gets_a_proof_of_a_decision_that_never_was(installation: Installation) -> None:
    """The answer is that it is not known, not an empty proof."""
    tools = installation.tools["requests"]
    with tools.database.reading() as session, pytest.raises(NotFoundError):
        build_proof(session, tools, "nothing", installation.clock())


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _leaves(child, (*path, key))


STRANGE = [None, "", "ß", "A" * 43 + "=", "\ud800", 7, -1, 2**70, True, [], {}, [[]], "2026-11-02T09:00:00", "x" * 200]


def test_whatever_else_it_holds_a_proof_is_refused_in_words(proof: dict[str, Any]) -> None:
    """Anything put anywhere, or left out: one of two errors with a sentence, and never a traceback."""
    for path in _leaves(proof):
        for strange in (*STRANGE, "left out"):
            changed = json.loads(encoded(proof))
            node = changed
            for key in path[:-1]:
                node = node[key]
            if strange == "left out":
                del node[path[-1]]
            else:
                node[path[-1]] = strange
            with suppress(IntegrityError, MalformedBodyError):
                verify(json.dumps(changed).encode())


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"format":' * 50_000])
def test_a_file_that_is_nested_without_end_is_no_proof(content: bytes) -> None:
    """Nor is it a reason to fall over."""
    with pytest.raises(MalformedBodyError):
        verify(content)


def test_a_receipt_for_another_text_that_came_before_its_decision_spoils_nothing(installation: Installation) -> None:
    """It waited on the chain for its decision: it does not count, nor is it in the proof, which would be refused."""
    decision = str(uuid.uuid4())
    dossier = installation.tools["dossier"]
    stray = ReceiptIssued(
        decision=decision,
        decision_sha256="0" * 64,
        service="dossier",
        processor=None,
        action="erasure",
        outcome="refused",
        acted_at=installation.clock() + timedelta(days=1),
    )
    with dossier.database.transaction() as session:
        dossier.outbox.publish(session, stray, now=installation.clock())
    installation.settle()
    decide(installation, decision)
    installation.settle()
    tools = installation.tools["requests"]
    with tools.database.reading() as session:
        verdict = verify(encoded(build_proof(session, tools, decision, installation.clock())))
        shown = views.detail(session, decision, tools.register, installation.clock())
    assert verdict.complete
    assert {finding.outcome for finding in verdict.findings if finding.processor is None} == {"nothing-held"}
    assert "refused" not in {answer["outcome"] for answer in shown["answers"]}
