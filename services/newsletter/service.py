"""The newsletter without its web side."""

from __future__ import annotations

from services.newsletter import programmes
from services.newsletter.handlers import HANDLERS
from services.newsletter.holdings import HOLDINGS
from services.newsletter.jobs import JOBS
from services.newsletter.records import Base
from shared.service import Service

SERVICE = Service(
    name="newsletter",
    metadata=Base.metadata,
    handlers=HANDLERS,
    holdings=HOLDINGS,
    adapters=dict.fromkeys(programmes.PROGRAMMES, programmes.adapter_of),
    jobs=JOBS,
)
