"""What the edge answers for a service that does not: a provider's webhook is told to come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers.kept import free_port
from tests.servers.mail import make_certificate
from tests.servers.nginx import Edge


@pytest.fixture
def lonely_edge(tmp_path: Path) -> Iterator[str]:
    """Run the edge that we ship, behind which nobody listens; yields its origin."""
    edge = Edge(make_certificate(tmp_path).path)
    nobody = f"127.0.0.1:{free_port()}"
    try:
        edge.start(dict.fromkeys(("intake", "dossier", "newsletter", "requests", "console"), nobody))
        yield f"http://127.0.0.1:{edge.ports['http']}"
    finally:
        edge.close()


def test_a_webhook_is_answered_so_that_every_provider_tells_again(lonely_edge: str) -> None:
    """Brevo drops what is answered with a 502, as when the newsletter is being restarted."""
    answer = requests.post(f"{lonely_edge}/newsletter/v1/webhooks/brevo/geheim", data=b"{}", timeout=10)
    assert answer.status_code == 429


def test_whoever_else_calls_hears_that_nobody_answers(lonely_edge: str) -> None:
    """A visitor has to see that the form was not taken."""
    answer = requests.post(f"{lonely_edge}/newsletter/v1/subscriptions", data=b"{}", timeout=10)
    assert answer.status_code == 502
