"""A clinic whose website host gives no answer."""

from __future__ import annotations

import pytest

from tests.services.requests.ledger.closings import let_it_be_overdue, silence


@pytest.fixture
def webhuis(clinic):
    """The website host, gone silent."""
    return silence(clinic)


@pytest.fixture
def overdue(clinic, webhuis) -> str:
    """A decision that everybody carried out but the website host, which is late."""
    return let_it_be_overdue(clinic)
