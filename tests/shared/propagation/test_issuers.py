"""Signatures are remembered within a process: what held once says nothing of any other bytes or signature."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from shared.messaging import envelope as envelopes
from shared.messaging.applier import ForgedEventError
from shared.propagation.issuers import RosterVerifier
from tests.kit.post import Post, tampered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.messaging.outbox import StoredEvent


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """Two services of which one hears the other."""
    made = Post(tmp_path)
    yield made
    made.close()


@pytest.fixture
def check(post: Post) -> Callable[[StoredEvent, str], None]:
    """Check an event under a signature, as the applier does."""
    verifier = RosterVerifier(post.tools.roster)

    def checking(event: StoredEvent, signature: str) -> None:
        envelope = envelopes.read(event.body)
        verifier.check(envelope, envelopes.read_event(envelope), event, base64.b64decode(signature))

    return checking


def test_a_signature_that_held_holds_again_and_for_the_same_bytes_only(
    post: Post, check: Callable[[StoredEvent, str], None]
) -> None:
    """Neither another text under it, nor the same text under another's."""
    right, other = post.form("form-a"), post.form("form-b")
    for _ in range(2):
        check(right, right.signature)
        for event, signature in (
            (tampered(right, "form-a", "form-b"), right.signature),
            (right, other.signature),
        ):
            with pytest.raises(ForgedEventError):
                check(event, signature)
